import { type SealInput } from '../model/index.ts'
import { malformed, type Bundle, type BundleSigner } from '../seal/index.ts'
import type { EvidenceContext, Signer } from './signer.ts'
import { wrongSeal } from './findings.ts'
import type { PublicKey } from './public-key.ts'
import type { KnownPublisher } from './publisher-material.ts'
import { bundleSchemes, verifyOnce } from './signature.ts'

type KeyBundle = Bundle & { readonly signer: Extract<BundleSigner, { kind: 'key' }> }

/**
 * A bundle with a plain key does not carry it: the key is the one of a publisher's that verifies. A hint that names
 * a known key must be right; one that names another than the key that verifies is a lie (RULES §3).
 * @throws PlatformError INVALID_SEAL
 */
export function findKeySigner(
  bundle: KeyBundle,
  place: SealInput['place'],
  signed: Uint8Array | undefined,
  context: EvidenceContext,
): Signer {
  const hints = hintsOf(bundle, place)
  const keys = knownKeys(context.known)
  const named = hints.map((hint) => keys.get(hint)).find((key) => key !== undefined)
  if (named !== undefined && !verifies(bundle, named, signed, context))
    throw wrongSeal('signature-invalid', {
      expected: `a signature by the key SHA256:${named.spkiSha256} over this artifact`,
      got: 'the seal names that key but its signature does not verify with it',
      fix: 'the seal or the artifact was changed after signing: sign again',
    })
  // each try over a whole artifact reads it again: without a hint only keys that may sign so are tried
  const others = signed === undefined ? knownKeys(context.known.filter(allowsMessages)) : keys
  const key = named ?? [...others.values()].find((one) => verifies(bundle, one, signed, context))
  if (key !== undefined && hints.some((hint) => hint !== key.spkiSha256))
    throw malformed('hint', 'the key hint of the seal names another key than the one that signed')
  return { kind: 'key', key, hint: hints[0] ?? '' }
}

/**
 * `hint` and `keyid`: empty or the fingerprint, hex of SHA-256 of the SubjectPublicKeyInfo. cosign writes the same
 * digest in base64; detached seals of others may carry that, or names of their own, which then say nothing.
 */
function hintsOf(bundle: KeyBundle, place: SealInput['place']): readonly string[] {
  const { hint } = bundle.signer
  const keyid = bundle.content.kind === 'statement' ? bundle.content.keyid : ''
  return [hint, keyid].flatMap((text) => {
    if (text === '') return []
    if (/^[0-9a-f]{64}$/.test(text)) return [text]
    if (place === 'block')
      throw malformed('hint', 'the key hint of the seal is not the SHA-256 of a key in hex')
    const bytes = Buffer.from(text, 'base64')
    const fingerprint = bytes.length === 32 && bytes.toString('base64') === text
    return fingerprint ? [bytes.toString('hex')] : []
  })
}

function knownKeys(known: readonly KnownPublisher[]): ReadonlyMap<string, PublicKey> {
  const keys = new Map<string, PublicKey>()
  for (const { material } of known) {
    if (material.kind === 'key') for (const { key } of material.keys) keys.set(key.spkiSha256, key)
  }
  return keys
}

function allowsMessages({ publisher }: KnownPublisher): boolean {
  return publisher.document.forms.includes('message')
}

function verifies(
  bundle: Bundle,
  key: PublicKey,
  signed: Uint8Array | undefined,
  { input, cache }: EvidenceContext,
): boolean {
  return bundleSchemes(key).some((scheme) =>
    verifyOnce(cache, input.artifact.sha256, bundle.content.signature, {
      scheme,
      key,
      signed: signed ?? input.unsealed,
    }),
  )
}
