import { setImmediate } from 'node:timers/promises'

import {
  listReactionHolds,
  putReactionHold,
  reactionsByScope,
  type ReactionHold,
} from '../catalog/index.ts'
import { compiledUrl, newId, type Json, type Reaction } from '../model/index.ts'
import { record } from './commit.ts'
import type { Deps, LiveWatch, VerifierStatus } from './context.ts'
import type { DueAsked, DueFound, DueReaction } from './live-due.ts'
import type { JudgedOne, PassAsked, PassFound } from './live-judge.ts'
import type { OpenAsked } from './live-judge-worker.ts'
import { Offload } from './offload.ts'
import { REACTOR, react, reactionSettings } from './reactions.ts'
import type { VerdictChange } from './verdict-changes.ts'
import { VERDICTS_TOGETHER, VERIFY, recordChanges, recordWorld } from './verdict-entries.ts'

/** All that is live is judged this often though nobody said anything: the backstop, not the path. */
const TIMER_MS = 60_000
/** After a look that failed. */
const RETRY_MS = 5_000
/** A wall clock that left the monotonic one by more is not believed (RULES §6). */
const CLOCK_LIMIT_MS = 60_000
/** Reactions within this time are "at once". */
const AT_ONCE_MS = 60_000
/** What a round came to: whether there is more to be done, and what stood in the way. */
interface Reacted {
  readonly more: 'at once' | 'later' | 'no'
  readonly fault: string | undefined
}

/** Reactions after which the live set is looked at again, if it moved. */
const REACTIONS_A_ROUND = 10

/**
 * Judges what is live again: on every commit that verdicts may depend on, when something ends by itself, and by a timer
 * behind both. Judged in a thread with a snapshot of its own; verdicts that changed are written in small transactions, so
 * that callers wait for none of it. What is to be done about them follows from the rows.
 */
export class LiveVerifier implements LiveWatch, AsyncDisposable {
  readonly #thread = new Offload(compiledUrl(import.meta.url, './live-judge-worker.js'), 1)
  readonly #stop = new AbortController()
  readonly #opened: Pick<OpenAsked, 'database' | 'dataDir'>
  #woken = false
  #wait = new AbortController()
  #running: Promise<void> = Promise.resolve()
  #idle: (() => void)[] = []
  #isBusy = true
  #clock: { readonly wallMs: number; readonly monotonicMs: number } | undefined
  #nextWholeMs = 0
  #validUntilMs: number | undefined
  /** Verdicts whose reaction came to nothing, the one tried longest ago first: others come before them. */
  readonly #inVain = new Set<number>()
  #status: VerifierStatus = {
    verified: undefined,
    judged: 0,
    evaluated: 0,
    states: undefined,
    clockIsOff: false,
    fault: undefined,
  }

  constructor(opened: Pick<OpenAsked, 'database' | 'dataDir'>) {
    this.#opened = opened
  }

  /** Looks at all that is live now, and from then on at what changes. */
  start(deps: Deps): void {
    this.#clock = { wallMs: deps.clock.nowMs(), monotonicMs: deps.clock.monotonicMs() }
    this.#running = this.#loop(deps)
  }

  wake(): void {
    this.#woken = true
    this.#isBusy = true
    this.#wait.abort()
  }

  status(): VerifierStatus {
    return this.#status
  }

  /** Resolves when all that was committed by now is judged and reacted to. */
  async settled(): Promise<void> {
    if (!this.#isBusy || this.#stop.signal.aborted) return
    await new Promise<void>((resolve) => this.#idle.push(resolve))
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort()
    this.#wait.abort()
    await this.#running
    await this.#thread[Symbol.asyncDispose]()
    this.#settle()
  }

  async #loop(deps: Deps): Promise<void> {
    while (!this.#stop.signal.aborted) {
      this.#woken = false
      let waitMs = 0
      try {
        const { more, fault } = await this.#round(deps)
        if (this.#status.fault !== fault) this.#status = { ...this.#status, fault }
        waitMs = { 'at once': 0, later: RETRY_MS, no: this.#untilDue(deps) }[more]
      } catch (error) {
        if (this.#stop.signal.aborted) return
        this.#nextWholeMs = 0
        const fault = error instanceof Error ? error.message : 'unknown'
        this.#status = { ...this.#status, fault }
        deps.log.error({ err: error }, 'the live set could not be judged')
        waitMs = RETRY_MS
      }
      if (waitMs > 0) await this.#rest(deps, waitMs)
    }
  }

  async #rest(deps: Deps, waitMs: number): Promise<void> {
    // Whoever wakes from here on ends this wait, not the one before.
    this.#wait = new AbortController()
    if (this.#woken || this.#stop.signal.aborted) return
    this.#settle()
    await deps.clock.sleep(waitMs, this.#wait.signal).catch(() => undefined)
  }

  #settle(): void {
    this.#isBusy = false
    for (const resolve of this.#idle.splice(0)) resolve()
  }

  #untilDue({ clock }: Deps): number {
    const timerMs = this.#nextWholeMs - clock.monotonicMs()
    const endMs = this.#validUntilMs === undefined ? Infinity : this.#validUntilMs + 1
    return Math.max(1, Math.min(timerMs, endMs - clock.nowMs()))
  }

  async #round(deps: Deps): Promise<Reacted> {
    await this.#open(deps)
    await this.#look(deps)
    return await this.#react(deps)
  }

  /** The thread may have been replaced: one that is open already takes no notice. */
  async #open({ place, runtime, policies }: Deps): Promise<void> {
    const { isolation } = runtime.capability
    const shipped = policies.kinds
    await this.#ask('open', { ...this.#opened, place, isolation, shipped } satisfies OpenAsked)
  }

  async #ask(task: string, argument: unknown): Promise<unknown> {
    return await this.#thread.run(task, argument)
  }

  async #look(deps: Deps): Promise<void> {
    const { clock } = deps
    const startMs = clock.monotonicMs()
    const atMs = clock.nowMs()
    const ended = this.#validUntilMs !== undefined && atMs > this.#validUntilMs
    const whole = ended || startMs >= this.#nextWholeMs
    const clockIsOff = this.#clockIsOff(deps)
    const asked = { atMs, whole, clockIsOff } satisfies PassAsked
    const [found, changed] = await bothEnded(
      this.#ask('pass', asked) as Promise<PassFound>,
      this.#keep(deps),
    )
    if (!found.whole) {
      // What became live since may end sooner.
      const ends = [this.#validUntilMs, found.validUntilMs].filter((endMs) => endMs !== undefined)
      this.#validUntilMs = ends.length === 0 ? undefined : Math.min(...ends)
      return
    }
    await recordWorld(deps, found)
    this.#validUntilMs = found.validUntilMs
    this.#nextWholeMs = startMs + TIMER_MS
    const durationMs = clock.monotonicMs() - startMs
    const { world, judged, evaluated, states } = found
    const verified = { world, atMs, durationMs }
    this.#status = { ...this.#status, verified, judged, evaluated, states, clockIsOff }
    deps.metrics.liveVerified(states, { atMs, durationMs })
    const told = { world, judged, evaluated, changed, durationMs: Math.round(durationMs) }
    deps.log.debug(told, 'all that is live was judged')
  }

  /** Writes what changed while the rest is judged, a little at a time; how much it was. */
  async #keep(deps: Deps): Promise<number> {
    let settings: ReadonlyMap<string, Reaction> | undefined
    for (let from = 0; ; from += VERDICTS_TOGETHER) {
      const asked = { from, count: VERDICTS_TOGETHER }
      const changes = (await this.#ask('changes', asked)) as readonly VerdictChange[]
      if (changes.length === 0) return from
      settings ??= await deps.store.snapshot(reactionsByScope)
      await recordChanges(deps, changes, settings)
      if (changes.length < VERDICTS_TOGETHER) return from + changes.length
      await setImmediate()
    }
  }

  /** Stays off until the service is started again: nobody here can say which clock is right. */
  #clockIsOff({ clock, log }: Deps): boolean {
    const since = this.#clock
    if (since === undefined) return false
    const wallMs = clock.nowMs() - since.wallMs
    const offMs = wallMs - (clock.monotonicMs() - since.monotonicMs)
    const isOff = this.#status.clockIsOff || Math.abs(offMs) > CLOCK_LIMIT_MS
    if (isOff && !this.#status.clockIsOff) {
      this.#status = { ...this.#status, clockIsOff: true }
      log.error(
        { offMs: Math.round(offMs) },
        'the wall clock left the monotonic clock: nothing is reacted to until the service is started again',
      )
    }
    return isOff
  }

  /**
   * Does some of what is due. What came to nothing (it failed, or the verdict no longer holds) comes last from then on, so
   * that it keeps nobody waiting, and is tried again after all is judged again.
   */
  async #react(deps: Deps): Promise<Reacted> {
    if (this.#status.clockIsOff) return { more: 'no', fault: undefined }
    const sinceMs = deps.clock.nowMs() - AT_ONCE_MS
    const asked = { sinceMs, last: [...this.#inVain] } satisfies DueAsked
    const due = (await this.#ask('due', asked)) as DueFound
    const isHeld = await this.#hold(deps, due)
    const todo = [...due.released, ...(isHeld ? [] : due.waiting)].slice(0, REACTIONS_A_ROUND)
    if (todo.length === 0) {
      this.#inVain.clear()
      return { more: 'no', fault: undefined }
    }
    let isNew = false
    let fault: string | undefined
    for (const one of todo) {
      isNew ||= !this.#inVain.has(one.verdictId)
      this.#inVain.delete(one.verdictId)
      try {
        const done = await react(deps, one, (liveId) => this.#judgeNow(deps, liveId))
        if (done !== undefined) continue
      } catch (error) {
        fault ??= error instanceof Error ? error.message : 'unknown'
        deps.log.error({ err: error, ...one }, 'a reaction could not be done and is tried again')
      }
      this.#inVain.add(one.verdictId)
    }
    if (isNew) return { more: 'at once', fault }
    this.#nextWholeMs = 0
    return { more: 'later', fault }
  }

  async #judgeNow(deps: Deps, liveId: number): Promise<JudgedOne | undefined> {
    const asked = { liveId, atMs: deps.clock.nowMs(), clockIsOff: this.#clockIsOff(deps) }
    return (await this.#ask('one', asked)) as JudgedOne | undefined
  }

  /**
   * Whether what waits has to wait for a person: more at once than may be done without one. He is told once, and again
   * when there are more; a hold of which nothing waits any more is closed.
   */
  async #hold(deps: Deps, { hold, verdicts, ...due }: DueFound): Promise<boolean> {
    const { maxAliases } = reactionSettings(deps)
    const waits = new Set(verdicts)
    const isOver = hold !== undefined && !hold.verdicts.some((id) => waits.has(id))
    if (isOver) await closeHold(deps, hold)
    const open = isOver ? undefined : hold
    if (open === undefined && (verdicts.length === 0 || due.places + due.recent <= maxAliases))
      return false
    const through = Math.max(...verdicts)
    if (open !== undefined && open.through >= through) return true
    const next: ReactionHold = {
      id: open?.id ?? newId('rxh', deps.clock, deps.random),
      aliases: due.places,
      through,
      verdicts,
      openedAtMs: open?.openedAtMs ?? deps.clock.nowMs(),
      state: 'open',
      settledAtMs: null,
      settledBy: null,
    }
    await recordHold(deps, next, { before: open, waiting: due.waiting })
    return true
  }
}

/** Waits for both, whichever of them fails: the one goes on with what the other needs. */
async function bothEnded<A, B>(one: Promise<A>, other: Promise<B>): Promise<readonly [A, B]> {
  await Promise.allSettled([one, other])
  return [await one, await other]
}

/** Names that an entry tells of many that wait. */
const TOLD = 20

async function recordHold(
  deps: Deps,
  hold: ReactionHold,
  told: { readonly before: ReactionHold | undefined; readonly waiting: readonly DueReaction[] },
): Promise<void> {
  const { id, aliases, through } = hold
  const places = told.waiting.slice(0, TOLD).map((one) => `${one.functionName}:${one.alias}`)
  const note = { held: id, aliases, through, places }
  if (!(await writeHold(deps, hold, { before: told.before, note }))) return
  deps.log.error(
    { hold: id, aliases, through },
    'more reactions at once than may be done without a person: settle it with `lacre reaction release` or `dismiss`',
  )
}

/** All that it covers was settled otherwise: moved away, compliant again, no longer to be reacted to. */
async function closeHold(deps: Deps, before: ReactionHold): Promise<void> {
  const { id: settledBy } = REACTOR.principal
  const settled = { state: 'closed', settledAtMs: deps.clock.nowMs(), settledBy } as const
  await writeHold(deps, { ...before, ...settled }, { before, note: { closed: before.id } })
}

/** Nothing where a person settled it meanwhile. */
async function writeHold(
  deps: Deps,
  hold: ReactionHold,
  { before, note }: { readonly before: ReactionHold | undefined; readonly note: Json },
): Promise<boolean> {
  const resource = `lacre:reaction-hold/${hold.id}`
  const event = { type: 'live.reaction', action: VERIFY, resource, note }
  const written = await record(deps, event, async (tx) => {
    const now = (await listReactionHolds(tx)).find(({ id }) => id === hold.id)
    if (now?.state !== before?.state || now?.through !== before?.through) return undefined
    return { result: true, touched: [await putReactionHold(tx, hold)] }
  })
  return written === true
}
