import { createPrivateKey, createPublicKey } from 'node:crypto'

import { PlatformError, type KeySuccession } from '../../services/model/index.ts'
import {
  parsePublicKey,
  successionBytes,
  VerificationCache,
  type PublicKey,
} from '../../services/trust/index.ts'
import { keySigner } from './key-signer.ts'
import { readSmallFile } from './read-file.ts'
import { signWith, usualScheme } from './scheme.ts'

/**
 * That the key in `successorPem` takes over from the one in the file. With the private half of the old key it is signed
 * by it, with the public half alone it is declared.
 * @throws PlatformError INVALID_PARAMETER
 */
export async function makeSuccession(
  predecessorFile: string,
  successorPem: string,
): Promise<KeySuccession> {
  const text = Buffer.from(readSmallFile(predecessorFile)).toString('utf8')
  const successor = toKey(successorPem)
  if (!text.includes('PRIVATE KEY')) return { predecessorPem: toPem(toKey(text)), successorPem }
  const signer = keySigner(readPrivate(text, predecessorFile))
  const bytes = successionBytes({
    predecessor: signer.publicKey.spkiSha256,
    successor: successor.spkiSha256,
  })
  const signature = Buffer.from(
    await signWith(signer, usualScheme(signer.publicKey), bytes),
  ).toString('base64')
  return { predecessorPem: toPem(signer.publicKey), successorPem, signature }
}

function readPrivate(pem: string, file: string) {
  try {
    return createPrivateKey(pem)
  } catch (cause) {
    throw new PlatformError('INVALID_PARAMETER', `\`${file}\` holds no open private key in PEM`, {
      cause,
    })
  }
}

function toKey(pem: string): PublicKey {
  try {
    const spki = createPublicKey(pem).export({ format: 'der', type: 'spki' })
    return parsePublicKey(spki, new VerificationCache())
  } catch (cause) {
    throw new PlatformError('INVALID_PARAMETER', 'a succession is between two public keys in PEM', {
      cause,
    })
  }
}

function toPem({ object }: PublicKey): string {
  return object.export({ format: 'pem', type: 'spki' }).toString()
}
