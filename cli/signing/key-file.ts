import { createPrivateKey, type KeyObject } from 'node:crypto'

import { PlatformError } from '../../services/model/index.ts'
import { parsePem } from '../../services/seal/index.ts'
import { COSIGN_LABELS, openCosignKey } from './encrypted/cosign-key.ts'
import type { PassphraseSource } from './passphrase.ts'

/**
 * A private key in PEM: PKCS#8, SEC1, PKCS#1, each plain or encrypted, and cosign's own encrypted form.
 * @param name how messages call it
 * @throws PlatformError INVALID_PARAMETER
 */
export async function openPemKey(
  pem: Buffer,
  name: string,
  passphrase: PassphraseSource,
): Promise<KeyObject> {
  if (!pem.includes('PRIVATE KEY')) throw refuse(`${name} is no private key in PEM`)
  const cosign = COSIGN_LABELS.some((label) => pem.includes(`-----BEGIN ${label}-----`))
  const encrypted = cosign || pem.includes('ENCRYPTED')
  const secret = encrypted ? await passphrase(name) : undefined
  if (encrypted && secret === undefined)
    throw refuse(`the key ${name} is encrypted: give --passphrase-file or set COSIGN_PASSWORD`)
  if (cosign) return openCosignKey(cosignBlock(pem, name), secret ?? '')
  try {
    return createPrivateKey({
      key: pem,
      format: 'pem',
      ...(secret !== undefined && { passphrase: secret }),
    })
  } catch (cause) {
    throw refuse(
      `the key ${name} cannot be read${encrypted ? ': is the passphrase right?' : ''}`,
      cause,
    )
  }
}

function cosignBlock(pem: Buffer, name: string): Uint8Array {
  try {
    const [block, ...more] = parsePem(pem.toString('latin1'))
    if (block !== undefined && more.length === 0 && COSIGN_LABELS.includes(block.label))
      return block.bytes
  } catch {
    // Said below: the form is all that is wrong with it.
  }
  throw refuse(`${name} is not one key in PEM as cosign writes it`)
}

function refuse(message: string, cause?: unknown): PlatformError {
  return new PlatformError('INVALID_PARAMETER', message, { cause })
}
