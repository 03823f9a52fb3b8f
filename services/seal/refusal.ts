import { PlatformError } from '../model/index.ts'

/** A seal that cannot be read as exactly one thing. `rule` is one stable word for the cause. */
export function malformed(rule: string, message: string, cause?: unknown): PlatformError {
  return new PlatformError('INVALID_SEAL', message, { cause, detail: { rule } })
}
