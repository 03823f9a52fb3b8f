import type { AcceptedArtifact, ArtifactIdentity, Sha256 } from '../model/index.ts'
import type { Reader, Writer } from '../store/index.ts'
import type { TouchedRow } from './touched.ts'

export async function findArtifact(
  reader: Reader,
  codeSha256: Sha256,
): Promise<ArtifactIdentity | undefined> {
  const [identity] = (await artifactsByDigest(reader, [codeSha256])).values()
  return identity
}

/** Several at once, by the digest of their bytes; digests that name nothing are missing from the map. */
export async function artifactsByDigest(
  reader: Reader,
  digests: readonly Sha256[],
): Promise<ReadonlyMap<Sha256, ArtifactIdentity>> {
  if (digests.length === 0) return new Map()
  const rows = await reader
    .selectFrom('artifact')
    .selectAll()
    .where('code_sha256', 'in', [...new Set(digests)])
    .execute()
  return new Map(
    rows.map((row) => [
      row.code_sha256 as Sha256,
      {
        codeSha256: row.code_sha256 as Sha256,
        sha256: row.sha256 as Sha256,
        tree: row.tree as Sha256,
        sizeBytes: row.size_bytes,
        unzippedBytes: row.unzipped_bytes,
        entryCount: row.entry_count,
      },
    ]),
  )
}

/** Versions share artifacts by digest: one that is known already is left as it is. */
export async function insertArtifact(
  tx: Writer,
  accepted: AcceptedArtifact,
  atMs: number,
): Promise<TouchedRow[]> {
  const { identity } = accepted
  if ((await findArtifact(tx, identity.codeSha256)) !== undefined) return []
  await tx
    .insertInto('artifact')
    .values({
      code_sha256: identity.codeSha256,
      sha256: identity.sha256,
      tree: identity.tree,
      size_bytes: identity.sizeBytes,
      unzipped_bytes: identity.unzippedBytes,
      entry_count: identity.entryCount,
      created_at: atMs,
    })
    .execute()
  return [{ table: 'artifact', key: { code_sha256: identity.codeSha256 } }]
}
