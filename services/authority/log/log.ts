import { createHash, createPublicKey } from 'node:crypto'

import {
  formatCheckpoint,
  formatNote,
  inclusionProof,
  isSignedBy,
  noteKey,
  parseCheckpoint,
  type Hash,
  type NoteKey,
} from '../../ledger/index.ts'
import type { Signer } from '../../keys/index.ts'
import { PlatformError } from '../../model/index.ts'
import type { Reader, Store } from '../../store/index.ts'
import { refuse } from '../refusal.ts'
import { appendBodies, initLog, readHead, readNode, rootAt, type Place } from './rows.ts'

/** Entries that one transaction takes. */
const BATCH_LIMIT = 256
/** Entries that may wait; whoever comes then is told to come again. */
const WAITING_LIMIT = 4_096

/** The last checkpoint signed, kept outside the database: what shows that a tail was cut off (RULES §6). */
export interface OutsideCheckpoint {
  read(): string | undefined
  /** On the disk itself when it resolves. @throws PlatformError OUT_OF_SPACE */
  write(note: string): Promise<void>
}

export interface LogOptions {
  readonly store: Store
  readonly signer: Signer
  readonly outside: OutsideCheckpoint
  /** The name of a log that is made now; one that is there keeps its own. */
  readonly origin: string
}

export interface Included {
  readonly index: number
  readonly size: number
  readonly root: Hash
  readonly proof: readonly Hash[]
  /** The signed note. */
  readonly checkpoint: string
}

interface SignedHead {
  readonly size: number
  readonly root: Hash
  readonly note: string
}

interface Waiting {
  readonly body: string
  resolve(included: Included): void
  reject(error: unknown): void
}

/**
 * Opens the log, or makes it. One that does not extend the last checkpoint kept outside does not open.
 * @throws PlatformError LEDGER_BROKEN, OUT_OF_SPACE
 */
export async function openLog(options: LogOptions): Promise<TransparencyLog> {
  const { store, signer, outside } = options
  const { origin } = await store.transaction((tx) => initLog(tx, options.origin))
  const key = noteKey(origin, signer.publicKeyPem)
  const last = outside.read()
  const head = last === undefined ? undefined : await checkAtStart(store, key, last)
  const log = new TransparencyLog(options, key, head)
  // Entries committed behind the last checkpoint by a process that was killed get one now.
  await log.publish()
  return log
}

/** RULES §6: the tree contains the one last signed, or the log stays shut. */
async function checkAtStart(store: Store, key: NoteKey, note: string): Promise<SignedHead> {
  const broken = (message: string): PlatformError => new PlatformError('LEDGER_BROKEN', message)
  const { origin, size, root, note: signed } = parseCheckpoint(note)
  if (origin !== key.name || !isSignedBy(signed, key))
    throw broken('the last checkpoint is not of this log')
  return await store.snapshot(async (reader) => {
    const head = await readHead(reader)
    if (head.size < size) throw broken('the log is shorter than its last checkpoint')
    if ((await rootAt(reader, size)) !== root)
      throw broken('the log does not extend its last checkpoint')
    if ((await rootAt(reader, head.size)) !== head.root)
      throw broken('the head of the log was changed in the database')
    return { size, root, note }
  })
}

/** The authority's log: entries go in in batches, and are acknowledged under a checkpoint that holds them. */
export class TransparencyLog implements AsyncDisposable {
  readonly origin: string
  /** The checkpoint key id in full, as Rekor v2 names a log. */
  readonly logId: Buffer
  readonly publicKeyDer: Buffer
  readonly #options: LogOptions
  readonly #key: NoteKey
  readonly #waiting: Waiting[] = []
  #head: SignedHead | undefined
  #running: Promise<void> | undefined
  #closed = false

  constructor(options: LogOptions, key: NoteKey, head: SignedHead | undefined) {
    const publicKey = createPublicKey(options.signer.publicKeyPem)
    this.origin = key.name
    this.publicKeyDer = publicKey.export({ format: 'der', type: 'spki' })
    this.logId = logIdOf(key.name, this.publicKeyDer)
    this.#options = options
    this.#key = key
    this.#head = head
  }

  /** The last checkpoint, once there is one. */
  get checkpoint(): SignedHead | undefined {
    return this.#head
  }

  get reader(): Reader {
    return this.#options.store.reader
  }

  /**
   * Resolves when the entry is on the disk and a checkpoint that holds it, too.
   * @throws PlatformError RESOURCE_CONFLICT (logged before, `detail.index`), UNAVAILABLE, OUT_OF_SPACE
   */
  async add(body: string): Promise<Included> {
    if (this.#closed || this.#waiting.length >= WAITING_LIMIT)
      throw refuse('log-busy', 'the log takes no more entries now', { code: 'UNAVAILABLE' })
    return await new Promise((resolve, reject) => {
      this.#waiting.push({ body, resolve, reject })
      this.#running ??= this.#run().finally(() => (this.#running = undefined))
    })
  }

  async #run(): Promise<void> {
    while (this.#waiting.length > 0) {
      const batch = this.#waiting.splice(0, BATCH_LIMIT)
      try {
        await this.#integrate(batch)
      } catch (error) {
        for (const one of batch) one.reject(error)
      }
    }
  }

  async #integrate(batch: readonly Waiting[]): Promise<void> {
    const bodies = batch.map(({ body }) => body)
    const places = await this.#options.store.transaction((tx) => appendBodies(tx, bodies))
    const head = await this.publish()
    // Rows of a tree never change: what is read twice in a batch is read once.
    const nodes = new Map<string, Promise<Hash>>()
    const read = (level: number, index: number): Promise<Hash> => {
      const name = `${level}/${index}`
      const found = nodes.get(name) ?? readNode(this.reader, level, index)
      nodes.set(name, found)
      return found
    }
    for (const [at, waiting] of batch.entries()) {
      const place = places[at]
      if (place === undefined)
        waiting.reject(new PlatformError('INTERNAL', 'an entry has no place'))
      else if (place.duplicate) waiting.reject(duplicate(place))
      else
        waiting.resolve({
          index: place.index,
          size: head.size,
          root: head.root,
          proof: await inclusionProof(read, place.index, head.size),
          checkpoint: head.note,
        })
    }
  }

  /** Signs what is committed, never a smaller tree than before; outside first, so that nobody is shown what is not kept. */
  async publish(): Promise<SignedHead> {
    const { store, outside, signer } = this.#options
    const last = this.#head
    const { size, root } = await store.snapshot(async (reader) => {
      const head = await readHead(reader)
      if (last !== undefined && head.size < last.size)
        throw new PlatformError('LEDGER_BROKEN', 'the log is shorter than its last checkpoint')
      return head
    })
    if (last?.size === size) return last
    const text = formatCheckpoint({ origin: this.origin, size, root })
    const bytes = signer.sign(Buffer.from(text))
    const note = formatNote(text, [{ name: this.#key.name, id: this.#key.id, bytes }])
    await outside.write(note)
    this.#head = { size, root, note }
    return this.#head
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closed = true
    await this.#running
  }
}

/** C2SP signed-note: SHA-256(name, line feed, 0x01, key), not cut short. */
export function logIdOf(origin: string, publicKeyDer: Uint8Array): Buffer {
  const raw = Buffer.from(publicKeyDer).subarray(-32)
  return createHash('sha256').update(`${origin}\n`).update(Buffer.of(1)).update(raw).digest()
}

/** As Rekor v2 says it, with the index of the entry that is there. */
function duplicate({ index }: Place): PlatformError {
  return new PlatformError(
    'RESOURCE_CONFLICT',
    `an equivalent entry already exists in the transparency log with index ${index}`,
    { detail: { reason: 'duplicate-entry', index } },
  )
}
