import { revocations, trustedPublishers } from '../catalog/index.ts'
import {
  PlatformError,
  limits,
  sha256 as digestOf,
  toIsoTime,
  type ArtifactIdentity,
  type AttestationReport,
  type AttestedFacts,
  type Decision,
  type Sha256,
} from '../model/index.ts'
import type { Reader, Writer } from '../store/index.ts'
import type { Committed } from './change.ts'
import type { Caller, Deps } from './context.ts'
import { openKnown } from './detached-seals.ts'
import { fetchedLists } from './facts.ts'
import { govern } from './gate.ts'
import { insertPackages } from './history/sbom-packages.ts'
import { trustChange } from './publishers.ts'
import {
  bundlesOf,
  judgeBundles,
  keptAttestations,
  type KeptAttestation,
} from './subject-attestations.ts'

export interface AttestationInput {
  /** Of the bytes as uploaded or deployed, or of the unsealed ones. */
  readonly sha256: Sha256
  readonly bundle: Uint8Array
  /** True where the artifact must have been deployed already (POST). */
  readonly deployedOnly: boolean
}

export interface AttachedAttestation {
  /** The unsealed digest: what is attested of. */
  readonly sha256: Sha256
  readonly report: AttestationReport
}

/**
 * One attestation beside an artifact whose bytes are here. It is verified first: one that cannot be read, is about another
 * artifact or whose signature does not hold is refused, and nothing is kept. A sound one by nobody who may attest is
 * kept and counts for nothing. It raises the world: what depends on it is decided again.
 * @throws PlatformError RESOURCE_NOT_FOUND, INVALID_SEAL, INVALID_PARAMETER (too many)
 */
export async function attachAttestation(
  deps: Deps,
  caller: Caller,
  input: AttestationInput,
): Promise<{ readonly result: AttachedAttestation; readonly decision: Decision }> {
  const { bundle } = input
  if (bundle.byteLength === 0 || bundle.byteLength > limits.ATTESTATION_LIMIT_BYTES)
    throw new PlatformError(
      'INVALID_SEAL',
      `an attestation has 1 to ${limits.ATTESTATION_LIMIT_BYTES} bytes, this one ${bundle.byteLength}`,
    )
  const attached = await verifyFirst(deps, input)
  const { sha256: artifact, report } = attached
  const row = toRow(artifact, report, bundle)
  const packages = report.kind === 'sbom' ? await deps.examiner.packages(bundle) : []
  return await govern(deps, caller, {
    action: 'lacre:AttachAttestation',
    resource: `lacre:artifact/${artifact}`,
    raisesWorld: true,
    read: async (reader) => {
      await refuseTooMany(reader, row, report)
      return trustChange(null, report.predicateType ?? 'an attestation')
    },
    commit: async (tx, _admitted, atMs): Promise<Committed<AttachedAttestation>> => {
      await refuseTooMany(tx, row, report)
      await insert(tx, { ...row, created_at: atMs }, bundle)
      await insertPackages(tx, { artifact, attestation: report.digest }, packages)
      const key = { artifact_sha256: artifact, digest: report.digest }
      return { result: attached, touched: [{ table: 'attestation', key }] }
    },
    note: () => ({ attestation: report.digest, document: row.document }),
  })
}

type Row = ReturnType<typeof toRow>

function toRow(artifact: Sha256, report: AttestationReport, bundle: Uint8Array) {
  return {
    artifact_sha256: artifact,
    digest: report.digest,
    predicate_type: report.predicateType ?? '',
    document: digestOf(bundle),
    size_bytes: bundle.byteLength,
  }
}

/** The same attestation twice is kept once, as it first came. */
async function insert(
  tx: Writer,
  row: Row & { readonly created_at: number },
  bundle: Uint8Array,
): Promise<void> {
  const known = await tx
    .selectFrom('attestation')
    .select('digest')
    .where('artifact_sha256', '=', row.artifact_sha256)
    .where('digest', '=', row.digest)
    .executeTakeFirst()
  if (known !== undefined) return
  await tx
    .insertInto('document')
    .values({ sha256: row.document, body: Buffer.from(bundle).toString('utf8') })
    .onConflict((conflict) => conflict.column('sha256').doNothing())
    .execute()
  await tx.insertInto('attestation').values(row).execute()
}

async function verifyFirst(deps: Deps, input: AttestationInput): Promise<AttachedAttestation> {
  const identity = await identify(deps, input)
  const trust = await readTrust(deps)
  const judged = await judgeBundles(deps, identity, { trust, bundles: [input.bundle] })
  const [report] = judged.reports
  if (report === undefined)
    throw new PlatformError('INVALID_SEAL', 'the attestation cannot be verified')
  if (report.outcome === 'refused') throw refusal(report)
  return { sha256: identity.sha256, report }
}

function refusal({ findings }: AttestationReport): PlatformError {
  const failed = findings.find(({ status }) => status === 'failed')
  const why = failed === undefined ? '' : `: expected ${failed.expected}, got ${failed.got}`
  return new PlatformError('INVALID_SEAL', `the attestation is refused${why}`, {
    detail: { findings },
  })
}

async function identify(
  deps: Deps,
  { sha256, deployedOnly }: Pick<AttestationInput, 'sha256' | 'deployedOnly'>,
): Promise<ArtifactIdentity> {
  using opened = await openKnown(deps, sha256)
  if (deployedOnly && opened.artifact !== undefined)
    throw new PlatformError(
      'RESOURCE_NOT_FOUND',
      `there is no artifact \`${sha256}\` that is deployed; deploy it first, or attach with PUT`,
    )
  return opened.identity
}

async function readTrust(deps: Deps) {
  const atMs = deps.clock.nowMs()
  return await deps.store.snapshot(async (reader) => {
    const publishers = await trustedPublishers(reader, deps.place, 'all')
    const revocationLists = await fetchedLists(reader, publishers)
    return { publishers, revocations: await revocations(reader), revocationLists, atMs }
  })
}

/** Strangers cannot use up the places of those who may attest. */
async function refuseTooMany(
  reader: Reader,
  row: Row,
  { outcome }: AttestationReport,
): Promise<void> {
  const rows = await reader
    .selectFrom('attestation')
    .select(['digest', 'size_bytes'])
    .where('artifact_sha256', '=', row.artifact_sha256)
    .execute()
  if (rows.some(({ digest }) => digest === row.digest)) return
  const counts = outcome === 'counts'
  const most = counts ? limits.ATTESTATIONS_LIMIT : limits.UNCOUNTED_ATTESTATIONS_LIMIT
  const mostBytes = counts
    ? limits.ATTESTATIONS_LIMIT_BYTES
    : limits.UNCOUNTED_ATTESTATIONS_LIMIT_BYTES
  const bytes = rows.reduce((sum, { size_bytes: size }) => sum + size, row.size_bytes)
  if (rows.length < most && bytes <= mostBytes) return
  throw new PlatformError(
    'INVALID_PARAMETER',
    `an artifact takes ${most} attestations of ${mostBytes} bytes together${counts ? '' : ' before one that counts for nothing is refused'}; this would make ${rows.length + 1} of ${bytes}`,
  )
}

export interface ListedAttestation {
  readonly digest: Sha256
  readonly predicateType: string
  /** SHA-256 of the bundle as it is kept. */
  readonly document: Sha256
  readonly sizeBytes: number
  readonly attachedAt: string
  /** Judged now, by all publishers. */
  readonly report: AttestationReport
}

/** What lies beside an artifact and what it comes to now. @throws PlatformError RESOURCE_NOT_FOUND, INVALID_ARTIFACT */
export async function listAttestations(
  deps: Deps,
  sha256: Sha256,
): Promise<{
  readonly sha256: Sha256
  readonly attestations: readonly ListedAttestation[]
  readonly facts: AttestedFacts
}> {
  const identity = await identify(deps, { sha256, deployedOnly: false })
  const kept = await keptAttestations(deps.store.reader, identity.sha256)
  const trust = await readTrust(deps)
  const judged = await judgeBundles(deps, identity, { trust, bundles: bundlesOf(kept) })
  return {
    sha256: identity.sha256,
    attestations: kept.flatMap((one, at) => {
      const report = judged.reports[at]
      return report === undefined ? [] : [listed(one, report)]
    }),
    facts: judged.facts,
  }
}

function listed(kept: KeptAttestation, report: AttestationReport): ListedAttestation {
  const { digest, predicateType, document, sizeBytes, createdAtMs } = kept
  return {
    digest,
    predicateType,
    document,
    sizeBytes,
    attachedAt: toIsoTime(createdAtMs),
    report,
  }
}

/** The bundle as it came. @throws PlatformError RESOURCE_NOT_FOUND */
export async function readAttestationBundle(
  deps: Deps,
  named: { readonly sha256: Sha256; readonly digest: Sha256 },
): Promise<string> {
  const row = await deps.store.reader
    .selectFrom('attestation')
    .innerJoin('document', 'document.sha256', 'attestation.document')
    .select('document.body')
    .where('attestation.artifact_sha256', '=', named.sha256)
    .where('attestation.digest', '=', named.digest)
    .executeTakeFirst()
  if (row !== undefined) return row.body
  throw new PlatformError(
    'RESOURCE_NOT_FOUND',
    `there is no attestation \`${named.digest}\` of the artifact \`${named.sha256}\``,
  )
}
