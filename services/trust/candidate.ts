import type { PublisherKey, SealFinding } from '../model/index.ts'
import type { AttestationStatement, Statement } from '../seal/index.ts'
import { checkAttestation, purposeOf } from './attestation-checks.ts'
import { checkBinding } from './binding.ts'
import { applyChecks } from './checks.ts'
import { checkStatus, type StatusResult } from './certificate-status.ts'
import type { Certificate } from './certificate.ts'
import type { Evidence } from './evidence.ts'
import type { EvidenceContext } from './signer.ts'
import { checkExpiry } from './expiry.ts'
import { failed, passed } from './findings.ts'
import { fitsSubjects } from './identity.ts'
import { checkLogThreshold } from './log-threshold.ts'
import { findPath, type PathRefusal } from './path.ts'
import type { KnownPublisher } from './publisher-material.ts'
import { checkRevocation, type RevocationFacts } from './revocation.ts'
import { checkTimestampThreshold } from './timestamp-threshold.ts'
import { identifyOidcSigner } from './sigstore/oidc-signer.ts'
import { checkVouch } from './vouch.ts'
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
      /** What of the signer's certificates could not be checked. */
      readonly unchecked: readonly string[]
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
  const witnessed =
    first.kind === 'other' ? NOTHING_WITNESSED : findWitnesses(evidence, known, context)
  const trustedTimesMs = witnessed.times.map(({ atMs }) => atMs)
  const found =
    trustedTimesMs.length === 0 ? first : identify(evidence, known, context, trustedTimesMs)
  if (found.kind === 'other') return { kind: 'other', known, refusal: found.refusal }
  const { publisher } = known
  const { statement } = evidence
  const expiry = checkExpiry(
    publisher,
    {
      statement: statement?.kind === 'attestation' ? undefined : statement,
      window: found.window,
      path: found.path,
      trustedTimesMs,
    },
    input.atMs,
  )
  const { revocations, atMs } = input
  const facts = { publisher, path: found.path, revocations, trustedTimesMs, atMs }
  const revocation = checkRevocation(evidence, facts, cache)
  const status = statusOf(evidence, known, context, facts)
  return {
    kind: 'identified',
    known,
    witnessed,
    findings: [
      ...applyChecks(
        [
          ...checkMismatch(evidence, known, context, [
            ...found.findings,
            ...checkLogThreshold(publisher, witnessed.logs),
            ...checkTimestampThreshold(publisher, witnessed.times),
          ]),
          ...expiry.findings,
          ...status.findings.filter(({ status: outcome }) => outcome === 'failed'),
        ],
        // What an attestation says is a fact or none: nothing of it is logged alone.
        input.asks === 'attestation' ? undefined : publisher.document.checks,
      ),
      // What was revoked here is final: no publisher has it logged alone (RULES §4).
      ...revocation.findings.filter(
        ({ status: outcome }) => outcome === 'failed' || status.findings.length === 0,
      ),
    ],
    expiresAtMs: expiry.expiresAtMs,
    changesAtMs: [
      ...expiry.changesAtMs,
      ...revocation.changesAtMs,
      ...status.changesAtMs,
      ...witnessed.changesAtMs,
      ...known.changesAtMs,
    ],
    unchecked: status.unchecked,
  }
}

const NOTHING_WITNESSED: Witnessed = {
  times: [],
  logs: [],
  entries: [],
  unchecked: [],
  changesAtMs: [],
}

/** What the lists and responses of authorities say, where the signer has a certificate. */
function statusOf(
  { signer, ocspResponses }: Evidence,
  { publisher, material }: KnownPublisher,
  { input, cache }: EvidenceContext,
  { path, trustedTimesMs }: Pick<RevocationFacts, 'path' | 'trustedTimesMs'>,
): StatusResult {
  const { document } = publisher
  if (document.kind !== 'x509' || material.kind !== 'x509' || signer.kind !== 'x509')
    return { findings: [], unchecked: [], changesAtMs: [] }
  const facts = {
    path,
    document,
    fetched: input.revocationLists ?? [],
    staples: ocspResponses,
    intermediates: [...signer.others, ...material.intermediates],
    authorities: [...material.anchors, ...material.intermediates],
    trustedTimesMs,
    atMs: input.atMs,
  }
  return checkStatus(facts, cache)
}

type Identified =
  | {
      readonly kind: 'found'
      readonly window: PublisherKey | undefined
      readonly path: readonly Certificate[]
      /** What keeps the certificate from being the identity that the publisher names. */
      readonly findings: readonly SealFinding[]
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
      : { kind: 'found', window: match.window, path: [], findings: [] }
  }
  if (signer.kind === 'key') return { kind: 'other', refusal: undefined }
  const timesMs = trustedTimesMs.length > 0 ? trustedTimesMs : [input.atMs]
  if (material.kind === 'oidc') {
    const identified = identifyOidcSigner(signer, material, timesMs, cache)
    return identified.kind === 'other' ? identified : { ...identified, window: undefined }
  }
  const intermediates = [...signer.others, ...material.intermediates]
  const options = { intermediates, anchors: material.anchors, timesMs, rules: material.rules }
  const result = findPath(signer.leaf, options, cache)
  return result.kind === 'path'
    ? { kind: 'found', window: undefined, path: result.certificates, findings: [] }
    : { kind: 'other', refusal: result.refusal }
}

/** AWS: Mismatch check. All that keeps a good signature by a known signer from counting here. */
function checkMismatch(
  evidence: Evidence,
  { publisher }: KnownPublisher,
  { input, known }: EvidenceContext,
  own: readonly SealFinding[],
): SealFinding[] {
  const { document } = publisher
  const { signer, statement } = evidence
  const purpose = statement?.kind === 'vouch' ? 'vouch' : 'seal'
  const findings = isAttested(statement)
    ? [...own, ...checkAttestation(statement, publisher)]
    : [...own, ...checkMeaning(evidence, document.forms), ...checkPurpose(publisher, purpose)]
  if (document.kind === 'x509' && signer.kind === 'x509' && !fitsSubjects(document, signer.leaf))
    findings.push(
      failed('mismatch', 'subject', {
        expected: `a signer that \`${publisher.name}\` names: ${[...(document.subjects ?? []), ...(document.subjectAltNames ?? []).map(({ type, value }) => `${type}:${value}`)].join('; ')}`,
        got: `\`${signer.leaf.name}\``,
        nearest: document.subjects?.[0],
        fix: 'sign with a certificate of a named subject, or name this one in a new version of the publisher',
      }),
    )
  if (statement?.kind === 'seal') findings.push(...checkBinding(statement.predicate, input))
  if (statement?.kind === 'vouch')
    findings.push(...checkVouch(statement.predicate, evidence.seal.place, input))
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
  if (findings.some(({ status }) => status === 'failed')) return findings
  const what = isAttested(statement)
    ? `an attestation by a publisher for \`${purposeOf(statement.predicateType)}\``
    : `a seal by an allowed publisher for \`${input.name}\``
  return [...findings, passed('mismatch', what, publisher.arn)]
}

/** Its predicate was read: an attestation was asked for, and is one. */
function isAttested(statement: Statement | undefined): statement is AttestationStatement {
  return statement?.kind === 'attestation' && statement.claim !== undefined
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

/** A signature for a purpose that is not listed counts for nothing and says so: a seal is no vouch, a vouch no seal. */
function checkPurpose(
  { document, name }: KnownPublisher['publisher'],
  purpose: 'seal' | 'vouch',
): SealFinding[] {
  if (document.purposes.includes(purpose)) return []
  return [
    failed('mismatch', 'purpose-not-listed', {
      expected: `a publisher with the purpose \`${purpose}\``,
      got: `\`${name}\` is for ${document.purposes.join(', ') || 'nothing'}`,
      fix: `add the purpose \`${purpose}\` in a new version of the publisher, or sign for another`,
    }),
  ]
}
