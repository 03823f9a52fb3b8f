import { createWriteStream, mkdirSync, renameSync, statSync, type WriteStream } from 'node:fs'
import { join } from 'node:path'

import { LOG_FILE_LIMIT_BYTES, LOG_LINE_LIMIT_BYTES } from './constants.ts'

/** Bytes waiting for the disk, per function; above it output is dropped rather than held. */
const BACKLOG_LIMIT_BYTES = 8_388_608

/** One log file per function, `dataDir/logs/NAME.log`, set aside once (`.1`) at its size limit. */
export class LogFiles implements AsyncDisposable {
  readonly #dir: string
  readonly #onLine: ((functionName: string, line: string) => void) | undefined
  readonly #open = new Map<string, LogFile>()

  constructor(dir: string, onLine: ((functionName: string, line: string) => void) | undefined) {
    this.#dir = dir
    this.#onLine = onLine
    mkdirSync(dir, { recursive: true, mode: 0o700 })
  }

  /** Where one environment writes. Lines are cut per environment, so that two do not mix within one. */
  writerFor(functionName: string): (bytes: Uint8Array) => void {
    const onLine = this.#onLine
    const lines = new LineCutter((line) => {
      this.#file(functionName).write(`${line}\n`)
      onLine?.(functionName, line)
    })
    return (bytes) => lines.push(bytes)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all([...this.#open.values()].map((file) => file.close()))
    this.#open.clear()
  }

  #file(functionName: string): LogFile {
    // A function's name is [a-zA-Z0-9-_]; anything else cannot leave the directory either.
    const name = functionName.replace(/[^a-zA-Z0-9-_]/g, '_')
    const file = this.#open.get(name) ?? new LogFile(join(this.#dir, `${name}.log`))
    this.#open.set(name, file)
    return file
  }
}

class LogFile {
  readonly #path: string
  #stream: WriteStream
  #sizeBytes: number

  constructor(path: string) {
    this.#path = path
    this.#sizeBytes = statSync(path, { throwIfNoEntry: false })?.size ?? 0
    this.#stream = openStream(path)
  }

  write(line: string): void {
    if (this.#stream.writableLength > BACKLOG_LIMIT_BYTES || this.#stream.errored !== null) return
    if (this.#sizeBytes > LOG_FILE_LIMIT_BYTES) this.#rotate()
    this.#sizeBytes += Buffer.byteLength(line)
    this.#stream.write(line)
  }

  close(): Promise<void> {
    return new Promise((resolve) => this.#stream.end(() => resolve()))
  }

  #rotate(): void {
    this.#stream.end()
    renameSync(this.#path, `${this.#path}.1`)
    this.#stream = openStream(this.#path)
    this.#sizeBytes = 0
  }
}

function openStream(path: string): WriteStream {
  const stream = createWriteStream(path, { flags: 'a', mode: 0o600 })
  // A full disk costs log lines, never an invocation.
  stream.on('error', () => undefined)
  return stream
}

/** Cuts bytes into lines; what comes above the length limit of a line is dropped. */
export class LineCutter {
  readonly #onLine: (line: string) => void
  #rest = ''
  readonly #decoder = new TextDecoder()

  constructor(onLine: (line: string) => void) {
    this.#onLine = onLine
  }

  push(bytes: Uint8Array): void {
    const parts = (this.#rest + this.#decoder.decode(bytes, { stream: true })).split('\n')
    this.#rest = (parts.pop() ?? '').slice(0, LOG_LINE_LIMIT_BYTES)
    for (const line of parts) this.#onLine(line.slice(0, LOG_LINE_LIMIT_BYTES))
  }
}
