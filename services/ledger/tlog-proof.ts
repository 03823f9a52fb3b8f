import { PlatformError } from '../model/index.ts'
import { parseCheckpoint, type SignedCheckpoint } from './checkpoint.ts'
import type { Hash } from './merkle.ts'

const HEADER = 'c2sp.org/tlog-proof@v1'
/** Hashes of a path: a tree of 2^53 leaves has no longer one. */
const PATH_LIMIT = 53

/** C2SP tlog-proof: an entry's place in a log, with all that a client needs to see it offline. */
export interface TlogProof {
  readonly index: number
  readonly proof: readonly Hash[]
  readonly checkpoint: SignedCheckpoint
}

/** `note` is the checkpoint, byte for byte. No extra data: it would be authenticated by nothing. */
export function formatTlogProof(index: number, proof: readonly Hash[], note: string): string {
  const hashes = proof.map((hash) => `${Buffer.from(hash, 'hex').toString('base64')}\n`)
  return `${HEADER}\nindex ${index}\n${hashes.join('')}\n${note}`
}

/** @throws PlatformError INVALID_PARAMETER */
export function parseTlogProof(text: string): TlogProof {
  const split = text.indexOf('\n\n')
  const [header, place = '', ...hashes] = text.slice(0, Math.max(split, 0)).split('\n')
  const index = /^index (0|[1-9][0-9]{0,15})$/.exec(place)?.[1]
  if (header !== HEADER || index === undefined || hashes.length > PATH_LIMIT) throw refuse()
  if (!Number.isSafeInteger(Number(index))) throw refuse()
  return {
    index: Number(index),
    proof: hashes.map(parseHash),
    checkpoint: parseCheckpoint(text.slice(split + 2)),
  }
}

function parseHash(text: string): Hash {
  const bytes = Buffer.from(text, 'base64')
  if (bytes.length !== 32 || bytes.toString('base64') !== text) throw refuse()
  return bytes.toString('hex')
}

function refuse(): PlatformError {
  return new PlatformError('INVALID_PARAMETER', 'this is no proof of a log (C2SP tlog-proof)')
}
