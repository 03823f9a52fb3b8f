import {
  encodeDer,
  malformed,
  objectIdentifier,
  OID,
  readDer,
  sequence,
  TAG,
  type CurveName,
  type SignatureScheme,
} from '../../seal/index.ts'
import type { VerificationCache } from '../cache.ts'
import { parsePublicKey, type PublicKey } from '../public-key.ts'

interface KeyForm {
  readonly kind: PublicKey['kind']
  readonly curve?: CurveName
  readonly scheme: SignatureScheme
}

const RSA: KeyForm = { kind: 'rsa', scheme: { kind: 'rsa-pkcs1', hash: 'sha256' } }
/** Sigstore's names for kinds of keys, as far as logs sign with them. */
const FORMS: ReadonlyMap<string, KeyForm> = new Map<string, KeyForm>([
  [
    'PKIX_ECDSA_P256_SHA_256',
    { kind: 'ec', curve: 'P-256', scheme: { kind: 'ecdsa', hash: 'sha256' } },
  ],
  [
    'PKIX_ECDSA_P384_SHA_384',
    { kind: 'ec', curve: 'P-384', scheme: { kind: 'ecdsa', hash: 'sha384' } },
  ],
  [
    'PKIX_ECDSA_P521_SHA_512',
    { kind: 'ec', curve: 'P-521', scheme: { kind: 'ecdsa', hash: 'sha512' } },
  ],
  ['PKIX_ED25519', { kind: 'ed25519', scheme: { kind: 'ed25519' } }],
  ['PKCS1_RSA_PKCS1V5', RSA],
  ['PKIX_RSA_PKCS1V5', RSA],
  ['PKIX_RSA_PKCS1V15_2048_SHA256', RSA],
  ['PKIX_RSA_PKCS1V15_3072_SHA256', RSA],
  ['PKIX_RSA_PKCS1V15_4096_SHA256', RSA],
])

/**
 * The key of a log, which must be what its details say; `undefined` where the details name a kind that is not ours.
 * @throws PlatformError INVALID_SEAL
 */
export function parseLogKey(
  details: string,
  rawBytes: Uint8Array,
  cache: VerificationCache,
): { readonly key: PublicKey; readonly scheme: SignatureScheme } | undefined {
  const form = FORMS.get(details)
  if (form === undefined) return undefined
  const key = parsePublicKey(form === RSA ? toSpki(rawBytes) : rawBytes, cache)
  if (key.kind !== form.kind || key.curve !== form.curve)
    throw malformed('trusted-root', `the key of a log is not of the kind \`${details}\``)
  return { key, scheme: form.scheme }
}

/** `PKCS1_…` keys are the bare RSAPublicKey, whose first value is its modulus. */
function toSpki(bytes: Uint8Array): Uint8Array {
  if (readDer(bytes).children[0]?.tag !== TAG.integer) return bytes
  return sequence(
    sequence(objectIdentifier(OID.rsaEncryption), encodeDer(TAG.null)),
    encodeDer(TAG.bitString, Uint8Array.of(0), bytes),
  )
}
