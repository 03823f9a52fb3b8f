import { PlatformError, parseIsoTime } from '../../model/index.ts'

/** The latest instant that a four-digit year can name; beyond it no RFC 3339 text exists. */
const LATEST_MS = 253_402_300_799_999

/** @throws PlatformError INVALID_PARAMETER */
export function parseInstant(member: string, text: string): number {
  const ms = parseIsoTime(text)
  if (ms !== undefined && ms >= 0 && ms <= LATEST_MS) return ms
  throw new PlatformError(
    'INVALID_PARAMETER',
    `\`${member}\` is no time like 2026-05-03T14:00:00Z, with a zone`,
  )
}

/** A count in a query, within bounds. @throws PlatformError INVALID_PARAMETER */
export function parseCount(
  member: string,
  text: string | undefined,
  bounds: { readonly min: number; readonly max: number; readonly otherwise: number },
): number {
  if (text === undefined) return bounds.otherwise
  const count = Number(text)
  if (count >= bounds.min && count <= bounds.max) return count
  throw new PlatformError(
    'INVALID_PARAMETER',
    `\`${member}\` takes ${bounds.min} to ${bounds.max}, not ${text}`,
  )
}
