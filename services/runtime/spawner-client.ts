import { spawn, type ChildProcess } from 'node:child_process'
import type { Socket } from 'node:net'
import type { Duplex } from 'node:stream'

import { PlatformError } from '../model/index.ts'

import { CONTROL_FRAME_LIMIT_BYTES, SPAWNER_START_MS } from './constants.ts'
import type { Exit } from './failures.ts'
import { encodeFrame, FrameReader } from './frames.ts'
import type { Capability, Log } from './options.ts'
import type {
  CodeArrival,
  EnvironmentSpec,
  Member,
  Notice,
  Request,
  ShutdownSignal,
  SpawnerConfig,
} from './spawner/protocol.ts'

/** What the spawner says about one environment. */
export interface NoticeListener {
  started(): void
  failed(message: string): void
  /** Its code is there, or why it is not. */
  assigned(refused: string | undefined): void
  memory(memoryMb: number): void
  memberEnded(member: Member, exit: Exit): void
  exited(exit: Exit): void
}

export interface SpawnerProgram {
  readonly path: string
  readonly nodePath: string
  /** Give it a mount namespace of its own, so that its mounts end with it. */
  readonly ownMounts: boolean
}

const PATH = '/usr/sbin:/usr/bin:/sbin:/bin'

/** The service's end of one spawner process. */
export class SpawnerClient implements AsyncDisposable {
  readonly #child: ChildProcess
  readonly #control: Duplex
  readonly #log: Log
  readonly #environments = new Map<string, NoticeListener>()
  readonly #releases = new Map<string, (() => void)[]>()
  #configured: { resolve(capability: Capability): void; reject(cause: Error): void } | undefined
  #alive = true
  readonly exited: Promise<void>

  constructor(program: SpawnerProgram, log: Log) {
    const command = [program.nodePath, program.path]
    const wrapper = ['unshare', '--mount', '--propagation', 'private', '--']
    const [file = '', ...args] = program.ownMounts ? [...wrapper, ...command] : command
    this.#log = log
    this.#child = spawn(file, args, {
      stdio: ['ignore', 'ignore', 'pipe', 'pipe'],
      env: { PATH },
      detached: true,
    })
    this.#control = this.#child.stdio[3] as Socket
    this.exited = new Promise((resolve) => {
      this.#child.once('exit', (code, signal) => this.#ended({ code, signal }, resolve))
      this.#child.once('error', (cause) => this.#ended({ cause }, resolve))
    })
    this.#child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      log.warn({ text: text.slice(0, 2_000) }, 'spawner wrote')
    })
    const frames = new FrameReader(CONTROL_FRAME_LIMIT_BYTES, (frame) => {
      this.#take(JSON.parse(frame.toString('utf8')) as Notice)
    })
    this.#control.on('data', (chunk: Buffer) => frames.push(chunk))
    this.#control.on('error', () => undefined)
  }

  get alive(): boolean {
    return this.#alive
  }

  /** @throws PlatformError CONFIGURATION when the driver asked for cannot run here */
  async configure(config: SpawnerConfig): Promise<Capability> {
    let timer: NodeJS.Timeout | undefined
    try {
      return await new Promise<Capability>((resolve, reject) => {
        this.#configured = { resolve, reject }
        timer = setTimeout(() => reject(new Error('the spawner did not answer')), SPAWNER_START_MS)
        this.#send({ kind: 'configure', config })
      })
    } catch (cause) {
      const reason = (cause as Error).message
      throw new PlatformError(
        'CONFIGURATION',
        `isolation \`${config.driver}\` is not available: ${reason}`,
        { cause },
      )
    } finally {
      clearTimeout(timer)
    }
  }

  start(spec: EnvironmentSpec, listener: NoticeListener): void {
    if (!this.#alive) return listener.failed('the spawner is gone')
    this.#environments.set(spec.id, listener)
    this.#send({ kind: 'start', spec })
  }

  assign(id: string, arrival: CodeArrival): void {
    this.#send({ kind: 'assign', id, arrival })
  }

  stop(id: string): void {
    this.#send({ kind: 'stop', id })
  }

  freeze(id: string): void {
    this.#send({ kind: 'freeze', id })
  }

  thaw(id: string): void {
    this.#send({ kind: 'thaw', id })
  }

  runRuntime(id: string): void {
    this.#send({ kind: 'run-runtime', id })
  }

  signal(id: string, member: Member, signal: ShutdownSignal): void {
    this.#send({ kind: 'signal', id, member, signal })
  }

  connect(id: string, port: number, token: string): void {
    this.#send({ kind: 'connect', id, port, token })
  }

  /** Gives a slot back; resolves once nothing of it is left. */
  release(slot: string): Promise<void> {
    if (!this.#alive) return Promise.resolve()
    return new Promise((resolve) => {
      this.#releases.set(slot, [...(this.#releases.get(slot) ?? []), resolve])
      this.#send({ kind: 'release', slot })
    })
  }

  /** Closing the socket is the order to kill everything and end. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#control.destroy()
    await this.exited
  }

  #send(request: Request): void {
    if (this.#alive) this.#control.write(encodeFrame(Buffer.from(JSON.stringify(request))))
  }

  #take(notice: Notice): void {
    switch (notice.kind) {
      case 'configured':
        return this.#configured?.resolve(notice.capability)
      case 'refused':
        return this.#configured?.reject(new Error(notice.message))
      case 'started':
        return this.#environments.get(notice.id)?.started()
      case 'failed': {
        const listener = this.#environments.get(notice.id)
        this.#environments.delete(notice.id)
        return listener?.failed(notice.message)
      }
      case 'assigned':
        return this.#environments.get(notice.id)?.assigned(notice.refused)
      case 'memory':
        return this.#environments.get(notice.id)?.memory(notice.memoryMb)
      case 'member-ended':
        return this.#environments.get(notice.id)?.memberEnded(notice.member, notice.exit)
      case 'exited': {
        const listener = this.#environments.get(notice.id)
        this.#environments.delete(notice.id)
        return listener?.exited(notice.exit)
      }
      case 'released':
        for (const resolve of this.#releases.get(notice.slot) ?? []) resolve()
        this.#releases.delete(notice.slot)
        return
    }
  }

  /** Sandboxes die with their spawner: everything that was waited for has ended. */
  #ended(how: object, resolve: () => void): void {
    if (!this.#alive) return
    this.#alive = false
    this.#log.info(how, 'spawner ended')
    this.#configured?.reject(new Error('the spawner ended'))
    const environments = [...this.#environments.values()]
    this.#environments.clear()
    for (const listener of environments) {
      listener.exited({ code: undefined, signal: 'SIGKILL', oom: false })
    }
    for (const release of [...this.#releases.values()].flat()) release()
    this.#releases.clear()
    resolve()
  }
}
