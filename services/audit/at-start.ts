import {
  frontierNodes,
  isFrontier,
  isSignedBy,
  leafHash,
  parseCheckpoint,
  parseEntry,
  rootOf,
  type LedgerEntry,
  type SignedCheckpoint,
} from '../ledger/index.ts'
import { PlatformError } from '../model/index.ts'
import type { LedgerHeadTable, PastLedgerTable, Reader } from '../store/index.ts'
import { currentEpoch, findLogKey, pastLedgers } from './epochs.ts'
import { findHead, frontierOf } from './head.ts'
import { ledgerRows, nodeReaderOf, rootOfRows } from './ledger-rows.ts'
import { checkBeginning } from './verify-beginning.ts'

/** Notes kept outside the database. */
export interface OutsideNotes {
  /** In the data directory; undefined where there is none. */
  readonly own: string | undefined
  /** In a directory elsewhere, where one is configured and has one. */
  readonly elsewhere?: string | undefined
}

/**
 * Whether the ledger may be gone on with: its head fits its rows, it follows from the ledger before, and each checkpoint
 * kept outside the database is of it, or of one that it follows from. A few rows of each ledger are read, however long they
 * are; `verifyLedger` reads all. Returns the largest checkpoint that is of the ledger in force.
 * @throws PlatformError LEDGER_BROKEN
 */
export async function checkAtStart(
  reader: Reader,
  outside: OutsideNotes,
): Promise<SignedCheckpoint | undefined> {
  const state = await readState(reader)
  const { head, past } = state
  if (head !== undefined) await checkHead(reader, head)
  await checkLineage(reader, state)
  const signed = await largestSigned(reader)
  const own = outside.own === undefined ? undefined : parseOutside(outside.own)
  const elsewhere = outside.elsewhere === undefined ? undefined : parseOutside(outside.elsewhere)
  if (own === undefined && (signed > 0 || past.length > 0))
    throw broken('the checkpoint kept outside the database is gone, though one was signed')
  for (const checkpoint of [own, elsewhere])
    if (checkpoint !== undefined) await checkNote(reader, state, checkpoint)
  const ofThis = (one: SignedCheckpoint | undefined): one is SignedCheckpoint =>
    one !== undefined && one.origin === head?.origin
  const size = ofThis(own) ? own.size : 0
  if (own !== undefined && size < signed)
    throw broken(
      `the checkpoint kept outside the database is of size ${size}, one of ${signed} was signed`,
    )
  return [own, elsewhere].filter(ofThis).toSorted((a, b) => b.size - a.size)[0]
}

/**
 * Whether the ledger is the one that a checkpoint kept elsewhere is of, or what became of it.
 * @throws PlatformError LEDGER_BROKEN where it is shorter, another, or signed by another key
 */
export async function checkAgainst(reader: Reader, note: string): Promise<SignedCheckpoint> {
  const checkpoint = parseOutside(note)
  const state = await readState(reader)
  await checkLineage(reader, state)
  await checkNote(reader, state, checkpoint)
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

interface LedgerState {
  readonly head: LedgerHeadTable | undefined
  readonly past: readonly PastLedgerTable[]
}

async function readState(reader: Reader): Promise<LedgerState> {
  return { head: await findHead(reader), past: await pastLedgers(reader) }
}

/**
 * Every ledger but the first follows from the one before. One that was rotated to was announced under a checkpoint of the
 * key before; one that was begun anew is vouched for by a checkpoint of its own key. Without one of the two the database
 * alone would say that another ledger is in force.
 */
async function checkLineage(reader: Reader, { head, past }: LedgerState): Promise<void> {
  const newest = past.at(-1)
  if (head === undefined && newest !== undefined) throw broken('the head of the ledger is gone')
  if (newest?.how === 'recovered') await checkOwnCheckpoint(reader, head)
  // Back to the last that was given up: what is in that one, nobody goes by.
  for (const [back, before] of [...past].toReversed().entries()) {
    const ended = back === 0 ? undefined : past.at(-back)
    if (ended?.how === 'recovered') return
    const rows = ledgerRows(reader, ended?.epoch)
    const epoch = before.epoch + 1
    const origin = ended?.origin ?? head?.origin ?? ''
    const [first] = await rows.entries(0, 1)
    if (first === undefined) throw broken(`ledger ${epoch} has no entry that begins it`)
    const fits = first.index === 0 && leafHash(first.body) === (await nodeReaderOf(rows)(0, 0))
    if (!fits) throw broken('the first entry of the ledger was changed')
    const last = before.how === 'rotated' ? await checkEnd(reader, before) : undefined
    const { findings } = checkBeginning(
      { ended: before, last },
      {
        first: parseEntry(first.body),
        origin,
        key: await findLogKey(reader, { origin, epoch }),
      },
    )
    const [finding] = findings
    if (finding !== undefined) throw broken(finding.message)
  }
}

/** The last entry of a ledger whose key was rotated: all of it is under a checkpoint of that key. */
async function checkEnd(reader: Reader, ended: PastLedgerTable): Promise<LedgerEntry | undefined> {
  const { epoch, origin, size, root } = ended
  const checkpoint = parseOutside(ended.checkpoint ?? '')
  const isWhole = checkpoint.origin === origin && checkpoint.size === size
  if (!isWhole || checkpoint.root !== root)
    throw broken(`ledger ${epoch} did not end under a checkpoint of all of it`)
  await checkSigned(reader, checkpoint, epoch)
  const rows = ledgerRows(reader, epoch)
  if (size === 0 || (await rootOfRows(rows, size)) !== root)
    throw broken(`the entries of ledger ${epoch} are not those that were signed`)
  const [last] = await rows.entries(size - 1, 1)
  if (last === undefined || leafHash(last.body) !== (await nodeReaderOf(rows)(0, size - 1)))
    throw broken(`the last entry of ledger ${epoch} was changed`)
  return parseEntry(last.body)
}

async function checkOwnCheckpoint(
  reader: Reader,
  head: LedgerHeadTable | undefined,
): Promise<void> {
  const kept = await ledgerRows(reader).checkpoint()
  if (kept === undefined)
    throw broken(
      'the ledger was begun anew and never signed: `lacre ledger new-epoch` was cut off, run it again',
    )
  await checkExtends(reader, head, parseOutside(kept.note))
}

/** A checkpoint is held to the ledger whose name it carries. */
async function checkNote(
  reader: Reader,
  { head, past }: LedgerState,
  checkpoint: SignedCheckpoint,
): Promise<void> {
  const { origin, size, root } = checkpoint
  const ended = past.find((one) => one.origin === origin)
  if (ended?.how === 'rotated') await checkSigned(reader, checkpoint, ended.epoch)
  // What was lost with a ledger that was given up is known up to the checkpoint that the next beginning quotes.
  const quoted = past.some(({ how, checkpoint: note }) => {
    const last = how === 'recovered' && note !== null ? parseOutside(note) : undefined
    return last?.origin === origin && size <= last.size
  })
  if (quoted) return
  if (ended === undefined) return await checkExtends(reader, head, checkpoint)
  const { epoch } = ended
  if (size > ended.size)
    throw broken(
      `ledger ${epoch} ended with ${ended.size} entries, a checkpoint was signed over ${size}`,
    )
  if ((await rootOfRows(ledgerRows(reader, epoch), size)) !== root)
    throw broken(`the first ${size} entries of ledger ${epoch} are not those that were signed`)
}

async function checkSigned(
  reader: Reader,
  checkpoint: SignedCheckpoint,
  epoch: number,
): Promise<void> {
  const key = await findLogKey(reader, { origin: checkpoint.origin, epoch })
  if (key === undefined || !isSignedBy(checkpoint.note, key))
    throw broken(`the checkpoint of ledger ${epoch} is not by its key`)
}

async function checkHead(reader: Reader, head: LedgerHeadTable): Promise<void> {
  const frontier = frontierOf(head)
  if (!isFrontier(frontier) || rootOf(frontier) !== head.root)
    throw broken('the head of the ledger does not fit itself')
  const last = await reader
    .selectFrom('ledger_entry')
    .selectAll()
    .orderBy('index', 'desc')
    .limit(1)
    .executeTakeFirst()
  if ((last?.index ?? -1) !== head.size - 1)
    throw broken(`the ledger says it has ${head.size} entries, the last one there is not that`)
  const read = nodeReaderOf(ledgerRows(reader))
  for (const [at, node] of frontierNodes(head.size).entries()) {
    if ((await read(node.level, node.index)) !== frontier.hashes[at])
      throw broken('the head of the ledger does not fit its tree')
  }
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
