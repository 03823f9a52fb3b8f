// What every probe of the sandbox is: an attack, how it must end inside, and the same attack outside, where it works.
import { execFile } from 'node:child_process'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'

import type { ReleaseSpec } from '../../../services/model/index.ts'
import type { Files, Outcome, RuntimeBench } from '../../support/runtime.ts'

const run = promisify(execFile)
const PYTHON = '/usr/bin/python3'
const OUTSIDE_TIMEOUT_MS = 60_000
const OUTPUT_LIMIT_BYTES = 256 << 20

/** What an attack is let loose on: all of it is there to be found, and none of it may be. */
export interface Ground {
  readonly bench: RuntimeBench
  /** A directory of the host, for the attack's counterpart. */
  readonly dir: string
  /** Reversed wherever it is handed to an attacker, so that he finds it nowhere but where it was kept. */
  readonly canary: string
  /** A listener on the host's loopback, as the service's own are, and one in the abstract namespace. */
  readonly port: number
  readonly abstract: string
  /** A process of the host whose environment holds the canary; started anew where it was killed. */
  victim(): { readonly pid: number; readonly alive: () => boolean }
}

/** Where this machine itself forbids an attack, it cannot be shown to work; that is told and no failure. */
export const UNSHOWN = Symbol('not to be shown on this machine')

export interface Probe {
  readonly name: string
  /** Lets it loose in the sandbox; answers what it got away with. */
  inside(ground: Ground): Promise<string | undefined>
  /** Whether the same attack does work outside. */
  outside(ground: Ground): Promise<boolean | typeof UNSHOWN>
}

export type Told = Readonly<Record<string, unknown>>

/** An attack in Python: `handler(event, context)` of `app.py` is run by the sandbox, and as root without one. */
export interface PythonAttack {
  readonly name: string
  readonly code: string
  readonly files?: Files
  readonly options?: Partial<Omit<ReleaseSpec, 'layers'>> & { readonly layers?: readonly Files[] }
  readonly event?: (ground: Ground) => object
  /** What differs for the run outside. */
  readonly outsideEvent?: (ground: Ground) => object
  /** What it got away with, of what it told or how it ended. */
  readonly escaped: (outcome: Outcome, ground: Ground) => string | undefined
  readonly works: (told: Told, ground: Ground) => boolean | typeof UNSHOWN
}

export function pythonProbe(attack: PythonAttack): Probe {
  const eventOf = (ground: Ground): object => attack.event?.(ground) ?? {}
  return {
    name: attack.name,
    async inside(ground) {
      const spec = await specOf(ground, { 'app.py': attack.code, ...attack.files }, attack.options)
      const outcome = await ground.bench.invoke(spec, eventOf(ground))
      await ground.bench.runtime.retire(spec.functionId, spec.version)
      return attack.escaped(outcome, ground)
    },
    async outside(ground) {
      const event = { ...eventOf(ground), ...attack.outsideEvent?.(ground) }
      return attack.works(await runOutside(ground, attack.code, event), ground)
    },
  }
}

export function specOf(
  ground: Ground,
  files: Files,
  options: PythonAttack['options'] = {},
): Promise<ReleaseSpec> {
  const python = { runtime: 'python3.11', handler: 'app.handler', timeoutSeconds: 30 }
  return ground.bench.spec(files, { ...python, ...options })
}

let runs = 0
/** As root, in a host name and mounts of its own, so that what works there harms nobody. */
export async function runOutside(ground: Ground, code: string, event: object): Promise<Told> {
  runs += 1
  const dir = join(ground.dir, `outside-${runs}`)
  mkdirSync(dir)
  const call = `\nimport sys as _s, json as _j\n_s.stderr.write(_j.dumps(handler(_j.loads(_s.argv[1]), None)))\n`
  writeFileSync(join(dir, 'app.py'), code + call)
  const args = ['--uts', '--mount', '--', PYTHON, 'app.py', JSON.stringify({ ...event, dir })]
  const options = { cwd: dir, timeout: OUTSIDE_TIMEOUT_MS, maxBuffer: OUTPUT_LIMIT_BYTES }
  const { stderr } = await run('unshare', args, options)
  return JSON.parse(stderr) as Told
}

/** What an attack told, where it told all; otherwise how it ended instead. */
export function toldBy(outcome: Outcome): Told {
  return outcome.functionError ? { ended: outcome.text } : (outcome.json as Told)
}

/** Names of what did not end as it has to. */
export function unlike(
  told: Told,
  held: (name: string, value: unknown) => boolean,
): string | undefined {
  const wrong = Object.entries(told).filter(([name, value]) => !held(name, value))
  if (Object.keys(told).length === 0) return 'nothing was tried'
  return wrong.length === 0 ? undefined : JSON.stringify(Object.fromEntries(wrong)).slice(0, 400)
}

export function isKilled(outcome: Outcome): boolean {
  return outcome.functionError && outcome.text.includes('signal: killed')
}

/** Python: `attempt(work)` is what it answers, or the name of the errno. */
export const ATTEMPT = `import errno, os
def attempt(work):
    try:
        result = work()
        return result if isinstance(result, (str, int, list, bool)) else "done"
    except OSError as e:
        return "ERR " + errno.errorcode.get(e.errno or 0, str(e))
    except Exception as e:
        return "ERR " + type(e).__name__
`

export function isRefused(value: unknown): boolean {
  return typeof value === 'string' && value.startsWith('ERR ')
}
