import fc from 'fast-check'
import { describe, expect, test } from 'vitest'

import { AnswerPipe } from '../../../services/http/answer-pipe.ts'
import { functionUrlOf, parseUrlBase, readAddress } from '../../../services/http/urls/address.ts'
import { MalformedAnswer, toAnswer, withinPath } from '../../../services/http/urls/answer.ts'
import { answerHeaders, preflightHeaders } from '../../../services/http/urls/cors.ts'
import {
  clfTime,
  eventHeaders,
  queryParameters,
  toEvent,
  type UrlRequest,
} from '../../../services/http/urls/event.ts'
import { isFieldName, isFieldValue } from '../../../services/http/urls/fields.ts'
import { foreignCookies, isOwnAuthorization } from '../../../services/http/urls/own-credentials.ts'
import { trustOf } from '../../../services/http/urls/client.ts'
import { PreludeReader } from '../../../services/http/urls/prelude.ts'
import { judgeUrlAccess } from '../../../services/operations/url-access.ts'

const ID = 'abcdefghijklmnopqrstuvwxyz234567'
const served = { region: 'eu-south-2', hostname: 'fn.example.com' }

describe('an address', () => {
  test.each([
    ['https://on.aws', `https://${ID}.lambda-url.eu-south-2.on.aws/`],
    ['http://localhost:9773', `http://${ID}.lambda-url.eu-south-2.localhost:9773/`],
    ['https://FN.example.com/', `https://${ID}.lambda-url.eu-south-2.fn.example.com/`],
  ])('under %s is what its own listener reads', (base, url) => {
    expect(functionUrlOf(base, served, ID)).toBe(url)
    const { hostname } = parseUrlBase(base)
    const read = readAddress({ host: new URL(url).host, target: '/a?b' }, { ...served, hostname })
    expect(read).toMatchObject({ id: ID, rawPath: '/a', rawQuery: 'b', prefix: '' })
  })

  test.each(['ftp://x', 'https://x/path', 'https://x?q', 'https://u:p@x', 'x', ''])(
    '%j is no base',
    (text) => expect(() => parseUrlBase(text)).toThrow(TypeError),
  )

  test.each([
    '',
    'localhost',
    `${ID}.lambda-url.eu-south-2.example.com`,
    `${ID}.lambda-url.us-east-1.localhost`,
    `${ID.slice(1)}.lambda-url.eu-south-2.localhost`,
    `x.${ID}.lambda-url.eu-south-2.localhost`,
    `${ID}.lambda-url.eu-south-2.localhost, ${ID}.lambda-url.eu-south-2.localhost`,
    `${ID}.lambda-url.eu-south-2.localhost:port`,
    `${ID}.lambda-url.eu-south-2.localhost.`,
  ])('the host %j names none', (host) => {
    expect(readAddress({ host, target: '/' }, served)).toBeUndefined()
  })

  test('keeps every target byte for byte, by host name and by path', () => {
    const target = fc.stringMatching(/^\/[!-"$->@-~]{0,30}(\?[!-"$-~]{0,30})?$/)
    fc.assert(
      fc.property(target, (text) => {
        const host = `${ID}.lambda-url.eu-south-2.localhost:1`
        for (const read of [
          readAddress({ host, target: text }, served),
          readAddress({ host: '127.0.0.1:1', target: `/lambda-url/${ID}${text}` }, served),
        ]) {
          const query = text.includes('?') ? `?${read?.rawQuery}` : ''
          expect(`${read?.rawPath}${query}`).toBe(text)
        }
      }),
    )
  })
})

const request = (more: Partial<UrlRequest> = {}): UrlRequest => ({
  method: 'GET',
  address: { id: ID, rawPath: '/', rawQuery: '', domainName: 'h', prefix: '' },
  fields: [],
  body: new Uint8Array(),
  httpVersion: '1.1',
  requestId: 'r',
  traceId: 'Root=1',
  atMs: 1_583_953_438_390,
  client: { ip: '::1', forwardedFor: '::1', protocol: 'http', port: '1' },
  audiences: ['lacre'],
  account: '000000000000',
  signer: undefined,
  ...more,
})

describe('an event', () => {
  test('tells its time as AWS does', () => {
    expect(clfTime(1_583_953_438_390)).toBe('11/Mar/2020:19:03:58 +0000')
    expect(clfTime(0)).toBe('01/Jan/1970:00:00:00 +0000')
  })

  const name = fc.stringMatching(/^[A-Za-z][A-Za-z0-9-]{0,10}$/)
  const value = fc.stringMatching(/^[!-+\--~]{0,10}$/)

  test('joins what is repeated in order, under lower-case names, and leaves nothing else out', () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(name, value), { maxLength: 12 }), (fields) => {
        const kept = fields.filter(
          ([written]) =>
            !/^(?:connection|te|trailer|upgrade|cookie|authorization|x-amzn-.*|x-forwarded-.*|keep-alive)$/i.test(
              written,
            ),
        )
        const expected = new Map<string, string[]>()
        for (const [written, text] of kept) {
          const lower = written.toLowerCase()
          expected.set(lower, [...(expected.get(lower) ?? []), text])
        }
        const headers = eventHeaders(request({ fields: kept }))
        for (const [lower, texts] of expected) expect(headers[lower]).toBe(texts.join(','))
        expect(Object.keys(headers)).toHaveLength(expected.size + 4)
      }),
    )
  })

  test('decodes what was encoded, whatever the names and values are', () => {
    const pairs = fc.array(fc.tuple(fc.string({ minLength: 1 }), fc.string()), { maxLength: 8 })
    fc.assert(
      fc.property(pairs, (given) => {
        const well = given.filter(([left, right]) => (left + right).isWellFormed())
        const raw = well.map((pair) => pair.map(encodeURIComponent).join('=')).join('&')
        const expected = new Map<string, string[]>()
        for (const [left, right] of well) expected.set(left, [...(expected.get(left) ?? []), right])
        const read = queryParameters(raw)
        expect(Object.keys(read)).toHaveLength(expected.size)
        for (const [left, rights] of expected) expect(read[left]).toBe(rights.join(','))
      }),
    )
  })

  test('throws at no query at all', () => {
    fc.assert(fc.property(fc.string(), (raw) => void queryParameters(raw)))
  })

  test('gives the body back byte for byte, as text or in base64', () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 1 }), fc.boolean(), (body, text) => {
        const fields = text ? ([['Content-Type', 'text/plain']] as const) : []
        const { body: given, isBase64Encoded } = toEvent(request({ body, fields }))
        const bytes = Buffer.from(given as string, isBase64Encoded === true ? 'base64' : 'utf8')
        expect(bytes).toEqual(Buffer.from(body))
      }),
    )
  })

  test('never holds a cookie of the console, wherever it stands', () => {
    const own = fc.constantFrom(
      '__Host-lacre',
      '__host-lacre-x',
      '__HOST-LACREcsrf',
      'lacre-console',
    )
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.boolean(), value, own), { maxLength: 6 }), (cookies) => {
        const line = cookies.map(([ours, text, ourName]) => `${ours ? ourName : 'a'}=${text}`)
        const read = foreignCookies(line.join('; '))
        expect(read.join()).not.toMatch(/^(?:__host-lacre|lacre-console)/im)
        expect(
          JSON.stringify(toEvent(request({ fields: [['cookie', line.join(';')]] }))),
        ).not.toMatch(/["; ](?:__host-lacre|lacre-console)/i)
      }),
    )
  })

  test.each([
    ['AWS4-HMAC-SHA256 Credential=x', true],
    ['aws4-ecdsa-p256-sha256 x', true],
    [`Bearer ${token({ aud: 'lacre' })}`, true],
    [`bearer ${token({ aud: ['x', 'lacre'] })}`, true],
    [`Bearer ${token({ aud: 'shop' })}`, false],
    ['Bearer opaque', false],
    ['Basic dTpw', false],
  ])('%s is ours: %s', (header, ours) => {
    expect(isOwnAuthorization(header, ['lacre'])).toBe(ours)
  })
})

function token(claims: object): string {
  return `e30.${Buffer.from(JSON.stringify(claims)).toString('base64url')}.c2ln`
}

describe('an answer', () => {
  test('of any JSON is one that HTTP can carry, or refused as malformed', () => {
    const member = fc.dictionary(fc.string(), fc.jsonValue())
    const result = fc.record(
      {
        statusCode: fc.jsonValue(),
        headers: member,
        cookies: fc.array(fc.string()),
        body: fc.jsonValue(),
      },
      { requiredKeys: [] },
    )
    fc.assert(
      fc.property(fc.oneof(result, fc.jsonValue()), (value) => {
        try {
          const answer = withinPath(toAnswer(Buffer.from(JSON.stringify(value))), '/lambda-url/x')
          expect(answer.status).toBeGreaterThanOrEqual(200)
          for (const [name, text] of answer.headers)
            expect(isFieldName(name) && isFieldValue(text)).toBe(true)
          for (const cookie of answer.cookies) expect(isFieldValue(cookie)).toBe(true)
        } catch (error) {
          expect(error).toBeInstanceOf(MalformedAnswer)
        }
      }),
      { numRuns: 500 },
    )
  })

  test.each(['\r', '\n', '\0', '\u007f', '\u0100', '\ud83d\ude00'])(
    'a value with %j cannot be carried',
    (bad) => expect(isFieldValue(`a${bad}b`)).toBe(false),
  )

  test('a prelude is read the same however it is cut', () => {
    const bytes = Buffer.from(`{"statusCode":201,"headers":{"a":"b"}}${'\0'.repeat(8)}bo\0dy`)
    fc.assert(
      fc.property(
        fc.array(fc.integer({ min: 1, max: 12 }), { minLength: 60, maxLength: 60 }),
        (cuts) => {
          const reader = new PreludeReader()
          let at = 0
          let begun: ReturnType<PreludeReader['push']>
          let body = ''
          for (const cut of cuts) {
            const piece = bytes.subarray(at, at + cut)
            at += cut
            if (begun !== undefined) body += piece.toString()
            else {
              begun = reader.push(piece)
              body += Buffer.from(begun?.rest ?? []).toString()
            }
          }
          expect(begun?.head).toMatchObject({ status: 201 })
          expect(body).toBe('bo\0dy')
        },
      ),
    )
  })

  test('may be as long as it may be, and no longer, however it is cut', () => {
    const head = (bytes: number) => `{${' '.repeat(bytes - 2)}}`
    const read = (bytes: number, cut: number) => {
      const stream = Buffer.concat([Buffer.from(head(bytes)), Buffer.alloc(8), Buffer.from('body')])
      const reader = new PreludeReader()
      for (let at = 0; at < stream.length; at += cut) {
        const begun = reader.push(stream.subarray(at, at + cut))
        if (begun !== undefined) return Buffer.from(begun.rest).toString()
      }
      return undefined
    }

    expect(head(131_072)).toHaveLength(131_072)
    expect(read(131_072, 1_000_000)).toBe('body')
    expect(read(131_072, 1)).toBe('')
    for (const cut of [1, 7, 8, 1_000_000])
      expect(() => read(131_073, cut)).toThrow('the prelude of the response is too long')
  })
})

describe('the headers of a proxy are believed', () => {
  test.each<[string | undefined, string, boolean]>([
    [undefined, '127.0.0.1', false],
    ['nginx', '127.0.0.1', true],
    ['nginx', '::1', true],
    ['nginx', '10.0.0.1', false],
    ['10.0.0.1', '10.0.0.1', true],
    ['10.0.0.1', '10.0.0.2', false],
    ['10.0.0.1', '127.0.0.1', false],
    ['10.0.0.1, fd00::/8', 'fd00::7', true],
    ['10.0.0.1, fd00::/8', 'fe80::7', false],
    ['10.0.0.0/8', '', false],
  ])('of the one named %j, from %j: %j', (named, peer, believed) => {
    expect(trustOf(named)(peer)).toBe(believed)
  })

  test.each(['10.0.0.1/33', '10.0.0.1/', '10.0.0.1/8/8', '10.0.0.1, nginx', 'fd00::/129'])(
    '%j names none',
    (named) => expect(() => trustOf(named)).toThrow('no address or network of a proxy'),
  )
})

describe('CORS', () => {
  const asked = { origin: 'https://a.example', method: 'GET', headers: [] }

  test('every origin is allowed by a star, and none with credentials', () => {
    const cors = { AllowOrigins: ['*'], AllowMethods: ['*'], AllowCredentials: true }

    expect(preflightHeaders(cors, asked)).toEqual({
      'access-control-allow-origin': '*',
      'access-control-allow-methods': 'GET',
    })
    expect(answerHeaders(cors, asked.origin)).toEqual({ 'access-control-allow-origin': '*' })
  })

  test('nothing configured allows nothing', () => {
    expect(preflightHeaders({}, asked)).toEqual({})
    expect(preflightHeaders({ AllowOrigins: ['https://a.example'] }, asked)).toEqual({})
    expect(answerHeaders({}, asked.origin)).toEqual({ vary: 'Origin' })
  })
})

describe('what a policy says to a request', () => {
  const place = { account: '000000000000', region: 'us-east-1' } as never
  const allow = { Effect: 'Allow', Principal: '*', Action: 'lambda:InvokeFunctionUrl' }
  const judge = (statements: readonly object[], user?: string) =>
    judgeUrlAccess({
      place,
      authType: user === undefined ? 'NONE' : 'AWS_IAM',
      caller: user === undefined ? { kind: 'anyone' } : { kind: 'user', name: user },
      statements: statements as never,
    })

  test.each<[string, readonly object[], string | undefined, string]>([
    ['no statement', [], undefined, 'silent'],
    ['everybody', [allow], undefined, 'allow'],
    ['a Deny of everybody', [allow, { ...allow, Effect: 'Deny' }], undefined, 'deny'],
    ['an effect of no known name', [allow, { ...allow, Effect: 'Maybe' }], undefined, 'deny'],
    ['a list of actions', [{ ...allow, Action: ['x', 'lambda:Invoke*'] }], undefined, 'allow'],
    [
      'a named user',
      [{ ...allow, Principal: { AWS: 'arn:aws:iam::000000000000:user/ana' } }],
      'ana',
      'allow',
    ],
    [
      'another user',
      [{ ...allow, Principal: { AWS: 'arn:aws:iam::000000000000:user/ana' } }],
      'eva',
      'silent',
    ],
    [
      'the account',
      [{ ...allow, Principal: { AWS: 'arn:aws:iam::000000000000:root' } }],
      'ana',
      'allow',
    ],
    ['another account', [{ ...allow, Principal: { AWS: '111111111111' } }], 'ana', 'silent'],
    ['a service', [{ ...allow, Principal: { Service: 'sns.amazonaws.com' } }], undefined, 'silent'],
    ['a condition that is no map', [{ ...allow, Condition: 'x' }], undefined, 'silent'],
    [
      'a Deny that holds for direct calls alone',
      [
        allow,
        {
          ...allow,
          Effect: 'Deny',
          Condition: { Bool: { 'lambda:InvokedViaFunctionUrl': 'false' } },
        },
      ],
      undefined,
      'allow',
    ],
  ])('%s', (_name, statements, user, expected) => {
    expect(judge(statements, user)).toBe(expected)
  })
})

describe('a pipe', () => {
  test('takes a piece when the one before has gone out, and ends', async () => {
    const pipe = new AnswerPipe()
    const sent: string[] = []
    const taken: number[] = []
    void pipe.write(Buffer.from('a')).then(() => taken.push(1))
    void pipe.write(Buffer.from('b')).then(() => taken.push(2))
    await Promise.resolve()
    expect(taken).toEqual([])
    pipe.end()

    await pipe.pump(async (piece) => void sent.push(Buffer.from(piece).toString()))

    expect(sent).toEqual(['a', 'b'])
    await expect.poll(() => taken).toEqual([1, 2])
  })

  test('throws pieces away once nobody reads, and lets who writes go on', async () => {
    const pipe = new AnswerPipe()
    const held = pipe.write(Buffer.from('a'))
    const failing = pipe.pump(async () => {
      throw new Error('gone')
    })

    await expect(failing).rejects.toThrow('gone')
    await held
    await pipe.write(Buffer.from('late'))
    expect(await pipe.next()).toBeUndefined()
  })
})
