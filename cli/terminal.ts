import { escapeUnsafe, type Json } from '../services/model/index.ts'
import { EXIT, type ExitCode } from './exit-codes.ts'

/** A stream of ours or of a test. */
export interface Output {
  readonly isTTY?: boolean
  readonly columns?: number
  write(text: string): unknown
}

export interface Progress {
  update(done: number, total: number): void
  end(): void
}

/** Result on stdout, narration on stderr. Commands write nowhere else. */
export interface Terminal {
  /** `--json` was given: the result goes out as JSON, errors too. */
  readonly json: boolean
  /** The one result of the command: as JSON with `--json`, else as text. */
  result(value: Json, text: string): void
  /** One of many results, as they come: with `--json` one object a line, else as text. */
  row(value: Json, text: string): void
  /** A line of narration. */
  say(line: string): void
  /** What a person has to do for the command to go on: told with `--json`, too. */
  prompt(line: string): void
  /** A line that rewrites itself while a terminal watches; silent otherwise, and with `--json`. */
  progress(label: string): Progress
  /** The exit code of a command that has shown its result and answers no. */
  exitWith(code: ExitCode): void
}

/** Foreign text as part of a line: line breaks too are shown as \u escapes. */
export function inline(text: string): string {
  return escapeUnsafe(text, '')
}

/** The terminal of a running command. */
export class StandardTerminal implements Terminal {
  json = false
  exitCode: ExitCode = EXIT.ok
  readonly #out: Output
  readonly #err: Output

  constructor(out: Output, err: Output) {
    this.#out = out
    this.#err = err
  }

  result(value: Json, text: string): void {
    write(this.#out, this.json ? JSON.stringify(value, null, 2) : text)
  }

  row(value: Json, text: string): void {
    write(this.#out, this.json ? JSON.stringify(value) : text)
  }

  say(line: string): void {
    if (!this.json) write(this.#err, line)
  }

  prompt(line: string): void {
    write(this.#err, line)
  }

  progress(label: string): Progress {
    const err = this.#err
    if (this.json || err.isTTY !== true) return { update: () => {}, end: () => {} }
    let shown = ''
    return {
      update(done, total) {
        const percent = total === 0 ? 100 : Math.floor((done / total) * 100)
        const line = `${inline(label)} ${percent} %`.slice(0, (err.columns ?? 80) - 1)
        if (line === shown) return
        err.write(`\r\u001b[2K${line}`)
        shown = line
      },
      end() {
        if (shown !== '') err.write('\r\u001b[2K')
        shown = ''
      },
    }
  }

  exitWith(code: ExitCode): void {
    this.exitCode = code
  }

  /** What went wrong: one JSON object with `--json`, else a line. */
  fail(error: { readonly [name: string]: Json | undefined }, line: string): void {
    write(this.#err, this.json ? JSON.stringify({ error }) : line)
  }
}

function write(output: Output, text: string): void {
  output.write(`${output.isTTY === true ? escapeUnsafe(text, '\n\t') : text}\n`)
}
