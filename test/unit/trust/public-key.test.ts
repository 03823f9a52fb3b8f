import { expect, test } from 'vitest'

import { PlatformError } from '../../../services/model/index.ts'
import {
  encodeDer,
  integer,
  objectIdentifier,
  sequence,
  TAG,
} from '../../../services/seal/index.ts'
import { parsePublicKey, VerificationCache } from '../../../services/trust/index.ts'

const bitString = (bytes: Uint8Array): Uint8Array =>
  encodeDer(TAG.bitString, Uint8Array.of(0), bytes)

/** Its kind, or why it is refused. */
function outcome(spki: Uint8Array): string {
  try {
    return parsePublicKey(spki, new VerificationCache()).kind
  } catch (error) {
    if (!(error instanceof PlatformError)) throw error
    return `${String(error.detail['rule'])}: ${error.publicMessage}`
  }
}

/** Little-endian, as RFC 8032 writes y and the sign of x above it. */
function ed25519(y: bigint): Uint8Array {
  const octets = Buffer.from(y.toString(16).padStart(64, '0'), 'hex').reverse()
  return sequence(sequence(objectIdentifier('1.3.101.112')), bitString(octets))
}

const PRIME = 2n ** 255n - 19n
const SIGN = 2n ** 255n
const SMALL = 'weak-key: the Ed25519 key is a point of small order'
const OTHER_FORM = 'public-key: the Ed25519 key is not in its one encoding'
/** RFC 8032 §7.1, test 1. */
const GOOD = BigInt(
  `0x${Buffer.from('d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a', 'hex').reverse().toString('hex')}`,
)

test.each<[string, bigint, string]>([
  ['that is one', GOOD, 'ed25519'],
  ['0', 0n, SMALL],
  ['0 with a sign', SIGN, SMALL],
  ['1', 1n, SMALL],
  ['1 with a sign', SIGN + 1n, SMALL],
  ['the prime less 1', PRIME - 1n, SMALL],
  ['order 8', 0x7a03ac9277fdc74ec6cc392cfa53202a0f67100d760b3cba4fd84d3d706a17c7n, SMALL],
  [
    'order 8, the other',
    0x05fc536d880238b13933c6d305acdfd5f098eff289f4c345b027b2c28f95e826n,
    SMALL,
  ],
  ['the prime', PRIME, OTHER_FORM],
  ['the prime and 1', PRIME + 1n, OTHER_FORM],
  ['the greatest', SIGN - 1n, OTHER_FORM],
  ['the greatest with a sign', 2n * SIGN - 1n, OTHER_FORM],
])('reads an Ed25519 key of y %s', (_title, y, expected) => {
  expect(outcome(ed25519(y))).toBe(expected)
})

/** A modulus of so many bits, whose factors nobody knows. */
function rsa(bits: number, exponent: bigint): Uint8Array {
  const octets = (number: bigint): Uint8Array => {
    const hex = number.toString(16)
    return Buffer.from(`00${hex.padStart(hex.length + (hex.length % 2), '0')}`, 'hex')
  }
  const modulus = 2n ** BigInt(bits - 1) + 1n
  return sequence(
    sequence(objectIdentifier('1.2.840.113549.1.1.1'), encodeDer(TAG.null)),
    bitString(sequence(integer(octets(modulus)), integer(octets(exponent)))),
  )
}

const EXPONENT = 'weak-key: the RSA key has an exponent that is refused'

test.each<[bigint, string]>([
  [1n, EXPONENT],
  [2n, EXPONENT],
  [3n, 'rsa'],
  [4n, EXPONENT],
  [65_537n, 'rsa'],
  [65_538n, EXPONENT],
  [2n ** 32n - 1n, 'rsa'],
  [2n ** 32n + 1n, 'rsa'],
  [2n ** 39n - 1n, 'rsa'],
  [2n ** 39n + 1n, EXPONENT],
  [2n ** 40n + 1n, EXPONENT],
])('reads an RSA key with the exponent %s', (exponent, expected) => {
  expect(outcome(rsa(2_048, exponent))).toBe(expected)
})

const ofBits = (bits: number): string =>
  `weak-key: an RSA key of ${bits} bits is refused, 2048 to 16384 count`

test.each<[number, string]>([
  [1_024, ofBits(1_024)],
  [2_047, ofBits(2_047)],
  [2_048, 'rsa'],
  [8_192, 'rsa'],
  [16_384, 'rsa'],
  [16_385, ofBits(16_385)],
])('reads an RSA key of %i bits', (bits, expected) => {
  expect(outcome(rsa(bits, 65_537n))).toBe(expected)
})
