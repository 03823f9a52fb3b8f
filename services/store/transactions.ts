import assert from 'node:assert/strict'

import {
  Transaction,
  type ConnectionProvider,
  type DatabaseConnection,
  type KyselyProps,
} from 'kysely'

import { PlatformError } from '../model/index.ts'

import type { SqliteConnection } from './connection.ts'
import type { Schema } from './schema.ts'

/** Pieces of work in one commit. */
const BATCH_LIMIT = 256
/** How long others may join a commit: whoever was first waits for it. */
const BATCH_MS = 20

interface Piece {
  readonly work: (tx: Transaction<Schema>) => Promise<unknown>
  readonly resolve: (value: never) => void
  readonly reject: (error: unknown) => void
}

type Outcome =
  | { readonly kind: 'done'; readonly value: unknown }
  | { readonly kind: 'refused'; readonly error: unknown }

interface Attempted {
  readonly piece: Piece
  readonly outcome: Outcome
}

/**
 * The one writer. Pieces of work are done one after the other, in the order they came; what comes while one is written
 * joins its commit, and so its fsync. Each is done whole or not at all, whatever becomes of those beside it. Nobody is
 * answered before the commit is on the disk, nor is whoever was refused: it may be for what is written there.
 */
export class Transactions {
  readonly #connection: SqliteConnection
  readonly #base: KyselyProps
  readonly #waiting: Piece[] = []
  #writing: Promise<void> | undefined

  constructor(connection: SqliteConnection, base: KyselyProps) {
    this.#connection = connection
    this.#base = base
  }

  /** As `work` does, once that is on the disk; nothing of it is there where this rejects. */
  run<T>(work: (tx: Transaction<Schema>) => Promise<T>): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      this.#waiting.push({ work, resolve, reject })
      this.#writing ??= this.#write()
    })
  }

  /** Until all that was asked for is written or refused. */
  async drain(): Promise<void> {
    while (this.#writing !== undefined) await this.#writing
  }

  async #write(): Promise<void> {
    for (let first = this.#waiting.shift(); first !== undefined; first = this.#waiting.shift())
      await this.#writeFrom(first)
    this.#writing = undefined
  }

  /** One transaction: that piece, and what joins it. */
  async #writeFrom(first: Piece): Promise<void> {
    const attempted: Attempted[] = []
    try {
      this.#connection.run('begin immediate')
      const untilMs = performance.now() + BATCH_MS
      let next: Piece | undefined = first
      while (next !== undefined) {
        const outcome = await this.#attempt(next, attempted.length > 0)
        attempted.push({ piece: next, outcome })
        this.#checkOpen(outcome)
        // Whoever is refused first has the transaction to himself: it is undone, and others begin their own.
        const isOver = outcome.kind === 'refused' && attempted.length === 1
        const isFull = attempted.length >= BATCH_LIMIT || performance.now() > untilMs
        next = isOver || isFull ? undefined : this.#waiting.shift()
      }
      const [only] = attempted
      if (attempted.length === 1 && only?.outcome.kind === 'refused') this.#undo()
      else this.#connection.run('commit')
      for (const { piece, outcome } of attempted) tell(piece, outcome)
    } catch (error) {
      this.#undo()
      const pieces = attempted.length === 0 ? [first] : attempted.map(({ piece }) => piece)
      const lost = pieces.length === 1 ? error : toLost(error)
      for (const piece of pieces) tell(piece, { kind: 'refused', error: lost })
    }
  }

  /** The first needs no savepoint: all that is written by then is its own. */
  async #attempt({ work }: Piece, beside: boolean): Promise<Outcome> {
    if (beside) this.#connection.run('savepoint piece')
    const span = new Span(this.#connection)
    const executor = this.#base.executor.withConnectionProvider(span)
    try {
      const value = await work(new Transaction<Schema>({ ...this.#base, executor }))
      if (beside) this.#connection.run('release piece')
      return { kind: 'done', value }
    } catch (error) {
      if (beside && this.#connection.db.inTransaction) {
        this.#connection.run('rollback to piece')
        this.#connection.run('release piece')
      }
      return { kind: 'refused', error }
    } finally {
      span.end()
    }
  }

  /** A full or failing disk makes SQLite undo the whole by itself: what stood beside it is gone, too. */
  #checkOpen(outcome: Outcome): void {
    if (this.#connection.db.inTransaction) return
    throw outcome.kind === 'refused' ? outcome.error : undone()
  }

  #undo(): void {
    // A full disk makes SQLite roll back by itself; a second rollback would hide the first error.
    if (this.#connection.db.inTransaction) this.#connection.run('rollback')
  }
}

function tell({ resolve, reject }: Piece, outcome: Outcome): void {
  if (outcome.kind === 'done') resolve(outcome.value as never)
  else reject(outcome.error)
}

/** What those are told who wrote nothing wrong and are undone with others. */
function toLost(cause: unknown): PlatformError {
  if (cause instanceof PlatformError) return cause
  return new PlatformError('UNAVAILABLE', 'the change was undone with others beside it', { cause })
}

function undone(): PlatformError {
  return new PlatformError('OUT_OF_SPACE', 'the service cannot write its data at the moment')
}

/** The writer's connection for as long as one piece lasts: a query that was not waited for finds it closed. */
class Span implements ConnectionProvider {
  readonly #connection: SqliteConnection
  #ended = false

  constructor(connection: SqliteConnection) {
    this.#connection = connection
  }

  end(): void {
    this.#ended = true
  }

  async provideConnection<T>(consumer: (connection: DatabaseConnection) => Promise<T>): Promise<T> {
    assert(!this.#ended, 'a query came after the end of its transaction')
    // Without this, what follows an undone transaction would be written outside of one.
    if (!this.#connection.db.inTransaction) throw undone()
    return await consumer(this.#connection)
  }
}
