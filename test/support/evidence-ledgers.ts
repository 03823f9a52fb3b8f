import { generateKeyPairSync, sign } from 'node:crypto'

import { PATHS, entryPath, proofPath, type Manifest } from '../../services/evidence/index.ts'
import {
  formatCheckpoint,
  formatNote,
  formatTlogProof,
  formatVerifierKey,
  inclusionProof,
  leafHash,
  nodeHash,
  noteKey,
  parseEntry,
  subtreeHash,
  type Hash,
  type NoteKey,
} from '../../services/ledger/index.ts'
import { canonicalJson, type Json } from '../../services/model/index.ts'
import type { ArchiveFiles } from './evidence-archive.ts'

type Entry = Readonly<Record<string, Json>>

export interface Rebuilt {
  readonly files: Map<string, Buffer>
  readonly change: (manifest: Manifest) => Partial<Manifest>
  readonly key: NoteKey
}

/** What a ledger of an archive is made anew of. */
export interface Rebuilding {
  /** `''`, or `earlier/N/`. */
  readonly folder: string
  /** Of an entry another one. */
  readonly edit?: (entry: Entry, key: string) => Entry
  /** A checkpoint that is signed already; then its size is that of the ledger, and no key is made. */
  readonly note?: string
}

/**
 * A ledger that is whole in the archive, made anew with every proof as its service would: under a key of whoever does it, or
 * cut off at a checkpoint that is there.
 */
export async function rebuild(
  files: ArchiveFiles,
  { folder, edit = (entry) => entry, note: kept }: Rebuilding,
): Promise<Rebuilt> {
  const lines = (files.get(`${folder}${PATHS.range}`)?.toString() ?? '').trimEnd().split('\n')
  const { publicKey, privateKey } = generateKeyPairSync('ed25519')
  const origin = parseEntry(lines[0] ?? '')?.origin ?? ''
  const pem = publicKey.export({ type: 'spki', format: 'pem' }).toString()
  const key = noteKey(origin, pem)
  const vkey = formatVerifierKey(key)
  const size = kept === undefined ? lines.length : Number(kept.split('\n')[1])
  const bodies = lines
    .slice(0, size)
    .map((line) => canonicalJson(edit(JSON.parse(line) as Entry, vkey)))
  const leaves = bodies.map(leafHash)
  const read = (level: number, index: number): Hash => subtreeOf(leaves, level, index)
  const root = await subtreeHash(read, { start: 0, end: size })
  const text = formatCheckpoint({ origin, size, root })
  const bytes = sign(null, Buffer.from(text), privateKey)
  const note = kept ?? formatNote(text, [{ name: key.name, id: key.id, bytes }])
  const made = new Map(files)
  const put = (path: string, content: string): void =>
    void made.set(`${folder}${path}`, Buffer.from(content))
  put(PATHS.checkpoint, note)
  put(PATHS.checkpoints, '')
  put(PATHS.range, `${bodies.join('\n')}\n`)
  if (kept === undefined) {
    put(PATHS.logKey, `${vkey}\n`)
    put(PATHS.logKeyPem, pem)
  }
  for (let index = 0; index < lines.length; index += 1) {
    if (!files.has(`${folder}${entryPath(index)}`)) continue
    made.delete(`${folder}${entryPath(index)}`)
    made.delete(`${folder}${proofPath(index)}`)
    if (index >= size) continue
    put(entryPath(index), bodies[index] ?? '')
    const proof = await inclusionProof(read, index, size)
    put(proofPath(index), formatTlogProof({ index, proof, note }))
  }
  return { files: made, key, change: (manifest) => cutAt(manifest, folder, size) }
}

function cutAt(manifest: Manifest, folder: string, size: number): Partial<Manifest> {
  const range = { first: 0, end: size, frontier: [], consistency: [] }
  if (folder === '') return { size, range }
  const earlier = manifest.earlier.map((one) =>
    folder === `earlier/${one.epoch}/` ? { ...one, size, range } : one,
  )
  return { earlier }
}

function subtreeOf(leaves: readonly Hash[], level: number, index: number): Hash {
  const leaf = leaves[index]
  if (level === 0) return leaf ?? ''
  return nodeHash(
    subtreeOf(leaves, level - 1, index * 2),
    subtreeOf(leaves, level - 1, index * 2 + 1),
  )
}
