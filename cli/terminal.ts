import { escapeUnsafe, type Json } from '../services/model/index.ts'
import { byteCount } from './byte-count.ts'
import { EXIT, type ExitCode } from './exit-codes.ts'

/** A stream of ours or of a test. */
export interface Output {
  readonly isTTY?: boolean
  readonly columns?: number
  write(text: string): unknown
}

/** What is counted: bytes are said as such, parts as a share alone. */
export type ProgressUnit = 'bytes' | 'parts'

export interface Progress {
  /** Without a total what is done is said alone. */
  update(done: number, total?: number): void
  end(): void
}

/** Result on stdout, narration on stderr. Commands write nowhere else. */
export interface Terminal {
  /** `--json` was given: the result goes out as JSON, errors too. */
  readonly json: boolean
  /** How wide the terminal is that watches the results; `undefined` where none does: nothing is cut then. */
  readonly columns: number | undefined
  /** The one result of the command: as JSON with `--json`, else as text. */
  result(value: Json, text: string): void
  /** One of many results, as they come: with `--json` one object a line, else as text. */
  row(value: Json, text: string): void
  /** A line of narration; `--quiet` leaves it out. */
  say(line: string): void
  /** What a person has to do for the command to go on: told with `--json`, too. */
  prompt(line: string): void
  /** A line that rewrites itself while a terminal watches; silent otherwise, with `--json` and with `--quiet`. */
  progress(label: string, unit?: ProgressUnit): Progress
  /** The exit code of a command that has shown its result and answers no. */
  exitWith(code: ExitCode): void
}

/** Where a terminal does not say how wide it is. */
const ASSUMED_COLUMNS = 80

/** Foreign text as part of a line: line breaks too are shown as \u escapes. */
export function inline(text: string): string {
  return escapeUnsafe(text, '')
}

/** The terminal of a running command. */
export class StandardTerminal implements Terminal {
  json = false
  quiet = false
  exitCode: ExitCode = EXIT.ok
  readonly #out: Output
  readonly #err: Output
  /** The line of progress that stands there. */
  #line = ''

  constructor(out: Output, err: Output) {
    this.#out = out
    this.#err = err
  }

  get columns(): number | undefined {
    return this.#out.isTTY === true ? (this.#out.columns ?? ASSUMED_COLUMNS) : undefined
  }

  result(value: Json, text: string): void {
    this.#write(this.#out, this.json ? JSON.stringify(value, null, 2) : text)
  }

  row(value: Json, text: string): void {
    this.#write(this.#out, this.json ? JSON.stringify(value) : text)
  }

  say(line: string): void {
    if (!this.json && !this.quiet) this.#write(this.#err, line)
  }

  prompt(line: string): void {
    this.#write(this.#err, line)
  }

  progress(label: string, unit: ProgressUnit = 'parts'): Progress {
    const err = this.#err
    if (this.json || this.quiet || err.isTTY !== true) return { update: () => {}, end: () => {} }
    return {
      update: (done, total) => {
        const line = `${inline(label)} ${howFar(done, total, unit)}`
        const shown = line.slice(0, (err.columns ?? ASSUMED_COLUMNS) - 1)
        if (shown === this.#line) return
        err.write(`\r\u001b[2K${shown}`)
        this.#line = shown
      },
      end: () => this.#wipe(),
    }
  }

  exitWith(code: ExitCode): void {
    this.exitCode = code
  }

  /** What went wrong: one JSON object with `--json`, else a line. */
  fail(error: { readonly [name: string]: Json | undefined }, line: string): void {
    this.#write(this.#err, this.json ? JSON.stringify({ error }) : line)
  }

  /** Whatever is written takes the place of a line of progress. */
  #write(output: Output, text: string): void {
    this.#wipe()
    output.write(`${output.isTTY === true ? escapeUnsafe(text, '\n\t') : text}\n`)
  }

  #wipe(): void {
    if (this.#line !== '') this.#err.write('\r\u001b[2K')
    this.#line = ''
  }
}

function howFar(done: number, total: number | undefined, unit: ProgressUnit): string {
  const amount = (count: number): string => (unit === 'bytes' ? byteCount(count) : String(count))
  if (total === undefined) return amount(done)
  const percent = total === 0 ? 100 : Math.floor((done / total) * 100)
  return unit === 'bytes' ? `${percent} %, ${amount(done)} of ${amount(total)}` : `${percent} %`
}
