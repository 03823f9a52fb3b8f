import type { VerificationCache } from '../cache.ts'
import type { Certificate } from '../certificate.ts'
import { findPath, type PathRefusal } from '../path.ts'
import { isWithin, type CertificateAuthority, type TrustedRoot } from './trusted-root.ts'

export type FulcioPath =
  | {
      readonly kind: 'path'
      readonly certificates: readonly Certificate[]
      readonly authority: CertificateAuthority
    }
  | { readonly kind: 'none'; readonly refusal: PathRefusal | undefined }

/**
 * A path to a certificate authority of the trusted root, over its own intermediates alone: what a bundle brings may not
 * add to them. One whose window holds every instant is preferred; the caller names the lack of it.
 */
export function findFulcioPath(
  leaf: Certificate,
  root: TrustedRoot,
  timesMs: readonly number[],
  cache: VerificationCache,
): FulcioPath {
  const results = root.certificateAuthorities.map((authority) => {
    const { intermediates, anchor } = authority
    return {
      authority,
      result: findPath(leaf, { intermediates, anchors: [anchor], timesMs }, cache),
    }
  })
  const paths: Omit<Extract<FulcioPath, { kind: 'path' }>, 'kind'>[] = []
  const refusals: PathRefusal[] = []
  for (const { authority, result } of results) {
    if (result.kind === 'path') paths.push({ authority, certificates: result.certificates })
    else refusals.push(result.refusal)
  }
  const open = paths.find(({ authority }) => timesMs.every((ms) => isWithin(authority.window, ms)))
  const path = open ?? paths[0]
  if (path !== undefined) return { kind: 'path', ...path }
  const farthest = refusals.find(({ reason }) => reason !== 'unknown-issuer') ?? refusals[0]
  return { kind: 'none', refusal: farthest }
}
