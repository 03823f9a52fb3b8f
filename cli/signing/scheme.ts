import { PlatformError } from '../../services/model/index.ts'
import type { HashName, SignatureScheme } from '../../services/seal/index.ts'
import { verifySignature, type PublicKey } from '../../services/trust/index.ts'
import type { Signer } from './signer.ts'

/** The one algorithm each kind of key signs with (Sigstore's registry; RFC 8419 for Ed25519 in CMS). */
export function usualScheme(publicKey: PublicKey): SignatureScheme {
  if (publicKey.kind === 'ed25519') return { kind: 'ed25519' }
  if (publicKey.kind === 'rsa') return { kind: 'rsa-pkcs1', hash: 'sha256' }
  const byCurve = { 'P-256': 'sha256', 'P-384': 'sha384', 'P-521': 'sha512' } as const
  return { kind: 'ecdsa', hash: byCurve[publicKey.curve ?? 'P-256'] }
}

/**
 * What a CMS is signed with. One digest goes over the whole artifact and over the signed attributes (RFC 8933 §3), so
 * that a key on a wider curve takes SHA-256 where its holder can: the artifact is named by that digest everywhere, and
 * whoever verifies need not read it twice. OpenSSL does the same.
 */
export function cmsScheme({ scheme, publicKey, anyDigest = false }: Signer): SignatureScheme {
  if (scheme !== undefined) return scheme
  const usual = usualScheme(publicKey)
  return usual.kind === 'ecdsa' && anyDigest ? { kind: 'ecdsa', hash: 'sha256' } : usual
}

/** The digest of the content that goes with the scheme in a CMS. */
export function digestOfScheme(scheme: SignatureScheme): HashName {
  return scheme.kind === 'ed25519' ? 'sha512' : scheme.hash
}

/** How PSS is asked for: the salt as long as the digest, as every KMS makes it. */
export function pssScheme(hash: HashName): SignatureScheme {
  return { kind: 'rsa-pss', hash, saltBytes: { sha256: 32, sha384: 48, sha512: 64 }[hash] }
}

/**
 * A signature that the signer's public key has verified: a holder that answers with another key's signature, or with
 * anything else, is found before a seal is made of it.
 * @throws PlatformError SIGNER_FAILED
 */
export async function signWith(
  signer: Signer,
  scheme: SignatureScheme,
  bytes: Uint8Array,
): Promise<Uint8Array> {
  const signature = await signer.sign(scheme, bytes)
  if (!verifySignature(scheme, signer.publicKey, bytes, signature))
    throw new PlatformError(
      'SIGNER_FAILED',
      'the holder of the key answered with a signature that the key did not make',
      { detail: { rule: 'wrong-signature' } },
    )
  return signature
}
