import type { SealFormat, SealInput } from '../model/index.ts'
import { decodeBundle, encodeBundle, type Bundle } from './bundle.ts'
import { decodeCms, encodeCms, type Cms } from './cms.ts'

export type DecodedSeal = Bundle | Cms

/** @throws PlatformError INVALID_SEAL */
export function decodeSeal(seal: SealInput): DecodedSeal {
  return seal.format === 'bundle'
    ? decodeBundle(seal.bytes, seal.place)
    : decodeCms(seal.bytes, seal.place)
}

/** The canonical bytes of a seal: what stands in a block. */
export function encodeSeal(seal: DecodedSeal): Uint8Array {
  return seal.format === 'bundle' ? encodeBundle(seal) : encodeCms(seal)
}

/** A detached seal says by its first byte what it is: a bundle is JSON. */
export function formatOfDetached(bytes: Uint8Array): SealFormat {
  for (const byte of bytes) {
    if (byte === 0x20 || byte === 0x09 || byte === 0x0a || byte === 0x0d) continue
    return byte === 0x7b ? 'bundle' : 'cms'
  }
  return 'cms'
}
