import { sql } from 'kysely'

import { noteKey, type NoteKey, type TreeNode } from '../ledger/index.ts'
import { PlatformError } from '../model/index.ts'
import type { PastLedgerTable, Reader, Writer } from '../store/index.ts'
import { EMPTY_HEAD } from './head.ts'

/** Ledgers that were ended, the first one first. */
export async function pastLedgers(reader: Reader): Promise<PastLedgerTable[]> {
  return await reader.selectFrom('past_ledger').selectAll().orderBy('epoch').execute()
}

/** The number of the ledger in force: the first is 1. */
export async function currentEpoch(reader: Reader): Promise<number> {
  const row = await reader
    .selectFrom('past_ledger')
    .select((select) => select.fn.max<number | null>('epoch').as('epoch'))
    .executeTakeFirst()
  return (row?.epoch ?? 0) + 1
}

/** One key, one ledger (RULES §6): the purpose under which it is kept. */
export function ledgerKey(epoch: number): string {
  return epoch === 1 ? 'ledger' : `ledger.${epoch}`
}

/** The public key of a ledger as the database has it. @throws PlatformError LEDGER_BROKEN where that is none */
export async function findLogKey(
  reader: Reader,
  ledger: { readonly origin: string; readonly epoch: number },
): Promise<NoteKey | undefined> {
  const row = await reader
    .selectFrom('sealed_key')
    .select('public_key_pem')
    .where('purpose', '=', ledgerKey(ledger.epoch))
    .executeTakeFirst()
  if (row === undefined) return undefined
  try {
    return noteKey(ledger.origin, row.public_key_pem)
  } catch (cause) {
    const message = `the key of ledger ${ledger.epoch} cannot be read`
    throw new PlatformError('LEDGER_BROKEN', message, { cause })
  }
}

/**
 * Ends the ledger in force and makes an empty one under a new name: its entries and checkpoints, with what witnesses
 * said of them, lie among those of the past from then on. Its nodes are those that are there, or the ones given.
 */
export async function beginLedger(
  tx: Writer,
  ended: PastLedgerTable,
  next: {
    readonly origin: string
    /** When the newest entry was of: those of the next ledger are later, so that what carries their times is in order. */
    readonly lastAt: number
    readonly nodes?: readonly TreeNode[]
  },
): Promise<void> {
  const { epoch } = ended
  await tx.insertInto('past_ledger').values(ended).execute()
  await sql`insert into past_ledger_entry (epoch, "index", leaf_hash, body)
    select ${epoch}, "index", leaf_hash, body from ledger_entry`.execute(tx)
  if (next.nodes === undefined)
    await sql`insert into past_ledger_node (epoch, level, "index", hash)
      select ${epoch}, level, "index", hash from ledger_node`.execute(tx)
  else await insertNodes(tx, epoch, next.nodes)
  await sql`insert into past_ledger_checkpoint (epoch, size, note, at)
    select ${epoch}, size, note || coalesce((select string_agg(line, '') from ledger_cosignature
      where ledger_cosignature.size = ledger_checkpoint.size), ''), at from ledger_checkpoint`.execute(
    tx,
  )
  const head = { ...EMPTY_HEAD, origin: next.origin, last_at: next.lastAt + 1 }
  await tx
    .insertInto('ledger_head')
    .values({ id: 1, ...head })
    .onConflict((conflict) => conflict.column('id').doUpdateSet(head))
    .execute()
  for (const table of EMPTIED) await tx.deleteFrom(table).execute()
}

const EMPTIED = ['ledger_cosignature', 'ledger_checkpoint', 'ledger_node', 'ledger_entry'] as const
/** SQLite takes so many values in one statement; a row has four. */
const ROWS_AT_A_TIME = 200

async function insertNodes(tx: Writer, epoch: number, nodes: readonly TreeNode[]): Promise<void> {
  for (let at = 0; at < nodes.length; at += ROWS_AT_A_TIME) {
    const rows = nodes.slice(at, at + ROWS_AT_A_TIME).map((node) => ({ epoch, ...node }))
    await tx.insertInto('past_ledger_node').values(rows).execute()
  }
}
