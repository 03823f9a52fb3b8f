import { LOGS_LIMIT_MIN_BYTES } from './logs/index.ts'
import { PlatformError } from './model/index.ts'

/** How much is kept of what functions wrote, and of single attempts; as shipped where undefined. */
export interface KeptLimits {
  readonly logsBytes: number | undefined
  readonly meteringBytes: number | undefined
}

/** `LACRE_LOGS_BYTES` and `LACRE_METERING_BYTES`. @throws PlatformError CONFIGURATION */
export function readKeptLimits(env: NodeJS.ProcessEnv): KeptLimits {
  return {
    logsBytes: readBytes(env, 'LACRE_LOGS_BYTES', LOGS_LIMIT_MIN_BYTES),
    meteringBytes: readBytes(env, 'LACRE_METERING_BYTES', LOGS_LIMIT_MIN_BYTES),
  }
}

/** A number of bytes in the environment. @throws PlatformError CONFIGURATION */
export function readBytes(env: NodeJS.ProcessEnv, name: string, least = 1): number | undefined {
  const text = env[name]
  if (text === undefined) return undefined
  const bytes = Number(text)
  if (/^\d{1,15}$/.test(text) && bytes >= least) return bytes
  const from = least > 1 ? ` from ${least} on` : ''
  throw new PlatformError('CONFIGURATION', `${name} \`${text}\` is no number of bytes${from}`)
}
