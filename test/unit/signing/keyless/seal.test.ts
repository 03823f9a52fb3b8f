import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

import { bundleFromJSON, type SerializedBundle } from '@sigstore/bundle'
import { TrustedRoot } from '@sigstore/protobuf-specs'
import { toSignedEntity, toTrustMaterial, Verifier } from '@sigstore/verify'
import { afterEach, beforeEach, expect, test } from 'vitest'

import { intermediate, issue, root } from '../../../support/pki.ts'
import { jwt, startSigstore, type SigstoreServices } from '../../../support/sigstore-services.ts'
import { serveOpenssl, type TestServer } from '../../../support/timestamp-server.ts'
import { stampingUsage, type TestAuthority } from '../../../support/timestamp-token.ts'
import { zipOf } from '../../../support/zip-builder.ts'
import { run } from '../../cli/captured.ts'

const table = [
  { name: 'key', summary: '', load: () => import('../../../../cli/commands/key.ts') },
  { name: 'sign', summary: '', load: () => import('../../../../cli/commands/sign.ts') },
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
  ['Rekor v1 with its own time', ['--rekor-entry-type', 'intoto'], false, { log: 1, time: 1 }],
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
  expect(() => verifyBySigstore('seal.json', { log: 2, time: 1 })).toThrow()
})
