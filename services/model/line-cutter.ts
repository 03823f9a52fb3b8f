/** One line of a log; the rest of a longer one is dropped. AWS: 256 KB an event. */
export const LOG_LINE_LIMIT_CHARS = 262_144

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
    this.#rest = (parts.pop() ?? '').slice(0, LOG_LINE_LIMIT_CHARS)
    for (const line of parts) this.#onLine(line.slice(0, LOG_LINE_LIMIT_CHARS))
  }
}
