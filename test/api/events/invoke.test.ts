import {
  CreateAliasCommand,
  DeleteFunctionCommand,
  GetFunctionCommand,
  InvokeCommand,
  PublishVersionCommand,
  PutFunctionConcurrencyCommand,
  PutFunctionEventInvokeConfigCommand,
  UpdateAliasCommand,
  type InvokeCommandInput,
} from '@aws-sdk/client-lambda'
import { afterAll, describe, expect, it } from 'vitest'

import { startTestApp } from '../../support/app.ts'
import { eventually } from '../../support/eventually.ts'
import { createActive, updateAndWait } from '../../support/functions.ts'
import { zipOf } from '../../support/packages.ts'

const app = await startTestApp({ eventDelayScale: '0.0005', openMetrics: true })
afterAll(() => app[Symbol.asyncDispose]())

const SUCCESSES = 'arn:aws:sqs:us-east-1:000000000000:successes'
const FAILURES = 'arn:aws:sqs:us-east-1:000000000000:failures'
const DEAD = 'arn:aws:sqs:us-east-1:000000000000:dead'

/** Says what it was given, and fails where the event tells it to. */
const code = `
exports.handler = async (event, context) => {
  if (event.fail) throw new TypeError('told to')
  return {
    event, id: context.awsRequestId, arn: context.invokedFunctionArn,
    version: context.functionVersion, client: context.clientContext ?? null,
    trace: process.env._X_AMZN_TRACE_ID,
  }
}
`

const json = (value: unknown): Uint8Array => Buffer.from(JSON.stringify(value))

async function make(name: string, more: Parameters<typeof createActive>[2] = {}): Promise<void> {
  await createActive(app.client, name, { Code: { ZipFile: zipOf({ 'index.js': code }) }, ...more })
}

async function configure(
  name: string,
  onSuccess: string | undefined,
  more: { retries?: number; age?: number; qualifier?: string; onFailure?: string } = {},
): Promise<void> {
  await app.client.send(
    new PutFunctionEventInvokeConfigCommand({
      FunctionName: name,
      Qualifier: more.qualifier,
      MaximumRetryAttempts: more.retries,
      MaximumEventAgeInSeconds: more.age,
      DestinationConfig: {
        ...(onSuccess === undefined ? {} : { OnSuccess: { Destination: onSuccess } }),
        OnFailure: { Destination: more.onFailure ?? FAILURES },
      },
    }),
  )
}

async function send(FunctionName: string, input: Partial<InvokeCommandInput> = {}) {
  const answer = await app.client.send(
    new InvokeCommand({ FunctionName, InvocationType: 'Event', ...input }),
  )
  return { ...answer, id: answer.$metadata.requestId ?? '' }
}

interface DestinationRecord {
  readonly requestContext: Readonly<Record<string, unknown>>
  readonly requestPayload: unknown
  readonly responseContext?: Readonly<Record<string, unknown>>
  readonly responsePayload?: Readonly<Record<string, unknown>>
}

/** The messages about one request, once there are so many. */
async function messagesOf(queue: string, requestId: string, count = 1) {
  const read = async () =>
    (await app.deps.events.messages({ queue, limit: 500 })).filter(
      (message) => message.requestId === requestId,
    )
  await eventually(async () => (await read()).length).toBe(count)
  return await read()
}

async function recordOf(queue: string, requestId: string): Promise<DestinationRecord> {
  const [message] = await messagesOf(queue, requestId)
  return JSON.parse(message?.body ?? 'null') as DestinationRecord
}

await make('echo')
await make('quiet')
await configure('echo', SUCCESSES)

describe('an event', () => {
  it('trap 7: is answered by 202 with an empty body and the id that the function sees', async () => {
    const { StatusCode, Payload, ExecutedVersion, id } = await send('echo', {
      Payload: json({ a: 1 }),
    })

    expect({ StatusCode, ExecutedVersion }).toEqual({ StatusCode: 202 })
    expect(Payload ?? new Uint8Array()).toHaveLength(0)
    const record = await recordOf(SUCCESSES, id)
    expect(record.responsePayload).toMatchObject({ id, event: { a: 1 } })
  })

  it('leaves the record of AWS, member for member and in its order', async () => {
    const { id } = await send('echo', {
      Payload: Buffer.from('{"big":12345678901234567890, "b":[]}'),
    })
    const [message] = await messagesOf(SUCCESSES, id)

    const record = JSON.parse(message?.body ?? '') as DestinationRecord & { timestamp: string }
    expect(Object.keys(record)).toEqual([
      'version', 'timestamp', 'requestContext', 'requestPayload', 'responseContext', 'responsePayload',
    ]) // prettier-ignore
    expect(record.timestamp).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/)
    expect(record).toMatchObject({
      version: '1.0',
      requestContext: {
        requestId: id,
        functionArn: 'arn:aws:lambda:us-east-1:000000000000:function:echo:$LATEST',
        condition: 'Success',
        approximateInvokeCount: 1,
      },
      responseContext: { statusCode: 200, executedVersion: '$LATEST' },
    })
    expect(Object.keys(record.responseContext ?? {})).toEqual(['statusCode', 'executedVersion'])
    expect(message?.body).toContain('"requestPayload":{"big":12345678901234567890, "b":[]}')
  })

  it('hands on the client context and the trace, and an empty object for no payload', async () => {
    const ClientContext = Buffer.from('{"custom":{"who":"me"}}').toString('base64')
    const { id } = await send('echo', { ClientContext })

    const { requestPayload, responsePayload } = await recordOf(SUCCESSES, id)
    expect(requestPayload).toEqual({})
    expect(responsePayload).toMatchObject({ event: {}, client: { custom: { who: 'me' } } })
    expect(responsePayload?.['trace']).toMatch(
      /^Root=1-[0-9a-f]{8}-[0-9a-f]{24};Sampled=0;ApproximateInvokeCount=1$/,
    )
  })

  it('may have a megabyte and no more', async () => {
    const fits = Buffer.from(JSON.stringify('x'.repeat(1_048_574)))
    const large = Buffer.concat([fits.subarray(0, -1), Buffer.from('x"')])

    expect((await send('echo', { Payload: fits })).StatusCode).toBe(202)
    await expect(send('echo', { Payload: large })).rejects.toMatchObject({
      name: 'RequestTooLargeException',
      message:
        '1048577 byte payload is too large for the Event invocation type (limit 1048576 bytes)',
    })
  })

  it.each([
    ['no function', 'nobody', undefined, 'ResourceNotFoundException'],
    ['no alias', 'quiet:nope', undefined, 'ResourceNotFoundException'],
    ['no JSON', 'quiet', Buffer.from('{'), 'InvalidRequestContentException'],
  ])('is refused, and not queued, where there is %s', async (_what, name, Payload, type) => {
    await expect(send(name, { Payload })).rejects.toMatchObject({ name: type })

    expect(await app.deps.events.list({ functionName: name.split(':')[0], limit: 9 })).toEqual([])
  })
})

describe('retries', () => {
  it('runs a failing function three times under one id, and tells its failure destination', async () => {
    const { id } = await send('echo', { Payload: json({ fail: true }) })

    const record = await recordOf(FAILURES, id)
    expect(record).toMatchObject({
      requestContext: { requestId: id, condition: 'RetriesExhausted', approximateInvokeCount: 3 },
      requestPayload: { fail: true },
      responseContext: { statusCode: 200, executedVersion: '$LATEST', functionError: 'Unhandled' },
      responsePayload: { errorType: 'TypeError', errorMessage: 'told to' },
    })
    expect(await app.deps.events.show(id)).toMatchObject({
      state: 'dead',
      condition: 'RetriesExhausted',
      attempts: 3,
      lastError: 'told to',
    })
  })

  it('keeps to the number of retries of the qualifier that was invoked', async () => {
    await make('once')
    await app.client.send(new PublishVersionCommand({ FunctionName: 'once' }))
    const alias = { FunctionName: 'once', Name: 'live', FunctionVersion: '1' }
    await app.client.send(new CreateAliasCommand(alias))
    await configure('once', undefined, { retries: 0, qualifier: 'live' })

    const { id } = await send('once', { Qualifier: 'live', Payload: json({ fail: 1 }) })

    expect((await recordOf(FAILURES, id)).requestContext).toEqual({
      requestId: id,
      functionArn: 'arn:aws:lambda:us-east-1:000000000000:function:once:live',
      condition: 'RetriesExhausted',
      approximateInvokeCount: 1,
    })
  })

  it('resolves the alias again at every try', async () => {
    await make('moving')
    await app.client.send(new PublishVersionCommand({ FunctionName: 'moving' }))
    const good = zipOf({ 'index.js': 'exports.handler = async () => "mended"\n' })
    await updateAndWait(app.client, 'moving', good)
    await app.client.send(new PublishVersionCommand({ FunctionName: 'moving' }))
    const alias = { FunctionName: 'moving', Name: 'live' }
    await app.client.send(new CreateAliasCommand({ ...alias, FunctionVersion: '1' }))
    await configure('moving', SUCCESSES, { qualifier: 'live' })

    const { id } = await send('moving', { Qualifier: 'live', Payload: json({ fail: true }) })
    await eventually(async () => (await app.deps.events.show(id)).failures).toBeGreaterThan(0)
    await app.client.send(new UpdateAliasCommand({ ...alias, FunctionVersion: '2' }))

    const record = await recordOf(SUCCESSES, id)
    expect(record.responseContext).toEqual({ statusCode: 200, executedVersion: '2' })
    expect(record.responsePayload).toBe('mended')
  })
})

describe('what is given up', () => {
  it('goes to the dead letter queue as it came, with its attributes', async () => {
    await make('lettered', { DeadLetterConfig: { TargetArn: DEAD } })
    await app.client.send(
      new PutFunctionEventInvokeConfigCommand({
        FunctionName: 'lettered',
        MaximumRetryAttempts: 0,
      }),
    )
    const { id } = await send('lettered', { Payload: Buffer.from('{"fail": true }') })

    const [message] = await messagesOf(DEAD, id)
    expect(message).toMatchObject({
      kind: 'dead-letter',
      functionName: 'lettered',
      body: '{"fail": true }',
      attributes: { RequestID: id, ErrorCode: '200', ErrorMessage: 'told to' },
    })
  })

  it('goes at once where the reserved concurrency is 0', async () => {
    await make('off')
    await configure('off', SUCCESSES)
    await app.client.send(
      new PutFunctionConcurrencyCommand({ FunctionName: 'off', ReservedConcurrentExecutions: 0 }),
    )
    const { id } = await send('off')

    const record = await recordOf(FAILURES, id)
    expect(record.requestContext).toMatchObject({
      condition: 'ZeroReservedConcurrency',
      approximateInvokeCount: 0,
    })
    expect(record.responseContext).toBeUndefined()
  })

  it('is dead with a reason where the function was deleted', async () => {
    await make('short-lived')
    const { id } = await send('short-lived', { Payload: json({ fail: true }) })
    await eventually(async () => (await app.deps.events.show(id)).failures).toBeGreaterThan(0)
    await app.client.send(new DeleteFunctionCommand({ FunctionName: 'short-lived' }))

    await eventually(async () => (await app.deps.events.show(id)).condition).toBe(
      'FunctionNotFound',
    )
  })
})

describe('functions as destinations', () => {
  it('are invoked with the record', async () => {
    await make('second')
    await configure('second', SUCCESSES)
    await make('first')
    const { Configuration } = await app.client.send(
      new GetFunctionCommand({ FunctionName: 'second' }),
    )
    await configure('first', Configuration?.FunctionArn)

    const { id } = await send('first', { Payload: json({ a: 1 }) })

    await eventually(async () => {
      const messages = await app.deps.events.messages({ queue: SUCCESSES, limit: 500 })
      return messages
        .filter((message) => message.functionName === 'second')
        .map((message) => JSON.parse(message.body) as DestinationRecord)
    }).toEqual([
      expect.objectContaining({
        requestPayload: expect.objectContaining({
          requestContext: expect.objectContaining({
            requestId: id,
            condition: 'Success',
          }) as object,
        }) as object,
      }),
    ])
  })

  it('end a loop after some hops', async () => {
    const arn = (name: string) => `arn:aws:lambda:us-east-1:000000000000:function:${name}`
    // What they answer does not grow from hop to hop.
    const quiet = { Code: { ZipFile: zipOf({ 'index.js': 'exports.handler = async () => {}\n' }) } }
    await make('ping', quiet)
    await make('pong', quiet)
    await configure('ping', arn('pong'))
    await configure('pong', arn('ping'))

    await send('ping')

    await eventually(async () => {
      const dead = await app.deps.events.list({ state: 'dead', limit: 500 })
      return dead.filter((event) => event.condition === 'RecursiveLoop')
    }).toEqual([expect.objectContaining({ hops: 17 })])
  })
})

it("tells AWS's metrics", async () => {
  const metrics = await (await fetch(`${app.url}/metrics`)).text()

  expect(metrics).toContain('AWS: AsyncEventsReceived')
  expect(metrics).toMatch(/lacre_async_events_received_total\{function="once"\} 1/)
  expect(metrics).toMatch(
    /lacre_async_events_dropped_total\{function="off",condition="ZeroReservedConcurrency"\} 1/,
  )
  expect(metrics).toMatch(/lacre_async_event_age_seconds_count\{function="echo"\} [1-9]/)
  expect(metrics).toContain('AWS: DestinationDeliveryFailures')
  expect(metrics).toContain('AWS: DeadLetterErrors')
})
