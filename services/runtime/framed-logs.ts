import { FRAMED_RECORD_LIMIT_BYTES, TELEMETRY_FRAME_LIMIT_BYTES } from './constants.ts'

/** What a runtime client says of a record besides its text. */
export interface RecordFacts {
  /** Milliseconds since the epoch, by the runtime's clock: not to be trusted. */
  readonly timeMs: number | undefined
  readonly level: LogLevel | undefined
}

export type LogLevel = 'TRACE' | 'DEBUG' | 'INFO' | 'WARN' | 'ERROR' | 'FATAL'

/** Takes what was read, in order. */
export interface RecordSink {
  /** One record, which may hold several lines; without the line end that closes it. */
  record(text: Buffer, facts: RecordFacts): void
  /** Bytes of a record over its limit, which are kept nowhere. */
  skipped(bytes: number): void
}

const LEVELS: readonly (LogLevel | undefined)[] = [
  undefined, 'TRACE', 'DEBUG', 'INFO', 'WARN', 'ERROR', 'FATAL',
] // prettier-ignore

/** The three bytes that every frame begins with; the fourth one tells what follows. */
const MAGIC = Buffer.of(0xa5, 0x5a, 0x00)
const LENGTH_AT = 4
const TIME_AT = 8
/** Bits of the fourth byte: 1 text rather than JSON, 2 a time follows the length, then three of level. */
const HAS_TIME = 0b10
const LEVEL_SHIFT = 2
const MICROSECONDS = 1_000
const NEWLINE = 0x0a
const EMPTY = Buffer.alloc(0)
const NO_FACTS: RecordFacts = { timeMs: undefined, level: undefined }

interface Head extends RecordFacts {
  readonly bytes: number
  readonly length: number
}

/** A record on its way: what of it is kept, and what of its frame is to come. */
interface Begun {
  readonly facts: RecordFacts
  /** Grows by doubling: a byte at a time costs a byte. */
  bytes: Buffer
  kept: number
  /** Nothing where it ends with a line. */
  left: number | undefined
}

/**
 * What runtime clients write to `_LAMBDA_TELEMETRY_LOG_FD` (SPEC A17; aws-lambda-ric of Node, Python, Ruby): u32be type
 * 0xa55a00xx, u32be length, u64be microseconds since the epoch where the type says so, text. The function's own code can write
 * here, too: whatever is no frame is lines, up to the next frame, and nothing is kept above the limits.
 */
export class FramedLogs {
  readonly #sink: RecordSink
  /** What may become the head of a frame. */
  #head: Buffer = EMPTY
  #begun: Begun | undefined

  constructor(sink: RecordSink) {
    this.#sink = sink
  }

  push(chunk: Buffer): void {
    let rest = this.#head.byteLength === 0 ? chunk : Buffer.concat([this.#head, chunk])
    this.#head = EMPTY
    while (rest.byteLength > 0) {
      if (this.#begun?.left !== undefined) {
        rest = this.#takeBody(this.#begun, rest)
        continue
      }
      const head = readHead(rest)
      if (head === 'more') {
        // Copied: a slice would keep the socket's whole chunk alive.
        this.#head = Buffer.from(rest)
        return
      }
      if (head === undefined) rest = this.#takeLines(rest)
      else rest = this.#begin(head, rest)
    }
  }

  /** Nothing more comes, or what comes belongs to something else: what was begun is a record. */
  end(): void {
    const head = this.#head
    this.#head = EMPTY
    if (head.byteLength > 0) this.#line(head)
    this.#give()
  }

  #begin(head: Head, rest: Buffer): Buffer {
    this.#give()
    const { timeMs, level, length } = head
    this.#begun = { facts: { timeMs, level }, bytes: EMPTY, kept: 0, left: length }
    if (length === 0) this.#give()
    return rest.subarray(head.bytes)
  }

  #takeBody(begun: Begun, rest: Buffer): Buffer {
    const body = rest.subarray(0, begun.left)
    begun.left = (begun.left ?? 0) - body.byteLength
    this.#keep(begun, body)
    if (begun.left === 0) this.#give()
    return rest.subarray(body.byteLength)
  }

  /** Up to what may be a frame; the first byte is none's. */
  #takeLines(rest: Buffer): Buffer {
    const frame = nextMagic(rest)
    const lines = rest.subarray(0, frame)
    let from = 0
    for (let at = lines.indexOf(NEWLINE); at >= 0; at = lines.indexOf(NEWLINE, from)) {
      this.#line(lines.subarray(from, at))
      this.#give()
      from = at + 1
    }
    if (from < lines.byteLength) this.#line(lines.subarray(from))
    return rest.subarray(frame)
  }

  #line(bytes: Buffer): void {
    this.#begun ??= { facts: NO_FACTS, bytes: EMPTY, kept: 0, left: undefined }
    this.#keep(this.#begun, bytes)
  }

  #keep(begun: Begun, bytes: Buffer): void {
    const room = Math.min(bytes.byteLength, FRAMED_RECORD_LIMIT_BYTES - begun.kept)
    if (begun.kept + room > begun.bytes.byteLength) {
      const grown = Buffer.allocUnsafe(Math.max(begun.kept + room, 2 * begun.kept))
      begun.bytes.copy(grown, 0, 0, begun.kept)
      begun.bytes = grown
    }
    bytes.copy(begun.bytes, begun.kept, 0, room)
    begun.kept += room
    if (room < bytes.byteLength) this.#sink.skipped(bytes.byteLength - room)
  }

  #give(): void {
    const begun = this.#begun
    if (begun === undefined) return
    this.#begun = undefined
    const { bytes, kept, facts } = begun
    const end = bytes[kept - 1] === NEWLINE ? kept - 1 : kept
    this.#sink.record(bytes.subarray(0, end), facts)
  }
}

/** What a frame says of itself; nothing where it is none, or too long to be one. */
function readHead(bytes: Buffer): Head | 'more' | undefined {
  const start = bytes.subarray(0, MAGIC.byteLength)
  if (!start.equals(MAGIC.subarray(0, start.byteLength))) return undefined
  const type = bytes[MAGIC.byteLength]
  if (type === undefined) return 'more'
  if (type >> LEVEL_SHIFT >= LEVELS.length) return undefined
  const hasTime = (type & HAS_TIME) !== 0
  const headBytes = hasTime ? TIME_AT + 8 : TIME_AT
  if (bytes.byteLength >= TIME_AT && bytes.readUInt32BE(LENGTH_AT) > TELEMETRY_FRAME_LIMIT_BYTES)
    return undefined
  if (bytes.byteLength < headBytes) return 'more'
  return {
    bytes: headBytes,
    length: bytes.readUInt32BE(LENGTH_AT),
    level: LEVELS[type >> LEVEL_SHIFT],
    timeMs: hasTime ? Math.floor(Number(bytes.readBigUInt64BE(TIME_AT)) / MICROSECONDS) : undefined,
  }
}

/** Where, behind the first byte, a frame may begin: at its magic, or at the part of it that the bytes end with. */
function nextMagic(bytes: Buffer): number {
  const whole = bytes.indexOf(MAGIC, 1)
  if (whole >= 0) return whole
  for (const part of [2, 1]) {
    const at = bytes.byteLength - part
    if (at >= 1 && bytes.subarray(at).equals(MAGIC.subarray(0, part))) return at
  }
  return bytes.byteLength
}
