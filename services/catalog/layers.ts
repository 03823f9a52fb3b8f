import type { ArtifactIdentity, ReleaseLayer, Sha256 } from '../model/index.ts'
import type { LayerVersionTable, Reader, Writer } from '../store/index.ts'
import { artifactsByDigest } from './artifacts.ts'
import type { TouchedRow } from './touched.ts'

export interface LayerVersionRecord {
  readonly arn: string
  readonly name: string
  readonly version: number
  readonly description: string
  readonly license: string | null
  /** `null` where none were given. */
  readonly compatibleRuntimes: readonly string[] | null
  readonly compatibleArchitectures: readonly string[] | null
  readonly artifact: ArtifactIdentity
  readonly decisionId: string
  readonly createdAtMs: number
}

/** A layer version that is there for the asking: deleted ones stay for the functions that use them, unseen. */
export async function findLayerVersion(
  reader: Reader,
  arn: string,
): Promise<LayerVersionRecord | undefined> {
  const rows = await reader
    .selectFrom('layer_version')
    .selectAll()
    .where('arn', '=', arn)
    .where('deleted_at', 'is', null)
    .execute()
  const [layer] = await toLayers(reader, rows)
  return layer
}

/** What a layer version says it suits; what says nothing suits no filter, as on AWS. */
export interface LayerFilter {
  readonly runtime?: string | undefined
  readonly architecture?: string | undefined
}

/** Of one layer, newest first, from below a number. */
export async function listLayerVersions(
  reader: Reader,
  about: LayerFilter & { readonly name: string; readonly below?: number | undefined },
  limit: number,
): Promise<LayerVersionRecord[]> {
  const { name, below } = about
  let rows = suited(reader, about).where('name', '=', name)
  if (below !== undefined) rows = rows.where('version', '<', below)
  return await toLayers(
    reader,
    await rows.selectAll().orderBy('version', 'desc').limit(limit).execute(),
  )
}

/** Each layer's newest version that suits, by name: one row of each is read. */
export async function listNewestLayers(
  reader: Reader,
  about: LayerFilter & { readonly after: string | undefined },
  limit: number,
): Promise<LayerVersionRecord[]> {
  let names = suited(reader, about)
  if (about.after !== undefined) names = names.where('name', '>', about.after)
  const newest = names
    .select((by) => ['name as newest_name', by.fn.max('version').as('newest')])
    .groupBy('name')
    .orderBy('name')
    .limit(limit)
  const rows = await reader
    .selectFrom(newest.as('newest_of'))
    .innerJoin('layer_version', (join) =>
      join
        .onRef('layer_version.name', '=', 'newest_of.newest_name')
        .onRef('layer_version.version', '=', 'newest_of.newest'),
    )
    .selectAll('layer_version')
    .orderBy('layer_version.name')
    .execute()
  return await toLayers(reader, rows)
}

/** Lists are kept as JSON texts: a value stands in them within its quotes. */
function suited(reader: Reader, { runtime, architecture }: LayerFilter) {
  let rows = reader.selectFrom('layer_version').where('deleted_at', 'is', null)
  if (runtime !== undefined) rows = rows.where('compatible_runtimes', 'like', containing(runtime))
  if (architecture !== undefined)
    rows = rows.where('compatible_architectures', 'like', containing(architecture))
  return rows
}

/** `_` and `%` would match anything: ids hold them only in `x86_64`, which no other id is like. */
function containing(id: string): string {
  return `%"${id.replaceAll('%', '')}"%`
}

export async function takeLayerNumber(
  tx: Writer,
  name: string,
): Promise<{ readonly version: number; readonly touched: TouchedRow }> {
  const touched: TouchedRow = { table: 'layer', key: { name } }
  const row = await tx
    .selectFrom('layer')
    .select('next_version')
    .where('name', '=', name)
    .executeTakeFirst()
  if (row === undefined) {
    await tx.insertInto('layer').values({ name, next_version: 2 }).execute()
    return { version: 1, touched }
  }
  await tx
    .updateTable('layer')
    .set({ next_version: row.next_version + 1 })
    .where('name', '=', name)
    .execute()
  return { version: row.next_version, touched }
}

export async function insertLayerVersion(
  tx: Writer,
  layer: LayerVersionRecord,
): Promise<TouchedRow> {
  await tx
    .insertInto('layer_version')
    .values({
      arn: layer.arn,
      name: layer.name,
      version: layer.version,
      description: layer.description,
      license: layer.license,
      compatible_runtimes: toText(layer.compatibleRuntimes),
      compatible_architectures: toText(layer.compatibleArchitectures),
      code_sha256: layer.artifact.codeSha256,
      decision_id: layer.decisionId,
      created_at: layer.createdAtMs,
      deleted_at: null,
    })
    .execute()
  return { table: 'layer_version', key: { arn: layer.arn } }
}

export async function markLayerVersionDeleted(
  tx: Writer,
  arn: string,
  atMs: number,
): Promise<TouchedRow> {
  await tx
    .updateTable('layer_version')
    .set({ deleted_at: atMs })
    .where('arn', '=', arn)
    .where('deleted_at', 'is', null)
    .execute()
  return { table: 'layer_version', key: { arn } }
}

/** What a release holds of a layer. */
export function toReleaseLayer(
  layer: LayerVersionRecord,
): ReleaseLayer & { codeSizeBytes: number } {
  const { codeSha256, sha256, tree, sizeBytes } = layer.artifact
  return { arn: layer.arn, codeSha256, sha256, tree, codeSizeBytes: sizeBytes }
}

async function toLayers(
  reader: Reader,
  rows: readonly LayerVersionTable[],
): Promise<LayerVersionRecord[]> {
  const artifacts = await artifactsByDigest(
    reader,
    rows.map((row) => row.code_sha256 as Sha256),
  )
  const layers: LayerVersionRecord[] = []
  for (const row of rows) {
    const artifact = artifacts.get(row.code_sha256 as Sha256)
    // A reference of the schema: a layer version without its artifact cannot be stored.
    if (artifact === undefined) continue
    layers.push({
      arn: row.arn,
      name: row.name,
      version: row.version,
      description: row.description,
      license: row.license,
      compatibleRuntimes: toList(row.compatible_runtimes),
      compatibleArchitectures: toList(row.compatible_architectures),
      artifact,
      decisionId: row.decision_id,
      createdAtMs: row.created_at,
    })
  }
  return layers
}

function toText(list: readonly string[] | null): string | null {
  return list === null ? null : JSON.stringify(list)
}

function toList(text: string | null): readonly string[] | null {
  return text === null ? null : (JSON.parse(text) as string[])
}
