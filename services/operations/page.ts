import { PlatformError } from '../model/index.ts'

/** A page as asked for: `marker` is the NextMarker of the page before. */
export interface PageAsked {
  readonly marker?: string | undefined
  readonly limit: number
}

export interface PageAnswer<T> {
  readonly items: readonly T[]
  readonly nextMarker: string | undefined
}

/** Cuts a list that was read one item too far; the marker is the key of the last item given. */
export function toPage<T>(
  found: readonly T[],
  limit: number,
  keyOf: (item: T) => string,
): PageAnswer<T> {
  const items = found.slice(0, limit)
  const last = items.at(-1)
  const nextMarker = found.length > limit && last !== undefined ? toMarker(keyOf(last)) : undefined
  return { items, nextMarker }
}

export function toMarker(key: string): string {
  return Buffer.from(key, 'utf8').toString('base64url')
}

/** The key in a marker. @throws PlatformError INVALID_PARAMETER */
export function readMarker(marker: string | undefined): string | undefined {
  if (marker === undefined || marker === '') return undefined
  const key = Buffer.from(marker, 'base64url').toString('utf8')
  if (toMarker(key) === marker) return key
  throw new PlatformError('INVALID_PARAMETER', 'the marker is none that this service gave')
}
