import type { TimestampAuthority } from '../model/index.ts'
import type { VerificationCache } from './cache.ts'
import type { Certificate } from './certificate.ts'
import { certificateOfPem } from './single-block.ts'

/** A timestamp authority as its tokens are judged by: of a publisher document, or of a Sigstore trusted root. */
export interface KnownAuthority {
  readonly anchors: readonly Certificate[]
  /** May hold the signing certificate itself, for tokens that do not carry it. */
  readonly intermediates: readonly Certificate[]
  /** When its tokens count, where its document says so; the last millisecond included. */
  readonly notBeforeMs?: number
  readonly notAfterMs?: number
}

/** @throws PlatformError INVALID_SEAL */
export function toKnownAuthority(
  { rootsPem, intermediatesPem }: TimestampAuthority,
  cache: VerificationCache,
): KnownAuthority {
  return {
    anchors: rootsPem.map((pem) => certificateOfPem(pem, cache)),
    intermediates: intermediatesPem.map((pem) => certificateOfPem(pem, cache)),
  }
}
