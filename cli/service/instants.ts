import { PlatformError, parseIsoTime, toIsoTime } from '../../services/model/index.ts'

/** A time as commands take it: RFC 3339 with a zone, seconds may be left out. @throws PlatformError INVALID_PARAMETER */
export function instantOption(name: string, text: string): string {
  const ms = parseIsoTime(text)
  if (ms !== undefined) return toIsoTime(ms)
  throw new PlatformError(
    'INVALID_PARAMETER',
    `${name} wants a time with a zone, like 2026-05-03T14:00Z, not \`${text.slice(0, 40)}\``,
  )
}
