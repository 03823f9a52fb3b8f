import { isSelfIssued, type Certificate } from './certificate.ts'
import { findForbiddenName, type ComparisonBudget } from './forbidden-names.ts'
import { refusePath, type PathRefusal } from './path-refusal.ts'
import { findPolicyFault, type PolicyInput } from './policies.ts'
import { NO_AUTHORITY_KEY_ID } from './profile.ts'
import type { Purpose } from './purpose.ts'

/** What is asked of a path beside that it leads to an anchor. */
export interface PathRules {
  readonly purpose?: Purpose
  /** `rfc5280`: what §4 demands of issuers is demanded of every certificate, not only what §6 checks. */
  readonly profile?: 'rfc5280'
  readonly policies?: PolicyInput
  /** Between leaf and anchor; self-issued ones do not count. */
  readonly maxIntermediates?: number
}

/** What stands against one certificate wherever it stands. */
export function refuseCertificate(
  certificate: Certificate,
  { profile }: PathRules,
  isAnchor: boolean,
): PathRefusal | undefined {
  const { extensions, name, subjectName } = certificate
  const departures = certificate.departures.filter(
    (one) => !isAnchor || one !== NO_AUTHORITY_KEY_ID,
  )
  if (extensions.refused.length > 0)
    return refusePath(
      'extension-refused',
      `\`${name}\` has ${extensions.refused.join(', ')}, which is not processed`,
    )
  // §4.1.2.6: what has no name cannot be named as an issuer
  if (extensions.ca && subjectName.rdns.length === 0)
    return refusePath('no-subject', 'a certificate authority has no name')
  if (profile === undefined || departures.length === 0) return undefined
  return refusePath(
    'profile',
    `\`${name}\` departs from RFC 5280 §4: ${departures.join(', ')}`,
    'have the certificate issued by the profile of RFC 5280, or take `profile` out of a new version of the publisher',
  )
}

/** What stands against the path as a whole, leaf first. */
export function checkPath(
  path: readonly Certificate[],
  rules: PathRules,
  budget: ComparisonBudget,
): PathRefusal | undefined {
  return refuseNames(path, budget) ?? refusePolicies(path, rules.policies ?? {})
}

/** RFC 5280 §6.1.3 (b), (c): each authority's constraints hold for all below it, self-issued ones but the leaf aside. */
function refuseNames(
  path: readonly Certificate[],
  budget: ComparisonBudget,
): PathRefusal | undefined {
  for (const [height, authority] of path.entries()) {
    const constraints = authority.extensions.nameConstraints
    if (constraints === undefined) continue
    for (const [i, certificate] of path.slice(0, height).entries()) {
      if (i > 0 && isSelfIssued(certificate)) continue
      const forbidden = findForbiddenName(certificate, constraints, budget)
      if (forbidden !== undefined)
        return refusePath(
          'name-constraints',
          `\`${certificate.name}\` has ${forbidden} by \`${authority.name}\``,
          'have the certificate issued by an authority that may name this signer',
        )
    }
  }
  return undefined
}

function refusePolicies(path: readonly Certificate[], input: PolicyInput): PathRefusal | undefined {
  const anchor = path.length > 1 ? path.at(-1) : undefined
  const below = anchor === undefined ? path : path.slice(0, -1)
  const fault = findPolicyFault(below, anchor, input)
  if (fault === undefined) return undefined
  return refusePath(
    'certificate-policy',
    fault,
    'sign with a certificate issued under a policy that the publisher names',
  )
}
