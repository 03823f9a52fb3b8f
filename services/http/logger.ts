import { pino, stdTimeFunctions, type DestinationStream, type LevelWithSilent } from 'pino'

import type { Log } from '../operations/index.ts'

/** Never in a log, at the top or one level down: what signs, what opens, what functions were given. */
const SECRETS = [
  'authorization',
  'headers',
  'payload',
  'body',
  'secret',
  'secretAccessKey',
  'environment',
  'password',
  'token',
]

export interface LoggerOptions {
  readonly level: LevelWithSilent
  /** Standard error where none is given: standard output belongs to results. */
  readonly destination?: DestinationStream
}

/** One line of JSON per event; the message is a constant phrase, the facts are fields (STYLE "Logging"). */
export function createLogger(options: LoggerOptions): Log {
  return pino(
    {
      level: options.level,
      base: null,
      timestamp: stdTimeFunctions.isoTime,
      redact: { paths: SECRETS.flatMap((name) => [name, `*.${name}`]), censor: '[redacted]' },
    },
    options.destination ?? process.stderr,
  )
}
