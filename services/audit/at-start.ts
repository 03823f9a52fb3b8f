import {
  frontierNodes,
  isFrontier,
  isSignedBy,
  leafHash,
  noteKey,
  parseCheckpoint,
  rootOf,
  subtreeHash,
  EMPTY_ROOT,
  type SignedCheckpoint,
} from '../ledger/index.ts'
import { PlatformError } from '../model/index.ts'
import type { LedgerHeadTable, Reader } from '../store/index.ts'
import { findHead, frontierOf, nodeReader } from './head.ts'

/** The purpose of the ledger's own key. */
export const LEDGER_KEY = 'ledger'

/**
 * Whether the ledger may be gone on with: its head fits its rows, and it extends the last checkpoint kept outside the
 * database. A few rows are read, however long it is; `verifyLedger` reads all. Returns that checkpoint.
 * @throws PlatformError LEDGER_BROKEN
 */
export async function checkAtStart(
  reader: Reader,
  outside: string | undefined,
): Promise<SignedCheckpoint | undefined> {
  const head = await findHead(reader)
  if (head !== undefined) await checkHead(reader, head)
  const signed = await largestSigned(reader)
  if (outside === undefined) {
    if (signed === 0) return undefined
    throw broken('the checkpoint kept outside the database is gone, though one was signed')
  }
  const checkpoint = parseOutside(outside)
  if (checkpoint.size < signed)
    throw broken(
      `the checkpoint kept outside the database is of size ${checkpoint.size}, one of ${signed} was signed`,
    )
  await checkExtends(reader, head, checkpoint)
  return checkpoint
}

/**
 * Whether the ledger is the one that a checkpoint kept elsewhere is of, or what became of it.
 * @throws PlatformError LEDGER_BROKEN where it is shorter, another, or signed by another key
 */
export async function checkAgainst(reader: Reader, note: string): Promise<SignedCheckpoint> {
  const checkpoint = parseOutside(note)
  await checkExtends(reader, await findHead(reader), checkpoint)
  return checkpoint
}

async function checkHead(reader: Reader, head: LedgerHeadTable): Promise<void> {
  const frontier = frontierOf(head)
  if (!isFrontier(frontier) || rootOf(frontier) !== head.root)
    throw broken('the head of the ledger does not fit itself')
  const read = nodeReader(reader)
  for (const [at, node] of frontierNodes(head.size).entries()) {
    if ((await read(node.level, node.index)) !== frontier.hashes[at])
      throw broken('the head of the ledger does not fit its tree')
  }
  const last = await reader
    .selectFrom('ledger_entry')
    .selectAll()
    .orderBy('index', 'desc')
    .limit(1)
    .executeTakeFirst()
  if ((last?.index ?? -1) !== head.size - 1)
    throw broken(`the ledger says it has ${head.size} entries, the last one there is not that`)
  if (last !== undefined && leafHash(last.body) !== (await read(0, last.index)))
    throw broken('the newest entry of the ledger was changed')
}

async function checkExtends(
  reader: Reader,
  head: LedgerHeadTable | undefined,
  checkpoint: SignedCheckpoint,
): Promise<void> {
  const size = head?.size ?? 0
  if (checkpoint.size > size)
    throw broken(
      `the ledger has ${size} entries, a checkpoint was signed over ${checkpoint.size}: its end was cut off, or an old copy was restored`,
    )
  if (head !== undefined && head.origin !== checkpoint.origin)
    throw broken('the checkpoint kept outside the database is of another ledger')
  const root = await rootAt(reader, checkpoint.size)
  if (root !== checkpoint.root)
    throw broken(`the first ${checkpoint.size} entries are not those that were signed`)
  const key = await findLogKey(reader, checkpoint.origin)
  if (key === undefined || !isSignedBy(checkpoint.note, key))
    throw broken('the checkpoint kept outside the database is not by the key of this ledger')
}

/** The root of the first `size` entries, out of the tree's nodes. @throws PlatformError LEDGER_BROKEN */
export async function rootAt(reader: Reader, size: number): Promise<string> {
  return size === 0 ? EMPTY_ROOT : await subtreeHash(nodeReader(reader), { start: 0, end: size })
}

/** The ledger's public key as the database has it. */
export async function findLogKey(reader: Reader, origin: string) {
  const row = await reader
    .selectFrom('sealed_key')
    .select('public_key_pem')
    .where('purpose', '=', LEDGER_KEY)
    .executeTakeFirst()
  return row === undefined ? undefined : noteKey(origin, row.public_key_pem)
}

async function largestSigned(reader: Reader): Promise<number> {
  const row = await reader
    .selectFrom('ledger_checkpoint')
    .select((select) => select.fn.max<number | null>('size').as('size'))
    .executeTakeFirst()
  return row?.size ?? 0
}

function parseOutside(note: string): SignedCheckpoint {
  try {
    return parseCheckpoint(note)
  } catch (cause) {
    throw broken('the checkpoint kept outside the database cannot be read', cause)
  }
}

function broken(message: string, cause?: unknown): PlatformError {
  return new PlatformError('LEDGER_BROKEN', message, { cause })
}
