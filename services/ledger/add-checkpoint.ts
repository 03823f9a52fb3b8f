import { PlatformError } from '../model/index.ts'
import type { Hash } from './merkle.ts'

/** C2SP tlog-witness: no consistency proof is longer. */
const PROOF_LIMIT = 63

/** The body of `POST <prefix>/add-checkpoint`. */
export interface AddCheckpoint {
  /** The size that the witness is thought to have cosigned last. */
  readonly oldSize: number
  readonly proof: readonly Hash[]
  /** The signed checkpoint, a note. */
  readonly note: string
}

export function formatAddCheckpoint({ oldSize, proof, note }: AddCheckpoint): string {
  const lines = proof.map((hash) => `${Buffer.from(hash, 'hex').toString('base64')}\n`)
  return `old ${oldSize}\n${lines.join('')}\n${note}`
}

/** @throws PlatformError INVALID_PARAMETER where it is no such body; the note is not looked into */
export function parseAddCheckpoint(body: string): AddCheckpoint {
  const end = body.indexOf('\n\n')
  const [first = '', ...proof] = end < 0 ? [] : body.slice(0, end).split('\n')
  const oldSize = /^old (0|[1-9][0-9]{0,15})$/.exec(first)?.[1]
  if (oldSize === undefined || !Number.isSafeInteger(Number(oldSize)) || proof.length > PROOF_LIMIT)
    throw refuse()
  return { oldSize: Number(oldSize), proof: proof.map(parseHash), note: body.slice(end + 2) }
}

function parseHash(line: string): Hash {
  const bytes = Buffer.from(line, 'base64')
  if (bytes.length !== 32 || bytes.toString('base64') !== line) throw refuse()
  return bytes.toString('hex')
}

function refuse(): PlatformError {
  return new PlatformError('INVALID_PARAMETER', 'this is no add-checkpoint request')
}
