import {
  findAlias,
  findFunction,
  findPublishedVersion,
  findServing,
  type AliasRecord,
  type FunctionRecord,
  type VersionRecord,
} from '../catalog/index.ts'
import { aliasIntervals, type AliasInterval } from '../live/index.ts'
import {
  LATEST,
  functionArn,
  systemPrincipal,
  type DecisionCheck,
  type Facts,
  type LeavingFacts,
  type Sha256,
} from '../model/index.ts'
import { JUDGED_ALONE, decide, isWaivable, violations } from '../policy/index.ts'
import type { Reader } from '../store/index.ts'
import { aliasFacts } from './alias-plan.ts'
import type { Change } from './change.ts'
import type { Caller, Deps } from './context.ts'
import { exceptionsBehind } from './excepted.ts'
import { judgeSubjects, readSituation, toFacts } from './facts.ts'

/** A version to which an alias may always return (RULES, promise P5). */
export interface ComplianceTarget {
  readonly version: string
  readonly release: Sha256
  /** That let it into the alias. */
  readonly decisionId: string
  /** When it was last live there, milliseconds; null where it is now. */
  readonly lastLiveMs: number | null
}

/** Versions that are judged again in search of a target, newest first. */
const CANDIDATES_LIMIT = 20
/** A version that had more than this of the calls was what the alias stood for. */
const MOSTLY = 0.5
/** The move that `lastCompliant` asks about is nobody's yet. */
const NOBODY = { principal: systemPrincipal, requestId: '' } as const

interface AliasState {
  readonly owner: FunctionRecord
  readonly alias: AliasRecord
  /** What it serves now: one or two. */
  readonly serves: readonly VersionRecord[]
  /** All that it ever held, newest first. */
  readonly held: readonly AliasInterval[]
}

/**
 * The version that an alias served last, wholly or mostly, by an allowed decision that needed no exception, and that is
 * compliant now, at or above the floor; what it serves now counts where it is compliant itself, unless it is the release
 * that is `leaving`. For whatever returns an alias by itself: the end of a break-glass, a reaction. Judges at most 20
 * versions; `atMs` bounds the history that is looked at, the judgement is of now.
 */
export async function lastCompliant(
  deps: Deps,
  functionName: string,
  alias: string,
  { atMs, leaving }: { readonly atMs: number; readonly leaving?: Sha256 | undefined },
): Promise<ComplianceTarget | undefined> {
  const state = await deps.store.snapshot((reader) => readAlias(reader, functionName, alias))
  if (state === undefined) return undefined
  const held = state.held.filter(({ fromMs, release }) => fromMs <= atMs && release !== leaving)
  const judged = new Set<string>()
  for (const interval of held.filter(isWhatItStoodFor)) {
    const { version, release, decisionId, toMs } = interval
    if (judged.has(version)) continue
    const record = await deps.store.snapshot((reader) => findVersion(reader, state.owner, version))
    if (record?.release !== release || record.state === 'Failed') continue
    if (!(await wasAllowed(deps, interval))) continue
    if (judged.size === CANDIDATES_LIMIT) return undefined
    judged.add(version)
    if (await isCompliant(deps, state, record))
      return { version, release: record.release, decisionId, lastLiveMs: toMs }
  }
  return undefined
}

/** One that cannot be judged (its code cannot be read, its config is not there) is none, and does not end the search. */
async function isCompliant(deps: Deps, state: AliasState, record: VersionRecord): Promise<boolean> {
  try {
    const rules = await violationsOf(deps, state, record, { by: NOBODY, world: undefined })
    return rules?.length === 0
  } catch (error) {
    const { owner, alias } = state
    const told = { functionName: owner.name, alias: alias.name, version: record.version }
    deps.log.error({ err: error, ...told }, 'a version to go back to could not be judged')
    return false
  }
}

/** No canary; and `$LATEST` only where it is served now, since what it was has moved on. */
function isWhatItStoodFor({ slot, weight, version, toMs }: AliasInterval): boolean {
  return slot === 'primary' && weight > MOSTLY && (version !== LATEST || toMs === null)
}

/**
 * Whether a refused alias move leaves what violates: looked for only where nothing but what P5 waives refused it, since it
 * judges what is served again. `undefined` where it does not leave.
 */
export async function findLeaving(
  deps: Deps,
  by: Caller,
  facts: Facts,
  checks: readonly DecisionCheck[],
): Promise<LeavingFacts | undefined> {
  const [move] = facts.action === 'lambda:UpdateAlias' ? movesOf(facts) : []
  if (move === undefined || !isWaivable(checks)) return undefined
  const state = await deps.store.snapshot((reader) => readAlias(reader, move.name, move.alias))
  if (state === undefined) return undefined
  const { world } = facts
  const violating: { version: string; rules: readonly string[] }[] = []
  for (const version of state.serves) {
    const rules = await violationsOf(deps, state, version, { by, world })
    if (rules === undefined) return undefined
    if (rules.length > 0) violating.push({ version: version.version, rules })
  }
  if (violating.length === 0) return undefined
  const to: { version: string; release: string; decisionId: string }[] = []
  // All of them: no weight stays on what violates.
  for (const { kind, arn } of facts.subjects) {
    if (kind !== 'function') continue
    const target = await findTarget(deps, state, { arn, by, world })
    if (target === undefined) return undefined
    to.push(target)
  }
  return to.length === 0 ? undefined : { violating, to }
}

async function findTarget(
  deps: Deps,
  state: AliasState,
  { arn, by, world }: { readonly arn: string; readonly by: Caller; readonly world: number },
): Promise<LeavingFacts['to'][number] | undefined> {
  const version = arn.split(':').at(-1) ?? ''
  const record = await deps.store.snapshot((reader) => findVersion(reader, state.owner, version))
  if (record === undefined) return undefined
  for (const before of state.held) {
    if (before.version !== version || before.release !== record.release) continue
    // A canary was never what the alias served.
    if (before.slot !== 'primary' || before.weight <= MOSTLY) continue
    if (!(await wasAllowed(deps, before))) continue
    const rules = await violationsOf(deps, state, record, { by, world })
    if (rules === undefined || rules.length > 0) return undefined
    return { version, release: record.release, decisionId: before.decisionId }
  }
  return undefined
}

/** What was live by an exception alone was never found good. */
async function wasAllowed(
  deps: Deps,
  { outcome, decisionId }: Pick<AliasInterval, 'outcome' | 'decisionId'>,
): Promise<boolean> {
  if (outcome !== 'warn') return outcome === 'allow'
  const behind = await deps.store.snapshot((reader) => exceptionsBehind(reader, decisionId))
  return behind.size === 0
}

function movesOf({ resource }: Facts): { name: string; alias: string }[] {
  const [, , , , , , name, alias] = resource.split(':')
  return name === undefined || alias === undefined ? [] : [{ name, alias }]
}

/**
 * Rules that a version violates in this alias now, by the config that is attached, the policies in force and the floor;
 * freeze, soak and approvals are no violations of what runs. `undefined` where the world is not the one asked about.
 */
async function violationsOf(
  deps: Deps,
  { owner, alias }: AliasState,
  version: VersionRecord,
  { by, world }: { readonly by: Caller; readonly world: number | undefined },
): Promise<readonly string[] | undefined> {
  const change: Change<never> = {
    action: 'lambda:UpdateAlias',
    resource: functionArn(deps.place, owner.name, alias.name),
    raisesWorld: false,
    read: () =>
      Promise.resolve(
        aliasFacts(deps.place, owner, {
          from: alias.version,
          target: { version: version.version, routing: null },
          reached: [version],
          alias: alias.name,
        }),
      ),
    commit: () => Promise.reject(new Error('what is only judged is not committed')),
  }
  const situation = await readSituation(deps, by, change)
  if (world !== undefined && situation.world !== world) return undefined
  const judged = await judgeSubjects(deps, situation)
  const facts = judgedAlone(toFacts(deps, by, change, { situation, judged }))
  return violations(decide(facts, 'dec-none', situation.policies).checks)
}

/** The floor is asked about also of what is wholly live already: it may have risen above it. */
function judgedAlone(facts: Facts): Facts {
  const { stage, release, resource } = facts
  const [code] = facts.subjects
  const [, , , , , , name = '', alias = ''] = resource.split(':')
  if (stage === undefined || release === null || code === undefined) return facts
  const rising = [{ place: `${name}:${alias}`, subject: code.arn, release, share: 1 }]
  return { ...facts, stage: { ...stage, rising, leaving: JUDGED_ALONE } }
}

async function readAlias(
  reader: Reader,
  functionName: string,
  aliasName: string,
): Promise<AliasState | undefined> {
  const owner = await findFunction(reader, functionName)
  const alias = owner === undefined ? undefined : await findAlias(reader, owner.id, aliasName)
  if (owner === undefined || alias === undefined) return undefined
  const serves: VersionRecord[] = []
  for (const version of [alias.version, alias.routing?.version]) {
    const record = version === undefined ? undefined : await findVersion(reader, owner, version)
    if (record !== undefined) serves.push(record)
  }
  const held = await aliasIntervals(reader, { functionName, alias: aliasName })
  return { owner, alias, serves, held: held.toReversed() }
}

async function findVersion(
  reader: Reader,
  owner: FunctionRecord,
  version: string,
): Promise<VersionRecord | undefined> {
  return version === LATEST
    ? await findServing(reader, owner)
    : await findPublishedVersion(reader, owner.id, version)
}
