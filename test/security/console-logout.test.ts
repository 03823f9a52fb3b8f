import { createHmac, createPublicKey, generateKeyPairSync, randomBytes } from 'node:crypto'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

import { SignJWT, type JWK } from 'jose'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'

import { readConfig } from '../../services/config.ts'
import { consoleSignIn } from '../../services/identity-providers.ts'
import { startTestApp, type TestApp } from '../support/app.ts'
import type { Claims } from '../support/authority.ts'
import { openConsole } from '../support/console-client.ts'
import { governance } from '../support/governance.ts'
import { OidcVisitor } from '../support/oidc-visitor.ts'
import { SignInIssuer } from '../support/sign-in-issuer.ts'

/** OpenID Connect Back-Channel Logout 1.0: what the identity provider ends here, and what nobody else does. */

let dir: string
let issuer: SignInIssuer
let app: TestApp
let visitor: OidcVisitor

const PATH = '/console/back-channel-logout'
const EVENT = 'http://schemas.openid.net/event/backchannel-logout'
const b64 = (value: object): string => Buffer.from(JSON.stringify(value)).toString('base64url')
const seconds = (): number => Math.floor(Date.now() / 1_000)

beforeAll(async () => {
  dir = mkdtempSync(join(tmpdir(), 'lacre-logout-'))
  issuer = await SignInIssuer.start()
  writeFileSync(join(dir, 'secret'), issuer.clientSecret)
  app = await startTestApp(issuer.serveOptions(join(dir, 'secret')))
  visitor = new OidcVisitor(app, issuer)
  for (const name of ['ada', 'eve']) {
    const identity = { issuer: issuer.url, subject: name, claims: {} }
    const body = { kind: 'user', name, roles: ['auditor'], identity }
    const { status } = await governance(app.admin, { method: 'POST', path: '/principals', body })
    expect(status).toBe(201)
  }
}, 60_000)
afterAll(async () => {
  await app[Symbol.asyncDispose]()
  await issuer[Symbol.asyncDispose]()
  rmSync(dir, { recursive: true, force: true })
})
beforeEach(() => {
  issuer.hostile = {}
})

/** Somebody's session, by the provider's name for it. */
async function signIn(sub: string, sid?: string): Promise<string> {
  issuer.person = { sub, ...(sid !== undefined && { claims: { sid } }) }
  const { session } = await visitor.signIn()
  expect(session).not.toBe('')
  return session
}

interface Told {
  readonly status: number
  readonly cache: string | null
  readonly text: string
}

async function post(
  body: string | URLSearchParams,
  headers: Record<string, string> = {},
): Promise<Told> {
  const answer = await fetch(app.url + PATH, { method: 'POST', body, headers })
  const cache = answer.headers.get('cache-control')
  return { status: answer.status, cache, text: await answer.text() }
}

const send = (token: string): Promise<Told> => post(new URLSearchParams({ logout_token: token }))
const signOut = async (claims: Claims, header?: Claims): Promise<Told> =>
  await send(await issuer.logoutToken(claims, header))

/** Which of these sessions still open a page. */
async function open(...sessions: string[]): Promise<boolean[]> {
  const answers = sessions.map((session) => visitor.get('/console/evidence', session))
  return (await Promise.all(answers)).map(({ status }) => status === 200)
}

const DONE = { status: 200, cache: 'no-store', text: '' }

describe('the identity provider signs out', () => {
  test('one session by its sid, and neither another of that person nor of anybody else', async () => {
    const [one, two, other] = [
      await signIn('ada', 'one'),
      await signIn('ada', 'two'),
      await signIn('eve', 'three'),
    ]

    const told = await signOut({ sid: 'one' })

    expect(told).toEqual(DONE)
    expect(await open(one, two, other)).toEqual([false, true, true])
  })

  test('everything of one person by his sub alone', async () => {
    const sessions = [
      await signIn('ada', 'four'),
      await signIn('ada', 'five'),
      await signIn('ada'),
      await signIn('eve', 'six'),
    ]

    expect(await signOut({ sub: 'ada' })).toEqual(DONE)
    expect(await open(...sessions)).toEqual([false, false, false, true])
  })

  test('with both named, that session of that person; and what could be it, as its ID token named no session', async () => {
    const sessions = [
      await signIn('ada', 'seven'),
      await signIn('ada', 'eight'),
      await signIn('ada'),
      await signIn('eve', 'seven'),
      await signIn('eve'),
    ]

    expect(await signOut({ sub: 'ada', sid: 'seven' })).toEqual(DONE)
    expect(await open(...sessions)).toEqual([false, true, false, true, true])
  })

  test.each<[string, Claims]>([
    ['a stranger’s sid', { sid: 'stranger' }],
    ['a stranger’s sub', { sub: 'stranger' }],
    ['her sid, with a stranger’s sub', { sub: 'stranger', sid: 'nine' }],
    ['a stranger’s sid, with her sub', { sub: 'ada', sid: 'stranger' }],
    ['her sid in other letters', { sid: 'NINE' }],
    ['her principal’s name here in the place of a sid', { sid: 'ada' }],
  ])('%s ends nothing of hers', async (_name, claims) => {
    const session = await signIn('ada', 'nine')

    expect(await signOut(claims)).toEqual(DONE)
    expect(await open(session)).toEqual([true])
  })

  test('nobody whom a link signed in, and nothing that was begun after it', async () => {
    const early = await issuer.logoutToken({ sub: 'ada', iat: seconds() - 60 })
    const session = await signIn('ada', 'ten')
    const byLink = await openConsole(app.admin)

    expect(await send(early)).toEqual(DONE)
    expect(await open(session)).toEqual([true])
    expect(await signOut({ sub: 'ada' })).toEqual(DONE)
    expect(await open(session)).toEqual([false])
    expect((await byLink.get('/evidence')).status).toBe(200)
  })

  test('who is on his way in meanwhile, too: the session that was ended is not begun', async () => {
    issuer.person = { sub: 'ada', claims: { sid: 'eleven' } }
    const begun = await visitor.begin()
    const back = await visitor.authorize(begun)
    issuer.hostile = {
      // The ID token is made, and the session ended before it is here.
      idToken: async (claims) => {
        const token = await issuer.sign(claims)
        expect(await signOut({ sid: 'eleven', iat: seconds() })).toEqual(DONE)
        return token
      },
    }

    const ended = await visitor.comeBack(back, begun.cookie)

    expect([ended.status, ended.session]).toEqual([403, ''])
    expect(ended.page).toContain('the identity provider has ended this sign-in')
  })

  test.each<[string, Claims]>([
    ['its own type', { typ: 'logout+jwt' }],
    ['its own type, in full', { typ: 'application/logout+jwt' }],
    ['the plain type', { typ: 'JWT' }],
    ['no type', { typ: undefined }],
  ])('by a token of %s', async (_name, header) => {
    const session = await signIn('ada', 'twelve')

    expect(await signOut({ sid: 'twelve' }, header)).toEqual(DONE)
    expect(await open(session)).toEqual([false])
  })
})

const CLAIMS = { sub: 'ada', sid: 'thirteen' }
const change = (claims: Claims, header?: Claims) => async (): Promise<string> =>
  await issuer.logoutToken({ ...CLAIMS, ...claims }, header)
/** As the provider has it, but for who signed. */
async function signedBy(
  sign: (header: Claims, payload: Claims) => string | Promise<string>,
): Promise<string> {
  const [header = '', payload = ''] = (await issuer.logoutToken(CLAIMS)).split('.')
  const read = (part: string): Claims =>
    JSON.parse(Buffer.from(part, 'base64url').toString()) as Claims
  return await sign(read(header), read(payload))
}

const REFUSED: readonly [string, () => Promise<string>][] = [
  [
    'another key of that name',
    () =>
      signedBy(async ({ kid }, payload) => {
        const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2_048 })
        return await new SignJWT(payload)
          .setProtectedHeader({ alg: 'RS256', typ: 'logout+jwt', kid: String(kid) })
          .sign(privateKey)
      }),
  ],
  [
    'a signature of nothing',
    async () => (await change({})()).replace(/[^.]+$/, randomBytes(256).toString('base64url')),
  ],
  [
    'claims that were changed',
    () =>
      signedBy(async (header, payload) => {
        const [, , signature] = (await issuer.logoutToken(CLAIMS)).split('.')
        return `${b64(header)}.${b64(payload)}.${signature}`
      }),
  ],
  ['alg none', () => signedBy((_header, payload) => `${b64({ alg: 'none' })}.${b64(payload)}.`)],
  [
    'alg none and a signature',
    () => signedBy((_header, payload) => `${b64({ alg: 'none' })}.${b64(payload)}.AAAA`),
  ],
  [
    'HS256 by the public key',
    () =>
      signedBy((header, payload) => {
        const key = { key: issuer.publicKeys[0] as JWK, format: 'jwk' } as const
        const pem = createPublicKey(key).export({ format: 'pem', type: 'spki' })
        const signed = `${b64({ ...header, alg: 'HS256' })}.${b64(payload)}`
        return `${signed}.${createHmac('sha256', pem).update(signed).digest('base64url')}`
      }),
  ],
  ['a key that nobody has', change({}, { typ: 'logout+jwt', kid: 'unknown' })],
  ['the type of an access token', change({}, { typ: 'at+jwt' })],
  ['another issuer', change({ iss: 'https://other.example' })],
  ['another audience', change({ aud: 'another' })],
  ['two audiences', change({ aud: ['lacre-console', 'another'] })],
  ['no audience', change({ aud: undefined })],
  ['a nonce', change({ nonce: 'A'.repeat(43) })],
  ['an empty nonce', change({ nonce: null })],
  ['no events', change({ events: undefined })],
  ['events that are none', change({ events: {} })],
  ['events that are text', change({ events: EVENT })],
  ['events in a list', change({ events: [{ [EVENT]: {} }] })],
  ['another event', change({ events: { 'http://schemas.openid.net/event/logout': {} } })],
  ['the event with a slash', change({ events: { [`${EVENT}/`]: {} } })],
  ['the event by https', change({ events: { [EVENT.replace('http:', 'https:')]: {} } })],
  ['another event beside it', change({ events: { [EVENT]: {}, other: {} } })],
  ['an event that is no object', change({ events: { [EVENT]: true } })],
  ['an event that is a list', change({ events: { [EVENT]: [] } })],
  ['an end that is over', change({ exp: seconds() - 60, iat: seconds() - 120 })],
  ['no end', change({ exp: undefined })],
  ['no beginning', change({ iat: undefined })],
  ['a beginning of yesterday', change({ iat: seconds() - 86_400 })],
  ['a beginning of tomorrow', change({ iat: seconds() + 86_400, exp: seconds() + 90_000 })],
  ['an end that is text', change({ exp: String(seconds() + 60) })],
  ['no jti', change({ jti: undefined })],
  ['an empty jti', change({ jti: '' })],
  ['a jti that is a number', change({ jti: 7 })],
  ['a huge jti', change({ jti: 'a'.repeat(513) })],
  ['neither sub nor sid', change({ sub: undefined, sid: undefined })],
  ['a sub that is none', change({ sub: '' })],
  ['a sid that is a list', change({ sid: ['thirteen'] })],
  ['a sub that is an object beside a sid', change({ sub: { a: 1 } })],
  ['the form of a sealed token', () => Promise.resolve('a.b.c.d.e')],
  ['the form of nothing', () => Promise.resolve('token')],
  ['too many letters', () => Promise.resolve(`${'a'.repeat(17_000)}.b.c`)],
]

describe('a logout token', () => {
  test.each(REFUSED)('with %s is refused, and ends nothing', async (_name, make) => {
    const session = await signIn('ada', 'thirteen')
    const token = await make()

    const told = await send(token)

    expect([told.status, told.cache]).toEqual([400, 'no-store'])
    expect(JSON.parse(told.text)).toHaveProperty('error.code', 'LOGOUT_REFUSED')
    for (const part of token.split('.').filter(({ length }) => length > 16))
      expect(told.text).not.toContain(part)
    expect(await open(session)).toEqual([true])
    // The same, as it should be, is taken.
    expect(await signOut(CLAIMS)).toEqual(DONE)
    expect(await open(session)).toEqual([false])
  })

  test('that came before is refused, also while it is looked at, and ends nothing anew', async () => {
    const token = await issuer.logoutToken({ sub: 'ada' })

    const told = await Promise.all([1, 2, 3, 4].map(() => send(token)))
    const session = await signIn('ada', 'fourteen')
    const again = await send(token)

    expect(told.map(({ status }) => status).toSorted((a, b) => a - b)).toEqual([200, 400, 400, 400])
    expect(again.status).toBe(400)
    expect(again.text).toContain('it came before')
    expect(await open(session)).toEqual([true])
  })

  test('is no ID token, and an ID token signs nobody out', async () => {
    const session = await signIn('ada', 'fifteen')
    issuer.hostile = { idToken: () => issuer.logoutToken({ sub: 'ada' }) }
    const ended = await visitor.signIn()
    const now = seconds()
    const idToken = await issuer.sign({
      iss: issuer.url,
      aud: 'lacre-console',
      sub: 'ada',
      jti: 'x',
      iat: now,
      exp: now + 60,
    })

    expect([ended.status, ended.session]).toEqual([502, ''])
    expect((await send(idToken)).status).toBe(400)
    expect(await open(session)).toEqual([true])
  })

  test('is not believed while the keys of the provider cannot be had', async () => {
    const other = await startTestApp(issuer.serveOptions(join(dir, 'secret')))
    const token = await issuer.logoutToken({ sub: 'ada' })
    const form = { method: 'POST', body: new URLSearchParams({ logout_token: token }) }
    try {
      issuer.hostile = { take: (_path, response) => Boolean(response.writeHead(503).end()) }
      const refused = await fetch(other.url + PATH, form)
      const text = await refused.text()

      expect([refused.status, refused.headers.get('cache-control')]).toEqual([400, 'no-store'])
      expect(text).toContain('LOGOUT_REFUSED')
      expect(text).toContain('cannot be had')
    } finally {
      await other[Symbol.asyncDispose]()
    }
  })
})

describe('the request', () => {
  const FORM = { 'content-type': 'application/x-www-form-urlencoded' }

  test.each<[string, string, Record<string, string>, number]>([
    ['empty', '', FORM, 400],
    ['without a token', 'a=b', FORM, 400],
    ['with an empty token', 'logout_token=', FORM, 400],
    ['with two tokens', 'logout_token=a&logout_token=b', FORM, 400],
    ['with what is no UTF-8', 'logout_token=%ff', FORM, 400],
    ['with NUL in it', 'logout_token=%00', FORM, 400],
    [
      'of many members',
      `${'a=1&'.repeat(30).replaceAll(/a/g, () => `m${Math.random()}`)}`,
      FORM,
      400,
    ],
    ['in JSON', '{"logout_token":"a.b.c"}', { 'content-type': 'application/json' }, 415],
    ['that is compressed', 'logout_token=a', { ...FORM, 'content-encoding': 'gzip' }, 415],
    ['of 40 kB', `logout_token=${'a'.repeat(40_000)}`, FORM, 413],
  ])('%s is refused in a typed answer that nobody keeps', async (_name, body, headers, status) => {
    const told = await post(body, headers)

    expect([told.status, told.cache]).toEqual([status, 'no-store'])
    expect(JSON.parse(told.text)).toHaveProperty('error.code')
  })

  test('may have more members, which say nothing, and a cookie, which signs nobody out', async () => {
    const mine = await signIn('eve', 'sixteen')
    const session = await signIn('ada', 'seventeen')
    const token = await issuer.logoutToken({ sid: 'seventeen' })

    const told = await post(new URLSearchParams({ logout_token: token, sid: 'sixteen' }), {
      cookie: mine,
    })

    expect(told).toEqual(DONE)
    expect(await open(mine, session)).toEqual([true, false])
  })

  test('by GET, or where nobody signs in by a provider, leads nowhere', async () => {
    const got = await visitor.get(
      `${PATH}?logout_token=${await issuer.logoutToken({ sub: 'ada' })}`,
    )
    const plain = await startTestApp()
    try {
      const posted = await fetch(plain.url + PATH, {
        method: 'POST',
        headers: { origin: plain.url },
        body: new URLSearchParams({ logout_token: 'a.b.c' }),
      })

      expect([got.status, posted.status]).toEqual([404, 404])
    } finally {
      await plain[Symbol.asyncDispose]()
    }
  })

  test('beyond what one network may send at once is answered 429', async () => {
    const other = await startTestApp(issuer.serveOptions(join(dir, 'secret')))
    try {
      const one = async (): Promise<number> => {
        const body = new URLSearchParams({ logout_token: 'a.b.c' })
        const answer = await fetch(other.url + PATH, { method: 'POST', body })
        await answer.arrayBuffer()
        return answer.status
      }
      const statuses: number[] = []
      for (let batch = 0; batch < 40; batch += 1)
        statuses.push(...(await Promise.all(Array.from({ length: 20 }, one))))

      expect(new Set(statuses)).toEqual(new Set([400, 429]))
      expect(statuses.slice(0, 480)).not.toContain(429)
    } finally {
      await other[Symbol.asyncDispose]()
    }
  })
})

describe('signing out here', () => {
  async function leave(at: TestApp, session: string): Promise<Response> {
    const headers = { cookie: session, origin: at.url }
    const page = await (await fetch(`${at.url}/console/evidence`, { headers })).text()
    const csrf = /name="csrf" value="([^"]+)"/.exec(page)?.[1] ?? ''
    const form = { method: 'POST', headers, body: new URLSearchParams({ csrf }) } as const
    return await fetch(`${at.url}/console/sign-out`, { ...form, redirect: 'manual' })
  }

  test('leads back to the door where the provider names no page to sign out on', async () => {
    const left = await leave(app, await signIn('ada', 'eighteen'))
    const there = await visitor.get('/console/sign-out/oidc')

    expect([left.status, left.headers.get('location')]).toEqual([303, '/console/sign-in'])
    expect([there.status, there.headers.get('location')]).toEqual([303, '/console/sign-in'])
  })

  test('offers to sign out at the provider, too, to whom it signed in, and to nobody else', async () => {
    issuer.hostile = { discovery: { end_session_endpoint: `${issuer.url}/sign-out?tenant=acme` } }
    const other = await startTestApp(issuer.serveOptions(join(dir, 'secret')))
    try {
      const body = { kind: 'user', name: 'ada', roles: ['auditor'] }
      const identity = { issuer: issuer.url, subject: 'ada', claims: {} }
      await governance(other.admin, {
        method: 'POST',
        path: '/principals',
        body: { ...body, identity },
      })
      issuer.person = { sub: 'ada' }
      const { session } = await new OidcVisitor(other, issuer).signIn()
      const left = await leave(other, session)
      const page = await left.text()
      const there = await fetch(`${other.url}/console/sign-out/oidc`, { redirect: 'manual' })
      const byLink = await (await openConsole(other.admin)).post('/sign-out', {})
      const location = new URL(there.headers.get('location') ?? '')

      expect([left.status, left.headers.getSetCookie().join()]).toEqual([
        200,
        'lacre-console=; Path=/; HttpOnly; SameSite=Strict; Max-Age=0',
      ])
      expect(page).toContain('<a class="button" href="/console/sign-out/oidc">')
      expect([there.status, location.origin + location.pathname]).toEqual([
        303,
        `${issuer.url}/sign-out`,
      ])
      expect(Object.fromEntries(location.searchParams)).toEqual({
        tenant: 'acme',
        client_id: 'lacre-console',
      })
      expect([byLink.status, byLink.headers.get('location')]).toEqual([303, '/console/sign-in'])
    } finally {
      await other[Symbol.asyncDispose]()
    }
  })

  test.each<[string, unknown]>([
    ['a script', 'javascript:alert(1)'],
    ['a file', 'file:///etc/passwd'],
    ['no URL', '/sign-out'],
    ['a number', 7],
  ])('offers no page of the provider that is %s', async (_name, page) => {
    issuer.hostile = { discovery: { end_session_endpoint: page } }
    const options = { data: dir, ...issuer.serveOptions(join(dir, 'secret')) }

    expect(await consoleSignIn(readConfig(options, {}), app.deps)?.signOutUrl()).toBeUndefined()
  })
})
