import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createServer, type Server, type Socket } from 'node:net'
import { join } from 'node:path'

import {
  DRAIN_MS,
  EGRESS_CONNECTION_LIMIT,
  EGRESS_PROXY_PORT,
  RUNTIME_API_PORT,
} from '../constants.ts'
import { joinSockets, joinWhole } from '../join-sockets.ts'
import { connectTo } from './connect.ts'
import type { EnvironmentSpec, SpawnerConfig } from './protocol.ts'

const LISTENER_TIMEOUT_MS = 10_000

/** What listens inside. */
type Service = 'api' | 'egress'

interface Opened {
  readonly service: Service
  readonly server: Server
  readonly sockets: Set<Socket>
}

/**
 * The Runtime API as a foreign runtime client sees it, and the egress proxy: TCP on its own loopback. The listeners are made
 * inside the sandbox's network namespace by a helper that joins it, hands them over and ends; connections are carried to the
 * service over its unix socket, marked with this environment's token. So a sandbox reaches its own API and no other.
 */
export class ApiProxy {
  readonly #config: SpawnerConfig
  readonly #open = new Map<string, Opened[]>()

  constructor(config: SpawnerConfig) {
    this.#config = config
  }

  /** In the network namespace of the process `pid`. */
  async open(spec: EnvironmentSpec, pid: number): Promise<undefined> {
    const wanted: (readonly [Service, number])[] = []
    if (spec.api) wanted.push(['api', RUNTIME_API_PORT])
    if (spec.egress) wanted.push(['egress', EGRESS_PROXY_PORT])
    const ports = wanted.map(([, port]) => port)
    const servers = await this.#listenInside(pid, ports)
    for (const [index, [service]] of wanted.entries()) {
      const server = servers[index]
      if (server !== undefined) this.#serve(spec, service, server)
    }
    return undefined
  }

  /** On the host's loopback, for the driver that has no namespace. Returns the port. */
  async openOnHost(spec: EnvironmentSpec): Promise<number> {
    const server = createServer({ pauseOnConnect: true })
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    this.#serve(spec, 'api', server)
    const address = server.address()
    return typeof address === 'object' && address !== null ? address.port : 0
  }

  /** Lets what was already sent to the API arrive, then closes; what went out to the world ends at once. */
  async close(id: string): Promise<void> {
    const opened = this.#open.get(id) ?? []
    this.#open.delete(id)
    for (const { server } of opened) server.close()
    for (const { service, sockets } of opened)
      if (service === 'egress') for (const socket of sockets) socket.destroy()
    await Promise.all(opened.map((entry) => drain(entry)))
  }

  #serve(spec: EnvironmentSpec, service: Service, server: Server): void {
    const sockets = new Set<Socket>()
    this.#open.set(spec.id, [...(this.#open.get(spec.id) ?? []), { service, server, sockets }])
    // What is over the limit is told so by the proxy; what is far over it is not even taken.
    if (service === 'egress') server.maxConnections = 2 * EGRESS_CONNECTION_LIMIT
    server.on('error', () => undefined)
    server.on('connection', (inside: Socket) => {
      inside.pause()
      inside.on('error', () => inside.destroy())
      sockets.add(inside)
      inside.once('close', () => sockets.delete(inside))
      connectTo(this.#config.listenerPath, service, spec.tokens[service]).then(
        (outside) => {
          if (inside.destroyed) outside.destroy()
          else if (service === 'egress') joinWhole(inside, outside)
          else joinSockets(inside, outside)
        },
        () => inside.destroy(),
      )
    })
  }

  async #listenInside(pid: number, ports: readonly number[]): Promise<Server[]> {
    const { interpreters, bootstrapsDir } = this.#config
    const listener = join(bootstrapsDir, 'listener.mjs')
    const command = [interpreters.node.path, listener, ...ports.map(String)]
    const args = ['--target', String(pid), '--net', '--', ...command]
    const helper = spawn('nsenter', args, {
      stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
      env: { PATH: '/usr/sbin:/usr/bin:/sbin:/bin' },
      timeout: LISTENER_TIMEOUT_MS,
    })
    const servers: Server[] = []
    return new Promise((resolve, reject) => {
      helper.on('message', (_port, handle) => {
        if (handle === undefined || !('listen' in handle))
          return reject(new Error('no listener came'))
        servers.push(handle as Server)
        if (servers.length === ports.length) resolve(servers)
      })
      helper.once('error', reject)
      helper.once('exit', (code) => reject(new Error(`the listener helper ended with ${code}`)))
    })
  }
}

/** Until every connection has ended, or its time is over. */
async function drain({ sockets }: Opened): Promise<void> {
  const gone = Promise.all([...sockets].map((socket) => once(socket, 'close')))
  let timer: NodeJS.Timeout | undefined
  const late = new Promise((resolve) => {
    timer = setTimeout(resolve, DRAIN_MS)
  })
  await Promise.race([gone.catch(() => undefined), late])
  clearTimeout(timer)
  for (const socket of sockets) socket.destroy()
}
