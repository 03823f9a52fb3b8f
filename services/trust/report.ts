import {
  type PlatformError,
  sha256,
  type PublisherMatch,
  type SealFinding,
  type SealForm,
  type SealInput,
  type SealReport,
  type TrustedPublisher,
} from '../model/index.ts'
import { decodeSeal, type Statement } from '../seal/index.ts'
import { weighCandidate, type Candidate } from './candidate.ts'
import { formOf, gatherEvidence, type Evidence } from './evidence.ts'
import type { EvidenceContext } from './signer.ts'
import { failed, integrityFinding, passed } from './findings.ts'
import { identityOf } from './identity.ts'
import { lineageOf } from './lineage.ts'
import { checkRevocation } from './revocation.ts'
import { findWitnesses } from './witnesses.ts'
import { unlessRefused, unlessRefusedEach } from './refusals.ts'

/** A report with what the verdict needs beside it. */
export interface JudgedSeal {
  readonly report: SealReport
  readonly changesAtMs: readonly number[]
  /** What it says, where it could be read. */
  readonly statement?: Statement | undefined
  /** The publisher whose it is, with its document. */
  readonly by?: TrustedPublisher | undefined
}

/** One seal: tampered, or weighed beside every publisher. */
export function judgeSeal(seal: SealInput, context: EvidenceContext): JudgedSeal {
  let form: SealForm | undefined
  const look = (): JudgedSeal => {
    const decoded = decodeSeal(seal)
    form = formOf(decoded)
    return weigh(gatherEvidence(seal, decoded, context), context)
  }
  return unlessRefused(look, (refusal) => ({
    report: tamperedReport(seal, form, refusal),
    changesAtMs: [],
  }))
}

function tamperedReport(
  seal: SealInput,
  form: SealForm | undefined,
  error: PlatformError,
): SealReport {
  return {
    digest: sha256(seal.bytes),
    format: seal.format,
    form,
    place: seal.place,
    outcome: 'tampered',
    signer: undefined,
    publisher: undefined,
    trustedTimesMs: [],
    expiresAtMs: undefined,
    counter: '0',
    findings: [integrityFinding(error), ...notJudged()],
    unchecked: [],
  }
}

/** Behind a signature that does not hold nobody stands whose validity could be looked at. */
export function notJudged(): SealFinding[] {
  return (['mismatch', 'expiry', 'revocation'] as const).map((rule) =>
    failed(rule, 'not-judged', {
      expected: 'a seal whose integrity holds',
      got: 'not judged, since the seal is not intact',
    }),
  )
}

/**
 * Beside every publisher. A timestamp or log entry that does not hold for one who knows its authority or log breaks the
 * seal; where it holds for another whose seal it is as well, it is that one's view which counts.
 */
function weighAll(
  evidence: Evidence,
  context: EvidenceContext,
): { readonly candidates: readonly Candidate[]; readonly faults: readonly PlatformError[] } {
  const faults: PlatformError[] = []
  const candidates = unlessRefusedEach(
    context.known,
    (known) => weighCandidate(evidence, known, context),
    (refusal) => faults.push(refusal),
  )
  return { candidates, faults }
}

function weigh(evidence: Evidence, context: EvidenceContext): JudgedSeal {
  const { candidates, faults } = weighAll(evidence, context)
  const identified = candidates.filter((candidate) => candidate.kind === 'identified')
  const [fault] = faults
  if (identified.length === 0 && fault !== undefined) throw fault
  const [best] = identified.toSorted((a, b) => rank(a) - rank(b))
  const weighed = best ?? weighStranger(evidence, candidates, context)
  const findings = [integrityHolds(evidence), ...weighed.findings]
  const { seal, form, statement, signer, digest, unchecked } = evidence
  const witnessed = best?.witnessed ?? findWitnesses(evidence, undefined, context)
  const counts = ({ findings: own }: Identified): boolean =>
    own.every(({ status }) => status !== 'failed')
  const trusted = best !== undefined && counts(best)
  const countsFor = identified.filter(counts).map(({ known }) => known.publisher.id)
  const identity = identityOf(signer, best?.known.publisher.document.kind, context.cache)
  return {
    report: {
      digest,
      format: seal.format,
      form,
      place: seal.place,
      outcome: trusted ? 'trusted' : 'untrusted',
      signer: lineageOf(identity, context.known),
      publisher: best === undefined ? undefined : toMatch(best.known.publisher),
      countsFor: [...new Set(countsFor)],
      ...(statement !== undefined && { meaning: statement.kind }),
      trustedTimesMs: witnessed.times.map(({ atMs }) => atMs),
      ...(witnessed.times.length > 0 && { times: witnessed.times }),
      ...(witnessed.entries.length > 0 && { logs: witnessed.entries }),
      expiresAtMs: best?.expiresAtMs,
      counter: (statement?.kind === 'seal' ? statement.predicate.counter : undefined) ?? '0',
      findings,
      unchecked: [...unchecked, ...witnessed.unchecked, ...(best?.unchecked ?? [])],
    },
    changesAtMs: identified.flatMap(({ changesAtMs }) => changesAtMs),
    statement,
    by: best?.known.publisher,
  }
}

type Identified = Extract<Candidate, { kind: 'identified' }>

/** Fewer failures first; among equals one that the signing config allows, then one with fewer warnings. */
function rank({ findings, known }: Identified): number {
  const count = (wanted: SealFinding['status']): number =>
    findings.filter(({ status }) => status === wanted).length
  return count('failed') * 1_000 + (known.publisher.allowed ? 0 : 500) + count('warned')
}

function toMatch(publisher: TrustedPublisher): PublisherMatch {
  const { id, name, version, arn, allowed } = publisher
  return { publisherId: id, name, version, arn, allowed }
}

function integrityHolds({ form, signer, digest }: Evidence): SealFinding {
  const unknown = signer.kind === 'key' && signer.key === undefined
  return passed(
    'integrity',
    'a seal over these bytes that was not changed',
    unknown
      ? `the seal ${digest.slice(0, 12)} (${form}) is well formed and over these bytes; its key is not known`
      : `the seal ${digest.slice(0, 12)} (${form}) verifies over these bytes`,
  )
}

/** Sound, but of nobody we know: reported, and counts for nothing (RULES §3). */
function weighStranger(
  evidence: Evidence,
  candidates: readonly Candidate[],
  { input, cache }: EvidenceContext,
): { readonly findings: readonly SealFinding[] } {
  const { signer } = evidence
  const kind = signer.kind
  const rivals = candidates.filter(
    ({ known }) => (known.material.kind === 'key') === (kind === 'key'),
  )
  const nearest = rivals.find(({ known }) => known.publisher.allowed) ?? rivals[0]
  const refusal = candidates.flatMap((one) => (one.kind === 'other' && one.refusal) || [])
  const farthest = refusal.find(({ reason }) => reason !== 'unknown-issuer') ?? refusal[0]
  const names = candidates.map(({ known }) => known.publisher.name)
  const mismatch = failed('mismatch', farthest?.reason ?? 'unknown-signer', {
    expected: `a seal by ${names.length === 0 ? 'a publisher, of which there is none' : names.map((name) => `\`${name}\``).join(' or ')}`,
    got: farthest?.got ?? describe(signer),
    nearest: nearest?.known.publisher.name,
    fix:
      farthest?.fix ??
      (kind === 'x509'
        ? 'add the root of this certificate as a publisher (`--root` to verify), or sign with one of a known root'
        : 'add this key as a publisher (`--key` to verify), or sign with a key of a known one'),
  })
  const { revocations, atMs } = input
  const facts = { publisher: undefined, path: [], revocations, trustedTimesMs: [], atMs }
  const revocation = checkRevocation(evidence, facts, cache)
  const expiry = passed('expiry', 'nothing expired', 'no known signer stands behind the seal')
  return { findings: [mismatch, expiry, ...revocation.findings] }
}

function describe(signer: Evidence['signer']): string {
  if (signer.kind === 'x509')
    return `a certificate of \`${signer.leaf.name}\`, which is of no publisher`
  return signer.hint === ''
    ? 'a key that is of no publisher'
    : `the key SHA256:${signer.hint}, which is of no publisher`
}
