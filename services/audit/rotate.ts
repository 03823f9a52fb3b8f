import { statfs } from 'node:fs/promises'

import { sql } from 'kysely'

import { PlatformError } from '../model/index.ts'
import type { Reader } from '../store/index.ts'
import { announce, nextLedger } from './succession.ts'
import { openAudit, type AuditOptions, type AuditTrail } from './trail.ts'

/** What is moved to the past is in the journal and in its new place before its old one is free; and again as much. */
const ROOM_FOR_EACH_BYTE = 4
const ROOM_BESIDE_BYTES = 8_388_608
/** Of a row beside its text: its columns, its place in an index. */
const ROW_BYTES = 200

/**
 * Gives the ledger a new key: one log has one key, so that the ledger ends with an entry that names its successor, under
 * a checkpoint of the old key, and a new ledger begins whose first entry quotes that checkpoint. Killed on the way, it
 * is either not begun or finished by the next start. `origin` is the name of the new ledger.
 * @throws PlatformError LEDGER_BROKEN, OUT_OF_SPACE (nothing was begun)
 */
export async function rotateLedger(options: AuditOptions): Promise<AuditTrail> {
  const { store, keys, clock } = options
  {
    // One that was announced before is finished by opening it, and this is a further one.
    await using trail = await openAudit(options)
    await refuseFullDisk(store.reader, options.dataDir)
    const next = await nextLedger(store, keys, options.origin)
    await store.transaction((tx) => announce(tx, next, clock.nowMs()))
    await trail.checkpoint()
  }
  return await openAudit(options)
}

/** A ledger that announced the next one goes on only there: what cannot be finished is not begun. */
async function refuseFullDisk(reader: Reader, dataDir: string): Promise<void> {
  const { rows } = await sql<{ bytes: number }>`select
    (select coalesce(sum(octet_length(body)), 0) + count(*) * ${ROW_BYTES} from ledger_entry)
    + (select count(*) * ${ROW_BYTES} from ledger_node)
    + (select coalesce(sum(octet_length(note)), 0) + count(*) * ${ROW_BYTES} from ledger_checkpoint)
    as bytes`.execute(reader)
  const wanted = Number(rows[0]?.bytes) * ROOM_FOR_EACH_BYTE + ROOM_BESIDE_BYTES
  const { bavail, bsize } = await statfs(dataDir)
  if (wanted <= bavail * bsize) return
  throw new PlatformError(
    'OUT_OF_SPACE',
    `a new ledger wants ${wanted} bytes while the old one moves, \`${dataDir}\` has room for ${bavail * bsize}: nothing was changed`,
  )
}
