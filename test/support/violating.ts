import type { KeyObject } from 'node:crypto'

import {
  CreateAliasCommand,
  CreateCodeSigningConfigCommand,
  PublishVersionCommand,
  PutFunctionCodeSigningConfigCommand,
  UpdateAliasCommand,
  waitUntilPublishedVersionActive,
} from '@aws-sdk/client-lambda'

import { systemPrincipal } from '../../services/model/index.ts'
import { createPublisher, revoke, type Caller } from '../../services/operations/index.ts'
import type { TestApp } from './app.ts'
import { createActive, updateAndWait } from './functions.ts'
import { nodePackage } from './packages.ts'
import { keyPair } from './publisher-keys.ts'
import { bundleSeal, sealedZip } from './zip-seals.ts'

/** Whoever changes what a test is about. */
export const someone: Caller = {
  principal: { ...systemPrincipal, id: 'usr-test' },
  requestId: 'test',
}

export interface Violating {
  /** Names the config that lets both publishers in. */
  readonly config: string
  /** Publisher `bad_NAME`, whose seal version 2 has; waits until all of that is judged and reacted to. */
  readonly revokeBad: () => Promise<void>
}

/** `NAME:prod` served version 1, by `good_NAME`, and serves version 2, by `bad_NAME`; an enforcing config names both. */
export async function makeViolating(app: TestApp, FunctionName: string): Promise<Violating> {
  const { client } = app
  const good = await makePublisher(app, `good_${FunctionName}`)
  const bad = await makePublisher(app, `bad_${FunctionName}`)
  await createActive(client, FunctionName, { Code: { ZipFile: await sealedBy(good.key, 'one') } })
  const { CodeSigningConfig } = await client.send(
    new CreateCodeSigningConfigCommand({
      AllowedPublishers: { SigningProfileVersionArns: [good.arn, bad.arn] },
      CodeSigningPolicies: { UntrustedArtifactOnDeployment: 'Enforce' },
    }),
  )
  const CodeSigningConfigArn = CodeSigningConfig?.CodeSigningConfigArn ?? ''
  await client.send(new PutFunctionCodeSigningConfigCommand({ FunctionName, CodeSigningConfigArn }))
  const alias = { FunctionName, Name: 'prod' }
  await client.send(
    new CreateAliasCommand({ ...alias, FunctionVersion: await publish(app, FunctionName) }),
  )
  await updateAndWait(client, FunctionName, await sealedBy(bad.key, 'two'))
  await client.send(
    new UpdateAliasCommand({ ...alias, FunctionVersion: await publish(app, FunctionName) }),
  )
  return {
    config: CodeSigningConfigArn,
    revokeBad: () => revokePublisher(app, `bad_${FunctionName}`),
  }
}

export async function revokePublisher(app: TestApp, name: string): Promise<void> {
  const subject = { kind: 'publisher', name } as const
  await revoke(app.deps, someone, { subject, effectiveAtMs: undefined, reason: 'stolen' })
  await app.deps.verifier.settled()
}

async function makePublisher(
  app: TestApp,
  name: string,
): Promise<{ readonly arn: string; readonly key: KeyObject }> {
  const { publicPem, privateKey: key } = keyPair()
  const publisher = { pem: publicPem, settings: {} }
  const { result } = await createPublisher(app.deps, someone, { name, publisher })
  return { arn: result.versions[0]?.arn ?? '', key }
}

async function sealedBy(key: KeyObject, text: string): Promise<Uint8Array> {
  const zip = nodePackage(text)
  return await sealedZip(zip, await bundleSeal(zip, key, {}))
}

async function publish({ client }: TestApp, FunctionName: string): Promise<string> {
  const { Version = '' } = await client.send(new PublishVersionCommand({ FunctionName }))
  await waitUntilPublishedVersionActive(
    { client, maxWaitTime: 20, minDelay: 1, maxDelay: 1 },
    { FunctionName, Qualifier: Version },
  )
  return Version
}
