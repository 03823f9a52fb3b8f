import { mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

import { SigningConfig, TrustedRoot } from '@sigstore/protobuf-specs'
import { bundleFromJSON, bundleToJSON } from '@sigstore/bundle'
import { bundleBuilderFromSigningConfig } from '@sigstore/sign'
import { Verifier, toSignedEntity, toTrustMaterial } from '@sigstore/verify'
import { expect, test } from 'vitest'

import { TestIssuer, ecKeyPair } from '../support/authority.ts'
import {
  bodiesOf,
  checkpointOf,
  entryFor,
  isIncluded,
  loggedOf,
  rootsOf,
  submit,
} from '../support/authority-log.ts'
import { AuthorityProcess } from '../support/authority-process.ts'
import { lacre } from '../support/command.ts'

function scratch(): Disposable & { readonly path: string } {
  const path = mkdtempSync(join(tmpdir(), 'lacre-authority-'))
  return { path, [Symbol.dispose]: () => rmSync(path, { recursive: true, force: true }) }
}

test('lacre authority serve, trusted-root and signing-config are all that @sigstore/sign and @sigstore/verify need; SIGTERM ends with exit 0', async () => {
  using dir = scratch()
  const data = join(dir.path, 'data')
  await using issuer = await TestIssuer.start()
  const authority = await AuthorityProcess.start(data, issuer)
  try {
    const token = await issuer.token()
    const root = TrustedRoot.fromJSON(
      JSON.parse(lacre(['authority', 'trusted-root', '--data', data]).stdout),
    )
    const config = SigningConfig.fromJSON(
      JSON.parse(lacre(['authority', 'trusted-root', '--data', data, '--signing-config']).stdout),
    )
    const identityProvider = { getToken: () => Promise.resolve(token) }
    const builder = bundleBuilderFromSigningConfig({
      signingConfig: config,
      identityProvider,
      bundleType: 'messageSignature',
    })
    const artifact = Buffer.from('signed by what the signing config names')
    const bundle = bundleFromJSON(bundleToJSON(await builder.create({ data: artifact })))
    const thresholds = { tlogThreshold: 1, ctlogThreshold: 1, tsaThreshold: 1 }
    const signer = new Verifier(toTrustMaterial(root), thresholds).verify(
      toSignedEntity(bundle, artifact),
    )
    const code = await authority.end('SIGTERM')

    expect(signer.identity?.subjectAlternativeName).toBe('ada@example.org')
    expect(bundle.verificationMaterial.tlogEntries[0]?.kindVersion.version).toBe('0.0.2')
    expect(code).toBe(0)
    expect(authority.stderr).not.toContain(token)
    expect(statSync(join(data, 'root.key')).mode & 0o777).toBe(0o600)
    expect(statSync(join(data, 'authority.db')).mode & 0o777).toBe(0o600)
  } finally {
    await authority.end('SIGKILL')
  }
})

test(
  'kill -9 in the middle loses no acknowledged entry, and no checkpoint ever shrinks',
  { timeout: 120_000 },
  async () => {
    using dir = scratch()
    const data = join(dir.path, 'data')
    await using issuer = await TestIssuer.start()
    const pair = ecKeyPair()
    const acknowledged: ReturnType<typeof loggedOf>[] = []

    for (let round = 0; round < 3; round += 1) {
      const authority = await AuthorityProcess.start(data, issuer)
      const before = await checkpointOf(authority.url)
      const largest = Math.max(
        0,
        ...acknowledged.map((entry) => Number(entry.inclusionProof.treeSize)),
      )
      expect(before.size).toBeGreaterThanOrEqual(largest)
      const requests = Array.from({ length: 120 }, (_, at) => entryFor(pair, `${round}/${at}`))
      let answered = 0
      const work = requests.map(async (request) => {
        const answer = await submit(authority.url, request).catch(() => undefined)
        if (answer?.status !== 201) return
        acknowledged.push(loggedOf(answer))
        answered += 1
        // In the middle of the rest.
        if (answered === 30) await authority.end('SIGKILL')
      })
      await Promise.all(work)
      await authority.end('SIGKILL')
    }
    const authority = await AuthorityProcess.start(data, issuer)
    try {
      const { size, root } = await checkpointOf(authority.url)
      const bodies = await bodiesOf(authority.url, size)
      const roots = rootsOf(bodies)

      expect(acknowledged.length).toBeGreaterThanOrEqual(90)
      expect(roots[size]).toBe(root)
      for (const entry of acknowledged) {
        const { logIndex, canonicalizedBody, inclusionProof } = entry
        expect(isIncluded(entry)).toBe(true)
        expect(bodies[Number(logIndex)]).toBe(Buffer.from(canonicalizedBody, 'base64').toString())
        const shown = Buffer.from(inclusionProof.rootHash, 'base64').toString('hex')
        expect(roots[Number(inclusionProof.treeSize)]).toBe(shown)
      }
    } finally {
      await authority.end('SIGKILL')
    }
  },
)

const REFUSED_STARTS: readonly (readonly [string, RegExp, readonly string[]])[] = [
  ['without TLS beyond this machine', /not a loopback address/, ['--listen', '0.0.0.0:0', '--oidc-issuer', 'https://issuer.example']],
  ['with an issuer that is asked without TLS and not named', /not an https URL/, ['--oidc-issuer', 'http://issuer.example']],
  ['with a kind of issuer that there is not', /is none of/, ['--oidc-issuer', 'https://issuer.example', '--oidc-kind', 'https://issuer.example=any']],
  ['with an option about an issuer that is not there', /is no --oidc-issuer/, ['--oidc-issuer', 'https://a.example', '--allow-private-network', 'https://b.example']],
] // prettier-ignore

for (const [what, message, options] of REFUSED_STARTS) {
  test(`does not start ${what}`, () => {
    using dir = scratch()

    const run = lacre(['authority', 'serve', '--data', join(dir.path, 'data'), ...options])

    expect(run.status).toBe(2)
    expect(run.stderr).toMatch(message)
  })
}

test('does not start over the data directory of the service, nor hands out what was never started', () => {
  using dir = scratch()
  writeFileSync(join(dir.path, 'lacre.db'), '')

  const served = lacre([
    'authority',
    'serve',
    '--data',
    dir.path,
    '--oidc-issuer',
    'https://a.example',
  ])
  const root = lacre(['authority', 'trusted-root', '--data', dir.path])

  expect([served.status, root.status]).toEqual([2, 2])
  expect(served.stderr).toContain('an authority has one of its own')
})
