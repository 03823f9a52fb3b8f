import { sha256 } from '../model/index.ts'
import type { Deps } from './context.ts'

const PURPOSE = 'environment-values'

/**
 * A keyed digest for values of environment variables: equal values have equal digests, and without the key a short
 * value cannot be guessed from its digest (RULES, Words). Ed25519 signs deterministically, so the hash of a signature
 * is a function that only the holder of the key can compute; the signature itself is never shown.
 */
export async function environmentDigest(deps: Deps): Promise<(value: string) => string> {
  const signer = await deps.keys.signer(PURPOSE)
  return (value) => sha256(signer.sign(new TextEncoder().encode(value)))
}
