import { createHash, createPublicKey } from 'node:crypto'

import { bundleFromJSON, type SerializedBundle } from '@sigstore/bundle'
import { toSignedEntity, toTrustMaterial, Verifier } from '@sigstore/verify'
import { DSSEBundleBuilder, type Signer } from '@sigstore/sign'
import { expect, test } from 'vitest'

import { sign } from 'node:crypto'

import { unsealedSource } from '../../../services/artifact/index.ts'
import { bundleToJSON } from '@sigstore/bundle'
import { encodeSealStatement } from '../../../services/seal/index.ts'
import {
  identityOf,
  judgeZip,
  keyPair,
  openZip,
  publicPem,
  publisher,
  sealOf,
} from '../../support/pki.ts'

const zip = await openZip()

/** What @sigstore/verify says of a bundle under one plain key. */
function verifyBySigstore(bytes: Uint8Array, pem: string): void {
  const bundle = bundleFromJSON(JSON.parse(Buffer.from(bytes).toString('utf8')) as SerializedBundle)
  const root = {
    tlogs: [],
    ctlogs: [],
    certificateAuthorities: [],
    timestampAuthorities: [],
    mediaType: '',
  }
  const material = toTrustMaterial(root, () => ({
    publicKey: createPublicKey(pem),
    validFor: () => true,
  }))
  new Verifier(material, { tlogThreshold: 0, ctlogThreshold: 0, timestampThreshold: 0 }).verify(
    toSignedEntity(bundle),
  )
}

test.each(['p256', 'ed25519', 'rsa2048'] as const)(
  '@sigstore/verify accepts our bundle by a %s key',
  async (kind) => {
    const key = keyPair(kind)
    const seal = await sealOf(zip, identityOf(key), { predicate: { kind: 'function' } })

    expect(() => verifyBySigstore(seal.bytes, publicPem(key))).not.toThrow()
    expect(() => verifyBySigstore(seal.bytes, publicPem(keyPair(kind, 'other')))).toThrow()
  },
)

test('we accept beside a zip a bundle that @sigstore/sign made, with its hint and empty members', async () => {
  const key = keyPair()
  const identity = identityOf(key)
  const signer: Signer = {
    sign: (data) =>
      Promise.resolve({
        signature: sign('sha256', data, key.privateKey),
        key: {
          $case: 'publicKey',
          publicKey: publicPem(key),
          // cosign's form of the fingerprint
          hint: createHash('sha256').update(identity.publicKey.spki).digest('base64'),
        },
      }),
  }
  const data = Buffer.from(encodeSealStatement({ name: 'f.zip', sha256: zip.sha256 }, {}))
  const bundle = await new DSSEBundleBuilder({ signer, witnesses: [] }).create({
    data,
    type: 'application/vnd.in-toto+json',
  })
  const bytes = Buffer.from(JSON.stringify(bundleToJSON(bundle)))

  const verdict = judgeZip(zip, [publisher(publicPem(key))], {
    detached: [{ format: 'bundle', place: 'detached', bytes }],
  })

  expect(unsealedSource(zip).sizeBytes).toBe(zip.sizeBytes)
  expect(verdict.kind).toBe('trusted')
})
