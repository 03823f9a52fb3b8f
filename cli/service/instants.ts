import { PlatformError, parseIsoTime, toIsoTime } from '../../services/model/index.ts'
import { parseSpan } from '../spans.ts'

/** A time as commands take it: RFC 3339 with a zone, seconds may be left out. @throws PlatformError INVALID_PARAMETER */
export function instantOption(name: string, text: string): string {
  const ms = parseIsoTime(text)
  if (ms !== undefined) return toIsoTime(ms)
  throw new PlatformError(
    'INVALID_PARAMETER',
    `${name} wants a time with a zone, like 2026-05-03T14:00Z, not \`${text.slice(0, 40)}\``,
  )
}

/** How long ago (`10m`, `7d`) or since when, as a time. @throws PlatformError INVALID_PARAMETER */
export function sinceOption(name: string, text: string, nowMs: number): string {
  if (!/^\d+[a-z]$/.test(text)) return instantOption(name, text)
  return toIsoTime(Math.max(0, nowMs - parseSpan(name, text)))
}
