import assert from 'node:assert/strict'
import { AsyncResource } from 'node:async_hooks'
import { setImmediate as turn } from 'node:timers/promises'

import {
  Transaction,
  type ConnectionProvider,
  type DatabaseConnection,
  type KyselyProps,
} from 'kysely'

import { PlatformError, type ErrorCode } from '../model/index.ts'

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
  #commits = 0

  constructor(connection: SqliteConnection, base: KyselyProps) {
    this.#connection = connection
    this.#base = base
  }

  /** Commits that were made so far. */
  get commits(): number {
    return this.#commits
  }

  /** As `work` does, once that is on the disk; nothing of it is there where this rejects. */
  run<T>(work: (tx: Transaction<Schema>) => Promise<T>): Promise<T> {
    // What is around a piece, as its trace, is its caller's, whoever began the commit. (`AsyncResource.bind` makes two
    // deprecated properties at each call, which takes longer than all the rest of it.)
    const around = new AsyncResource('lacre.transaction')
    return new Promise<T>((resolve, reject) => {
      const inIt = (tx: Transaction<Schema>): Promise<T> =>
        around.runInAsyncScope(work, undefined, tx)
      this.#waiting.push({ work: inIt, resolve, reject })
      this.#writing ??= this.#write()
    })
  }

  /** Until all that was asked for is written or refused. */
  async drain(): Promise<void> {
    while (this.#writing !== undefined) await this.#writing
  }

  async #write(): Promise<void> {
    // A turn of the event loop: requests that have arrived by then share the commit, and others are answered in between.
    for (await turn(); this.#waiting.length > 0; await turn()) {
      const first = this.#waiting.shift()
      if (first !== undefined) await this.#writeFrom(first)
    }
    this.#writing = undefined
  }

  /** One transaction: that piece, and what joins it. Never rejects: nobody would be written after it. */
  async #writeFrom(first: Piece): Promise<void> {
    const attempted: Attempted[] = []
    let next: Piece | undefined = first
    try {
      this.#undo()
      this.#connection.run('begin immediate')
      const untilMs = performance.now() + BATCH_MS
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
      else this.#commit()
      for (const { piece, outcome } of attempted) tell(piece, outcome)
    } catch (error) {
      this.#tryUndo()
      const pieces = new Set(attempted.map(({ piece }) => piece))
      if (next !== undefined) pieces.add(next)
      // Nothing could be begun: whoever waits would wait for the same lock, one after the other.
      if (attempted.length === 0) for (const piece of this.#waiting.splice(0)) pieces.add(piece)
      const lost = pieces.size === 1 ? error : toLost(error)
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
      if (beside && this.#connection.db.inTransaction) this.#connection.run('release piece')
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

  #commit(): void {
    this.#connection.run('commit')
    this.#commits += 1
  }

  #tryUndo(): void {
    try {
      this.#undo()
    } catch {
      // What stays open is not committed: whoever comes next undoes it before he begins.
    }
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

/** What the disk and the lock do to everybody; anything else is said of one piece, and to no other. */
const OF_ALL: ReadonlySet<ErrorCode> = new Set(['OUT_OF_SPACE', 'UNAVAILABLE'])

/** What those are told who wrote nothing wrong and are undone with others. */
function toLost(cause: unknown): PlatformError {
  if (cause instanceof PlatformError && OF_ALL.has(cause.code)) return cause
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
