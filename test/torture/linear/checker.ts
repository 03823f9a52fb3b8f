/** One call of a client, between two instants of one clock. */
export interface Call<Operation, Answer> {
  readonly operation: Operation
  /** `undefined` where none came: it happened at some time after it was sent, or never. */
  readonly answer: Answer | undefined
  readonly sentAt: number
  /** `Infinity` where no answer came. */
  readonly answeredAt: number
}

/** What one object may answer when its calls come one after the other. */
export interface SequentialModel<State, Operation, Answer> {
  readonly initial: State
  /**
   * The states in which the call may leave the object; none where it cannot have answered this in that state. Without an
   * answer, the states after it took effect.
   */
  step(state: State, operation: Operation, answer: Answer | undefined): readonly State[]
  /** Two states that behave alike have the same text. */
  textOf(state: State): string
}

export type Linearizability<Operation, Answer> =
  | { readonly kind: 'linearizable'; readonly order: readonly Call<Operation, Answer>[] }
  | {
      readonly kind: 'not-linearizable'
      /** The longest order that was found to hold, and the calls of which none could come next. */
      readonly order: readonly Call<Operation, Answer>[]
      readonly stuck: readonly Call<Operation, Answer>[]
    }
  /** More configurations than anybody wants to look at. */
  | { readonly kind: 'undecided' }

const CONFIGURATIONS_LIMIT = 2_000_000

/**
 * Whether a history of one object is linearizable: whether there is an order of its calls, each taking effect at an instant
 * between sending and answer, in which the sequential model gives every answer. Wing and Gong's search (1993), with Lowe's
 * memo: a set of calls and a state that led nowhere are not tried again.
 */
export function checkLinearizable<State, Operation, Answer>(
  calls: readonly Call<Operation, Answer>[],
  model: SequentialModel<State, Operation, Answer>,
  limit = CONFIGURATIONS_LIMIT,
): Linearizability<Operation, Answer> {
  const search = new Search(calls, model, limit)
  return search.run()
}

interface Placed<State> {
  readonly state: State
  /** Bit i: call i has taken effect. */
  readonly done: bigint
  readonly order: Order | undefined
}

/** From the last call to the first. */
interface Order {
  readonly index: number
  readonly before: Order | undefined
  readonly length: number
}

class Search<State, Operation, Answer> {
  readonly #calls: readonly Call<Operation, Answer>[]
  readonly #model: SequentialModel<State, Operation, Answer>
  readonly #limit: number
  readonly #answered: bigint
  readonly #tried = new Set<string>()
  #deepest: Placed<State>

  constructor(
    calls: readonly Call<Operation, Answer>[],
    model: SequentialModel<State, Operation, Answer>,
    limit: number,
  ) {
    this.#calls = calls.toSorted((one, other) => one.sentAt - other.sentAt)
    this.#model = model
    this.#limit = limit
    this.#answered = this.#calls.reduce(
      (bits, { answer }, index) => (answer === undefined ? bits : bits | bitOf(index)),
      0n,
    )
    this.#deepest = { state: model.initial, done: 0n, order: undefined }
  }

  run(): Linearizability<Operation, Answer> {
    const open: Placed<State>[] = [this.#deepest]
    for (let placed = open.pop(); placed !== undefined; placed = open.pop()) {
      if ((placed.done & this.#answered) === this.#answered)
        return { kind: 'linearizable', order: this.#callsOf(placed.order) }
      if (lengthOf(placed.order) > lengthOf(this.#deepest.order)) this.#deepest = placed
      for (const next of this.#nexts(placed)) {
        const key = `${next.done.toString(36)} ${this.#model.textOf(next.state)}`
        if (this.#tried.has(key)) continue
        if (this.#tried.size >= this.#limit) return { kind: 'undecided' }
        this.#tried.add(key)
        open.push(next)
      }
    }
    const stuck = this.#candidates(this.#deepest.done).map((index) => this.#call(index))
    return { kind: 'not-linearizable', order: this.#callsOf(this.#deepest.order), stuck }
  }

  *#nexts({ state, done, order }: Placed<State>): Generator<Placed<State>> {
    // The last pushed is looked at first: those sent first, as they mostly took effect.
    for (const index of this.#candidates(done).toReversed()) {
      const { operation, answer } = this.#call(index)
      const longer = { index, before: order, length: lengthOf(order) + 1 }
      for (const next of this.#model.step(state, operation, answer))
        yield { state: next, done: done | bitOf(index), order: longer }
    }
  }

  /** Those that may be next: sent before the first answer among all that are left. */
  #candidates(done: bigint): number[] {
    const left: number[] = []
    let firstAnswer = Infinity
    for (const [index, call] of this.#calls.entries()) {
      if ((done & bitOf(index)) !== 0n) continue
      // In order of sending: no later one can come before it either.
      if (call.sentAt > firstAnswer) break
      firstAnswer = Math.min(firstAnswer, call.answeredAt)
      left.push(index)
    }
    return left.filter((index) => this.#call(index).sentAt <= firstAnswer)
  }

  #call(index: number): Call<Operation, Answer> {
    const call = this.#calls[index]
    if (call === undefined) throw new Error(`there is no call ${index}`)
    return call
  }

  #callsOf(order: Order | undefined): Call<Operation, Answer>[] {
    const calls: Call<Operation, Answer>[] = []
    for (let at = order; at !== undefined; at = at.before) calls.push(this.#call(at.index))
    return calls.toReversed()
  }
}

function bitOf(index: number): bigint {
  return 1n << BigInt(index)
}

function lengthOf(order: Order | undefined): number {
  return order?.length ?? 0
}
