import {
  CreateEventSourceMappingCommand,
  CreateFunctionUrlConfigCommand,
  DeleteFunctionConcurrencyCommand,
  DeleteFunctionUrlConfigCommand,
  InvokeCommand,
  PublishVersionCommand,
  PutFunctionCodeSigningConfigCommand,
  PutFunctionConcurrencyCommand,
  PutProvisionedConcurrencyConfigCommand,
  waitUntilPublishedVersionActive,
} from '@aws-sdk/client-lambda'
import { afterAll, describe, expect, it } from 'vitest'

import { startTestApp } from '../../support/app.ts'
import { createActive, refusalOf } from '../../support/functions.ts'
import { nodePackage, zipOf } from '../../support/packages.ts'
import { createConfig, createPublisher } from '../../support/publishing.ts'
import { decisions } from '../../support/stored.ts'

const app = await startTestApp()
afterAll(() => app[Symbol.asyncDispose]())
const { client } = app

describe('a new way to code that its config would refuse now', () => {
  const FunctionName = 'unsigned'
  const Qualifier = '1'

  it('is refused: URL, event source and provisioned capacity; what is there already may go', async () => {
    await createActive(client, FunctionName, { Code: { ZipFile: nodePackage(1) } })
    await client.send(new PublishVersionCommand({ FunctionName }))
    await waitUntilPublishedVersionActive({ client, maxWaitTime: 20 }, { FunctionName, Qualifier })
    const { arn } = await createPublisher(app, 'somebody')
    const CodeSigningConfigArn = await createConfig(app, 'Enforce', arn)
    const open = new CreateFunctionUrlConfigCommand({ FunctionName, AuthType: 'NONE' })
    await client.send(open)
    const attach = { FunctionName, CodeSigningConfigArn }
    await client.send(new PutFunctionCodeSigningConfigCommand(attach))

    await client.send(new DeleteFunctionUrlConfigCommand({ FunctionName }))
    const { count } = await decisions(app.deps)
    const url = await refusalOf(client.send(open))
    const source = { FunctionName, EventSourceArn: 'arn:aws:sqs:us-east-1:000000000000:queue' }
    const mapping = await refusalOf(client.send(new CreateEventSourceMappingCommand(source)))
    const wanted = { FunctionName, Qualifier, ProvisionedConcurrentExecutions: 1 }
    const capacity = new PutProvisionedConcurrencyConfigCommand(wanted)
    const provisioned = await refusalOf(client.send(capacity))

    for (const refused of [url, mapping, provisioned]) {
      expect(refused).toMatchObject({ name: 'CodeVerificationFailedException', status: 400 })
      expect(refused.decisionId).toMatch(/^dec-/)
    }
    expect((await decisions(app.deps)).count).toBe(count + 3)
    const rows = await app.deps.store.reader
      .selectFrom('function_setting')
      .select(['kind'])
      .execute()
    expect(rows).toEqual([])
  })
})

describe('reserved concurrency', () => {
  const FunctionName = 'capped'
  const reserve = (count: number) =>
    client.send(
      new PutFunctionConcurrencyCommand({ FunctionName, ReservedConcurrentExecutions: count }),
    )
  const call = () => client.send(new InvokeCommand({ FunctionName }))

  it('switches a function off at 0, holds it to what is reserved, and lets go when it is deleted', async () => {
    const code = `exports.handler = () => new Promise((done) => setTimeout(done, 300, {}))\n`
    await createActive(client, FunctionName, { Code: { ZipFile: zipOf({ 'index.js': code }) } })

    await reserve(0)
    const off = await refusalOf(call())
    await reserve(1)
    const two = await Promise.allSettled([call(), call()])
    await client.send(new DeleteFunctionConcurrencyCommand({ FunctionName }))
    const free = await Promise.allSettled([call(), call()])

    expect(off).toMatchObject({ name: 'TooManyRequestsException', status: 429 })
    expect(two.map((one) => one.status).toSorted()).toEqual(['fulfilled', 'rejected'])
    expect(two.find((one) => one.status === 'rejected')?.reason).toMatchObject({
      Reason: 'ReservedFunctionConcurrentInvocationLimitExceeded',
    })
    expect(free.map((one) => one.status)).toEqual(['fulfilled', 'fulfilled'])
  })
})
