import { DeleteCodeSigningConfigCommand, PublishLayerVersionCommand } from '@aws-sdk/client-lambda'
import { afterAll, describe, expect, it } from 'vitest'

import { startTestApp } from '../../support/app.ts'
import { createActive } from '../../support/functions.ts'
import { governance } from '../../support/governance.ts'
import { nodePackage, zipOf } from '../../support/packages.ts'
import { createConfig, createPublisher } from '../../support/publishing.ts'
import { keyPair } from '../../support/publisher-keys.ts'
import { runCommandLine } from '../../../cli/run.ts'
import { bundleSeal, sealedZip } from '../../support/zip-seals.ts'
import { decisions } from '../../support/stored.ts'
import { sha256 } from '../../../services/model/index.ts'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

const app = await startTestApp()
afterAll(() => app[Symbol.asyncDispose]())

const build = await createPublisher(app, 'build')
const audit = await createPublisher(app, 'audit')
const zip = nodePackage('threshold')
const byOne = await sealedZip(zip, await bundleSeal(zip, build.privateKey))
const byBoth = await sealedZip(
  zip,
  await bundleSeal(zip, build.privateKey),
  await bundleSeal(zip, audit.privateKey),
)
const twice = await sealedZip(
  zip,
  await bundleSeal(zip, build.privateKey, { counter: '1' }),
  await bundleSeal(zip, build.privateKey, { counter: '2' }),
)

const idOf = (arn: string): string => arn.slice(arn.lastIndexOf(':') + 1)
const demand = async (arn: string, minSigners: number, minPublishers: number) =>
  await governance<{ error?: { code: string } }>(app.admin, {
    method: 'PUT',
    path: `/code-signing-configs/${idOf(arn)}/requirements`,
    body: { minSigners, minPublishers },
  })
const deploy = async (name: string, code: Uint8Array, config: string, layers: string[] = []) => {
  try {
    return await createActive(app.client, name, {
      Code: { ZipFile: code },
      CodeSigningConfigArn: config,
      Layers: layers,
    })
  } catch (error) {
    return error
  }
}
const lastChecks = async () => {
  const { last } = await decisions(app.deps)
  const { body } = await governance<{
    decision: { outcome: string; checks: { rule: string; status: string; got: string }[] }
  }>(app.admin, { path: `/decisions/${last?.id}` })
  return body.decision
}

describe('a config that demands two signers of two publishers', () => {
  it('takes both under Enforce, and refuses one, or the same key twice, with expected and got', async () => {
    const config = await createConfig(app, 'Enforce', build.arn, audit.arn)
    expect((await demand(config, 2, 2)).status).toBe(200)

    expect(await deploy('both', byBoth, config)).toMatchObject({ State: 'Pending' })
    for (const [name, code] of [
      ['one', byOne],
      ['twice', twice],
    ] as const) {
      expect(await deploy(name, code, config)).toMatchObject({
        name: 'CodeVerificationFailedException',
      })
      const { outcome, checks } = await lastChecks()
      expect(outcome).toBe('deny')
      expect(checks).toContainEqual(
        expect.objectContaining({
          rule: 'signature.mismatch',
          status: 'failed',
          expected: '2 distinct signers, of 2 distinct publishers',
          got: expect.stringMatching(/1 distinct signers, of 1 .*\(threshold\)/) as string,
        }),
      )
    }
  })

  it('warns under Warn', async () => {
    const config = await createConfig(app, 'Warn', build.arn, audit.arn)
    await demand(config, 2, 1)

    expect(await deploy('warned', byOne, config)).toMatchObject({ State: 'Pending' })
    expect((await lastChecks()).outcome).toBe('warn')
  })

  it('goes with its demand when it is deleted', async () => {
    const config = await createConfig(app, 'Enforce', build.arn)
    await demand(config, 2, 2)

    await app.client.send(new DeleteCodeSigningConfigCommand({ CodeSigningConfigArn: config }))

    const rows = await app.deps.store.reader.selectFrom('signing_requirement').selectAll().execute()
    expect(rows.map((row) => row.config_id)).not.toContain(idOf(config))
  })

  it.each([
    ['no signer', 0, 1],
    ['more publishers than signers', 1, 2],
    ['more than a config names', 21, 1],
  ])('is refused with %s', async (_what, minSigners, minPublishers) => {
    const config = await createConfig(app, 'Enforce', build.arn)

    const { status, body } = await demand(config, minSigners, minPublishers)

    expect([status, body.error?.code]).toEqual([400, 'INVALID_PARAMETER'])
  })

  it('is not there for a config that is not', async () => {
    expect((await demand(`x:csc-${'0'.repeat(17)}`, 2, 2)).status).toBe(404)
  })
})

it('admits a layer of somebody else by `lacre vouch`, for the function and the days it names', async () => {
  const { publicPem, privateKey } = keyPair()
  const { body } = await governance<{ versions: { arn: string }[] }>(app.admin, {
    method: 'POST',
    path: '/publishers',
    body: { name: 'voucher', pem: publicPem, purposes: ['vouch'] },
  })
  const layer = zipOf({ 'nodejs/shared.js': 'exports.x = 1\n' })
  const { LayerVersionArn = '' } = await app.client.send(
    new PublishLayerVersionCommand({ LayerName: 'foreign', Content: { ZipFile: layer } }),
  )
  const layers = [LayerVersionArn]
  const config = await createConfig(app, 'Enforce', build.arn, body.versions[0]?.arn ?? '')
  const [key, file, out] = ['k.pem', 'l.zip', 'v.json'].map((name) => join(app.dataDir, name))
  writeFileSync(key ?? '', privateKey.export({ type: 'pkcs8', format: 'pem' }))
  writeFileSync(file ?? '', layer)
  const table = [
    { name: 'vouch', summary: '', load: () => import('../../../cli/commands/vouch.ts') },
  ]
  const write = { write: () => true }
  const args = ['vouch', file, '--key', key, '--name', 'tak*', '--not-after', '2099-01-01T00:00:00Z', '--out', out] as string[] // prettier-ignore
  const line = { args, environment: {}, out: write, err: write, version: '0' }

  const before = await deploy('taken_early', byOne, config, layers)
  const exit = await runCommandLine(table, line)
  const attached = await governance(app.admin, {
    method: 'POST',
    path: `/artifacts/${sha256(layer)}/seals`,
    body: { seals: [{ format: 'bundle', body: readFileSync(out ?? '').toString('base64') }] },
  })

  expect(before).toMatchObject({ name: 'CodeVerificationFailedException' })
  expect([exit, attached.status]).toEqual([0, 200])
  expect(await deploy('taken', byOne, config, layers)).toMatchObject({ State: 'Pending' })
  expect(await deploy('other', byOne, config, layers)).toMatchObject({
    name: 'CodeVerificationFailedException',
  })
  const { checks } = await lastChecks()
  expect(checks.some(({ got }) => got.includes('(vouch-scope)'))).toBe(true)
})
