import { createHmac, createPublicKey, randomBytes } from 'node:crypto'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

import type { JWK } from 'jose'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'

import { readConfig } from '../../services/config.ts'
import { consoleSignIn } from '../../services/identity-providers.ts'
import { PlatformError } from '../../services/model/index.ts'
import { startTestApp, type TestApp } from '../support/app.ts'
import type { Claims } from '../support/authority.ts'
import { governance } from '../support/governance.ts'
import { OidcVisitor } from '../support/oidc-visitor.ts'
import { SignInIssuer, type Hostile } from '../support/sign-in-issuer.ts'
import { stored } from '../support/stored.ts'

let dir: string
let issuer: SignInIssuer
let app: TestApp
let visitor: OidcVisitor

const CALLBACK = '/console/sign-in/oidc/callback'
const b64 = (value: object): string => Buffer.from(JSON.stringify(value)).toString('base64url')

beforeAll(async () => {
  dir = mkdtempSync(join(tmpdir(), 'lacre-oidc-'))
  issuer = await SignInIssuer.start()
  writeFileSync(join(dir, 'secret'), `${issuer.clientSecret}\n`)
  app = await startTestApp(issuer.serveOptions(join(dir, 'secret')))
  visitor = new OidcVisitor(app, issuer)
  for (const [name, roles] of [
    ['ada', ['auditor']],
    ['nobody', []],
    ['leaver', ['auditor']],
  ] as const)
    await addPerson(name, roles)
}, 60_000)
afterAll(async () => {
  await app[Symbol.asyncDispose]()
  await issuer[Symbol.asyncDispose]()
  rmSync(dir, { recursive: true, force: true })
})
beforeEach(() => {
  issuer.hostile = {}
  issuer.person = { sub: 'ada' }
  issuer.faults.length = 0
})

async function addPerson(name: string, roles: readonly string[]): Promise<void> {
  const identity = { issuer: issuer.url, subject: name, claims: {} }
  const body = { kind: 'user', name, roles, identity }
  const { status } = await governance(app.admin, { method: 'POST', path: '/principals', body })
  expect(status).toBe(201)
}

const statusOf = async (session: string): Promise<number> =>
  (await visitor.get('/console/live', session)).status

describe('signing in', () => {
  test('by the identity provider: a new session, and nothing of its tokens', async () => {
    const begun = await visitor.begin('/console/decisions?outcome=deny')
    const back = await visitor.authorize(begun)
    const ended = await visitor.comeBack(back, begun.cookie)

    expect([begun.status, ended.status]).toEqual([303, 200])
    expect(begun.setCookie).toMatch(
      /^lacre-console-sign-in=\d+\.[\w-]{43}\.[\w-]+; Path=\/; HttpOnly; SameSite=Lax; Max-Age=600$/,
    )
    expect(ended.session).toMatch(/^lacre-console=[\w-]{43}$/)
    expect(ended.headers.get('refresh')).toBe('0;url=/console/decisions?outcome=deny')
    expect(ended.page).toContain('You are signed in as <strong><bdi>ada</bdi>')
    expect(await statusOf(ended.session)).toBe(200)
    expect(issuer.faults).toEqual([])
    const rows = JSON.stringify(await stored(app.deps))
    const told = `${rows} ${JSON.stringify([...ended.headers])} ${ended.page} ${begun.setCookie}`
    for (const secret of [...issuer.secrets, issuer.clientSecret])
      expect(told).not.toContain(secret)
  })

  test('each sign-in has a state, a nonce and a PKCE challenge of its own, and secrets are not in the URL', async () => {
    const [one, two] = [await visitor.begin(), await visitor.begin()]
    const unlike = ['state', 'nonce', 'code_challenge'].map(
      (name) => one.location?.searchParams.get(name) !== two.location?.searchParams.get(name),
    )

    expect(unlike).toEqual([true, true, true])
    expect(Object.fromEntries(one.location?.searchParams ?? [])).toMatchObject({
      response_type: 'code',
      scope: 'openid',
      code_challenge_method: 'S256',
      redirect_uri: `${app.url}${CALLBACK}`,
    })
    expect(one.location?.href).not.toContain(one.cookie.split('.')[1])
    expect(one.location?.href).not.toContain(issuer.clientSecret)
  })

  test('a page that nobody may see without a session offers it, and brings back to that page', async () => {
    const answer = await visitor.get('/console/decisions?outcome=deny')
    const page = await answer.text()

    expect(answer.status).toBe(401)
    expect(page).toContain(
      '<a class="button" href="/console/sign-in/oidc?to=%2Fconsole%2Fdecisions%3Foutcome%3Ddeny">Sign in with <bdi>127.0.0.1:',
    )
    expect(page).toContain('lacre console login')
  })

  test('a session that the browser brought ends when it leaves, and is never the one that it gets', async () => {
    const first = await visitor.signIn()
    const begun = await visitor.begin(undefined, first.session)
    const ended = await visitor.comeBack(
      await visitor.authorize(begun),
      `${begun.cookie}; lacre-console=${'A'.repeat(43)}`,
    )

    expect(ended.session).not.toBe(first.session)
    expect(await Promise.all([first.session, ended.session].map(statusOf))).toEqual([401, 200])
    expect(await statusOf(`lacre-console=${'A'.repeat(43)}`)).toBe(401)
  })

  test.each([
    '//evil.example',
    '/\\evil.example',
    'https://evil.example/console/live',
    '/console/../../evil',
    '/console/live/%2e%2e/%2e%2e/x',
    '/console//evil.example',
    '/console/sign-out',
    '/console/sign-in/oidc',
    '/console/api/v1/live',
    '/consolelive',
    '/console/live#x',
    '/console/live\r\nset-cookie: a=b',
    `/console/live?search=${'a'.repeat(1_024)}`,
    'javascript:alert(1)',
    '/console/live"><script>',
  ])('`%s` is no page to come back to (open redirect)', async (to) => {
    const ended = await visitor.signIn(to)

    expect(ended.status).toBe(200)
    expect(ended.headers.get('refresh')).toBe('0;url=/console/live')
    expect(ended.page).toContain('<a class="button" href="/console/live">')
  })

  test('signing out ends it; so does leaving the people that are known here, and losing every role', async () => {
    const ended = await visitor.signIn()
    const page = await (await visitor.get('/console/evidence', ended.session)).text()
    const csrf = /name="csrf" value="([^"]+)"/.exec(page)?.[1] ?? ''
    const headers = { cookie: ended.session, origin: app.url }
    const out = { method: 'POST', redirect: 'manual', headers } as const
    await fetch(`${app.url}/console/sign-out`, { ...out, body: new URLSearchParams({ csrf }) })
    issuer.person = { sub: 'leaver' }
    const leaver = await visitor.signIn()
    const before = await statusOf(leaver.session)
    const change = async (path: string) =>
      await governance(app.admin, { method: 'POST', path: `/principals/leaver${path}` })
    await change('/disable')
    const off = await statusOf(leaver.session)
    await change('/enable')
    const on = await statusOf(leaver.session)
    const revoked = await change('/roles/auditor/revoke')

    expect(await statusOf(ended.session)).toBe(401)
    expect([before, off, on]).toEqual([200, 401, 200])
    expect(revoked.status).toBeLessThan(300)
    expect(await statusOf(leaver.session)).toBe(403)
  })

  test('a mapping that demands claims is asked at the sign-in', async () => {
    const identity = { issuer: issuer.url, subject: 'claire', claims: { tenant: 'acme' } }
    const body = { kind: 'user', name: 'claire', roles: ['auditor'], identity }
    await governance(app.admin, { method: 'POST', path: '/principals', body })
    issuer.person = { sub: 'claire', claims: { tenant: 'other' } }
    const other = await visitor.signIn()
    issuer.person = { sub: 'claire', claims: { tenant: 'acme' } }

    expect([other.status, other.session]).toEqual([403, ''])
    expect((await visitor.signIn()).status).toBe(200)
  })
})

describe('who gets nothing', () => {
  test('somebody whom nobody made known here is told so', async () => {
    issuer.person = { sub: 'stranger<b>' }
    const before = await stored(app.deps)

    const ended = await visitor.signIn()

    expect([ended.status, ended.session]).toEqual([403, ''])
    expect(ended.page).toContain(
      'nobody here comes by the subject `stranger&lt;b&gt;'.replaceAll('`', '&#96;'),
    )
    expect(await stored(app.deps)).toEqual(before)
  })

  test('somebody without a role is told so', async () => {
    issuer.person = { sub: 'nobody' }

    const ended = await visitor.signIn()

    expect([ended.status, ended.session]).toEqual([403, ''])
    expect(ended.page).toContain('lacre:OpenConsole')
  })

  test('somebody who says no at the provider', async () => {
    const begun = await visitor.begin()
    const state = begun.location?.searchParams.get('state') ?? ''
    const query = `error=access_denied&error_description=%3Cb%3E&state=${state}&iss=${encodeURIComponent(issuer.url)}`

    const ended = await visitor.comeBack(`${CALLBACK}?${query}`, begun.cookie)

    expect([ended.status, ended.session]).toEqual([403, ''])
    expect(ended.page).toContain('access_denied')
    expect(ended.page).not.toContain('<b>')
  })
})

describe('what the browser brings', () => {
  test('a state is for the browser that began it, and for once', async () => {
    const [mine, theirs] = [await visitor.begin(), await visitor.begin()]
    const back = await visitor.authorize(theirs)
    const statuses: number[] = []
    for (const cookie of ['', mine.cookie, `${theirs.cookie}; ${theirs.cookie}`, theirs.cookie])
      statuses.push((await visitor.comeBack(back, cookie)).status)
    const again = await visitor.comeBack(back, theirs.cookie)

    expect(statuses).toEqual([403, 403, 403, 200])
    expect([again.status, again.session]).toEqual([403, ''])
    expect(issuer.faults).toEqual([])
  })

  test('two that come back with one state at once: one is in', async () => {
    const begun = await visitor.begin()
    const back = await visitor.authorize(begun)

    const all = await Promise.all([1, 2, 3, 4].map(() => visitor.comeBack(back, begun.cookie)))

    expect(all.map(({ status }) => status).toSorted((a, b) => a - b)).toEqual([200, 403, 403, 403])
  })

  test('a code of another sign-in is not taken, and neither is one that was used', async () => {
    const [mine, theirs] = [await visitor.begin(), await visitor.begin()]
    const stolen = new URL(await visitor.authorize(theirs))
    stolen.searchParams.set('state', mine.location?.searchParams.get('state') ?? '')
    const injected = await visitor.comeBack(stolen.href, mine.cookie)
    const used = new URL(await visitor.authorize(await visitor.begin()))
    await fetch(`${issuer.url}/token`, {
      method: 'POST',
      headers: {
        authorization: `Basic ${Buffer.from(`lacre-console:${encodeURIComponent(issuer.clientSecret)}`).toString('base64')}`,
      },
      body: new URLSearchParams({ code: used.searchParams.get('code') ?? '' }),
    })
    const third = await visitor.begin()
    used.searchParams.set('state', third.location?.searchParams.get('state') ?? '')
    const replayed = await visitor.comeBack(used.href, third.cookie)

    expect(issuer.faults).toEqual(['another PKCE verifier', 'another redirect URI', 'unknown code'])
    for (const ended of [injected, replayed]) {
      expect([ended.status, ended.session]).toEqual([403, ''])
      expect(ended.page).toContain('invalid_grant')
    }
  })

  test.each([
    ['a changed page to return to', (cookie: string) => `${cookie.slice(0, -4)}AAAA`],
    ['another time', (cookie: string) => cookie.replace(/=\d+/, '=99999999999')],
    ['no form', () => 'lacre-console-sign-in=x'],
    ['a huge one', () => `lacre-console-sign-in=1.${'A'.repeat(43)}.${'A'.repeat(4_000)}`],
  ])('a cookie with %s is none', async (_name, change) => {
    const begun = await visitor.begin('/console/evidence')
    const back = await visitor.authorize(begun)

    const ended = await visitor.comeBack(back, change(begun.cookie))

    expect([ended.status, ended.session]).toEqual([403, ''])
  })

  test.each([
    ['', 403],
    ['?state=', 403],
    ['?state=STATE', 400],
    ['?state=STATE&code=a&code=b', 400],
    [`?state=STATE&code=${'a'.repeat(5_000)}`, 400],
    ['?state=STATE&code=%ff', 400],
    ['?state=STATE&code=x&iss=https://other.example', 403],
    ['?state=STATE&code=x', 502],
    ['?state=STATE&code=x&iss=ISSUER', 403],
  ])('the callback with `%s` is answered %i, and signs nobody in', async (query, status) => {
    const begun = await visitor.begin()
    const state = begun.location?.searchParams.get('state') ?? ''
    const path = CALLBACK + query.replace('STATE', state).replace('ISSUER', issuer.url)

    const ended = await visitor.comeBack(path, begun.cookie)

    expect([ended.status, ended.session]).toEqual([status, ''])
    expect(ended.page).toContain('<h1>Not signed in</h1>')
  })

  test('a name that somebody else’s DNS points here begins nothing', async () => {
    const { port } = new URL(app.url)
    const { request } = await import('node:http')
    const status = await new Promise((resolve, reject) => {
      const headers = { host: `evil.example:${port}` }
      request({ hostname: '127.0.0.1', port, path: '/console/sign-in/oidc', headers })
        .on('response', (response) => resolve(response.resume().statusCode))
        .on('error', reject)
        .end()
    })

    expect(status).toBe(403)
  })
})

const HS256 = (claims: Claims): string => {
  const [jwk] = issuer.publicKeys
  const pem = createPublicKey({ key: jwk as JWK, format: 'jwk' }).export({
    format: 'pem',
    type: 'spki',
  })
  const signed = `${b64({ alg: 'HS256', typ: 'JWT', kid: (jwk as JWK).kid })}.${b64(claims)}`
  return `${signed}.${createHmac('sha256', pem).update(signed).digest('base64url')}`
}
const withOtherSignature = async (claims: Claims): Promise<string> => {
  const [header, payload] = (await issuer.sign(claims)).split('.')
  return `${header}.${payload}.${randomBytes(256).toString('base64url')}`
}
const seconds = (): number => Math.floor(Date.now() / 1_000)

describe('an identity provider that lies', () => {
  test.each<[string, () => Hostile]>([
    ['another issuer in the token', () => ({ claims: { iss: 'https://other.example' } })],
    ['its issuer with a slash', () => ({ claims: { iss: `${issuer.url}/` } })],
    ['another audience', () => ({ claims: { aud: 'another' } })],
    [
      'two audiences',
      () => ({ claims: { aud: ['lacre-console', 'another'], azp: 'lacre-console' } }),
    ],
    ['another client that it was handed to', () => ({ claims: { azp: 'another' } })],
    ['another nonce', () => ({ claims: { nonce: 'A'.repeat(43) } })],
    ['no nonce', () => ({ claims: { nonce: undefined } })],
    ['a token that has expired', () => ({ claims: { exp: seconds() - 60, iat: seconds() - 120 } })],
    [
      'a token of yesterday',
      () => ({ claims: { iat: seconds() - 86_400, nbf: seconds() - 86_400 } }),
    ],
    [
      'a token of tomorrow',
      () => ({
        claims: { iat: seconds() + 86_400, nbf: seconds() + 86_400, exp: seconds() + 90_000 },
      }),
    ],
    ['no subject', () => ({ claims: { sub: undefined } })],
    ['alg none', () => ({ idToken: (claims) => `${b64({ alg: 'none' })}.${b64(claims)}.` })],
    [
      'alg none with a signature',
      () => ({ idToken: (claims) => `${b64({ alg: 'none' })}.${b64(claims)}.AAAA` }),
    ],
    ['HS256 with its public key', () => ({ idToken: HS256 })],
    ['another signature', () => ({ idToken: withOtherSignature })],
    ['a token that is none', () => ({ idToken: () => 'token' })],
    ['no ID token', () => ({ answer: { id_token: undefined } })],
    ['an ID token that is a number', () => ({ answer: { id_token: 7 } })],
    ['another issuer in the redirect', () => ({ back: { iss: 'https://other.example' } })],
    ['no issuer in the redirect, which it promised', () => ({ back: { iss: undefined } })],
  ])('with %s signs nobody in, and the page says so', async (_name, hostile) => {
    issuer.hostile = hostile()

    const ended = await visitor.signIn()

    expect([403, 502]).toContain(ended.status)
    expect(ended.session).toBe('')
    expect(ended.page).toContain('<h1>Not signed in</h1>')
    for (const secret of issuer.secrets.filter((one) => one.length > 8))
      expect(ended.page).not.toContain(secret)
    issuer.hostile = {}
    expect((await visitor.signIn()).status).toBe(200)
  })

  test.each<[string, Hostile['take']]>([
    ['an error of its own', (_path, response) => Boolean(response.writeHead(500).end('<b>'))],
    [
      'a redirect',
      (_path, response) => Boolean(response.writeHead(302, { location: '/token2' }).end()),
    ],
    [
      'text',
      (_path, response) =>
        Boolean(response.writeHead(200, { 'content-type': 'text/html' }).end('<b>')),
    ],
    [
      'half an answer',
      (_path, response) => {
        response
          .writeHead(200, { 'content-type': 'application/json', 'content-length': '100' })
          .write('{')
        return Boolean(setImmediate(() => response.destroy()))
      },
    ],
    [
      'a huge answer',
      (_path, response) =>
        Boolean(
          response
            .writeHead(200, { 'content-type': 'application/json' })
            .end(`{"a":"${'a'.repeat(400_000)}"}`),
        ),
    ],
    [
      'deep JSON',
      (_path, response) =>
        Boolean(
          response.writeHead(200, { 'content-type': 'application/json' }).end('['.repeat(20_000)),
        ),
    ],
    [
      'JSON that is no object',
      (_path, response) =>
        Boolean(response.writeHead(200, { 'content-type': 'application/json' }).end('[]')),
    ],
    ['nothing at all', (_path, response) => Boolean(response.destroy())],
    ['another protocol', (_path, response) => Boolean(response.writeHead(101).end())],
  ])('at its exchange by %s is a page with 502', async (_name, take) => {
    issuer.hostile = {
      take: (path, response) => path === '/token' && take?.(path, response) === true,
    }

    const ended = await visitor.signIn()

    expect([ended.status, ended.session]).toEqual([502, ''])
    expect(ended.page).toContain('ISSUER_FAILED')
    expect(ended.page).not.toContain('<b>')
  })
})

describe('an identity provider that is not as it should be from the start', () => {
  /** What was asked once is kept: each begins anew. */
  async function signInAt(
    hostile: Hostile,
    { secret = issuer.clientSecret, timeoutMs }: { secret?: string; timeoutMs?: number } = {},
  ): Promise<string> {
    issuer.hostile = hostile
    writeFileSync(join(dir, 'other'), secret)
    const options = { data: dir, ...issuer.serveOptions(join(dir, 'other')) }
    const signIn = consoleSignIn(readConfig(options, {}), app.deps, timeoutMs)
    const redirectUri = app.url + CALLBACK
    try {
      const begun = await signIn?.begin('/console/live', redirectUri)
      const location = new URL(begun?.location ?? '')
      const back = new URL(await visitor.authorize({ location }))
      const { code, state = '', iss, error } = Object.fromEntries(back.searchParams)
      const ended = await signIn?.finish(begun?.cookie, { code, state, iss, error }, redirectUri)
      return `signed in ${ended?.token.subject}`
    } catch (failure) {
      if (failure instanceof PlatformError) return `${failure.code} ${failure.message}`
      throw failure
    }
  }
  const taking = (path: string, status: number, body: string): Hostile => ({
    take: (asked, response) =>
      asked === path &&
      Boolean(response.writeHead(status, { 'content-type': 'application/json' }).end(body)),
  })
  const DISCOVERY = '/.well-known/openid-configuration'

  test.each<[string, Hostile]>([
    ['another issuer in its document', { discovery: { issuer: 'https://other.example' } }],
    ['an exchange on another host', { discovery: { token_endpoint: 'http://127.0.0.2:9/token' } }],
    ['keys on another host', { discovery: { jwks_uri: 'http://127.0.0.2:9/keys' } }],
    ['no page to sign in on', { discovery: { authorization_endpoint: undefined } }],
    ['a page that is a script', { discovery: { authorization_endpoint: 'javascript:alert(1)' } }],
    ['a document that is missing', taking(DISCOVERY, 404, '{}')],
    ['a document of half a megabyte', taking(DISCOVERY, 200, `{"a":"${'a'.repeat(500_000)}"}`)],
    ['a document that says things twice', taking(DISCOVERY, 200, '{"issuer":"a","issuer":"b"}')],
    ['keys that are huge', taking('/keys', 200, JSON.stringify({ keys: Array(65).fill({}) }))],
    ['keys that are secret', taking('/keys', 200, '{"keys":[{"kty":"oct","k":"AAAA"}]}')],
    ['keys that are not JSON', taking('/keys', 200, '<b>')],
  ])('with %s signs nobody in', async (_name, hostile) => {
    expect(await signInAt(hostile)).toMatch(/^ISSUER_FAILED the identity provider `http:/)
  })

  test.each(['/.well-known/openid-configuration', '/token', '/keys'])(
    'that says nothing at `%s`, or that slowly, is not waited for',
    async (path) => {
      const silent: Hostile = { take: (asked) => asked === path }
      const slow: Hostile = {
        take: (asked, response) => {
          if (asked !== path) return false
          response.writeHead(200, { 'content-type': 'application/json' })
          const drip = setInterval(() => response.write(' '), 20)
          response.on('close', () => clearInterval(drip))
          return true
        },
      }

      for (const hostile of [silent, slow])
        expect(await signInAt(hostile, { timeoutMs: 200 })).toMatch(/^ISSUER_FAILED/)
    },
  )

  test('with another secret than ours signs nobody in, and the secret is told nobody', async () => {
    const secret = randomBytes(24).toString('base64url')

    const ended = await signInAt({}, { secret })

    expect(ended).toMatch(/^ISSUER_FAILED .*\(invalid_client\)$/)
    expect(ended).not.toContain(secret)
    expect(issuer.faults).toEqual(['client authentication'])
  })

  test('by the other form of client authentication, and with a page that has a query of its own', async () => {
    const post = { token_endpoint_auth_methods_supported: ['client_secret_post'] }
    const own = { authorization_endpoint: `${issuer.url}/authorize?tenant=acme` }

    const byPost = await signInAt({ discovery: post, postOnly: true })
    const byQuery = await signInAt({ discovery: own })

    expect([byPost, byQuery]).toEqual(['signed in ada', 'signed in ada'])
    expect(issuer.faults).toEqual([])
  })

  test('whose keys changed is asked again for them', async () => {
    const before = await visitor.signIn()
    const kid = await issuer.newKey()
    issuer.hostile = { idToken: (claims) => issuer.sign(claims, kid) }

    // Not at once: tokens with names of keys are anybody's to send.
    expect([before.status, (await visitor.signIn()).status]).toEqual([200, 502])
    expect(await signInAt(issuer.hostile)).toBe('signed in ada')
  })
})

test('an identity provider that is not there: a page with 502, and links work', async () => {
  const gone = await SignInIssuer.start()
  const options = gone.serveOptions(join(dir, 'secret'))
  await gone[Symbol.asyncDispose]()
  const other = await startTestApp(options)
  try {
    const begun = await new OidcVisitor(other, gone).begin()

    expect([begun.status, begun.setCookie]).toEqual([502, ''])
    expect(begun.page).toContain('ISSUER_FAILED')
    expect(begun.page).toContain('lacre console login')
  } finally {
    await other[Symbol.asyncDispose]()
  }
})

test('one that is reached by an address which nobody listed is not asked', async () => {
  const other = await startTestApp({
    ...issuer.serveOptions(join(dir, 'secret')),
    allowSource: [],
  })
  try {
    expect((await new OidcVisitor(other, issuer).begin()).status).toBe(502)
  } finally {
    await other[Symbol.asyncDispose]()
  }
})
