import { findPublisher } from '../catalog/index.ts'
import {
  PlatformError,
  functionArn,
  toIsoTime,
  type Decision,
  type Facts,
  type Revocation,
  type TrustedPublisher,
} from '../model/index.ts'
import type { PolicyFile } from '../policy/index.ts'
import { objectsNamed, readsOf } from './access/readable.ts'
import type { Caller, Deps } from './context.ts'
import { readWorld } from './facts.ts'
import { withoutLists, ExpiryWatch, grantedEnds, objectOf, type Expiring } from './plan-expiry.ts'
import { planFunction, type FunctionPlanAsked } from './plan-function.ts'
import { planLiveSet, type PlanEffects, type Supposed } from './plan-live-set.ts'
import { PLAN_LIFETIME_MS, PlanMade } from './planned-change.ts'
import {
  addPublisherVersion,
  cancelPublisherVersion,
  createPublisher,
  publisherDocumentOf,
  type PublisherInput,
} from './publishers.ts'
import { revocationTargetsIn, revoke, type RevocationSubject } from './revocations.ts'

/** A change to plan. What governs it is run as it would be run, up to its decision. */
export type PlanAsked =
  | FunctionPlanAsked
  | {
      readonly kind: 'revocation'
      readonly subject: RevocationSubject
      readonly effectiveAtMs: number | undefined
    }
  | { readonly kind: 'publisher'; readonly name: string; readonly publisher: PublisherInput }
  | {
      readonly kind: 'publisher-version'
      readonly name: string
      readonly publisher: PublisherInput
    }
  | { readonly kind: 'publisher-cancel'; readonly name: string; readonly version: string }
  | {
      readonly kind: 'policy'
      readonly files: readonly PolicyFile[]
      /** Applies the set, where this installation can; without it the plan cannot be committed. */
      readonly run?: (caller: Caller) => Promise<unknown>
    }
  | { readonly kind: 'expiry'; readonly days: number }

export interface Plan {
  /** `null` where there is nothing to commit: nothing would change, it would be refused, or it is no change. */
  readonly hash: string | null
  /** RFC 3339. */
  readonly expiresAt: string | null
  readonly world: number
  readonly decisions: readonly Decision[]
  readonly effects: PlanEffects
  /** What ends by itself, for plans of time. */
  readonly expiring?: readonly Expiring[]
}

/** What would be revoked or trusted is not recorded: any text tells it from what is. */
const REASON = 'planned'
const DAY_MS = 86_400_000
const EXPIRY_DAYS_LIMIT = 3_650
/** Plans over the whole live set at once: each has a thread. */
const RUNS_AT_ONCE = 2

let running = 0

/**
 * What a change would do to what is live, and the hash by which it can be committed while nothing has changed.
 * It is kept for 15 minutes and authorizes nothing. What the caller may not read is counted and not told (RULES §10).
 * @throws PlatformError what the change throws before it is decided; TOO_MANY_REQUESTS, RESOURCE_CONFLICT;
 * ACCESS_DENIED where the change itself names what the caller may not read
 */
export async function makePlan(deps: Deps, caller: Caller, asked: PlanAsked): Promise<Plan> {
  switch (asked.kind) {
    case 'function':
      return await planFunctionChange(deps, caller, asked)
    case 'expiry':
      return await planExpiry(deps, caller, asked.days)
    case 'policy': {
      const supposed: Supposed = { kind: 'policies', files: asked.files }
      const { run } = asked
      const made = run === undefined ? undefined : await madeBy(deps, caller, run)
      return await planOver(deps, caller, { made, supposed })
    }
    case 'revocation':
    case 'publisher':
    case 'publisher-version':
    case 'publisher-cancel': {
      const made = await madeBy(deps, caller, trustChange(deps, asked))
      const hypothesis = await suppose(deps, asked)
      return await planOver(deps, caller, { made, supposed: { kind: 'trust', hypothesis } })
    }
  }
}

type TrustAsked = Extract<
  PlanAsked,
  { kind: 'revocation' | 'publisher' | 'publisher-version' | 'publisher-cancel' }
>

function trustChange(deps: Deps, asked: TrustAsked): (caller: Caller) => Promise<unknown> {
  switch (asked.kind) {
    case 'revocation':
      return (planning) => revoke(deps, planning, { ...asked, reason: REASON })
    case 'publisher':
      return (planning) => createPublisher(deps, planning, asked)
    case 'publisher-version':
      return (planning) => addPublisherVersion(deps, planning, asked)
    case 'publisher-cancel':
      return (planning) => cancelPublisherVersion(deps, planning, asked)
  }
}

/** Runs a change up to its decision; `undefined` where there was nothing to decide. @throws PlatformError ACCESS_DENIED */
async function madeBy(
  deps: Deps,
  caller: Caller,
  run: (planning: Caller) => Promise<unknown>,
): Promise<PlanMade | undefined> {
  try {
    await run({ ...caller, plan: { kind: 'make' } })
    return undefined
  } catch (error) {
    if (!(error instanceof PlanMade)) throw error
    if (await readableBy(deps, caller)(error.change.facts)) return error
    throw new PlatformError(
      'ACCESS_DENIED',
      'the plan names something that you may not read: a plan wants `read` on all that its change names',
    )
  }
}

/** Answers for one plan: whether the caller may read all that facts name. */
function readableBy(deps: Deps, caller: Caller): (facts: Facts) => Promise<boolean> {
  const mayRead = readsOf(deps, caller)
  return (facts) => mayRead(objectsNamed(facts))
}

async function planFunctionChange(
  deps: Deps,
  caller: Caller,
  asked: FunctionPlanAsked,
): Promise<Plan> {
  const made = await madeBy(deps, caller, asked.run)
  const { effects, decisions } = await planFunction(deps, caller, {
    asked,
    made: made?.change,
    mayRead: readableBy(deps, caller),
  })
  return { ...(await keep(deps, caller, made)), decisions, effects }
}

async function planOver(
  deps: Deps,
  caller: Caller,
  { made, supposed }: { readonly made: PlanMade | undefined; readonly supposed: Supposed },
): Promise<Plan> {
  const watch = { ...progressLog(deps), mayRead: readableBy(deps, caller) }
  const effects = await oneOfFew(() => planLiveSet(deps, supposed, watch))
  const decisions = made === undefined ? [] : [made.change.decision]
  return { ...(await keep(deps, caller, made)), decisions, effects }
}

/** So that an operator sees a long run under way. */
function progressLog({ log }: Deps): { progress(judged: number): void } {
  const EVERY = 5_000
  let told = 0
  return {
    progress: (judged) => {
      if (judged - told < EVERY) return
      told = judged
      log.info({ judged }, 'a plan is being made')
    },
  }
}

async function planExpiry(deps: Deps, caller: Caller, days: number): Promise<Plan> {
  if (!Number.isInteger(days) || days < 1 || days > EXPIRY_DAYS_LIMIT)
    throw new PlatformError('INVALID_PARAMETER', `\`days\` is 1 to ${EXPIRY_DAYS_LIMIT}`)
  const fromMs = deps.clock.nowMs()
  const toMs = fromMs + days * DAY_MS
  const watch = new ExpiryWatch({ fromMs, toMs })
  let publishers: readonly TrustedPublisher[] = []
  const hypothesis = {
    atMs: toMs,
    publishers: (known: readonly TrustedPublisher[]) => {
      publishers = known
      return withoutLists(known)
    },
  }
  const effects = await oneOfFew(() =>
    planLiveSet(
      deps,
      { kind: 'time', hypothesis },
      {
        ...progressLog(deps),
        facts: (facts) => watch.add(facts),
        mayRead: readableBy(deps, caller),
      },
    ),
  )
  const { world, granted } = await deps.store.snapshot(async (reader) => ({
    world: await readWorld(reader),
    granted: await grantedEnds(reader, { fromMs, toMs }),
  }))
  const mayRead = readsOf(deps, caller)
  const expiring: Expiring[] = []
  for (const one of watch.list(publishers, granted))
    if (await mayRead([objectOf(one)])) expiring.push(one)
  const none = { hash: null, expiresAt: null, decisions: [] }
  return { ...none, world, effects, expiring }
}

async function oneOfFew<T>(work: () => Promise<T>): Promise<T> {
  if (running >= RUNS_AT_ONCE) {
    throw new PlatformError(
      'TOO_MANY_REQUESTS',
      `${RUNS_AT_ONCE} plans over the whole live set are being made already: try again`,
    )
  }
  running += 1
  try {
    return await work()
  } finally {
    running -= 1
  }
}

/** Kept until it ends; plans that have ended go. What would be refused cannot be committed. */
async function keep(
  deps: Deps,
  caller: Caller,
  made: PlanMade | undefined,
): Promise<Pick<Plan, 'hash' | 'expiresAt' | 'world'>> {
  if (made === undefined || made.change.decision.outcome === 'deny') {
    const world = made?.change.facts.world ?? (await readWorld(deps.store.reader))
    return { hash: null, expiresAt: null, world }
  }
  const nowMs = deps.clock.nowMs()
  const { action, resource } = made.change.change
  const { world } = made.change.facts
  const times = { created_at: nowMs, expires_at: nowMs + PLAN_LIFETIME_MS }
  await deps.store.transaction(async (tx) => {
    await tx.deleteFrom('plan').where('expires_at', '<=', nowMs).execute()
    await tx
      .insertInto('plan')
      .values({
        hash: made.hash,
        action,
        resource,
        world,
        principal_id: caller.principal.id,
        ...times,
      })
      .onConflict((conflict) => conflict.column('hash').doUpdateSet(times))
      .execute()
  })
  return { hash: made.hash, expiresAt: toIsoTime(times.expires_at), world }
}

/** The world as it would be, as far as verdicts depend on it. */
async function suppose(deps: Deps, asked: TrustAsked): Promise<SupposedTrust> {
  const nowMs = deps.clock.nowMs()
  switch (asked.kind) {
    case 'revocation': {
      const targets = await revocationTargetsIn(deps, deps.store.reader, asked.subject)
      const effectiveAtMs = asked.effectiveAtMs ?? nowMs
      return {
        revocations: targets.map((target) => ({
          targetKind: asked.subject.kind,
          target,
          effectiveAtMs,
          recordedAtMs: nowMs,
          reason: REASON,
        })),
        // A revocation of later on is seen when it counts.
        atMs: Math.max(nowMs, effectiveAtMs),
      }
    }
    case 'publisher-cancel':
      return {
        publishers: (known) =>
          known.map((one) =>
            one.name === asked.name && one.version === asked.version
              ? { ...one, status: 'Canceled' }
              : one,
          ),
      }
    case 'publisher':
    case 'publisher-version':
      return await supposeVersion(deps, asked, nowMs)
  }
}

interface SupposedTrust {
  readonly atMs?: number
  readonly revocations?: readonly Revocation[]
  readonly publishers?: (known: readonly TrustedPublisher[]) => readonly TrustedPublisher[]
}

/** No config names it yet: it counts where no config is attached, and is "nearest" elsewhere. */
async function supposeVersion(
  deps: Deps,
  asked: { readonly name: string; readonly publisher: PublisherInput },
  createdAtMs: number,
): Promise<SupposedTrust> {
  const document = publisherDocumentOf(asked.publisher)
  // A managed key that is not made yet has sealed nothing.
  if (document === undefined) return {}
  const { name } = asked
  const existing = await findPublisher(deps.store.reader, deps.place, name)
  const version = 'planned000'
  return {
    publishers: (known) => [
      ...known,
      {
        id: existing?.id ?? 'pub-planned',
        name,
        version,
        arn: functionArn(deps.place, 'planned', name),
        status: 'Active',
        createdAtMs,
        document,
        allowed: false,
      },
    ],
  }
}
