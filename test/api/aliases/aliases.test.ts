import {
  CreateAliasCommand,
  DeleteAliasCommand,
  GetAliasCommand,
  GetFunctionCommand,
  InvokeCommand,
  ListAliasesCommand,
  PublishVersionCommand,
  UpdateAliasCommand,
  UpdateFunctionCodeCommand,
  waitUntilFunctionUpdatedV2,
} from '@aws-sdk/client-lambda'
import { afterAll, expect, it } from 'vitest'

import { startTestApp } from '../../support/app.ts'
import { createActive } from '../../support/functions.ts'
import { nodePackage } from '../../support/packages.ts'

const app = await startTestApp()
afterAll(() => app[Symbol.asyncDispose]())
const { client } = app
const FunctionName = 'fn'

const { FunctionArn: arn = '' } = await createActive(client, FunctionName, {
  Code: { ZipFile: nodePackage('one') },
})
await client.send(new PublishVersionCommand({ FunctionName }))
await client.send(new UpdateFunctionCodeCommand({ FunctionName, ZipFile: nodePackage('two') }))
await waitUntilFunctionUpdatedV2(
  { client, maxWaitTime: 20, minDelay: 1, maxDelay: 1 },
  { FunctionName },
)
await client.send(new PublishVersionCommand({ FunctionName }))

async function call(Qualifier: string): Promise<{ version: string | undefined; release: string }> {
  const answer = await client.send(new InvokeCommand({ FunctionName, Qualifier }))
  const { release } = JSON.parse(Buffer.from(answer.Payload ?? []).toString()) as {
    release: string
  }
  return { version: answer.ExecutedVersion, release }
}

it('moves from one version to another at once', async () => {
  await client.send(new CreateAliasCommand({ FunctionName, Name: 'live', FunctionVersion: '1' }))
  const before = await call('live')

  await client.send(new UpdateAliasCommand({ FunctionName, Name: 'live', FunctionVersion: '2' }))

  expect(before).toEqual({ version: '1', release: 'one' })
  expect(await call('live')).toEqual({ version: '2', release: 'two' })
})

it('splits its calls by the weight', async () => {
  const made = await client.send(
    new CreateAliasCommand({
      FunctionName,
      Name: 'split',
      FunctionVersion: '1',
      RoutingConfig: { AdditionalVersionWeights: { 2: 0.5 } },
    }),
  )

  const counts = new Map<string | undefined, number>()
  for (let n = 0; n < 60; n += 1) {
    const { version } = await call('split')
    counts.set(version, (counts.get(version) ?? 0) + 1)
  }

  expect(made.RoutingConfig).toEqual({ AdditionalVersionWeights: { 2: 0.5 } })
  // 60 draws at one half miss this band less than once in a hundred thousand runs.
  expect(counts.get('1')).toBeGreaterThan(12)
  expect(counts.get('2')).toBeGreaterThan(12)
})

it('is read under its own ARN with the version it points to', async () => {
  await client.send(
    new CreateAliasCommand({ FunctionName, Name: 'read', FunctionVersion: '2', Description: 'd' }),
  )

  const alias = await client.send(new GetAliasCommand({ FunctionName, Name: 'read' }))
  const { Configuration } = await client.send(
    new GetFunctionCommand({ FunctionName, Qualifier: 'read' }),
  )
  const { Aliases = [] } = await client.send(
    new ListAliasesCommand({ FunctionName, FunctionVersion: '2' }),
  )

  expect(alias).toMatchObject({ AliasArn: `${arn}:read`, FunctionVersion: '2', Description: 'd' })
  expect(Configuration).toMatchObject({ FunctionArn: `${arn}:read`, Version: '2' })
  expect(Aliases.map((one) => one.Name)).toContain('read')
})

it('answers nobody once it is deleted, and deletes again without complaint', async () => {
  await client.send(new CreateAliasCommand({ FunctionName, Name: 'gone', FunctionVersion: '1' }))
  await client.send(new DeleteAliasCommand({ FunctionName, Name: 'gone' }))

  const again = await client.send(new DeleteAliasCommand({ FunctionName, Name: 'gone' }))

  expect(again.$metadata.httpStatusCode).toBe(204)
  await expect(call('gone')).rejects.toMatchObject({
    name: 'ResourceNotFoundException',
    message: `Function not found: ${arn}:gone`,
  })
})
