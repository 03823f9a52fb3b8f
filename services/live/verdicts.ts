import type { RowRef } from '../audit/index.ts'
import type {
  Decision,
  VerdictFinding,
  VerdictReason,
  VerdictState,
  ViolationCause,
} from '../model/index.ts'
import type { LiveVerdictTable, Reader, Writer } from '../store/index.ts'

/** What is known now of what holds now of one live interval. */
export interface LiveVerdict extends VerdictFinding {
  readonly id: number
  readonly liveId: number
  readonly policySet: string
  readonly world: number
  readonly effectiveFromMs: number
  readonly recordedFromMs: number
}

/** What was found, and since when it is so. */
export interface NewVerdict extends VerdictFinding {
  readonly liveId: number
  /** Since when that interval is live. */
  readonly bornMs: number
  readonly policySet: string
  readonly world: number
  /** `undefined`: since it is recorded. */
  readonly sinceMs: number | undefined
}

/** Of open live intervals, by their id: all, or those named. */
export async function openVerdicts(
  reader: Reader,
  liveIds?: readonly number[],
): Promise<ReadonlyMap<number, LiveVerdict>> {
  let query = reader
    .selectFrom('live_interval')
    .innerJoin('live_verdict', 'live_verdict.live_id', 'live_interval.id')
    .selectAll('live_verdict')
    .where('live_interval.to_ms', 'is', null)
    .where('live_verdict.recorded_to', 'is', null)
    .where('live_verdict.effective_to', 'is', null)
  if (liveIds !== undefined) query = query.where('live_interval.id', 'in', [...liveIds])
  const rows = await query.execute()
  return new Map(rows.map((row) => [row.live_id, toVerdict(row)]))
}

/**
 * What held at `atMs` of intervals that were live then, as known at `knownAtMs` (now where not given): both answers stay
 * readable when a later revocation counts from an earlier time.
 */
export async function verdictsAt(
  reader: Reader,
  {
    atMs,
    knownAtMs,
    liveIds,
  }: {
    readonly atMs: number
    readonly knownAtMs?: number
    /** These alone. */
    readonly liveIds?: readonly number[]
  },
): Promise<ReadonlyMap<number, LiveVerdict>> {
  let query = reader
    .selectFrom('live_interval')
    .innerJoin('live_verdict', 'live_verdict.live_id', 'live_interval.id')
    .selectAll('live_verdict')
    .where('live_interval.from_ms', '<=', atMs)
    .where((is) =>
      is.or([is('live_interval.to_ms', 'is', null), is('live_interval.to_ms', '>', atMs)]),
    )
    .where('live_verdict.effective_from', '<=', atMs)
    .where((is) =>
      is.or([
        is('live_verdict.effective_to', 'is', null),
        is('live_verdict.effective_to', '>', atMs),
      ]),
    )
  if (liveIds !== undefined) query = query.where('live_interval.id', 'in', [...liveIds])
  query =
    knownAtMs === undefined
      ? query.where('live_verdict.recorded_to', 'is', null)
      : query
          .where('live_verdict.recorded_from', '<=', knownAtMs)
          .where((is) =>
            is.or([
              is('live_verdict.recorded_to', 'is', null),
              is('live_verdict.recorded_to', '>', knownAtMs),
            ]),
          )
  const rows = await query.execute()
  return new Map(rows.map((row) => [row.live_id, toVerdict(row)]))
}

/**
 * Records what holds from `sinceMs` on. What was known of that time until now stays, as what was known then; of the time
 * before it nothing changes. Many at a time, in few statements; each interval once.
 */
export async function recordVerdicts(
  tx: Writer,
  found: readonly NewVerdict[],
  atMs: number,
): Promise<readonly RowRef[]> {
  const since = new Map(found.map((one) => [one.liveId, sinceWhen(one, atMs)]))
  const known = await tx
    .selectFrom('live_verdict')
    .selectAll()
    .where('live_id', 'in', [...since.keys()])
    .where('recorded_to', 'is', null)
    .execute()
  const ended: number[] = []
  const replaced: number[] = []
  const rows: Columns[] = []
  for (const { id, ...row } of known) {
    const sinceMs = since.get(row.live_id) ?? atMs
    if (row.effective_to !== null && row.effective_to <= sinceMs) continue
    if (sinceMs === atMs) {
      ended.push(id)
      continue
    }
    replaced.push(id)
    if (row.effective_from < sinceMs)
      rows.push({ ...row, effective_to: sinceMs, recorded_from: atMs })
  }
  if (ended.length > 0)
    await tx
      .updateTable('live_verdict')
      .set({ effective_to: atMs })
      .where('id', 'in', ended)
      .execute()
  if (replaced.length > 0)
    await tx
      .updateTable('live_verdict')
      .set({ recorded_to: atMs })
      .where('id', 'in', replaced)
      .execute()
  for (const one of found) {
    const effective_from = since.get(one.liveId) ?? atMs
    rows.push({ ...columnsOf(one), ...OPEN, effective_from, recorded_from: atMs })
  }
  const inserted = await tx.insertInto('live_verdict').values(rows).returning('id').execute()
  return [...ended, ...replaced, ...inserted.map(({ id }) => id)].map(refOf)
}

const OPEN = { effective_to: null, recorded_to: null } as const

/** Not before it was live, and not after it is recorded. */
function sinceWhen({ bornMs, sinceMs }: NewVerdict, atMs: number): number {
  return Math.min(atMs, Math.max(bornMs, sinceMs ?? atMs))
}

/**
 * An interval is born with the verdict of the decision that opened it, so that nothing is live without one. Its world may
 * have passed: whoever judges again looks at it next.
 */
export async function bornVerdict(
  tx: Writer,
  live: { readonly id: number; readonly decisionId: string },
  atMs: number,
): Promise<RowRef> {
  const row = await tx
    .selectFrom('decision')
    .innerJoin('document', 'document.sha256', 'decision.document')
    .select('document.body')
    .where('decision.id', '=', live.decisionId)
    .executeTakeFirstOrThrow()
  const { checks, policySet, world } = JSON.parse(row.body) as Decision
  const excepted = checks.filter(({ exceptions }) => exceptions !== undefined)
  const exceptions = excepted.flatMap((check) => check.exceptions ?? [])
  const id = await insert(tx, {
    ...columnsOf({
      liveId: live.id,
      state: excepted.length > 0 ? 'excepted' : 'compliant',
      reasons: excepted.map(({ rule, subject, expected, got }) => ({
        rule,
        subject,
        expected,
        got,
      })),
      causes: [],
      untilMs: await endOf(tx, exceptions),
      policySet: policySet.version,
      world,
    }),
    ...OPEN,
    effective_from: atMs,
    recorded_from: atMs,
  })
  return refOf(id)
}

async function endOf(tx: Writer, exceptions: readonly string[]): Promise<number | null> {
  if (exceptions.length === 0) return null
  const row = await tx
    .selectFrom('break_glass')
    .select((select) => select.fn.min<number | null>('until').as('until'))
    .where('id', 'in', [...exceptions])
    .executeTakeFirst()
  return row?.until ?? null
}

type Columns = Omit<LiveVerdictTable, 'id'>

function columnsOf(
  found: Omit<NewVerdict, 'sinceMs' | 'bornMs'>,
): Omit<Columns, 'effective_from' | 'effective_to' | 'recorded_from' | 'recorded_to'> {
  return {
    live_id: found.liveId,
    state: found.state,
    reasons: JSON.stringify(found.reasons),
    causes: JSON.stringify(found.causes),
    until_ms: found.untilMs,
    policy_set: found.policySet,
    world: found.world,
  }
}

async function insert(tx: Writer, columns: Columns): Promise<number> {
  const { id } = await tx
    .insertInto('live_verdict')
    .values(columns)
    .returning('id')
    .executeTakeFirstOrThrow()
  return id
}

function refOf(id: number): RowRef {
  return { table: 'live_verdict', key: { id } }
}

function toVerdict(row: {
  readonly id: number
  readonly live_id: number
  readonly state: VerdictState
  readonly reasons: string
  readonly causes: string
  readonly until_ms: number | null
  readonly policy_set: string
  readonly world: number
  readonly effective_from: number
  readonly recorded_from: number
}): LiveVerdict {
  return {
    id: row.id,
    liveId: row.live_id,
    state: row.state,
    reasons: JSON.parse(row.reasons) as VerdictReason[],
    causes: JSON.parse(row.causes) as ViolationCause[],
    untilMs: row.until_ms,
    policySet: row.policy_set,
    world: row.world,
    effectiveFromMs: row.effective_from,
    recordedFromMs: row.recorded_from,
  }
}

/** A statement that all that was live in a world was judged in it. */
export interface Verification {
  readonly world: number
  readonly atMs: number
  readonly judged: number
  readonly notCompliant: number
  readonly policySet: string
}

export async function lastVerification(reader: Reader): Promise<Verification | undefined> {
  const row = await reader
    .selectFrom('live_verification')
    .selectAll()
    .orderBy('world', 'desc')
    .limit(1)
    .executeTakeFirst()
  return (
    row && {
      world: row.world,
      atMs: row.at,
      judged: row.judged,
      notCompliant: row.not_compliant,
      policySet: row.policy_set,
    }
  )
}

/** Nothing where that world was verified before. */
export async function recordVerification(
  tx: Writer,
  { world, atMs, judged, notCompliant, policySet }: Verification,
): Promise<void> {
  await tx
    .insertInto('live_verification')
    .values({ world, at: atMs, judged, not_compliant: notCompliant, policy_set: policySet })
    .onConflict((conflict) => conflict.column('world').doNothing())
    .execute()
}
