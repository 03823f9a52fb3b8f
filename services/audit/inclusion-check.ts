import {
  isSignedBy,
  leafHash,
  parseNote,
  parseVerifierKey,
  verifyInclusion,
} from '../ledger/index.ts'
import type { InclusionAnswer } from './published.ts'

/** What a proof of inclusion comes to, by its own parts and one key alone. */
export interface InclusionFinding {
  /** The leaf lies in the tree of the root. */
  readonly included: boolean
  /** The checkpoint of that root is signed by the key. */
  readonly signed: boolean
}

/** The mathematics of an answer of `readInclusion`; nothing is read. */
export function checkInclusion(
  answer: Pick<InclusionAnswer, 'index' | 'body' | 'proof'> & {
    readonly checkpoint: Pick<InclusionAnswer['checkpoint'], 'size' | 'root' | 'note'>
  },
  verifierKey: string,
): InclusionFinding {
  const { index, body, proof, checkpoint } = answer
  const { size, root, note } = checkpoint
  const signed = parseNote(note)
  const [, said = '', saidRoot = ''] = signed.text.split('\n')
  const names = said === String(size) && Buffer.from(saidRoot, 'base64').toString('hex') === root
  return {
    included: verifyInclusion({ index, size, root, proof, leafHash: leafHash(Buffer.from(body)) }),
    signed: names && isSignedBy(signed, parseVerifierKey(verifierKey)),
  }
}
