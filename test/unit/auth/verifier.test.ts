import { createHash } from 'node:crypto'

import aws4 from 'aws4'
import { describe, expect, it } from 'vitest'

import {
  beginVerification,
  credentialOf,
  type SignedRequest,
} from '../../../services/auth/index.ts'
import { PlatformError, type Principal } from '../../../services/model/index.ts'
import { signWithSmithy, type Ask } from '../../support/signers.ts'

const SECRET = 'wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY'
const ID = 'AKIDEXAMPLE'
const NOW = Date.parse('2026-05-03T14:00:00Z')
const place = { account: '000000000000', region: 'us-east-1' }
const rules = { place, services: ['lambda'], nowMs: NOW }
const admin: Principal = {
  id: 'usr-admin',
  kind: 'user',
  name: 'admin',
  roles: ['admin'],
  claims: {},
}

const find = async (id: string) => {
  if (id !== ID) throw new PlatformError('UNKNOWN_ACCESS_KEY', 'unknown')
  return credentialOf(ID, admin, SECRET)
}
const hash = (text: string): string => createHash('sha256').update(text).digest('hex')

async function verify(request: SignedRequest, body = '', with_ = rules): Promise<void> {
  const begun = await beginVerification(request, with_, find)
  begun.finish(hash(body))
}
const codeOf = async (work: Promise<unknown>): Promise<string> =>
  await work.then(
    () => 'accepted',
    (error: unknown) => (error instanceof PlatformError ? error.code : String(error)),
  )

async function signedBySmithy(ask: Ask): Promise<SignedRequest> {
  const keys = { accessKeyId: ID, secretAccessKey: SECRET }
  const { method, path, query, headers } = await signWithSmithy(keys, { ...ask, atMs: NOW })
  return { method, path, query, headers: Object.entries(headers) }
}

describe('requests of other signers', () => {
  it.each<[string, Ask]>([
    ['a plain one', { body: '{}' }],
    [
      'an ARN in the path',
      {
        path: '/2015-03-31/functions/arn%3Aaws%3Alambda%3Aus-east-1%3A000000000000%3Afunction%3Af%3A%24LATEST',
      },
    ],
    [
      'odd characters in the query',
      { method: 'GET', query: { Marker: "a+/=b c~*'()!", tagKeys: ['b', 'a', 'a b'] } },
    ],
    ['spaces inside a header', { headers: { 'x-amz-client-context': '  a   b  ' } }],
    ['a trailing slash', { path: '/2015-03-31/functions/' }],
  ])('accepts %s signed by the AWS SDK', async (_name, ask) => {
    const request = await signedBySmithy(ask)

    expect(await codeOf(verify(request, String(ask.body ?? '')))).toBe('accepted')
  })

  it.each([
    '/2015-03-31/functions/f%3Aprod/invocations',
    '/2015-03-31/functions/?Marker=%2B%2F%3D',
  ])('accepts %s signed by aws4, which sends no body hash', async (path) => {
    const at = path.indexOf('?')
    const signed = aws4.sign(
      {
        host: 'localhost:8080',
        method: 'POST',
        path,
        service: 'lambda',
        region: 'us-east-1',
        body: '{"a":1}',
        headers: { 'X-Amz-Date': '20260503T140000Z', 'Content-Type': 'application/json' },
      },
      { accessKeyId: ID, secretAccessKey: SECRET },
    )
    const headers = Object.entries(signed.headers ?? {}).map(([n, v]) => [n, String(v)] as const)
    const request = {
      method: 'POST',
      path: at === -1 ? path : path.slice(0, at),
      query: at === -1 ? '' : path.slice(at + 1),
      headers,
    }

    expect(await codeOf(verify(request, '{"a":1}'))).toBe('accepted')
    expect(await codeOf(verify(request, '{"a":2}'))).toBe('INVALID_SIGNATURE')
  })
})

describe('what is refused', () => {
  const body = '{"a":1}'
  const change = (
    request: SignedRequest,
    name: string,
    value: string | undefined,
  ): SignedRequest => ({
    ...request,
    headers: request.headers.flatMap(([key, old]): [string, string][] =>
      key.toLowerCase() !== name ? [[key, old]] : value === undefined ? [] : [[key, value]],
    ),
  })
  const authorization = (request: SignedRequest): string =>
    request.headers.find(([name]) => name.toLowerCase() === 'authorization')?.[1] ?? ''

  it.each<[string, string, (request: SignedRequest) => SignedRequest]>([
    ['no Authorization', 'MISSING_AUTHENTICATION', (r) => change(r, 'authorization', undefined)],
    ['another scheme', 'INVALID_SIGNATURE', (r) => change(r, 'authorization', 'Bearer abc')],
    [
      'another key',
      'UNKNOWN_ACCESS_KEY',
      (r) => change(r, 'authorization', authorization(r).replace(ID, 'AKIDOTHER')),
    ],
    ['another method', 'INVALID_SIGNATURE', (r) => ({ ...r, method: 'PUT' })],
    ['another path', 'INVALID_SIGNATURE', (r) => ({ ...r, path: `${r.path}x` })],
    ['another query', 'INVALID_SIGNATURE', (r) => ({ ...r, query: 'a=1' })],
    ['a query that encodes nothing', 'INVALID_SIGNATURE', (r) => ({ ...r, query: 'a=%zz' })],
    ['another host', 'INVALID_SIGNATURE', (r) => change(r, 'host', 'elsewhere')],
    ['another content type', 'INVALID_SIGNATURE', (r) => change(r, 'content-type', 'text/plain')],
    [
      'a signed header that did not come',
      'INVALID_SIGNATURE',
      (r) => change(r, 'content-type', undefined),
    ],
    [
      'an unsigned x-amz header',
      'INVALID_SIGNATURE',
      (r) => ({ ...r, headers: [...r.headers, ['X-Amz-Invocation-Type', 'Event']] }),
    ],
    [
      'two hosts',
      'INVALID_SIGNATURE',
      (r) => ({ ...r, headers: [...r.headers, ['Host', 'localhost:8080']] }),
    ],
    [
      'another region in the scope',
      'INVALID_SIGNATURE',
      (r) => change(r, 'authorization', authorization(r).replace('us-east-1', 'us-east-2')),
    ],
    [
      'another service in the scope',
      'INVALID_SIGNATURE',
      (r) => change(r, 'authorization', authorization(r).replace('/lambda/', '/lambdb/')),
    ],
    [
      'another date in the scope',
      'INVALID_SIGNATURE',
      (r) => change(r, 'authorization', authorization(r).replace('/20260503/', '/20260502/')),
    ],
    [
      'an upper-case signature',
      'INVALID_SIGNATURE',
      (r) =>
        change(
          r,
          'authorization',
          authorization(r).replace(/[0-9a-f]{64}$/, (s) => s.toUpperCase()),
        ),
    ],
    [
      'a signature cut short',
      'INVALID_SIGNATURE',
      (r) => change(r, 'authorization', authorization(r).slice(0, -2)),
    ],
    [
      'unsorted signed headers',
      'INVALID_SIGNATURE',
      (r) =>
        change(
          r,
          'authorization',
          authorization(r).replace('content-type;host', 'host;content-type'),
        ),
    ],
    [
      'UNSIGNED-PAYLOAD',
      'INVALID_SIGNATURE',
      (r) => change(r, 'x-amz-content-sha256', 'UNSIGNED-PAYLOAD'),
    ],
    [
      'a streaming form',
      'INVALID_SIGNATURE',
      (r) => change(r, 'x-amz-content-sha256', 'STREAMING-AWS4-HMAC-SHA256-PAYLOAD'),
    ],
    [
      'a time that is none',
      'INVALID_SIGNATURE',
      (r) => change(r, 'x-amz-date', '20260231T140000Z'),
    ],
    ['no time', 'INVALID_SIGNATURE', (r) => change(r, 'x-amz-date', undefined)],
    [
      'a signature in the query',
      'INVALID_SIGNATURE',
      (r) => ({ ...r, query: `X-Amz-Signature=${'0'.repeat(64)}` }),
    ],
  ])('refuses %s', async (_name, code, mutate) => {
    const request = await signedBySmithy({ body })

    expect(await codeOf(verify(request, body))).toBe('accepted')
    expect(await codeOf(verify(mutate(request), body))).toBe(code)
  })

  it('refuses a body other than the one named', async () => {
    const request = await signedBySmithy({ body })

    expect(await codeOf(verify(request, '{"a":2}'))).toBe('INVALID_SIGNATURE')
  })

  it('refuses every changed bit of the signature', async () => {
    const request = await signedBySmithy({ body })
    const text = authorization(request)
    const flipped = Array.from({ length: 64 }, (_unused, at) => {
      const index = text.length - 64 + at
      const digit = (Number.parseInt(text.charAt(index), 16) ^ 1).toString(16)
      return `${text.slice(0, index)}${digit}${text.slice(index + 1)}`
    })

    for (const value of flipped)
      expect(await codeOf(verify(change(request, 'authorization', value), body))).toBe(
        'INVALID_SIGNATURE',
      )
  })

  it('takes a clock that is 5 minutes off and no more, and says so as AWS does', async () => {
    const request = await signedBySmithy({ body })
    const at = (ms: number) => verify(request, body, { ...rules, nowMs: NOW + ms })

    expect(await codeOf(at(300_000))).toBe('accepted')
    expect(await codeOf(at(-300_000))).toBe('accepted')
    await expect(at(301_000)).rejects.toThrow(
      'Signature expired: 20260503T140000Z is now earlier than 20260503T140001Z (20260503T140501Z - 5 min.)',
    )
    expect(await codeOf(at(-301_000))).toBe('SIGNATURE_EXPIRED')
  })

  it('checks the signature before the body where the body hash is named', async () => {
    const request = await signedBySmithy({ body })
    const wrong = change(request, 'host', 'elsewhere')

    expect(await codeOf(beginVerification(wrong, rules, find))).toBe('INVALID_SIGNATURE')
  })
})
