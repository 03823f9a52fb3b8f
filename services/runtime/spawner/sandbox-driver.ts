import { execFile } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { text } from 'node:stream/consumers'
import { promisify } from 'node:util'

import { sandboxVariables, TASK_ROOT } from '../environment-variables.ts'
import type { Exit } from '../failures.ts'
import type { Capability } from '../options.ts'
import type { ApiProxy } from './api-proxy.ts'
import type { Cgroups } from './cgroups.ts'
import type { IsolationDriver, Sandbox, Wires } from './driver.ts'
import { exitOfWrapper } from './exits.ts'
import { Relays } from './inside.ts'
import { PROGRAM_TIMEOUT_MS, type SandboxMaker, type SandboxProcess } from './maker.ts'
import type { EnvironmentSpec, ShutdownSignal, SpawnerConfig } from './protocol.ts'
import { SandboxCode } from './sandbox-code.ts'
import { UsageWatch, Slots, type Slot } from './slots.ts'
import type { Stage } from './stage.ts'
import { isSupervised, Supervisor, type Supervision } from './supervisor.ts'
import type { Uids } from './uids.ts'
import { installationOf, sandboxCommand, sandboxView, type Piece } from './view.ts'

const run = promisify(execFile)
/** What is kept of the reason for which a program makes no sandbox. */
const COMPLAINT_LIMIT_CHARS = 200
const PROBE_MEMORY_MB = 128

/** Prints what the kernel says of its sandbox, and ends when it sees code that was mounted later. */
const PROBE_LATE = `cat /proc/self/status; until [ -e ${TASK_ROOT}/node.mjs ]; do sleep 0.01; done`

/** A sandbox that prints what the kernel says of it. */
const PROBE: EnvironmentSpec = {
  id: 'probe',
  slot: 'probe',
  command: ['/bin/cat', '/proc/self/status'],
  variables: {},
  api: false,
  egress: false,
  extensions: [],
  runtimeOnly: [],
  platformPaths: [],
  wire: 'frames',
  codeDir: undefined,
  layerDirs: [],
  memoryMb: PROBE_MEMORY_MB,
  ephemeralMb: 1,
  tokens: { channel: '', output: '', extensions: '', records: '', api: '', egress: '' },
}

export interface SandboxParts {
  readonly maker: SandboxMaker
  readonly config: SpawnerConfig
  readonly stage: Stage
  readonly uids: Uids | undefined
  readonly cgroups: Cgroups | undefined
  readonly apiProxy: ApiProxy
  readonly onMemory: (id: string, memoryMb: number) => void
}

interface Launch {
  readonly spec: EnvironmentSpec
  readonly wires: Wires
  readonly supervision: Supervision
  readonly slot: Slot
  readonly view: readonly Piece[]
  readonly code: SandboxCode
  readonly opt: string | undefined
}

/** RULES §8: own uid, every namespace, no capability, seccomp, read-only root, nothing of the host, whatever makes it. */
export class SandboxDriver implements IsolationDriver {
  readonly name: SandboxMaker['name']
  readonly #parts: SandboxParts
  readonly #slots: Slots
  readonly #watch = new UsageWatch()
  readonly #languages = new Map<string, string>()

  constructor(parts: SandboxParts) {
    this.#parts = parts
    this.#slots = new Slots(parts)
    this.name = parts.maker.name
  }

  /** A real sandbox is started and asked what it sees. @throws where its program cannot run here at all */
  async probe(): Promise<Capability> {
    const { maker, cgroups, uids, config, stage } = this.#parts
    await maker.prepare()
    for (const { path } of config.interpreters.all) {
      const dir = installationOf(path)
      if (dir !== undefined) this.#languages.set(path, await stage.tree(dir))
    }
    const { status, late: prewarming } = await this.#probeStatus()
    if (status.get('CapEff') !== '0000000000000000') throw new Error('capabilities are left over')
    if (status.get('NoNewPrivs') !== '1') throw new Error('no_new_privs is not set')
    const missing: string[] = []
    if (status.get('Seccomp') !== '2') missing.push('seccomp')
    if (cgroups?.has('memory') !== true) missing.push('memory limit (no writable memory cgroup)')
    if (cgroups?.has('pids') !== true) missing.push('pids limit (no writable pids cgroup)')
    const isolation = missing.length === 0 ? 'full' : 'partial'
    if (cgroups?.has('cpu') !== true) missing.push('cpu limit (no writable cpu cgroup)')
    const freezer = cgroups?.has('freezer') === true
    if (!freezer) missing.push('freezer (no writable freezer cgroup)')
    if (uids === undefined) missing.push('own uid per environment (not root)')
    const customRuntimes = await canJoinNetworkNamespaces()
    if (!customRuntimes) missing.push('custom runtimes (no right to join a network namespace)')
    return { driver: this.name, isolation, missing, freezer, customRuntimes, prewarming }
  }

  async start(spec: EnvironmentSpec, wires: Wires, supervision: Supervision): Promise<Sandbox> {
    const { stage } = this.#parts
    const slot = await this.#slots.take(spec)
    const code = await SandboxCode.open(stage, spec.codeDir)
    let opt: string | undefined
    try {
      if (spec.layerDirs.length > 0) opt = await stage.layers(spec.layerDirs)
    } catch (cause) {
      await code.close()
      throw cause
    }
    const view = this.#view(spec, slot, code.task, opt)
    return this.#launch({ spec, wires, supervision, slot, view, code, opt })
  }

  release(slot: string): Promise<void> {
    return this.#slots.release(slot)
  }

  async close(): Promise<void> {
    await this.#slots.releaseAll()
  }

  #view(spec: EnvironmentSpec, slot: Slot, task: string, opt: string | undefined): Piece[] {
    const own = this.#parts.stage.ownDir
    const languages = this.#languages
    const layout = { task, opt, temporary: slot.temporaryDir, own, languages }
    return sandboxView(spec, layout, this.#parts.config.interpreters)
  }

  async #launch(start: Launch): Promise<Sandbox> {
    const { spec, slot } = start
    const oomBefore = slot.cgroup?.oomKills() ?? 0
    slot.cgroup?.thaw()
    const made = this.#make(start)
    const pid = await made.sandboxPid
    let overLimit = false
    let over = false
    const stop = (): void => killSandbox(made, pid, slot)
    const relays = new Relays(pid, slot.uid)
    const exited = made.exited.then(async ({ code, signal }): Promise<Exit> => {
      over = true
      this.#watch.unwatch(spec.id)
      const oom = overLimit || (slot.cgroup?.oomKills() ?? 0) > oomBefore
      slot.cgroup?.kill()
      relays.end()
      await this.#parts.apiProxy.close(spec.id)
      await start.code.close()
      if (start.opt !== undefined) await this.#parts.stage.release(start.opt)
      return exitOfWrapper(code, signal, oom)
    })
    if (isJoined(spec) && pid !== undefined) {
      // Whichever is first: the listener, or the end of a sandbox that could not be built.
      await Promise.race([this.#parts.apiProxy.open(spec, pid), exited]).catch((cause: unknown) => {
        stop()
        throw cause
      })
      made.release()
    }
    const watch = (): void =>
      this.#watch.watch(spec.id, slot, {
        report: (memoryMb) => this.#parts.onMemory(spec.id, memoryMb),
        kill: () => {
          overLimit = true
          stop()
        },
      })
    // One without code is idle, and nobody's.
    if (spec.codeDir !== undefined) watch()
    const supervisor = supervise(made, spec, start.supervision)
    return {
      exited,
      stop,
      assign: async (arrival) => {
        await start.code.arrive(arrival)
        if (!over) watch()
      },
      runRuntime: () => supervisor?.runRuntime(),
      signal: (member, signal) => {
        if (supervisor !== undefined) supervisor.signal(member, signal)
        else if (pid !== undefined) signalRuntime(pid, signal)
      },
      connect: (port, outside) => relays.connect(port, outside),
      freeze: () => {
        this.#watch.unwatch(spec.id)
        slot.cgroup?.freeze()
      },
      thaw: () => {
        slot.cgroup?.thaw()
        watch()
      },
      memoryMb: () => slot.cgroup?.memoryMb(),
    }
  }

  #make({ spec, wires, slot, view }: Launch): SandboxProcess {
    return this.#parts.maker.start({
      id: spec.id,
      cgroups: slot.cgroup?.attach ?? [],
      uid: slot.uid,
      view,
      command: sandboxCommand(spec),
      // A supervisor gets none: it sets them for what it starts, and no variable makes it load code (RULES §8).
      variables: isSupervised(spec) ? {} : sandboxVariables(spec.variables),
      output: wires.output,
      third: wires.third,
      extensions: wires.extensions,
      block: isJoined(spec),
    })
  }

  /** What a sandbox says of itself, and whether it saw what was mounted after its start. */
  async #probeStatus(): Promise<{ status: ReadonlyMap<string, string>; late: boolean }> {
    const { ownDir, late } = this.#parts.stage
    const command = late === undefined ? PROBE.command : ['/bin/sh', '-c', PROBE_LATE]
    const spec = { ...PROBE, command }
    const slot = await this.#slots.take(spec)
    const own = `${ownDir}/runtime`
    const task = late?.add() ?? own
    try {
      const made = this.#parts.maker.start({
        id: spec.id,
        cgroups: slot.cgroup?.attach ?? [],
        uid: slot.uid,
        view: this.#view(spec, slot, task, undefined),
        command: spec.command,
        variables: {},
        output: 'pipe',
        third: undefined,
        extensions: undefined,
        block: false,
      })
      const timer = setTimeout(() => made.process.kill('SIGKILL'), PROGRAM_TIMEOUT_MS)
      const { stdout, stderr } = made.process
      stdout?.once('data', () => void late?.show(task, own, 'probe').catch(() => undefined))
      const [output, complaint, { code }] = await Promise.all([
        stdout === null ? '' : text(stdout),
        stderr === null ? '' : text(stderr),
        made.exited,
      ])
      clearTimeout(timer)
      if (code !== 0 && (late === undefined || output === '')) {
        const why = complaint.trim().slice(0, COMPLAINT_LIMIT_CHARS) || `exit ${code}`
        throw new Error(`${this.name} does not run here (${why})`)
      }
      const rows = output.split('\n')
      const status = new Map(
        rows.map((line) => [line.split(':')[0] ?? '', line.split(/:\s*/)[1] ?? '']),
      )
      return { status, late: late !== undefined && code === 0 }
    } finally {
      await this.#slots.release('probe')
      if (late !== undefined) await late.remove(task)
    }
  }
}

/** Whether something of ours has to listen inside before it runs. */
function isJoined({ api, egress }: EnvironmentSpec): boolean {
  return api || egress
}

function supervise(
  made: SandboxProcess,
  spec: EnvironmentSpec,
  supervision: Supervision,
): Supervisor | undefined {
  if (made.control === undefined) return undefined
  const variables = sandboxVariables(spec.variables)
  return new Supervisor(made.control, { spec, variables, path: (path) => path, supervision })
}

/** The runtime is the only child of the sandbox's first process. */
function signalRuntime(pid: number, signal: ShutdownSignal): void {
  try {
    const children = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8')
    const runtime = Number(children.split(' ')[0])
    if (runtime > 1) process.kill(runtime, signal)
  } catch {
    // already gone
  }
}

async function canJoinNetworkNamespaces(): Promise<boolean> {
  return run('nsenter', ['--net=/proc/self/ns/net', 'true'], { timeout: PROGRAM_TIMEOUT_MS }).then(
    () => true,
    () => false,
  )
}

/** The first process takes its whole pid namespace with it; what made it then ends by itself and leaves no orphan to pid 1. */
function killSandbox(made: SandboxProcess, pid: number | undefined, slot: Slot): void {
  const kill = (target: number | undefined): void => {
    try {
      if (target !== undefined) process.kill(target, 'SIGKILL')
    } catch {
      // already gone
    }
  }
  if (pid === undefined) kill(made.process.pid)
  else kill(pid)
  slot.cgroup?.kill()
}
