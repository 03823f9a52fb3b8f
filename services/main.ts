import { pino } from 'pino'

import { startApp } from './app.ts'
import { readConfig, type ServeOptions } from './config.ts'
import { systemClock, systemRandom } from './model/index.ts'

export type { ServeOptions } from './config.ts'

export interface ServeEvents {
  /** Called once, when requests are answered. */
  ready(url: string): void
  /** A line for people: what is in force, and what this machine lacks. */
  say(line: string): void
}

/** Never in a log, whatever a caller hands over by mistake. */
const REDACTED = [
  'authorization',
  'secretAccessKey',
  'secret',
  'payload',
  'token',
  '*.authorization',
  '*.secretAccessKey',
  '*.secret',
  '*.payload',
  '*.token',
]

/**
 * Runs the service until SIGTERM or SIGINT, then ends it: requests finish, environments stop, the ledger gets its
 * last checkpoint.
 * @throws PlatformError CONFIGURATION, DATA_DIRECTORY_IN_USE, LEDGER_BROKEN
 */
export async function serve(options: ServeOptions, events: ServeEvents): Promise<void> {
  const config = readConfig(options, process.env)
  const log = pino({ level: config.logLevel, redact: REDACTED }, pino.destination(2))
  const stopped = new Promise<string>((resolve) => {
    for (const signal of ['SIGTERM', 'SIGINT'] as const) process.once(signal, () => resolve(signal))
  })
  await using app = await startApp(config, { clock: systemClock, random: systemRandom, log })
  for (const line of app.notices) events.say(line)
  events.ready(app.url)
  const signal = await stopped
  log.info({ signal }, 'stopping')
}
