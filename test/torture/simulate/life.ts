import { grantFloorException, liftFreeze } from '../../../services/operations/index.ts'
import type { Seeded } from '../seeded.ts'
import { Contradiction, Ground, MINUTE_MS, HOUR_MS, DAY_MS } from './ground.ts'
import { OWNER, type House } from './house.ts'
import { Moves } from './moves.ts'
import { floorOf, heldOf, spansOf, standing, type Known } from './oracle.ts'
import { People } from './people.ts'
import { Rules } from './rules.ts'

/** One seed: random events on two aliases in virtual time, each answer compared with what the rules say. */
export class Life {
  readonly #on: Ground
  readonly #moves: Moves
  readonly #rules: Rules
  readonly #people: People

  constructor(house: House, chance: Seeded, of: { readonly name: string; readonly known: Known }) {
    this.#on = new Ground(house, chance, of)
    this.#moves = new Moves(this.#on)
    this.#rules = new Rules(this.#on)
    this.#people = new People(this.#on, this.#moves)
  }

  get known(): Known {
    return this.#on.known
  }

  get trace(): readonly string[] {
    return this.#on.trace
  }

  /** What happened, by kind. */
  get counts(): ReadonlyMap<string, number> {
    return this.#on.counts
  }

  async live(events: number): Promise<void> {
    await this.#setOut()
    for (let count = 0; count < events; count += 1) {
      await this.#waitAWhile()
      await this.#event()
      if (this.#on.chance.fraction() < 0.4) await this.#lookAtLive()
    }
    await this.#leave()
  }

  /** Config and policies as they are for this seed at first. */
  async #setOut(): Promise<void> {
    await this.#rules.enforce(this.#on.chance.fraction() < 0.4)
    const twoApprovals = this.#on.chance.fraction() < 0.3
    this.#on.house.demandApprovals(twoApprovals)
    this.#on.known.twoApprovals = twoApprovals
  }

  /** To a time at random, or to just before, at or just after one at which something ends or begins. */
  async #waitAWhile(): Promise<void> {
    const nowMs = this.#on.atMs
    const edges = this.#edges().filter((edgeMs) => edgeMs > nowMs && edgeMs < nowMs + 10 * DAY_MS)
    const drawn = this.#on.chance.fraction()
    const edge = drawn < 0.4 && edges.length > 0 ? this.#on.chance.pick(edges) : undefined
    const untilMs =
      edge === undefined
        ? nowMs +
          this.#on.chance.integer(1, 60) * this.#on.chance.pick([MINUTE_MS, HOUR_MS / 2, HOUR_MS])
        : edge + this.#on.chance.integer(-1, 1)
    this.#on.house.api.clock.advance(Math.max(1, untilMs - nowMs))
    // Whoever ends them may be late: for the gate they are over all the same.
    if (this.#on.chance.fraction() < 0.5) await this.#people.endExceptions()
  }

  #edges(): number[] {
    const { requests, exceptions, floors, promotions, versions } = this.#on.known
    const floor = floors.get(this.#on.prod)
    const begun = this.#on.aliases.flatMap((alias) => heldOf(this.#on.known, alias)?.fromMs ?? [])
    const soaks = [floor?.soakMs, promotions.get(this.#on.prod)?.soakMs].filter(
      (ms) => ms !== undefined,
    )
    return [
      ...requests.map(({ expiresAtMs }) => expiresAtMs),
      ...exceptions.map(({ untilMs }) => untilMs),
      ...(floor?.exceptions ?? []).map(({ untilMs }) => untilMs),
      ...begun.flatMap((fromMs) => soaks.map((soakMs) => fromMs + soakMs)),
      ...[...versions.values()].flatMap(({ seal }) => seal?.notAfterMs ?? []),
      ...this.#on.known.revoked.map(({ effectiveAtMs }) => effectiveAtMs),
    ]
  }

  async #event(): Promise<void> {
    const fled = this.#on.chance.fraction() < 0.6 ? this.#violating() : undefined
    if (fled !== undefined) return await this.#flee(fled)
    const drawn = this.#on.chance.fraction()
    // Who has asked for approval moves, while it holds.
    const isAsked = this.#on.known.requests.some(({ state }) => state === 'open')
    if (drawn < (isAsked ? 0.5 : 0.34)) return await this.#moves.move(this.#on.aliases[0])
    if (drawn < (isAsked ? 0.6 : 0.48)) return await this.#moves.move(this.#on.aliases[1])
    if (drawn < 0.51) return await this.#moves.delete(this.#on.chance.pick(this.#on.aliases))
    if (drawn < 0.57) return await this.#rules.toggleFreeze()
    if (drawn < 0.62) return await this.#rules.toggleWindow()
    if (drawn < 0.63) return await this.#rules.changeFloor()
    if (drawn < 0.68) return await this.#soakFloor()
    if (drawn < 0.72) return await this.#letBelowFloor()
    if (drawn < 0.76) return await this.#rules.togglePromotion()
    if (drawn < (this.#on.known.twoApprovals ? 0.85 : 0.78)) return await this.#people.askApproval()
    if (drawn < 0.88) return await this.#people.approve()
    if (drawn < 0.94) return await this.#people.breakGlass()
    if (drawn < 0.99) return await this.#rules.enforce(!this.#on.known.enforced)
    return await this.#rules.revoke()
  }

  /** An alias that serves what violates. */
  #violating(): string | undefined {
    return this.#on.aliases.find((alias) =>
      heldOf(this.#on.known, alias)?.shares.some(
        ({ version }) => standing(this.#on.known, alias, version, this.#on.atMs) !== 'compliant',
      ),
    )
  }

  /** To something that was there before, as often as not from under a freeze. */
  async #flee(alias: string): Promise<void> {
    if (this.#on.chance.fraction() < 0.5 && !this.#on.known.freezes.has(`${OWNER}:${alias}`))
      await this.#rules.freeze(`${OWNER}:${alias}`)
    const before = spansOf(this.#on.known, alias).flatMap(({ shares }) => shares)
    const version = this.#on.chance.pick(before).version
    await this.#moves.move(alias, [{ version, weight: 1 }])
  }

  /** A floor that rises by what is live for long enough, then perhaps another rule, and something from below it. */
  async #soakFloor(): Promise<void> {
    const sealed = [...this.#on.house.seals.keys()]
    await this.#rules.changeFloor()
    await this.#moves.move(this.#on.prod, [{ version: this.#on.chance.pick(sealed), weight: 1 }])
    const { soakMs } = this.#on.known.floors.get(this.#on.prod) ?? { soakMs: 0 }
    this.#on.waitUntil(this.#on.atMs + soakMs)
    if (this.#on.chance.fraction() < 0.5) await this.#rules.changeFloor()
    this.#on.waitUntil(this.#on.atMs + HOUR_MS)
    if (this.#on.chance.fraction() < 0.5)
      await this.#moves.move(this.#on.prod, [{ version: this.#on.chance.pick(sealed), weight: 1 }])
    else await this.#letBelowFloor()
    await this.#lookAtLive()
  }

  async #letBelowFloor(): Promise<void> {
    const floor = this.#on.known.floors.get(this.#on.prod)
    if (floor === undefined) return
    const height = floorOf(this.#on.known, this.#on.prod, this.#on.atMs)
    const all = [...this.#on.known.versions.values()]
    const below = all.filter(({ seal }) => (seal?.counter ?? 0) < height)
    const { number: version } = this.#on.chance.pick(below.length > 0 ? below : all)
    const expiresAtMs = this.#on.atMs + this.#on.chance.integer(1, 72) * HOUR_MS
    await grantFloorException(this.#on.house.deps, this.#on.house.as('usr-ann'), {
      functionName: OWNER,
      alias: this.#on.prod,
      version,
      reason: 'the simulation',
      expiresAtMs,
    })
    const exceptions = [...floor.exceptions, { version, untilMs: expiresAtMs }]
    this.#on.setFloor({ ...floor, exceptions })
    this.#on.note('floor exception', version)
    const drawn = this.#on.chance.fraction()
    if (drawn < 0.3) return
    if (drawn < 0.5) this.#on.waitUntil(expiresAtMs)
    await this.#moves.move(this.#on.prod, [{ version, weight: 1 }])
    // What it let in is below the floor once it is over.
    this.#on.waitUntil(expiresAtMs)
    await this.#lookAtLive()
  }

  /** The live verifier says of the same facts at the same time what the gate says. */
  async #lookAtLive(): Promise<void> {
    for (const alias of this.#on.aliases) {
      const shares = heldOf(this.#on.known, alias)?.shares ?? []
      const found = await this.#on.house.look(alias)
      const numbers = shares.map(({ version }) => version)
      if (numbers.toSorted().join() !== [...found.keys()].toSorted().join())
        throw new Contradiction(`${alias} serves ${numbers.join()}, live is ${[...found].join()}`)
      for (const version of numbers) {
        const expected = standing(this.#on.known, alias, version, this.#on.atMs)
        this.#on.note(`live ${expected}`, `${alias} ${version}`)
        if (found.get(version) === expected) continue
        const said = `the verifier says ${found.get(version) ?? ''}`
        throw new Contradiction(`live ${alias} ${version} is ${expected}, ${said}`)
      }
    }
  }

  /** Everything of this seed is taken away again, from under whatever is frozen. */
  async #leave(): Promise<void> {
    for (const alias of this.#on.aliases) await this.#moves.delete(alias)
    if (this.#on.known.freezes.has(OWNER))
      await liftFreeze(this.#on.house.deps, this.#on.house.as('usr-ann'), OWNER)
    if (this.#on.known.windows.length > 0) await this.#rules.toggleWindow()
  }
}
