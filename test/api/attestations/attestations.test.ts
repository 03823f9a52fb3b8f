import { CreateFunctionCommand, UpdateFunctionCodeCommand } from '@aws-sdk/client-lambda'
import { afterAll, describe, expect, it } from 'vitest'

import { sha256, type Json } from '../../../services/model/index.ts'
import { startTestApp } from '../../support/app.ts'
import {
  attestationOf,
  believing,
  cycloneDx,
  lastingAuthority,
  openVex,
  provenanceBy,
  scanOf,
  TYPE,
  type AttestationSpec,
} from '../../support/attestations.ts'
import { createActive, refusalOf, ROLE } from '../../support/functions.ts'
import { governance, type GovernanceCall } from '../../support/governance.ts'
import { nodePackage } from '../../support/packages.ts'
import { keyPair } from '../../support/publisher-keys.ts'
import { decisions, stored } from '../../support/stored.ts'

const app = await startTestApp({ policySet: 'supply-chain' })
afterAll(() => app[Symbol.asyncDispose]())

const BUILDER = 'https://builder.example/v1'
const tsa = lastingAuthority()

interface Report {
  readonly digest: string
  readonly outcome: string
  readonly superseded?: boolean
  readonly attester?: { readonly name: string }
  readonly trustedTimes: readonly string[]
  readonly findings: readonly { readonly status: string; readonly reason?: string }[]
}
interface Attached {
  readonly sha256: string
  readonly attestation: Report
}
interface Listed {
  readonly sha256: string
  readonly attestations: readonly (Report & { readonly document: string })[]
  readonly attested: {
    readonly types: readonly string[]
    readonly scan?: { readonly critical: number; readonly lowered: number; readonly at?: string }
    readonly sbom?: { readonly components: number }
  }
}
interface Refusal {
  readonly error: { readonly code: string; readonly message: string }
}
interface Told {
  readonly decision: {
    readonly checks: readonly {
      readonly rule: string
      readonly status: string
      readonly got: string
    }[]
  }
  readonly facts: { readonly subjects: readonly { readonly attestations?: { facts: object } }[] }
}

async function attester(name: string, purposes: readonly string[]) {
  const { publicPem, privateKey } = keyPair()
  const document = {
    kind: 'key',
    keys: [{ publicKeyPem: publicPem }],
    purposes: purposes.map((purpose) => `attest:${purpose}`),
    builders: [BUILDER],
    ...believing(tsa),
  }
  const { status } = await governance(app.admin, {
    method: 'POST',
    path: '/publishers',
    body: { name, document },
  })
  if (status !== 201) throw new Error(`publisher ${name}: ${status}`)
  return privateKey
}
const ci = await attester('ci', [TYPE.provenance, TYPE.cyclonedx, TYPE.tests])
const scanner = await attester('scanner', [TYPE.scan])
const security = await attester('security', ['vex'])

const attach = async <T = Attached>(
  digest: string,
  bundle: Uint8Array,
  method: GovernanceCall['method'] = 'PUT',
) =>
  await governance<T>(app.admin, {
    method,
    path: `/artifacts/${digest}/attestations`,
    raw: bundle,
  })
const list = async (digest: string) =>
  (await governance<Listed>(app.admin, { path: `/artifacts/${digest}/attestations` })).body
const upload = async (zip: Uint8Array): Promise<string> => {
  const digest = sha256(zip)
  await governance(app.admin, { method: 'PUT', path: `/artifacts/${digest}`, raw: zip })
  return digest
}
const now = (): number => Date.now() - 60_000
const by = (digest: string, key: typeof ci, spec: AttestationSpec) =>
  attestationOf(digest, key, { by: tsa, ...spec })
const cleanScan = (digest: string, atMs: number | undefined = now()) =>
  by(digest, scanner, { type: TYPE.scan, predicate: scanOf(), ...(atMs > 0 && { atMs }) })
const ofBuild = (digest: string): readonly Uint8Array[] => [
  by(digest, ci, { type: TYPE.provenance, predicate: provenanceBy(BUILDER) }),
  by(digest, ci, { type: TYPE.cyclonedx, predicate: cycloneDx() }),
  by(digest, ci, { type: TYPE.tests, predicate: { result: 'PASSED' } }),
]
const create = (name: string, digest: string) =>
  app.client.send(
    new CreateFunctionCommand({
      FunctionName: name,
      Runtime: 'nodejs20.x',
      Handler: 'index.handler',
      Role: ROLE,
      Code: { S3Bucket: 'lacre', S3Key: digest },
    }),
  )
const failedRules = async (id: string): Promise<readonly string[]> => {
  const { body } = await governance<Told>(app.admin, { path: `/decisions/${id}` })
  return body.decision.checks.filter(({ status }) => status === 'failed').map(({ rule }) => rule)
}

describe('a deployment under the supply-chain set', () => {
  const zip = nodePackage('supply')

  it('is refused without attestations, telling all that is missing', async () => {
    const digest = await upload(zip)

    const refused = await refusalOf(create('supply', digest))

    expect(refused.name).toBe('AccessDeniedException')
    const last = (await decisions(app.deps)).last
    expect(await failedRules(last?.id ?? '')).toEqual([
      'policy.bill-of-materials',
      'policy.built-by-a-listed-builder',
      'policy.no-critical-vulnerability',
      'policy.scanned-lately',
      'policy.tests-passed',
    ])
  })

  it('is admitted with them, and the decision carries counts and names, not documents', async () => {
    const digest = await upload(zip)
    for (const bundle of [...ofBuild(digest), cleanScan(digest)]) {
      const { status, body } = await attach(digest, bundle)
      expect(status).toBe(200)
      expect(body.attestation.outcome).toBe('counts')
    }

    await createActive(app.client, 'supply', { Code: { S3Bucket: 'lacre', S3Key: digest } })

    const id = (await decisions(app.deps)).last?.id ?? ''
    const { body } = await governance<Told>(app.admin, { path: `/decisions/${id}` })
    expect(body.facts.subjects[0]?.attestations?.facts).toMatchObject({
      provenance: { builders: [BUILDER], attesters: ['ci'] },
      sbom: { components: 1, attesters: ['ci'] },
      scan: { critical: 0, attesters: ['scanner'] },
      tests: { passed: true },
    })
    expect(JSON.stringify(body.facts)).not.toContain('left-pad')
  })

  it('is refused once a newer scan finds something, and admitted again after VEX', async () => {
    const next = nodePackage('found')
    const digest = await upload(next)
    for (const bundle of [...ofBuild(digest), cleanScan(digest, now() - 3_600_000)])
      await attach(digest, bundle)
    const found = { type: TYPE.scan, predicate: scanOf(['CVE-1', 'critical']), atMs: now() }
    await attach(digest, by(digest, scanner, found))
    const update = () =>
      app.client.send(
        new UpdateFunctionCodeCommand({ FunctionName: 'supply', S3Bucket: 'lacre', S3Key: digest }),
      )

    const refused = await refusalOf(update())
    const last = (await decisions(app.deps)).last
    const vex = openVex({ vulnerability: { name: 'CVE-1' }, status: 'not_affected' })
    await attach(digest, by(digest, ci, { type: TYPE.vex, predicate: vex }))
    const still = await refusalOf(update())
    await attach(digest, by(digest, security, { type: TYPE.vex, predicate: vex }))

    expect(refused.name).toBe('AccessDeniedException')
    expect(await failedRules(last?.id ?? '')).toEqual(['policy.no-critical-vulnerability'])
    expect(still.name).toBe('AccessDeniedException')
    await expect(update()).resolves.toMatchObject({ FunctionName: 'supply' })
    expect((await list(digest)).attested.scan).toMatchObject({ critical: 0, lowered: 1 })
  })

  it.each([
    ['eight days old', Date.now() - 8 * 86_400_000],
    ['of no trusted time', 0],
  ])('is refused with a scan %s', async (what, atMs) => {
    const digest = await upload(nodePackage(what))
    for (const bundle of [...ofBuild(digest), cleanScan(digest, atMs)]) await attach(digest, bundle)

    await refusalOf(create('stale', digest))

    const last = (await decisions(app.deps)).last
    expect(await failedRules(last?.id ?? '')).toEqual(['policy.scanned-lately'])
  })

  it('shows in a refusal what the policy read of what is attested, and no more', async () => {
    const digest = await upload(nodePackage('shown'))
    for (const bundle of ofBuild(digest)) await attach(digest, bundle)

    await refusalOf(create('shown', digest))

    const last = (await decisions(app.deps)).last
    const { body } = await governance<Told>(app.admin, { path: `/decisions/${last?.id ?? ''}` })
    const got = body.decision.checks.find(({ rule }) => rule === 'policy.scanned-lately')?.got
    expect(got).toContain('attested.scan: missing')
    expect(got).not.toContain('licences')
  })
})

describe('attaching', () => {
  const zip = nodePackage('attached')

  it('is a governed change that raises the world; the ledger names digests alone', async () => {
    const digest = await upload(zip)
    const world = await worldNow()
    const bundle = cleanScan(digest)

    const { headers, body } = await attach(digest, bundle)

    expect(await worldNow()).toBe(world + 1)
    expect(await decisions(app.deps)).toMatchObject({
      last: { id: headers.get('x-lacre-decision-id'), action: 'lacre:AttachAttestation' },
    })
    const entry = await app.deps.store.reader
      .selectFrom('ledger_entry')
      .select('body')
      .orderBy('index', 'desc')
      .executeTakeFirstOrThrow()
    expect(entry.body).toContain(body.attestation.digest)
    expect(entry.body).toContain(sha256(bundle))
    expect(entry.body.length).toBeLessThan(2_000)
  })

  it('keeps one signature once, however it is wrapped, and gives the bundle back as it came', async () => {
    const digest = await upload(zip)
    const bundle = by(digest, ci, { type: TYPE.tests, predicate: { result: 'PASSED' } })
    const spaced = Buffer.from(JSON.stringify(JSON.parse(Buffer.from(bundle).toString()), null, 2))

    const first = await attach(digest, bundle)
    const again = await attach(digest, spaced)

    expect(again.status).toBe(200)
    expect(again.body.attestation.digest).toBe(first.body.attestation.digest)
    const { attestations } = await list(digest)
    const kept = attestations.filter((one) => one.digest === first.body.attestation.digest)
    expect(kept).toMatchObject([{ document: sha256(bundle) }])
    const path = `/artifacts/${digest}/attestations/${first.body.attestation.digest}`
    const { body } = await governance<Json>(app.admin, { path })
    expect(body).toEqual(JSON.parse(Buffer.from(bundle).toString()))
  })

  it('keeps a sound one of a publisher that may not, and says that it counts for nothing', async () => {
    const digest = await upload(zip)
    const predicate = { result: 'PASSED' }

    const { status, body } = await attach(
      digest,
      by(digest, scanner, { type: TYPE.tests, predicate }),
    )

    expect(status).toBe(200)
    expect(body.attestation.outcome).toBe('ignored')
    expect(body.attestation.findings.map(({ reason }) => reason)).toContain('purpose-not-listed')
  })

  it('keeps places for those that count, however many others come first', async () => {
    const digest = await upload(nodePackage('crowded'))
    const stranger = keyPair().privateKey
    const from = (key: typeof ci, n: number) =>
      by(digest, key, { type: TYPE.tests, predicate: { result: 'PASSED', url: `x:${n}` } })

    const strangers: number[] = []
    for (let n = 0; n < 18; n += 1) strangers.push((await attach(digest, from(stranger, n))).status)
    const own = await attach(digest, from(ci, 0))

    expect(strangers.slice(0, 16).every((status) => status === strangers[0])).toBe(true)
    expect(strangers.slice(16)).toEqual([400, 400])
    expect(own.body.attestation.outcome).toBe('counts')
    expect((await list(digest)).attestations).toHaveLength(17)
  }, 30_000)

  it('takes an SBOM of megabytes, and tells a few numbers of it', async () => {
    const digest = await upload(nodePackage('large'))
    const components = Array.from({ length: 20_000 }, (_, i) => ({
      type: 'library',
      name: `package-${i}`,
      version: '1.0.0',
      purl: `pkg:npm/package-${i}@1.0.0`,
      description: 'x'.repeat(120),
      licenses: [{ license: { id: 'MIT' } }],
    }))
    const bundle = by(digest, ci, { type: TYPE.cyclonedx, predicate: cycloneDx({ components }) })

    const { status } = await attach(digest, bundle)

    expect(bundle.byteLength).toBeGreaterThan(5_000_000)
    expect(status).toBe(200)
    expect((await list(digest)).attested.sbom).toMatchObject({ components: 20_000 })
  }, 60_000)

  it('POST wants bytes that are deployed', async () => {
    const digest = await upload(nodePackage('not-deployed'))

    const { status, body } = await attach<Refusal>(digest, cleanScan(digest), 'POST')

    expect(status).toBe(404)
    expect(body.error.message).toContain('deployed')
    const deployed = sha256(nodePackage('supply'))
    expect((await attach(deployed, cleanScan(deployed), 'POST')).status).toBe(200)
  })

  async function worldNow(): Promise<number> {
    const row = await app.deps.store.reader
      .selectFrom('world')
      .select('counter')
      .executeTakeFirstOrThrow()
    return row.counter
  }
})

describe('what cannot be verified is refused with an explanation, and nothing is kept', () => {
  const zip = nodePackage('hostile')
  const good: AttestationSpec = { type: TYPE.tests, predicate: { result: 'PASSED' } }

  it.each<[string, (digest: string) => Uint8Array, string]>([
    ['an attestation of another artifact', () => by('c'.repeat(64), ci, good), 'c'.repeat(64)],
    ['a malformed predicate', (digest) => by(digest, ci, { ...good, predicate: {} }), 'result'],
    [
      'duplicate names in the statement',
      (digest) =>
        by(digest, ci, {
          ...good,
          payload: Buffer.from(
            `{"_type":"https://in-toto.io/Statement/v1","_type":"https://in-toto.io/Statement/v1","subject":[{"digest":{"sha256":"${digest}"}}],"predicateType":"${TYPE.tests}","predicate":{"result":"PASSED"}}`,
          ),
        }),
      'twice',
    ],
    ['duplicate names in the bundle', () => Buffer.from('{"a":1,"a":1}'), 'twice'],
    ['what is no bundle', () => Buffer.from('{"hello":"world"}'), 'bundle'],
    ['what is no JSON', () => Buffer.from('\u0000\u00ff'), 'JSON'],
    ['nothing', () => new Uint8Array(), 'bytes'],
    ['nesting without an end', () => Buffer.from('['.repeat(100_000)), 'nests'],
    [
      'a changed statement',
      (digest) =>
        Buffer.from(
          Buffer.from(by(digest, ci, good))
            .toString()
            .replace('"sig":"ME', '"sig":"MF'),
        ),
      'expected',
    ],
  ])('%s', async (_what, make, told) => {
    const digest = await upload(zip)
    const before = [await stored(app.deps), await decisions(app.deps)]

    const { status, body } = await attach<Refusal>(digest, make(digest))

    expect(status).toBe(400)
    expect(body.error.message).toContain(told)
    expect([await stored(app.deps), await decisions(app.deps)]).toEqual(before)
  })

  it('bytes beyond the limit', async () => {
    const digest = await upload(zip)

    const { status } = await attach<Refusal>(digest, Buffer.alloc(12_582_913, 0x20))

    expect(status).toBe(413)
  }, 60_000)

  it('an artifact that is not here', async () => {
    const { status } = await attach<Refusal>('d'.repeat(64), cleanScan('d'.repeat(64)))

    expect(status).toBe(404)
  })
})

describe('our own decision as a verification summary', () => {
  interface Summary {
    readonly sha256: string
    readonly publicKeyPem: string
    readonly bundle: { readonly dsseEnvelope: { readonly payload: string } }
  }
  const zip = nodePackage('supply')
  const allowOf = async (): Promise<string> => {
    const { body } = await governance<{ decisions: { id: string; action: string }[] }>(app.admin, {
      path: '/decisions',
      query: { outcome: 'allow', limit: '500' },
    })
    return body.decisions.findLast(({ action }) => action === 'lambda:CreateFunction')?.id ?? ''
  }

  it('is a statement about the artifact, by a key for that alone, and the same each time', async () => {
    const id = await allowOf()

    const first = await governance<Summary>(app.admin, { path: `/decisions/${id}/vsa` })
    const again = await governance<Summary>(app.admin, { path: `/decisions/${id}/vsa` })

    expect(first.status).toBe(200)
    expect(again.body).toEqual(first.body)
    const statement = JSON.parse(
      Buffer.from(first.body.bundle.dsseEnvelope.payload, 'base64').toString(),
    ) as Json
    expect(statement).toMatchObject({
      subject: [{ digest: { sha256: sha256(zip) } }],
      predicateType: TYPE.summary,
      predicate: {
        verifier: { id: 'urn:lacre:000000000000:us-east-1' },
        resourceUri: 'arn:aws:lambda:us-east-1:000000000000:function:supply',
        verificationResult: 'PASSED',
        verifiedLevels: ['LACRE_ADMITTED'],
        lacre: { decision: id },
      },
    })
    const keys = await app.deps.store.reader
      .selectFrom('sealed_key')
      .select('purpose')
      .where('public_key_pem', '=', first.body.publicKeyPem)
      .execute()
    expect(keys).toEqual([{ purpose: 'vsa' }])
  })

  it('counts at a service with a `key` publisher for it', async () => {
    const { body } = await governance<Summary>(app.admin, {
      path: `/decisions/${await allowOf()}/vsa`,
    })
    await using other = await startTestApp()
    await governance(other.admin, {
      method: 'POST',
      path: '/publishers',
      body: {
        name: 'staging',
        document: {
          kind: 'key',
          keys: [{ publicKeyPem: body.publicKeyPem }],
          purposes: [`attest:${TYPE.summary}`],
        },
      },
    })
    await governance(other.admin, { method: 'PUT', path: `/artifacts/${body.sha256}`, raw: zip })

    const attached = await governance<Attached>(other.admin, {
      method: 'PUT',
      path: `/artifacts/${body.sha256}/attestations`,
      raw: Buffer.from(JSON.stringify(body.bundle)),
    })

    expect(attached.body.attestation).toMatchObject({
      outcome: 'counts',
      attester: { name: 'staging' },
    })
  }, 30_000)

  it.each([
    ['a refusal', async () => await idOf('deny')],
    ['what admits no artifact', async () => (await decisions(app.deps)).last?.id ?? ''],
  ])('there is none of %s', async (_what, id) => {
    const { status, body } = await governance<Refusal>(app.admin, {
      path: `/decisions/${await id()}/vsa`,
    })

    expect(status).toBe(409)
    expect(body.error.message).toContain('admitted no artifact')
  })

  async function idOf(outcome: string): Promise<string> {
    const { body } = await governance<{ decisions: { id: string }[] }>(app.admin, {
      path: '/decisions',
      query: { outcome },
    })
    return body.decisions[0]?.id ?? ''
  }
})
