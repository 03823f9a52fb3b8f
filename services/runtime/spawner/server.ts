import { cpSync, mkdtempSync, readlinkSync } from 'node:fs'
import type { Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

import { CONTROL_FRAME_LIMIT_BYTES } from '../constants.ts'
import { encodeFrame, FrameReader } from '../frames.ts'
import type { Capability } from '../options.ts'
import { ApiProxy } from './api-proxy.ts'
import { Bubblewrap } from './bubblewrap.ts'
import { Cgroups, startTime } from './cgroups.ts'
import { connectTo, setBlocking } from './connect.ts'
import { Crun } from './crun.ts'
import type { IsolationDriver, Sandbox } from './driver.ts'
import type { SandboxMaker } from './maker.ts'
import { openMounts } from './mounts.ts'
import { writeOwnFiles } from './own-files.ts'
import { ProcessDriver } from './process-driver.ts'
import type {
  CodeArrival,
  EnvironmentSpec,
  HelloKind,
  Notice,
  Request,
  SpawnerConfig,
} from './protocol.ts'
import { SandboxDriver } from './sandbox-driver.ts'
import { isSupervised } from './supervisor.ts'
import { openCopyingStage, openMountedStage, stagePoint, type Stage } from './stage.ts'
import { Uids } from './uids.ts'

const CLOSE_TIMEOUT_MS = 5_000

/** Serves the service at the other end of `control` until it goes away. */
export function serveSpawner(control: Socket): void {
  const spawner = new Spawner((notice) => {
    if (control.writable) control.write(encodeFrame(Buffer.from(JSON.stringify(notice))))
  })
  const frames = new FrameReader(CONTROL_FRAME_LIMIT_BYTES, (frame) => {
    spawner.take(JSON.parse(frame.toString('utf8')) as Request)
  })
  const end = (): void => {
    // Even if the cleaning hangs: sandboxes die with this process.
    setTimeout(() => process.exit(1), CLOSE_TIMEOUT_MS).unref()
    void spawner.close().finally(() => process.exit(0))
  }
  control.on('data', (chunk: Buffer) => frames.push(chunk))
  control.once('error', end)
  control.once('close', end)
  process.once('SIGTERM', end)
}

class Spawner {
  readonly #notify: (notice: Notice) => void
  readonly #sandboxes = new Map<string, Sandbox>()
  /** Starts under way, and whether they were stopped meanwhile. */
  readonly #starting = new Map<string, { stopped: boolean }>()
  #config: SpawnerConfig | undefined
  #driver: IsolationDriver | undefined
  #stage: Stage | undefined
  #cgroups: Cgroups | undefined
  #closed: Promise<void> | undefined

  constructor(notify: (notice: Notice) => void) {
    this.#notify = notify
  }

  take(request: Request): void {
    switch (request.kind) {
      case 'configure':
        void this.#configure(request.config)
        return
      case 'start':
        void this.#start(request.spec)
        return
      case 'assign':
        void this.#assign(request.id, request.arrival)
        return
      case 'stop':
        return this.#stop(request.id)
      case 'freeze':
        return this.#sandboxes.get(request.id)?.freeze()
      case 'thaw':
        return this.#sandboxes.get(request.id)?.thaw()
      case 'run-runtime':
        return this.#sandboxes.get(request.id)?.runRuntime()
      case 'signal':
        return this.#sandboxes.get(request.id)?.signal(request.member, request.signal)
      case 'connect':
        void this.#connect(request)
        return
      case 'release':
        void this.#release(request.slot)
        return
    }
  }

  close(): Promise<void> {
    this.#closed ??= this.#close()
    return this.#closed
  }

  async #close(): Promise<void> {
    for (const start of this.#starting.values()) start.stopped = true
    for (const sandbox of this.#sandboxes.values()) sandbox.stop()
    await Promise.allSettled([...this.#sandboxes.values()].map((sandbox) => sandbox.exited))
    await this.#driver?.close()
    this.#cgroups?.close()
    await this.#stage?.close().catch(() => undefined)
  }

  async #configure(config: SpawnerConfig): Promise<void> {
    try {
      this.#config = config
      const capability = await this.#choose(config)
      this.#notify({ kind: 'configured', capability })
    } catch (cause) {
      this.#notify({ kind: 'refused', message: (cause as Error).message })
    }
  }

  /** The best driver that passes its own probe; one asked for by name must pass it. */
  async #choose(config: SpawnerConfig): Promise<Capability> {
    const root = process.getuid?.() === 0
    const stage = await openStage(config, root)
    this.#stage = stage
    const uids = root ? new Uids(config.uidFraction) : undefined
    const apiProxy = new ApiProxy(config)
    const reasons: string[] = []
    if (config.driver !== 'process') {
      const cgroups = Cgroups.open(`lacre-${process.pid}-${startTime(process.pid) ?? '0'}`)
      const onMemory = (id: string, memoryMb: number): void =>
        this.#notify({ kind: 'memory', id, memoryMb })
      for (const maker of makersFor(config, stage)) {
        const driver = new SandboxDriver({
          maker,
          config,
          stage,
          uids,
          cgroups,
          apiProxy,
          onMemory,
        })
        try {
          const capability = await driver.probe()
          this.#driver = driver
          this.#cgroups = cgroups
          return capability
        } catch (cause) {
          if (config.driver !== 'auto') throw cause
          reasons.push((cause as Error).message)
        }
      }
      cgroups.close()
    }
    cpSync(config.bootstrapsDir, join(stage.ownDir, 'runtime'), { recursive: true })
    this.#driver = new ProcessDriver({ config, stage, uids, apiProxy })
    const capability = await this.#driver.probe()
    return { ...capability, missing: [...capability.missing, ...reasons] }
  }

  async #start(spec: EnvironmentSpec): Promise<void> {
    const start = { stopped: false }
    this.#starting.set(spec.id, start)
    try {
      const sandbox = await this.#launch(spec)
      this.#sandboxes.set(spec.id, sandbox)
      this.#notify({ kind: 'started', id: spec.id })
      void sandbox.exited.then((exit) => {
        this.#sandboxes.delete(spec.id)
        this.#notify({ kind: 'exited', id: spec.id, exit })
      })
      if (start.stopped) sandbox.stop()
    } catch (cause) {
      this.#notify({ kind: 'failed', id: spec.id, message: (cause as Error).message })
    } finally {
      this.#starting.delete(spec.id)
    }
  }

  async #launch(spec: EnvironmentSpec): Promise<Sandbox> {
    const driver = this.#driver
    const path = this.#config?.listenerPath
    if (driver === undefined || path === undefined) throw new Error('not configured')
    const open: Socket[] = []
    const wire = async (kind: HelloKind & keyof EnvironmentSpec['tokens']): Promise<Socket> => {
      const socket = await connectTo(path, kind, spec.tokens[kind])
      open.push(socket)
      return socket
    }
    try {
      const output = await wire('output')
      const third = spec.wire === 'frames' ? await wire('channel') : await wire('records')
      // Runtime clients write there as to a file, and lose what does not go at once.
      if (spec.wire === 'http') setBlocking(third)
      const extensions = isSupervised(spec) ? await wire('extensions') : undefined
      return await driver.start(
        spec,
        { output, third, extensions },
        {
          ended: (member, exit) =>
            this.#notify({ kind: 'member-ended', id: spec.id, member, exit }),
        },
      )
    } finally {
      // The child has its own copies. Closed, not shut down: the connection lives on in it.
      for (const socket of open) socket.destroy()
    }
  }

  async #assign(id: string, arrival: CodeArrival): Promise<void> {
    try {
      const sandbox = this.#sandboxes.get(id)
      if (sandbox === undefined) throw new Error('the environment is gone')
      await sandbox.assign(arrival)
      this.#notify({ kind: 'assigned', id })
    } catch (cause) {
      this.#notify({ kind: 'assigned', id, refused: (cause as Error).message })
    }
  }

  async #connect(request: Request & { readonly kind: 'connect' }): Promise<void> {
    const path = this.#config?.listenerPath
    const sandbox = this.#sandboxes.get(request.id)
    if (path === undefined || sandbox === undefined) return
    // Whoever waits for it at the other end sees no connection, or one that ends at once.
    const outside = await connectTo(path, 'inside', request.token).catch(() => undefined)
    if (outside !== undefined) sandbox.connect(request.port, outside)
  }

  #stop(id: string): void {
    const starting = this.#starting.get(id)
    if (starting !== undefined) starting.stopped = true
    this.#sandboxes.get(id)?.stop()
  }

  async #release(slot: string): Promise<void> {
    await this.#driver?.release(slot).catch(() => undefined)
    this.#notify({ kind: 'released', slot })
  }
}

/** Best first: bubblewrap's sandboxes are the cheaper ones. */
function makersFor(config: SpawnerConfig, stage: Stage): SandboxMaker[] {
  const filterPath = writeOwnFiles(stage.ownDir, config.bootstrapsDir)
  const makers = [new Bubblewrap(filterPath), new Crun(join(stage.ownDir, 'crun'), filterPath)]
  return makers.filter(({ name }) => config.driver === 'auto' || config.driver === name)
}

/** Mounted where this process may mount and is alone in its mount namespace, copied elsewhere. */
async function openStage(config: SpawnerConfig, root: boolean): Promise<Stage> {
  const point = stagePoint([config.runDir, config.bootstrapsDir, config.interpreters.node.path])
  if (root && point !== undefined && aloneInMountNamespace()) {
    const mounts = await openMounts()
    try {
      return await openMountedStage(point, mounts)
    } catch {
      // no CAP_SYS_ADMIN: copy
      mounts.close()
    }
  }
  // A uid of its own cannot enter the data directory: its copies lie where it can.
  const name = `lacre-stage-${process.pid}-${startTime(process.pid) ?? '0'}-`
  const directory = root ? mkdtempSync(join(tmpdir(), name)) : join(config.runDir, 'stage')
  return openCopyingStage(directory, root)
}

/** A mount made in the host's own namespace would outlive us. */
function aloneInMountNamespace(): boolean {
  const namespaceOf = (pid: string): string => readlinkSync(`/proc/${pid}/ns/mnt`)
  try {
    return namespaceOf('self') !== namespaceOf(String(process.ppid))
  } catch {
    return false
  }
}
