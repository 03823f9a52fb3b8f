import { createServer, type RequestListener, type Server } from 'node:http'
import { createServer as createTlsServer } from 'node:https'
import { isIP, type Socket } from 'node:net'

import { PlatformError } from '../model/index.ts'

export interface HttpConfig {
  readonly host: string
  readonly port: number
  /** PEM; with it the listener speaks TLS. */
  readonly tls?: { readonly cert: string; readonly key: string }
  /** The proxy that speaks TLS before us, named by whoever runs it; its presence is believed, its headers are not. */
  readonly trustProxy?: string
  /** Whether `/metrics` answers without a signature; otherwise to nobody (RULES §7). */
  readonly openMetrics?: boolean
  /** Whether the tiles of the ledger are for anybody; otherwise for whoever may read it. */
  readonly openTlog?: boolean
  readonly maxConnections?: number
  readonly headersTimeoutMs?: number
  /** For a whole request, body included. */
  readonly requestTimeoutMs?: number
  /** Without a byte of the body. */
  readonly bodyIdleMs?: number
  readonly keepAliveMs?: number
}

export const httpDefaults = {
  maxConnections: 1_024,
  headersTimeoutMs: 20_000,
  requestTimeoutMs: 300_000,
  bodyIdleMs: 30_000,
  keepAliveMs: 65_000,
} as const

/**
 * Access keys cross the wire as signatures, code and payloads as they are: TLS, or this machine only (RULES §7).
 * @throws PlatformError CONFIGURATION
 */
export function checkListener(config: HttpConfig): void {
  if (config.tls !== undefined || config.trustProxy !== undefined || isLoopback(config.host)) return
  throw new PlatformError(
    'CONFIGURATION',
    `\`${config.host}\` is not a loopback address: a TLS certificate or a named proxy is needed to listen there`,
  )
}

export function isLoopback(address: string): boolean {
  const host = address.startsWith('::ffff:') ? address.slice('::ffff:'.length) : address
  if (isIP(host) === 4) return host.startsWith('127.')
  return host === '::1' || host === 'localhost'
}

const MAX_HEADER_BYTES = 65_536

/** A server with every limit set, not listening yet. */
export function createListener(config: HttpConfig, handler: RequestListener): Server {
  const limits = { ...httpDefaults, ...config }
  const options = {
    maxHeaderSize: MAX_HEADER_BYTES,
    headersTimeout: limits.headersTimeoutMs,
    requestTimeout: limits.requestTimeoutMs,
    keepAliveTimeout: limits.keepAliveMs,
    // How often the two are looked at: a slow client is let go at most a second late.
    connectionsCheckingInterval: 1_000,
  }
  const server =
    config.tls === undefined
      ? createServer(options, handler)
      : createTlsServer({ ...options, ...config.tls, minVersion: 'TLSv1.2' }, handler)
  server.maxConnections = limits.maxConnections
  watchSilent(server)
  return server
}

/** By listener, the connections on which no request has come yet: by the client's address and port. */
const silent = new WeakMap<Server, Map<string, Socket>>()

function watchSilent(server: Server): void {
  const sockets = new Map<string, Socket>()
  silent.set(server, sockets)
  server.on('connection', (socket: Socket) => {
    const key = peerOf(socket)
    sockets.set(key, socket)
    socket.once('close', () => {
      if (sockets.get(key) === socket) sockets.delete(key)
    })
  })
  server.on('request', ({ socket }) => sockets.delete(peerOf(socket)))
}

function peerOf({ remoteAddress = '', remotePort = 0 }: Socket): string {
  return `${remoteAddress} ${remotePort}`
}

/**
 * Lets go of connections on which no request has come, as browsers and SDKs open them beforehand: Node takes them for busy,
 * and a listener that closes would wait for them as long as for a request's headers.
 */
export function dropSilent(server: Server): void {
  for (const socket of silent.get(server)?.values() ?? []) socket.destroy()
}
