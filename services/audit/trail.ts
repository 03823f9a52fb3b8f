import {
  formatVerifierKey,
  noteKey,
  parseCheckpoint,
  type SignedCheckpoint,
} from '../ledger/index.ts'
import { PlatformError, systemPrincipal, type Clock } from '../model/index.ts'
import type { Keys, Signer } from '../keys/index.ts'
import type { Store, Writer } from '../store/index.ts'
import { Outbox } from '../webhooks/index.ts'
import { append, initLedger, nextPosition, type Appended, type NewEntry } from './append.ts'
import { checkAtStart } from './at-start.ts'
import type { Position } from './append.ts'
import { currentEpoch, ledgerKey } from './epochs.ts'
import { EMPTY_HEAD, findHead } from './head.ts'
import { ledgerRows, rootOfRows } from './ledger-rows.ts'
import { openOutside, openOutsideAt, type OutsideCheckpoint } from './outside.ts'
import { signCheckpoint } from './sign-checkpoint.ts'
import { checkAnnounced, findSuccession, succeed } from './succession.ts'

/** At most one checkpoint in this time; the last of a burst is signed at its end. */
const CHECKPOINT_INTERVAL_MS = 1_000

interface Log {
  error(fields: object, message: string): void
}

export interface AuditOptions {
  readonly store: Store
  readonly keys: Keys
  readonly clock: Clock
  readonly log: Log
  readonly dataDir: string
  /** A second place for the last checkpoint, where whoever rolls back the data directory does not reach it. */
  readonly checkpointDir?: string | undefined
  /** The name of a ledger that is made now; one that is there keeps its own. */
  readonly origin: string
  /** Where it is written who is to be told of entries, and who hears of commits. */
  readonly outbox?: Outbox
}

/** The ledger of a running service. */
export interface AuditTrail {
  readonly origin: string
  /** Its number: each key and each new beginning is a ledger of its own. */
  readonly epoch: number
  readonly publicKeyPem: string
  /** C2SP's form of the log's key: what to keep outside and give to `--log-key`. */
  readonly verifierKey: string
  /** Appends, and has a checkpoint signed a second later. @throws PlatformError INTERNAL (too large) */
  append(tx: Writer, entry: NewEntry): Promise<Appended>
  /** The index and time of the entry that this transaction appends. */
  nextPosition(tx: Writer, nowMs: number): Promise<Position>
  /** Something was committed: whoever is to be told is, and a checkpoint follows within a second. */
  wake(): void
  /**
   * Signs what is committed now, unless the last checkpoint covers it. Returns the last.
   * @throws PlatformError LEDGER_BROKEN, OUT_OF_SPACE
   */
  checkpoint(): Promise<SignedCheckpoint | undefined>
  /** The last checkpoint that was signed. */
  readonly last: SignedCheckpoint | undefined
  /** Calls after each new checkpoint. */
  onSigned(listener: () => void): void
  /** Signs the last checkpoint. */
  [Symbol.asyncDispose](): Promise<void>
}

/**
 * Opens the ledger, or makes it. One that does not extend the last checkpoints kept outside does not open; one that
 * ended by naming its successor is succeeded.
 * @throws PlatformError LEDGER_BROKEN
 */
export async function openAudit(options: AuditOptions): Promise<AuditTrail> {
  const { store } = options
  const trail = await openTrail(options)
  const succession = await store.snapshot(findSuccession)
  if (succession === undefined) return trail
  // Whoever can write the database can announce; he has no key of ours to announce.
  await store.snapshot((reader) => checkAnnounced(reader, succession, trail.epoch + 1))
  await options.keys.signer(ledgerKey(trail.epoch + 1))
  const checkpoint = await trail.checkpoint()
  await trail[Symbol.asyncDispose]()
  await store.transaction((tx) =>
    succeed(tx, { succession, checkpoint, epoch: trail.epoch, atMs: options.clock.nowMs() }),
  )
  const next = await openTrail(options)
  await next.checkpoint()
  return next
}

async function openTrail(options: AuditOptions): Promise<StoredTrail> {
  const { store, keys, dataDir, checkpointDir } = options
  const own = openOutside(dataDir)
  const elsewhere = checkpointDir === undefined ? undefined : openOutsideAt(checkpointDir)
  const notes = { own: own.read(), elsewhere: elsewhere?.read() }
  const last = await store.snapshot((reader) => checkAtStart(reader, notes))
  const origin = await store.transaction((tx) => initLedger(tx, options.origin))
  const epoch = await currentEpoch(store.reader)
  const signer = await keys.signer(ledgerKey(epoch))
  const outside = elsewhere === undefined ? [own] : [own, elsewhere]
  return new StoredTrail(options, { outside, last, origin, epoch, signer })
}

/** The ledger entry of a key made at first use: `openKeys({ record: recordKey })`. */
export async function recordKey(tx: Writer, purpose: string, atMs: number): Promise<void> {
  const world = await tx.selectFrom('world').select('counter').executeTakeFirstOrThrow()
  const entry: NewEntry = {
    type: 'key.created',
    at: atMs,
    principal: systemPrincipal,
    action: 'lacre:CreateKey',
    resource: `key/${purpose}`,
    decision: null,
    world: world.counter,
    touched: [{ table: 'sealed_key', key: { purpose } }],
  }
  await append(tx, entry, new Outbox())
}

interface TrailParts {
  readonly outside: readonly OutsideCheckpoint[]
  readonly last: SignedCheckpoint | undefined
  readonly origin: string
  readonly epoch: number
  readonly signer: Signer
}

class StoredTrail implements AuditTrail {
  readonly origin: string
  readonly epoch: number
  readonly publicKeyPem: string
  readonly #options: AuditOptions
  readonly #parts: TrailParts
  readonly #outbox: Outbox
  readonly #stop = new AbortController()
  readonly #listeners: (() => void)[] = []
  #last: SignedCheckpoint | undefined
  #signing: Promise<SignedCheckpoint | undefined> | undefined
  #scheduled: Promise<void> | undefined

  constructor(options: AuditOptions, parts: TrailParts) {
    this.origin = parts.origin
    this.epoch = parts.epoch
    this.publicKeyPem = parts.signer.publicKeyPem
    this.#options = options
    this.#parts = parts
    this.#outbox = options.outbox ?? new Outbox()
    this.#last = parts.last
  }

  get verifierKey(): string {
    return formatVerifierKey(noteKey(this.origin, this.publicKeyPem))
  }

  get last(): SignedCheckpoint | undefined {
    return this.#last
  }

  onSigned(listener: () => void): void {
    this.#listeners.push(listener)
  }

  append(tx: Writer, entry: NewEntry): Promise<Appended> {
    // The checkpoint is of what is committed when its time has come, this entry or not.
    this.#schedule()
    return append(tx, entry, this.#outbox)
  }

  nextPosition(tx: Writer, nowMs: number): Promise<Position> {
    return nextPosition(tx, nowMs)
  }

  wake(): void {
    this.#outbox.committed()
    this.#schedule()
  }

  #schedule(): void {
    if (this.#stop.signal.aborted) return
    this.#scheduled ??= this.#later().finally(() => (this.#scheduled = undefined))
  }

  async #later(): Promise<void> {
    const { clock, log } = this.#options
    try {
      await clock.sleep(CHECKPOINT_INTERVAL_MS, this.#stop.signal)
      await this.checkpoint()
    } catch (error) {
      if (!this.#stop.signal.aborted) log.error({ err: error }, 'no checkpoint could be signed')
    }
  }

  async checkpoint(): Promise<SignedCheckpoint | undefined> {
    // One after the other: the larger size is signed last.
    while (this.#signing !== undefined) await this.#signing.catch(() => undefined)
    this.#signing = this.#sign()
    try {
      return await this.#signing
    } finally {
      this.#signing = undefined
    }
  }

  async #sign(): Promise<SignedCheckpoint | undefined> {
    const { store, clock } = this.#options
    const last = this.#last
    const { size, root } = await store.snapshot(async (reader) => {
      const { size, root } = (await findHead(reader)) ?? EMPTY_HEAD
      const rows = ledgerRows(reader)
      // The tree that is signed contains the one signed before, or nothing is.
      if (last !== undefined && (await rootOfRows(rows, last.size)) !== last.root)
        throw new PlatformError('LEDGER_BROKEN', 'the ledger does not extend its last checkpoint')
      if ((await rootOfRows(rows, size)) !== root)
        throw new PlatformError('LEDGER_BROKEN', 'the head of the ledger does not fit its entries')
      return { size, root }
    })
    if (last !== undefined && size < last.size)
      throw new PlatformError('LEDGER_BROKEN', 'the ledger is shorter than its last checkpoint')
    if (size === (last?.size ?? 0)) return last
    const note = signCheckpoint(this.#parts.signer, { origin: this.origin, size, root })
    // Outside first: a row about a checkpoint that nobody outside has would be no use.
    for (const place of this.#parts.outside) await place.write(note)
    this.#last = parseCheckpoint(note)
    await store.transaction((tx) =>
      tx
        .insertInto('ledger_checkpoint')
        .values({ size, note, at: clock.nowMs() })
        .onConflict((conflict) => conflict.column('size').doNothing())
        .execute(),
    )
    for (const listener of this.#listeners) listener()
    return this.#last
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort()
    await this.#scheduled
    await this.checkpoint().catch((error: unknown) =>
      this.#options.log.error({ err: error }, 'no checkpoint could be signed'),
    )
  }
}
