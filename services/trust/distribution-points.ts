import { DerCursor, TAG, type Der } from '../seal/index.ts'

/** A DistributionPoint of a certificate (RFC 5280 §4.2.1.13), as far as lists are matched to it. */
export interface DistributionPoint {
  /** Encodings of its names, in hex: full names, or one relative to the issuer. */
  readonly names: readonly string[]
  /** For some reasons only, or by another issuer: lists of which are not claimed. */
  readonly partial: boolean
}

/** @throws PlatformError INVALID_SEAL */
export function parseDistributionPoints(value: Der | undefined): readonly DistributionPoint[] {
  if (value === undefined) return []
  return [...new DerCursor(value, TAG.sequence, 'the distribution points').rest()].map((item) => {
    const cursor = new DerCursor(item, TAG.sequence, 'a distribution point')
    const name = cursor.explicit(0xa0, 'a distribution point')
    const reasons = cursor.optional(0x81)
    const issuer = cursor.optional(0xa2)
    cursor.end()
    return { names: pointNames(name), partial: reasons !== undefined || issuer !== undefined }
  })
}

/** A DistributionPointName: fullName [0] or nameRelativeToCRLIssuer [1]. */
export function pointNames(name: Der | undefined): readonly string[] {
  if (name === undefined) return []
  const parts = name.tag === 0xa0 ? name.children : [name]
  return parts.map(({ bytes }) => Buffer.from(bytes).toString('hex'))
}
