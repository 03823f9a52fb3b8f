import { toIsoTime, type OidcPublisherDocument, type SealFinding } from '../../model/index.ts'
import type { VerificationCache } from '../cache.ts'
import { isSelfIssued, type Certificate } from '../certificate.ts'
import { failed } from '../findings.ts'
import type { PathRefusal } from '../path.ts'
import { parseFulcio } from './fulcio.ts'
import { findFulcioPath } from './fulcio-path.ts'
import { checkClaims, checkIdentity } from './oidc-identity.ts'
import { checkScts } from './sct.ts'
import { isWithin, type CertificateAuthority, type TrustedRoot } from './trusted-root.ts'

export type OidcSigner =
  | {
      readonly kind: 'found'
      readonly path: readonly Certificate[]
      readonly findings: readonly SealFinding[]
    }
  | { readonly kind: 'other'; readonly refusal: PathRefusal | undefined }

/**
 * A certificate beside an `oidc` publisher, in the order of Sigstore's client specification: path and window, SCT, then
 * who it is. `timesMs`: the signature's trusted times, or the present.
 * @throws PlatformError INVALID_SEAL where Fulcio's extensions cannot be read
 */
export function identifyOidcSigner(
  { leaf, others }: { readonly leaf: Certificate; readonly others: readonly Certificate[] },
  { document, root }: { readonly document: OidcPublisherDocument; readonly root: TrustedRoot },
  timesMs: readonly number[],
  cache: VerificationCache,
): OidcSigner {
  const found = findFulcioPath(leaf, root, timesMs, cache)
  if (found.kind === 'none') return { kind: 'other', refusal: found.refusal }
  const fulcio = parseFulcio(leaf, cache)
  const findings = [
    ...checkChain(others),
    ...checkAuthorityWindow(found.authority, timesMs),
    ...checkTransparency(found.certificates, root, cache),
    ...checkIdentity(fulcio, leaf, document),
    ...checkClaims(fulcio, document),
  ]
  return { kind: 'found', path: found.certificates, findings }
}

/** Sigstore's bundle format: a root never travels with what it is to vouch for. */
function checkChain(others: readonly Certificate[]): SealFinding[] {
  const root = others.find(isSelfIssued)
  if (root === undefined) return []
  return [
    failed('mismatch', 'root-in-bundle', {
      expected: 'a bundle without a root certificate',
      got: `it brings \`${root.name}\``,
      fix: 'make the bundle again with a current client',
    }),
  ]
}

function checkAuthorityWindow(
  { window, anchor }: CertificateAuthority,
  timesMs: readonly number[],
): SealFinding[] {
  const outside = timesMs.find((ms) => !isWithin(window, ms))
  if (outside === undefined) return []
  const until = window.untilMs === undefined ? '' : ` to ${toIsoTime(window.untilMs)}`
  return [
    failed('mismatch', 'authority-window', {
      expected: `a signature made while \`${anchor.name}\` was trusted: ${toIsoTime(window.fromMs)}${until}`,
      got: `one of ${toIsoTime(outside)}`,
      fix: 'sign again, or give the publisher a trusted root that still lists the authority',
    }),
  ]
}

/** A trusted root without certificate-transparency logs asks for no SCT: its operator runs none. */
function checkTransparency(
  path: readonly Certificate[],
  root: TrustedRoot,
  cache: VerificationCache,
): SealFinding[] {
  const [leaf, issuer = leaf] = path
  if (leaf === undefined || issuer === undefined || root.ctLogs.length === 0) return []
  const { scts } = parseFulcio(leaf, cache)
  const refusal = checkScts(scts, { leaf, issuer }, root.ctLogs, cache)
  if (refusal === undefined) return []
  return [
    failed('mismatch', refusal.reason, {
      expected: `a certificate that ${root.ctLogs.map(({ baseUrl }) => `\`${baseUrl}\``).join(' or ')} has seen`,
      got: refusal.got,
      fix: 'sign again with an authority that logs its certificates, or update the trusted root',
    }),
  ]
}
