import { once } from 'node:events'
import { request as httpRequest, type ClientRequest, type IncomingMessage } from 'node:http'
import { request as httpsRequest } from 'node:https'

import {
  PlatformError,
  bufferSource,
  type ByteSource,
  type Clock,
} from '../../services/model/index.ts'
import type { Connection } from './connection.ts'
import { toRefusal } from './refusal.ts'
import { pieces, signedHeaders, sourceSha256, toQuery } from './signing.ts'

export interface ClientCall {
  readonly method: 'GET' | 'POST' | 'PUT' | 'DELETE'
  /** Percent-encoded, without the query. */
  readonly path: string
  readonly query?: Readonly<Record<string, string | undefined>>
  readonly headers?: Readonly<Record<string, string>>
  /** A source is sent in pieces: a large file is never whole in memory. */
  readonly body?: Uint8Array | ByteSource
  /** Bytes handed to the connection so far. */
  readonly onProgress?: (done: number, total: number) => void
  /** Takes the body of an answer that is none of an error, piece by piece: a large file is never whole in memory. */
  readonly into?: (piece: Uint8Array) => Promise<void>
}

export interface ClientReply {
  readonly status: number
  /** Lower-case names. */
  readonly headers: Readonly<Record<string, string | undefined>>
  readonly body: Uint8Array
}

export interface Client {
  readonly connection: Connection
  /**
   * Signs and sends. @throws PlatformError what the service refused with, by its own code;
   * UNAVAILABLE where nothing (or nothing of ours) answers
   */
  send(call: ClientCall): Promise<ClientReply>
}

/** Answers are JSON and payloads; what is larger than this is none of the service's. */
const REPLY_LIMIT_BYTES = 67_108_864
/** An invocation may take 900 s; the connection may be silent so long and a little longer. */
const SILENCE_LIMIT_MS = 960_000

export function openClient(connection: Connection, clock: Clock): Client {
  return { connection, send: (call) => send(connection, call, clock) }
}

async function send(connection: Connection, call: ClientCall, clock: Clock): Promise<ClientReply> {
  const body = toSource(call.body)
  const query = toQuery(call.query ?? {})
  const unsigned = {
    method: call.method,
    path: call.path,
    query,
    headers: lowerCase({ ...call.headers, 'content-length': String(body.sizeBytes) }),
    bodySha256: sourceSha256(body),
  }
  const headers = signedHeaders(connection, unsigned, clock.nowMs())
  const { endpoint } = connection
  const start = endpoint.protocol === 'https:' ? httpsRequest : httpRequest
  const request = start(endpoint, {
    method: call.method,
    path: query === '' ? call.path : `${call.path}?${query}`,
    headers,
    timeout: SILENCE_LIMIT_MS,
    agent: false,
  })
  try {
    return await exchange(request, body, call)
  } catch (cause) {
    if (cause instanceof PlatformError) throw cause
    throw new PlatformError('UNAVAILABLE', `no service answers at \`${endpoint.origin}\``, {
      cause,
    })
  }
}

async function exchange(
  request: ClientRequest,
  body: ByteSource,
  { onProgress, into }: Pick<ClientCall, 'onProgress' | 'into'>,
): Promise<ClientReply> {
  request.on('timeout', () => request.destroy(new Error('the service went silent')))
  const answered = once(request, 'response')
  // A service that refuses early answers while we are still sending; whoever writes on then is told by the socket.
  const sent = sendBody(request, body, onProgress).catch(() => undefined)
  const [response] = (await answered) as [IncomingMessage]
  const reply = await readReply(response, into)
  request.destroy()
  await sent
  if (reply.status >= 400) throw toRefusal(reply.status, reply.headers, reply.body)
  return reply
}

async function sendBody(
  request: ClientRequest,
  body: ByteSource,
  onProgress: ClientCall['onProgress'],
): Promise<void> {
  let done = 0
  for (const piece of pieces(body)) {
    if (request.destroyed) return
    if (!request.write(piece)) await Promise.race([once(request, 'drain'), once(request, 'close')])
    done += piece.byteLength
    onProgress?.(done, body.sizeBytes)
  }
  request.end()
}

async function readReply(
  response: IncomingMessage,
  into: ClientCall['into'],
): Promise<ClientReply> {
  const chunks: Uint8Array[] = []
  let sizeBytes = 0
  const taken = (response.statusCode ?? 0) < 400 ? into : undefined
  for await (const chunk of response as AsyncIterable<Uint8Array>) {
    if (taken !== undefined) {
      await taken(chunk)
      continue
    }
    sizeBytes += chunk.byteLength
    if (sizeBytes > REPLY_LIMIT_BYTES) throw new Error('the answer is too large')
    chunks.push(chunk)
  }
  const headers = Object.fromEntries(
    Object.entries(response.headers).map(([name, value]) => [
      name,
      Array.isArray(value) ? value.join(',') : value,
    ]),
  )
  return { status: response.statusCode ?? 0, headers, body: Buffer.concat(chunks) }
}

function toSource(body: ClientCall['body']): ByteSource {
  if (body === undefined) return bufferSource(new Uint8Array(0))
  return body instanceof Uint8Array ? bufferSource(body) : body
}

function lowerCase(headers: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(
    Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value]),
  )
}
