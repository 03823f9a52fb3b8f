import {
  consistencyProof,
  cutTile,
  inclusionProof,
  parseCheckpoint,
  type Hash,
  type TilePlace,
} from '../ledger/index.ts'
import { PlatformError } from '../model/index.ts'
import type { Reader } from '../store/index.ts'
import { cosignaturesOf } from './cosignatures.ts'
import { currentEpoch } from './epochs.ts'
import { ledgerRows, nodeReaderOf, rootOfRows, tileRowsOf, type LedgerRows } from './ledger-rows.ts'

/** A signed checkpoint with what witnesses said of it. */
export interface PublishedCheckpoint {
  readonly size: number
  readonly root: Hash
  /** C2SP signed note. */
  readonly note: string
}

/** The newest checkpoint of the ledger in force, or of one that was ended; undefined where none was signed. */
export async function newestCheckpoint(
  reader: Reader,
  past?: number,
): Promise<PublishedCheckpoint | undefined> {
  return await checkpointAt(reader, { past })
}

async function checkpointAt(
  reader: Reader,
  wanted: { readonly past?: number | undefined; readonly size?: number },
): Promise<PublishedCheckpoint | undefined> {
  const row = await ledgerRows(reader, wanted.past).checkpoint(wanted.size)
  if (row === undefined) return undefined
  const said = wanted.past === undefined ? await cosignaturesOf(reader, row.size) : []
  const note = row.note + said.map(({ line }) => line).join('')
  return { size: row.size, root: parseCheckpoint(row.note).root, note }
}

/** A tile of the ledger in force or of one that was ended, by its number; undefined where there is none. */
export async function readTile(
  reader: Reader,
  epoch: number,
  place: TilePlace,
): Promise<Buffer | undefined> {
  const past = await pastOf(reader, epoch)
  const signed = await newestCheckpoint(reader, past)
  if (signed === undefined) return undefined
  return await cutTile(tileRowsOf(ledgerRows(reader, past)), place, signed.size)
}

/** The checkpoint of a ledger by its number. */
export async function checkpointOfEpoch(
  reader: Reader,
  epoch: number,
): Promise<PublishedCheckpoint | undefined> {
  return await newestCheckpoint(reader, await pastOf(reader, epoch))
}

async function pastOf(reader: Reader, epoch: number): Promise<number | undefined> {
  return epoch === (await currentEpoch(reader)) ? undefined : epoch
}

export interface ConsistencyAnswer {
  readonly from: { readonly size: number; readonly root: Hash }
  readonly to: PublishedCheckpoint
  readonly proof: readonly Hash[]
}

/**
 * That the tree of a checkpoint begins with that of `from` entries. `to` is a size that a checkpoint was signed over;
 * left out, the newest.
 * @throws PlatformError RESOURCE_NOT_FOUND, INVALID_PARAMETER
 */
export async function proveConsistency(
  reader: Reader,
  { from, to: wanted }: { readonly from: number; readonly to?: number | undefined },
): Promise<ConsistencyAnswer> {
  const to = await signedAt(reader, wanted)
  if (from > to.size)
    throw new PlatformError(
      'INVALID_PARAMETER',
      `a tree of ${to.size} entries does not begin with one of ${from}`,
    )
  const rows = ledgerRows(reader)
  const proof = await consistencyProof(nodeReaderOf(rows), from, to.size)
  return { from: { size: from, root: await rootOfRows(rows, from) }, to, proof }
}

export interface InclusionAnswer {
  readonly index: number
  /** The leaf, byte for byte. */
  readonly body: string
  readonly checkpoint: PublishedCheckpoint
  readonly proof: readonly Hash[]
}

/**
 * That an entry lies in the tree of a checkpoint: that of `size` entries, or the newest.
 * @throws PlatformError RESOURCE_NOT_FOUND
 */
export async function proveInclusion(
  reader: Reader,
  { index, size }: { readonly index: number; readonly size?: number | undefined },
): Promise<InclusionAnswer> {
  const checkpoint = await signedAt(reader, size)
  const rows = ledgerRows(reader)
  const body = index < checkpoint.size ? await bodyAt(rows, index) : undefined
  if (body === undefined)
    throw new PlatformError(
      'RESOURCE_NOT_FOUND',
      `the tree of ${checkpoint.size} entries has no entry ${index}`,
    )
  const proof = await inclusionProof(nodeReaderOf(rows), index, checkpoint.size)
  return { index, body, checkpoint, proof }
}

async function bodyAt(rows: LedgerRows, index: number): Promise<string | undefined> {
  const [entry] = await rows.entries(index, 1)
  return entry?.index === index ? entry.body : undefined
}

async function signedAt(reader: Reader, size: number | undefined): Promise<PublishedCheckpoint> {
  const found = await checkpointAt(reader, size === undefined ? {} : { size })
  if (found !== undefined) return found
  const what = size === undefined ? 'has been signed' : `of ${size} entries was signed`
  throw new PlatformError('RESOURCE_NOT_FOUND', `no checkpoint ${what}`)
}
