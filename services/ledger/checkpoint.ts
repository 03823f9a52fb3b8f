import { PlatformError } from '../model/index.ts'
import type { Hash } from './merkle.ts'
import { parseNote, type SignedNote } from './signed-note.ts'

/** C2SP tlog-checkpoint: what a log says of itself at one size. */
export interface Checkpoint {
  readonly origin: string
  readonly size: number
  readonly root: Hash
}

export interface SignedCheckpoint extends Checkpoint {
  readonly note: SignedNote
}

/** The text that is signed: origin, size and root, a line each. */
export function formatCheckpoint(checkpoint: Checkpoint): string {
  const root = Buffer.from(checkpoint.root, 'hex').toString('base64')
  return `${checkpoint.origin}\n${checkpoint.size}\n${root}\n`
}

/** Extension lines of others are allowed and say nothing to us. @throws PlatformError INVALID_PARAMETER */
export function parseCheckpoint(note: string): SignedCheckpoint {
  const signed = parseNote(note)
  return { ...parseCheckpointText(signed.text), note: signed }
}

/** What is signed, by itself. @throws PlatformError INVALID_PARAMETER */
export function parseCheckpointText(text: string): Checkpoint {
  const [origin = '', size = '', root = ''] = text.split('\n')
  const hash = Buffer.from(root, 'base64')
  const sound =
    origin !== '' &&
    /^(0|[1-9][0-9]{0,15})$/.test(size) &&
    Number.isSafeInteger(Number(size)) &&
    hash.length === 32 &&
    hash.toString('base64') === root
  if (!sound) throw new PlatformError('INVALID_PARAMETER', 'this is no checkpoint of a log')
  return { origin, size: Number(size), root: hash.toString('hex') }
}
