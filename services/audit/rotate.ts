import { announce, nextLedger } from './succession.ts'
import { openAudit, type AuditOptions, type AuditTrail } from './trail.ts'

/**
 * Gives the ledger a new key: one log has one key, so that the ledger ends with an entry that names its successor, under
 * a checkpoint of the old key, and a new ledger begins whose first entry quotes that checkpoint. Killed on the way, it
 * is either not begun or finished by the next start. `origin` is the name of the new ledger.
 * @throws PlatformError LEDGER_BROKEN, OUT_OF_SPACE
 */
export async function rotateLedger(options: AuditOptions): Promise<AuditTrail> {
  const { store, keys, clock } = options
  {
    // One that was announced before is finished by opening it, and this is a further one.
    await using trail = await openAudit(options)
    const next = await nextLedger(store, keys, options.origin)
    await store.transaction((tx) => announce(tx, next, clock.nowMs()))
    await trail.checkpoint()
  }
  return await openAudit(options)
}
