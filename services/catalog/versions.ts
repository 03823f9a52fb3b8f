import { sql } from 'kysely'

import {
  LATEST,
  canonicalJson,
  sha256,
  type Json,
  type ReleaseLayer,
  type Sha256,
} from '../model/index.ts'
import type { FunctionVersionTable, Reader, Writer } from '../store/index.ts'
import type { FunctionConfigurationDocument } from './configuration.ts'
import type { TouchedRow } from './touched.ts'

/** A layer of a version, with its size for AWS's answers. */
export interface VersionLayer extends ReleaseLayer {
  readonly codeSizeBytes: number
}

export interface VersionStatus {
  readonly state: FunctionVersionTable['state']
  readonly stateReason: string | null
  readonly stateReasonCode: string | null
  readonly lastUpdateStatus: FunctionVersionTable['last_update_status']
  readonly lastUpdateStatusReason: string | null
  readonly lastUpdateStatusReasonCode: string | null
}

/** A published version, or one state of `$LATEST`. */
export interface VersionRecord extends VersionStatus {
  readonly id: string
  readonly functionId: string
  readonly functionName: string
  /** Digits or `$LATEST`. */
  readonly version: string
  readonly configuration: FunctionConfigurationDocument
  readonly codeSha256: Sha256
  readonly sha256: Sha256
  readonly tree: Sha256
  readonly codeSizeBytes: number
  readonly unzippedBytes: number
  readonly layers: readonly VersionLayer[]
  readonly release: Sha256
  readonly decisionId: string
  readonly revisionId: string
  readonly lastModifiedMs: number
}

const CREATING = 'The function is being created.'

/** Recorded: a create, until it has settled. */
export const pendingStatus: VersionStatus = {
  state: 'Pending',
  stateReason: CREATING,
  stateReasonCode: 'Creating',
  lastUpdateStatus: null,
  lastUpdateStatusReason: null,
  lastUpdateStatusReasonCode: null,
}

/** Recorded: an update of an active function, until it has settled; the previous code serves meanwhile. */
export const updatingStatus: VersionStatus = {
  state: 'Active',
  stateReason: null,
  stateReasonCode: null,
  lastUpdateStatus: 'InProgress',
  lastUpdateStatusReason: CREATING,
  lastUpdateStatusReasonCode: 'Creating',
}

export const activeStatus: VersionStatus = {
  state: 'Active',
  stateReason: null,
  stateReasonCode: null,
  lastUpdateStatus: 'Successful',
  lastUpdateStatusReason: null,
  lastUpdateStatusReasonCode: null,
}

export function isSettled(status: VersionStatus): boolean {
  return status.state !== 'Pending' && status.lastUpdateStatus !== 'InProgress'
}

/** Digest of what PublishVersion would copy: equal to that of the last published version, there is nothing to publish. */
export function publishDigest(
  version: Pick<VersionRecord, 'configuration' | 'codeSha256' | 'layers'>,
): Sha256 {
  const { PublishedFrom: _ours, ...configuration } = version.configuration
  const layers = version.layers.map((layer) => layer.arn)
  return sha256(
    'lacre publish v1\0',
    canonicalJson({ configuration, codeSha256: version.codeSha256, layers }),
  )
}

interface VersionFilter {
  readonly id?: string
  readonly ids?: readonly string[]
  readonly functionId?: string
  readonly version?: string
}

async function selectVersions(reader: Reader, filter: VersionFilter): Promise<VersionRecord[]> {
  let query = reader
    .selectFrom('function_version')
    .innerJoin('function', 'function.id', 'function_version.function_id')
    .innerJoin('artifact', 'artifact.code_sha256', 'function_version.code_sha256')
    .selectAll('function_version')
    .select([
      'function.name as function_name',
      'artifact.sha256',
      'artifact.tree',
      'artifact.size_bytes',
      'artifact.unzipped_bytes',
    ])
  if (filter.id !== undefined) query = query.where('function_version.id', '=', filter.id)
  if (filter.ids !== undefined) query = query.where('function_version.id', 'in', filter.ids)
  if (filter.functionId !== undefined)
    query = query.where('function_version.function_id', '=', filter.functionId)
  if (filter.version !== undefined)
    query = query.where('function_version.version', '=', filter.version)
  const rows = await query.execute()
  const layers = rows.map((row) => JSON.parse(row.layers) as ReleaseLayer[])
  const sizes = await sizesOf(reader, layers.flat())
  return rows.map((row, index) => ({
    id: row.id,
    functionId: row.function_id,
    functionName: row.function_name,
    version: row.version,
    configuration: JSON.parse(row.configuration) as FunctionConfigurationDocument,
    codeSha256: row.code_sha256 as Sha256,
    sha256: row.sha256 as Sha256,
    tree: row.tree as Sha256,
    codeSizeBytes: row.size_bytes,
    unzippedBytes: row.unzipped_bytes,
    layers: (layers[index] ?? []).map((layer) => ({
      ...layer,
      codeSizeBytes: sizes.get(layer.codeSha256) ?? 0,
    })),
    release: row.release as Sha256,
    decisionId: row.decision_id,
    state: row.state,
    stateReason: row.state_reason,
    stateReasonCode: row.state_reason_code,
    lastUpdateStatus: row.last_update_status,
    lastUpdateStatusReason: row.last_update_status_reason,
    lastUpdateStatusReasonCode: row.last_update_status_reason_code,
    revisionId: row.revision_id,
    lastModifiedMs: row.last_modified,
  }))
}

async function sizesOf(
  reader: Reader,
  layers: readonly ReleaseLayer[],
): Promise<ReadonlyMap<string, number>> {
  const digests = [...new Set(layers.map((layer) => layer.codeSha256))]
  if (digests.length === 0) return new Map()
  const rows = await reader
    .selectFrom('artifact')
    .select(['code_sha256', 'size_bytes'])
    .where('code_sha256', 'in', digests)
    .execute()
  return new Map(rows.map((row) => [row.code_sha256, row.size_bytes]))
}

export async function findVersionById(
  reader: Reader,
  id: string,
): Promise<VersionRecord | undefined> {
  const [version] = await selectVersions(reader, { id })
  return version
}

export async function versionsById(
  reader: Reader,
  ids: readonly string[],
): Promise<VersionRecord[]> {
  return await selectVersions(reader, { ids })
}

/** A published version by its number. */
export async function findPublishedVersion(
  reader: Reader,
  functionId: string,
  version: string,
): Promise<VersionRecord | undefined> {
  if (version === LATEST) return undefined
  const [found] = await selectVersions(reader, { functionId, version })
  return found
}

/** Published versions, lowest number first. */
export async function listPublishedVersions(
  reader: Reader,
  functionId: string,
): Promise<VersionRecord[]> {
  const versions = await selectVersions(reader, { functionId })
  return versions
    .filter((version) => version.version !== LATEST)
    .sort((a, b) => Number(a.version) - Number(b.version))
}

export interface VersionPage {
  /** Of one function; of all where it is left out. */
  readonly functionId?: string
  /** Published versions too; else what is known of each `$LATEST`. */
  readonly all: boolean
  /** The last of the page before. */
  readonly after?: { readonly name: string; readonly version: string } | undefined
  readonly limit: number
}

/** By function name, `$LATEST` first, then by number: from where the page before ended, and no more rows than that. */
export async function pageOfVersions(reader: Reader, page: VersionPage): Promise<VersionRecord[]> {
  const { after, limit, all } = page
  // Numbers as text: the longer is the higher.
  const ordinal = sql<number>`case when function_version.version = ${LATEST} then 0 else length(function_version.version) end`
  const isLatest = sql<boolean>`function_version.id = coalesce(function.pending, function.serving)`
  let query = reader
    .selectFrom('function')
    .innerJoin('function_version', 'function_version.function_id', 'function.id')
    .select('function_version.id')
    .where((is) => (all ? is.or([is('version', '<>', LATEST), isLatest]) : isLatest))
    .orderBy('function.name')
    .limit(limit)
  if (all) query = query.orderBy(ordinal).orderBy('function_version.version')
  if (page.functionId !== undefined) query = query.where('function.id', '=', page.functionId)
  if (after !== undefined) {
    const { name, version } = after
    const reached = version === LATEST ? 0 : version.length
    query = query.where((is) =>
      is.or([
        is('function.name', '>', name),
        is.and([
          is('function.name', '=', name),
          is.or([
            is(ordinal, '>', reached),
            is.and([is(ordinal, '=', reached), is('version', '>', version)]),
          ]),
        ]),
      ]),
    )
    // What the index on names can use.
    query = query.where('function.name', all ? '>=' : '>', name)
  }
  const ids = (await query.execute()).map((row) => row.id)
  if (ids.length === 0) return []
  const found = new Map((await selectVersions(reader, { ids })).map((one) => [one.id, one]))
  return ids.flatMap((id) => found.get(id) ?? [])
}

/** The published version with the highest number. */
export async function findNewestPublished(
  reader: Reader,
  functionId: string,
): Promise<VersionRecord | undefined> {
  const row = await reader
    .selectFrom('function_version')
    .select('id')
    .where('function_id', '=', functionId)
    .where('version', '<>', LATEST)
    // Numbers as text: the longer is the higher.
    .orderBy(sql`length(version)`, 'desc')
    .orderBy('version', 'desc')
    .limit(1)
    .executeTakeFirst()
  return row === undefined ? undefined : await findVersionById(reader, row.id)
}

export type NewVersion = Omit<
  VersionRecord,
  'functionName' | 'sha256' | 'tree' | 'codeSizeBytes' | 'unzippedBytes'
>

export async function insertVersion(tx: Writer, version: NewVersion): Promise<TouchedRow> {
  await tx
    .insertInto('function_version')
    .values({
      id: version.id,
      function_id: version.functionId,
      version: version.version,
      configuration: canonicalJson(version.configuration as Json),
      code_sha256: version.codeSha256,
      layers: canonicalJson(
        version.layers.map(({ arn, codeSha256, sha256: unsealed, tree }) => ({
          arn,
          codeSha256,
          sha256: unsealed,
          tree,
        })),
      ),
      release: version.release,
      decision_id: version.decisionId,
      ...toStatusColumns(version),
      revision_id: version.revisionId,
      last_modified: version.lastModifiedMs,
    })
    .execute()
  return versionRow(version.id)
}

/** A state settles, and with it the revision (SPEC A2: RevisionId changes then, too). */
export async function setVersionStatus(
  tx: Writer,
  id: string,
  change: VersionStatus & { readonly revisionId: string },
): Promise<TouchedRow> {
  await tx
    .updateTable('function_version')
    .set({ ...toStatusColumns(change), revision_id: change.revisionId })
    .where('id', '=', id)
    .execute()
  return versionRow(id)
}

/** What hangs on a version changed: its policy. */
export async function setVersionRevision(
  tx: Writer,
  id: string,
  revisionId: string,
): Promise<TouchedRow> {
  await tx
    .updateTable('function_version')
    .set({ revision_id: revisionId })
    .where('id', '=', id)
    .execute()
  return versionRow(id)
}

export async function deleteVersion(tx: Writer, id: string): Promise<TouchedRow> {
  await tx.deleteFrom('function_version').where('id', '=', id).execute()
  return versionRow(id)
}

function versionRow(id: string): TouchedRow {
  return { table: 'function_version', key: { id } }
}

function toStatusColumns(status: VersionStatus) {
  return {
    state: status.state,
    state_reason: status.stateReason,
    state_reason_code: status.stateReasonCode,
    last_update_status: status.lastUpdateStatus,
    last_update_status_reason: status.lastUpdateStatusReason,
    last_update_status_reason_code: status.lastUpdateStatusReasonCode,
  }
}
