import { startApp } from './app.ts'
import { readConfig, type ServeOptions } from './config.ts'
import { createLogger } from './http/index.ts'
import { systemClock, systemRandom } from './model/index.ts'

export type { ServeOptions } from './config.ts'
/** Holds a data directory against its ledger, row by row; reads only, also beside a running service. */
export { verifyDirectory, type VerifyDirectoryOptions } from './audit/index.ts'

export interface ServeEvents {
  /** Called once, when requests are answered. */
  ready(url: string): void
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
  const stopped = new Promise<string>((resolve) => {
    for (const signal of ['SIGTERM', 'SIGINT'] as const) process.once(signal, () => resolve(signal))
  })
  await using app = await startApp(config, { clock: systemClock, random: systemRandom, log })
  for (const line of app.notices) events.say(line)
  events.ready(app.url)
  const signal = await stopped
  log.info({ signal }, 'stopping')
}
