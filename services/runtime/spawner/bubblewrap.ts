import { execFile } from 'node:child_process'
import { copyFileSync, cpSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import { text } from 'node:stream/consumers'
import { promisify } from 'node:util'

import { sandboxVariables, TASK_ROOT } from '../environment-variables.ts'
import type { Exit } from '../failures.ts'
import type { Capability } from '../options.ts'
import type { ApiProxy } from './api-proxy.ts'
import {
  installationOf,
  JAVA_CONFIGURATIONS,
  launcher,
  sandboxCommand,
  sandboxOptions,
  type SandboxLayout,
} from './bwrap-arguments.ts'
import { startBwrap, type BwrapProcess } from './bwrap-process.ts'
import type { Cgroups } from './cgroups.ts'
import type { IsolationDriver, Sandbox, Wires } from './driver.ts'
import { exitOfWrapper } from './exits.ts'
import { Relays } from './inside.ts'
import type { EnvironmentSpec, ShutdownSignal, SpawnerConfig } from './protocol.ts'
import { SandboxCode } from './sandbox-code.ts'
import { seccompFilter } from './seccomp.ts'
import { MemoryWatch, Slots, type Slot } from './slots.ts'
import type { Stage } from './stage.ts'
import { Supervisor, type Supervision } from './supervisor.ts'
import type { Uids } from './uids.ts'

const run = promisify(execFile)
const PROBE_TIMEOUT_MS = 5_000
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

export interface BubblewrapParts {
  readonly config: SpawnerConfig
  readonly stage: Stage
  readonly uids: Uids | undefined
  readonly cgroups: Cgroups | undefined
  readonly apiProxy: ApiProxy
  readonly onMemory: (id: string, memoryMb: number) => void
}

interface SandboxStart {
  readonly spec: EnvironmentSpec
  readonly wires: Wires
  readonly supervision: Supervision
  readonly slot: Slot
  readonly layout: SandboxLayout
  readonly code: SandboxCode
  readonly opt: string | undefined
}

/** RULES §8: own uid by setpriv first, every namespace, no capability, seccomp, read-only root, nothing of the host. */
export class BubblewrapDriver implements IsolationDriver {
  readonly name = 'bubblewrap'
  readonly #parts: BubblewrapParts
  readonly #slots: Slots
  readonly #watch = new MemoryWatch()
  readonly #filterPath: string | undefined
  readonly #languages = new Map<string, string>()
  #disableUserns = false

  constructor(parts: BubblewrapParts) {
    this.#parts = parts
    this.#slots = new Slots(parts)
    this.#filterPath = writeOwnFiles(parts.stage.ownDir, parts.config.bootstrapsDir)
  }

  /** A real sandbox is started and asked what it sees. @throws where bubblewrap cannot run here at all */
  async probe(): Promise<Capability> {
    const { cgroups, uids, config, stage } = this.#parts
    for (const { path } of config.interpreters.all) {
      const dir = installationOf(path)
      if (dir !== undefined) this.#languages.set(path, await stage.tree(dir))
    }
    this.#disableUserns = await knowsOption('--disable-userns')
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
    return { driver: 'bubblewrap', isolation, missing, freezer, customRuntimes, prewarming }
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
    const layout = this.#layout(code.task, opt, slot)
    return this.#launch({ spec, wires, supervision, slot, layout, code, opt })
  }

  release(slot: string): Promise<void> {
    return this.#slots.release(slot)
  }

  async close(): Promise<void> {
    await this.#slots.releaseAll()
  }

  #layout(task: string, opt: string | undefined, slot: Slot): SandboxLayout {
    const own = this.#parts.stage.ownDir
    const disableUserns = this.#disableUserns
    const languages = this.#languages
    return { task, opt, temporary: slot.temporaryDir, own, languages, disableUserns }
  }

  async #launch(start: SandboxStart): Promise<Sandbox> {
    const { spec, slot } = start
    const oomBefore = slot.cgroup?.oomKills() ?? 0
    slot.cgroup?.thaw()
    const bwrap = this.#startBwrap(start)
    const pid = await bwrap.sandboxPid
    let overLimit = false
    let over = false
    const stop = (): void => killSandbox(bwrap, pid, slot)
    const relays = new Relays(pid, slot.uid)
    const exited = bwrap.exited.then(async ({ code, signal }): Promise<Exit> => {
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
      bwrap.release()
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
    const supervisor = supervise(bwrap, spec, start.supervision)
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

  #startBwrap({ spec, wires, slot, layout }: SandboxStart): BwrapProcess {
    return startBwrap({
      launcher: launcher(slot.cgroup?.attach ?? [], slot.uid),
      options: sandboxOptions(spec, layout, this.#parts.config.interpreters),
      command: sandboxCommand(spec),
      filterPath: this.#filterPath,
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
      const bwrap = startBwrap({
        launcher: launcher(slot.cgroup?.attach ?? [], slot.uid),
        options: sandboxOptions(
          spec,
          this.#layout(task, undefined, slot),
          this.#parts.config.interpreters,
        ),
        command: spec.command,
        filterPath: this.#filterPath,
        output: 'pipe',
        third: undefined,
        extensions: undefined,
        block: false,
      })
      const timer = setTimeout(() => bwrap.process.kill('SIGKILL'), PROBE_TIMEOUT_MS)
      const { stdout } = bwrap.process
      stdout?.once('data', () => void late?.show(task, own, 'probe').catch(() => undefined))
      const [output, { code }] = await Promise.all([
        stdout === null ? '' : text(stdout),
        bwrap.exited,
      ])
      clearTimeout(timer)
      if (code !== 0 && (late === undefined || output === ''))
        throw new Error(`bubblewrap does not run here (exit ${code})`)
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
  bwrap: BwrapProcess,
  spec: EnvironmentSpec,
  supervision: Supervision,
): Supervisor | undefined {
  if (bwrap.control === undefined) return undefined
  const variables = sandboxVariables(spec.variables)
  return new Supervisor(bwrap.control, { spec, variables, path: (path) => path, supervision })
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

/** Older versions of bubblewrap know less; what seccomp refuses besides can be left out. */
async function knowsOption(option: string): Promise<boolean> {
  const { stdout } = await run('bwrap', ['--help'], { timeout: PROBE_TIMEOUT_MS })
  return stdout.includes(option)
}

async function canJoinNetworkNamespaces(): Promise<boolean> {
  return run('nsenter', ['--net=/proc/self/ns/net', 'true'], { timeout: PROBE_TIMEOUT_MS }).then(
    () => true,
    () => false,
  )
}

/** The first process takes its whole pid namespace with it; bwrap then ends by itself and leaves no orphan to pid 1. */
function killSandbox(bwrap: BwrapProcess, pid: number | undefined, slot: Slot): void {
  const kill = (target: number | undefined): void => {
    try {
      if (target !== undefined) process.kill(target, 'SIGKILL')
    } catch {
      // already gone
    }
  }
  if (pid === undefined) kill(bwrap.process.pid)
  else kill(pid)
  slot.cgroup?.kill()
}

/** Minimal /etc and the bootstraps, at a path every sandbox can reach; the seccomp filter, if this machine's is known. */
function writeOwnFiles(own: string, bootstrapsDir: string): string | undefined {
  const etc = join(own, 'etc')
  const shown = JAVA_CONFIGURATIONS.map((path) => basename(path))
  for (const dir of ['ssl/certs', 'alternatives', ...shown])
    mkdirSync(join(etc, dir), { recursive: true })
  const files = {
    passwd: 'root:x:0:0:root:/:/sbin/nologin\nsbx_user1051:x:993:990::/tmp:/sbin/nologin\n',
    group: 'root:x:0:\nsbx_user1051:x:990:\n',
    hosts: '127.0.0.1 localhost sandbox sandbox.localdomain\n::1 localhost\n',
    'nsswitch.conf': 'passwd: files\ngroup: files\nhosts: files dns\n',
    'resolv.conf': '',
  }
  for (const [name, content] of Object.entries(files)) writeFileSync(join(etc, name), content)
  for (const name of ['ld.so.cache', 'ssl/openssl.cnf']) {
    if (existsSync(join('/etc', name))) copyFileSync(join('/etc', name), join(etc, name))
  }
  cpSync(bootstrapsDir, join(own, 'runtime'), { recursive: true })
  if (process.arch !== 'x64' && process.arch !== 'arm64') return undefined
  const filterPath = join(own, 'seccomp.bpf')
  writeFileSync(filterPath, seccompFilter(process.arch), { mode: 0o600 })
  return filterPath
}
