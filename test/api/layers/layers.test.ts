import {
  DeleteLayerVersionCommand,
  GetLayerVersionByArnCommand,
  GetLayerVersionCommand,
  InvokeCommand,
  ListLayerVersionsCommand,
  ListLayersCommand,
  PublishLayerVersionCommand,
  UpdateFunctionConfigurationCommand,
  waitUntilFunctionUpdatedV2,
} from '@aws-sdk/client-lambda'
import { afterAll, expect, it } from 'vitest'

import { startTestApp } from '../../support/app.ts'
import { createActive } from '../../support/functions.ts'
import { zipOf } from '../../support/packages.ts'

const app = await startTestApp({ isolation: 'auto' })
afterAll(() => app[Symbol.asyncDispose]())
const { client } = app

const reader = zipOf({
  'index.js': `
const fs = require('fs')
exports.handler = async () => ({
  text: fs.existsSync('/opt/text') ? fs.readFileSync('/opt/text', 'utf8') : null,
  only: fs.existsSync('/opt/only-in-first'),
  required: (() => { try { return require('shared')() } catch { return null } })(),
})`,
})

async function publish(LayerName: string, tree: Record<string, string>): Promise<string> {
  const made = await client.send(
    new PublishLayerVersionCommand({
      LayerName,
      Content: { ZipFile: zipOf(tree) },
      CompatibleRuntimes: ['nodejs20.x'],
    }),
  )
  return made.LayerVersionArn ?? ''
}

async function call(FunctionName: string): Promise<unknown> {
  const { Payload } = await client.send(new InvokeCommand({ FunctionName }))
  return JSON.parse(Buffer.from(Payload ?? []).toString()) as unknown
}

it.skipIf(app.deps.runtime.capability.isolation === 'none')(
  'lays layers over each other in the order of the list, under /opt',
  async () => {
    const first = await publish('first', { text: 'first', 'only-in-first': '' })
    const second = await publish('second', {
      text: 'second',
      'nodejs/node_modules/shared/index.js': 'module.exports = () => "shared"',
    })
    const FunctionName = 'layered'

    await createActive(client, FunctionName, {
      Code: { ZipFile: reader },
      Layers: [first, second],
    })
    const both = await call(FunctionName)
    await client.send(
      new UpdateFunctionConfigurationCommand({ FunctionName, Layers: [second, first] }),
    )
    await waitUntilFunctionUpdatedV2(
      { client, maxWaitTime: 20, minDelay: 1, maxDelay: 1 },
      { FunctionName },
    )

    expect(both).toEqual({ text: 'second', only: true, required: 'shared' })
    expect(await call(FunctionName)).toMatchObject({ text: 'first' })
  },
)

it('reads a layer by number and by ARN, and lists it until it is deleted', async () => {
  const arn = await publish('listed', { text: 'x' })
  const LayerName = 'listed'

  const byNumber = await client.send(new GetLayerVersionCommand({ LayerName, VersionNumber: 1 }))
  const byArn = await client.send(new GetLayerVersionByArnCommand({ Arn: arn }))
  const { Layers = [] } = await client.send(
    new ListLayersCommand({ CompatibleRuntime: 'nodejs20.x' }),
  )
  await client.send(new DeleteLayerVersionCommand({ LayerName, VersionNumber: 1 }))
  const { LayerVersions } = await client.send(new ListLayerVersionsCommand({ LayerName }))

  expect(byNumber.LayerVersionArn).toBe(arn)
  expect(byArn.Content?.CodeSha256).toBe(byNumber.Content?.CodeSha256)
  expect(Layers.find((one) => one.LayerName === LayerName)?.LatestMatchingVersion?.Version).toBe(1)
  expect(LayerVersions).toEqual([])
  await expect(
    client.send(new GetLayerVersionCommand({ LayerName, VersionNumber: 1 })),
  ).rejects.toMatchObject({
    name: 'ResourceNotFoundException',
    message: 'The resource you requested does not exist.',
  })
})

it('refuses a number below one', async () => {
  await expect(
    client.send(new GetLayerVersionCommand({ LayerName: 'x', VersionNumber: 0 })),
  ).rejects.toMatchObject({
    name: 'InvalidParameterValueException',
    message: 'Layer Version Cannot be less than 1',
  })
})
