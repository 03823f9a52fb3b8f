import { bundleFromJSON, bundleToJSON, type Bundle } from '@sigstore/bundle'
import { TrustedRoot } from '@sigstore/protobuf-specs'
import {
  DSSEBundleBuilder,
  FulcioSigner,
  MessageSignatureBundleBuilder,
  RekorWitness,
  TSAWitness,
  type BundleBuilder,
} from '@sigstore/sign'
import { Verifier, toSignedEntity, toTrustMaterial } from '@sigstore/verify'
import { expect, test } from 'vitest'

import { TestAuthority, TestIssuer } from '../../support/authority.ts'

const ARTIFACT = Buffer.from('what is signed')
const STATEMENT = Buffer.from(
  JSON.stringify({
    _type: 'https://in-toto.io/Statement/v1',
    subject: [{ name: 'f.zip', digest: { sha256: 'ab'.repeat(32) } }],
    predicateType: 'urn:lacre:seal:v1',
    predicate: {},
  }),
)

async function parts(authority: TestAuthority, token: string) {
  return {
    signer: new FulcioSigner({
      fulcioBaseURL: authority.url,
      identityProvider: { getToken: () => Promise.resolve(token) },
    }),
    witnesses: [
      new RekorWitness({ rekorBaseURL: authority.url, majorApiVersion: 2 }),
      new TSAWitness({ tsaBaseURL: authority.url }),
    ],
  }
}

async function verifierOf(authority: TestAuthority): Promise<Verifier> {
  const root = TrustedRoot.fromJSON(await authority.trustedRoot())
  return new Verifier(toTrustMaterial(root), {
    tlogThreshold: 1,
    ctlogThreshold: 1,
    tsaThreshold: 1,
  })
}

async function sign(
  builder: BundleBuilder,
  data: Buffer,
  type?: string,
): Promise<{ bundle: Bundle; version: string }> {
  const made = await builder.create(type === undefined ? { data } : { data, type })
  const bundle = bundleFromJSON(bundleToJSON(made))
  const version = made.verificationMaterial.tlogEntries[0]?.kindVersion.version ?? ''
  return { bundle, version }
}

test('@sigstore/sign signs a message through the authority, and @sigstore/verify takes it by the trusted root', async () => {
  await using issuer = await TestIssuer.start()
  await using authority = await TestAuthority.start(issuer)
  const builder = new MessageSignatureBundleBuilder(await parts(authority, await issuer.token()))

  const { bundle, version } = await sign(builder, ARTIFACT)
  const verifier = await verifierOf(authority)
  const signer = verifier.verify(toSignedEntity(bundle, ARTIFACT))

  expect(version).toBe('0.0.2')
  expect(signer.identity?.subjectAlternativeName).toBe('ada@example.org')
  expect(signer.identity?.extensions?.issuer).toBe(issuer.url)
  expect(() => verifier.verify(toSignedEntity(bundle, Buffer.from('another')))).toThrow()
})

test('@sigstore/sign signs a statement through the authority, and @sigstore/verify takes it by the trusted root', async () => {
  await using issuer = await TestIssuer.start()
  await using authority = await TestAuthority.start(issuer)
  const builder = new DSSEBundleBuilder(await parts(authority, await issuer.token()))

  const { bundle, version } = await sign(builder, STATEMENT, 'application/vnd.in-toto+json')
  const signer = (await verifierOf(authority)).verify(toSignedEntity(bundle))

  expect(version).toBe('0.0.2')
  expect(signer.identity?.subjectAlternativeName).toBe('ada@example.org')
})

test('a bundle of one authority is not taken by the trusted root of another', async () => {
  await using issuer = await TestIssuer.start()
  await using authority = await TestAuthority.start(issuer)
  await using other = await TestAuthority.start(issuer)
  const builder = new MessageSignatureBundleBuilder(await parts(authority, await issuer.token()))

  const { bundle } = await sign(builder, ARTIFACT)
  const verifier = await verifierOf(other)

  expect(() => verifier.verify(toSignedEntity(bundle, ARTIFACT))).toThrow()
})
