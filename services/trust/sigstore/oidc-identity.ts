import type {
  OidcClaim,
  OidcIdentity,
  OidcPublisherDocument,
  SealFinding,
} from '../../model/index.ts'
import { matchesGlob } from '../binding.ts'
import type { Certificate } from '../certificate.ts'
import { failed } from '../findings.ts'
import type { FulcioCertificate } from './fulcio.ts'

/** Issuer and name: exact, or by an anchored glob; never by regular expression (LIBRARIES §3). */
export function checkIdentity(
  fulcio: FulcioCertificate,
  leaf: Certificate,
  { issuer, identity }: OidcPublisherDocument,
): SealFinding[] {
  const findings: SealFinding[] = []
  if (fulcio.issuer !== issuer)
    findings.push(
      failed('mismatch', fulcio.issuer === undefined ? 'issuer-missing' : 'issuer', {
        expected: `an identity that \`${issuer}\` vouched for`,
        got: fulcio.issuer === undefined ? 'no issuer extension' : `\`${fulcio.issuer}\``,
        nearest: issuer,
        fix: 'sign in with that issuer, or name this one in a new version of the publisher',
      }),
    )
  const got = fulcio.identity
  if (got === undefined || !fitsIdentity(identity, got))
    findings.push(
      failed('mismatch', got === undefined ? 'identity-missing' : 'identity', {
        expected: formatIdentity(identity),
        got: got === undefined ? 'not exactly one alternative name' : formatIdentity(got),
        nearest: identity.value,
        fix: 'sign as that identity, or name this one in a new version of the publisher',
      }),
    )
  // RFC 5280 §4.1.2.6; an empty SEQUENCE is 30 00
  if (leaf.subject === '3000' && got !== undefined && !fulcio.identityCritical)
    findings.push(
      failed('mismatch', 'identity-not-critical', {
        expected: 'a critical alternative name, since the subject is empty',
        got: 'one that is not critical',
        fix: 'have the certificate issued by a Fulcio that follows RFC 5280',
      }),
    )
  return findings
}

export function fitsIdentity(wanted: OidcIdentity, got: OidcIdentity): boolean {
  return wanted.type === got.type && fits(wanted.value, got.value)
}

function fits(wanted: string, got: string): boolean {
  return wanted === got || (wanted.includes('*') && matchesGlob(wanted, got))
}

export function formatIdentity({ type, value }: OidcIdentity): string {
  return `${type}:${value}`
}

/** Every claim that the document names, and the trigger even where it names none. */
export function checkClaims(
  { claims, legacyEvent }: FulcioCertificate,
  { claims: wanted = {} }: OidcPublisherDocument,
): SealFinding[] {
  const lists = Object.entries(wanted) as [OidcClaim, readonly string[]][]
  const findings = lists.flatMap(([name, list]) => {
    const got = claims.get(name)
    if (got !== undefined && list.some((one) => fits(one, got))) return []
    return [
      failed('mismatch', `claim-${toKebab(name)}`, {
        expected: `the claim ${name} ${list.map((one) => `\`${one}\``).join(' or ')}`,
        got: got === undefined ? 'no such claim in the certificate' : `\`${got}\``,
        nearest: list[0],
        fix: 'sign from there, or name this value in a new version of the publisher',
      }),
    ]
  })
  return [...findings, ...checkTrigger([claims.get('event'), legacyEvent], wanted.event ?? [])]
}

/**
 * RULES §4: whoever may open a pull request may run code in its workflow; listed by its exact name it is let pass.
 */
function checkTrigger(
  events: readonly (string | undefined)[],
  listed: readonly string[],
): SealFinding[] {
  const refused = events.find(
    (event) => event?.startsWith('pull_request') && !listed.includes(event),
  )
  if (refused === undefined) return []
  return [
    failed('mismatch', 'pull-request-trigger', {
      expected: 'a workflow that no pull request triggered',
      got: `one triggered by \`${refused}\``,
      fix: `sign from a branch or tag, or list \`${refused}\` under the claim event`,
    }),
  ]
}

function toKebab(name: string): string {
  return name.replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)
}
