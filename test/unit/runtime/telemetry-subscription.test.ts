import { describe, expect, test } from 'vitest'

import {
  InvalidSubscription,
  parseSubscription,
} from '../../../services/runtime/telemetry/subscription.ts'

const VALID = {
  schemaVersion: '2022-12-13',
  types: ['platform', 'function'],
  buffering: { maxBytes: 300_000, maxItems: 2_000, timeoutMs: 25 },
  destination: { protocol: 'HTTP', URI: 'http://sandbox.localdomain:8080/in?x=1' },
}

const parse = (more: object): unknown =>
  parseSubscription(JSON.stringify({ ...VALID, ...more }), 'telemetry')

test('a subscription is read as it is meant', () => {
  expect(parse({})).toEqual({
    version: 'telemetry',
    schemaVersion: '2022-12-13',
    types: ['platform', 'function'],
    buffering: { maxBytes: 300_000, maxItems: 2_000, timeoutMs: 25 },
    destination: { protocol: 'HTTP', port: 8080, path: '/in?x=1' },
  })
})

test('what is left out is as AWS has it', () => {
  const destination = { protocol: 'TCP', port: 8080 }

  expect(parse({ schemaVersion: undefined, buffering: undefined, destination })).toMatchObject({
    schemaVersion: '2022-07-01',
    buffering: { maxBytes: 262_144, maxItems: 10_000, timeoutMs: 1_000 },
    destination,
  })
})

test('the Logs API has versions of its own', () => {
  const body = JSON.stringify({ ...VALID, schemaVersion: '2021-03-18' })

  expect(parseSubscription(body, 'logs').schemaVersion).toBe('2021-03-18')
  expect(() => parseSubscription(body, 'telemetry')).toThrow(InvalidSubscription)
})

describe('refused with its reason', () => {
  test.each<[string, object]>([
    ['schemaVersion', { schemaVersion: '2020-01-01' }],
    ['types', { types: [] }],
    ['types', { types: ['platform', 'all'] }],
    ['types', { types: 'platform' }],
    ['buffering is', { buffering: 1 }],
    ['maxBytes', { buffering: { maxBytes: 262_143 } }],
    ['maxBytes', { buffering: { maxBytes: 1_048_577 } }],
    ['maxItems', { buffering: { maxItems: 999 } }],
    ['maxItems', { buffering: { maxItems: 1000.5 } }],
    ['timeoutMs', { buffering: { timeoutMs: 24 } }],
    ['timeoutMs', { buffering: { timeoutMs: 30_001 } }],
    ['timeoutMs', { buffering: { timeoutMs: '25' } }],
    ['destination is', { destination: undefined }],
    ['protocol', { destination: { protocol: 'UDP', port: 8080 } }],
    ['sandbox.localdomain', { destination: { protocol: 'HTTP', URI: 'http://localhost:8080' } }],
    ['sandbox.localdomain', { destination: { protocol: 'HTTP', URI: 'http://169.254.169.254/' } }],
    [
      'sandbox.localdomain',
      { destination: { protocol: 'HTTP', URI: 'https://sandbox.localdomain:8080' } },
    ],
    [
      'sandbox.localdomain',
      { destination: { protocol: 'HTTP', URI: 'http://u:p@sandbox.localdomain:8080' } },
    ],
    [
      'sandbox.localdomain',
      { destination: { protocol: 'HTTP', URI: 'http://sandbox.localdomain.evil:8080' } },
    ],
    ['sandbox.localdomain', { destination: { protocol: 'HTTP', URI: '8080' } }],
    ['own', { destination: { protocol: 'HTTP', URI: 'http://sandbox.localdomain:9001' } }],
    ['own', { destination: { protocol: 'TCP', port: 9001 } }],
    ['port', { destination: { protocol: 'TCP', port: 65_536 } }],
    ['port', { destination: { protocol: 'TCP', port: '8080' } }],
  ])('%s: %j', (reason, more) => {
    expect(() => parse(more)).toThrow(reason)
    expect(() => parse(more)).toThrow(InvalidSubscription)
  })

  test.each(['', 'null', '[]', '"x"', '{'])('the body %j', (body) => {
    expect(() => parseSubscription(body, 'telemetry')).toThrow(InvalidSubscription)
  })
})
