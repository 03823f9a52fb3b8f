import type { Duplex } from 'node:stream'

import type { Exit } from '../failures.ts'
import { exitOfWrapper } from './exits.ts'
import type { EnvironmentSpec, Member, ShutdownSignal } from './protocol.ts'

/** What starts extensions before the runtime: one of the programs under /var/runtime. */
export const SUPERVISOR = 'supervisor.sh'

/** One line of news is a few words; a sandbox that sends more says nothing. */
const NEWS_LIMIT_CHARS = 4_096

/** How the members of a sandbox end, each by itself. */
export interface Supervision {
  ended(member: Member, exit: Exit): void
}

/** Whether a sandbox holds more than its runtime, and so a shell that starts each and tells how it ended. */
export function isSupervised(spec: EnvironmentSpec): boolean {
  return spec.extensions.length > 0
}

/** A line that has a shell set a variable for what it starts (bootstraps/variables.sh). */
export function variableOrder(name: string, value: string): string {
  return `v ${`${name}=${value}`.replaceAll('\\', '\\\\').replaceAll('\n', '\\n')}\n`
}

/**
 * Our end of the shell that starts extensions and runtime (bootstraps/supervisor.sh). What it tells comes from within the
 * sandbox: it is read as a few fixed words, and process ids go back to it and nowhere else.
 */
export class Supervisor {
  readonly #control: Duplex
  readonly #supervision: Supervision
  readonly #spec: EnvironmentSpec
  readonly #variables: Readonly<Record<string, string>>
  readonly #pids = new Map<string, number>()
  #rest = ''

  constructor(
    control: Duplex,
    started: {
      readonly spec: EnvironmentSpec
      readonly variables: Readonly<Record<string, string>>
      /** Where an extension lies, as the shell sees it. */
      readonly path: (sandboxPath: string) => string
      readonly supervision: Supervision
    },
  ) {
    this.#control = control
    this.#spec = started.spec
    this.#variables = started.variables
    this.#supervision = started.supervision
    control.on('error', () => undefined)
    control.on('data', (chunk: Buffer) => this.#take(chunk.toString('latin1')))
    const hidden = new Set(started.spec.runtimeOnly)
    this.#set(([name]) => !hidden.has(name))
    for (const [index, path] of started.spec.extensions.entries())
      control.write(`x ${index} ${started.path(path)}\n`)
  }

  /** Every extension has registered: the runtime starts. */
  runRuntime(): void {
    const only = new Set(this.#spec.runtimeOnly)
    this.#set(([name]) => only.has(name))
    this.#control.write('r\n')
  }

  signal(member: Member, signal: ShutdownSignal): void {
    const pid = this.#pids.get(member === 'runtime' ? 'r' : String(member))
    if (pid !== undefined) this.#control.write(`k ${signal.slice(3)} ${pid}\n`)
  }

  #set(which: (entry: [string, string]) => boolean): void {
    for (const [name, value] of Object.entries(this.#variables).filter(which))
      this.#control.write(variableOrder(name, value))
  }

  #take(text: string): void {
    const lines = (this.#rest + text).slice(-NEWS_LIMIT_CHARS).split('\n')
    this.#rest = lines.pop() ?? ''
    for (const line of lines) {
      const [, what, name, number] = /^([pe]) (r|\d{1,2}) (\d{1,9})$/.exec(line) ?? []
      if (name === undefined || number === undefined) continue
      if (what === 'p') this.#pids.set(name, Number(number))
      else {
        this.#pids.delete(name)
        const member = name === 'r' ? 'runtime' : Number(name)
        this.#supervision.ended(member, exitOfWrapper(Number(number), null, false))
      }
    }
  }
}
