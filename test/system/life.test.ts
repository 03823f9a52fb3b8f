import {
  CreateAliasCommand,
  DeleteAliasCommand,
  DeleteFunctionCommand,
  DeleteLayerVersionCommand,
  GetAliasCommand,
  GetFunctionCommand,
  GetFunctionConfigurationCommand,
  GetLayerVersionByArnCommand,
  InvokeCommand,
  ListFunctionsCommand,
  ListVersionsByFunctionCommand,
  PublishLayerVersionCommand,
  PublishVersionCommand,
  UpdateAliasCommand,
  UpdateFunctionCodeCommand,
  waitUntilPublishedVersionActive,
  type LambdaClient,
} from '@aws-sdk/client-lambda'
import { afterAll, beforeAll, expect, test } from 'vitest'

import { createActive, invoke, refusalOf, updateAndWait } from '../support/functions.ts'
import { nodePackage, pythonPackage, zipOf } from '../support/packages.ts'
import { startService, type Service } from '../support/service.ts'

let service: Service
let client: LambdaClient

beforeAll(async () => {
  service = await startService()
  client = service.client()
})
afterAll(async () => {
  client.destroy()
  await service[Symbol.asyncDispose]()
})

test('creates a Node function, which answers with its log once the waiter has seen it Active', async () => {
  const created = await createActive(client, 'node-life')
  const { payload, functionError, version, log } = await invoke(client, 'node-life', { a: 1 })

  expect(created.State).toBe('Pending')
  expect(payload).toEqual({ release: 1, event: { a: 1 } })
  expect(functionError).toBeUndefined()
  expect(version).toBe('$LATEST')
  expect(log).toMatch(/START RequestId: .*\n.*release 1[^]*END RequestId: .*\nREPORT RequestId: /)
})

test('creates a Python function, which answers with its log', async () => {
  await createActive(client, 'python-life', {
    Runtime: 'python3.11',
    Handler: 'app.handler',
    Code: { ZipFile: pythonPackage('py') },
  })
  const { payload, log } = await invoke(client, 'python-life', { b: [2] })

  expect(payload).toEqual({ release: 'py', event: { b: [2] } })
  expect(log).toContain('release py')
})

test('serves the previous code while an update is in progress, and the new one after the waiter', async () => {
  await createActive(client, 'updated', { Code: { ZipFile: nodePackage('old') } })
  await invoke(client, 'updated')
  const updating = await client.send(
    new UpdateFunctionCodeCommand({ FunctionName: 'updated', ZipFile: nodePackage('new') }),
  )
  const during = await invoke(client, 'updated')
  await updateAndWaitFor('updated')
  const after = await invoke(client, 'updated')

  expect(updating.State).toBe('Active')
  expect(updating.LastUpdateStatus).toBe('InProgress')
  expect(during.payload).toMatchObject({ release: expect.stringMatching(/^(old|new)$/) })
  expect(after.payload).toMatchObject({ release: 'new' })
})

async function updateAndWaitFor(name: string): Promise<void> {
  const { waitUntilFunctionUpdatedV2 } = await import('@aws-sdk/client-lambda')
  await waitUntilFunctionUpdatedV2({ client, maxWaitTime: 20 }, { FunctionName: name })
}

test('publishes unchanged code once: the second call answers the same version and revision', async () => {
  await createActive(client, 'published')
  const first = await client.send(new PublishVersionCommand({ FunctionName: 'published' }))
  await waitUntilPublishedVersionActive(
    { client, maxWaitTime: 20 },
    { FunctionName: 'published', Qualifier: '1' },
  )
  const settled = await client.send(
    new GetFunctionConfigurationCommand({ FunctionName: 'published', Qualifier: '1' }),
  )
  const second = await client.send(new PublishVersionCommand({ FunctionName: 'published' }))
  const listed = await client.send(new ListVersionsByFunctionCommand({ FunctionName: 'published' }))

  expect(first.Version).toBe('1')
  expect(second.Version).toBe('1')
  expect(second.RevisionId).toBe(settled.RevisionId)
  expect(listed.Versions?.map((one) => one.Version)).toEqual(['$LATEST', '1'])
})

test('splits an alias by weight: both versions answer, each by its own number', async () => {
  await createActive(client, 'weighted', { Code: { ZipFile: nodePackage('one') }, Publish: true })
  await updateAndWait(client, 'weighted', nodePackage('two'))
  await client.send(new PublishVersionCommand({ FunctionName: 'weighted' }))
  await waitUntilPublishedVersionActive(
    { client, maxWaitTime: 20 },
    { FunctionName: 'weighted', Qualifier: '2' },
  )
  const alias = await client.send(
    new CreateAliasCommand({
      FunctionName: 'weighted',
      Name: 'live',
      FunctionVersion: '1',
      RoutingConfig: { AdditionalVersionWeights: { 2: 0.5 } },
    }),
  )
  const answers = new Map<string, unknown>()
  for (let calls = 0; calls < 60 && answers.size < 2; calls += 1) {
    const { version, payload } = await invoke(client, 'weighted', {}, 'live')
    answers.set(version ?? '', (payload as { release: string }).release)
  }
  const moved = await client.send(
    new UpdateAliasCommand({
      FunctionName: 'weighted',
      Name: 'live',
      FunctionVersion: '2',
      RoutingConfig: { AdditionalVersionWeights: {} },
    }),
  )
  const whole = await invoke(client, 'weighted', {}, 'live')

  expect(alias.AliasArn).toBe('arn:aws:lambda:us-east-1:000000000000:function:weighted:live')
  expect(Object.fromEntries(answers)).toEqual({ 1: 'one', 2: 'two' })
  expect(moved.RevisionId).not.toBe(alias.RevisionId)
  expect(whole.payload).toMatchObject({ release: 'two' })
})

test('lays layers under /opt, the later over the earlier', async () => {
  const arns: string[] = []
  for (const text of ['first', 'second']) {
    const layer = await client.send(
      new PublishLayerVersionCommand({
        LayerName: `stamp-${text}`,
        Content: { ZipFile: zipOf({ 'stamp.txt': text, [`${text}.txt`]: text }) },
      }),
    )
    arns.push(layer.LayerVersionArn ?? '')
  }
  const reader = `const fs = require('node:fs')
exports.handler = async () => ['stamp.txt', 'first.txt', 'second.txt'].map((name) => fs.readFileSync('/opt/' + name, 'utf8'))
`
  await createActive(client, 'layered', {
    Code: { ZipFile: zipOf({ 'index.js': reader }) },
    Layers: arns,
  })
  const byArn = await client.send(new GetLayerVersionByArnCommand({ Arn: arns[1] }))
  const { payload, log } = await invoke(client, 'layered')
  await client.send(new DeleteLayerVersionCommand({ LayerName: 'stamp-first', VersionNumber: 1 }))
  const afterwards = await invoke(client, 'layered')

  expect(arns[1]).toBe('arn:aws:lambda:us-east-1:000000000000:layer:stamp-second:1')
  expect(byArn.Version).toBe(1)
  expect(payload, log).toEqual(['second', 'first', 'second'])
  expect(afterwards.payload).toEqual(payload)
})

test('answers a thrown error as AWS does: 200, Unhandled, type and message', async () => {
  const thrower = `exports.handler = async () => { throw new RangeError('no such shelf') }\n`
  await createActive(client, 'throws', { Code: { ZipFile: zipOf({ 'index.js': thrower }) } })
  const { payload, functionError } = await invoke(client, 'throws')

  expect(functionError).toBe('Unhandled')
  expect(payload).toMatchObject({ errorType: 'RangeError', errorMessage: 'no such shelf' })
})

test('DryRun of an invocation answers 204 and runs nothing', async () => {
  await createActive(client, 'dry')
  const answer = await client.send(
    new InvokeCommand({ FunctionName: 'dry', InvocationType: 'DryRun', Payload: '{}' }),
  )

  expect(answer.StatusCode).toBe(204)
})

test('never gives a version number twice, also after the function was deleted and made again', async () => {
  await createActive(client, 'again', { Publish: true })
  await updateAndWait(client, 'again', nodePackage(2))
  await client.send(new PublishVersionCommand({ FunctionName: 'again' }))
  await client.send(new DeleteFunctionCommand({ FunctionName: 'again', Qualifier: '1' }))
  await client.send(new DeleteFunctionCommand({ FunctionName: 'again' }))
  const gone = await refusalOf(client.send(new GetFunctionCommand({ FunctionName: 'again' })))
  const invoked = await refusalOf(client.send(new InvokeCommand({ FunctionName: 'again' })))
  const recreated = await createActive(client, 'again', { Publish: true })

  expect(gone).toMatchObject({ name: 'ResourceNotFoundException', status: 404 })
  expect(invoked).toMatchObject({ name: 'ResourceNotFoundException', status: 404 })
  expect(recreated.Version).toBe('3')
})

test('an alias keeps its version from being deleted, and goes when it is deleted', async () => {
  await createActive(client, 'kept', { Publish: true })
  await client.send(
    new CreateAliasCommand({ FunctionName: 'kept', Name: 'prod', FunctionVersion: '1' }),
  )
  const refused = await refusalOf(
    client.send(new DeleteFunctionCommand({ FunctionName: 'kept', Qualifier: '1' })),
  )
  await client.send(new DeleteAliasCommand({ FunctionName: 'kept', Name: 'prod' }))
  const gone = await refusalOf(
    client.send(new GetAliasCommand({ FunctionName: 'kept', Name: 'prod' })),
  )
  await client.send(new DeleteFunctionCommand({ FunctionName: 'kept', Qualifier: '1' }))

  expect(refused).toMatchObject({ name: 'ResourceConflictException', status: 409 })
  expect(gone).toMatchObject({ name: 'ResourceNotFoundException', status: 404 })
})

test('two clients racing on one alias with its RevisionId: one wins, the others are told', async () => {
  await createActive(client, 'raced', { Publish: true })
  const { RevisionId } = await client.send(
    new CreateAliasCommand({ FunctionName: 'raced', Name: 'prod', FunctionVersion: '1' }),
  )
  const racers = Array.from({ length: 6 }, (_, index) => ({ sdk: service.client(), index }))
  const outcomes = await Promise.all(
    racers.map(async ({ sdk, index }) => {
      const Description = `racer ${index}`
      const input = { FunctionName: 'raced', Name: 'prod', Description, RevisionId }
      const outcome = await sdk
        .send(new UpdateAliasCommand(input))
        .then((answer) => answer.Description, statusOf)
      sdk.destroy()
      return outcome
    }),
  )
  const alias = await client.send(new GetAliasCommand({ FunctionName: 'raced', Name: 'prod' }))

  const winners = outcomes.filter((outcome) => typeof outcome === 'string')
  expect(winners).toEqual([alias.Description])
  expect(outcomes.filter((outcome) => typeof outcome !== 'string')).toHaveLength(5)
  expect(outcomes.every((outcome) => [412, 409].includes(Number(outcome)) || typeof outcome === 'string')).toBe(true) // prettier-ignore
})

function statusOf(error: { $metadata?: { httpStatusCode?: number } }): number | undefined {
  return error.$metadata?.httpStatusCode
}

test('lists what there is, page by page', async () => {
  const names: string[] = []
  let Marker: string | undefined
  do {
    const page = await client.send(new ListFunctionsCommand({ MaxItems: 2, Marker }))
    expect(page.Functions?.length).toBeLessThanOrEqual(2)
    for (const one of page.Functions ?? []) names.push(one.FunctionName ?? '')
    Marker = page.NextMarker
  } while (Marker !== undefined)

  expect(names).toEqual(names.toSorted())
  expect(names).toContain('node-life')
})
