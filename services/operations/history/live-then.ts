import { findPolicySetAt, grantedBreakGlass, type BreakGlass } from '../../catalog/index.ts'
import { intervalsById, type HeldInterval, type SlotKey } from '../../live/index.ts'
import { PlatformError, functionRef, isInForce } from '../../model/index.ts'
import type { Reader } from '../../store/index.ts'
import { readsOf } from '../access/readable.ts'
import type { Caller, Deps } from '../context.ts'
import { decisionsById, type DecisionsById } from '../decisions.ts'
import {
  authorizeScope,
  refuseFuture,
  refuseUnknown,
  type HistoryPage,
  type HistoryScope,
} from './asked.ts'
import {
  revocationsKnown,
  revocationsReaching,
  type RevocationThen,
  type RevocationsKnown,
} from './revoked.ts'
import { bySlot, readSlotMarker, slotBudget, slotMarker, slotPage } from './slot-page.ts'
import { namedBy, tellInterval, type ToldInterval } from './told.ts'

export interface LiveThenAsked extends HistoryScope, HistoryPage {
  /** The instant that is asked about. */
  readonly atMs: number
  /** What the records said then; what they say now where not given. */
  readonly knownAtMs?: number | undefined
}

/** One slot at an instant, as the records of another say. */
export interface LiveThen extends ToldInterval {
  /** Absent where the decision is withheld. */
  readonly revocations?: readonly RevocationThen[]
  /** Break-glass in force for the alias at the instant. */
  readonly exceptions: readonly ExceptionThen[]
}

export type ExceptionThen = Pick<BreakGlass, 'id' | 'release' | 'grantedAtMs' | 'untilMs'> & {
  /** As known then: `null` where it had not ended, or been reviewed, by then. */
  readonly endedAtMs: number | null
  readonly reviewedAtMs: number | null
}

export interface PolicySetThen {
  readonly name: string
  readonly version: number
  readonly digest: string
}

export interface LiveThenAnswer {
  readonly atMs: number
  readonly knownAtMs: number
  /** In force at the instant; `null` where none was. */
  readonly policySets: {
    readonly admission: PolicySetThen | null
    readonly authorization: PolicySetThen | null
  }
  readonly live: readonly LiveThen[]
  readonly nextMarker: string | undefined
}

/**
 * What could be invoked at `atMs`, as the records of `knownAtMs` say. What is live is known at once: intervals are
 * written in the transaction that changes them. What comes to be known later is what reaches back: a revocation from a
 * time before it was recorded, the end of an interval, an end or a review of an exception.
 * @throws PlatformError INVALID_PARAMETER, ACCESS_DENIED, RESOURCE_NOT_FOUND
 */
export async function readLiveThen(
  deps: Deps,
  caller: Caller,
  asked: LiveThenAsked,
): Promise<LiveThenAnswer> {
  const nowMs = deps.clock.nowMs()
  const { atMs, knownAtMs = nowMs } = asked
  refuseFuture('at', atMs, nowMs)
  refuseFuture('knownAt', knownAtMs, nowMs)
  if (knownAtMs < atMs)
    throw new PlatformError(
      'INVALID_PARAMETER',
      '`knownAt` lies before `at`: the records of a time say nothing of what came after it',
    )
  await authorizeScope(deps, caller, asked)
  const after = readSlotMarker(asked.marker)
  // Who may read what is asked outside: that reads a snapshot of its own, and there are few.
  const found = await deps.store.snapshot((reader) => find(reader, { ...asked, knownAtMs, after }))
  const { policySets, next } = found
  const live = await tell(readsOf(deps, caller), found, { atMs, knownAtMs })
  return { atMs, knownAtMs, policySets, live, nextMarker: next && slotMarker(next) }
}

interface Found extends Pick<LiveThenAnswer, 'policySets'> {
  readonly intervals: readonly HeldInterval[]
  readonly decisions: DecisionsById
  readonly revocations: RevocationsKnown
  readonly exceptions: readonly BreakGlass[]
  readonly next: SlotKey | undefined
}

async function find(
  reader: Reader,
  asked: LiveThenAsked & { readonly knownAtMs: number; readonly after: SlotKey | undefined },
): Promise<Found> {
  const { atMs, knownAtMs, after, functionName } = asked
  if (functionName !== undefined) await refuseUnknown(reader, functionName)
  const { slots, next } = await slotPage(reader, asked, {
    after,
    instantsMs: [atMs],
    budget: slotBudget(),
    isWanted: ({ held: [id] }) => id !== null,
  })
  const intervals = await intervalsById(
    reader,
    slots.flatMap(({ held: [id] }) => id ?? []),
  )
  return {
    intervals: [...intervals.values()].toSorted(bySlot),
    decisions: await decisionsById(
      reader,
      [...intervals.values()].map(({ decisionId }) => decisionId),
    ),
    revocations: await revocationsKnown(reader, { atMs, knownAtMs }),
    exceptions: (await grantedBreakGlass(reader, atMs)).filter((one) => isInForce(one, atMs)),
    policySets: {
      admission: await policySetThen(reader, 'admission', atMs),
      authorization: await policySetThen(reader, 'authorization', atMs),
    },
    next,
  }
}

async function tell(
  mayRead: ReturnType<typeof readsOf>,
  { intervals, decisions, revocations, exceptions }: Found,
  { atMs, knownAtMs }: Pick<LiveThenAnswer, 'atMs' | 'knownAtMs'>,
): Promise<LiveThen[]> {
  const told: LiveThen[] = []
  for (const held of intervals) {
    if (!(await mayRead([functionRef(held.functionName, held.alias)]))) continue
    const readable = await mayRead(namedBy(decisions, held.decisionId))
    const facts = readable ? decisions.get(held.decisionId)?.facts : undefined
    told.push({
      ...asKnownAt(tellInterval(decisions, held, readable), knownAtMs),
      ...(facts && { revocations: revocationsReaching(revocations, facts, held, atMs) }),
      exceptions: exceptions
        .filter((one) => one.functionName === held.functionName && one.alias === held.alias)
        .map((one) => toExceptionThen(one, knownAtMs)),
    })
  }
  return told
}

/** That it ended was not known before it did. */
function asKnownAt<T extends ToldInterval>(told: T, knownAtMs: number): T {
  const ended = told.toMs !== null && told.toMs <= knownAtMs
  return ended ? told : { ...told, toMs: null, toIndex: null }
}

function toExceptionThen(one: BreakGlass, knownAtMs: number): ExceptionThen {
  const { id, release, grantedAtMs, untilMs, endedAtMs, reviewedAtMs } = one
  const known = (ms: number | null): number | null => (ms !== null && ms <= knownAtMs ? ms : null)
  return {
    id,
    release,
    grantedAtMs,
    untilMs,
    endedAtMs: known(endedAtMs),
    reviewedAtMs: known(reviewedAtMs),
  }
}

async function policySetThen(
  reader: Reader,
  kind: 'admission' | 'authorization',
  atMs: number,
): Promise<PolicySetThen | null> {
  const found = await findPolicySetAt(reader, kind, atMs)
  return found === undefined
    ? null
    : { name: found.name, version: found.version, digest: found.digest }
}
