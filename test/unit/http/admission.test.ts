import { expect, test } from 'vitest'

import { Callers } from '../../../services/http/admission-caller.ts'
import { classOf } from '../../../services/http/admission-class.ts'
import { OPERATIONS } from '../../../services/http/lambda/operations-table.ts'

const of = (method: string, url: string, headers: Record<string, string> = {}) =>
  classOf({ method, url, headers })

test('invocations, events and dry runs are told apart', () => {
  const url = '/2015-03-31/functions/f/invocations?Qualifier=live'

  expect(of('POST', url)).toBe('invoke')
  expect(of('POST', url, { 'x-amz-invocation-type': 'RequestResponse' })).toBe('invoke')
  expect(of('POST', url, { 'x-amz-invocation-type': 'Event' })).toBe('event')
  expect(of('POST', url, { 'x-amz-invocation-type': 'DryRun' })).toBe('read')
  expect(of('POST', '/2021-11-15/functions/f/response-streaming-invocations')).toBe('invoke')
})

test('what watches the service needs no place', () => {
  for (const url of ['/healthz', '/readyz', '/metrics', '/metrics?x'])
    expect(of('GET', url), url).toBeUndefined()
  expect(of('POST', '/healthz')).toBe('write')
})

test('every operation of Lambda that deletes, and what scales to zero or moves an alias, is leaving', () => {
  const leaving = OPERATIONS.filter(([, method, path]) => of(method, path) === 'leaving')
  const names = leaving.map(([name]) => name)

  for (const [name, method] of OPERATIONS) {
    const leaves =
      method === 'DELETE' || name === 'PutFunctionConcurrency' || name === 'UpdateAlias'
    expect(names.includes(name), name).toBe(leaves)
  }
})

test.each([
  ['POST', '/api/v1/revocations', 'leaving'],
  ['POST', '/api/v1/access-keys/AKIA/disable', 'leaving'],
  ['POST', '/api/v1/principals/usr-x/roles/admin/revoke', 'leaving'],
  ['POST', '/api/v1/break-glass/bg-1/end', 'leaving'],
  ['POST', '/api/v1/policy-sets/admission/rollback', 'leaving'],
  ['PUT', '/api/v1/freezes/f', 'leaving'],
  ['PUT', '/signing-profiles/p/revoke', 'leaving'],
  ['POST', '/console/sign-out', 'leaving'],
  ['POST', '/console/back-channel-logout', 'leaving'],
  ['POST', '/console/sign-in', 'write'],
  ['POST', '/api/v1/approvals', 'write'],
  ['PUT', `/api/v1/artifacts/${'0'.repeat(64)}`, 'write'],
  ['GET', '/api/v1/live', 'read'],
  ['GET', '/console/live', 'read'],
  ['GET', '/api/v1/functions/f/logs?waitMs=20000', 'follow'],
  ['GET', '/api/v1/functions/f', 'read'],
  ['POST', '/', 'read'],
  ['PATCH', '/anything', 'write'],
])('%s %s is %s', (method, url, kind) => {
  expect(of(method, url)).toBe(kind)
})

const signed = (id: string) => ({
  authorization: `AWS4-HMAC-SHA256 Credential=${id}/20260101/us-east-1/lambda/aws4_request, Signature=0`,
})
const KEY = 'AKIA0123456789ABCDEF'

test('a claim counts once it was proved, from the same address alone', () => {
  const callers = new Callers()
  expect(callers.callerOf('192.0.2.1', signed(KEY))).toBe('192.0.2.1')

  callers.prove('192.0.2.1', signed(KEY), 'usr-ana')

  expect(callers.callerOf('192.0.2.1', signed(KEY))).toBe('usr-ana')
  expect(callers.callerOf('192.0.2.9', signed(KEY))).toBe('192.0.2.9')
  expect(callers.callerOf('192.0.2.1', signed('AKIAZZZZZZZZZZZZZZZZ'))).toBe('192.0.2.1')
  expect(callers.callerOf('192.0.2.1', {})).toBe('192.0.2.1')
})

test('two keys of one principal are one caller, as a token of his is', () => {
  const callers = new Callers()
  const token = { authorization: 'Bearer eyJh.eyJz.c2ln' }
  callers.prove('192.0.2.1', signed(KEY), 'usr-ana')
  callers.prove('192.0.2.2', token, 'usr-ana')

  expect(callers.callerOf('192.0.2.1', signed(KEY))).toBe('usr-ana')
  expect(callers.callerOf('192.0.2.2', token)).toBe('usr-ana')
})

test('addresses that one customer has for nothing are one caller', () => {
  const callers = new Callers()
  const of64 = callers.callerOf('2001:db8:1:2::1', {})

  expect(callers.callerOf('2001:db8:1:2:ffff:ffff:ffff:ffff', {})).toBe(of64)
  expect(callers.callerOf('2001:db8:1:3::1', {})).not.toBe(of64)
  expect(callers.callerOf('::1', {})).toBe('0:0:0:0')
  expect(callers.callerOf('::ffff:192.0.2.1', {})).toBe('192.0.2.1')
})
