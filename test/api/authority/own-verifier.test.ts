import { bundleToJSON } from '@sigstore/bundle'
import { DSSEBundleBuilder, FulcioSigner, RekorWitness, TSAWitness } from '@sigstore/sign'
import { expect, test } from 'vitest'

import {
  bufferSource,
  canonicalJson,
  sha256,
  type Json,
  type Verdict,
} from '../../../services/model/index.ts'
import { STATEMENT_PAYLOAD_TYPE, encodeSealStatement } from '../../../services/seal/index.ts'
import { judge, parsePublisherDocument } from '../../../services/trust/index.ts'
import { TestAuthority, TestIssuer } from '../../support/authority.ts'

const ARTIFACT = Buffer.from('an artifact, as far as a signature is concerned')

async function sealBy(authority: TestAuthority, token: string): Promise<Uint8Array> {
  const signer = new FulcioSigner({
    fulcioBaseURL: authority.url,
    identityProvider: { getToken: () => Promise.resolve(token) },
  })
  const witnesses = [
    new RekorWitness({ rekorBaseURL: authority.url, majorApiVersion: 2 }),
    new TSAWitness({ tsaBaseURL: authority.url }),
  ]
  const data = Buffer.from(encodeSealStatement({ name: 'f.zip', sha256: sha256(ARTIFACT) }, {}))
  const builder = new DSSEBundleBuilder({ signer, witnesses })
  const bundle = await builder.create({ data, type: STATEMENT_PAYLOAD_TYPE })
  return Buffer.from(canonicalJson(bundleToJSON(bundle) as Json))
}

function judgeBy(document: Record<string, unknown>, seal: Uint8Array, atMs: number): Verdict {
  const digest = sha256(ARTIFACT)
  return judge({
    artifact: {
      codeSha256: digest,
      sha256: digest,
      tree: digest,
      sizeBytes: ARTIFACT.length,
      unzippedBytes: 0,
      entryCount: 0,
    },
    unsealed: bufferSource(ARTIFACT),
    kind: 'function',
    name: 'f',
    account: '000000000000',
    seals: [{ format: 'bundle', place: 'detached', bytes: seal }],
    publishers: [
      {
        id: 'pub-1',
        name: 'team',
        version: 'AAAAAAAAAA',
        arn: 'arn:aws:signer:us-east-1:000000000000:/signing-profiles/team/AAAAAAAAAA',
        status: 'Active',
        createdAtMs: 0,
        document: parsePublisherDocument(document),
        allowed: true,
      },
    ],
    revocations: [],
    atMs,
  })
}

test('a statement signed through the authority is trusted by a publisher of the kind oidc, also a year later, and by no other name or root', async () => {
  await using issuer = await TestIssuer.start()
  await using authority = await TestAuthority.start(issuer)
  await using other = await TestAuthority.start(issuer)
  const seal = await sealBy(authority, await issuer.token())
  const document = {
    kind: 'oidc',
    trustedRoot: JSON.stringify(await authority.trustedRoot()),
    issuer: issuer.url,
    identity: { type: 'email', value: 'ada@example.org' },
  }
  const now = Date.now()

  const kinds = {
    now: judgeBy(document, seal, now),
    later: judgeBy(document, seal, now + 365 * 86_400_000),
    bob: judgeBy({ ...document, identity: { type: 'email', value: 'bob@example.org' } }, seal, now),
    root: judgeBy(
      { ...document, trustedRoot: JSON.stringify(await other.trustedRoot()) },
      seal,
      now,
    ),
  }

  const found = Object.fromEntries(Object.entries(kinds).map(([name, { kind }]) => [name, kind]))
  expect(found, JSON.stringify(kinds.now, null, 1)).toMatchObject({
    now: 'trusted',
    later: 'trusted',
  })
  expect(found['bob']).not.toBe('trusted')
  expect(found['root']).not.toBe('trusted')
})
