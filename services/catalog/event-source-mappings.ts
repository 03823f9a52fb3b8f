import type { Reader, Writer } from '../store/index.ts'
import type { SettingDocument } from './function-settings.ts'
import type { TouchedRow } from './touched.ts'

export interface EventSourceMapping {
  readonly uuid: string
  readonly functionName: string
  /** `null` for a source of one's own (Kafka). */
  readonly eventSourceArn: string | null
  /** Members as AWS names them, without states. */
  readonly document: SettingDocument
  readonly decisionId: string
  readonly lastModifiedMs: number
}

export async function findEventSourceMapping(
  reader: Reader,
  uuid: string,
): Promise<EventSourceMapping | undefined> {
  const row = await reader
    .selectFrom('event_source_mapping')
    .selectAll()
    .where('uuid', '=', uuid)
    .executeTakeFirst()
  return row === undefined ? undefined : toMapping(row)
}

/** By UUID: a page after one, of one function or one source where named. */
export async function listEventSourceMappings(
  reader: Reader,
  of: {
    readonly functionName?: string | undefined
    readonly eventSourceArn?: string | undefined
    readonly after?: string | undefined
    readonly limit?: number
  },
): Promise<EventSourceMapping[]> {
  let query = reader.selectFrom('event_source_mapping').selectAll().orderBy('uuid')
  if (of.functionName !== undefined) query = query.where('function_name', '=', of.functionName)
  if (of.eventSourceArn !== undefined)
    query = query.where('event_source_arn', '=', of.eventSourceArn)
  if (of.after !== undefined) query = query.where('uuid', '>', of.after)
  if (of.limit !== undefined) query = query.limit(of.limit)
  return (await query.execute()).map(toMapping)
}

export async function insertEventSourceMapping(
  tx: Writer,
  mapping: EventSourceMapping,
): Promise<TouchedRow> {
  await tx.insertInto('event_source_mapping').values(toRow(mapping)).execute()
  return mappingRow(mapping.uuid)
}

export async function updateEventSourceMappingRow(
  tx: Writer,
  mapping: EventSourceMapping,
): Promise<TouchedRow> {
  const { uuid, ...columns } = toRow(mapping)
  await tx.updateTable('event_source_mapping').set(columns).where('uuid', '=', uuid).execute()
  return mappingRow(uuid)
}

export async function deleteEventSourceMappingRow(tx: Writer, uuid: string): Promise<TouchedRow> {
  await tx.deleteFrom('event_source_mapping').where('uuid', '=', uuid).execute()
  return mappingRow(uuid)
}

function mappingRow(uuid: string): TouchedRow {
  return { table: 'event_source_mapping', key: { uuid } }
}

function toRow(mapping: EventSourceMapping) {
  return {
    uuid: mapping.uuid,
    function_name: mapping.functionName,
    event_source_arn: mapping.eventSourceArn,
    document: JSON.stringify(mapping.document),
    decision_id: mapping.decisionId,
    last_modified: mapping.lastModifiedMs,
  }
}

function toMapping(row: ReturnType<typeof toRow>): EventSourceMapping {
  return {
    uuid: row.uuid,
    functionName: row.function_name,
    eventSourceArn: row.event_source_arn,
    document: JSON.parse(row.document) as SettingDocument,
    decisionId: row.decision_id,
    lastModifiedMs: row.last_modified,
  }
}
