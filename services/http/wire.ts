import type { IncomingMessage, ServerResponse } from 'node:http'

import type { SignedRequest } from '../auth/index.ts'
import { PlatformError, sigv4 } from '../model/index.ts'

import type { Send } from './answer-pipe.ts'
import { ClientGone } from './client-gone.ts'

/** One request and its answer, as Node has them. */
export interface Exchange {
  readonly req: IncomingMessage
  readonly res: ServerResponse
  readonly requestId: string
}

export interface WireAnswer {
  readonly status: number
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: Uint8Array | string
  /** In place of the body. */
  readonly stream?: WireStream
}

/** Sends a body piece by piece; where it throws, the connection is broken, so that the body is not taken for whole. */
export type WireStream = (send: Send) => Promise<void>

/** What a client still sends after it was answered is read away up to here, so that it gets to read the answer. */
const DRAIN_LIMIT_BYTES = 150_000_000
const DRAIN_TIMEOUT_MS = 30_000

/**
 * The request as it is signed and routed: nothing decoded. Only origin-form targets in visible ASCII are taken.
 * @throws PlatformError INVALID_PARAMETER
 */
export function readRequest(req: IncomingMessage): SignedRequest {
  const url = req.url ?? ''
  if (!/^\/[!-~]*$/.test(url) || url.includes('#'))
    throw new PlatformError('INVALID_PARAMETER', 'the request target must be a path in ASCII')
  const at = url.indexOf('?')
  const headers: [string, string][] = []
  for (let i = 0; i + 1 < req.rawHeaders.length; i += 2)
    headers.push([req.rawHeaders[i] ?? '', req.rawHeaders[i + 1] ?? ''])
  return {
    method: req.method ?? '',
    path: at === -1 ? url : url.slice(0, at),
    query: at === -1 ? '' : url.slice(at + 1),
    headers,
  }
}

/** Query members by their wire name; a repeated one is the array of its values. @throws PlatformError INVALID_PARAMETER */
export function readQuery(query: string): Record<string, string | readonly string[]> {
  const members = new Map<string, string[]>()
  try {
    for (const [name, value] of sigv4.parseQuery(query)) {
      const values = members.get(name)
      if (values === undefined) members.set(name, [value])
      else values.push(value)
    }
  } catch (cause) {
    throw new PlatformError('INVALID_PARAMETER', 'the query is not percent-encoded UTF-8', {
      cause,
    })
  }
  return Object.fromEntries(
    [...members].map(([name, values]) => [name, values.length === 1 ? (values[0] ?? '') : values]),
  )
}

export function declaresBody(req: IncomingMessage): boolean {
  const length = req.headers['content-length']
  return req.headers['transfer-encoding'] !== undefined || (length !== undefined && length !== '0')
}

export function sendAnswer(exchange: Exchange, answer: WireAnswer): void {
  const { req, res, requestId } = exchange
  if (res.headersSent || res.destroyed) return
  const body = answer.body ?? ''
  const unread = req.complete === false && declaresBody(req)
  const headers: Record<string, string | number> = {
    'x-amzn-RequestId': requestId,
    ...answer.headers,
    ...(unread ? { connection: 'close' } : {}),
  }
  if (answer.status !== 204) headers['content-length'] = Buffer.byteLength(body)
  res.writeHead(answer.status, headers)
  if (!unread) return void res.end(body)
  // The answer goes out now; the connection closes when the client has finished talking, or has talked too long.
  res.write(body)
  const patience = answer.status === 408 ? 0 : DRAIN_TIMEOUT_MS
  drain(req, patience, () => res.end(() => req.socket.destroySoon()))
}

const SIP_BYTES = 65_536

/**
 * Status and headers at once, then what comes, as fast as the client takes it.
 * @throws ClientGone where it went away, or took nothing for `idleMs`
 */
export async function sendStream(
  res: ServerResponse,
  stream: WireStream,
  idleMs: number,
): Promise<void> {
  res.flushHeaders()
  try {
    await stream(async (bytes) => {
      // In sips: only so is it seen that a slow client reads at all.
      for (let at = 0; at < bytes.byteLength; at += SIP_BYTES) {
        if (res.destroyed) throw new ClientGone('the client went away')
        if (!res.write(bytes.subarray(at, at + SIP_BYTES))) await drained(res, idleMs)
      }
    })
    res.end()
  } catch (error) {
    res.destroy()
    throw error
  }
}

/** A client that reads nothing for so long is let go: it would hold an environment for as long as it likes. */
async function drained(res: ServerResponse, idleMs: number): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    const settle = (finish: () => void): void => {
      clearTimeout(timer)
      res.off('drain', onDrain).off('close', onClose)
      finish()
    }
    const onDrain = (): void => settle(resolve)
    const onClose = (): void => settle(() => reject(new ClientGone('the client went away')))
    const timer = setTimeout(
      () => settle(() => reject(new ClientGone('the client reads nothing'))),
      idleMs,
    )
    res.once('drain', onDrain).once('close', onClose)
  })
}

function drain(req: IncomingMessage, timeoutMs: number, done: () => void): void {
  let left = DRAIN_LIMIT_BYTES
  const finish = (): void => {
    clearTimeout(timer)
    req.off('data', count).off('end', finish).off('close', finish).off('error', finish)
    req.on('error', () => undefined)
    done()
  }
  const count = (chunk: Uint8Array): void => {
    left -= chunk.byteLength
    if (left < 0) finish()
  }
  const timer = setTimeout(finish, timeoutMs)
  req.on('data', count).on('end', finish).on('close', finish).on('error', finish)
  req.resume()
}
