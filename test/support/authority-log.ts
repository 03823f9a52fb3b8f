import { createHash, sign } from 'node:crypto'

import {
  EMPTY_FRONTIER,
  appendLeaf,
  leafHash,
  parseCheckpoint,
  rootOf,
  verifyInclusion,
  type SignedCheckpoint,
} from '../../services/ledger/index.ts'
import { call, hashedRekord, type Answer, type KeyPair } from './authority.ts'

/** A hashedrekord request over the text, signed. */
export function entryFor(pair: KeyPair, text: string): object {
  const digest = createHash('sha256').update(text).digest()
  return hashedRekord(pair, digest, sign('sha256', Buffer.from(text), pair.privateKey))
}

export async function submit(url: string, entry: object): Promise<Answer> {
  return await call(`${url}/api/v2/log/entries`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(entry),
  })
}

export interface LoggedEntry {
  readonly logIndex: string
  readonly logId: { readonly keyId: string }
  readonly canonicalizedBody: string
  readonly inclusionProof: {
    readonly treeSize: string
    readonly rootHash: string
    readonly hashes: readonly string[]
    readonly checkpoint: { readonly envelope: string }
  }
}

export const loggedOf = (answer: Answer): LoggedEntry => answer.json as unknown as LoggedEntry

/** Whether the proof of an answer leads from its body to the root of its own checkpoint. */
export function isIncluded(entry: LoggedEntry): boolean {
  const { inclusionProof: proof, canonicalizedBody, logIndex } = entry
  const checkpoint = parseCheckpoint(proof.checkpoint.envelope)
  const hex = (base64: string): string => Buffer.from(base64, 'base64').toString('hex')
  return (
    checkpoint.size === Number(proof.treeSize) &&
    checkpoint.root === hex(proof.rootHash) &&
    verifyInclusion({
      index: Number(logIndex),
      size: checkpoint.size,
      leafHash: leafHash(Buffer.from(canonicalizedBody, 'base64')),
      root: checkpoint.root,
      proof: proof.hashes.map(hex),
    })
  )
}

export async function checkpointOf(url: string): Promise<SignedCheckpoint> {
  return parseCheckpoint((await call(`${url}/api/v2/checkpoint`)).bytes.toString())
}

/** Every body that the log serves in its tiles of entries. */
export async function bodiesOf(url: string, size: number): Promise<string[]> {
  const bodies: string[] = []
  for (let tile = 0; tile * 256 < size; tile += 1) {
    const width = Math.min(256, size - tile * 256)
    const name = String(tile).padStart(3, '0') + (width === 256 ? '' : `.p/${width}`)
    const { bytes, status } = await call(`${url}/api/v2/tile/entries/${name}`)
    if (status !== 200) throw new Error(`tile ${name}: ${status}`)
    for (let at = 0; at < bytes.length;) {
      const length = bytes.readUInt16BE(at)
      bodies.push(bytes.subarray(at + 2, at + 2 + length).toString())
      at += 2 + length
    }
  }
  return bodies
}

/** The roots of the tree over these bodies, one to each size. */
export function rootsOf(bodies: readonly string[]): string[] {
  let frontier = EMPTY_FRONTIER
  const roots = [rootOf(frontier)]
  for (const body of bodies) {
    frontier = appendLeaf(frontier, leafHash(body)).frontier
    roots.push(rootOf(frontier))
  }
  return roots
}
