import { createHash, sign } from 'node:crypto'

import { expect, test } from 'vitest'

import { bufferSource, PlatformError, type ByteSource } from '../../../services/model/index.ts'
import { lowerTwin, otherTwin, type SignatureScheme } from '../../../services/seal/index.ts'
import { parsePublicKey, VerificationCache } from '../../../services/trust/index.ts'
import {
  bundleSchemes,
  checkScheme,
  stableSignature,
  verifyOnce,
  verifySignature,
  verifySource,
} from '../../../services/trust/signature.ts'
import { keyPair, type KeyKind, type KeyPair } from '../../support/pki.ts'

const ECDSA: SignatureScheme = { kind: 'ecdsa', hash: 'sha256' }
const ED25519: SignatureScheme = { kind: 'ed25519' }
const PKCS1: SignatureScheme = { kind: 'rsa-pkcs1', hash: 'sha256' }
const PSS: SignatureScheme = { kind: 'rsa-pss', hash: 'sha256', saltBytes: 32 }
const KINDS = ['p256', 'p384', 'p521', 'ed25519', 'rsa2048'] as const satisfies KeyKind[]
type Kind = (typeof KINDS)[number]

const pairs = Object.fromEntries(KINDS.map((kind) => [kind, keyPair(kind)])) as Record<
  Kind,
  KeyPair
>
const keyOf = (kind: Kind) =>
  parsePublicKey(
    pairs[kind].publicKey.export({ format: 'der', type: 'spki' }),
    new VerificationCache(),
  )
const message = Buffer.from('signed')

function signatureBy(kind: Kind, scheme: SignatureScheme, bytes: Uint8Array = message): Buffer {
  const key = pairs[kind].privateKey
  if (scheme.kind === 'ed25519') return sign(null, bytes, key)
  if (scheme.kind !== 'rsa-pss') return sign(scheme.hash, bytes, key)
  return sign(scheme.hash, bytes, { key, padding: 6, saltLength: scheme.saltBytes })
}

/** Whether it holds, or the rule by which it is refused. */
function outcome(check: () => boolean): boolean | string {
  try {
    return check()
  } catch (error) {
    if (!(error instanceof PlatformError)) throw error
    return `${String(error.detail['rule'])}: ${error.publicMessage}`
  }
}

const GOOD: readonly (readonly [Kind, SignatureScheme])[] = [
  ['p256', ECDSA],
  ['p384', { kind: 'ecdsa', hash: 'sha384' }],
  ['p521', { kind: 'ecdsa', hash: 'sha512' }],
  ['ed25519', ED25519],
  ['rsa2048', PKCS1],
  ['rsa2048', PSS],
]

test.each(GOOD)('%s and %j: holds over these bytes, and over no others', (kind, scheme) => {
  const signature = signatureBy(kind, scheme)
  const key = keyOf(kind)
  const over = (bytes: Uint8Array) => [
    verifySignature(scheme, key, bytes, signature),
    verifySource(scheme, key, bufferSource(bytes), signature),
  ]

  expect(over(message)).toEqual([true, true])
  expect(over(Buffer.from('Signed'))).toEqual([false, false])
  expect(verifySignature(scheme, key, message, signature.subarray(1))).toBe(false)
})

test.each(GOOD)('%s and %j: reads a source in pieces', (kind, scheme) => {
  for (const size of [0, 1, 1_048_575, 1_048_576, 1_048_577, 2_500_000]) {
    const bytes = Buffer.alloc(size, 7)
    const signature = signatureBy(kind, scheme, bytes)

    expect(verifySource(scheme, keyOf(kind), bufferSource(bytes), signature)).toBe(true)
  }
})

test('takes one way of RSA for no other', () => {
  const key = keyOf('rsa2048')
  const over = (scheme: SignatureScheme, made: SignatureScheme) =>
    verifySignature(scheme, key, message, signatureBy('rsa2048', made))

  expect([over(PKCS1, PSS), over(PSS, PKCS1)]).toEqual([false, false])
  expect(over({ ...PSS, saltBytes: 20 } as SignatureScheme, PSS)).toBe(false)
})

test.each<[Kind, SignatureScheme, string]>([
  ['p256', ED25519, 'the signature is of the kind ed25519, the key is ec'],
  ['p256', PKCS1, 'the signature is of the kind rsa-pkcs1, the key is ec'],
  ['ed25519', ECDSA, 'the signature is of the kind ecdsa, the key is ed25519'],
  ['ed25519', PSS, 'the signature is of the kind rsa-pss, the key is ed25519'],
  ['rsa2048', ECDSA, 'the signature is of the kind ecdsa, the key is rsa'],
  ['rsa2048', ED25519, 'the signature is of the kind ed25519, the key is rsa'],
])('a key of %s makes no signature by %j', (kind, scheme, said) => {
  const key = keyOf(kind)
  const bytes = Buffer.alloc(64)
  const refused = `algorithm-key: ${said}`

  expect(outcome(() => (checkScheme(scheme, key), true))).toBe(refused)
  expect(outcome(() => verifySignature(scheme, key, message, bytes))).toBe(refused)
  expect(outcome(() => verifySource(scheme, key, bufferSource(message), bytes))).toBe(refused)
})

test('refuses what is no one form of an ECDSA signature', () => {
  const signature = signatureBy('p256', ECDSA)
  const key = keyOf('p256')
  const longer = Buffer.concat([signature, Buffer.of(0)])

  expect(verifySignature(ECDSA, key, message, longer)).toBe(false)
  expect(verifySource(ECDSA, key, bufferSource(message), longer)).toBe(false)
  expect(verifySignature(ECDSA, key, message, otherTwin(signature, 'P-256'))).toBe(true)
})

test('says by which schemes a key signs in a bundle', () => {
  expect(KINDS.map((kind) => bundleSchemes(keyOf(kind)))).toEqual([
    [ECDSA],
    [{ kind: 'ecdsa', hash: 'sha384' }, ECDSA],
    [{ kind: 'ecdsa', hash: 'sha512' }],
    [ED25519],
    [PKCS1],
  ])
})

test('gives both twins of a signature one form, and leaves what has none', () => {
  const signature = signatureBy('p256', ECDSA)
  const key = keyOf('p256')
  const low = Buffer.from(lowerTwin(signature, 'P-256'))
  const other = Buffer.from('other')

  expect(low.equals(stableSignature(signature, key))).toBe(true)
  expect(low.equals(stableSignature(otherTwin(signature, 'P-256'), key))).toBe(true)
  expect(stableSignature(other, key)).toBe(other)
  expect(stableSignature(signature, keyOf('ed25519'))).toBe(signature)
  expect(stableSignature(signature, undefined)).toBe(signature)
})

/** Of more bytes than are held, none of which is read. */
const sourceOf = (sizeBytes: number): ByteSource => ({
  ...bufferSource(new Uint8Array()),
  sizeBytes,
  read: () => message,
})

test('checks Ed25519 over 50 MB at most', () => {
  const limit = 50 * 1_048_576
  const key = keyOf('ed25519')
  const signature = signatureBy('ed25519', ED25519)
  const over = (size: number) =>
    outcome(() => verifySource(ED25519, key, sourceOf(size), signature))

  expect(over(limit)).toBe(true)
  expect(over(limit + 1)).toMatch(
    /^message-size: an Ed25519 message signature over more than 50 MB/,
  )
})

test('remembers a signature by artifact, bytes, scheme and key', () => {
  const cache = new VerificationCache()
  const signature = signatureBy('p256', ECDSA)
  const artifact = createHash('sha256').update(message).digest('hex')
  const check = { scheme: ECDSA, key: keyOf('p256'), signed: message }
  const once = (name: string, change: Partial<typeof check> = {}, bytes: Uint8Array = signature) =>
    outcome(() => verifyOnce(cache, name, bytes, { ...check, ...change }))

  expect(once(artifact)).toBe(true)
  expect(once(artifact, { signed: Buffer.from('other') })).toBe(false)
  expect(once(artifact, { scheme: { kind: 'ecdsa', hash: 'sha384' } })).toBe(false)
  expect(once(artifact, {}, signature.subarray(1))).toBe(false)
  expect(once(artifact, { key: keyOf('p384') })).toBe(false)
  expect(once(artifact)).toBe(true)
  const source = { scheme: ECDSA, key: keyOf('p256'), signed: bufferSource(message) }
  expect(outcome(() => verifyOnce(cache, artifact, signature, source))).toBe(true)
  const foreign = { ...source, signed: bufferSource(Buffer.from('other')) }
  expect(outcome(() => verifyOnce(cache, 'another', signature, foreign))).toBe(false)
})
