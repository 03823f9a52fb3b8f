import type {
  Floor,
  FloorExceptionFact,
  FloorFact,
  Revocation,
  SealReport,
  SubjectFacts,
} from '../model/index.ts'
import { stretchesOf, type HeldInterval, type Stretch } from './soak.ts'

/** An interval with the trusted seals of its release, as they were judged when it was decided. */
export interface SealedInterval extends HeldInterval {
  readonly outcome: string
  readonly seals: readonly SealReport[]
}

export interface FloorGround {
  /** How long a release is wholly live and compliant before the floor rises to it. */
  readonly soakMs: number
  /** Since when the alias has a floor: what ended before is not asked about. */
  readonly ruledAtMs: number
  readonly stored: readonly Floor[]
  readonly intervals: readonly SealedInterval[]
  /** Every revocation recorded. */
  readonly revocations: readonly Revocation[]
  readonly atMs: number
}

/**
 * The floors of an alias, one to a publisher: what is stored, and what soaked since. Computed from rows and the clock; a
 * later revocation does not take back what had soaked before it, so that a floor never falls by itself.
 */
export function floorsAt(ground: FloorGround): Floor[] {
  const floors = new Map(ground.stored.map((floor) => [floor.publisher, floor]))
  for (const stretch of stretchesOf(ground.intervals)) {
    const soakedAtMs = Math.max(stretch.fromMs + ground.soakMs, ground.ruledAtMs)
    if ((stretch.toMs ?? ground.atMs) < soakedAtMs || soakedAtMs > ground.atMs) continue
    for (const [publisher, counter] of compliantCounters(stretch, ground.revocations, soakedAtMs))
      rise(floors, {
        publisher,
        counter,
        release: stretch.release,
        raisedAtMs: soakedAtMs,
        why: 'soaked',
      })
  }
  return [...floors.values()].toSorted((one, other) => (one.publisher < other.publisher ? -1 : 1))
}

/** When the release that is wholly live now will have soaked; `undefined` where nothing is on its way. */
export function nextFloorRise({ soakMs, intervals, atMs }: FloorGround): number | undefined {
  const current = stretchesOf(intervals).find(({ toMs }) => toMs === null)
  const soakedAtMs = current === undefined ? atMs : current.fromMs + soakMs
  return soakedAtMs > atMs ? soakedAtMs : undefined
}

/**
 * Raised at once by a revocation: where what was live here before is hit by it, with a lower counter of the same publisher,
 * what is wholly live now and hit by none is the last known good, soaked or not. `revocations` are all, the new included.
 */
export function floorsAfterRevocation(
  ground: FloorGround,
  revoked: readonly Revocation[],
): Floor[] {
  const floors = new Map(floorsAt(ground).map((floor) => [floor.publisher, floor]))
  const current = stretchesOf(ground.intervals).find(({ toMs }) => toMs === null)
  if (current === undefined) return [...floors.values()]
  const good = compliantCounters(current, ground.revocations, ground.atMs)
  for (const [publisher, counter] of good) {
    const isBelow = ground.intervals.some(({ seals }) =>
      seals.some(
        (seal) =>
          seal.publisher?.name === publisher &&
          isLower(seal.counter, counter) &&
          revoked.some((one) => isHit(seal, one)),
      ),
    )
    if (!isBelow) continue
    rise(floors, {
      publisher,
      counter,
      release: current.release,
      raisedAtMs: ground.atMs,
      why: 'what was live before is revoked',
    })
  }
  return [...floors.values()]
}

function rise(floors: Map<string, Floor>, floor: Floor): void {
  if (isLower(floors.get(floor.publisher)?.counter ?? '0', floor.counter))
    floors.set(floor.publisher, floor)
}

/** Counters of the seals that were trusted all through: in every decision, without a warning, not expired, not revoked by then. */
function compliantCounters(
  { intervals }: Stretch<SealedInterval>,
  revocations: readonly Revocation[],
  untilMs: number,
): ReadonlyMap<string, string> {
  // What was decided on the same release later takes nothing back.
  const [first, ...others] = intervals.filter(({ fromMs }, at) => at === 0 || fromMs < untilMs)
  if (first === undefined || [first, ...others].some(({ outcome }) => outcome !== 'allow'))
    return new Map()
  const known = revocations.filter(({ recordedAtMs }) => recordedAtMs <= untilMs)
  const sound = first.seals.filter(
    (seal) =>
      (seal.expiresAtMs === undefined || seal.expiresAtMs > untilMs) &&
      others.every(({ seals }) => seals.some(({ digest }) => digest === seal.digest)) &&
      !known.some((one) => isHit(seal, one)),
  )
  return highestCounters(sound)
}

/** By publisher's name. */
function highestCounters(seals: readonly SealReport[]): ReadonlyMap<string, string> {
  const counters = new Map<string, string>()
  for (const { publisher, counter } of seals) {
    const name = publisher?.name
    if (name !== undefined && isLower(counters.get(name) ?? '-1', counter))
      counters.set(name, counter)
  }
  return counters
}

/** Whether a revocation names what stands behind a seal, from whatever time on. */
export function isHit(seal: SealReport, { targetKind, target }: Revocation): boolean {
  switch (targetKind) {
    case 'seal':
      return target === seal.digest
    case 'key':
      return target === seal.signer?.spkiSha256
    case 'certificate':
      return target === seal.signer?.certificateSha256
    case 'publisher':
      return target === seal.publisher?.publisherId
    case 'publisher-version':
      return target === seal.publisher?.arn
  }
}

/** u64 in decimal. */
function isLower(one: string, other: string): boolean {
  return BigInt(one) < BigInt(other)
}

/** The counters of a function's code, by publisher: of seals that are trusted now. */
export function countersOf({ verdict }: SubjectFacts): ReadonlyMap<string, string> {
  return highestCounters(verdict.seals.filter(({ outcome }) => outcome === 'trusted'))
}

export type FloorJudgement = {
  /** The floor that it is held to: the one it is below, where there is one. */
  readonly floor: FloorFact
  readonly counter: string
} & (
  | { readonly outcome: 'above' | 'below' }
  | { readonly outcome: 'excepted'; readonly exception: FloorExceptionFact }
)

/**
 * A release against the floors of one alias, each compared within its publisher; code that a publisher with a floor has not
 * sealed counts 0 for it, so that taking a seal off is never better than an old one.
 */
export function judgeFloor(
  floors: readonly FloorFact[],
  exceptions: readonly FloorExceptionFact[],
  about: { readonly release: string; readonly counters: ReadonlyMap<string, string> },
): FloorJudgement | undefined {
  const [first] = floors
  if (first === undefined) return undefined
  const counterFor = ({ publisher }: FloorFact): string => about.counters.get(publisher) ?? '0'
  const below = floors.find((floor) => isLower(counterFor(floor), floor.counter))
  const floor = below ?? first
  const held = { floor, counter: counterFor(floor) }
  if (below === undefined) return { outcome: 'above', ...held }
  const exception = exceptions.find(({ release }) => release === about.release)
  if (exception === undefined) return { outcome: 'below', ...held }
  return { outcome: 'excepted', exception, ...held }
}
