import { constants, createPublicKey, sign, type KeyObject } from 'node:crypto'

import { parsePublicKey, VerificationCache } from '../../services/trust/index.ts'
import type { Signer } from './signer.ts'

/** A private key in this process's memory. @throws PlatformError INVALID_SEAL where its public half is weak */
export function keySigner(privateKey: KeyObject): Signer {
  const spki = createPublicKey(privateKey).export({ format: 'der', type: 'spki' })
  return {
    publicKey: parsePublicKey(spki, new VerificationCache()),
    anyDigest: true,
    sign: (scheme, bytes) => {
      const input =
        scheme.kind === 'rsa-pss'
          ? {
              key: privateKey,
              padding: constants.RSA_PKCS1_PSS_PADDING,
              saltLength: scheme.saltBytes,
            }
          : privateKey
      return Promise.resolve(sign(scheme.kind === 'ed25519' ? null : scheme.hash, bytes, input))
    },
  }
}
