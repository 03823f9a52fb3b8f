import type { ReleaseLayer } from '../model/index.ts'
import type { LiveIntervalTable, Reader } from '../store/index.ts'
import type { Selectable } from 'kysely'

/** One interval as it is kept: what a slot held from when to when, by the clock and by the ledger. Times in milliseconds. */
export interface HeldInterval {
  readonly id: number
  readonly functionName: string
  /** Alias name, version digits, or `$LATEST`. */
  readonly alias: string
  readonly slot: 'primary' | 'weighted'
  readonly version: string
  readonly weight: number
  readonly layers: readonly ReleaseLayer[]
  readonly codeSha256: string
  readonly release: string
  readonly decisionId: string
  readonly fromMs: number
  /** Without it: `null` while it goes on. */
  readonly toMs: number | null
  /** Indexes of the ledger entries that tell of its begin and its end. */
  readonly fromIndex: number
  readonly toIndex: number | null
}

export function toHeldInterval(row: Selectable<LiveIntervalTable>): HeldInterval {
  return {
    id: row.id,
    functionName: row.function_name,
    alias: row.alias,
    slot: row.slot,
    version: row.version,
    weight: row.weight,
    layers: JSON.parse(row.layers) as ReleaseLayer[],
    codeSha256: row.code_sha256,
    release: row.release,
    decisionId: row.decision_id,
    fromMs: row.from_ms,
    toMs: row.to_ms,
    fromIndex: row.from_index,
    toIndex: row.to_index,
  }
}

/** By id; at most a page of them. */
export async function intervalsById(
  reader: Reader,
  ids: readonly number[],
): Promise<ReadonlyMap<number, HeldInterval>> {
  if (ids.length === 0) return new Map()
  const rows = await reader
    .selectFrom('live_interval')
    .selectAll()
    .where('id', 'in', [...ids])
    .execute()
  return new Map(rows.map((row) => [row.id, toHeldInterval(row)]))
}

/** Whether both say the same is served with the same share: then nothing changed, whatever was decided between. */
export function holdsTheSame(a: HeldInterval, b: HeldInterval): boolean {
  return (
    a.version === b.version &&
    a.weight === b.weight &&
    a.release === b.release &&
    a.codeSha256 === b.codeSha256
  )
}
