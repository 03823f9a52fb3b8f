import { PlatformError, canonicalJson, sha256, type Json } from '../model/index.ts'
import type { Position } from '../logs/index.ts'

/** How much of the digest of what was asked stands in a token. */
const BOUND_CHARS = 16

/**
 * Where a page of logs or attempts goes on, as the caller gets it: opaque, and good for exactly what was asked. Whoever may
 * not read a group gets nowhere with a token of it: it is a place within what is asked, and no key to it.
 */
export function toPageToken(asked: Json, { segment, offset }: Position): string {
  return Buffer.from(JSON.stringify([boundTo(asked), segment, offset])).toString('base64url')
}

/** @throws PlatformError INVALID_PARAMETER for a token that is none of ours, or of another question */
export function readPageToken(asked: Json, token: string | undefined): Position | undefined {
  if (token === undefined || token === '') return undefined
  const [bound, segment, offset] = partsOf(token)
  const isWhole = Number.isSafeInteger(segment) && Number.isSafeInteger(offset)
  if (!isWhole || typeof bound !== 'string') throw invalidToken('is none that this service gave')
  if (bound !== boundTo(asked)) throw invalidToken('belongs to another question')
  return { segment: Number(segment), offset: Number(offset) }
}

function partsOf(token: string): readonly unknown[] {
  try {
    const json: unknown = JSON.parse(Buffer.from(token, 'base64url').toString('utf8'))
    return Array.isArray(json) && toBase64(json) === token ? json : []
  } catch {
    return []
  }
}

function toBase64(parts: readonly unknown[]): string {
  return Buffer.from(JSON.stringify(parts)).toString('base64url')
}

function boundTo(asked: Json): string {
  return sha256(canonicalJson(asked)).slice(0, BOUND_CHARS)
}

function invalidToken(what: string): PlatformError {
  return new PlatformError('INVALID_PARAMETER', `the specified nextToken is invalid: it ${what}`)
}
