import { startApp } from './app.ts'
import {
  readAuthorityConfig,
  readConfig,
  readOfflineConfig,
  type AuthorityServeOptions,
  type Config,
  type ServeOptions,
} from './config.ts'
import { createLogger } from './http/index.ts'
import { systemClock, systemRandom } from './model/index.ts'
import { beginNewLedger, rotateLedgerKey, type LedgerInForce } from './offline-ledger.ts'
import { rollbackOffline, type OfflineRollback, type RolledBack } from './offline-policies.ts'
import { startAuthority } from './serve-authority.ts'
import { startWitness, witnessKey } from './serve-witness.ts'
import { readWitnessConfig, type WitnessServeOptions } from './witness-config.ts'

export type { AuthorityServeOptions, ServeOptions } from './config.ts'
export type { WitnessServeOptions } from './witness-config.ts'
export type { LedgerInForce } from './offline-ledger.ts'
export type { RolledBack } from './offline-policies.ts'
/** What the private authority hands out, and its new keys. */
export { readTrustedRoot, rotateAuthority } from './serve-authority.ts'
/** A data directory backed up, also while it is used; and made again from a backup. */
export { backUpDirectory, restoreDirectory } from './offline-backup.ts'
/** Everything stored of a service that does not run, held against what it should be. */
export { scrubDirectory } from './offline-scrub.ts'
/** What functions would run in here, probed as a service does at its start. */
export { probeIsolation } from './offline-isolation.ts'
/** Holds a data directory against its ledger, row by row; reads only, also beside a running service. */
export { verifyDirectory, type VerifyDirectoryOptions } from './audit/index.ts'

/**
 * Puts an earlier policy set in force with the service stopped (RULES §5).
 * @throws PlatformError DATA_DIRECTORY_IN_USE while it runs, and as `rollbackOffline`
 */
export async function rollbackPolicies(
  options: Pick<ServeOptions, 'data' | 'masterKeyFile'> &
    Pick<OfflineRollback, 'kind' | 'version' | 'ifVersion'>,
): Promise<RolledBack> {
  const { kind, version, ifVersion } = options
  const { logLevel, ...config } = readOfflineConfig(options)
  const log = createLogger({ level: logLevel })
  const around = { clock: systemClock, random: systemRandom, log }
  return await rollbackOffline({ ...config, kind, version, ifVersion }, around)
}

/** What changes the ledger with the service stopped. */
export type OfflineLedgerOptions = Pick<
  ServeOptions,
  'data' | 'masterKeyFile' | 'masterKey' | 'checkpointDir'
>

/**
 * A new key for the ledger: it ends by naming its successor, and a new ledger begins (RULES §6).
 * @throws PlatformError as `rotateLedgerKey`
 */
export async function rotateLogKey(options: OfflineLedgerOptions): Promise<LedgerInForce> {
  const { logLevel, ...config } = readOfflineConfig(options)
  return await rotateLedgerKey(config, offline(logLevel))
}

/**
 * Begins a new ledger where the old one cannot be gone on with.
 * @throws PlatformError as `beginNewLedger`
 */
export async function beginEpoch(
  options: OfflineLedgerOptions & { readonly reason: string },
): ReturnType<typeof beginNewLedger> {
  const { logLevel, ...config } = readOfflineConfig(options)
  return await beginNewLedger({ ...config, reason: options.reason }, offline(logLevel))
}

function offline(level: Config['logLevel']) {
  return { clock: systemClock, random: systemRandom, log: createLogger({ level }) }
}

export interface ServeEvents {
  /** Called once, when requests are answered; by `functionUrls` those of functions are, where they are on. */
  ready(url: string, functionUrls?: string): void
  /** A line for people: what is in force, and what this machine lacks. */
  say(line: string): void
}

/**
 * Runs the service until SIGTERM or SIGINT, then ends it: requests finish, environments stop, the ledger gets its
 * last checkpoint.
 * @throws PlatformError CONFIGURATION, DATA_DIRECTORY_IN_USE, LEDGER_BROKEN
 */
export async function serve(options: ServeOptions, events: ServeEvents): Promise<void> {
  const config = readConfig(options)
  const log = createLogger({ level: config.logLevel })
  const stopped = stopSignal()
  await using app = await startApp(config, { clock: systemClock, random: systemRandom, log })
  for (const line of app.notices) events.say(line)
  events.ready(app.url, app.functionUrls)
  const signal = await stopped
  log.info({ signal }, 'stopping')
}

/**
 * Runs the private authority until SIGTERM or SIGINT, then ends it: requests finish, the log is closed.
 * @throws PlatformError CONFIGURATION, DATA_DIRECTORY_IN_USE, LEDGER_BROKEN
 */
export async function serveAuthority(
  options: AuthorityServeOptions,
  events: ServeEvents,
): Promise<void> {
  const config = readAuthorityConfig(options)
  const log = createLogger({ level: config.logLevel })
  const stopped = stopSignal()
  const around = { clock: systemClock, random: systemRandom, log }
  await using authority = await startAuthority(config, around)
  for (const line of authority.notices) events.say(line)
  events.ready(authority.url)
  const signal = await stopped
  log.info({ signal }, 'stopping')
}

/**
 * Runs a witness until SIGTERM or SIGINT, then ends it.
 * @throws PlatformError CONFIGURATION, DATA_DIRECTORY_IN_USE
 */
export async function serveWitness(
  options: WitnessServeOptions,
  events: { ready(url: string, verifierKey: string): void },
): Promise<void> {
  const config = readWitnessConfig(options)
  const log = createLogger({ level: config.logLevel })
  const stopped = stopSignal()
  const around = { clock: systemClock, random: systemRandom, log }
  await using witness = await startWitness(config, around)
  events.ready(witness.url, witness.verifierKey)
  const signal = await stopped
  log.info({ signal }, 'stopping')
}

/** The verifier key of a witness, made where it is not there yet. @throws PlatformError CONFIGURATION */
export async function readWitnessKey(options: WitnessServeOptions): Promise<string> {
  return await witnessKey(readWitnessConfig(options), { random: systemRandom })
}

function stopSignal(): Promise<string> {
  return new Promise((resolve) => {
    for (const signal of ['SIGTERM', 'SIGINT'] as const) process.once(signal, () => resolve(signal))
  })
}
