import { PlatformError } from '../../../services/model/index.ts'
import { endOverdueBreakGlass } from '../../../services/operations/break-glass-end.ts'
import {
  approve,
  getAlias,
  grantBreakGlass,
  readStages,
  requestApproval,
  requestBreakGlass,
} from '../../../services/operations/index.ts'
import { Contradiction, codeFrom, type Ground, MINUTE_MS, HOUR_MS } from './ground.ts'
import { OWNER, PEOPLE } from './house.ts'
import { rest, type Moves } from './moves.ts'
import { heldOf, standing, type SimShare } from './oracle.ts'

/** What people ask of each other: approvals and break-glass, and how that ends. */
export class People {
  readonly #on: Ground
  readonly #moves: Moves
  #made = 0

  constructor(on: Ground, moves: Moves) {
    this.#on = on
    this.#moves = moves
  }

  async askApproval(): Promise<void> {
    const alias = this.#on.chance.pick(this.#on.aliases)
    const version = this.#on.chance.pick([...this.#on.known.versions.keys()])
    const requester = this.#on.chance.pick(PEOPLE)
    const weight = this.#on.chance.pick([1, 1, 0.25])
    const forMs = this.#on.chance.integer(1, 96) * HOUR_MS
    const input = { functionName: OWNER, alias, version, weight, reason: 'simulated', forMs }
    const by = this.#on.house.as(requester)
    try {
      const { result } = await requestApproval(this.#on.house.deps, by, input)
      const { id, expiresAtMs } = result
      const request = { id, alias, version, weight, requester, expiresAtMs, approvers: [] }
      this.#on.known.requests = [...this.#on.known.requests, { ...request, state: 'open' }]
      this.#on.note('request', JSON.stringify(request))
      if (this.#on.chance.fraction() < 0.4) return
      for (const person of PEOPLE) if (person !== requester) await this.#approveAs(id, person)
      if (this.#on.chance.fraction() < 0.5) return
      this.#on.waitUntil(expiresAtMs)
      await this.#moves.move(alias, this.#moves.sharesOf(request), requester)
    } catch (error) {
      // It has that much already, or it is asked for: nothing changed.
      if (!(error instanceof PlatformError && error.code === 'RESOURCE_CONFLICT')) throw error
    }
  }

  /** Of any request, also of one that is over; by two, so that enough come together now and then. */
  async approve(): Promise<void> {
    const { requests } = this.#on.known
    if (requests.length === 0) return
    const { id } = this.#on.chance.pick(requests)
    await this.#approveAs(id, this.#on.chance.pick(PEOPLE))
    await this.#approveAs(id, this.#on.chance.pick(PEOPLE))
  }

  async #approveAs(id: string, person: string): Promise<void> {
    const now = this.#on.known.requests.find((one) => one.id === id)
    if (now === undefined) return
    const isOpen = now.state === 'open' && this.#on.atMs < now.expiresAtMs
    const isNew = !now.approvers.includes(person)
    const code = await codeFrom(
      approve(this.#on.house.deps, this.#on.house.as(person), { id, comment: '' }),
    )
    const said = code ?? 'taken'
    this.#on.note(`approve ${said}`, `${id} by ${person}`)
    if ((code === undefined) !== (isOpen && isNew))
      throw new Contradiction(`approval of ${JSON.stringify(now)} by ${person}: ${said}`)
    if (code !== undefined) return
    this.#on.known.requests = this.#on.known.requests.map((one) =>
      one.id === id ? { ...one, approvers: [...one.approvers, person] } : one,
    )
  }

  async breakGlass(): Promise<void> {
    const { deps } = this.#on.house
    const alias = this.#on.prod
    const version = this.#on.chance.pick([...this.#on.known.versions.keys()])
    const isThere = this.#on.known.exceptions.some(
      (one) => one.alias === alias && one.version === version,
    )
    if (isThere) return
    this.#made += 1
    const scope = this.#on.chance.pick(['policy', 'all'] as const)
    const ttlMs = this.#on.chance.integer(1, 24) * HOUR_MS
    const { result } = await requestBreakGlass(deps, this.#on.house.as('usr-ann'), {
      functionName: OWNER,
      alias,
      version,
      reason: 'the simulation',
      ticket: `T-${this.#made}`,
      scope: scope === 'policy' ? ['policy'] : ['policy', 'mismatch', 'expiry', 'revocation'],
      ttlMs,
    })
    const seconds = PEOPLE.filter((one) => one !== 'usr-ann')
    this.#on.house.api.clock.advance(MINUTE_MS)
    const own = await codeFrom(
      grantBreakGlass(deps, this.#on.house.as('usr-ann'), { id: result.id }),
    )
    if (own === undefined) throw new Contradiction('who asked for break-glass granted it')
    const second = this.#on.house.as(this.#on.chance.pick(seconds))
    const code = await codeFrom(grantBreakGlass(deps, second, { id: result.id }))
    this.#on.note(`break-glass ${code ?? 'granted'}`, `${version} ${scope} ${ttlMs / HOUR_MS} h`)
    // The pair that granted it before is no second pair.
    if (code !== undefined) return
    const fromMs = this.#on.atMs
    const exception = { id: result.id, alias, version, scope, fromMs, untilMs: fromMs + ttlMs }
    this.#on.known.exceptions = [...this.#on.known.exceptions, exception]
    const drawn = this.#on.chance.fraction()
    if (drawn < 0.3) return
    if (drawn < 0.5) this.#on.waitUntil(exception.untilMs)
    await this.#moves.move(alias, [{ version, weight: 1 }])
  }

  /** What the service does at the end of an exception is taken as it is, where no one is served without a right to it. */
  async endExceptions(): Promise<void> {
    const over = this.#on.known.exceptions.filter(({ untilMs }) => untilMs <= this.#on.atMs)
    if (over.length === 0) return
    const { deps } = this.#on.house
    await endOverdueBreakGlass(deps)
    this.#on.known.exceptions = this.#on.known.exceptions.filter((one) => !over.includes(one))
    const { freezes } = await readStages(deps)
    this.#on.known.freezes = new Set(freezes.map(({ scope }) => scope))
    for (const alias of new Set(over.map((one) => one.alias))) await this.#afterException(alias)
  }

  async #afterException(alias: string): Promise<void> {
    const held = heldOf(this.#on.known, alias)
    if (held === undefined) return
    const { alias: now } = await getAlias(this.#on.house.deps, { functionName: OWNER, name: alias })
    const shares = sharesOf(now.version, now.routing)
    const moved = JSON.stringify(shares) !== JSON.stringify(held.shares)
    this.#on.note(
      'exception ended',
      `${alias} ${moved ? `moved to ${JSON.stringify(shares)}` : 'stays'}`,
    )
    if (moved) {
      for (const { version } of shares)
        if (standing(this.#on.known, alias, version, this.#on.atMs) !== 'compliant')
          throw new Contradiction(`${alias} went back to ${version}, which is not compliant`)
      this.#moves.close(alias, this.#on.atMs)
      this.#moves.open(alias, { fromMs: this.#on.atMs, toMs: null, shares, excepted: false })
      const expected = { outcome: 'admitted', leaving: true, excepted: false, uses: [] } as const
      this.#moves.settleRequests({ alias, shares, mover: '' }, expected, held.shares)
      return
    }
    const isCovered = held.shares.every(({ version }) =>
      this.#on.known.exceptions.some((one) => one.alias === alias && one.version === version),
    )
    if (held.excepted && !isCovered && !this.#on.known.freezes.has(`${OWNER}:${alias}`))
      throw new Contradiction(`${alias} still serves what an exception let in that is over`)
  }
}

function sharesOf(
  version: string,
  routing: { readonly version: string; readonly weight: number } | null,
): SimShare[] {
  if (routing === null) return [{ version, weight: 1 }]
  return [{ version, weight: rest(routing.weight) }, { ...routing }]
}
