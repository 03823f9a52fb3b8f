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

/**
 * The bytes of all that was ever admitted, with their size: what versions, live intervals and layers name, also of what
 * was deleted since, and what decisions were made about. A row here is never deleted.
 */
export async function namedBlobs(reader: Reader): Promise<ReadonlyMap<Sha256, number>> {
  const rows = await reader.selectFrom('artifact').select(['code_sha256', 'size_bytes']).execute()
  return new Map(rows.map((row) => [row.code_sha256 as Sha256, row.size_bytes]))
}

/** The bytes of versions that there are, with their layers: what may be invoked, or published or attached again. */
export async function usedBlobs(reader: Reader): Promise<ReadonlySet<Sha256>> {
  const versions = await reader
    .selectFrom('function_version')
    .select(['code_sha256', 'layers'])
    .execute()
  const layers = await reader.selectFrom('layer_version').select('code_sha256').execute()
  const used = new Set([...versions, ...layers].map((row) => row.code_sha256 as Sha256))
  for (const version of versions)
    for (const layer of JSON.parse(version.layers) as { readonly codeSha256: Sha256 }[])
      used.add(layer.codeSha256)
  return used
}
