import {
  constants,
  createHash,
  generateKeyPairSync,
  privateEncrypt,
  sign,
  verify,
} from 'node:crypto'

import fc from 'fast-check'
import { expect, test } from 'vitest'

import { verifyEcdsaDigest, verifyRsaDigest } from '../../../services/authority/log/prehashed.ts'

const CASES = [
  ['P-256', 'sha256'],
  ['P-384', 'sha384'],
] as const

for (const [curve, hash] of CASES) {
  const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: curve })
  const other = generateKeyPairSync('ec', { namedCurve: curve }).publicKey
  const digestOf = (message: Uint8Array): Buffer => createHash(hash).update(message).digest()

  test(`${curve}: a signature holds for a digest exactly where OpenSSL takes it for the message`, () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 100 }), fc.nat(200), fc.nat(7), (message, at, bit) => {
        const signature = sign(hash, message, privateKey)
        const changed = Buffer.from(signature)
        changed[at % changed.length] = (changed[at % changed.length] ?? 0) ^ (1 << bit)
        const digest = digestOf(message)
        const given = { hash, digest, signature }

        expect(verifyEcdsaDigest(publicKey, curve, given)).toBe(true)
        expect(verifyEcdsaDigest(other, curve, given)).toBe(false)
        expect(verifyEcdsaDigest(publicKey, curve, { ...given, signature: changed })).toBe(
          verify(hash, message, publicKey, changed),
        )
        const wrong = { ...given, digest: digestOf(Buffer.concat([message, Buffer.of(0)])) }
        expect(verifyEcdsaDigest(publicKey, curve, wrong)).toBe(false)
      }),
      { numRuns: 60 },
    )
  })

  test(`${curve}: refuses signatures that are no DER, zero, or out of range`, () => {
    const digest = digestOf(Buffer.from('x'))
    const signatures = ['', '00', '3006020100020100', '3006020101020100', '3006020100020101']

    const verdicts = signatures.map((hex) =>
      verifyEcdsaDigest(publicKey, curve, { hash, digest, signature: Buffer.from(hex, 'hex') }),
    )

    expect(verdicts).toEqual(signatures.map(() => false))
  })

  test(`${curve}: holds for the digest whose stand-in needs no moving`, () => {
    const message = Buffer.from('the digest was given, not the message')
    const signature = sign(hash, message, privateKey)

    expect(
      verifyEcdsaDigest(publicKey, curve, { hash, digest: digestOf(message), signature }),
    ).toBe(true)
  })
}

test('RSA: takes the one PKCS #1 encoding of the digest, and none beside it', () => {
  const { publicKey, privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 })
  const message = Buffer.from('signed')
  const digest = createHash('sha256').update(message).digest()
  const raw = (block: string): Buffer =>
    privateEncrypt(
      { key: privateKey, padding: constants.RSA_PKCS1_PADDING },
      Buffer.concat([Buffer.from(block, 'hex'), digest]),
    )
  const given = { hash: 'sha256', digest } as const
  const signatures = {
    sound: sign('sha256', message, privateKey),
    // DigestInfo without NULL, with a longer length, with a garbage byte behind it, and none at all.
    withoutNull: raw('302f300b0609608648016503040201' + '0420'),
    longLength: raw('308131300d060960864801650304020105000420'),
    bare: raw(''),
    pss: sign('sha256', message, { key: privateKey, padding: constants.RSA_PKCS1_PSS_PADDING }),
  }

  const verdicts = Object.fromEntries(
    Object.entries(signatures).map(([name, signature]) => [
      name,
      verifyRsaDigest(publicKey, { ...given, signature }),
    ]),
  )

  expect(verdicts).toEqual({
    sound: true,
    withoutNull: false,
    longLength: false,
    bare: false,
    pss: false,
  })
})
