import type { FunctionConfigurationDocument } from '../catalog/index.ts'
import {
  LATEST,
  type Facts,
  type Place,
  type Principal,
  type ReleaseLayer,
  type Sha256,
} from '../model/index.ts'
import type { Reader } from '../store/index.ts'
import type { Subject } from './change.ts'
import { configured, subjectsOf } from './release-plan.ts'

/** Of one live interval, what never changes while it is open. */
export interface LiveRowKnown {
  readonly liveId: number
  readonly functionName: string
  /** An alias's name, the digits of a version, or `$LATEST`. */
  readonly alias: string
  readonly slot: 'primary' | 'weighted'
  readonly version: string
  readonly release: Sha256
  readonly subjects: readonly Subject[]
  readonly environmentNames: readonly string[]
  readonly egress: readonly string[]
  readonly decisionId: string
  /** Who brought it there. */
  readonly principal: Principal
  readonly fromMs: number
  /** Its version cannot be read. */
  readonly broken: boolean
}

/** Rows that one statement reads. */
const ROWS_A_PAGE = 500

/** Of all that is live, or of what became live after one of them; in the order in which it did. */
export async function openLiveIds(reader: Reader, after?: number): Promise<number[]> {
  let query = reader.selectFrom('live_interval').select('id').where('to_ms', 'is', null)
  if (after !== undefined) query = query.where('id', '>', after)
  return (await query.execute()).map(({ id }) => id).toSorted((one, other) => one - other)
}

export async function learnRows(
  reader: Reader,
  place: Place,
  ids: readonly number[],
): Promise<LiveRowKnown[]> {
  const found = new Map<number, LiveRowKnown>()
  for (let at = 0; at < ids.length; at += ROWS_A_PAGE) {
    const rows = await reader
      .selectFrom('live_interval as live')
      .innerJoin('decision', 'decision.id', 'live.decision_id')
      .innerJoin('document', 'document.sha256', 'decision.facts')
      .leftJoin('function', 'function.name', 'live.function_name')
      // One release has one set of names, whichever row of the version says so.
      .leftJoin('function_version as version', (join) =>
        join
          .onRef('version.function_id', '=', 'function.id')
          .onRef('version.version', '=', 'live.version')
          .onRef('version.release', '=', 'live.release'),
      )
      .selectAll('live')
      .select(['document.body as facts', 'version.configuration'])
      .where('live.id', 'in', ids.slice(at, at + ROWS_A_PAGE))
      .execute()
    for (const row of rows) {
      const configuration = JSON.parse(row.configuration ?? '{}') as FunctionConfigurationDocument
      found.set(row.id, {
        liveId: row.id,
        functionName: row.function_name,
        alias: row.alias,
        slot: row.slot,
        version: row.version,
        release: row.release as Sha256,
        subjects: subjectsOf(place, {
          functionName: row.function_name,
          version: row.version,
          codeSha256: row.code_sha256 as Sha256,
          layers: JSON.parse(row.layers) as ReleaseLayer[],
        }),
        ...configured(configuration),
        decisionId: row.decision_id,
        principal: (JSON.parse(row.facts) as Facts).principal,
        fromMs: row.from_ms,
        broken: row.configuration === null,
      })
    }
  }
  return [...found.values()]
}

/** What a version is called by itself is no alias. */
export function isAliasName(alias: string): boolean {
  return alias !== LATEST && !/^[0-9]+$/.test(alias)
}
