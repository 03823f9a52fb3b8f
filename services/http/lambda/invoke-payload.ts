import { PlatformError } from '../../model/index.ts'

/**
 * AWS refuses an event that is no JSON before any function sees it; none at all is let through.
 * Duplicate names and depth are the function's affair: its payload is not ours to read.
 * @throws PlatformError INVALID_REQUEST_CONTENT
 */
export function checkInvokePayload(payload: Uint8Array): void {
  if (payload.byteLength === 0) return
  try {
    JSON.parse(new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(payload))
  } catch (cause) {
    const reason = cause instanceof TypeError ? 'Invalid UTF-8' : (cause as Error).message
    throw new PlatformError(
      'INVALID_REQUEST_CONTENT',
      `Could not parse request body into json: Could not parse payload into json: ${reason.slice(0, 200)}`,
      { cause },
    )
  }
}
