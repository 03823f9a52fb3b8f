import { CreateFunctionCommand } from '@aws-sdk/client-lambda'
import { afterEach, beforeEach, expect, it } from 'vitest'

import { eventWork, invoke } from '../../../services/operations/index.ts'
import { addressRules } from '../../../services/sources/index.ts'
import { eventually } from '../../support/eventually.ts'
import {
  CALLER,
  FakeRuntime,
  startLambdaApi,
  type Answered,
  type LambdaApi,
} from '../../support/lambda-api.ts'
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

it('(7) answers an event by 202 with an empty body, and a dry run by an empty 204', async () => {
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
  expect([event.status, event.body]).toEqual([202, undefined])
  expect(event.headers.get('content-length')).toBe('0')
  expect(event.headers.get('x-amzn-requestid')).toMatch(/^[0-9a-f-]{36}$/)
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

it.each([
  ['at once', 60, 1],
  ['after one', 70, 2],
])(
  '(11) EventAgeExceeded looks ahead: retries end %s with an age of %i s',
  async (_when, age, count) => {
    await create()
    await api.settle()
    await api.deps.live.refresh()
    const json = {
      MaximumEventAgeInSeconds: age,
      MaximumRetryAttempts: 2,
      DestinationConfig: {
        OnFailure: { Destination: 'arn:aws:sqs:us-east-1:000000000000:failed' },
      },
    }
    await api.call('PutFunctionEventInvokeConfig', { path, json })
    api.runtime.invoke = (spec, call) => {
      api.clock.set(api.clock.nowMs() + 5)
      return FakeRuntime.prototype.invoke
        .call(api.runtime, spec, call)
        .then((outcome) => ({ ...outcome, functionError: true }))
    }
    await api.deps.events.start(eventWork(api.deps, addressRules([])))
    const { id } = await eventOf('fn')
    const messages = () =>
      api.deps.events.messages({ queue: json.DestinationConfig.OnFailure.Destination, limit: 9 })
    await eventually(async () => {
      api.clock.advance(5_000)
      return (await messages()).length
    }).toBe(1)

    const [message] = await messages()
    expect(JSON.parse(message?.body ?? '')).toMatchObject({
      requestContext: {
        requestId: id,
        condition: 'EventAgeExceeded',
        approximateInvokeCount: count,
      },
      responseContext: { statusCode: 200, functionError: 'Unhandled' },
    })
  },
)

/** An event as the edge would hand it on. */
async function eventOf(functionName: string): Promise<{ id: string }> {
  const requestId = api.deps.random.uuid()
  const { signal } = new AbortController()
  const input = {
    functionName,
    invocationType: 'Event',
    payload: Buffer.from('{}'),
    tail: false,
    signal,
  } as const
  await invoke(api.deps, { ...CALLER, requestId }, input)
  return { id: requestId }
}

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
