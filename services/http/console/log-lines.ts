import { escapeUnsafe } from '../../model/index.ts'

/** Of a line so much is shown; the whole of it is in the JSON and at the command line. */
export const LINE_SHOWN_CHARS = 4_096

/** An event of `GET /functions/:functionName/logs`. */
export interface LogEventBody {
  readonly time: string
  readonly message: string
  readonly requestId?: string
  readonly version?: string
}

/** A line as it is shown: with nothing in it that could show something else. */
export interface ShownLine {
  /** `2026-05-03 14:00:00.123`, UTC. */
  readonly time: string
  readonly version: string
  /** Empty where it is that of the line before: each invocation is named once. */
  readonly requestId: string
  readonly text: string
}

/** Runtimes keep the lines of one record together by carriage returns; each is a line of its own here, of the same event. */
export function shownLines(events: readonly LogEventBody[], before?: string): ShownLine[] {
  let last = before
  return events.map(({ time, message, requestId, version }) => {
    const named = requestId === undefined || requestId === last ? '' : requestId
    last = requestId ?? last
    return {
      time: time.replace('T', ' ').replace(/Z$/, ''),
      version: escapeUnsafe(version ?? '', ''),
      requestId: named,
      text: textOf(message),
    }
  })
}

function textOf(message: string): string {
  const lines = message.replaceAll(/\r\n?/g, '\n').replace(/\n+$/, '')
  const cut = lines.length - LINE_SHOWN_CHARS
  const text = escapeUnsafe(lines.slice(0, LINE_SHOWN_CHARS), '\n\t')
  return cut > 0 ? `${text} … (${cut} characters more)` : text
}
