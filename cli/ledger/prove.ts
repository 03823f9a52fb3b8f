import { existsSync } from 'node:fs'

import {
  formatAddCheckpoint,
  formatTlogProof,
  parseCheckpoint,
} from '../../services/ledger/index.ts'
import { PlatformError } from '../../services/model/index.ts'
import { isObject, text, type JsonObject, type Service } from '../service/index.ts'
import { readSmallFile } from '../signing/index.ts'

export interface ProvenFile {
  readonly text: string
  /** The size of the tree that it leads to. */
  readonly size: number
  readonly note: string
}

/** The body of C2SP's add-checkpoint: the old size, the proof, the checkpoint that it leads to. */
export async function proveConsistency(
  service: Service,
  sizes: { readonly from: string; readonly to: string | undefined },
): Promise<ProvenFile> {
  const from = sizeOf(sizes.from)
  const to = sizes.to === undefined ? undefined : sizeOf(sizes.to)
  const answer = await service.get('/api/v1/ledger/proofs/consistency', {
    from: String(from),
    ...(to !== undefined && { to: String(to) }),
  })
  const { size, note } = checkpointIn(answer, 'to')
  const proof = hashes(answer)
  return { text: formatAddCheckpoint({ oldSize: from, proof, note }), size, note }
}

/** C2SP tlog-proof, with the entry itself as its extra data. */
export async function proveInclusion(
  service: Service,
  entry: { readonly index: string; readonly size: string | undefined },
): Promise<ProvenFile> {
  const index = sizeOf(entry.index)
  const answer = await service.get('/api/v1/ledger/proofs/inclusion', {
    index: String(index),
    ...(entry.size !== undefined && { size: String(sizeOf(entry.size)) }),
  })
  const { size, note } = checkpointIn(answer, 'checkpoint')
  const extra = Buffer.from(text(answer, 'body'))
  return { text: formatTlogProof({ index, proof: hashes(answer), note, extra }), size, note }
}

/** A number of entries, or the file of a checkpoint over as many. */
function sizeOf(given: string): number {
  if (/^[0-9]{1,15}$/.test(given)) return Number(given)
  if (existsSync(given)) return parseCheckpoint(readSmallFile(given).toString('utf8')).size
  throw new PlatformError(
    'INVALID_PARAMETER',
    `\`${given}\` is no number of entries and no file of a checkpoint`,
  )
}

function checkpointIn(answer: JsonObject, name: string): { size: number; note: string } {
  const value = answer[name]
  const note = isObject(value) ? text(value, 'note') : ''
  return { size: parseCheckpoint(note).size, note }
}

function hashes(answer: JsonObject): string[] {
  const { proof } = answer
  return Array.isArray(proof) ? proof.filter((one) => typeof one === 'string') : []
}
