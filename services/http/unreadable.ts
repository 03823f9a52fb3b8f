import type { Socket } from 'node:net'

import { PlatformError } from '../model/index.ts'
import type { Deps } from '../operations/index.ts'

import { toAwsAnswer } from './error-answer.ts'
import type { WireAnswer } from './wire.ts'

/** What Node could not read as HTTP, or not in time. */
export function refuseUnreadable(
  deps: Pick<Deps, 'random' | 'log'>,
  error: Error & { code?: string },
  socket: Socket,
): void {
  if (error.code === 'ECONNRESET' || !socket.writable) return void socket.destroy()
  const answer = toAwsAnswer(unreadable(error.code))
  const requestId = deps.random.uuid()
  deps.log.debug({ requestId, code: error.code }, 'request could not be read')
  socket.end(plainResponse(answer, requestId))
}

function unreadable(code: string | undefined): PlatformError {
  if (code === 'ERR_HTTP_REQUEST_TIMEOUT')
    return new PlatformError('REQUEST_TIMEOUT', 'the request came too slowly')
  if (code === 'HPE_HEADER_OVERFLOW')
    return new PlatformError('INVALID_PARAMETER', 'the request headers are too large')
  return new PlatformError('INVALID_PARAMETER', 'the request is not HTTP/1.1')
}

function plainResponse(answer: WireAnswer, requestId: string): string {
  const body = typeof answer.body === 'string' ? answer.body : ''
  const headers = {
    ...answer.headers,
    'x-amzn-RequestId': requestId,
    connection: 'close',
    'content-length': String(Buffer.byteLength(body)),
  }
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`)
  return `HTTP/1.1 ${answer.status} Refused\r\n${lines.join('')}\r\n${body}`
}
