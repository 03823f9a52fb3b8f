import {
  GetFunctionCommand,
  InvokeCommand,
  ListVersionsByFunctionCommand,
  PublishVersionCommand,
  UpdateFunctionCodeCommand,
  waitUntilPublishedVersionActive,
} from '@aws-sdk/client-lambda'
import { afterAll, expect, it } from 'vitest'

import { startTestApp } from '../../support/app.ts'
import { createActive } from '../../support/functions.ts'
import { nodePackage } from '../../support/packages.ts'

const app = await startTestApp()
afterAll(() => app[Symbol.asyncDispose]())
const { client } = app

async function call(FunctionName: string, Qualifier: string): Promise<unknown> {
  const { Payload } = await client.send(new InvokeCommand({ FunctionName, Qualifier }))
  return JSON.parse(Buffer.from(Payload ?? []).toString()) as unknown
}

async function activeVersion(FunctionName: string, Qualifier: string): Promise<void> {
  await waitUntilPublishedVersionActive(
    { client, maxWaitTime: 20, minDelay: 1, maxDelay: 1 },
    { FunctionName, Qualifier },
  )
}

it('runs each version as it was published, whatever came after', async () => {
  const FunctionName = 'kept'
  await createActive(client, FunctionName, {
    Code: { ZipFile: nodePackage('one') },
    Publish: true,
  })
  await activeVersion(FunctionName, '1')
  const updated = await client.send(
    new UpdateFunctionCodeCommand({ FunctionName, ZipFile: nodePackage('two'), Publish: true }),
  )
  await activeVersion(FunctionName, '2')

  expect(updated.Version).toBe('2')
  expect(await call(FunctionName, '1')).toMatchObject({ release: 'one' })
  expect(await call(FunctionName, '2')).toMatchObject({ release: 'two' })
})

it('lists $LATEST and then each number', async () => {
  const FunctionName = 'numbered'
  await createActive(client, FunctionName, { Publish: true })

  const { Versions = [] } = await client.send(new ListVersionsByFunctionCommand({ FunctionName }))

  expect(Versions.map((one) => one.Version)).toEqual(['$LATEST', '1'])
})

it('answers 201 and the same revision when nothing has changed', async () => {
  const FunctionName = 'same'
  await createActive(client, FunctionName)

  const first = await client.send(new PublishVersionCommand({ FunctionName }))
  const second = await client.send(new PublishVersionCommand({ FunctionName, Description: 'x' }))

  expect(second.$metadata.httpStatusCode).toBe(201)
  expect([second.Version, second.RevisionId]).toEqual([first.Version, first.RevisionId])
})

it('tells the decision that let a version be', async () => {
  const FunctionName = 'decided'
  await createActive(client, FunctionName)
  const published = await client.send(new PublishVersionCommand({ FunctionName }))

  const row = await app.deps.store.reader
    .selectFrom('function_version')
    .innerJoin('decision', 'decision.id', 'function_version.decision_id')
    .select(['decision.action', 'decision.outcome'])
    .where('function_version.revision_id', '=', published.RevisionId ?? '')
    .executeTakeFirst()

  expect(row).toEqual({ action: 'lambda:PublishVersion', outcome: 'allow' })
})

it('answers 404 for a version that is not there, naming it', async () => {
  await createActive(client, 'short')
  const asked = new GetFunctionCommand({ FunctionName: 'short', Qualifier: '1221' })

  await expect(client.send(asked)).rejects.toMatchObject({
    name: 'ResourceNotFoundException',
    message: 'Function not found: arn:aws:lambda:us-east-1:000000000000:function:short:1221',
  })
})
