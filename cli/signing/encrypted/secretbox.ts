import { timingSafeEqual } from 'node:crypto'

import { poly1305 } from './poly1305.ts'
import { xsalsa20Stream } from './salsa20.ts'

export const SECRETBOX_KEY_BYTES = 32
export const SECRETBOX_NONCE_BYTES = 24
const TAG_BYTES = 16
/** The stream's first octets are the one-time key of the tag. */
const TAG_KEY_BYTES = 32

/** Opens NaCl's `crypto_secretbox` (tag, then ciphertext); `undefined` where the tag is not of this key. */
export function openSecretbox(
  box: Uint8Array,
  nonce: Uint8Array,
  key: Uint8Array,
): Buffer | undefined {
  if (box.byteLength < TAG_BYTES) return undefined
  const sealed = box.subarray(TAG_BYTES)
  const stream = xsalsa20Stream(key, nonce, TAG_KEY_BYTES + sealed.byteLength)
  const tag = poly1305(stream.subarray(0, TAG_KEY_BYTES), sealed)
  if (!timingSafeEqual(tag, box.subarray(0, TAG_BYTES))) return undefined
  return Buffer.from(sealed.map((octet, at) => octet ^ (stream[TAG_KEY_BYTES + at] ?? 0)))
}
