import { createAlias, deleteAlias, updateAlias } from '../../../services/operations/index.ts'
import { Contradiction, codeFrom, type Ground } from './ground.ts'
import { OWNER, PEOPLE } from './house.ts'
import { expect, heldOf, spansOf, type Expected, type Move, type SimShare } from './oracle.ts'

/** What moves and deletes aliases. */
export class Moves {
  readonly #on: Ground

  constructor(on: Ground) {
    this.#on = on
  }

  async move(
    alias: string,
    shares = this.#shares(alias),
    mover = this.#mover(alias, shares),
  ): Promise<void> {
    const move: Move = { alias, shares, mover }
    const held = heldOf(this.#on.known, alias)
    // What points there already interrupts nothing.
    if (JSON.stringify(held?.shares) === JSON.stringify(move.shares)) return
    const atMs = this.#on.atMs
    const expected = this.#expect(move, held !== undefined)
    const code = await this.#send(move, held !== undefined)
    const said = JSON.stringify({ move, expected, code: code ?? 'admitted' })
    this.#on.note(`move ${wordOf(expected)}`, said)
    if (codeOf(expected) !== code) throw new Contradiction(said)
    if (expected.outcome === 'refused') return
    this.close(alias, atMs)
    const span = { fromMs: atMs, toMs: null, shares: move.shares, excepted: expected.excepted }
    this.open(alias, span)
    this.settleRequests(move, expected, held?.shares ?? [])
  }

  /** Only a move of what is there can leave. */
  #expect(move: Move, isThere: boolean): Expected {
    const expected = expect(this.#on.known, move, this.#on.atMs)
    if (expected.outcome === 'admitted' && expected.leaving && !isThere)
      throw new Error('the oracle lets an alias leave that is not there')
    return expected
  }

  /** Mostly who has asked for that. */
  #mover(alias: string, shares: readonly SimShare[]): string {
    const asked = this.#on.known.requests.find(
      (one) => one.alias === alias && shares.some(({ version }) => version === one.version),
    )
    return asked !== undefined && this.#on.chance.fraction() < 0.7
      ? asked.requester
      : this.#on.chance.pick(PEOPLE)
  }

  /** One version, or two of them with weights; where approvals are open, mostly what one of them names. */
  #shares(alias: string): SimShare[] {
    const numbers = [...this.#on.known.versions.keys()]
    const open = this.#on.known.requests.filter(
      (one) => one.state === 'open' && one.alias === alias,
    )
    if (open.length > 0 && this.#on.chance.fraction() < 0.6)
      return this.sharesOf(this.#on.chance.pick(open))
    const granted = this.#on.known.exceptions.filter((one) => one.alias === alias)
    if (granted.length > 0 && this.#on.chance.fraction() < 0.4)
      return [{ version: this.#on.chance.pick(granted).version, weight: 1 }]
    // What stands in the stage before is promoted now and then.
    const staged = alias === this.#on.prod ? heldOf(this.#on.known, this.#on.aliases[1]) : undefined
    const [first] = this.#on.chance.fraction() < 0.4 ? (staged?.shares ?? []) : []
    const version = first?.version ?? this.#on.chance.pick(numbers)
    if (this.#on.chance.fraction() < 0.75) return [{ version, weight: 1 }]
    const weight = this.#on.chance.pick([0.05, 0.1, 0.25])
    const other = this.#on.chance.pick(numbers.filter((one) => one !== version))
    return [
      { version, weight: rest(weight) },
      { version: other, weight },
    ]
  }

  /** What a request names, beside something else where it is not all. */
  sharesOf({ version, weight }: SimShare): SimShare[] {
    if (weight === 1) return [{ version, weight }]
    const numbers = [...this.#on.known.versions.keys()]
    const other = this.#on.chance.pick(numbers.filter((one) => one !== version))
    return [
      { version: other, weight: rest(weight) },
      { version, weight },
    ]
  }

  /** The code of the refusal. */
  async #send({ alias, shares, mover }: Move, isThere: boolean): Promise<string | undefined> {
    const { deps } = this.#on.house
    const [first, second] = shares
    const input = {
      functionName: OWNER,
      name: alias,
      version: first?.version ?? '',
      routing: second === undefined ? null : { version: second.version, weight: second.weight },
      description: '',
    }
    const caller = this.#on.house.as(mover)
    return await codeFrom(
      isThere ? updateAlias(deps, caller, input) : createAlias(deps, caller, input),
    )
  }

  close(alias: string, atMs: number): void {
    const spans = spansOf(this.#on.known, alias)
    const closed = spans.map((one) => (one.toMs === null ? { ...one, toMs: atMs } : one))
    this.#on.known.spans = new Map([...this.#on.known.spans, [alias, closed]])
  }

  open(alias: string, span: ReturnType<typeof spansOf>[number]): void {
    const spans = [...spansOf(this.#on.known, alias), span]
    this.#on.known.spans = new Map([...this.#on.known.spans, [alias, spans]])
  }

  /** Those that named it are used; where it was forced, those for what leaves are void. */
  settleRequests(
    { alias, shares }: Move,
    expected: Extract<Expected, { outcome: 'admitted' }>,
    before: readonly SimShare[],
  ): void {
    const gone = before.filter(({ version }) => shares.every((one) => one.version !== version))
    const isForced = expected.leaving || expected.excepted
    this.#on.known.requests = this.#on.known.requests.map((one) => {
      if (expected.uses.includes(one.id)) return { ...one, state: 'used' }
      const leaves = one.alias === alias && gone.some(({ version }) => version === one.version)
      return one.state === 'open' && isForced && leaves ? { ...one, state: 'void' } : one
    })
  }

  /** Never blocked, whatever is frozen. */
  async delete(alias: string): Promise<void> {
    if (heldOf(this.#on.known, alias) === undefined) return
    const by = this.#on.house.as(this.#on.chance.pick(PEOPLE))
    const code = await codeFrom(
      deleteAlias(this.#on.house.deps, by, { functionName: OWNER, name: alias }),
    )
    this.#on.note('delete', alias)
    if (code !== undefined) throw new Contradiction(`leaving was refused: ${code}`)
    this.close(alias, this.#on.atMs)
  }
}

/** Weights have six digits. */
export function rest(weight: number): number {
  return Math.round((1 - weight) * 1_000_000) / 1_000_000
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
