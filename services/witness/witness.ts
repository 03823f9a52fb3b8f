import {
  EMPTY_ROOT,
  cosignedText,
  encodeCosignature,
  formatSignatureLine,
  isSignedBy,
  noteKey,
  parseAddCheckpoint,
  parseCheckpoint,
  verifyConsistency,
  type AddCheckpoint,
  type NoteKey,
  type SignedCheckpoint,
} from '../ledger/index.ts'
import type { Signer } from '../keys/index.ts'
import { PlatformError, type Clock } from '../model/index.ts'

/** Where the last checkpoint that was cosigned of one log lies. */
export interface WitnessMemory {
  /** A signed note; undefined where there was none. @throws PlatformError LEDGER_BROKEN */
  read(): string | undefined
  /** On the disk itself when it resolves. @throws PlatformError OUT_OF_SPACE */
  write(note: string): Promise<void>
}

export interface WitnessOptions {
  /** Schema-less URL, as cosignatures carry it. */
  readonly name: string
  readonly signer: Signer
  readonly clock: Clock
  /** Keys of the logs that are known; a key's name is the origin of its log. */
  readonly logs: readonly NoteKey[]
  readonly memory: (origin: string) => WitnessMemory
}

/** As HTTP says it. */
export interface WitnessReply {
  readonly status: 200 | 400 | 403 | 404 | 409 | 422
  readonly contentType: 'text/plain; charset=utf-8' | 'text/x.tlog.size'
  readonly body: string
}

export class Witness {
  readonly key: NoteKey
  readonly #options: WitnessOptions
  /** What is compared and what is written are one step: the next request waits. */
  #turn: Promise<unknown> = Promise.resolve()

  constructor(options: WitnessOptions) {
    this.#options = options
    this.key = noteKey(options.name, options.signer.publicKeyPem, 'cosignature')
  }

  /** `POST <prefix>/add-checkpoint`. @throws PlatformError LEDGER_BROKEN, OUT_OF_SPACE; nothing is signed then */
  async addCheckpoint(body: string): Promise<WitnessReply> {
    const asked = parse(body)
    if (asked === undefined) return say(400, 'this is no add-checkpoint request')
    const { request, checkpoint } = asked
    const keys = this.#options.logs.filter(({ name }) => name === checkpoint.origin)
    if (keys.length === 0) return say(404, 'the log is not known here')
    if (!keys.some((key) => isSignedBy(checkpoint.note, key)))
      return say(403, 'no known key of the log signed the checkpoint')
    if (request.oldSize > checkpoint.size)
      return say(400, 'the old size is larger than that of the checkpoint')
    const turn = this.#turn.then(() => this.#judge(request, checkpoint))
    this.#turn = turn.catch(() => undefined)
    return await turn
  }

  async #judge(request: AddCheckpoint, checkpoint: SignedCheckpoint): Promise<WitnessReply> {
    const memory = this.#options.memory(checkpoint.origin)
    const last = lastOf(memory, checkpoint.origin)
    if (request.oldSize !== last.size) return conflict(last.size)
    if (checkpoint.size === last.size && checkpoint.root !== last.root) return conflict(last.size)
    const consistent = verifyConsistency({
      first: last.size,
      second: checkpoint.size,
      firstRoot: last.root,
      secondRoot: checkpoint.root,
      proof: request.proof,
    })
    if (!consistent) return say(422, 'the checkpoint does not extend the one cosigned last')
    // Remembered first: what was signed and forgotten could be contradicted.
    await memory.write(request.note)
    return { ...say(200, ''), body: this.#cosign(checkpoint) }
  }

  #cosign(checkpoint: SignedCheckpoint): string {
    const { signer, clock } = this.#options
    const seconds = Math.floor(clock.nowMs() / 1_000)
    const signature = signer.sign(Buffer.from(cosignedText(checkpoint.note.text, seconds)))
    const { name, id } = this.key
    return formatSignatureLine({ name, id, bytes: encodeCosignature(seconds, signature) })
  }
}

function parse(
  body: string,
): { readonly request: AddCheckpoint; readonly checkpoint: SignedCheckpoint } | undefined {
  try {
    const request = parseAddCheckpoint(body)
    return { request, checkpoint: parseCheckpoint(request.note) }
  } catch (error) {
    if (error instanceof PlatformError) return undefined
    throw error
  }
}

/** What cannot be read is no empty memory: nothing is signed over it. */
function lastOf(memory: WitnessMemory, origin: string): { size: number; root: string } {
  const note = memory.read()
  if (note === undefined) return { size: 0, root: EMPTY_ROOT }
  try {
    const last = parseCheckpoint(note)
    if (last.origin === origin) return last
  } catch (cause) {
    throw broken(cause)
  }
  throw broken()
}

function broken(cause?: unknown): PlatformError {
  const message = 'what was cosigned last cannot be read'
  return new PlatformError('LEDGER_BROKEN', message, { cause })
}

function say(status: WitnessReply['status'], text: string): WitnessReply {
  return { status, contentType: 'text/plain; charset=utf-8', body: `${text}\n` }
}

function conflict(size: number): WitnessReply {
  return { status: 409, contentType: 'text/x.tlog.size', body: `${size}\n` }
}
