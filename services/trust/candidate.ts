import type { PublisherKey, SealFinding } from '../model/index.ts'
import { checkBinding } from './binding.ts'
import type { Certificate } from './certificate.ts'
import type { Evidence } from './evidence.ts'
import type { EvidenceContext } from './signer.ts'
import { checkExpiry } from './expiry.ts'
import { failed, passed } from './findings.ts'
import { fitsSubjects } from './identity.ts'
import { findPath, type PathRefusal } from './path.ts'
import type { KnownPublisher } from './publisher-material.ts'
import { checkRevocation } from './revocation.ts'
import { checkTimestampThreshold } from './timestamp-threshold.ts'
import { findWitnesses, type Witnessed } from './witnesses.ts'

/** One seal beside one publisher: whether it is the publisher's, and what stands against it. */
export type Candidate =
  | {
      readonly kind: 'identified'
      readonly known: KnownPublisher
      readonly witnessed: Witnessed
      readonly findings: readonly SealFinding[]
      readonly expiresAtMs: number | undefined
      readonly changesAtMs: readonly number[]
    }
  | {
      readonly kind: 'other'
      readonly known: KnownPublisher
      /** Why the certificate does not lead to the publisher's roots. */
      readonly refusal: PathRefusal | undefined
    }

export function weighCandidate(
  evidence: Evidence,
  known: KnownPublisher,
  context: EvidenceContext,
): Candidate {
  const { input, cache } = context
  // whose seal it is comes first: what another publisher believes of its timestamps is none of its matter
  const first = identify(evidence, known, context, [])
  if (first.kind === 'other') return { kind: 'other', known, refusal: first.refusal }
  const witnessed = findWitnesses(evidence, known, cache)
  const trustedTimesMs = witnessed.times.map(({ atMs }) => atMs)
  const found = identify(evidence, known, context, trustedTimesMs)
  if (found.kind === 'other') return { kind: 'other', known, refusal: found.refusal }
  const { publisher } = known
  const { statement } = evidence
  const expiry = checkExpiry(
    publisher,
    {
      predicate: statement?.kind === 'seal' ? statement.predicate : undefined,
      window: found.window,
      path: found.path,
      trustedTimesMs,
    },
    input.atMs,
  )
  const { revocations, atMs } = input
  const facts = { publisher, path: found.path, revocations, trustedTimesMs, atMs }
  const revocation = checkRevocation(evidence, facts, cache)
  return {
    kind: 'identified',
    known,
    witnessed,
    findings: [
      ...checkMismatch(evidence, known, context),
      ...checkTimestampThreshold(publisher, witnessed.times),
      ...expiry.findings,
      ...revocation.findings,
    ],
    expiresAtMs: expiry.expiresAtMs,
    changesAtMs: [...expiry.changesAtMs, ...revocation.changesAtMs],
  }
}

type Identified =
  | {
      readonly kind: 'found'
      readonly window: PublisherKey | undefined
      readonly path: readonly Certificate[]
    }
  | { readonly kind: 'other'; readonly refusal: PathRefusal | undefined }

function identify(
  { signer }: Evidence,
  { material }: KnownPublisher,
  { input, cache }: EvidenceContext,
  trustedTimesMs: readonly number[],
): Identified {
  if (material.kind === 'key') {
    const spki = signer.kind === 'key' ? signer.key?.spkiSha256 : undefined
    const match = material.keys.find(({ key }) => key.spkiSha256 === spki)
    return match === undefined
      ? { kind: 'other', refusal: undefined }
      : { kind: 'found', window: match.window, path: [] }
  }
  if (signer.kind === 'key') return { kind: 'other', refusal: undefined }
  const intermediates = [...signer.others, ...material.intermediates]
  const timesMs = trustedTimesMs.length > 0 ? trustedTimesMs : [input.atMs]
  const options = { intermediates, anchors: material.anchors, timesMs }
  const result = findPath(signer.leaf, options, cache)
  return result.kind === 'path'
    ? { kind: 'found', window: undefined, path: result.certificates }
    : { kind: 'other', refusal: result.refusal }
}

/** AWS: Mismatch check. All that keeps a good signature by a known signer from counting here. */
function checkMismatch(
  evidence: Evidence,
  { publisher }: KnownPublisher,
  { input, known }: EvidenceContext,
): SealFinding[] {
  const findings = [...checkMeaning(evidence, publisher.document.forms), ...checkPurpose(publisher)]
  const { document } = publisher
  const { signer, statement } = evidence
  if (document.kind === 'x509' && signer.kind === 'x509' && !fitsSubjects(document, signer.leaf))
    findings.push(
      failed('mismatch', 'subject', {
        expected: `a signer that \`${publisher.name}\` names: ${[...(document.subjects ?? []), ...(document.subjectAltNames ?? []).map(({ type, value }) => `${type}:${value}`)].join('; ')}`,
        got: `\`${signer.leaf.subjectText}\``,
        nearest: document.subjects?.[0],
        fix: 'sign with a certificate of a named subject, or name this one in a new version of the publisher',
      }),
    )
  if (statement?.kind === 'seal') findings.push(...checkBinding(statement.predicate, input))
  if (!publisher.allowed) {
    const allowed = known.filter((one) => one.publisher.allowed).map((one) => one.publisher)
    const sameName = allowed.find(({ id }) => id === publisher.id)
    findings.push(
      failed('mismatch', 'publisher-not-allowed', {
        expected: `one of ${allowed.map(({ arn }) => arn).join(', ') || 'no publisher: none is allowed'}`,
        got: publisher.arn,
        nearest: sameName?.arn ?? allowed[0]?.arn,
        fix: `name ${publisher.arn} in the code signing config, or sign for a publisher that it names`,
      }),
    )
  }
  if (findings.length > 0) return findings
  return [passed('mismatch', `a seal by an allowed publisher for \`${input.name}\``, publisher.arn)]
}

/** RULES §4: an attestation is never a seal, and a bare form counts only where the publisher allows it. */
function checkMeaning({ form, statement }: Evidence, forms: readonly string[]): SealFinding[] {
  if (statement?.kind === 'attestation')
    return [
      failed('mismatch', 'not-a-seal', {
        expected: 'a statement of the predicate type `urn:lacre:seal:v1`',
        got: `an attestation of the type \`${statement.predicateType}\``,
        fix: 'an attestation says something about the artifact; sign it with `lacre sign`',
      }),
    ]
  if (forms.includes(form)) return []
  return [
    failed('mismatch', 'form-not-allowed', {
      expected: `a seal of the form ${forms.join(' or ')}`,
      got: `one of the form ${form}`,
      fix: `sign with another --format, or allow the form \`${form}\` in a new version of the publisher`,
    }),
  ]
}

function checkPurpose({ document, name }: KnownPublisher['publisher']): SealFinding[] {
  if (document.purposes.includes('seal')) return []
  return [
    failed('mismatch', 'purpose-not-listed', {
      expected: 'a publisher with the purpose `seal`',
      got: `\`${name}\` is for ${document.purposes.join(', ') || 'nothing'}`,
      fix: 'add the purpose `seal` in a new version of the publisher, or sign for another',
    }),
  ]
}
