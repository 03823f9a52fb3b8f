import { existsSync } from 'node:fs'

import {
  openAudit,
  recordKey,
  recoverLedger,
  rotateLedger,
  type AuditOptions,
  type AuditTrail,
  type Recovered,
} from './audit/index.ts'
import { Closers, asyncOf } from './closers.ts'
import { dataPaths, masterKeyOptions, type Config } from './config.ts'
import { loadMasterKey, openKeys } from './keys/index.ts'
import { PlatformError, type Clock, type Random } from './model/index.ts'
import { lockDataDirectory, openStore } from './store/index.ts'

type OfflineConfig = Pick<Config, 'dataDir' | 'masterKey' | 'checkpointDir'>

export interface OfflineSurroundings {
  readonly clock: Clock
  readonly random: Random
  readonly log: AuditOptions['log']
}

/** The ledger that is in force now. */
export interface LedgerInForce {
  readonly epoch: number
  readonly origin: string
  readonly verifierKey: string
}

/**
 * A new key for the ledger, with the service stopped.
 * @throws PlatformError CONFIGURATION, DATA_DIRECTORY_IN_USE, LEDGER_BROKEN, OUT_OF_SPACE
 */
export async function rotateLedgerKey(
  config: OfflineConfig,
  around: OfflineSurroundings,
): Promise<LedgerInForce> {
  await using closers = new Closers()
  const room = await openRoom(config, around, closers)
  const keys = await openKeys({ ...room, record: recordKey })
  const trail = closers.add(await rotateLedger({ ...room, keys }))
  return inForce(trail)
}

/**
 * Gives up a ledger that cannot be gone on with and begins a new one, with the service stopped.
 * @throws PlatformError CONFIGURATION, DATA_DIRECTORY_IN_USE, RESOURCE_CONFLICT (nothing is wrong), OUT_OF_SPACE
 */
export async function beginNewLedger(
  config: OfflineConfig & { readonly reason: string },
  around: OfflineSurroundings,
): Promise<LedgerInForce & { readonly recovered: Recovered }> {
  if (config.reason.trim() === '')
    throw new PlatformError('INVALID_PARAMETER', 'say why the ledger is given up: --reason')
  await using closers = new Closers()
  const room = await openRoom(config, around, closers)
  // Not recorded: the ledger that is given up takes no more entries.
  const unrecorded = await openKeys(room)
  const recovered = await recoverLedger({ ...room, keys: unrecorded, reason: config.reason })
  const keys = await openKeys({ ...room, record: recordKey })
  const trail = closers.add(await openAudit({ ...room, keys }))
  await trail.checkpoint()
  return { ...inForce(trail), recovered }
}

function inForce({ epoch, origin, verifierKey }: AuditTrail): LedgerInForce {
  return { epoch, origin, verifierKey }
}

async function openRoom(config: OfflineConfig, around: OfflineSurroundings, closers: Closers) {
  const { dataDir, checkpointDir } = config
  const { clock, random, log } = around
  const { database } = dataPaths(dataDir)
  if (!existsSync(database))
    throw new PlatformError('CONFIGURATION', `\`${dataDir}\` is no data directory of a service`)
  closers.add(asyncOf(await lockDataDirectory(dataDir)))
  const store = closers.add(await openStore({ path: database }))
  const place = await store.reader
    .selectFrom('setting')
    .select('value')
    .where('name', '=', 'place')
    .executeTakeFirst()
  if (place === undefined)
    throw new PlatformError('CONFIGURATION', 'the service was never started on this data directory')
  const masterKey = loadMasterKey({ dataDir, random, ...masterKeyOptions(config) })
  const origin = `lacre/${place.value}/${random.uuid()}`
  return { store, masterKey, clock, log, dataDir, checkpointDir, origin }
}
