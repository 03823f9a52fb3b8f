import type { FreezeWindow } from '../../../services/model/index.ts'

/** A version as the simulation made it. */
export interface SimVersion {
  readonly number: string
  /** `undefined`: nobody sealed it. */
  readonly seal: { readonly counter: number; readonly notAfterMs: number | null } | undefined
}

export interface SimShare {
  readonly version: string
  /** Of the calls, 0 to 1; the first share is the larger one. */
  readonly weight: number
}

/** For how long an alias pointed somewhere. */
export interface Span {
  readonly fromMs: number
  readonly toMs: number | null
  readonly shares: readonly SimShare[]
  /** Whether an exception was needed for it. */
  readonly excepted: boolean
}

export interface SimRequest {
  readonly id: string
  readonly alias: string
  readonly version: string
  readonly weight: number
  readonly requester: string
  readonly expiresAtMs: number
  readonly approvers: readonly string[]
  readonly state: 'open' | 'used' | 'void'
}

export interface SimException {
  readonly id: string
  readonly alias: string
  readonly version: string
  readonly fromMs: number
  readonly untilMs: number
  /** Policies alone, or the seals too. */
  readonly scope: 'policy' | 'all'
}

export interface Revoked {
  readonly version: string
  readonly effectiveAtMs: number
  readonly recordedAtMs: number
}

export interface SimFloor {
  readonly soakMs: number
  readonly ruledAtMs: number
  /** What it had come to before the rule. */
  readonly stored: number
  readonly exceptions: readonly { readonly version: string; readonly untilMs: number }[]
}

/** All that was ever told to the service, by one seed. */
export interface Known {
  readonly versions: ReadonlyMap<string, SimVersion>
  readonly enforced: boolean
  /** Whether two persons have to approve. */
  readonly twoApprovals: boolean
  readonly owner: string
  readonly revoked: readonly Revoked[]
  readonly spans: ReadonlyMap<string, readonly Span[]>
  /** FUNCTION or FUNCTION:ALIAS. */
  readonly freezes: ReadonlySet<string>
  readonly windows: readonly FreezeWindow[]
  readonly floors: ReadonlyMap<string, SimFloor>
  readonly promotions: ReadonlyMap<
    string,
    { readonly from: string; readonly soakMs: number; readonly endedWithinMs: number | null }
  >
  readonly requests: readonly SimRequest[]
  readonly exceptions: readonly SimException[]
  /** Who sealed everything: his approval is not counted. */
  readonly signer: string
}

export interface Move {
  readonly alias: string
  readonly shares: readonly SimShare[]
  readonly mover: string
}

export type Expected =
  | { readonly outcome: 'refused'; readonly by: 'seals' | 'rules'; readonly why: readonly string[] }
  | {
      readonly outcome: 'admitted'
      readonly leaving: boolean
      readonly excepted: boolean
      /** Requests that name the move. */
      readonly uses: readonly string[]
    }

/** What the rules say of a move, from what was told and nothing that the service computed. */
export function expect(known: Known, move: Move, atMs: number): Expected {
  const { alias, shares } = move
  const granted = shares.map(({ version }) => exceptionFor(known, alias, version, atMs))
  const isExcepted = granted.every((one) => one !== undefined)
  const isUnsealed = known.enforced && shares.some((one) => !isTrusted(known, one.version, atMs))
  const sealsWaived = isExcepted && granted.every((one) => one?.scope === 'all')
  const lacksApproval = known.twoApprovals && !isApproved(known, move, atMs)
  const rising = shares.filter((one) => one.weight > heldNow(known, alias, one.version))
  const why = [
    ...(isUnsealed && !sealsWaived ? ['seals'] : []),
    ...(rising.some((one) => isBelow(known, alias, one.version, atMs)) ? ['floor'] : []),
    ...(isFrozen(known, alias, atMs) ? ['freeze'] : []),
    ...(rising.some((one) => !hasSoaked(known, alias, one.version, atMs)) ? ['promotion'] : []),
    ...(lacksApproval && !isExcepted ? ['approvals'] : []),
  ]
  const by = why.includes('seals') ? 'seals' : 'rules'
  const isHard = why.includes('seals') || why.includes('floor')
  const leaving = why.length > 0 && !isHard && isLeaving(known, move, atMs)
  if (why.length > 0 && !leaving) return { outcome: 'refused', by, why }
  const excepted = isExcepted && ((isUnsealed && sealsWaived) || lacksApproval)
  const uses = fitting(known, move, atMs).map(({ id }) => id)
  return { outcome: 'admitted', leaving, excepted: excepted && !leaving, uses }
}

/** How what an alias serves stands now. */
export function standing(
  known: Known,
  alias: string,
  version: string,
  atMs: number,
): 'compliant' | 'violating' | 'excepted' {
  if (isBelow(known, alias, version, atMs)) return 'violating'
  if (!known.enforced || isTrusted(known, version, atMs)) return 'compliant'
  return exceptionFor(known, alias, version, atMs)?.scope === 'all' ? 'excepted' : 'violating'
}

function versionOf(known: Known, number: string): SimVersion {
  const version = known.versions.get(number)
  if (version === undefined) throw new Error(`there is no version ${number}`)
  return version
}

/** Revoked from an instant on, for good: there is no trusted time before it. */
function isTrusted(known: Known, number: string, atMs: number): boolean {
  const { seal } = versionOf(known, number)
  if (seal === undefined || (seal.notAfterMs !== null && atMs > seal.notAfterMs)) return false
  return !known.revoked.some((one) => one.version === number && one.effectiveAtMs <= atMs)
}

export function spansOf(known: Known, alias: string): readonly Span[] {
  return known.spans.get(alias) ?? []
}

export function heldOf(known: Known, alias: string): Span | undefined {
  const last = spansOf(known, alias).at(-1)
  return last?.toMs === null ? last : undefined
}

function heldNow(known: Known, alias: string, version: string): number {
  return heldOf(known, alias)?.shares.find((one) => one.version === version)?.weight ?? 0
}

function exceptionFor(
  { exceptions }: Known,
  alias: string,
  version: string,
  atMs: number,
): SimException | undefined {
  return exceptions.find(
    (one) =>
      one.alias === alias && one.version === version && one.fromMs <= atMs && atMs < one.untilMs,
  )
}

/** The highest counter that was wholly live and good for as long as it takes. */
export function floorOf(known: Known, alias: string, atMs: number): number {
  const floor = known.floors.get(alias)
  if (floor === undefined) return 0
  const risen = spansOf(known, alias).flatMap((span) => {
    const [only, second] = span.shares
    const soakedAtMs = Math.max(span.fromMs + floor.soakMs, floor.ruledAtMs)
    if (only === undefined || second !== undefined || span.excepted) return []
    if (soakedAtMs > atMs || (span.toMs ?? atMs) < soakedAtMs) return []
    return wasGood(known, only.version, span.fromMs, soakedAtMs)
      ? [versionOf(known, only.version).seal?.counter ?? 0]
      : []
  })
  return Math.max(floor.stored, ...risen)
}

/**
 * Sealed by a seal that was trusted when it came, has not ended and that nobody had revoked by then. What was revoked later
 * takes nothing back, from whenever it counts: a floor falls by an exception alone (RULES §5).
 */
function wasGood(known: Known, number: string, fromMs: number, untilMs: number): boolean {
  const { seal } = versionOf(known, number)
  if (seal === undefined || !isTrustedThen(known, number, fromMs)) return false
  if (seal.notAfterMs !== null && seal.notAfterMs <= untilMs) return false
  return !known.revoked.some((one) => one.version === number && one.recordedAtMs <= untilMs)
}

/** What the floor comes to by a revocation: what is live and good, where what was here before it is hit. */
export function floorAfterRevocation(known: Known, alias: string, revoked: Revoked): number {
  const { recordedAtMs: atMs, version: hit } = revoked
  const before = floorOf(known, alias, atMs)
  const floor = known.floors.get(alias)
  const held = heldOf(known, alias)
  const [only, second] = held?.shares ?? []
  if (floor === undefined || held === undefined || only === undefined || second !== undefined)
    return before
  const counter = versionOf(known, only.version).seal?.counter ?? 0
  if (held.excepted || !wasGood(known, only.version, held.fromMs, atMs)) return before
  const hitCounter = versionOf(known, hit).seal?.counter ?? 0
  const wasHere = spansOf(known, alias).some(
    ({ fromMs, toMs, shares }) =>
      (toMs ?? atMs) >= floor.ruledAtMs &&
      shares.some(({ version }) => version === hit && isTrustedThen(known, hit, fromMs, revoked)),
  )
  return wasHere && hitCounter < counter ? Math.max(before, counter) : before
}

/** As it was judged then, by what was revoked by then, and without this one. */
function isTrustedThen(known: Known, number: string, thenMs: number, but?: Revoked): boolean {
  const revoked = known.revoked.filter((one) => one !== but && one.recordedAtMs <= thenMs)
  return isTrusted({ ...known, revoked }, number, thenMs)
}

function isBelow(known: Known, alias: string, number: string, atMs: number): boolean {
  const floor = known.floors.get(alias)
  if (floor === undefined) return false
  const counter = isTrusted(known, number, atMs) ? (versionOf(known, number).seal?.counter ?? 0) : 0
  const isLet = floor.exceptions.some((one) => one.version === number && atMs < one.untilMs)
  return counter < floorOf(known, alias, atMs) && !isLet
}

function isFrozen({ owner, freezes, windows }: Known, alias: string, atMs: number): boolean {
  if (freezes.has(owner) || freezes.has(`${owner}:${alias}`)) return true
  return windows.some(
    (window) =>
      [owner, `${owner}:${alias}`, `${owner}:*`].includes(window.scope) && isOpen(window, atMs),
  )
}

const WEEKDAYS = ['Mon', 'Tue', 'Wed', 'Thu', 'Fri', 'Sat', 'Sun']

/** By the wall clock that people of that zone look at. */
export function isOpen({ timeZone, ranges, holidays }: FreezeWindow, atMs: number): boolean {
  const said = new Intl.DateTimeFormat('en-US', {
    timeZone,
    hourCycle: 'h23',
    weekday: 'short',
    year: 'numeric',
    month: '2-digit',
    day: '2-digit',
    hour: '2-digit',
    minute: '2-digit',
  }).formatToParts(atMs)
  const part = (type: string): string => said.find((one) => one.type === type)?.value ?? ''
  const today = WEEKDAYS.indexOf(part('weekday')) + 1
  const yesterday = today === 1 ? 7 : today - 1
  const time = `${part('hour')}:${part('minute')}`
  if (holidays.includes(`${part('year')}-${part('month')}-${part('day')}`)) return true
  return ranges.some((range) => {
    if (range.kind === 'dated') throw new Error('the simulation has weekly windows alone')
    const { days, from, to } = range
    if (from < to) return days.includes(today) && from <= time && time < to
    return (days.includes(today) && from <= time) || (days.includes(yesterday) && time < to)
  })
}

function hasSoaked(known: Known, alias: string, number: string, atMs: number): boolean {
  const rule = known.promotions.get(alias)
  if (rule === undefined) return true
  return spansOf(known, rule.from).some(({ fromMs, toMs, shares }) => {
    if (shares.length > 1 || shares[0]?.version !== number) return false
    const isRecent =
      toMs === null || rule.endedWithinMs === null || atMs - toMs <= rule.endedWithinMs
    return isRecent && (toMs ?? atMs) - fromMs >= rule.soakMs
  })
}

const CANARY = 0.1

/** Whatever gives a release more than a canary's share needs two who neither move nor sealed it. */
function isApproved(known: Known, move: Move, atMs: number): boolean {
  const raised = move.shares.filter((one) => one.weight > mostHeld(known, move.alias, one.version))
  if (raised.every((one) => one.weight <= CANARY)) return true
  if (move.shares.some((one) => !isTrusted(known, one.version, atMs))) return false
  return raised.every(({ version }) => {
    const requests = fitting(known, move, atMs).filter((one) => one.version === version)
    const persons = new Set(requests.flatMap(({ approvers }) => approvers))
    persons.delete(move.mover)
    persons.delete(known.signer)
    return persons.size >= 2
  })
}

/** Open requests that name a part of this very move, by who makes it. */
function fitting({ requests }: Known, { alias, shares, mover }: Move, atMs: number): SimRequest[] {
  return requests.filter(
    (one) =>
      one.state === 'open' &&
      atMs < one.expiresAtMs &&
      one.alias === alias &&
      one.requester === mover &&
      shares.some(({ version, weight }) => version === one.version && weight === one.weight),
  )
}

/** The most that it had since it came, of what no exception gave. */
function mostHeld(known: Known, alias: string, version: string): number {
  let most = 0
  let beganMs: number | null = null
  for (const span of spansOf(known, alias).toReversed()) {
    const share = span.shares.find((one) => one.version === version)
    const isUnbroken = beganMs === null ? span.toMs === null : span.toMs === beganMs
    if (share === undefined || !isUnbroken) break
    beganMs = span.fromMs
    if (!span.excepted) most = Math.max(most, share.weight)
  }
  return most
}

/** From what violates to what was good here before. */
function isLeaving(known: Known, { alias, shares }: Move, atMs: number): boolean {
  const held = heldOf(known, alias)
  const isViolating = ({ version }: SimShare): boolean =>
    isBelow(known, alias, version, atMs) || (known.enforced && !isTrusted(known, version, atMs))
  if (held === undefined || !held.shares.some(isViolating) || shares.some(isViolating)) return false
  return shares.every(({ version }) =>
    spansOf(known, alias).some(({ shares: [first], excepted }) => {
      return first?.version === version && first.weight > 0.5 && !excepted
    }),
  )
}
