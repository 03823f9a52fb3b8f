import { execFile } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import type { Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'

import { PlatformError, type Random } from '../model/index.ts'

import { DRAIN_MS } from './constants.ts'
import type { Exit } from './failures.ts'
import type { EnvironmentHandle, Isolation, StartListener, StartRequest } from './handle.ts'
import type { Interpreters } from './interpreters.ts'
import type { Capability, Log, PrewarmedStats, RuntimeOptions } from './options.ts'
import { Prewarming } from './prewarming.ts'
import type { Programs } from './programs.ts'
import { SpawnerClient } from './spawner-client.ts'
import type {
  CodeArrival,
  EnvironmentSpec,
  Member,
  ShutdownSignal,
  SpawnerConfig,
} from './spawner/protocol.ts'
import { WireListener } from './wire-listener.ts'

const run = promisify(execFile)
/** `sun_path` holds 108 bytes. */
const SOCKET_PATH_LIMIT_BYTES = 100

export interface IsolationOptions {
  readonly dataDir: string
  readonly driver: RuntimeOptions['isolation']
  readonly programs: Programs
  readonly interpreters: Interpreters
  readonly random: Random
  readonly log: Log
  /** How many environments without code wait for each kind of start. */
  readonly prewarmed: number
}

/** Starts the spawner, and starts it again should it die. */
export async function openIsolation(options: IsolationOptions): Promise<Isolation> {
  const runDir = makeRunDir(options.dataDir, options.random)
  const listenerPath = join(runDir, 'wires')
  const listener = await WireListener.open(listenerPath)
  const config: SpawnerConfig = {
    driver: options.driver,
    listenerPath,
    runDir,
    bootstrapsDir: options.programs.bootstraps,
    interpreters: options.interpreters,
    uidFraction: options.random.fraction(),
  }
  const isolation = new SpawnerIsolation(options, config, listener)
  try {
    await isolation.open()
    const { prewarmed, random, log } = options
    if (prewarmed === 0 || !isolation.capability.prewarming) return isolation
    return new Prewarming(isolation, { perKind: prewarmed, random, log })
  } catch (cause) {
    await isolation[Symbol.asyncDispose]()
    throw cause
  }
}

class SpawnerIsolation implements Isolation {
  readonly #options: IsolationOptions
  readonly #config: SpawnerConfig
  readonly #listener: WireListener
  #ownMounts = false
  #client: Promise<SpawnerClient> | undefined
  #capability: Capability | undefined
  #closed = false

  constructor(options: IsolationOptions, config: SpawnerConfig, listener: WireListener) {
    this.#options = options
    this.#config = config
    this.#listener = listener
  }

  get capability(): Capability {
    if (this.#capability === undefined) throw new TypeError('not opened')
    return this.#capability
  }

  async open(): Promise<void> {
    this.#ownMounts = process.getuid?.() === 0 && (await canUnshareMounts())
    await this.#connected()
  }

  get prewarmed(): PrewarmedStats {
    return { ready: 0, missing: 0, assigned: 0 }
  }

  async start(request: StartRequest, listener: StartListener): Promise<EnvironmentHandle> {
    const { assignment: _, ...spec } = request
    const client = await this.#connected()
    const { random } = this.#options
    const token = (): string => Buffer.from(random.bytes(16)).toString('hex')
    const id = random.uuid()
    const tokens = {
      channel: token(), output: token(), extensions: token(), records: token(), api: token(),
      egress: token(),
    } // prettier-ignore
    const insides = new Set<string>()
    const expectInside = (take: (socket: Socket) => void): string => {
      const inside = token()
      insides.add(inside)
      this.#listener.expectOne('inside', inside, (socket) => {
        insides.delete(inside)
        take(socket)
      })
      return inside
    }
    const started = new StartedEnvironment(id, client, expectInside)
    const forget = (): void => {
      for (const kind of Object.keys(tokens) as (keyof typeof tokens)[])
        this.#listener.forget(kind, tokens[kind])
      for (const inside of insides) this.#listener.forget('inside', inside)
    }
    this.#expect(started, tokens, listener)
    void started.exited.then(forget)
    return new Promise((resolve, reject) => {
      client.start(
        { ...spec, id, tokens },
        {
          started: () => resolve(started),
          failed: (message) => {
            forget()
            reject(
              new PlatformError('UNAVAILABLE', 'the environment could not be started', {
                detail: { message },
              }),
            )
          },
          assigned: (refused) => started.assigned(refused),
          memory: (memoryMb) => started.memory(memoryMb),
          memberEnded: (member, exit) => listener.memberEnded(member, exit),
          exited: (exit) => {
            started.end(exit)
            resolve(started)
          },
        },
      )
    })
  }

  /** The connections that come of it, each told by its token. */
  #expect(started: StartedEnvironment, tokens: EnvironmentSpec['tokens'], listener: StartListener) {
    const tracked = (take: (socket: Socket) => void) => (socket: Socket) => {
      started.track(socket)
      take(socket)
    }
    this.#listener.expectOne('channel', tokens.channel, (socket) => started.channel(socket))
    this.#listener.expectOne(
      'output',
      tokens.output,
      tracked((socket) => listener.output(socket)),
    )
    this.#listener.expectOne(
      'extensions',
      tokens.extensions,
      tracked((socket) => listener.extensionOutput(socket)),
    )
    this.#listener.expectOne(
      'records',
      tokens.records,
      tracked((socket) => listener.records(socket)),
    )
    this.#listener.expect(
      'api',
      tokens.api,
      tracked((socket) => listener.api(socket)),
    )
    this.#listener.expect(
      'egress',
      tokens.egress,
      tracked((socket) => listener.egress(socket)),
    )
  }

  async release(slot: string): Promise<void> {
    const client = await this.#client?.catch(() => undefined)
    await client?.release(slot)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closed = true
    const client = await this.#client?.catch(() => undefined)
    await client?.[Symbol.asyncDispose]()
    await this.#listener[Symbol.asyncDispose]()
    rmSync(this.#config.runDir, { recursive: true, force: true })
  }

  #connected(): Promise<SpawnerClient> {
    if (this.#closed)
      return Promise.reject(new PlatformError('UNAVAILABLE', 'the runtime is closed'))
    this.#client ??= this.#connect()
    return this.#client
  }

  async #connect(): Promise<SpawnerClient> {
    const { programs, interpreters, log } = this.#options
    const program = {
      path: programs.spawner,
      nodePath: interpreters.node.path,
      ownMounts: this.#ownMounts,
    }
    const client = new SpawnerClient(program, log)
    void client.exited.then(() => {
      this.#client = undefined
    })
    try {
      const capability = await client.configure(this.#config)
      this.#capability ??= capability
      return client
    } catch (cause) {
      this.#client = undefined
      await client[Symbol.asyncDispose]()
      throw cause
    }
  }
}

class StartedEnvironment implements EnvironmentHandle {
  readonly id: string
  readonly exited: Promise<Exit>
  readonly #client: SpawnerClient
  /** A token under which the next connection into the environment is taken. */
  readonly #expectInside: (take: (socket: Socket) => void) => string
  readonly #open = new Set<Socket>()
  readonly #connecting = new Set<() => void>()
  #channel: Socket | undefined
  #maxMemoryMb = 0
  #resolveExit: (exit: Exit) => void = () => undefined
  #assigning: { resolve(): void; reject(cause: Error): void } | undefined

  constructor(
    id: string,
    client: SpawnerClient,
    expectInside: (take: (socket: Socket) => void) => string,
  ) {
    this.id = id
    this.#client = client
    this.#expectInside = expectInside
    this.exited = new Promise((resolve) => {
      this.#resolveExit = resolve
    })
  }

  get stats(): { readonly maxMemoryMb: number } {
    return { maxMemoryMb: this.#maxMemoryMb }
  }

  connect(): Socket {
    if (this.#channel === undefined) throw new TypeError('this environment has no channel')
    return this.#channel
  }

  assign(arrival: CodeArrival): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#assigning = { resolve, reject }
      this.#client.assign(this.id, arrival)
    })
  }

  assigned(refused: string | undefined): void {
    if (refused === undefined) this.#assigning?.resolve()
    else this.#assigning?.reject(new Error(refused))
  }

  runRuntime(): void {
    this.#client.runRuntime(this.id)
  }

  signal(member: Member, signal: ShutdownSignal): void {
    this.#client.signal(this.id, member, signal)
  }

  connectInside(port: number): Promise<Socket> {
    return new Promise((resolve, reject) => {
      const fail = (): void => {
        this.#connecting.delete(fail)
        reject(new Error('nobody listens there'))
      }
      this.#connecting.add(fail)
      const token = this.#expectInside((socket) => {
        this.track(socket)
        socket.once('close', fail)
        socket.once('data', (chunk: Buffer) => {
          socket.pause()
          socket.off('close', fail)
          this.#connecting.delete(fail)
          if (chunk.byteLength > 1) socket.unshift(chunk.subarray(1))
          resolve(socket)
        })
        socket.resume()
      })
      this.#client.connect(this.id, port, token)
    })
  }

  freeze(): void {
    this.#client.freeze(this.id)
  }

  thaw(): void {
    this.#client.thaw(this.id)
  }

  stop(): void {
    this.#client.stop(this.id)
  }

  memory(memoryMb: number): void {
    this.#maxMemoryMb = Math.max(this.#maxMemoryMb, memoryMb)
  }

  channel(socket: Socket): void {
    this.#channel = socket
    this.track(socket)
  }

  track(socket: Socket): void {
    this.#open.add(socket)
    // Both directions: the other end is gone once its reading side is.
    socket.once('end', () => socket.end())
    socket.once('close', () => this.#open.delete(socket))
  }

  /** The processes are gone; what they wrote may still lie in the sockets. */
  end(exit: Exit): void {
    for (const fail of this.#connecting) fail()
    this.#assigning?.reject(new Error('the environment ended'))
    const closing = [...this.#open].map((socket) => {
      socket.resume()
      return new Promise((resolve) => socket.once('close', resolve))
    })
    let timer: NodeJS.Timeout | undefined
    const late = new Promise((resolve) => {
      timer = setTimeout(resolve, DRAIN_MS)
    })
    void Promise.race([Promise.all(closing), late]).then(() => {
      clearTimeout(timer)
      for (const socket of this.#open) socket.destroy()
      this.#resolveExit(exit)
    })
  }
}

/** Sockets have short paths; a deep data directory gets one under the system's own. */
function makeRunDir(dataDir: string, random: Random): string {
  const base = join(dataDir, 'run')
  const dir = join(base, Buffer.from(random.bytes(4)).toString('hex'))
  if (Buffer.byteLength(join(dir, 'wires')) > SOCKET_PATH_LIMIT_BYTES) {
    return mkdtempSync(join(tmpdir(), 'lacre-'))
  }
  // What an earlier service left when it was killed: the data directory is ours alone.
  rmSync(base, { recursive: true, force: true })
  mkdirSync(dir, { recursive: true, mode: 0o711 })
  return dir
}

async function canUnshareMounts(): Promise<boolean> {
  try {
    await run('unshare', ['--mount', '--propagation', 'private', '--', 'true'], {
      env: { PATH: '/usr/sbin:/usr/bin:/sbin:/bin' },
    })
    return true
  } catch {
    return false
  }
}
