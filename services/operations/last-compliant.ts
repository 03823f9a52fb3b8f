import { findFunction, findPublishedVersion } from '../catalog/index.ts'
import type { Sha256 } from '../model/index.ts'
import type { Reader } from '../store/index.ts'
import type { Deps } from './context.ts'
import { exceptionsBehind } from './excepted.ts'

/** A version that was mostly or wholly live in an alias before, by a decision that needed no exception. */
export interface ReturnTarget {
  readonly version: string
  readonly release: Sha256
}

export interface ReturnAsked {
  readonly functionName: string
  readonly alias: string
  /** What the alias is to leave: never a target. */
  readonly leaving: Sha256
}

/** What a target must be beside having been live here before; both are asked of each, newest first. */
export interface ReturnRules {
  /** Whether it would be admitted as things are now. */
  isCompliant(target: ReturnTarget): Promise<boolean>
  /** Whether it is at or above the alias's floor. */
  isAtFloor(target: ReturnTarget): Promise<boolean>
}

/** A version that had more than this of the calls was what the alias stood for, no canary. */
const MOSTLY = 0.5
/** Each candidate is judged anew, signatures and all. */
const CANDIDATES_LIMIT = 20

/**
 * The newest version to go back to (promise P5): live in this alias before by an allowed decision, compliant now, at or
 * above the floor. `undefined` where there is none.
 */
export async function findLastCompliant(
  deps: Pick<Deps, 'store'>,
  asked: ReturnAsked,
  rules: ReturnRules,
): Promise<ReturnTarget | undefined> {
  const candidates = await deps.store.snapshot((reader) => formerVersions(reader, asked))
  for (const candidate of candidates)
    if ((await rules.isAtFloor(candidate)) && (await rules.isCompliant(candidate))) return candidate
  return undefined
}

/** Newest first, each once; only versions that are still there and still the release they were. */
async function formerVersions(reader: Reader, asked: ReturnAsked): Promise<ReturnTarget[]> {
  const { functionName, alias, leaving } = asked
  const owner = await findFunction(reader, functionName)
  if (owner === undefined) return []
  const rows = await reader
    .selectFrom('live_interval')
    .innerJoin('decision', 'decision.id', 'live_interval.decision_id')
    .select(['live_interval.version', 'live_interval.release', 'live_interval.decision_id'])
    .where('live_interval.function_name', '=', functionName)
    .where('live_interval.alias', '=', alias)
    .where('live_interval.slot', '=', 'primary')
    .where('live_interval.weight', '>', MOSTLY)
    .where('live_interval.release', '<>', leaving)
    .where('decision.outcome', 'in', ['allow', 'warn'])
    .orderBy('live_interval.from_index', 'desc')
    .execute()
  const found = new Map<string, ReturnTarget>()
  for (const { version, release, decision_id: decisionId } of rows) {
    if (found.size === CANDIDATES_LIMIT) break
    if (found.has(version)) continue
    const now = await findPublishedVersion(reader, owner.id, version)
    if (now?.release !== release || now.state === 'Failed') continue
    if ((await exceptionsBehind(reader, decisionId)).size > 0) continue
    found.set(version, { version, release: now.release })
  }
  return [...found.values()]
}
