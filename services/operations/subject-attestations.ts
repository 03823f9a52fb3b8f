import {
  limits,
  type ArtifactIdentity,
  type Sha256,
  type SubjectAttestations,
  type SubjectFacts,
} from '../model/index.ts'
import type { Reader } from '../store/index.ts'
import type { AttestedInput } from '../trust/index.ts'
import type { ArtifactJudge } from './examine.ts'

/** A kept attestation with its bundle. */
export interface KeptAttestation {
  readonly digest: Sha256
  readonly predicateType: string
  readonly document: Sha256
  readonly sizeBytes: number
  readonly createdAtMs: number
  readonly bundle: Uint8Array
}

type Trust = Pick<AttestedInput, 'publishers' | 'revocations' | 'revocationLists' | 'atMs'>

/**
 * What is attested of one subject, as a member of its facts; nothing where nothing is. Attaching raises the world, so that
 * reading outside the snapshot is caught at commit.
 */
export async function judgeAttestations(
  deps: { readonly store: { readonly reader: Reader }; readonly examiner: ArtifactJudge },
  identity: ArtifactIdentity,
  trust: Trust,
): Promise<Pick<SubjectFacts, 'attestations'>> {
  const kept = await keptAttestations(deps.store.reader, identity.sha256)
  if (kept.length === 0) return {}
  return { attestations: await judgeBundles(deps, identity, { trust, bundles: bundlesOf(kept) }) }
}

export async function judgeBundles(
  deps: { readonly examiner: ArtifactJudge },
  identity: ArtifactIdentity,
  given: { readonly trust: Trust; readonly bundles: readonly Uint8Array[] },
): Promise<SubjectAttestations> {
  const { publishers, revocations, revocationLists, atMs } = given.trust
  const attestations = given.bundles
  const by = { publishers, revocations, revocationLists, atMs, attestations }
  return await deps.examiner.attested(identity, by)
}

export function bundlesOf(kept: readonly KeptAttestation[]): readonly Uint8Array[] {
  return kept.map(({ bundle }) => bundle)
}

/** In the order in which they came. */
export async function keptAttestations(
  reader: Reader,
  artifact: Sha256,
): Promise<readonly KeptAttestation[]> {
  const rows = await reader
    .selectFrom('attestation')
    .innerJoin('document', 'document.sha256', 'attestation.document')
    .selectAll('attestation')
    .select('document.body')
    .where('artifact_sha256', '=', artifact)
    .orderBy('attestation.created_at')
    .orderBy('attestation.digest')
    .limit(limits.ATTESTATIONS_LIMIT)
    .execute()
  return rows.map((row) => ({
    digest: row.digest as Sha256,
    predicateType: row.predicate_type,
    document: row.document as Sha256,
    sizeBytes: row.size_bytes,
    createdAtMs: row.created_at,
    bundle: Buffer.from(row.body),
  }))
}
