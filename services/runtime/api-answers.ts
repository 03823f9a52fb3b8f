import type { IncomingMessage, ServerResponse } from 'node:http'

import type { Refusal } from './session.ts'

/** `undefined` when it is over the limit; the rest is then read and dropped, so that the client sees the answer. */
export async function readBody(
  request: IncomingMessage,
  limitBytes: number,
): Promise<Buffer | undefined> {
  const chunks: Buffer[] = []
  let size = 0
  for await (const chunk of request as AsyncIterable<Buffer>) {
    size += chunk.byteLength
    if (size <= limitBytes) chunks.push(chunk)
    else if (size > 4 * limitBytes) throw new RangeError('the body does not end')
  }
  return size > limitBytes ? undefined : Buffer.concat(chunks)
}

export function accept(response: ServerResponse): void {
  const body = '{"status":"OK"}\n'
  response.writeHead(202, { 'Content-Type': 'application/json', 'Content-Length': body.length })
  response.end(body)
}

export function refuse(request: IncomingMessage, response: ServerResponse, refusal: Refusal): void {
  request.resume()
  answer(response, refusal)
}

export function answer(response: ServerResponse, refusal: Refusal): void {
  const { errorMessage, errorType } = refusal
  sendJson(response, refusal.status, { errorMessage, errorType })
}

export function sendJson(
  response: ServerResponse,
  status: number,
  value: unknown,
  headers: Readonly<Record<string, string>> = {},
): void {
  const body = JSON.stringify(value)
  response.writeHead(status, {
    'Content-Type': 'application/json',
    'Content-Length': Buffer.byteLength(body),
    ...headers,
  })
  response.end(body)
}
