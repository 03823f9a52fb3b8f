import { createHash, createPublicKey } from 'node:crypto'

import { PlatformError } from '../../../services/model/index.ts'
import {
  integer,
  parsePem,
  sequence,
  type HashName,
  type SignatureScheme,
} from '../../../services/seal/index.ts'
import { parsePublicKey, VerificationCache, type PublicKey } from '../../../services/trust/index.ts'
import { failed } from './exchange.ts'

/** The public half that a holder tells. @throws PlatformError SIGNER_FAILED, INVALID_SEAL where the key is weak */
export function publicKeyOfPem(pem: string, holder: string): PublicKey {
  let spki: Uint8Array | undefined
  try {
    spki = parsePem(pem).find(({ label }) => label === 'PUBLIC KEY')?.bytes
  } catch {
    spki = undefined
  }
  if (spki === undefined)
    throw failed({ holder }, 'answers without a public key', 'malformed-answer')
  return parsePublicKey(spki, new VerificationCache())
}

/** From the members of a JSON Web Key (RFC 7517). @throws PlatformError SIGNER_FAILED, INVALID_SEAL */
export function publicKeyOfJwk(
  jwk: Readonly<Record<string, string | undefined>>,
  holder: string,
): PublicKey {
  let spki: Uint8Array
  try {
    spki = createPublicKey({ key: { ...jwk }, format: 'jwk' }).export({
      format: 'der',
      type: 'spki',
    })
  } catch {
    throw failed({ holder }, 'answers with a public key that cannot be read', 'malformed-answer')
  }
  return parsePublicKey(spki, new VerificationCache())
}

export function digestOfBytes(hash: HashName, bytes: Uint8Array): Buffer {
  return createHash(hash).update(bytes).digest()
}

/** r and s side by side, as tokens and Azure answer, in the DER that seals hold. */
export function ecdsaFromRaw(raw: Uint8Array, holder: string): Uint8Array {
  if (raw.byteLength === 0 || raw.byteLength % 2 !== 0)
    throw failed({ holder }, 'answers with half a signature', 'malformed-answer')
  const half = raw.byteLength / 2
  return sequence(integer(raw.subarray(0, half)), integer(raw.subarray(half)))
}

/** What a holder makes none of. */
export function cannotSign(holder: string, scheme: SignatureScheme): PlatformError {
  const hash = scheme.kind === 'ed25519' ? '' : ` with ${scheme.hash}`
  return new PlatformError(
    'INVALID_PARAMETER',
    `the key of ${holder} does not sign ${scheme.kind}${hash}`,
  )
}
