import { createHash, hash as hashOnce } from 'node:crypto'

import { PlatformError } from './errors.ts'

declare const brand: unique symbol

/** A SHA-256 as 64 lower-case hex digits. */
export type Sha256 = string & { readonly [brand]: 'Sha256' }

/** @throws PlatformError INVALID_PARAMETER */
export function parseSha256(text: string): Sha256 {
  if (!/^[0-9a-f]{64}$/.test(text)) {
    throw new PlatformError(
      'INVALID_PARAMETER',
      `\`${text.slice(0, 80)}\` is not a SHA-256 in lower-case hex`,
    )
  }
  return text as Sha256
}

export function sha256(...parts: readonly (Uint8Array | string)[]): Sha256 {
  const [only] = parts
  if (only !== undefined && parts.length === 1) return hashOnce('sha256', only) as Sha256
  const hash = createHash('sha256')
  for (const part of parts) hash.update(part)
  return hash.digest('hex') as Sha256
}

/** AWS's CodeSha256: base64 of the same 32 bytes. */
export function toBase64Digest(digest: Sha256): string {
  return Buffer.from(digest, 'hex').toString('base64')
}
