import { CreateAliasCommand, PutFunctionCodeSigningConfigCommand, UpdateAliasCommand, UpdateFunctionCodeCommand, PublishVersionCommand, CreateCodeSigningConfigCommand, waitUntilFunctionUpdatedV2, waitUntilPublishedVersionActive, InvokeCommand } from '@aws-sdk/client-lambda'
import { afterAll, expect, test } from 'vitest'
import { startTestApp } from '../support/app.ts'
import { createActive } from '../support/functions.ts'
import { createPublisher, revoke } from '../../services/operations/index.ts'
import { nodePackage } from '../support/packages.ts'
import { keyPair } from '../support/publisher-keys.ts'
import { bundleSeal, sealedZip } from '../support/zip-seals.ts'

const app = await startTestApp()
afterAll(() => app[Symbol.asyncDispose]())
const CALLER = { principal: { id: 'usr-admin', kind: 'user' as const, name: 'admin', roles: ['admin'], claims: {} }, requestId: 'x' }

test('smoke', async () => {
  const { publicPem, privateKey } = keyPair()
  await createPublisher(app.deps, CALLER, { name: 'ci', publisher: { pem: publicPem, settings: {} } })
  const zip = nodePackage('one')
  await createActive(app.client, 'shop', { Code: { ZipFile: await sealedZip(zip, await bundleSeal(zip, privateKey, {})) } })
  const wait = { client: app.client, maxWaitTime: 20, minDelay: 1, maxDelay: 1 }
  await app.client.send(new PublishVersionCommand({ FunctionName: 'shop' }))
  await waitUntilPublishedVersionActive(wait, { FunctionName: 'shop', Qualifier: '1' })
  const { body } = { body: await app.deps.store.reader.selectFrom('publisher_version').selectAll().execute() }
  const arn = `arn:aws:signer:us-east-1:000000000000:/signing-profiles/ci/${body[0]?.version}`
  const csc = await app.client.send(new CreateCodeSigningConfigCommand({ AllowedPublishers: { SigningProfileVersionArns: [arn] }, CodeSigningPolicies: { UntrustedArtifactOnDeployment: 'Enforce' } }))
  await app.client.send(new PutFunctionCodeSigningConfigCommand({ FunctionName: 'shop', CodeSigningConfigArn: csc.CodeSigningConfig?.CodeSigningConfigArn }))
  await app.client.send(new CreateAliasCommand({ FunctionName: 'shop', Name: 'prod', FunctionVersion: '1' }))
  await app.deps.verifier.settled()
  console.log(app.deps.verifier.status())
  await revoke(app.deps, CALLER, { subject: { kind: 'publisher', name: 'ci' }, effectiveAtMs: undefined, reason: 'stolen' })
  await app.deps.verifier.settled()
  console.log(app.deps.verifier.status())
  console.log(await app.deps.store.reader.selectFrom('live_verdict').selectAll().execute())
  console.log(await app.deps.store.reader.selectFrom('reaction').selectAll().execute())
  console.log(await app.deps.store.reader.selectFrom('freeze').selectAll().execute())
  const entries = await app.deps.store.reader.selectFrom('ledger_entry').select('body').orderBy('index').execute()
  console.log(entries.map((e) => { const x = JSON.parse(e.body); return `${x.index} ${x.type} ${x.action} ${x.world} ${JSON.stringify(x.note ?? null)?.slice(0, 200)}` }).slice(-12).join('\n'))
  console.log(app.complaints)
}, 60000)
