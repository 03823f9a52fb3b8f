import type { Json } from '../model/index.ts'
import { raiseWorld, record } from './commit.ts'
import type { Deps } from './context.ts'

/** The restore that this data directory comes from, by its id; absent where it was never restored. */
const SETTING = 'restored'

/**
 * Writes a restore into the ledger, once: who put which backup back, and at which checkpoint. All that was decided on before
 * is decided again, for time has passed that this ledger does not know of.
 */
export async function recordRestore(
  deps: Deps,
  { id, ...note }: { readonly id: string },
): Promise<void> {
  const event = {
    type: 'restore',
    action: 'lacre:Restore',
    resource: 'installation',
    note: note as Json,
  }
  await record(deps, event, async (tx) => {
    const known = await tx
      .selectFrom('setting')
      .select('value')
      .where('name', '=', SETTING)
      .executeTakeFirst()
    if (known?.value === id) return undefined
    await tx
      .insertInto('setting')
      .values({ name: SETTING, value: id })
      .onConflict((conflict) => conflict.column('name').doUpdateSet({ value: id }))
      .execute()
    // Whoever signed out since the backup was made is not signed in by it.
    await tx.deleteFrom('console_session').execute()
    await tx.deleteFrom('console_link').execute()
    await raiseWorld(tx)
    return { result: undefined, touched: [{ table: 'setting', key: { name: SETTING } }] }
  })
  deps.log.info({ ...note }, 'this data directory was restored from a backup')
}
