import { limits } from '../model/index.ts'

import { LOG_INVOCATION_LIMIT_BYTES } from './constants.ts'
import { FramedLogs, type RecordFacts } from './framed-logs.ts'
import type { LogWriter } from './options.ts'

const NEWLINE = 0x0a
const LINE_END = Buffer.of(NEWLINE)

/**
 * The output of one environment: what one invocation wrote is kept up to a limit, the rest is counted and dropped, and
 * the last 4 KB are kept whatever their number (X-Amz-Log-Result). 1 GB of output costs a counter.
 */
export class LogCapture {
  readonly #sink: LogWriter
  #requestId: string | undefined
  /** Up to twice the tail, cut back when longer. */
  #tail: Buffer[] = []
  #tailBytes = 0
  #written = 0
  #dropped = 0
  #midLine = false
  #framed: FramedLogs | undefined

  constructor(sink: LogWriter) {
    this.#sink = sink
  }

  /** Whether this invocation has written more than is kept. */
  get flooded(): boolean {
    return this.#dropped > 0
  }

  /** Forgets the tail and the count: a new invocation begins; none where an environment is warmed up. */
  begin(requestId: string | undefined): void {
    // What flooded is read late, after the report of it too: the rest of a record that has well begun is to come.
    if (this.#written < LOG_INVOCATION_LIMIT_BYTES) this.#framed?.end()
    this.flushMarker()
    this.#requestId = requestId
    this.#tail = []
    this.#tailBytes = 0
    this.#written = 0
  }

  /** Bytes of the function's own. */
  write(bytes: Buffer): void {
    if (bytes.byteLength === 0) return
    const room = this.#take(bytes.byteLength)
    if (room > 0) this.#emit(bytes.subarray(0, room))
    if (room < bytes.byteLength) this.#keepTail(bytes.subarray(room))
  }

  /** Where records of one process come framed; what another one had begun is given first. */
  openFramed(tap: (text: Buffer, timeMs: number | undefined) => void): FramedLogs {
    this.#framed?.end()
    this.#framed = new FramedLogs({
      record: (text, facts) => {
        this.#record(text, facts)
        tap(text, facts.timeMs)
      },
      skipped: (bytes) => void this.#take(bytes),
    })
    return this.#framed
  }

  /** A record, whole, whatever line of output was begun. */
  #record(text: Buffer, facts: RecordFacts): void {
    const room = this.#take(text.byteLength + 1)
    if (room > 0) this.#sink(text.subarray(0, room), this.#requestId, facts)
    this.#keepTail(Buffer.concat([text, LINE_END]))
  }

  /** How many of so many bytes there is room for; the rest counts as dropped. */
  #take(bytes: number): number {
    const room = Math.min(bytes, LOG_INVOCATION_LIMIT_BYTES - this.#written)
    this.#written += room
    this.#dropped += bytes - room
    return room
  }

  /** A line of the platform's: never dropped, and always a line of its own. */
  line(text: string): void {
    this.flushMarker()
    const bytes = Buffer.from(`${this.#midLine ? '\n' : ''}${text}\n`)
    this.#emit(bytes)
  }

  /** A line for the log stream alone: AWS's X-Amz-Log-Result does not hold it (recorded). */
  streamLine(text: string): void {
    this.#sink(Buffer.from(`${this.#midLine ? '\n' : ''}${text}\n`), this.#requestId)
    this.#midLine = false
  }

  /** Nothing more comes: a line that was begun is one. */
  close(): void {
    this.#framed?.end()
    this.flushMarker()
    if (this.#midLine) this.#emit(Buffer.from('\n'))
  }

  /** Says in the log how much was dropped. */
  flushMarker(): void {
    if (this.#dropped === 0) return
    const text = `[lacre] ${this.#dropped} bytes of output dropped: over ${LOG_INVOCATION_LIMIT_BYTES} bytes in one invocation`
    this.#dropped = 0
    this.#emit(Buffer.from(`${this.#midLine ? '\n' : ''}${text}\n`))
  }

  /** The last 4 KB. */
  tail(): Uint8Array {
    const all = Buffer.concat(this.#tail)
    return all.subarray(Math.max(0, all.byteLength - limits.LOG_TAIL_LIMIT_BYTES))
  }

  #emit(bytes: Buffer): void {
    this.#midLine = bytes.at(-1) !== NEWLINE
    this.#keepTail(bytes)
    this.#sink(bytes, this.#requestId)
  }

  #keepTail(bytes: Buffer): void {
    const last = bytes.subarray(Math.max(0, bytes.byteLength - limits.LOG_TAIL_LIMIT_BYTES))
    // Copied: a slice would keep the socket's whole chunk alive.
    this.#tail.push(Buffer.from(last))
    this.#tailBytes += last.byteLength
    if (this.#tailBytes > 4 * limits.LOG_TAIL_LIMIT_BYTES) {
      const cut = Buffer.from(this.tail())
      this.#tail = [cut]
      this.#tailBytes = cut.byteLength
    }
  }
}
