import { resolve } from 'node:path'

import { parseListen, readLogLevel, readMasterKey, readTls, type Config } from './config.ts'
import { parseVerifierKey, type NoteKey } from './ledger/index.ts'

/** As `lacre witness serve` takes them. */
export interface WitnessServeOptions {
  readonly data: string
  readonly name?: string
  readonly listen?: string
  readonly logKey?: readonly string[]
  readonly tlsCert?: string
  readonly tlsKey?: string
  readonly masterKeyFile?: string
  readonly masterKey?: string
}

export interface WitnessServeConfig extends Pick<
  Config,
  'dataDir' | 'host' | 'port' | 'tls' | 'masterKey' | 'logLevel'
> {
  /** Of a witness that is made now; one that is there keeps its own. */
  readonly name: string | undefined
  /** Keys of the logs that it knows. */
  readonly logs: readonly NoteKey[]
}

const DEFAULT_WITNESS_PORT = 9_774

/** As `readConfig`, for a witness. @throws PlatformError CONFIGURATION, INVALID_PARAMETER */
export function readWitnessConfig(options: WitnessServeOptions): WitnessServeConfig {
  return Object.freeze({
    dataDir: resolve(options.data),
    ...parseListen(options.listen ?? `127.0.0.1:${DEFAULT_WITNESS_PORT}`),
    tls: readTls(options),
    masterKey: readMasterKey(options),
    logLevel: readLogLevel(),
    name: options.name,
    logs: (options.logKey ?? []).map((text) => parseVerifierKey(text)),
  })
}
