import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

import { bundleFromJSON, type SerializedBundle } from '@sigstore/bundle'
import { TrustedRoot } from '@sigstore/protobuf-specs'
import { toSignedEntity, toTrustMaterial, Verifier } from '@sigstore/verify'
import { afterEach, beforeEach, expect, test } from 'vitest'

import { intermediate, issue, root } from '../../../support/pki.ts'
import {
  jwt,
  startSigstore,
  type Reply,
  type SigstoreServices,
} from '../../../support/sigstore-services.ts'
import { serveOpenssl, type TestServer } from '../../../support/timestamp-server.ts'
import { stampingUsage, type TestAuthority } from '../../../support/timestamp-token.ts'
import { zipOf } from '../../../support/zip-builder.ts'
import { run } from '../../cli/captured.ts'

const table = [
  { name: 'key', summary: '', load: () => import('../../../../cli/commands/key.ts') },
  { name: 'sign', summary: '', load: () => import('../../../../cli/commands/sign.ts') },
  { name: 'verify', summary: '', load: () => import('../../../../cli/commands/verify.ts') },
]
const SUBJECT = 'https://ci.test/org/repo/workflow@main'
const YEAR_MS = 365 * 86_400_000

let dir = ''
let sigstore: SigstoreServices
let stamps: TestServer
const at = (name: string): string => join(dir, name)

function stampAuthority(): TestAuthority {
  const spec = { fromMs: Date.now() - YEAR_MS, untilMs: Date.now() + YEAR_MS }
  const top = root({ ...spec, subject: 'tsa root' })
  const issuing = intermediate(top, { ...spec, subject: 'tsa issuing' })
  const usage = { usages: [], extensions: [stampingUsage()] }
  return { root: top, issuing, leaf: issue({ ...spec, ...usage, subject: 'tsa', issuer: issuing }) }
}

beforeEach(async () => {
  dir = mkdtempSync(join(tmpdir(), 'lacre-keyless-'))
  writeFileSync(at('f.zip'), zipOf({ 'index.js': 'exports.handler = () => 1\n' }))
  const authority = stampAuthority()
  stamps = await serveOpenssl(dir, authority)
  const chain = [authority.leaf, authority.issuing, authority.root].map(({ der }) => der)
  sigstore = await startSigstore({ timestampChain: chain })
})
afterEach(async () => {
  await sigstore[Symbol.asyncDispose]()
  await stamps[Symbol.asyncDispose]()
  rmSync(dir, { recursive: true, force: true })
})

const sign = async (args: readonly string[], environment = {}) =>
  await run(['sign', at('f.zip'), ...args], { table, environment })

/** What @sigstore/verify says of a bundle under the services' own trusted root. */
function verifyBySigstore(name: string, thresholds: { log: number; time: number }): void {
  const json = JSON.parse(readFileSync(at(name), 'utf8')) as SerializedBundle
  const material = toTrustMaterial(TrustedRoot.fromJSON(sigstore.trustedRoot))
  new Verifier(material, {
    ctlogThreshold: 1,
    tlogThreshold: thresholds.log,
    timestampThreshold: thresholds.time,
  }).verify(toSignedEntity(bundleFromJSON(json)))
}

test.each([
  ['Rekor v1', [], false, { log: 1, time: 1 }],
  ['Rekor v1 and a timestamp', [], true, { log: 1, time: 2 }],
  ['Rekor v1, intoto', ['--rekor-entry-type', 'intoto'], false, { log: 1, time: 1 }],
  ['Rekor v2 with a timestamp', ['--rekor-api-version', '2'], true, { log: 1, time: 1 }],
])('@sigstore/verify accepts a keyless seal by %s', async (_title, args, stamped, thresholds) => {
  const urls = ['--fulcio-url', sigstore.url, '--rekor-url', sigstore.url]
  const tsa = stamped ? ['--timestamp-server-url', stamps.url] : []
  const detached = ['--detached', at('seal.json')]
  const done = await sign([...urls, ...args, ...tsa, ...detached], {
    SIGSTORE_ID_TOKEN: jwt({ sub: SUBJECT }),
  })

  expect(done.err).toBe('identity token: SIGSTORE_ID_TOKEN\n')
  expect(done.code).toBe(0)
  expect(done.out).toContain(`signer  ${SUBJECT}\nissuer  https://issuer.test`)
  expect(() => verifyBySigstore('seal.json', thresholds)).not.toThrow()
  expect(() => verifyBySigstore('seal.json', { ...thresholds, log: 2 })).toThrow()
})

const verifyAs = async (identity: string, issuer: string) => {
  writeFileSync(at('trusted_root.json'), JSON.stringify(sigstore.trustedRoot))
  const who = ['--certificate-identity', identity, '--certificate-oidc-issuer', issuer]
  return await run(['verify', at('f.zip'), ...who, '--trusted-root', at('trusted_root.json')], {
    table,
  })
}

test.each([
  ['Rekor v1', []],
  ['Rekor v2', ['--rekor-api-version', '2']],
])('lacre verify trusts a zip sealed keyless by %s in that very name', async (_title, args) => {
  const urls = ['--fulcio-url', sigstore.url, '--rekor-url', sigstore.url]
  const tsa = ['--timestamp-server-url', stamps.url]
  writeFileSync(at('trusted_root.json'), JSON.stringify(sigstore.trustedRoot))
  const root = ['--trusted-root', at('trusted_root.json')]
  const done = await sign([...urls, ...args, ...tsa, ...root], {
    SIGSTORE_ID_TOKEN: jwt({ sub: SUBJECT }),
  })

  expect([done.code, done.err]).toEqual([0, 'identity token: SIGSTORE_ID_TOKEN\n'])
  const right = await verifyAs(SUBJECT, 'https://issuer.test')
  expect([right.code, right.err]).toEqual([0, ''])
  expect((await verifyAs(`${SUBJECT}x`, 'https://issuer.test')).code).toBe(1)
  expect((await verifyAs(SUBJECT.slice(0, -1), 'https://issuer.test')).code).toBe(1)
  expect((await verifyAs(SUBJECT, 'https://issuer.test.evil')).code).toBe(1)
})

test.each([
  ['of other services', true],
  ['without the log that was used', false],
])(
  'writes nothing where the seal would not verify under a trusted root %s',
  async (_t, foreign) => {
    await using other = await startSigstore()
    const [, tiles] = sigstore.trustedRoot['tlogs'] as readonly unknown[]
    const root = foreign ? other.trustedRoot : { ...sigstore.trustedRoot, tlogs: [tiles] }
    writeFileSync(at('trusted_root.json'), JSON.stringify(root))
    const before = readFileSync(at('f.zip'))
    const urls = ['--fulcio-url', sigstore.url, '--rekor-url', sigstore.url]

    const done = await sign([...urls, '--trusted-root', at('trusted_root.json')], {
      SIGSTORE_ID_TOKEN: jwt({ sub: SUBJECT }),
    })

    expect(done.code).toBe(1)
    expect(done.err).toContain('the seal would not verify, so nothing was written')
    expect(readFileSync(at('f.zip'))).toEqual(before)
  },
)

test('asks nobody where the trusted root is none', async () => {
  writeFileSync(at('trusted_root.json'), '{}')
  const args = ['--fulcio-url', sigstore.url, '--trusted-root', at('trusted_root.json')]

  const done = await sign(args, { SIGSTORE_ID_TOKEN: jwt({ sub: SUBJECT }) })

  expect(done.code).toBe(1)
  expect(sigstore.requests).toEqual([])
})

test.each(['p256', 'p384', 'ed25519', 'rsa3072'])(
  'a plain %s key can be logged and stamped too, and is judged by the trusted root',
  async (type) => {
    await run(['key', 'create', '--out', at('k.pem'), '--type', type], { table })
    writeFileSync(at('trusted_root.json'), JSON.stringify(sigstore.trustedRoot))
    const services = ['--rekor-url', sigstore.url, '--timestamp-server-url', stamps.url]
    const root = ['--trusted-root', at('trusted_root.json')]

    const one = await sign(['--key', at('k.pem'), ...services, ...root])
    const two = await sign(['--key', at('k.pem'), ...services, ...root, '--rekor-api-version', '2'])

    expect([one.code, one.err]).toEqual([0, ''])
    expect([two.code, two.err]).toEqual([0, ''])
    const judged = await run(['verify', at('f.zip'), '--key', at('k.pem.pub'), ...root, '--json'], {
      table,
    })
    const { seals } = JSON.parse(judged.out) as { seals: { outcome: string; logs: unknown[] }[] }
    expect(seals.map(({ outcome, logs }) => [outcome, logs.length])).toEqual([
      ['trusted', 1],
      ['trusted', 1],
    ])
  },
)

test('finds the entry that a log has already, as it does for a signature that repeats', async () => {
  await run(['key', 'create', '--out', at('k.pem'), '--type', 'ed25519'], { table })
  const id = 'ab'.repeat(40)
  let first: Reply | undefined
  sigstore.bend('/api/v1/log/entries', async (genuine) => {
    if (first !== undefined)
      return { status: 409, body: '{}', headers: { location: `/api/v1/log/entries/${id}` } }
    first = await genuine()
    return first
  })
  sigstore.bend(`/api/v1/log/entries/${id}`, () => ({ status: 200, body: first?.body ?? '' }))
  const args = ['--key', at('k.pem'), '--rekor-url', sigstore.url, '--detached']

  const one = await sign([...args, at('one.json')])
  const two = await sign([...args, at('two.json')])

  expect([one.code, two.code]).toEqual([0, 0])
  expect(readFileSync(at('two.json'))).toEqual(readFileSync(at('one.json')))
})
