import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createServer, type Server, type Socket } from 'node:net'
import { join } from 'node:path'

import { DRAIN_MS } from '../constants.ts'
import { connectTo } from './connect.ts'
import type { EnvironmentSpec, SpawnerConfig } from './protocol.ts'

const LISTENER_TIMEOUT_MS = 10_000

/**
 * The Runtime API as a foreign runtime client sees it: TCP on its own loopback. The listener is made inside the sandbox's
 * network namespace by a helper that joins it, hands the listener over and ends; connections are carried to the service
 * over its unix socket, marked with this environment's token. So a sandbox reaches its own API and no other.
 */
export class ApiProxy {
  readonly #config: SpawnerConfig
  readonly #open = new Map<string, { server: Server; sockets: Set<Socket> }>()

  constructor(config: SpawnerConfig) {
    this.#config = config
  }

  /** In the network namespace of the process `pid`. */
  async open(spec: EnvironmentSpec, pid: number): Promise<undefined> {
    const server = await this.#listenInside(pid)
    this.#serve(spec, server)
    return undefined
  }

  /** On the host's loopback, for the driver that has no namespace. Returns the port. */
  async openOnHost(spec: EnvironmentSpec): Promise<number> {
    const server = createServer({ pauseOnConnect: true })
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    this.#serve(spec, server)
    const address = server.address()
    return typeof address === 'object' && address !== null ? address.port : 0
  }

  /** Lets what was already sent arrive, then closes. */
  async close(id: string): Promise<void> {
    const entry = this.#open.get(id)
    if (entry === undefined) return
    this.#open.delete(id)
    entry.server.close()
    const gone = Promise.all([...entry.sockets].map((socket) => once(socket, 'close')))
    let timer: NodeJS.Timeout | undefined
    const late = new Promise((resolve) => {
      timer = setTimeout(resolve, DRAIN_MS)
    })
    await Promise.race([gone.catch(() => undefined), late])
    clearTimeout(timer)
    for (const socket of entry.sockets) socket.destroy()
  }

  #serve(spec: EnvironmentSpec, server: Server): void {
    const sockets = new Set<Socket>()
    this.#open.set(spec.id, { server, sockets })
    server.on('error', () => undefined)
    server.on('connection', (inside: Socket) => {
      inside.pause()
      inside.on('error', () => inside.destroy())
      sockets.add(inside)
      inside.once('close', () => sockets.delete(inside))
      connectTo(this.#config.listenerPath, 'api', spec.tokens.api).then(
        (outside) => joinSockets(inside, outside),
        () => inside.destroy(),
      )
    })
  }

  async #listenInside(pid: number): Promise<Server> {
    const { interpreters, bootstrapsDir } = this.#config
    const listener = join(bootstrapsDir, 'listener.mjs')
    const args = ['--target', String(pid), '--net', '--', interpreters.node.path, listener]
    const helper = spawn('nsenter', args, {
      stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
      env: { PATH: '/usr/sbin:/usr/bin:/sbin:/bin' },
      timeout: LISTENER_TIMEOUT_MS,
    })
    return new Promise((resolve, reject) => {
      helper.once('message', (_message, handle) => {
        if (handle === undefined || !('listen' in handle))
          return reject(new Error('no listener came'))
        resolve(handle as Server)
      })
      helper.once('error', reject)
      helper.once('exit', (code) => reject(new Error(`the listener helper ended with ${code}`)))
    })
  }
}

/** Both ways, each end closed when the other is. */
export function joinSockets(one: Socket, other: Socket): void {
  one.on('error', () => one.destroy())
  other.on('error', () => other.destroy())
  one.pipe(other)
  other.pipe(one)
  one.once('close', () => other.destroy())
  other.once('close', () => one.destroy())
}
