import {
  checkpointOfEpoch,
  newestCheckpoint,
  proveConsistency,
  proveInclusion,
  readTile,
  type AskWitness,
  type ConsistencyAnswer,
  type InclusionAnswer,
  type WitnessStanding,
} from '../audit/index.ts'
import { parseTilePath } from '../ledger/index.ts'
import { PlatformError } from '../model/index.ts'
import { askByPost, type AddressRules } from '../sources/index.ts'
import type { Deps } from './context.ts'

/** An entry as it lies in the tree: `body` is the leaf, byte for byte. */
export interface LedgerLine {
  readonly index: number
  readonly leafHash: string
  readonly body: string
}

/** The newest checkpoint, and by which key and where it is read. */
export interface CheckpointAnswer {
  readonly size: number
  /** C2SP signed note, cosignatures and all. */
  readonly note: string
  readonly verifierKey: string
  readonly epoch: number
  readonly witnesses: readonly WitnessStanding[]
}

const WITNESS_ANSWER_LIMIT_BYTES = 65_536
const WITNESS_TIMEOUT_MS = 10_000

/** How witnesses are asked: at the URLs that the operator named, and nowhere else. */
export function askWitness(rules: AddressRules): AskWitness {
  const limits = { maxBytes: WITNESS_ANSWER_LIMIT_BYTES, timeoutMs: WITNESS_TIMEOUT_MS }
  return async (url, body) => {
    const answer = await askByPost({ url, body, headers: {}, ...limits }, rules)
    return { ...answer, body: Buffer.from(answer.body).toString('utf8') }
  }
}

/**
 * A signed checkpoint (C2SP signed note) of what is committed now: what an auditor keeps outside.
 * @throws PlatformError RESOURCE_NOT_FOUND (an empty ledger), LEDGER_BROKEN
 */
export async function readCheckpoint(deps: Deps): Promise<CheckpointAnswer> {
  await deps.audit.checkpoint()
  const found = await deps.store.snapshot((reader) => newestCheckpoint(reader))
  if (found === undefined)
    throw new PlatformError(
      'RESOURCE_NOT_FOUND',
      'the ledger is empty: no checkpoint has been signed',
    )
  const { verifierKey, epoch } = deps.audit
  const witnesses = (await deps.witnesses?.standing()) ?? []
  return { size: found.size, note: found.note, verifierKey, epoch, witnesses }
}

/** That one checkpoint's tree begins with a smaller one. @throws PlatformError RESOURCE_NOT_FOUND, INVALID_PARAMETER */
export async function readConsistency(
  deps: Deps,
  sizes: { readonly from: number; readonly to?: number | undefined },
): Promise<ConsistencyAnswer> {
  return await deps.store.snapshot((reader) => proveConsistency(reader, sizes))
}

/** That an entry lies in a checkpoint's tree. @throws PlatformError RESOURCE_NOT_FOUND */
export async function readInclusion(
  deps: Deps,
  entry: { readonly index: number; readonly size?: number | undefined },
): Promise<InclusionAnswer> {
  return await deps.store.snapshot((reader) => proveInclusion(reader, entry))
}

/** A resource of C2SP tlog-tiles, below the prefix of one ledger. */
export interface TlogResource {
  readonly contentType: string
  /** The bytes of a tile never change; those of the checkpoint do. */
  readonly immutable: boolean
  readonly body: Uint8Array
}

/**
 * `checkpoint` or `tile/…` of a ledger by its number, out of committed rows.
 * @throws PlatformError RESOURCE_NOT_FOUND
 */
export async function readTlog(deps: Deps, epoch: number, path: string): Promise<TlogResource> {
  const found = await deps.store.snapshot(async (reader) => {
    if (path === 'checkpoint') {
      const checkpoint = await checkpointOfEpoch(reader, epoch)
      return checkpoint && Buffer.from(checkpoint.note)
    }
    const place = path.startsWith('tile/') ? parseTilePath(path.slice('tile/'.length)) : undefined
    return place && (await readTile(reader, epoch, place))
  })
  if (found === undefined)
    throw new PlatformError('RESOURCE_NOT_FOUND', 'the log has nothing there')
  const immutable = path !== 'checkpoint'
  const contentType = immutable ? 'application/octet-stream' : 'text/plain; charset=utf-8'
  return { contentType, immutable, body: found }
}

/** Entries in order, from an index on. */
export async function readLedgerEntries(
  deps: Deps,
  page: { readonly from: number; readonly limit: number },
): Promise<LedgerLine[]> {
  const rows = await deps.store.reader
    .selectFrom('ledger_entry')
    .select(['index', 'leaf_hash', 'body'])
    .where('index', '>=', page.from)
    .orderBy('index')
    .limit(page.limit)
    .execute()
  return rows.map((row) => ({ index: row.index, leafHash: row.leaf_hash, body: row.body }))
}
