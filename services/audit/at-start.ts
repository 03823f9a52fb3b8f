import {
  frontierNodes,
  isFrontier,
  isSignedBy,
  leafHash,
  parseCheckpoint,
  rootOf,
  type SignedCheckpoint,
} from '../ledger/index.ts'
import { PlatformError } from '../model/index.ts'
import type { LedgerHeadTable, Reader } from '../store/index.ts'
import { currentEpoch, findLogKey, pastLedgers } from './epochs.ts'
import { findHead, frontierOf } from './head.ts'
import { ledgerRows, nodeReaderOf, rootOfRows } from './ledger-rows.ts'

/** Notes kept outside the database. */
export interface OutsideNotes {
  /** In the data directory; undefined where there is none. */
  readonly own: string | undefined
  /** In a directory elsewhere, where one is configured and has one. */
  readonly elsewhere?: string | undefined
}

/**
 * Whether the ledger may be gone on with: its head fits its rows, and it extends the last checkpoints kept outside the
 * database. A few rows are read, however long it is; `verifyLedger` reads all. Returns the largest of them.
 * @throws PlatformError LEDGER_BROKEN
 */
export async function checkAtStart(
  reader: Reader,
  outside: OutsideNotes,
): Promise<SignedCheckpoint | undefined> {
  const head = await findHead(reader)
  if (head !== undefined) await checkHead(reader, head)
  const signed = await largestSigned(reader)
  const own = await ofThisLedger(reader, outside.own, signed)
  const elsewhere = await ofThisLedger(reader, outside.elsewhere, signed)
  if (own === undefined && signed > 0)
    throw broken('the checkpoint kept outside the database is gone, though one was signed')
  if (own !== undefined && own.size < signed)
    throw broken(
      `the checkpoint kept outside the database is of size ${own.size}, one of ${signed} was signed`,
    )
  for (const checkpoint of [own, elsewhere])
    if (checkpoint !== undefined) await checkExtends(reader, head, checkpoint)
  return elsewhere !== undefined && elsewhere.size > (own?.size ?? 0) ? elsewhere : own
}

/** A ledger that has just begun is preceded by the checkpoint that its first entry quotes. */
async function ofThisLedger(
  reader: Reader,
  note: string | undefined,
  signed: number,
): Promise<SignedCheckpoint | undefined> {
  if (note === undefined) return undefined
  const checkpoint = parseOutside(note)
  const quoted = (await pastLedgers(reader)).at(-1)?.checkpoint ?? undefined
  if (signed > 0 || quoted === undefined) return checkpoint
  const { origin, size } = parseOutside(quoted)
  return checkpoint.origin === origin && checkpoint.size <= size ? undefined : checkpoint
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

/** Whether some ledger of this database, in force or ended, signed a checkpoint: no stranger's is believed. */
export async function isByKnownKey(reader: Reader, note: string): Promise<boolean> {
  const { origin, note: signed } = parseOutside(note)
  const last = await currentEpoch(reader)
  for (let epoch = 1; epoch <= last; epoch += 1) {
    const key = await findLogKey(reader, { origin, epoch })
    if (key !== undefined && isSignedBy(signed, key)) return true
  }
  return false
}

async function checkHead(reader: Reader, head: LedgerHeadTable): Promise<void> {
  const frontier = frontierOf(head)
  if (!isFrontier(frontier) || rootOf(frontier) !== head.root)
    throw broken('the head of the ledger does not fit itself')
  const read = nodeReaderOf(ledgerRows(reader))
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
  const root = await rootOfRows(ledgerRows(reader), checkpoint.size)
  if (root !== checkpoint.root)
    throw broken(`the first ${checkpoint.size} entries are not those that were signed`)
  const key = await findLogKey(reader, {
    origin: checkpoint.origin,
    epoch: await currentEpoch(reader),
  })
  if (key === undefined || !isSignedBy(checkpoint.note, key))
    throw broken('the checkpoint kept outside the database is not by the key of this ledger')
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
