import type { Duplex } from 'node:stream'

import { limits } from '../model/index.ts'

import { CHANNEL_FRAME_LIMIT_BYTES } from './constants.ts'
import { encodeFrame, FrameReader } from './frames.ts'
import type { Invocation, RuntimeSession } from './session.ts'

/**
 * The private channel of our own bootstraps: the Runtime API's calls as frames. To the runtime: u32le length of a JSON
 * head, head, event. From it: one byte of kind, then as the table says. Function code can write here too, so that
 * whatever breaks the form ends the environment.
 *
 * | kind | then                                                     | is            |
 * |  1   | u32le resident KB                                        | next          |
 * |  2   | 36 bytes of request id, the answer                       | response      |
 * |  3   | 36 bytes of request id, the error object                 | error         |
 * |  4   | the error object                                         | init/error    |
 * |  5   | 36 bytes of request id                                   | an answer over the limit |
 * |  6   | 36 bytes of request id, a content type                   | an answer in pieces begins |
 * |  7   | bytes                                                    | a piece       |
 * |  8   | 36 bytes of request id, an error object or nothing       | its end       |
 *
 * Of one that was started without code, before there is any: 12, it takes an invocation for practice, which it answers with 9;
 * 9, it waits; 10, it is what it was told; 11, it was told two things, and ends.
 */
export const FROM_RUNTIME = {
  next: 1, response: 2, error: 3, initError: 4, oversize: 5, stream: 6, piece: 7, end: 8,
  waiting: 9, assigned: 10, refused: 11, rehearsing: 12,
} as const // prettier-ignore
const REQUEST_ID_BYTES = 36
const CONTENT_TYPE_LIMIT_CHARS = 256
const KB_PER_MB = 1_024

export interface ChannelListener {
  /** The runtime broke the form or the order: it is not to be trusted with another invocation. */
  violated(reason: string): void
  memory(memoryMb: number): void
}

export function serveChannel(
  channel: Duplex,
  session: RuntimeSession,
  listener: ChannelListener,
): void {
  const frames = new FrameReader(CHANNEL_FRAME_LIMIT_BYTES, (frame) => take(frame))
  const deliver = (invocation: Invocation): void => {
    channel.write(encodeInvocation(invocation))
  }
  // Nothing more is read while the receiver of an answer is behind: the runtime's own writes wait then.
  let waits = 0
  const take = (frame: Buffer): void => {
    if (frame[0] === FROM_RUNTIME.piece && session.streaming) {
      const room = session.piece(frame.subarray(1))
      if (room === undefined) return
      waits += 1
      channel.pause()
      void room.then(() => {
        waits -= 1
        if (waits === 0) channel.resume()
      })
      return
    }
    const reason = takeFrame(frame, session, deliver, listener)
    if (reason !== undefined) listener.violated(reason)
  }
  channel.on('data', (chunk: Buffer) => {
    try {
      frames.push(chunk)
    } catch (cause) {
      channel.destroy()
      listener.violated((cause as Error).message)
    }
  })
  channel.resume()
}

/** What is wrong with it, if anything. */
function takeFrame(
  frame: Buffer,
  session: RuntimeSession,
  deliver: (invocation: Invocation) => void,
  listener: ChannelListener,
): string | undefined {
  const kind = frame[0]
  if (kind === FROM_RUNTIME.next && frame.byteLength === 5) {
    listener.memory(Math.ceil(frame.readUInt32LE(1) / KB_PER_MB))
    return session.next(deliver)?.errorMessage
  }
  if (kind === FROM_RUNTIME.initError)
    return session.failInit(frame.subarray(1), undefined)?.errorMessage
  const requestId = frame.toString('latin1', 1, 1 + REQUEST_ID_BYTES)
  const payload = frame.subarray(1 + REQUEST_ID_BYTES)
  if (kind === FROM_RUNTIME.stream) {
    const contentType = payload.toString('latin1').slice(0, CONTENT_TYPE_LIMIT_CHARS)
    return session.beginStream(requestId, contentType)?.errorMessage
  }
  if (kind === FROM_RUNTIME.end && session.streaming) {
    session.complete({
      kind: 'streamed',
      error: payload.byteLength === 0 ? undefined : { payload },
    })
    return undefined
  }
  const isError = kind === FROM_RUNTIME.error
  if (!isError && kind !== FROM_RUNTIME.response && kind !== FROM_RUNTIME.oversize)
    return 'unknown frame'
  const refusal = session.begin(requestId, isError ? 'error' : 'response')
  if (refusal !== undefined) return refusal.errorMessage
  const tooLarge =
    kind === FROM_RUNTIME.oversize || payload.byteLength > limits.INVOKE_PAYLOAD_LIMIT_BYTES
  if (tooLarge) session.complete({ kind: 'oversize' })
  else session.complete({ kind: isError ? 'error' : 'response', payload })
  return undefined
}

export function encodeInvocation(invocation: Invocation): Buffer {
  const { requestId, deadlineMs, invokedArn, traceId, clientContext } = invocation
  const head = Buffer.from(
    JSON.stringify({ requestId, deadlineMs, invokedArn, traceId, clientContext }),
  )
  const length = Buffer.allocUnsafe(4)
  length.writeUInt32LE(head.byteLength, 0)
  return encodeFrame(length, head, invocation.payload)
}
