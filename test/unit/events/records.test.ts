import { describe, expect, it } from 'vitest'

import type { Target, Terms } from '../../../services/events/event.ts'
import { deliveriesOf, type Ended } from '../../../services/events/records.ts'
import { systemRandom } from '../../../services/model/index.ts'

const place = { account: '000000000000', region: 'us-east-1' }
const queue = (service: string): Target => ({
  kind: 'queue',
  arn: `arn:aws:${service}:us-east-1:000000000000:there`,
})
const functionArn = 'arn:aws:lambda:us-east-1:000000000000:function:f:live'

function ended(more: Partial<Ended> = {}, terms: Partial<Terms> = {}): Ended {
  return {
    event: {
      id: 'request-id', functionId: 'fn-1', functionName: 'f', payload: '{"a": 1.0}',
      acceptedAtMs: 0, hops: 0, fence: 1, attempts: 3, failures: 2, deferrals: 0, sound: true,
    }, // prettier-ignore
    terms: { functionArn, maxRetries: 2, maxAgeMs: 1, ...terms },
    condition: 'RetriesExhausted',
    attempts: 3,
    ran: {
      payload: Buffer.from('{"errorMessage":"no"}'),
      functionError: true,
      executedVersion: '7',
    },
    message: 'no',
    status: 200,
    atMs: Date.UTC(2026, 4, 3, 14, 5, 6, 789),
    ...more,
  }
}

const deliver = (end: Ended) => deliveriesOf(end, { place, random: systemRandom })
const record =
  '{"version":"1.0","timestamp":"2026-05-03T14:05:06.789Z",' +
  `"requestContext":{"requestId":"request-id","functionArn":"${functionArn}","condition":"RetriesExhausted","approximateInvokeCount":3},` +
  '"requestPayload":{"a": 1.0},' +
  '"responseContext":{"statusCode":200,"executedVersion":"7","functionError":"Unhandled"},' +
  '"responsePayload":{"errorMessage":"no"}}'

describe('records', () => {
  it('are byte for byte as AWS writes them', () => {
    const [delivery, ...more] = deliver(
      ended({}, { onFailure: queue('sqs'), onSuccess: queue('sns') }),
    )

    expect(delivery).toEqual({
      kind: 'destination',
      target: queue('sqs'),
      body: record,
      attributes: {},
    })
    expect(more).toEqual([])
  })

  it('tell of no answer where there was none', () => {
    const end = ended(
      { condition: 'ZeroReservedConcurrency', attempts: 0, ran: undefined, status: 429 },
      { onFailure: queue('sqs'), deadLetter: queue('sns') },
    )
    const [destination, letter] = deliver(end)

    expect(Object.keys(JSON.parse(destination?.body ?? '') as object)).toEqual([
      'version', 'timestamp', 'requestContext', 'requestPayload',
    ]) // prettier-ignore
    expect(letter?.attributes['ErrorCode']).toBe('429')
  })

  it('quote an answer that is no JSON', () => {
    const ran = { payload: Buffer.from('no "json"'), functionError: false, executedVersion: '1' }
    const [delivery] = deliver(ended({ condition: 'Success', ran }, { onSuccess: queue('sqs') }))

    expect(JSON.parse(delivery?.body ?? '')).toMatchObject({ responsePayload: 'no "json"' })
  })

  it('stand in the envelope of EventBridge', () => {
    const [delivery] = deliver(ended({}, { onFailure: queue('events') }))

    expect(JSON.parse(delivery?.body ?? '')).toEqual({
      version: '0',
      id: expect.stringMatching(/^[0-9a-f-]{36}$/) as string,
      'detail-type': 'Lambda Function Invocation Result - Failure',
      source: 'lambda',
      account: '000000000000',
      time: '2026-05-03T14:05:06Z',
      region: 'us-east-1',
      resources: [queue('events').arn, functionArn],
      detail: JSON.parse(record) as unknown,
    })
    expect(delivery?.body.endsWith(`,"detail":${record}}`)).toBe(true)
  })

  it('have the key of an object for a bucket', () => {
    const [delivery] = deliver(ended({}, { onFailure: queue('s3') }))

    expect(delivery?.attributes['Key']).toMatch(
      /^aws\/lambda\/async\/f\/2026\/05\/03\/2026-05-03T14\.05\.06-[0-9a-f-]{36}$/,
    )
  })

  it('lie in the queue of a function that they are too large for', () => {
    const target: Target = {
      kind: 'function', arn: functionArn, functionId: 'fn-2', functionName: 'g', qualifier: undefined,
    } // prettier-ignore
    const payload = Buffer.from(JSON.stringify('x'.repeat(1_048_576)))
    const ran = { payload, functionError: true, executedVersion: '1' }

    const [small] = deliver(ended({}, { onFailure: target }))
    const [large] = deliver(ended({ ran }, { onFailure: target }))

    expect(small?.target).toBe(target)
    expect(large?.target).toEqual({ kind: 'queue', arn: functionArn, unreachable: true })
  })
})

describe('where they go', () => {
  const all = { onSuccess: queue('sqs'), onFailure: queue('sns'), deadLetter: queue('s3') }

  it('a success to its destination alone', () => {
    expect(deliver(ended({ condition: 'Success' }, all)).map(({ target }) => target)).toEqual([
      queue('sqs'),
    ])
  })

  it('a failure to both, the dead letter as it came', () => {
    const [destination, letter] = deliver(ended({}, all))

    expect(destination?.target).toEqual(queue('sns'))
    expect(letter).toEqual({
      kind: 'dead-letter',
      target: queue('s3'),
      body: '{"a": 1.0}',
      attributes: { RequestID: 'request-id', ErrorCode: '200', ErrorMessage: 'no' },
    })
  })

  it('nowhere where nothing is configured', () => {
    expect(deliver(ended())).toEqual([])
  })
})
