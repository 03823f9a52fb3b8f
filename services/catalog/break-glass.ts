import type { ExceptionFacts, ExceptionScope, ExceptionTimes, Sha256 } from '../model/index.ts'
import type { BreakGlassTable, Reader, Writer } from '../store/index.ts'
import type { TouchedRow } from './touched.ts'

/** One break-glass, from the request to the review. */
export interface BreakGlass extends ExceptionTimes {
  readonly id: string
  readonly functionName: string
  readonly alias: string
  readonly version: string
  readonly release: Sha256
  readonly reason: string
  readonly ticket: string
  readonly scope: readonly ExceptionScope[]
  readonly ttlMs: number
  readonly requester: string
  readonly requestedAtMs: number
  readonly quorum: number | null
  readonly second: string | null
  readonly ended: BreakGlassTable['ended']
  readonly endedBy: string | null
  readonly reviewedBy: string | null
  readonly reviewedAtMs: number | null
  readonly reviewNote: string | null
}

export async function findBreakGlass(reader: Reader, id: string): Promise<BreakGlass | undefined> {
  const row = await reader
    .selectFrom('break_glass')
    .selectAll()
    .where('id', '=', id)
    .executeTakeFirst()
  return row === undefined ? undefined : toBreakGlass(row)
}

/** Newest first. */
export async function listBreakGlass(
  reader: Reader,
  query: {
    readonly functionName?: string | undefined
    readonly alias?: string | undefined
    readonly limit?: number
  },
): Promise<BreakGlass[]> {
  let select = reader
    .selectFrom('break_glass')
    .selectAll()
    .orderBy('requested_at', 'desc')
    .orderBy('id')
  if (query.functionName !== undefined)
    select = select.where('function_name', '=', query.functionName)
  if (query.alias !== undefined) select = select.where('alias', '=', query.alias)
  if (query.limit !== undefined) select = select.limit(query.limit)
  return (await select.execute()).map(toBreakGlass)
}

/** Granted by then, whose time was not up. */
export async function grantedBreakGlass(reader: Reader, atMs: number): Promise<BreakGlass[]> {
  const rows = await reader
    .selectFrom('break_glass')
    .selectAll()
    .where('granted_at', '<=', atMs)
    .where('until', '>', atMs)
    .orderBy('granted_at')
    .orderBy('id')
    .execute()
  return rows.map(toBreakGlass)
}

/** Granted by then, whether in force or over, and not reviewed by then. */
export async function unreviewedBreakGlass(reader: Reader, atMs: number): Promise<BreakGlass[]> {
  const rows = await reader
    .selectFrom('break_glass')
    .selectAll()
    .where('granted_at', '<=', atMs)
    .where((is) => is.or([is('reviewed_at', 'is', null), is('reviewed_at', '>', atMs)]))
    .orderBy('granted_at')
    .orderBy('id')
    .execute()
  return rows.map(toBreakGlass)
}

/** Granted ones whose time is over and which nobody ended yet. */
export async function overdueBreakGlass(reader: Reader, atMs: number): Promise<BreakGlass[]> {
  const rows = await reader
    .selectFrom('break_glass')
    .selectAll()
    .where('until', '<=', atMs)
    .where('ended_at', 'is', null)
    .orderBy('until')
    .orderBy('id')
    .execute()
  return rows.map(toBreakGlass)
}

/** What decisions know of the exceptions that an alias was given, or all. */
export async function exceptionFacts(
  reader: Reader,
  of: { readonly functionName?: string; readonly alias?: string },
): Promise<ExceptionFacts[]> {
  return (await listBreakGlass(reader, of)).flatMap((one) =>
    one.second === null
      ? []
      : [
          {
            id: one.id,
            functionName: one.functionName,
            alias: one.alias,
            version: one.version,
            release: one.release,
            scope: one.scope,
            requester: one.requester,
            second: one.second,
            grantedAtMs: one.grantedAtMs,
            untilMs: one.untilMs,
            endedAtMs: one.endedAtMs,
          },
        ],
  )
}

export type NewBreakGlass = Pick<
  BreakGlass,
  | 'id'
  | 'functionName'
  | 'alias'
  | 'version'
  | 'release'
  | 'reason'
  | 'ticket'
  | 'scope'
  | 'ttlMs'
  | 'requester'
  | 'requestedAtMs'
>

export async function insertBreakGlass(tx: Writer, asked: NewBreakGlass): Promise<TouchedRow> {
  await tx
    .insertInto('break_glass')
    .values({
      id: asked.id,
      function_name: asked.functionName,
      alias: asked.alias,
      version: asked.version,
      release: asked.release,
      reason: asked.reason,
      ticket: asked.ticket,
      scope: JSON.stringify(asked.scope),
      ttl_ms: asked.ttlMs,
      requester: asked.requester,
      requested_at: asked.requestedAtMs,
    })
    .execute()
  return breakGlassRow(asked.id)
}

export async function grantBreakGlass(
  tx: Writer,
  id: string,
  grant: {
    readonly second: string
    readonly quorum: number
    readonly grantedAtMs: number
    readonly untilMs: number
  },
): Promise<TouchedRow> {
  await tx
    .updateTable('break_glass')
    .set({
      second: grant.second,
      quorum: grant.quorum,
      granted_at: grant.grantedAtMs,
      until: grant.untilMs,
    })
    .where('id', '=', id)
    .where('granted_at', 'is', null)
    .execute()
  return breakGlassRow(id)
}

export async function endBreakGlass(
  tx: Writer,
  id: string,
  end: {
    readonly ended: NonNullable<BreakGlass['ended']>
    readonly by: string
    readonly atMs: number
  },
): Promise<TouchedRow> {
  await tx
    .updateTable('break_glass')
    .set({ ended: end.ended, ended_by: end.by, ended_at: end.atMs })
    .where('id', '=', id)
    .where('ended_at', 'is', null)
    .execute()
  return breakGlassRow(id)
}

export async function reviewBreakGlass(
  tx: Writer,
  id: string,
  review: { readonly by: string; readonly note: string; readonly atMs: number },
): Promise<TouchedRow> {
  await tx
    .updateTable('break_glass')
    .set({ reviewed_by: review.by, reviewed_at: review.atMs, review_note: review.note })
    .where('id', '=', id)
    .where('reviewed_at', 'is', null)
    .execute()
  return breakGlassRow(id)
}

function breakGlassRow(id: string): TouchedRow {
  return { table: 'break_glass', key: { id } }
}

function toBreakGlass(row: BreakGlassTable): BreakGlass {
  return {
    id: row.id,
    functionName: row.function_name,
    alias: row.alias,
    version: row.version,
    release: row.release as Sha256,
    reason: row.reason,
    ticket: row.ticket,
    scope: JSON.parse(row.scope) as ExceptionScope[],
    ttlMs: row.ttl_ms,
    requester: row.requester,
    requestedAtMs: row.requested_at,
    quorum: row.quorum,
    second: row.second,
    grantedAtMs: row.granted_at,
    untilMs: row.until,
    endedAtMs: row.ended_at,
    ended: row.ended,
    endedBy: row.ended_by,
    reviewedBy: row.reviewed_by,
    reviewedAtMs: row.reviewed_at,
    reviewNote: row.review_note,
  }
}
