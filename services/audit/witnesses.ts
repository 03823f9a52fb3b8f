import {
  consistencyProof,
  cosignedAt,
  formatAddCheckpoint,
  formatSignatureLine,
  parseNote,
  parseVerifierKey,
  type NoteKey,
} from '../ledger/index.ts'
import type { Clock } from '../model/index.ts'
import type { Store } from '../store/index.ts'
import { cosignedSize, insertCosignature } from './cosignatures.ts'
import { ledgerRows, nodeReaderOf, type KeptCheckpoint } from './ledger-rows.ts'
import type { AuditTrail } from './trail.ts'

/** A witness that the operator names: its verifier key (tlog-cosignature, Ed25519), and the URL it answers below. */
export interface WitnessConfig {
  readonly key: string
  readonly url: string
}

/** What a witness answered. */
export interface WitnessAnswer {
  readonly status: number
  readonly contentType: string
  readonly body: string
}

/** Posts a body to a URL. @throws PlatformError UNAVAILABLE */
export type AskWitness = (url: string, body: string) => Promise<WitnessAnswer>

interface Log {
  warn(fields: object, message: string): void
  error(fields: object, message: string): void
}

export interface WitnessOptions {
  readonly store: Store
  readonly audit: Pick<AuditTrail, 'onSigned'>
  readonly clock: Clock
  readonly log: Log
  readonly witnesses: readonly WitnessConfig[]
  readonly ask: AskWitness
}

/** What is known of a witness. */
export interface WitnessStanding {
  readonly name: string
  /** The largest checkpoint of this ledger that it cosigned. */
  readonly cosignedSize: number
  /** Why it has not cosigned the newest one. */
  readonly fault: string | null
}

/** One that did not answer is asked again after this time, or with the next checkpoint. */
const RETRY_MS = 30_000
const SIZE_TYPE = 'text/x.tlog.size'

interface Witness extends WitnessConfig {
  readonly noteKey: NoteKey
}

/** C2SP tlog-witness, as its client: every new checkpoint is shown to the witnesses, and what they sign is kept. */
export class Witnesses implements AsyncDisposable {
  readonly #options: WitnessOptions
  readonly #witnesses: readonly Witness[]
  readonly #faults = new Map<string, string>()
  readonly #stop = new AbortController()
  #running: Promise<void> | undefined
  #asked = false
  #retry: Promise<void> | undefined

  constructor(options: WitnessOptions) {
    this.#options = options
    this.#witnesses = options.witnesses.map(({ key, url }) => ({
      key,
      url,
      noteKey: parseVerifierKey(key, 'cosignature'),
    }))
  }

  /** Asks now, and after each checkpoint. */
  start(): void {
    if (this.#witnesses.length === 0) return
    this.#options.audit.onSigned(() => this.#wake())
    this.#wake()
  }

  async standing(): Promise<WitnessStanding[]> {
    const { reader } = this.#options.store
    return await Promise.all(
      this.#witnesses.map(async ({ key, noteKey }) => ({
        name: noteKey.name,
        cosignedSize: await cosignedSize(reader, key),
        fault: this.#faults.get(key) ?? null,
      })),
    )
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort()
    await this.#running
    await this.#retry
  }

  #wake(): void {
    this.#asked = true
    if (this.#stop.signal.aborted) return
    this.#running ??= this.#run().finally(() => (this.#running = undefined))
  }

  /** One round at a time; what is signed meanwhile is for the next. */
  async #run(): Promise<void> {
    while (this.#asked && !this.#stop.signal.aborted) {
      this.#asked = false
      await Promise.all(this.#witnesses.map((witness) => this.#show(witness)))
      if (this.#faults.size > 0) this.#retry ??= this.#later()
    }
  }

  async #later(): Promise<void> {
    await this.#options.clock.sleep(RETRY_MS, this.#stop.signal).catch(() => undefined)
    this.#retry = undefined
    this.#wake()
  }

  async #show(witness: Witness): Promise<void> {
    const { store, log } = this.#options
    const fields = { witness: witness.noteKey.name }
    try {
      const [checkpoint, cosigned] = await store.snapshot(async (reader) => [
        await ledgerRows(reader).checkpoint(),
        await cosignedSize(reader, witness.key),
      ])
      if (checkpoint === undefined) return
      const fault =
        cosigned === checkpoint.size ? undefined : await this.#ask(witness, checkpoint, cosigned)
      if (fault === undefined) return void this.#faults.delete(witness.key)
      this.#faults.set(witness.key, fault)
      log.error({ ...fields, size: checkpoint.size, fault }, 'a witness does not cosign')
    } catch (error) {
      this.#faults.set(witness.key, 'it cannot be asked')
      log.warn({ ...fields, err: error }, 'a witness cannot be asked')
    }
  }

  /** Why it did not cosign; undefined where it did. */
  async #ask(
    witness: Witness,
    checkpoint: KeptCheckpoint,
    oldSize: number,
  ): Promise<string | undefined> {
    const first = await this.#post(witness, checkpoint, oldSize)
    const seen = conflictSize(first)
    if (seen === undefined || seen === oldSize) return await this.#keep(witness, checkpoint, first)
    // What it has seen was signed by the ledger: a larger one was cut off or rolled back, or there are two.
    if (seen > checkpoint.size)
      return `it has seen this ledger with ${seen} entries: the ledger was cut off or rolled back, or there are two`
    return await this.#keep(witness, checkpoint, await this.#post(witness, checkpoint, seen))
  }

  async #post(
    witness: Witness,
    { size, note }: KeptCheckpoint,
    oldSize: number,
  ): Promise<WitnessAnswer> {
    const proof = await this.#options.store.snapshot((reader) =>
      consistencyProof(nodeReaderOf(ledgerRows(reader)), oldSize, size),
    )
    const body = formatAddCheckpoint({ oldSize, proof, note })
    return await this.#options.ask(`${witness.url}/add-checkpoint`, body)
  }

  async #keep(
    witness: Witness,
    { size, note }: KeptCheckpoint,
    answer: WitnessAnswer,
  ): Promise<string | undefined> {
    if (answer.status === 409) return 'it has seen another ledger of this name and size'
    if (answer.status !== 200) return `it answers ${answer.status}`
    const line = ownLine(note, answer.body, witness.noteKey)
    if (line === undefined) return 'its cosignature does not verify'
    await this.#options.store.transaction((tx) =>
      insertCosignature(tx, { size, witness: witness.key, line }),
    )
    return undefined
  }
}

function conflictSize({ status, contentType, body }: WitnessAnswer): number | undefined {
  if (status !== 409 || contentType.split(';')[0]?.trim() !== SIZE_TYPE) return undefined
  const match = /^(0|[1-9][0-9]{0,14})\n$/.exec(body)
  return match === null ? undefined : Number(match[1])
}

/** The witness's line, where the answer has one that verifies; lines by other keys are passed over. */
function ownLine(note: string, lines: string, key: NoteKey): string | undefined {
  try {
    const signed = parseNote(note + lines)
    const { name, id } = key
    const own = signed.signatures.find((one) => one.name === name && one.id === id)
    return own === undefined || cosignedAt(signed, key) === undefined
      ? undefined
      : formatSignatureLine(own)
  } catch {
    return undefined
  }
}
