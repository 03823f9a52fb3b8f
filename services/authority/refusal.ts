import { PlatformError, type ErrorCode } from '../model/index.ts'

/** A request that is answered no, with one stable word for why. */
export function refuse(
  reason: string,
  message: string,
  options: { readonly code?: ErrorCode; readonly cause?: unknown } = {},
): PlatformError {
  const { code = 'INVALID_PARAMETER', cause } = options
  return new PlatformError(code, message, { cause, detail: { reason } })
}
