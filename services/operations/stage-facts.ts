import { listFloors, revocationHistory, type StagePlace } from '../catalog/index.ts'
import { aliasIntervals, sealedIntervals, type AliasInterval } from '../live/index.ts'
import {
  LATEST,
  parseFunctionReference,
  type FloorExceptionFact,
  type FloorFact,
  type FreezeFact,
  type PromotionFact,
  type PromotionRule,
  type RisingShare,
  type StageFacts,
} from '../model/index.ts'
import {
  coversPlace,
  floorsAt,
  freezeAt,
  nextFloorRise,
  soakedMs,
  stretchesOf,
  type FloorGround,
} from '../policy/index.ts'
import type { Reader } from '../store/index.ts'
import type { AliasMove, Change, ChangeFactsInput } from './change.ts'
import { eachPlace, type StageReads } from './place-reads.ts'

/** What holds for the stages that a change touches, and until when it holds by itself. */
export interface Staged {
  readonly facts: StageFacts
  /** Last millisecond; `undefined` where only a row can change it. */
  readonly validUntilMs: number | undefined
}

interface Timed<T> {
  readonly facts: readonly T[]
  /** First instants at which they may be otherwise. */
  readonly edgesMs: readonly number[]
}

/** Tags and code signing configs change no code and no way to it: they are never frozen, or a freeze could not be left. */
const NOT_STAGED = /^lambda:(?:Tag|Untag|PutFunctionCodeSigning|DeleteFunctionCodeSigning)/

/**
 * Read in the snapshot of the decision: what an operator set for the function and for the aliases by name, and what the live
 * history says of the releases that move.
 */
export async function readStage(
  reader: Reader,
  { action, resource }: Pick<Change<unknown>, 'action' | 'resource'>,
  { input, atMs }: { readonly input: ChangeFactsInput; readonly atMs: number },
  places: StageReads = eachPlace,
): Promise<Staged | undefined> {
  const of = resource.startsWith('arn:') ? parseFunctionReference(resource) : undefined
  if (of === undefined || input.takesAway === true || NOT_STAGED.test(action)) return undefined
  const reach = input.reach ?? (await places.reach(reader, of.name))
  // What governs is not held up by what it governs; what it moves is asked like any move.
  if (!action.startsWith('lambda:') && input.moves === undefined)
    return { facts: neutral(reach), validUntilMs: undefined }
  const moves = await Promise.all((input.moves ?? []).map((move) => readMove(reader, move)))
  const touched = new Set([of.name, placeOf(of), ...moves.map(({ place }) => place)])
  const at = { reader, places, atMs }
  const freezes = await readFreezes(at, touched)
  const floors = await readFloors(at, moves)
  const exceptions = await readExceptions(at, moves)
  const promotions = await readPromotions(at, moves)
  const edges = [freezes, floors, exceptions, promotions].flatMap(({ edgesMs }) => edgesMs)
  return {
    facts: {
      reach,
      exposes: Math.max(0, ...moves.map(({ exposes }) => exposes)),
      freezes: freezes.facts,
      rising: moves.flatMap(({ rising }) => rising),
      floors: floors.facts,
      floorExceptions: exceptions.facts,
      promotions: promotions.facts,
      leaving: input.leaving ?? null,
    },
    validUntilMs: edges.length === 0 ? undefined : Math.min(...edges) - 1,
  }
}

function neutral(reach: StageFacts['reach']): StageFacts {
  return {
    reach,
    exposes: 0,
    freezes: [],
    rising: [],
    floors: [],
    floorExceptions: [],
    promotions: [],
    leaving: null,
  }
}

function placeOf({ name, qualifier }: { name: string; qualifier?: string | undefined }): string {
  const isAlias = qualifier !== undefined && qualifier !== LATEST && !/^[0-9]+$/.test(qualifier)
  return isAlias ? `${name}:${qualifier}` : name
}

/** A move beside what the alias held until now. */
interface ReadMove extends StagePlace {
  readonly place: string
  readonly exposes: number
  readonly rising: readonly RisingShare[]
  readonly intervals: readonly AliasInterval[]
}

async function readMove(reader: Reader, move: AliasMove): Promise<ReadMove> {
  const { functionName, alias, shares } = move
  const place = `${functionName}:${alias}`
  const intervals = await aliasIntervals(reader, { functionName, alias })
  const held = new Map<string, number>()
  for (const { release, weight } of intervals.filter(({ toMs }) => toMs === null))
    held.set(release, (held.get(release) ?? 0) + weight)
  const wholly = new Set(stretchesOf(intervals).map(({ release }) => release))
  const fresh = shares.filter(({ release }) => !wholly.has(release)).map(({ share }) => share)
  return {
    functionName,
    alias,
    place,
    intervals,
    exposes: Math.max(0, ...fresh),
    rising: shares
      .filter(({ release, share }) => share > (held.get(release) ?? 0))
      .map((one) => ({ place, ...one })),
  }
}

/** Where and when what is set for places is read. */
interface At {
  readonly reader: Reader
  readonly places: StageReads
  readonly atMs: number
}

async function readFreezes(
  { reader, places, atMs }: At,
  touched: ReadonlySet<string>,
): Promise<Timed<FreezeFact>> {
  const frozen = await places.freezes(reader, [...touched])
  const windows = (await places.freezeWindows(reader)).filter(({ scope }) =>
    [...touched].some((place) => coversPlace(scope, place)),
  )
  const { active, nextEdgeMs } = freezeAt(windows, atMs)
  return {
    facts: [
      ...frozen.map(({ scope, reason }) => ({ kind: 'freeze' as const, name: scope, reason })),
      ...windows
        .filter(({ name }) => active.includes(name))
        .map(({ name, scope, timeZone }) => {
          return { kind: 'window' as const, name, reason: `covers \`${scope}\`, in ${timeZone}` }
        }),
    ],
    edgesMs: nextEdgeMs === undefined ? [] : [nextEdgeMs],
  }
}

/** The floor of an alias as it stands, and what it is computed from; `undefined` where the alias has none. */
export async function readFloorGround(
  reader: Reader,
  place: StagePlace,
  atMs: number,
  places: StageReads = eachPlace,
): Promise<FloorGround | undefined> {
  const rule = await places.floorRule(reader, place)
  if (rule === undefined) return undefined
  return {
    soakMs: rule.soakMs,
    ruledAtMs: rule.lastModifiedMs,
    stored: await listFloors(reader, place),
    intervals: await sealedIntervals(reader, { ...place, sinceMs: rule.lastModifiedMs }),
    revocations: await revocationHistory(reader),
    atMs,
  }
}

async function readFloors(
  { reader, places, atMs }: At,
  moves: readonly ReadMove[],
): Promise<Timed<FloorFact>> {
  const facts: FloorFact[] = []
  const edgesMs: number[] = []
  for (const move of moves) {
    const ground = await readFloorGround(reader, move, atMs, places)
    if (ground === undefined) continue
    facts.push(...floorsAt(ground).map((floor) => ({ ...floor, place: move.place })))
    const riseMs = nextFloorRise(ground)
    if (riseMs !== undefined) edgesMs.push(riseMs)
  }
  return { facts, edgesMs }
}

async function readExceptions(
  { reader, places, atMs }: At,
  moves: readonly ReadMove[],
): Promise<Timed<FloorExceptionFact>> {
  const facts: FloorExceptionFact[] = []
  for (const move of moves)
    for (const { id, release, expiresAtMs } of await places.floorExceptions(reader, move, atMs))
      facts.push({ id, release, expiresAtMs, place: move.place })
  return { facts, edgesMs: facts.map(({ expiresAtMs }) => expiresAtMs) }
}

async function readPromotions(
  { reader, places, atMs }: At,
  moves: readonly ReadMove[],
): Promise<Timed<PromotionFact>> {
  const facts: PromotionFact[] = []
  const edgesMs: number[] = []
  const rules = moves.some(({ rising }) => rising.length > 0)
    ? await places.promotionRules(reader)
    : []
  for (const move of moves) {
    for (const rule of rules.filter(({ scope }) => coversPlace(scope, move.place))) {
      const before = await aliasIntervals(reader, { ...move, alias: rule.from })
      for (const rising of move.rising) {
        const fact = promotionOf(rule, rising, { before, atMs })
        facts.push(fact)
        edgesMs.push(...promotionEdges(rule, fact, { before, atMs }))
      }
    }
  }
  return { facts, edgesMs }
}

interface Before {
  readonly before: readonly AliasInterval[]
  readonly atMs: number
}

function promotionOf(
  rule: PromotionRule,
  { place, subject, release }: RisingShare,
  { before, atMs }: Before,
): PromotionFact {
  const { scope, from, soakMs, endedWithinMs } = rule
  return {
    place,
    rule: `promotion rule \`${scope}\``,
    from,
    soakMs,
    subject,
    release,
    soakedMs: soakedMs(before, { release, atMs, endedWithinMs }),
  }
}

const HOUR_MS = 3_600_000

/** When the soak is over, when the next whole hour of it is shown to policies, and when an ended one is too long ago. */
function promotionEdges(
  { soakMs, endedWithinMs }: PromotionRule,
  { release }: PromotionFact,
  { before, atMs }: Before,
): number[] {
  return stretchesOf(before)
    .filter((stretch) => stretch.release === release)
    .flatMap(({ fromMs, toMs }) => {
      if (toMs !== null) return endedWithinMs === null ? [] : [toMs + endedWithinMs + 1]
      const hours = Math.floor((atMs - fromMs) / HOUR_MS) + 1
      return [fromMs + soakMs, fromMs + hours * HOUR_MS]
    })
    .filter((edgeMs) => edgeMs > atMs)
}
