import { crc32 } from 'node:zlib'

/** AWS's media type of `InvokeWithResponseStream`. */
export const EVENT_STREAM_TYPE = 'application/vnd.amazon.eventstream'

/** A header value that is a string. */
const STRING_TYPE = 7
/** Total length, headers' length, checksum of the two. */
const PRELUDE_BYTES = 12
const CRC_BYTES = 4

/** Raw bytes of an answer. */
export function payloadChunk(piece: Uint8Array): Buffer {
  return encodeMessage('PayloadChunk', 'application/octet-stream', piece)
}

export interface InvokeComplete {
  readonly ErrorCode?: string | undefined
  readonly ErrorDetails?: string | undefined
  /** Base64 of the last 4 KB of log. */
  readonly LogResult?: string | undefined
}

/** The last message of an answer. */
export function invokeComplete(members: InvokeComplete): Buffer {
  return encodeMessage('InvokeComplete', 'application/json', Buffer.from(JSON.stringify(members)))
}

/**
 * One message: u32be total length, u32be headers' length, u32be CRC-32 of those, headers, payload, u32be CRC-32 of all
 * before it (SPEC A11).
 */
function encodeMessage(eventType: string, contentType: string, payload: Uint8Array): Buffer {
  const headers = Buffer.concat([
    encodeHeader(':event-type', eventType),
    encodeHeader(':content-type', contentType),
    encodeHeader(':message-type', 'event'),
  ])
  const total = PRELUDE_BYTES + headers.byteLength + payload.byteLength + CRC_BYTES
  const message = Buffer.allocUnsafe(total)
  message.writeUInt32BE(total, 0)
  message.writeUInt32BE(headers.byteLength, 4)
  message.writeUInt32BE(crc32(message.subarray(0, 8)), 8)
  headers.copy(message, PRELUDE_BYTES)
  message.set(payload, PRELUDE_BYTES + headers.byteLength)
  message.writeUInt32BE(crc32(message.subarray(0, total - CRC_BYTES)), total - CRC_BYTES)
  return message
}

function encodeHeader(name: string, value: string): Buffer {
  const length = Buffer.alloc(2)
  length.writeUInt16BE(Buffer.byteLength(value))
  return Buffer.concat([
    Buffer.of(Buffer.byteLength(name)),
    Buffer.from(name),
    Buffer.of(STRING_TYPE),
    length,
    Buffer.from(value),
  ])
}
