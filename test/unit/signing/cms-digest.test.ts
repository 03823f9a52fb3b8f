import { expect, test } from 'vitest'

import { decodeCms } from '../../../services/seal/index.ts'
import {
  identityOf,
  issue,
  judgeZip,
  keyPair,
  openZip,
  publisher,
  sealOf,
} from '../../support/pki.ts'

const zip = await openZip()

test.each(['p256', 'p384', 'p521', 'rsa2048'] as const)(
  'a CMS by a key here is over SHA-256, which names the artifact anyway: %s',
  async (kind) => {
    const leaf = issue({ key: keyPair(kind) })

    const seal = await sealOf(zip, identityOf(leaf))

    expect(decodeCms(seal.bytes, 'block')).toMatchObject({
      digest: 'sha256',
      scheme: { hash: 'sha256' },
    })
    expect(judgeZip(zip, [publisher(leaf.pem)], { seals: [seal] }).kind).toBe('trusted')
  },
)

test.each([
  ['p384', 'sha384'],
  ['p521', 'sha512'],
] as const)(
  'a holder that signs with the digest of its curve alone is asked for that: %s',
  async (kind, digest) => {
    const leaf = issue({ key: keyPair(kind) })
    const identity = identityOf(leaf)
    const { anyDigest: _any, ...signer } = identity.signer

    const seal = await sealOf(zip, { ...identity, signer })

    expect(decodeCms(seal.bytes, 'block')).toMatchObject({ digest, scheme: { hash: digest } })
    expect(judgeZip(zip, [publisher(leaf.pem)], { seals: [seal] }).kind).toBe('trusted')
  },
)

test('Ed25519 keeps SHA-512 in a CMS, which RFC 8419 prescribes', async () => {
  const seal = await sealOf(zip, identityOf(issue({ key: keyPair('ed25519') })))

  expect(decodeCms(seal.bytes, 'block')).toMatchObject({
    digest: 'sha512',
    scheme: { kind: 'ed25519' },
  })
})
