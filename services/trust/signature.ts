import { constants, createVerify, verify } from 'node:crypto'

import { limits, sha256, type ByteSource } from '../model/index.ts'
import { checkEcdsa, lowerTwin, malformed, type SignatureScheme } from '../seal/index.ts'
import type { VerificationCache } from './cache.ts'
import type { PublicKey } from './public-key.ts'

const CHUNK_BYTES = 1_048_576

/** @throws PlatformError INVALID_SEAL where this kind of key makes no such signature */
export function checkScheme(scheme: SignatureScheme, key: PublicKey): void {
  const kind = scheme.kind === 'ecdsa' ? 'ec' : scheme.kind === 'ed25519' ? 'ed25519' : 'rsa'
  if (kind !== key.kind)
    throw malformed(
      'algorithm-key',
      `the signature is of the kind ${scheme.kind}, the key is ${key.kind}`,
    )
}

/**
 * Whether `signature` is one by `key` over `signed`. An ECDSA signature must also be canonical DER with r and s in
 * range, so that nobody can change a seal's bytes and keep it good.
 */
export function verifySignature(
  scheme: SignatureScheme,
  key: PublicKey,
  signed: Uint8Array,
  signature: Uint8Array,
): boolean {
  checkScheme(scheme, key)
  if (!isCanonical(key, signature)) return false
  const algorithm = scheme.kind === 'ed25519' ? null : scheme.hash
  return verify(algorithm, signed, keyInput(scheme, key), signature)
}

/** As `verifySignature`, over a whole artifact (a bare message signature), read in pieces. */
export function verifySource(
  scheme: SignatureScheme,
  key: PublicKey,
  source: ByteSource,
  signature: Uint8Array,
): boolean {
  checkScheme(scheme, key)
  if (!isCanonical(key, signature)) return false
  if (scheme.kind === 'ed25519') {
    // pure Ed25519 reads the message twice, so Node wants it whole
    if (source.sizeBytes > limits.ZIPPED_INLINE_LIMIT_BYTES)
      throw malformed(
        'message-size',
        'an Ed25519 message signature over more than 50 MB cannot be checked; sign a statement',
      )
    return verify(null, source.read(0, source.sizeBytes), key.object, signature)
  }
  const verifier = createVerify(scheme.hash)
  const memory = Buffer.allocUnsafe(CHUNK_BYTES)
  for (let at = 0; at < source.sizeBytes; at += CHUNK_BYTES) {
    verifier.update(source.read(at, Math.min(CHUNK_BYTES, source.sizeBytes - at), memory))
  }
  return verifier.verify(keyInput(scheme, key), signature)
}

function keyInput(scheme: SignatureScheme, key: PublicKey): Parameters<typeof verify>[2] {
  if (scheme.kind === 'rsa-pss')
    return {
      key: key.object,
      padding: constants.RSA_PKCS1_PSS_PADDING,
      saltLength: scheme.saltBytes,
    }
  if (scheme.kind === 'rsa-pkcs1') return { key: key.object, padding: constants.RSA_PKCS1_PADDING }
  return key.object
}

function isCanonical(key: PublicKey, signature: Uint8Array): boolean {
  if (key.curve === undefined) return true
  try {
    checkEcdsa(signature, key.curve)
    return true
  } catch {
    return false
  }
}

/** How a key of this kind signs in a Sigstore bundle, which does not say: Sigstore's algorithm registry, and cosign's SHA-256. */
export function bundleSchemes(key: PublicKey): readonly SignatureScheme[] {
  if (key.kind === 'ed25519') return [{ kind: 'ed25519' }]
  if (key.kind === 'rsa') return [{ kind: 'rsa-pkcs1', hash: 'sha256' }]
  if (key.curve === 'P-256') return [{ kind: 'ecdsa', hash: 'sha256' }]
  if (key.curve === 'P-384')
    return [
      { kind: 'ecdsa', hash: 'sha384' },
      { kind: 'ecdsa', hash: 'sha256' },
    ]
  return [{ kind: 'ecdsa', hash: 'sha512' }]
}

/** `verifySignature` remembered by (artifact, signed bytes and signature, key). */
export function verifyOnce(
  cache: VerificationCache,
  artifactSha256: string,
  signature: Uint8Array,
  check: {
    readonly scheme: SignatureScheme
    readonly key: PublicKey
    /** The signed bytes, or the artifact itself, which `artifactSha256` names. */
    readonly signed: Uint8Array | ByteSource
  },
): boolean {
  const { scheme, key, signed } = check
  const plain = signed instanceof Uint8Array
  const digest = sha256(
    JSON.stringify(scheme),
    '\0',
    plain ? sha256(signed) : 'artifact',
    '\0',
    signature,
  )
  return cache.result(`${artifactSha256} ${digest} ${key.spkiSha256}`, () =>
    plain
      ? verifySignature(scheme, key, signed, signature)
      : verifySource(scheme, key, signed, signature),
  )
}

/** The signature in the form that anybody's (r, n - s) twin shares. */
export function stableSignature(signature: Uint8Array, key: PublicKey | undefined): Uint8Array {
  if (key?.curve === undefined) return signature
  try {
    return lowerTwin(signature, key.curve)
  } catch {
    return signature
  }
}
