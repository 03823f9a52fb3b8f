import { spawn } from 'node:child_process'
import { statSync } from 'node:fs'
import { createConnection } from 'node:net'
import { basename, dirname, join } from 'node:path'
import type { Duplex } from 'node:stream'

import { LANG_DIR, OPT_ROOT, RUNTIME_DIR, TASK_ROOT } from '../environment-variables.ts'
import type { Exit } from '../failures.ts'
import { shownInterpreters } from '../interpreters.ts'
import { joinSockets } from '../join-sockets.ts'
import type { Capability } from '../options.ts'
import type { ApiProxy } from './api-proxy.ts'
import type { IsolationDriver, Sandbox, Wires } from './driver.ts'
import { CONTROL } from './maker.ts'
import { HELLO_ACK, type EnvironmentSpec, type SpawnerConfig } from './protocol.ts'
import { killAllOf, Slots, type Slot } from './slots.ts'
import type { Stage } from './stage.ts'
import { isSupervised, Supervisor, type Supervision } from './supervisor.ts'
import type { Uids } from './uids.ts'
import { installationOf, sandboxCommand } from './view.ts'

export interface ProcessParts {
  readonly config: SpawnerConfig
  readonly stage: Stage
  readonly uids: Uids | undefined
  readonly apiProxy: ApiProxy
}

/**
 * No sandbox: an ordinary child process, so that the first command works on any machine. As root it drops to a uid of
 * its own (RULES §8), which keeps it from the data directory; it sees the host, its network and its other processes.
 */
export class ProcessDriver implements IsolationDriver {
  readonly name = 'process'
  readonly #parts: ProcessParts
  readonly #slots: Slots
  /** Where environments find an interpreter whose own directory is closed to their uid: path → directory shown instead. */
  readonly #languages = new Map<string, string>()

  constructor(parts: ProcessParts) {
    this.#parts = parts
    this.#slots = new Slots({ ...parts, cgroups: undefined })
  }

  async probe(): Promise<Capability> {
    await this.#openInterpreters()
    const missing = ['namespaces', 'seccomp', 'memory limit', 'pids limit', 'sized /tmp', 'freezer']
    if (this.#parts.uids === undefined) missing.push('own uid per environment (not root)')
    const able = { freezer: false, customRuntimes: true, prewarming: false }
    return { driver: 'process', isolation: 'none', missing, ...able }
  }

  async start(spec: EnvironmentSpec, wires: Wires, supervision: Supervision): Promise<Sandbox> {
    const { stage, apiProxy } = this.#parts
    if (spec.codeDir === undefined) throw new Error('code cannot come late here')
    const slot = await this.#slots.take(spec)
    const task = await stage.tree(spec.codeDir)
    const opt = spec.layerDirs.length === 0 ? undefined : await stage.layers(spec.layerDirs)
    const views = opt === undefined ? [task] : [task, opt]
    const map = this.#mapper(spec, slot, { task, opt })
    const api = spec.api ? await apiProxy.openOnHost(spec) : undefined
    const [file = '', ...args] = sandboxCommand(spec).map(map)
    const variables = environmentOf(spec, map, slot, api)
    const supervised = isSupervised(spec)
    const identity = slot.uid === undefined ? {} : { uid: slot.uid, gid: slot.uid }
    const child = spawn(file, args, {
      stdio: [
        ...(['ignore', wires.output, wires.output, wires.third ?? 'ignore'] as const),
        ...(wires.extensions === undefined ? [] : (['pipe', wires.extensions] as const)),
      ],
      env: supervised ? {} : variables,
      cwd: task,
      detached: true,
      ...identity,
    })
    const killGroup = (): void => {
      try {
        if (child.pid !== undefined) process.kill(-child.pid, 'SIGKILL')
      } catch {
        // the group is gone
      }
    }
    const exited = new Promise<Exit>((resolve) => {
      child.once('exit', (code, signal) => {
        resolve({ code: code ?? undefined, signal: signal ?? undefined, oom: false })
      })
      child.once('error', () => resolve({ code: 127, signal: undefined, oom: false }))
    }).then(async (exit) => {
      killGroup()
      // What left the group ends with the process too: a reset leaves nothing of the invocation before.
      if (slot.uid !== undefined) await killAllOf(slot.uid)
      await apiProxy.close(spec.id)
      for (const view of views) await stage.release(view)
      return exit
    })
    const supervisor = supervised
      ? new Supervisor(child.stdio[CONTROL] as Duplex, { spec, variables, path: map, supervision })
      : undefined
    return {
      exited,
      stop: killGroup,
      assign: () => Promise.reject(new Error('the environment has its code')),
      freeze: noop,
      thaw: noop,
      memoryMb: () => undefined,
      runRuntime: () => supervisor?.runRuntime(),
      signal: (member, signal) => {
        if (supervisor === undefined) child.kill(signal)
        else supervisor.signal(member, signal)
      },
      connect: (port, outside) => {
        const inside = createConnection(port, '127.0.0.1')
        inside.once('connect', () => outside.write(Buffer.of(HELLO_ACK)))
        joinSockets(inside, outside)
      },
    }
  }

  release(slot: string): Promise<void> {
    return this.#slots.release(slot)
  }

  /** Under /root or another closed directory (a version manager's, say) another uid could not even start it: exit 127. */
  async #openInterpreters(): Promise<void> {
    const { uids, stage, config } = this.#parts
    if (uids === undefined) return
    for (const { path } of config.interpreters.all) {
      const installation = installationOf(path)
      if (installation === undefined || isOpenToAll(path)) continue
      this.#languages.set(path, await stage.tree(installation))
    }
  }

  async close(): Promise<void> {
    await this.#slots.releaseAll()
  }

  /** Sandbox paths at the head of a path, or of each part of a search path, become the host's. */
  #mapper(
    spec: EnvironmentSpec,
    slot: Slot,
    { task, opt }: { readonly task: string; readonly opt: string | undefined },
  ): (text: string) => string {
    const shown = shownInterpreters(this.#parts.config.interpreters, spec.interpreter)
    const places: [string, string][] = [
      [TASK_ROOT, task],
      [OPT_ROOT, opt ?? `${slot.temporaryDir}/opt`],
      [RUNTIME_DIR, `${this.#parts.stage.ownDir}/runtime`],
      ...shown.map(([name, path]): [string, string] => {
        const opened = this.#languages.get(path)
        const found = opened === undefined ? path : join(opened, 'bin', basename(path))
        return [`${LANG_DIR}/bin/${name}`, found]
      }),
    ]
    const one = (part: string): string => {
      const place = places.find(([from]) => part === from || part.startsWith(`${from}/`))
      return place === undefined ? part : place[1] + part.slice(place[0].length)
    }
    return (text) => text.split(':').map(one).join(':')
  }
}

/** Whether every directory down to a program, and the program itself, may be entered and run by any user. */
function isOpenToAll(path: string): boolean {
  const parent = dirname(path)
  return (statSync(path).mode & 0o001) !== 0 && (parent === path || isOpenToAll(parent))
}

function environmentOf(
  spec: EnvironmentSpec,
  map: (text: string) => string,
  slot: Slot,
  apiPort: number | undefined,
): Record<string, string> {
  const variables: Record<string, string> = {
    TMPDIR: slot.temporaryDir,
    ...spec.variables,
    LACRE_OPT_ROOT: map(OPT_ROOT),
  }
  for (const name of spec.platformPaths) variables[name] = map(variables[name] ?? '')
  if (apiPort !== undefined) variables['AWS_LAMBDA_RUNTIME_API'] = `127.0.0.1:${apiPort}`
  return variables
}

const noop = (): void => undefined
