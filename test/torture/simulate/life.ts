import type { FreezeWindow } from '../../../services/model/index.ts'
import { PlatformError } from '../../../services/model/index.ts'
import { endOverdueBreakGlass } from '../../../services/operations/break-glass-end.ts'
import {
  approve,
  createAlias,
  deleteAlias,
  freeze,
  getAlias,
  grantBreakGlass,
  grantFloorException,
  liftFreeze,
  readStages,
  removeFloor,
  removeFreezeWindow,
  removePromotionRule,
  requestApproval,
  requestBreakGlass,
  revoke,
  setFloor,
  setFreezeWindow,
  setPromotionRule,
  updateAlias,
} from '../../../services/operations/index.ts'
import type { Seeded } from '../seeded.ts'
import { OWNER, PEOPLE, type House } from './house.ts'
import {
  expect,
  floorAfterRevocation,
  floorOf,
  heldOf,
  spansOf,
  standing,
  type Expected,
  type Known,
  type Move,
  type SimFloor,
  type SimShare,
} from './oracle.ts'

const MINUTE_MS = 60_000
const HOUR_MS = 3_600_000
const DAY_MS = 86_400_000
const ZONES = ['UTC', 'Europe/Lisbon', 'America/New_York', 'Asia/Kolkata'] as const
const TIMES = ['00:00', '02:30', '08:00', '17:00', '23:00'] as const

type Mutable<T> = { -readonly [Name in keyof T]: T[Name] }

/** What a rule says otherwise than the service does. */
export class Contradiction extends Error {
  override readonly name = 'Contradiction'
}

/** One seed: random events on two aliases in virtual time, each answer compared with what the rules say. */
export class Life {
  readonly trace: string[] = []
  /** What happened, by kind. */
  readonly counts = new Map<string, number>()
  readonly #house: House
  readonly #chance: Seeded
  readonly #known: Mutable<Known>
  /** The aliases of this seed: one that is promoted into, and the one before it. */
  readonly #aliases: readonly [string, string]
  #made = 0

  constructor(house: House, chance: Seeded, of: { readonly name: string; readonly known: Known }) {
    this.#house = house
    this.#chance = chance
    this.#aliases = [`prod-${of.name}`, `stage-${of.name}`]
    this.#known = { ...of.known }
  }

  get known(): Known {
    return this.#known
  }

  async live(events: number): Promise<void> {
    await this.#setOut()
    for (let count = 0; count < events; count += 1) {
      await this.#waitAWhile()
      await this.#event()
      if (this.#chance.fraction() < 0.4) await this.#lookAtLive()
    }
    await this.#leave()
  }

  get #atMs(): number {
    return this.#house.deps.clock.nowMs()
  }

  get #prod(): string {
    return this.#aliases[0]
  }

  #note(kind: string, text: string): void {
    this.counts.set(kind, (this.counts.get(kind) ?? 0) + 1)
    this.trace.push(`${new Date(this.#atMs).toISOString()} ${kind} ${text}`)
  }

  /** Config and policies as they are for this seed at first. */
  async #setOut(): Promise<void> {
    await this.#enforce(this.#chance.fraction() < 0.4)
    const twoApprovals = this.#chance.fraction() < 0.3
    this.#house.demandApprovals(twoApprovals)
    this.#known.twoApprovals = twoApprovals
  }

  async #enforce(on: boolean): Promise<void> {
    if (on === this.#known.enforced) return
    await this.#house.enforce(on)
    this.#known.enforced = on
    this.#note('config', on ? 'attached' : 'detached')
  }

  /** To a time at random, or to just before, at or just after one at which something ends or begins. */
  async #waitAWhile(): Promise<void> {
    const nowMs = this.#atMs
    const edges = this.#edges().filter((edgeMs) => edgeMs > nowMs && edgeMs < nowMs + 10 * DAY_MS)
    const drawn = this.#chance.fraction()
    const edge = drawn < 0.4 && edges.length > 0 ? this.#chance.pick(edges) : undefined
    const untilMs =
      edge === undefined
        ? nowMs + this.#chance.integer(1, 60) * this.#chance.pick([MINUTE_MS, HOUR_MS / 2, HOUR_MS])
        : edge + this.#chance.integer(-1, 1)
    this.#house.api.clock.advance(Math.max(1, untilMs - nowMs))
    // Whoever ends them may be late: for the gate they are over all the same.
    if (this.#chance.fraction() < 0.5) await this.#endExceptions()
  }

  /** Just before an end, at it, or just after. */
  #waitUntil(endMs: number): void {
    const untilMs = endMs + this.#chance.integer(-1, 1)
    this.#house.api.clock.advance(Math.max(1, untilMs - this.#atMs))
  }

  #edges(): number[] {
    const { requests, exceptions, floors, promotions, versions } = this.#known
    const floor = floors.get(this.#prod)
    const begun = this.#aliases.flatMap((alias) => heldOf(this.#known, alias)?.fromMs ?? [])
    const soaks = [floor?.soakMs, promotions.get(this.#prod)?.soakMs].filter(
      (ms) => ms !== undefined,
    )
    return [
      ...requests.map(({ expiresAtMs }) => expiresAtMs),
      ...exceptions.map(({ untilMs }) => untilMs),
      ...(floor?.exceptions ?? []).map(({ untilMs }) => untilMs),
      ...begun.flatMap((fromMs) => soaks.map((soakMs) => fromMs + soakMs)),
      ...[...versions.values()].flatMap(({ seal }) => seal?.notAfterMs ?? []),
      ...this.#known.revoked.map(({ effectiveAtMs }) => effectiveAtMs),
    ]
  }

  async #event(): Promise<void> {
    const fled = this.#chance.fraction() < 0.6 ? this.#violating() : undefined
    if (fled !== undefined) return await this.#flee(fled)
    const drawn = this.#chance.fraction()
    // Who has asked for approval moves, while it holds.
    const isAsked = this.#known.requests.some(({ state }) => state === 'open')
    if (drawn < (isAsked ? 0.5 : 0.34)) return await this.#move(this.#aliases[0])
    if (drawn < (isAsked ? 0.6 : 0.48)) return await this.#move(this.#aliases[1])
    if (drawn < 0.51) return await this.#delete(this.#chance.pick(this.#aliases))
    if (drawn < 0.57) return await this.#toggleFreeze()
    if (drawn < 0.62) return await this.#toggleWindow()
    if (drawn < 0.63) return await this.#changeFloor()
    if (drawn < 0.68) return await this.#soakFloor()
    if (drawn < 0.72) return await this.#letBelowFloor()
    if (drawn < 0.76) return await this.#togglePromotion()
    if (drawn < (this.#known.twoApprovals ? 0.85 : 0.78)) return await this.#askApproval()
    if (drawn < 0.88) return await this.#approve()
    if (drawn < 0.94) return await this.#breakGlass()
    if (drawn < 0.99) return await this.#enforce(!this.#known.enforced)
    return await this.#revoke()
  }

  /** An alias that serves what violates. */
  #violating(): string | undefined {
    return this.#aliases.find((alias) =>
      heldOf(this.#known, alias)?.shares.some(
        ({ version }) => standing(this.#known, alias, version, this.#atMs) !== 'compliant',
      ),
    )
  }

  /** To something that was there before, as often as not from under a freeze. */
  async #flee(alias: string): Promise<void> {
    if (this.#chance.fraction() < 0.5 && !this.#known.freezes.has(`${OWNER}:${alias}`))
      await this.#freeze(`${OWNER}:${alias}`)
    const before = spansOf(this.#known, alias).flatMap(({ shares }) => shares)
    const version = this.#chance.pick(before).version
    await this.#move(alias, [{ version, weight: 1 }])
  }

  async #move(
    alias: string,
    shares = this.#shares(alias),
    mover = this.#mover(alias, shares),
  ): Promise<void> {
    const move: Move = { alias, shares, mover }
    const held = heldOf(this.#known, alias)
    // What points there already interrupts nothing.
    if (JSON.stringify(held?.shares) === JSON.stringify(move.shares)) return
    const atMs = this.#atMs
    const expected = this.#expect(move, held !== undefined)
    const code = await this.#send(move, held !== undefined)
    const said = JSON.stringify({ move, expected, code: code ?? 'admitted' })
    this.#note(`move ${wordOf(expected)}`, said)
    if (codeOf(expected) !== code) throw new Contradiction(said)
    if (expected.outcome === 'refused') return
    this.#close(alias, atMs)
    const span = { fromMs: atMs, toMs: null, shares: move.shares, excepted: expected.excepted }
    this.#open(alias, span)
    this.#settleRequests(move, expected, held?.shares ?? [])
  }

  /** Only a move of what is there can leave. */
  #expect(move: Move, isThere: boolean): Expected {
    const expected = expect(this.#known, move, this.#atMs)
    if (expected.outcome === 'admitted' && expected.leaving && !isThere)
      throw new Error('the oracle lets an alias leave that is not there')
    return expected
  }

  /** Mostly who has asked for that. */
  #mover(alias: string, shares: readonly SimShare[]): string {
    const asked = this.#known.requests.find(
      (one) => one.alias === alias && shares.some(({ version }) => version === one.version),
    )
    return asked !== undefined && this.#chance.fraction() < 0.7
      ? asked.requester
      : this.#chance.pick(PEOPLE)
  }

  /** One version, or two of them with weights; where approvals are open, mostly what one of them names. */
  #shares(alias: string): SimShare[] {
    const numbers = [...this.#known.versions.keys()]
    const open = this.#known.requests.filter((one) => one.state === 'open' && one.alias === alias)
    if (open.length > 0 && this.#chance.fraction() < 0.6)
      return this.#sharesOf(this.#chance.pick(open))
    const granted = this.#known.exceptions.filter((one) => one.alias === alias)
    if (granted.length > 0 && this.#chance.fraction() < 0.4)
      return [{ version: this.#chance.pick(granted).version, weight: 1 }]
    // What stands in the stage before is promoted now and then.
    const staged = alias === this.#prod ? heldOf(this.#known, this.#aliases[1]) : undefined
    const [first] = this.#chance.fraction() < 0.4 ? (staged?.shares ?? []) : []
    const version = first?.version ?? this.#chance.pick(numbers)
    if (this.#chance.fraction() < 0.75) return [{ version, weight: 1 }]
    const weight = this.#chance.pick([0.05, 0.1, 0.25])
    const other = this.#chance.pick(numbers.filter((one) => one !== version))
    return [
      { version, weight: rest(weight) },
      { version: other, weight },
    ]
  }

  /** What a request names, beside something else where it is not all. */
  #sharesOf({ version, weight }: SimShare): SimShare[] {
    if (weight === 1) return [{ version, weight }]
    const numbers = [...this.#known.versions.keys()]
    const other = this.#chance.pick(numbers.filter((one) => one !== version))
    return [
      { version: other, weight: rest(weight) },
      { version, weight },
    ]
  }

  /** The code of the refusal. */
  async #send({ alias, shares, mover }: Move, isThere: boolean): Promise<string | undefined> {
    const { deps } = this.#house
    const [first, second] = shares
    const input = {
      functionName: OWNER,
      name: alias,
      version: first?.version ?? '',
      routing: second === undefined ? null : { version: second.version, weight: second.weight },
      description: '',
    }
    const caller = this.#house.as(mover)
    return await codeFrom(
      isThere ? updateAlias(deps, caller, input) : createAlias(deps, caller, input),
    )
  }

  #close(alias: string, atMs: number): void {
    const spans = spansOf(this.#known, alias)
    const closed = spans.map((one) => (one.toMs === null ? { ...one, toMs: atMs } : one))
    this.#known.spans = new Map([...this.#known.spans, [alias, closed]])
  }

  #open(alias: string, span: ReturnType<typeof spansOf>[number]): void {
    const spans = [...spansOf(this.#known, alias), span]
    this.#known.spans = new Map([...this.#known.spans, [alias, spans]])
  }

  /** Those that named it are used; where it was forced, those for what leaves are void. */
  #settleRequests(
    { alias, shares }: Move,
    expected: Extract<Expected, { outcome: 'admitted' }>,
    before: readonly SimShare[],
  ): void {
    const gone = before.filter(({ version }) => shares.every((one) => one.version !== version))
    const isForced = expected.leaving || expected.excepted
    this.#known.requests = this.#known.requests.map((one) => {
      if (expected.uses.includes(one.id)) return { ...one, state: 'used' }
      const leaves = one.alias === alias && gone.some(({ version }) => version === one.version)
      return one.state === 'open' && isForced && leaves ? { ...one, state: 'void' } : one
    })
  }

  /** Never blocked, whatever is frozen. */
  async #delete(alias: string): Promise<void> {
    if (heldOf(this.#known, alias) === undefined) return
    const by = this.#house.as(this.#chance.pick(PEOPLE))
    const code = await codeFrom(
      deleteAlias(this.#house.deps, by, { functionName: OWNER, name: alias }),
    )
    this.#note('delete', alias)
    if (code !== undefined) throw new Contradiction(`leaving was refused: ${code}`)
    this.#close(alias, this.#atMs)
  }

  async #toggleFreeze(): Promise<void> {
    const scope = this.#chance.pick([
      OWNER,
      `${OWNER}:${this.#prod}`,
      `${OWNER}:${this.#aliases[1]}`,
    ])
    await this.#freeze(scope)
  }

  /** Freezes, or lifts. */
  async #freeze(scope: string): Promise<void> {
    const { deps } = this.#house
    const by = this.#house.as('usr-ann')
    const freezes = new Set(this.#known.freezes)
    if (freezes.delete(scope)) await liftFreeze(deps, by, scope)
    else {
      await freeze(deps, by, { scope, reason: 'the simulation' })
      freezes.add(scope)
    }
    this.#known.freezes = freezes
    this.#note('freeze', `${scope} ${freezes.has(scope) ? 'frozen' : 'lifted'}`)
  }

  async #toggleWindow(): Promise<void> {
    const { deps } = this.#house
    const by = this.#house.as('usr-ann')
    const [old] = this.#known.windows
    if (old !== undefined) {
      await removeFreezeWindow(deps, by, old.name)
      this.#known.windows = []
      this.#note('window', 'removed')
      return
    }
    const days = [1, 2, 3, 4, 5, 6, 7].filter(() => this.#chance.fraction() < 0.5)
    const window: FreezeWindow = {
      name: 'window',
      timeZone: this.#chance.pick(ZONES),
      scope: this.#chance.pick([OWNER, `${OWNER}:*`, `${OWNER}:${this.#prod}`]),
      ranges: [
        {
          kind: 'weekly',
          days: days.length === 0 ? [this.#chance.integer(1, 7)] : days,
          from: this.#chance.pick(TIMES),
          to: this.#chance.pick(TIMES),
        },
      ],
      holidays: [],
    }
    await setFreezeWindow(deps, by, window)
    this.#known.windows = [window]
    this.#note('window', JSON.stringify(window))
  }

  /** Set, set otherwise, or removed. */
  async #changeFloor(): Promise<void> {
    const { deps } = this.#house
    const by = this.#house.as('usr-ann')
    const place = { functionName: OWNER, alias: this.#prod }
    const before = this.#known.floors.get(this.#prod)
    const floors = new Map(this.#known.floors)
    if (before !== undefined && this.#chance.fraction() < 0.3) {
      await removeFloor(deps, by, place)
      // What was let below goes with nothing: it belongs to the place.
      floors.delete(this.#prod)
      this.#known.floors = floors
      this.#note('floor', 'removed')
      return
    }
    const soakMs = this.#chance.integer(1, 72) * HOUR_MS
    const stored = floorOf(this.#known, this.#prod, this.#atMs)
    await setFloor(deps, by, { ...place, soakMs })
    const exceptions = before?.exceptions ?? []
    floors.set(this.#prod, { soakMs, ruledAtMs: this.#atMs, stored, exceptions })
    this.#known.floors = floors
    this.#note('floor', `soak ${soakMs / HOUR_MS} h`)
  }

  /** A floor that rises by what is live for long enough, then perhaps another rule, and something from below it. */
  async #soakFloor(): Promise<void> {
    const sealed = [...this.#house.seals.keys()]
    await this.#changeFloor()
    await this.#move(this.#prod, [{ version: this.#chance.pick(sealed), weight: 1 }])
    const { soakMs } = this.#known.floors.get(this.#prod) ?? { soakMs: 0 }
    this.#waitUntil(this.#atMs + soakMs)
    if (this.#chance.fraction() < 0.5) await this.#changeFloor()
    this.#waitUntil(this.#atMs + HOUR_MS)
    if (this.#chance.fraction() < 0.5)
      await this.#move(this.#prod, [{ version: this.#chance.pick(sealed), weight: 1 }])
    else await this.#letBelowFloor()
    await this.#lookAtLive()
  }

  async #letBelowFloor(): Promise<void> {
    const floor = this.#known.floors.get(this.#prod)
    if (floor === undefined) return
    const height = floorOf(this.#known, this.#prod, this.#atMs)
    const all = [...this.#known.versions.values()]
    const below = all.filter(({ seal }) => (seal?.counter ?? 0) < height)
    const { number: version } = this.#chance.pick(below.length > 0 ? below : all)
    const expiresAtMs = this.#atMs + this.#chance.integer(1, 72) * HOUR_MS
    await grantFloorException(this.#house.deps, this.#house.as('usr-ann'), {
      functionName: OWNER,
      alias: this.#prod,
      version,
      reason: 'the simulation',
      expiresAtMs,
    })
    const exceptions = [...floor.exceptions, { version, untilMs: expiresAtMs }]
    this.#setFloor({ ...floor, exceptions })
    this.#note('floor exception', version)
    const drawn = this.#chance.fraction()
    if (drawn < 0.3) return
    if (drawn < 0.5) this.#waitUntil(expiresAtMs)
    await this.#move(this.#prod, [{ version, weight: 1 }])
    // What it let in is below the floor once it is over.
    this.#waitUntil(expiresAtMs)
    await this.#lookAtLive()
  }

  #setFloor(floor: SimFloor): void {
    this.#known.floors = new Map([...this.#known.floors, [this.#prod, floor]])
  }

  async #togglePromotion(): Promise<void> {
    const { deps } = this.#house
    const by = this.#house.as('usr-ann')
    const scope = `${OWNER}:${this.#prod}`
    const promotions = new Map(this.#known.promotions)
    if (promotions.delete(this.#prod)) await removePromotionRule(deps, by, scope)
    else {
      const rule = {
        from: this.#aliases[1],
        soakMs: this.#chance.integer(1, 48) * HOUR_MS,
        endedWithinMs: this.#chance.pick([null, DAY_MS]),
      }
      await setPromotionRule(deps, by, { scope, ...rule })
      promotions.set(this.#prod, rule)
    }
    this.#known.promotions = promotions
    this.#note('promotion', JSON.stringify(promotions.get(this.#prod) ?? 'removed'))
  }

  async #askApproval(): Promise<void> {
    const alias = this.#chance.pick(this.#aliases)
    const version = this.#chance.pick([...this.#known.versions.keys()])
    const requester = this.#chance.pick(PEOPLE)
    const weight = this.#chance.pick([1, 1, 0.25])
    const forMs = this.#chance.integer(1, 96) * HOUR_MS
    const input = { functionName: OWNER, alias, version, weight, reason: 'simulated', forMs }
    const by = this.#house.as(requester)
    try {
      const { result } = await requestApproval(this.#house.deps, by, input)
      const { id, expiresAtMs } = result
      const request = { id, alias, version, weight, requester, expiresAtMs, approvers: [] }
      this.#known.requests = [...this.#known.requests, { ...request, state: 'open' }]
      this.#note('request', JSON.stringify(request))
      if (this.#chance.fraction() < 0.4) return
      for (const person of PEOPLE) if (person !== requester) await this.#approveAs(id, person)
      if (this.#chance.fraction() < 0.5) return
      this.#waitUntil(expiresAtMs)
      await this.#move(alias, this.#sharesOf(request), requester)
    } catch (error) {
      // It has that much already, or it is asked for: nothing changed.
      if (!(error instanceof PlatformError && error.code === 'RESOURCE_CONFLICT')) throw error
    }
  }

  /** Of any request, also of one that is over; by two, so that enough come together now and then. */
  async #approve(): Promise<void> {
    const { requests } = this.#known
    if (requests.length === 0) return
    const { id } = this.#chance.pick(requests)
    await this.#approveAs(id, this.#chance.pick(PEOPLE))
    await this.#approveAs(id, this.#chance.pick(PEOPLE))
  }

  async #approveAs(id: string, person: string): Promise<void> {
    const now = this.#known.requests.find((one) => one.id === id)
    if (now === undefined) return
    const isOpen = now.state === 'open' && this.#atMs < now.expiresAtMs
    const isNew = !now.approvers.includes(person)
    const code = await codeFrom(
      approve(this.#house.deps, this.#house.as(person), { id, comment: '' }),
    )
    const said = code ?? 'taken'
    this.#note(`approve ${said}`, `${id} by ${person}`)
    if ((code === undefined) !== (isOpen && isNew))
      throw new Contradiction(`approval of ${JSON.stringify(now)} by ${person}: ${said}`)
    if (code !== undefined) return
    this.#known.requests = this.#known.requests.map((one) =>
      one.id === id ? { ...one, approvers: [...one.approvers, person] } : one,
    )
  }

  async #breakGlass(): Promise<void> {
    const { deps } = this.#house
    const alias = this.#prod
    const version = this.#chance.pick([...this.#known.versions.keys()])
    const isThere = this.#known.exceptions.some(
      (one) => one.alias === alias && one.version === version,
    )
    if (isThere) return
    this.#made += 1
    const scope = this.#chance.pick(['policy', 'all'] as const)
    const ttlMs = this.#chance.integer(1, 24) * HOUR_MS
    const { result } = await requestBreakGlass(deps, this.#house.as('usr-ann'), {
      functionName: OWNER,
      alias,
      version,
      reason: 'the simulation',
      ticket: `T-${this.#made}`,
      scope: scope === 'policy' ? ['policy'] : ['policy', 'mismatch', 'expiry', 'revocation'],
      ttlMs,
    })
    const seconds = PEOPLE.filter((one) => one !== 'usr-ann')
    this.#house.api.clock.advance(MINUTE_MS)
    const own = await codeFrom(grantBreakGlass(deps, this.#house.as('usr-ann'), { id: result.id }))
    if (own === undefined) throw new Contradiction('who asked for break-glass granted it')
    const second = this.#house.as(this.#chance.pick(seconds))
    const code = await codeFrom(grantBreakGlass(deps, second, { id: result.id }))
    this.#note(`break-glass ${code ?? 'granted'}`, `${version} ${scope} ${ttlMs / HOUR_MS} h`)
    // The pair that granted it before is no second pair.
    if (code !== undefined) return
    const fromMs = this.#atMs
    const exception = { id: result.id, alias, version, scope, fromMs, untilMs: fromMs + ttlMs }
    this.#known.exceptions = [...this.#known.exceptions, exception]
    const drawn = this.#chance.fraction()
    if (drawn < 0.3) return
    if (drawn < 0.5) this.#waitUntil(exception.untilMs)
    await this.#move(alias, [{ version, weight: 1 }])
  }

  /** What the service does at the end of an exception is taken as it is, where no one is served without a right to it. */
  async #endExceptions(): Promise<void> {
    const over = this.#known.exceptions.filter(({ untilMs }) => untilMs <= this.#atMs)
    if (over.length === 0) return
    const { deps } = this.#house
    await endOverdueBreakGlass(deps)
    this.#known.exceptions = this.#known.exceptions.filter((one) => !over.includes(one))
    const { freezes } = await readStages(deps)
    this.#known.freezes = new Set(freezes.map(({ scope }) => scope))
    for (const alias of new Set(over.map((one) => one.alias))) await this.#afterException(alias)
  }

  async #afterException(alias: string): Promise<void> {
    const held = heldOf(this.#known, alias)
    if (held === undefined) return
    const { alias: now } = await getAlias(this.#house.deps, { functionName: OWNER, name: alias })
    const shares = sharesOf(now.version, now.routing)
    const moved = JSON.stringify(shares) !== JSON.stringify(held.shares)
    this.#note(
      'exception ended',
      `${alias} ${moved ? `moved to ${JSON.stringify(shares)}` : 'stays'}`,
    )
    if (moved) {
      for (const { version } of shares)
        if (standing(this.#known, alias, version, this.#atMs) !== 'compliant')
          throw new Contradiction(`${alias} went back to ${version}, which is not compliant`)
      this.#close(alias, this.#atMs)
      this.#open(alias, { fromMs: this.#atMs, toMs: null, shares, excepted: false })
      const expected = { outcome: 'admitted', leaving: true, excepted: false, uses: [] } as const
      this.#settleRequests({ alias, shares, mover: '' }, expected, held.shares)
      return
    }
    const isCovered = held.shares.every(({ version }) =>
      this.#known.exceptions.some((one) => one.alias === alias && one.version === version),
    )
    if (held.excepted && !isCovered && !this.#known.freezes.has(`${OWNER}:${alias}`))
      throw new Contradiction(`${alias} still serves what an exception let in that is over`)
  }

  async #revoke(): Promise<void> {
    const sealed = [...this.#house.seals]
    const [version, digest] = this.#chance.pick(sealed)
    if (this.#known.revoked.some((one) => one.version === version)) return
    const recordedAtMs = this.#atMs
    const effectiveAtMs = recordedAtMs + this.#chance.pick([0, -HOUR_MS, -30 * DAY_MS, 5 * HOUR_MS])
    await revoke(this.#house.deps, this.#house.as('usr-ann'), {
      subject: { kind: 'seal', sha256: digest },
      effectiveAtMs,
      reason: 'the simulation',
    })
    const revoked = { version, effectiveAtMs, recordedAtMs }
    this.#known.revoked = [...this.#known.revoked, revoked]
    const floor = this.#known.floors.get(this.#prod)
    const stored = floorAfterRevocation(this.#known, this.#prod, revoked)
    if (floor !== undefined) this.#setFloor({ ...floor, stored })
    this.#note('revoke', JSON.stringify(revoked))
  }

  /** The live verifier says of the same facts at the same time what the gate says. */
  async #lookAtLive(): Promise<void> {
    for (const alias of this.#aliases) {
      const shares = heldOf(this.#known, alias)?.shares ?? []
      const found = await this.#house.look(alias)
      const numbers = shares.map(({ version }) => version)
      if (numbers.toSorted().join() !== [...found.keys()].toSorted().join())
        throw new Contradiction(`${alias} serves ${numbers.join()}, live is ${[...found].join()}`)
      for (const version of numbers) {
        const expected = standing(this.#known, alias, version, this.#atMs)
        this.#note(`live ${expected}`, `${alias} ${version}`)
        if (found.get(version) === expected) continue
        const said = `the verifier says ${found.get(version) ?? ''}`
        throw new Contradiction(`live ${alias} ${version} is ${expected}, ${said}`)
      }
    }
  }

  /** Everything of this seed is taken away again, from under whatever is frozen. */
  async #leave(): Promise<void> {
    for (const alias of this.#aliases) await this.#delete(alias)
    if (this.#known.freezes.has(OWNER))
      await liftFreeze(this.#house.deps, this.#house.as('usr-ann'), OWNER)
    if (this.#known.windows.length > 0) await this.#toggleWindow()
  }
}

function rest(weight: number): number {
  return Math.round((1 - weight) * 1_000_000) / 1_000_000
}

function sharesOf(
  version: string,
  routing: { readonly version: string; readonly weight: number } | null,
): SimShare[] {
  if (routing === null) return [{ version, weight: 1 }]
  return [{ version, weight: rest(routing.weight) }, { ...routing }]
}

function wordOf(expected: Expected): string {
  if (expected.outcome === 'refused') return `refused: ${expected.why.join(', ')}`
  if (expected.leaving) return 'admitted: leaving'
  return expected.excepted ? 'admitted: excepted' : 'admitted'
}

function codeOf(expected: Expected): string | undefined {
  if (expected.outcome === 'admitted') return undefined
  return expected.by === 'seals' ? 'CODE_VERIFICATION_FAILED' : 'POLICY_DENIED'
}

async function codeFrom(work: Promise<unknown>): Promise<string | undefined> {
  try {
    await work
    return undefined
  } catch (error) {
    if (error instanceof PlatformError) return error.code
    throw error
  }
}
