import {
  createServer,
  type IncomingMessage,
  type RequestListener,
  type Server,
  type ServerResponse,
} from 'node:http'
import { createServer as createTlsServer } from 'node:https'

import { PlatformError } from '../model/index.ts'
import type { Witness } from './witness.ts'

/** A note of 64 KiB and a proof of 63 lines fit. */
const BODY_LIMIT_BYTES = 73_728
const REQUEST_TIMEOUT_MS = 20_000
const HEADERS_TIMEOUT_MS = 10_000
const KEEP_ALIVE_MS = 65_000
const CONNECTIONS_LIMIT = 1_024

export interface WitnessLog {
  info(fields: object, message: string): void
  error(fields: object, message: string): void
}

/** The submission prefix is the root; what is signed is public, so that nothing here needs an account. */
export function createWitnessServer(
  witness: Witness,
  options: {
    readonly log: WitnessLog
    /** PEM; with it the listener speaks TLS. */
    readonly tls: { readonly cert: string; readonly key: string } | undefined
  },
): Server {
  const { log, tls } = options
  const handler: RequestListener = (request, response) => {
    answer(witness, request, response).catch((error: unknown) => {
      log.error({ err: error }, 'a checkpoint could not be judged')
      const full = error instanceof PlatformError && error.code === 'OUT_OF_SPACE'
      send(response, { status: full ? 503 : 500, body: 'the witness cannot sign now\n' })
    })
  }
  const limits = {
    headersTimeout: HEADERS_TIMEOUT_MS,
    requestTimeout: REQUEST_TIMEOUT_MS,
    keepAliveTimeout: KEEP_ALIVE_MS,
    connectionsCheckingInterval: 1_000,
  }
  const server =
    tls === undefined
      ? createServer(limits, handler)
      : createTlsServer({ ...limits, ...tls, minVersion: 'TLSv1.2' }, handler)
  server.maxConnections = CONNECTIONS_LIMIT
  return server
}

interface Answer {
  readonly status: number
  readonly contentType?: string
  readonly body: string
}

async function answer(
  witness: Witness,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const { method, url } = request
  if (url === '/healthz' && method === 'GET') return send(response, { status: 200, body: 'ok\n' })
  if (url !== '/add-checkpoint')
    return send(response, { status: 404, body: 'there is no such path\n' })
  if (method !== 'POST') return send(response, { status: 405, body: 'POST alone\n' })
  const body = await readBody(request)
  if (body === undefined) {
    response.setHeader('connection', 'close')
    return send(response, { status: 413, body: 'the request is too large\n' })
  }
  send(response, await witness.addCheckpoint(body))
}

async function readBody(request: IncomingMessage): Promise<string | undefined> {
  const chunks: Uint8Array[] = []
  let size = 0
  for await (const chunk of request as AsyncIterable<Uint8Array>) {
    size += chunk.byteLength
    if (size > BODY_LIMIT_BYTES) return undefined
    chunks.push(chunk)
  }
  return Buffer.concat(chunks).toString('utf8')
}

function send(response: ServerResponse, { status, contentType, body }: Answer): void {
  if (response.headersSent || response.destroyed) return
  response.writeHead(status, {
    'content-type': contentType ?? 'text/plain; charset=utf-8',
    'content-length': Buffer.byteLength(body),
    'cache-control': 'no-store',
  })
  response.end(body)
}
