import { malformed } from './refusal.ts'

/**
 * Standard alphabet, padded, unused bits zero: the one text that encodes these bytes.
 * @throws PlatformError INVALID_SEAL
 */
export function decodeBase64(text: string, what: string): Uint8Array {
  const bytes = Buffer.from(text, 'base64')
  if (bytes.toString('base64') !== text)
    throw malformed('base64', `${what} is not canonical base64`)
  return bytes
}

export function encodeBase64(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('base64')
}
