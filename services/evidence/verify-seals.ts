import {
  canonicalJson,
  parseFunctionReference,
  parseIsoTime,
  parseLayerVersionArn,
  parseSha256,
  parseStrictJson,
  publisherVersionArn,
  type ArtifactIdentity,
  type ByteSource,
  type Facts,
  type PublisherDocument,
  type PublisherMatch,
  type Revocation,
  type RevocationTarget,
  type SealReport,
  type SubjectFacts,
  type TrustedPublisher,
} from '../model/index.ts'
import { VerificationCache, attested, judge } from '../trust/index.ts'
import { cell, type EvidenceContents, type EvidenceRow, type SealFile } from './contents.ts'
import type { Findings } from './findings.ts'
import type { ProvenDecision } from './verify-decisions.ts'

/** Publishers held against what somebody knows from outside. */
export interface PinnedTrust {
  /** SHA-256 of the SubjectPublicKeyInfo, hex; empty where none is pinned. */
  readonly keys: ReadonlySet<string>
  /** A Sigstore TrustedRoot as JSON text. */
  readonly trustedRoot: string | undefined
}

export interface SealCounts {
  /** Seals and attestations that were verified again, and hold. */
  seals: number
  attestations: number
  /** Signed over the artifact's bytes themselves, which are not inside. */
  needArtifact: number
}

/** Thrown by a source whose bytes are not inside. */
class BytesWanted extends Error {}

const NO_BYTES: ByteSource = {
  sizeBytes: 0,
  read: () => {
    throw new BytesWanted('the bytes of the artifact are not inside')
  },
}

/** What a subject's seals are judged over. */
export type UnsealedBytes = (codeSha256: string) => ByteSource | undefined

/**
 * Every seal and attestation that a decision counted, verified again: by the publishers and revocations inside, over the
 * artifact's digest, or its bytes where they are inside.
 */
export class SealCheck {
  readonly counts: SealCounts = { seals: 0, attestations: 0, needArtifact: 0 }
  readonly #contents: EvidenceContents
  readonly #findings: Findings
  readonly #pinned: PinnedTrust
  readonly #unsealed: UnsealedBytes
  readonly #cache = new VerificationCache()
  readonly #done = new Set<string>()
  readonly #seen = new Set<string>()

  constructor(
    contents: EvidenceContents,
    findings: Findings,
    from: { readonly pinned: PinnedTrust; readonly unsealed: UnsealedBytes },
  ) {
    this.#contents = contents
    this.#findings = findings
    this.#pinned = from.pinned
    this.#unsealed = from.unsealed
    this.#checkTrustedRoots()
  }

  check(decision: ProvenDecision): void {
    for (const subject of decision.facts.subjects) {
      const what = `${decision.decision.id}, ${subject.arn}`
      try {
        this.#checkSubject(decision, subject, what)
      } catch (error) {
        if (!(error instanceof Error)) throw error
        this.#findings.add('seal', `${what}: ${error.message}`)
      }
    }
  }

  #checkSubject(decision: ProvenDecision, subject: SubjectFacts, what: string): void {
    // What was refused was not kept, and neither were its seals.
    if (decision.decision.outcome === 'deny' && this.#artifact(subject) === undefined) return
    const trusted = subject.verdict.seals.filter(({ outcome }) => outcome === 'trusted')
    const counting = (subject.attestations?.reports ?? []).filter((one) => one.outcome === 'counts')
    if (subject.verdict.seals.length === 0 && counting.length === 0) return
    const identity = this.#identityOf(subject)
    this.#meetSeals(decision, subject, identity)
    for (const report of trusted)
      this.#checkSeal({
        again: this.#judgeAgain(decision, subject, { identity, first: report.publisher }),
        codeSha256: identity.codeSha256,
        id: decision.decision.id,
        report,
        what,
      })
    for (const { digest } of counting) this.#checkAttestation({ decision, identity, digest, what })
  }

  /** The row of the artifact: what its digests are is in the log. */
  #artifact({ codeSha256 }: Pick<SubjectFacts, 'codeSha256'>): EvidenceRow | undefined {
    return this.#contents.rows.find(
      ({ table, row }) => table === 'artifact' && row['code_sha256'] === codeSha256,
    )
  }

  #identityOf(subject: SubjectFacts): ArtifactIdentity {
    const row = this.#artifact(subject)?.row
    if (row === undefined) throw new Error('the row of the artifact is not inside')
    const sha256 = parseSha256(cell(row, 'sha256'))
    const tree = parseSha256(cell(row, 'tree'))
    if (sha256 !== subject.sha256 || tree !== subject.tree)
      throw new Error('the artifact is another one than the log names')
    return {
      codeSha256: subject.codeSha256,
      sha256,
      tree,
      sizeBytes: Number(row['size_bytes']),
      unzippedBytes: Number(row['unzipped_bytes']),
      entryCount: Number(row['entry_count']),
    }
  }

  /** Every seal that came in a zip has to be one that some decision saw. */
  finish(): void {
    for (const { place, path } of this.#contents.seals)
      if (place === 'block' && !this.#seen.has(path))
        this.#findings.add('extra', `\`${path}\` is a seal that no decision saw`)
  }

  #checkSeal(one: {
    readonly again: readonly SealReport[] | 'needs the artifact'
    readonly codeSha256: string
    readonly id: string
    readonly report: SealReport
    readonly what: string
  }): void {
    const { again, codeSha256, id, report, what } = one
    if (this.#isDone([codeSha256, report.digest, id])) return
    this.#checkPinned(report, what)
    if (again === 'needs the artifact') {
      this.counts.needArtifact += 1
      return
    }
    const found = again.find(({ digest }) => digest === report.digest)
    const seal = `${what}: seal ${report.digest}`
    if (found === undefined) this.#findings.add('missing', `${seal} is not inside, or was changed`)
    else if (!sameSigner(found, report))
      this.#findings.add('seal', `${seal} is not by whom the decision took it to be`)
    else if (found.outcome !== 'trusted')
      this.#findings.add('seal', `${seal} does not count by the publishers and revocations inside`)
    else this.counts.seals += 1
  }

  /** Which of the seals inside the decision saw. */
  #meetSeals(decision: ProvenDecision, subject: SubjectFacts, identity: ArtifactIdentity): void {
    const again = this.#judgeAgain(decision, subject, { identity, first: undefined })
    const told = new Set(subject.verdict.seals.map(({ digest }) => digest))
    for (const [at, { path }] of this.#sealsOf(identity).entries()) {
      const digest = again === 'needs the artifact' ? undefined : again[at]?.digest
      if (again === 'needs the artifact' || (digest !== undefined && told.has(digest)))
        this.#seen.add(path)
    }
  }

  /** `first` is the publisher that the decision names: of several that a seal is as good for, the first one is taken. */
  #judgeAgain(
    { facts, entry }: ProvenDecision,
    subject: SubjectFacts,
    {
      identity,
      first,
    }: { readonly identity: ArtifactIdentity; readonly first: PublisherMatch | undefined },
  ): readonly SealReport[] | 'needs the artifact' {
    const isFirst = (one: TrustedPublisher): boolean =>
      one.id === first?.publisherId && one.version === first.version
    try {
      const { seals } = judge(
        {
          artifact: identity,
          unsealed: this.#unsealed(subject.codeSha256) ?? NO_BYTES,
          kind: subject.kind,
          name: nameOf(subject),
          account: this.#contents.head.scope.place.account,
          functionName: functionNameOf(facts),
          seals: this.#sealsOf(identity),
          publishers: this.#publishers(facts, entry.index).toSorted(
            (a, b) => Number(isFirst(b)) - Number(isFirst(a)),
          ),
          revocations: this.#revocations(entry.index),
          atMs: instantOf(facts),
        },
        this.#cache,
      )
      return seals
    } catch (error) {
      if (!(error instanceof BytesWanted)) throw error
      return 'needs the artifact'
    }
  }

  #sealsOf({ codeSha256, sha256 }: ArtifactIdentity): SealFile[] {
    return this.#contents.seals.filter(
      ({ of, place }) => of === (place === 'block' ? codeSha256 : sha256),
    )
  }

  #checkAttestation(one: {
    readonly decision: ProvenDecision
    readonly identity: ArtifactIdentity
    readonly digest: string
    readonly what: string
  }): void {
    const { decision, identity, digest, what } = one
    const { facts, entry } = decision
    if (this.#isDone([identity.sha256, digest, decision.decision.id])) return
    const { reports } = attested(
      {
        artifact: identity,
        attestations: this.#contents.attestations
          .filter(({ of }) => of === identity.sha256)
          .map(({ bytes }) => bytes),
        publishers: this.#publishers(facts, entry.index),
        revocations: this.#revocations(entry.index),
        revocationLists: [],
        atMs: instantOf(facts),
      },
      this.#cache,
    )
    const found = reports.find((report) => report.digest === digest)
    const attestation = `${what}: attestation ${digest}`
    if (found === undefined)
      this.#findings.add('missing', `${attestation} is not inside, or was changed`)
    else if (found.outcome !== 'counts')
      this.#findings.add('seal', `${attestation} does not count by the publishers inside`)
    else this.counts.attestations += 1
  }

  /** Publishers as they stood at an entry: a version made later was not there, one cancelled only later was in force. */
  #publishers(facts: Facts, atIndex: number): TrustedPublisher[] {
    const { signingConfig } = facts
    const atMs = instantOf(facts)
    const { rows, head } = this.#contents
    const names = new Map(
      rows
        .filter(({ table }) => table === 'publisher')
        .map(({ row }) => [cell(row, 'id'), cell(row, 'name')]),
    )
    return rows
      .filter(({ table }) => table === 'publisher_version')
      .map(({ row, index }) => {
        const id = cell(row, 'publisher_id')
        const version = cell(row, 'version')
        const name = names.get(id) ?? ''
        const arn = publisherVersionArn(head.scope.place, name, version)
        const status = index < atIndex ? (row['status'] as TrustedPublisher['status']) : 'Active'
        const createdAtMs = Number(row['created_at'])
        const document = withKeptLists(JSON.parse(cell(row, 'document')) as PublisherDocument)
        const allowed = signingConfig === null || signingConfig.allowedPublishers.includes(arn)
        return { id, name, version, arn, status, createdAtMs, document, allowed }
      })
      .filter(({ createdAtMs }) => createdAtMs <= atMs)
  }

  /** Of those recorded before an entry, per target the one that takes effect first. */
  #revocations(atIndex: number): Revocation[] {
    const earliest = new Map<string, Revocation>()
    for (const { table, row, index } of this.#contents.rows) {
      if (table !== 'revocation' || index >= atIndex) continue
      const revocation = {
        targetKind: cell(row, 'target_kind') as RevocationTarget,
        target: cell(row, 'target'),
        effectiveAtMs: Number(row['effective_at']),
        recordedAtMs: Number(row['recorded_at']),
        reason: cell(row, 'reason'),
      }
      const key = `${revocation.targetKind} ${revocation.target}`
      const known = earliest.get(key)
      if (known === undefined || revocation.effectiveAtMs < known.effectiveAtMs)
        earliest.set(key, revocation)
    }
    return [...earliest.values()]
  }

  #checkPinned({ signer, digest }: SealReport, what: string): void {
    const { keys } = this.#pinned
    if (keys.size === 0 || signer === undefined || signer.kind === 'oidc') return
    if (!keys.has(signer.spkiSha256))
      this.#findings.add(
        'publisher',
        `${what}: seal ${digest} is by key ${signer.spkiSha256}, which is none of those pinned`,
      )
  }

  #checkTrustedRoots(): void {
    const { trustedRoot } = this.#pinned
    if (trustedRoot === undefined) return
    const wanted = canonicalJson(parseStrictJson(Buffer.from(trustedRoot)))
    for (const { table, row } of this.#contents.rows) {
      if (table !== 'publisher_version') continue
      const document = JSON.parse(cell(row, 'document')) as PublisherDocument
      if (document.kind !== 'oidc') continue
      if (canonicalJson(parseStrictJson(Buffer.from(document.trustedRoot))) !== wanted)
        this.#findings.add(
          'publisher',
          `publisher version ${cell(row, 'version')} stands on another trusted root than the one given`,
        )
    }
  }

  #isDone(parts: readonly string[]): boolean {
    const key = parts.join(' ')
    if (this.#done.has(key)) return true
    this.#done.add(key)
    return false
  }
}

/**
 * Lists that were fetched are not kept: what they alone could say of a certificate stays unsaid, and all else is judged,
 * by the lists of the document too.
 */
function withKeptLists(document: PublisherDocument): PublisherDocument {
  if (document.kind !== 'x509' || document.revocation === undefined) return document
  const lists = document.revocation.lists.filter((list) => 'pem' in list)
  if (lists.length === document.revocation.lists.length) return document
  return { ...document, revocation: { ...document.revocation, lists, onFailure: 'open' } }
}

function instantOf({ at }: Facts): number {
  const atMs = parseIsoTime(at)
  if (atMs === undefined) throw new Error('the facts have no time')
  return atMs
}

function sameSigner(found: SealReport, told: SealReport): boolean {
  return (
    found.signer?.id === told.signer?.id &&
    found.publisher?.publisherId === told.publisher?.publisherId &&
    found.publisher?.version === told.publisher?.version
  )
}

function nameOf({ kind, arn }: SubjectFacts): string {
  const name =
    kind === 'layer' ? parseLayerVersionArn(arn)?.name : parseFunctionReference(arn)?.name
  return name ?? ''
}

function functionNameOf({ subjects }: Facts): string | undefined {
  const code = subjects.find(({ kind }) => kind === 'function')
  return code === undefined ? undefined : nameOf(code)
}
