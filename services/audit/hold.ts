import type { Reader, Writer } from '../store/index.ts'
import type { RowRef } from './governed.ts'

/**
 * The setting that stands while nothing may be invoked: a ledger was begun anew, and what is live has not been judged
 * since (RULES §6). Its value is the number of that ledger.
 */
export const HOLD_SETTING = 'ledger-hold'

/** The ledger for whose sake nothing is invoked; undefined where invocations run. */
export async function findHold(reader: Reader): Promise<number | undefined> {
  const row = await reader
    .selectFrom('setting')
    .select('value')
    .where('name', '=', HOLD_SETTING)
    .executeTakeFirst()
  return row === undefined ? undefined : Number(row.value)
}

/** Lets invocations run again. */
export async function liftHold(tx: Writer): Promise<RowRef> {
  await tx.deleteFrom('setting').where('name', '=', HOLD_SETTING).execute()
  return { table: 'setting', key: { name: HOLD_SETTING } }
}
