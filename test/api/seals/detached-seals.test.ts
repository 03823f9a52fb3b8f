import { UpdateFunctionCodeCommand } from '@aws-sdk/client-lambda'
import { afterAll, describe, expect, it } from 'vitest'

import { verifyLedger } from '../../../services/audit/index.ts'
import { sha256, type Json } from '../../../services/model/index.ts'
import { startTestApp } from '../../support/app.ts'
import { createActive } from '../../support/functions.ts'
import { governance, type GovernanceCall } from '../../support/governance.ts'
import { identityOf, issue, openZip, sealOf } from '../../support/pki.ts'
import { nodePackage } from '../../support/packages.ts'
import { keyPair } from '../../support/publisher-keys.ts'
import { createConfig, createPublisher } from '../../support/publishing.ts'
import { IDENTITY, ISSUER, TestSigstore } from '../../support/sigstore.ts'
import { bundleSeal, sealedZip } from '../../support/zip-seals.ts'
import { decisions, stored } from '../../support/stored.ts'

const app = await startTestApp()
afterAll(() => app[Symbol.asyncDispose]())

const publisher = await createPublisher(app, 'detached')
const config = await createConfig(app, 'Enforce', publisher.arn)

interface Attached {
  readonly sha256: string
  readonly seals: readonly {
    readonly outcome: string
    readonly kept: 'added' | 'replaced' | 'unchanged'
    readonly publisher?: { readonly name: string }
  }[]
}
interface Refusal {
  readonly error: { readonly code: string; readonly message: string }
}

const bundle = (bytes: Uint8Array) => ({
  format: 'bundle',
  body: Buffer.from(bytes).toString('base64'),
})
const attach = async <T = Attached>(
  digest: string,
  seals: readonly Uint8Array[],
  method: GovernanceCall['method'] = 'PUT',
) =>
  await governance<T>(app.admin, {
    method,
    path: `/artifacts/${digest}/seals`,
    body: { seals: seals.map(bundle) },
  })
const upload = async (zip: Uint8Array): Promise<string> => {
  const digest = sha256(zip)
  await governance(app.admin, { method: 'PUT', path: `/artifacts/${digest}`, raw: zip })
  return digest
}

/** The bundle with one bit of its signature changed. */
function forged(bundle: Uint8Array): Buffer {
  const seal = JSON.parse(Buffer.from(bundle).toString()) as {
    dsseEnvelope: { signatures: { sig: string }[] }
  }
  const [signature] = seal.dsseEnvelope.signatures
  if (signature !== undefined) {
    const bytes = Buffer.from(signature.sig, 'base64')
    bytes[bytes.length - 1] = (bytes.at(-1) ?? 0) ^ 1
    signature.sig = bytes.toString('base64')
  }
  return Buffer.from(JSON.stringify(seal))
}

describe('before the deployment', () => {
  it('lets unsealed bytes pass under Enforce by a seal beside them', async () => {
    const zip = nodePackage('beside')
    const digest = await upload(zip)

    const { status, headers, body } = await attach(digest, [
      await bundleSeal(zip, publisher.privateKey),
    ])

    expect(status).toBe(200)
    expect(body).toMatchObject({
      sha256: digest,
      seals: [{ outcome: 'trusted', publisher: { name: 'detached' } }],
    })
    expect(await decisions(app.deps)).toMatchObject({
      last: { id: headers.get('x-lacre-decision-id'), action: 'lacre:AttachSeals' },
    })
    const made = await createActive(app.client, 'beside', {
      Code: { S3Bucket: 'lacre', S3Key: digest },
      CodeSigningConfigArn: config,
    })
    expect(made.FunctionArn).toContain(':function:beside')
  })

  it('keeps seals under the unsealed digest, whichever digest names the bytes', async () => {
    const zip = nodePackage('both')
    const sealed = await sealedZip(zip, await bundleSeal(zip, keyPair().privateKey))

    const { body } = await attach(await upload(sealed), [
      await bundleSeal(zip, publisher.privateKey),
    ])

    expect(body.sha256).toBe(sha256(zip))
  })

  it('keeps an equal seal once', async () => {
    const zip = nodePackage('twice')
    const digest = await upload(zip)
    const seal = await bundleSeal(zip, publisher.privateKey)

    await attach(digest, [seal])
    const { status, body } = await attach(digest, [seal, seal])

    expect(status).toBe(200)
    expect(body.seals.map(({ kept }) => kept)).toEqual(['unchanged', 'unchanged'])
    const rows = await app.deps.store.reader
      .selectFrom('detached_seal')
      .select('seal_digest')
      .where('artifact_sha256', '=', digest)
      .execute()
    expect(rows).toHaveLength(1)
  })

  it('keeps a signature in the wrapping that says most, whichever came first', async () => {
    const sigstore = new TestSigstore()
    await governance(app.admin, {
      method: 'POST',
      path: '/publishers',
      body: {
        name: 'keyless',
        document: {
          kind: 'oidc',
          trustedRoot: sigstore.trustedRoot(),
          issuer: ISSUER,
          identity: { type: 'uri', value: IDENTITY },
        },
      },
    })
    const zip = nodePackage('wrapped')
    const digest = await upload(zip)
    const { bundle: full } = sigstore.sign(zip)
    const { tlogEntries: _log, ...material } = full['verificationMaterial'] as { tlogEntries: Json }
    const stripped = { ...full, verificationMaterial: material }
    const put = async (bundle: Json) => {
      const { body } = await attach(digest, [Buffer.from(JSON.stringify(bundle))])
      return [body.seals[0]?.outcome, body.seals[0]?.kept]
    }

    expect(await put(stripped)).toEqual(['untrusted', 'added'])
    expect(await put(full)).toEqual(['trusted', 'replaced'])
    expect(await put(stripped)).toEqual(['untrusted', 'unchanged'])
    const rows = await app.deps.store.reader
      .selectFrom('detached_seal')
      .select('body')
      .where('artifact_sha256', '=', digest)
      .execute()
    expect(rows).toEqual([{ body: Buffer.from(JSON.stringify(full)).toString('base64') }])
    const ledger = await app.deps.store.snapshot(
      async (reader) => await verifyLedger(reader, { data: true }),
    )
    expect(ledger.findings).toEqual([])
  })

  it('refuses a seal by a key that nobody knows, which could be made tampered later', async () => {
    const zip = nodePackage('nobody')
    const digest = await upload(zip)
    const { publicPem, privateKey } = keyPair()
    const sound = await bundleSeal(zip, privateKey)
    const poison = forged(sound)
    const before = [await stored(app.deps), await decisions(app.deps)]

    for (const seal of [sound, poison]) {
      const { status, body } = await attach<Refusal>(digest, [seal])
      expect(status).toBe(400)
      expect(body.error).toMatchObject({ code: 'INVALID_SEAL' })
      expect(body.error.message).toContain('register its key as a publisher first')
    }
    expect([await stored(app.deps), await decisions(app.deps)]).toEqual(before)

    await governance(app.admin, {
      method: 'POST',
      path: '/publishers',
      body: { name: 'now_known', pem: publicPem },
    })
    expect((await attach<Refusal>(digest, [poison])).status).toBe(400)
    expect((await attach(digest, [sound])).body.seals[0]?.outcome).toBe('trusted')
  })

  it('keeps a seal by a certificate of nobody known, which its own key verifies', async () => {
    const zip = nodePackage('stranger')
    const artifact = await openZip(zip)
    const seal = await sealOf(artifact, identityOf(issue()), { place: 'detached' })

    const { body } = await governance<Attached>(app.admin, {
      method: 'PUT',
      path: `/artifacts/${await upload(zip)}/seals`,
      body: { seals: [{ format: 'cms', body: Buffer.from(seal.bytes).toString('base64') }] },
    })

    expect(body.seals).toMatchObject([{ outcome: 'untrusted', kept: 'added' }])
  })
})

describe('what does not verify', () => {
  const zip = nodePackage('bad')
  const other = nodePackage('other')

  it.each([
    ['a seal over other bytes', async () => await bundleSeal(other, publisher.privateKey)],
    ['no bundle at all', () => Promise.resolve(Buffer.from('{"hello": "world"}'))],
    [
      'a bundle with a flipped signature',
      async () => forged(await bundleSeal(zip, publisher.privateKey)),
    ],
  ])('is refused, with nothing stored: %s', async (_what, make) => {
    const digest = await upload(zip)
    const before = [await stored(app.deps), await decisions(app.deps)]

    const { status, body } = await attach<Refusal>(digest, [await make()])

    expect(status).toBe(400)
    expect(body.error.code).toBe('INVALID_SEAL')
    expect([await stored(app.deps), await decisions(app.deps)]).toEqual(before)
  })

  it('takes the sound seals beside it along: all or none', async () => {
    const digest = await upload(zip)
    const before = await stored(app.deps)

    const { status } = await attach<Refusal>(digest, [
      await bundleSeal(zip, publisher.privateKey),
      await bundleSeal(other, publisher.privateKey),
    ])

    expect(status).toBe(400)
    expect(await stored(app.deps)).toEqual(before)
  })

  it('is refused for bytes that are not here', async () => {
    const { status } = await attach<Refusal>('ab'.repeat(32), [
      await bundleSeal(zip, publisher.privateKey),
    ])

    expect(status).toBe(404)
  })

  it('is refused beyond sixteen seals of one artifact', async () => {
    const many = nodePackage('many')
    const digest = await upload(many)
    const seals = await Promise.all(
      Array.from(
        { length: 16 },
        async (_, at) => await bundleSeal(many, publisher.privateKey, { counter: String(at + 1) }),
      ),
    )
    await attach(digest, seals)
    const before = await stored(app.deps)

    const { status, body } = await attach<Refusal>(digest, [
      await bundleSeal(many, publisher.privateKey),
    ])

    expect(status).toBe(400)
    expect(body.error.message).toContain('16 detached seals')
    expect(await stored(app.deps)).toEqual(before)
  })
})

describe('after the deployment', () => {
  it('POST wants the artifact deployed', async () => {
    const zip = nodePackage('not-deployed')
    const digest = await upload(zip)

    const { status } = await attach<Refusal>(
      digest,
      [await bundleSeal(zip, publisher.privateKey)],
      'POST',
    )

    expect(status).toBe(404)
  })

  it('POST lets code that was refused for want of a seal pass the next time', async () => {
    const zip = nodePackage('later')
    await createActive(app.client, 'later', { Code: { ZipFile: zip } })

    const { status, body } = await attach(
      sha256(zip),
      [await bundleSeal(zip, publisher.privateKey)],
      'POST',
    )

    expect(status).toBe(200)
    expect(body.seals[0]?.outcome).toBe('trusted')
    const again = await createActive(app.client, 'later_enforced', {
      Code: { ZipFile: zip },
      CodeSigningConfigArn: config,
    })
    expect(again.FunctionArn).toContain(':function:later_enforced')
  })

  it('never stands in for a broken seal inside the zip', async () => {
    const zip = nodePackage('inside-broken')
    await createActive(app.client, 'inside_broken')
    const broken = await sealedZip(zip, await bundleSeal(nodePackage('x'), publisher.privateKey))
    await attach(await upload(broken), [await bundleSeal(zip, publisher.privateKey)])

    const refused = app.client.send(
      new UpdateFunctionCodeCommand({ FunctionName: 'inside_broken', ZipFile: broken }),
    )

    await expect(refused).rejects.toMatchObject({ name: 'InvalidCodeSignatureException' })
  })
})
