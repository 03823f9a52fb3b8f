import { CreateFunctionCommand } from '@aws-sdk/client-lambda'
import { afterEach, beforeEach, expect, it } from 'vitest'

import { startLambdaApi, type Answered, type LambdaApi } from '../../support/lambda-api.ts'
import { lambdaWire } from '../../support/lambda-wire.ts'
import { nodePackage, zipOf } from '../../support/packages.ts'
import { stillStage } from '../../support/recorded-stage.ts'

/** Where users of AWS stumble, and replicas of it more so (SPEC A21): one test each. */
const path = { FunctionName: 'fn' }
const Role = 'arn:aws:iam::000000000000:role/lambda-role'
let api: LambdaApi
beforeEach(async () => {
  api = await startLambdaApi()
})
afterEach(() => api[Symbol.asyncDispose]())

function create(more: object = {}, zip: Uint8Array = nodePackage(1)): Promise<Answered> {
  const json = { ...path, Role, Runtime: 'nodejs20.x', Handler: 'index.handler', ...more }
  return api.call('CreateFunction', { json, zip })
}

const read = (): Promise<Answered> => api.call('GetFunctionConfiguration', { path })
const publish = (): Promise<Answered> => api.call('PublishVersion', { path })

it('(1) gives another RevisionId when a state settles', async () => {
  const created = await create()
  await api.settle()

  expect((await read()).body['RevisionId']).not.toBe(created.body['RevisionId'])
})

it('(2) answers 201 with the version there is when nothing changed', async () => {
  await create()
  await api.settle()
  const first = await publish()
  const second = await publish()

  expect([second.status, second.body]).toEqual([201, first.body])
})

it('(6) runs the code before while an update is in progress', async () => {
  const created = await create()
  await api.settle()
  const release = () => {
    const found = api.deps.live.resolve('fn', undefined, 0)
    return found.kind === 'found' ? found.spec.release : found.kind
  }
  const before = release()
  const updated = await api.call('UpdateFunctionCode', { path, zip: nodePackage(2) })
  const during = release()
  await api.settle()

  expect(updated.body['CodeSha256']).not.toBe(created.body['CodeSha256'])
  expect(during).toBe(before)
  expect(release()).not.toBe(before)
})

it('(7) answers a dry run with an empty body; an event is refused as long as nothing would keep it', async () => {
  await using stage = await stillStage()
  const made = { ...path, Role, Runtime: 'nodejs20.x', Handler: 'index.handler' } as const
  await stage.send(new CreateFunctionCommand({ ...made, Code: { ZipFile: nodePackage(1) } }))
  await stage.settle('fn')
  const call = (type: string) =>
    lambdaWire(stage.admin, {
      method: 'POST',
      path: '/2015-03-31/functions/fn/invocations',
      headers: { 'x-amz-invocation-type': type },
    })

  const dry = await call('DryRun')
  const event = await call('Event')

  expect([dry.status, dry.body]).toEqual([204, undefined])
  expect([event.status, event.headers.get('x-amzn-errortype')]).toEqual([
    400,
    'InvalidParameterValueException',
  ])
})

it('(8) writes `Message` or `message` as the error has it', async () => {
  const missing = await api.call('GetFunction', { path })
  const invalid = await create({ Runtime: 'none' })

  expect(Object.keys(missing.body)).toEqual(['Type', 'Message'])
  expect(Object.keys(invalid.body)).toEqual(['Type', 'message'])
})

it('(9) takes one weight for an alias', async () => {
  await create()
  const AdditionalVersionWeights = { '2': 0.1, '3': 0.1 }
  const refused = await api.call('CreateAlias', {
    path,
    json: { Name: 'live', FunctionVersion: '1', RoutingConfig: { AdditionalVersionWeights } },
  })

  expect(refused.body['message']).toBe(
    'Number of items in AdditionalVersionWeights cannot be greater than 1',
  )
})

it('(10) shows a function the ARN it was called by', async () => {
  await create({ Publish: true })
  await api.settle()
  await api.call('CreateAlias', { path, json: { Name: 'live', FunctionVersion: '1' } })
  const found = api.deps.live.resolve('fn', 'live', 0)

  expect(found).toMatchObject({ executedVersion: '1' })
  expect(found).toMatchObject({
    invokedArn: 'arn:aws:lambda:us-east-1:000000000000:function:fn:live',
  })
})

it('(11) keeps the age and the retries that a look-ahead will go by, to the second', async () => {
  await create()
  await api.settle()
  const json = { MaximumEventAgeInSeconds: 60, MaximumRetryAttempts: 2 }
  await api.call('PutFunctionEventInvokeConfig', { path, json })

  expect((await api.call('GetFunctionEventInvokeConfig', { path })).body).toMatchObject(json)
})

it('(12) takes %2F in a path for a part of a name, not for an end of it', async () => {
  await using stage = await stillStage()

  const asked = { method: 'GET', path: '/2015-03-31/functions/a%2Fb' } as const
  const { status, headers, body } = await lambdaWire(stage.admin, asked)

  expect([status, headers.get('x-amzn-errortype')]).toEqual([400, 'ValidationException'])
  expect(body?.['message']).toContain("Value 'a/b' at 'functionName'")
})

it('(13) never gives a version number again, also to a function of the same name', async () => {
  await create({ Publish: true })
  await api.settle()
  await api.call('DeleteFunction', { path })
  const again = await create({ Publish: true })

  expect(again.body['Version']).toBe('2')
})

it.each([
  [4_096, 201],
  [4_097, 400],
])('(14) measures %i bytes of variables on their JSON: %i', async (bytes, status) => {
  const Variables = { VAR: 'x'.repeat(bytes - '{"VAR":""}'.length) }

  expect((await create({ Environment: { Variables } })).status).toBe(status)
})

it('(15) writes CodeSha256 in base64', async () => {
  expect((await create()).body['CodeSha256']).toMatch(/^[A-Za-z0-9+/]{43}=$/)
})

it.each([
  ['nothing', Buffer.alloc(0), 'Uploaded file must be a non-empty zip'],
  ['a zip of nothing', zipOf({}), 'Uploaded file must be a non-empty zip'],
  [
    'no zip',
    Buffer.from('this is not a zipfile, just a random string'),
    'Could not unzip uploaded file. Please check your file, then try to upload again.',
  ],
])('refuses %s as code', async (_name, zip, message) => {
  const refused = await create({}, zip)

  expect([refused.status, refused.body['message']]).toEqual([400, message])
  expect((await read()).status).toBe(404)
})

it('keeps every member of the configuration and gives it back', async () => {
  const given = {
    Description: 'd',
    Timeout: 7,
    MemorySize: 256,
    EphemeralStorage: { Size: 1_024 },
    TracingConfig: { Mode: 'Active' },
    DeadLetterConfig: { TargetArn: 'arn:aws:sqs:us-east-1:000000000000:dead' },
    KMSKeyArn: 'arn:aws:kms:us-east-1:000000000000:key/one',
    Environment: { Variables: { KEY: 'value' } },
    DurableConfig: { ExecutionTimeout: 60, RetentionPeriodInDays: 3 },
  }
  await create(given)
  await api.settle()
  const before = await read()
  const kept = await api.call('UpdateFunctionConfiguration', { path, json: { Timeout: 8 } })

  expect(before.body).toMatchObject(given)
  expect(kept.body).toMatchObject({ ...given, Timeout: 8 })
})

it.each([
  [{ DeadLetterConfig: { TargetArn: 'queue' } }, "Value 'queue' at 'deadLetterConfig.targetArn'"],
  [{ DurableConfig: { RetentionPeriodInDays: 91 } }, "Value '91' at 'durableConfig.retentionPeriodInDays'"],
  [{ FileSystemConfigs: [{ Arn: 'x', LocalMountPath: '/mnt/x' }] }, "Value 'x' at 'fileSystemConfigs.1.member.arn'"],
  [{ TenancyConfig: { TenantIsolationMode: 'PER_TENANT' } }, '`TenancyConfig` is not built'],
])('refuses %j', async (more, sentence) => {
  const refused = await create(more)

  expect(refused.status).toBe(400)
  expect(refused.body['message'] ?? refused.body['Message']).toContain(sentence)
}) // prettier-ignore
