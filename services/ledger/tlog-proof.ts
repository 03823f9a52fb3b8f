import { PlatformError } from '../model/index.ts'
import type { Hash } from './merkle.ts'

const VERSION = 'c2sp.org/tlog-proof@v1'
/** A path in a tree of 2^63 leaves. */
const PROOF_LIMIT = 63

/** C2SP tlog-proof: an entry in the tree of a checkpoint. */
export interface TlogProof {
  readonly index: number
  readonly proof: readonly Hash[]
  /** The checkpoint, a signed note. */
  readonly note: string
  /** Whatever travels along; nothing but the leaf that it hashes to makes it believed. */
  readonly extra?: Uint8Array | undefined
}

export function formatTlogProof({ index, proof, note, extra }: TlogProof): string {
  const lines = [
    VERSION,
    ...(extra === undefined ? [] : [`extra ${Buffer.from(extra).toString('base64')}`]),
    `index ${index}`,
    ...proof.map((hash) => Buffer.from(hash, 'hex').toString('base64')),
  ]
  return `${lines.join('\n')}\n\n${note}`
}

export function isTlogProof(text: string): boolean {
  return text.startsWith(`${VERSION}\n`)
}

/** @throws PlatformError INVALID_PARAMETER; the note is not looked into */
export function parseTlogProof(text: string): TlogProof {
  const end = text.indexOf('\n\n')
  const [version, second = '', ...others] = end < 0 ? [] : text.slice(0, end).split('\n')
  const extra = second.startsWith('extra ') ? decode(second.slice(6)) : undefined
  const [place = '', ...proof] = extra === undefined ? [second, ...others] : others
  const index = /^index (0|[1-9][0-9]{0,15})$/.exec(place)?.[1]
  const sound =
    version === VERSION &&
    index !== undefined &&
    Number.isSafeInteger(Number(index)) &&
    proof.length <= PROOF_LIMIT
  if (!sound) throw refuse()
  return {
    index: Number(index),
    proof: proof.map(parseHash),
    note: text.slice(end + 2),
    ...(extra !== undefined && { extra }),
  }
}

function parseHash(line: string): Hash {
  const bytes = decode(line)
  if (bytes.length !== 32) throw refuse()
  return bytes.toString('hex')
}

function decode(text: string): Buffer {
  const bytes = Buffer.from(text, 'base64')
  if (bytes.toString('base64') !== text) throw refuse()
  return bytes
}

function refuse(): PlatformError {
  return new PlatformError('INVALID_PARAMETER', 'this is no tlog-proof')
}
