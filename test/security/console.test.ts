import { request } from 'node:http'

import { afterAll, beforeAll, describe, expect, test } from 'vitest'

import { SESSION_IDLE_MS, SESSION_LIFETIME_MS, CONSOLE_LINK_MS } from '../../services/auth/index.ts'
import { startTestApp, type TestApp } from '../support/app.ts'
import type { AdminFile } from '../support/client.ts'
import { HOSTILE, tellConsoleStory, type ConsoleStory } from '../support/console-story.ts'
import { governance } from '../support/governance.ts'
import { addPerson } from '../support/people.ts'
import { stored } from '../support/stored.ts'

let app: TestApp
let story: ConsoleStory

beforeAll(async () => {
  app = await startTestApp()
  story = await tellConsoleStory(app)
}, 120_000)
afterAll(() => app[Symbol.asyncDispose]())

interface Answer {
  readonly status: number
  readonly headers: NodeJS.Dict<string | string[]>
  readonly body: string
}
interface Asked {
  readonly method?: string
  readonly path: string
  readonly headers?: Readonly<Record<string, string>>
  readonly form?: Readonly<Record<string, string>>
}

/** As any program sends it: `fetch` would not let us say `Host`. */
async function ask({ method, path, headers = {}, form }: Asked): Promise<Answer> {
  const { hostname, port } = new URL(app.url)
  const body = form && new URLSearchParams(form).toString()
  return await new Promise((resolve, reject) => {
    const sent = request({
      hostname,
      port,
      path,
      method: method ?? (body === undefined ? 'GET' : 'POST'),
      headers: {
        ...(body !== undefined && {
          'content-type': 'application/x-www-form-urlencoded',
          'content-length': String(Buffer.byteLength(body)),
        }),
        ...headers,
      },
    })
    sent.on('error', reject)
    sent.on('response', (response) => {
      const parts: Buffer[] = []
      response.on('data', (part: Buffer) => parts.push(part))
      response.on('end', () =>
        resolve({
          status: response.statusCode ?? 0,
          headers: response.headers,
          body: Buffer.concat(parts).toString('utf8'),
        }),
      )
    })
    sent.end(body)
  })
}

const own = (): Record<string, string> => ({ origin: app.url, 'sec-fetch-site': 'same-origin' })

async function link(who: AdminFile = app.admin): Promise<string> {
  const { body } = await governance<{ path: string }>(who, {
    method: 'POST',
    path: '/console/links',
  })
  return new URL(body.path, app.url).searchParams.get('link') ?? ''
}

async function signIn(
  who: AdminFile = app.admin,
  headers: Record<string, string> = {},
): Promise<string> {
  const answer = await ask({
    path: '/console/sign-in',
    form: { link: await link(who) },
    headers: { ...own(), ...headers },
  })
  return cookieOf(answer)
}

function cookieOf({ headers }: Answer): string {
  return headers['set-cookie']?.[0]?.split(';')[0] ?? ''
}

async function csrfOf(cookie: string, path = '/console/live'): Promise<string> {
  const { body } = await ask({ path, headers: { cookie } })
  return /name="csrf" value="([^"]+)"/.exec(body)?.[1] ?? ''
}

const withdraw = (): string => `/console/approvals/${story.approval}/withdraw`

describe('getting in', () => {
  test('a link signs in once, by POST, and within its minute', async () => {
    const secret = await link()
    const looked = await ask({ path: `/console/sign-in?link=${secret}` })
    const lookedAgain = await ask({ path: `/console/sign-in?link=${secret}` })
    const first = await ask({ path: '/console/sign-in', form: { link: secret }, headers: own() })
    const second = await ask({ path: '/console/sign-in', form: { link: secret }, headers: own() })
    const late = await link()
    await app.deps.store.transaction(async (tx) => {
      const { expires_at } = await tx
        .selectFrom('console_link')
        .select('expires_at')
        .executeTakeFirstOrThrow()
      expect(expires_at - Date.now()).toBeLessThanOrEqual(CONSOLE_LINK_MS)
      await tx.updateTable('console_link').set({ expires_at: Date.now() }).execute()
    })
    const third = await ask({ path: '/console/sign-in', form: { link: late }, headers: own() })

    expect([looked.status, lookedAgain.status, first.status]).toEqual([200, 200, 303])
    expect(looked.headers['set-cookie']).toBeUndefined()
    expect(looked.body).toContain('Sign in as <bdi>admin</bdi>')
    for (const { status, headers } of [second, third]) {
      expect(status).toBe(403)
      expect(headers['set-cookie']).toBeUndefined()
    }
  })

  test('two who use one link at once: one of them is in', async () => {
    const secret = await link()
    const enter = () => ask({ path: '/console/sign-in', form: { link: secret }, headers: own() })

    const answers = await Promise.all([enter(), enter(), enter(), enter()])

    expect(answers.map(({ status }) => status).toSorted((a, b) => a - b)).toEqual([
      303, 403, 403, 403,
    ])
  })

  test('the cookie is for this host, out of reach of scripts and other sites, and its secret is kept nowhere', async () => {
    const answer = await ask({
      path: '/console/sign-in',
      form: { link: await link() },
      headers: own(),
    })
    const [header = ''] = answer.headers['set-cookie'] ?? []
    const secret = cookieOf(answer).split('=')[1] ?? ''

    expect(header).toMatch(
      /^lacre-console=[A-Za-z0-9_-]{43}; Path=\/; HttpOnly; SameSite=Strict; Max-Age=43200$/,
    )
    const rows = await app.deps.store.reader.selectFrom('console_session').selectAll().execute()
    expect(rows.length).toBeGreaterThan(0)
    expect(JSON.stringify(rows)).not.toContain(secret)
  })

  test('a session that the browser brought is never the one that it gets (fixation)', async () => {
    const planted = `lacre-console=${'A'.repeat(43)}`
    const before = await signIn()

    const fresh = await signIn(app.admin, { cookie: planted })
    const rotated = await signIn(app.admin, { cookie: before })

    expect(fresh).not.toBe(planted)
    expect(rotated).not.toBe(before)
    const statuses = await Promise.all(
      [planted, before, fresh, rotated].map(
        async (cookie) => (await ask({ path: '/console/live', headers: { cookie } })).status,
      ),
    )
    expect(statuses).toEqual([401, 401, 200, 200])
  })

  test('two cookies of the name are no session', async () => {
    const cookie = await signIn()

    const both = await ask({
      path: '/console/live',
      headers: { cookie: `${cookie}; lacre-console=${'B'.repeat(43)}` },
    })

    expect(both.status).toBe(401)
  })

  test('only people with an access key get a link', async () => {
    const robot = await addPerson(app, 'robot', { kind: 'workload' })

    const answer = await governance(robot, { method: 'POST', path: '/console/links' })

    expect(answer.status).toBe(403)
  })

  test('at most 8 links of one person lie open', async () => {
    const person = await addPerson(app, 'eager')
    const statuses: number[] = []
    for (let at = 0; at < 9; at += 1)
      statuses.push((await governance(person, { method: 'POST', path: '/console/links' })).status)

    expect(statuses).toEqual([...Array<number>(8).fill(201), 429])
  })
})

describe('staying in', () => {
  const statusOf = async (cookie: string): Promise<number> =>
    (await ask({ path: '/console/live', headers: { cookie } })).status
  const age = async (column: 'seen_at' | 'began_at', ms: number): Promise<void> => {
    await app.deps.store.transaction(async (tx) => {
      await tx
        .updateTable('console_session')
        .set((row) => ({ [column]: row(column, '-', ms) }))
        .execute()
    })
  }

  test('a session ends when nothing was asked for half an hour, and after twelve hours whatever was', async () => {
    const idle = await signIn()
    await age('seen_at', SESSION_IDLE_MS)
    const idled = await statusOf(idle)
    const busy = await signIn()
    await age('began_at', SESSION_LIFETIME_MS)

    expect([idled, await statusOf(busy)]).toEqual([401, 401])
  })

  test('it ends with the access key that it began with, and with its person', async () => {
    const person = await addPerson(app, 'leaver')
    const [byKey, byPerson] = [await signIn(person), await signIn(await addPerson(app, 'other'))]
    await governance(app.admin, {
      method: 'POST',
      path: `/access-keys/${person.accessKeyId}/disable`,
    })
    await governance(app.admin, { method: 'POST', path: '/principals/usr-other/disable' })

    expect([await statusOf(byKey), await statusOf(byPerson)]).toEqual([401, 401])
  })

  test('signing out ends it', async () => {
    const cookie = await signIn()
    const csrf = await csrfOf(cookie)

    const left = await ask({
      path: '/console/sign-out',
      form: { csrf },
      headers: { ...own(), cookie },
    })

    expect([left.status, await statusOf(cookie)]).toEqual([303, 401])
    expect(left.headers['set-cookie']?.[0]).toContain('Max-Age=0')
  })

  test('the APIs take no session, and the console no signature', async () => {
    const cookie = await signIn()

    const api = await ask({ path: '/api/v1/live', headers: { cookie } })
    const page = await ask({
      path: '/console/live',
      headers: { authorization: 'AWS4-HMAC-SHA256 Credential=x' },
    })

    expect([api.status, page.status]).toEqual([403, 401])
  })
})

describe('who asks', () => {
  test.each([
    ['evil.example.com', 403],
    ['127.0.0.1', 403],
    ['127.0.0.1:1', 403],
    ['localhost.evil.example:PORT', 403],
    ['localhost:PORT', 401],
    ['[::1]:PORT', 401],
  ])('Host `%s` is answered %i (DNS rebinding)', async (host, status) => {
    const { port } = new URL(app.url)
    const headers = { host: host.replace('PORT', port) }

    expect((await ask({ path: '/console/live', headers })).status).toBe(status)
  })

  test.each([
    ['no origin at all', {}],
    ['another origin', { origin: 'https://evil.example' }],
    ['an origin of nobody', { origin: 'null' }],
    ['another port of this host, where functions answer', { origin: 'http://127.0.0.1:1' }],
    ['another scheme', { origin: 'https://127.0.0.1:PORT' }],
    ['another site', { 'sec-fetch-site': 'cross-site' }],
    ['the same site and not the same origin', { 'sec-fetch-site': 'same-site' }],
    ['its own origin, by another site', { origin: 'OWN', 'sec-fetch-site': 'cross-site' }],
  ])('a change with %s changes nothing', async (_name, said) => {
    const cookie = await signIn()
    const csrf = await csrfOf(cookie)
    const before = await stored(app.deps)
    const { port } = new URL(app.url)
    const headers = Object.fromEntries(
      Object.entries(said).map(([name, value]) => [
        name,
        String(value).replace('OWN', app.url).replace('PORT', port),
      ]),
    )

    const answer = await ask({ path: withdraw(), form: { csrf }, headers: { ...headers, cookie } })

    expect(answer.status).toBe(403)
    expect(await stored(app.deps)).toEqual(before)
  })

  test.each([
    ['without a token', () => Promise.resolve('')],
    ['with the token of another session', async () => await csrfOf(await signIn(story.alice))],
    ['with a token of the right length', () => Promise.resolve('A'.repeat(43))],
  ])('a change %s changes nothing', async (_name, token) => {
    const cookie = await signIn()
    const csrf = await token()
    const before = await stored(app.deps)

    const answer = await ask({ path: withdraw(), form: { csrf }, headers: { ...own(), cookie } })

    expect(answer.status).toBe(403)
    expect(await stored(app.deps)).toEqual(before)
  })

  test('a form changes nothing by GET, and nobody signs in from elsewhere', async () => {
    const cookie = await signIn()
    const csrf = await csrfOf(cookie)
    const before = await stored(app.deps)

    const got = await ask({ path: `${withdraw()}?csrf=${csrf}`, headers: { cookie } })
    const entered = await ask({
      path: '/console/sign-in',
      form: { link: await link() },
      headers: { origin: 'https://evil.example' },
    })

    expect([got.status, entered.status]).toEqual([404, 403])
    expect(entered.headers['set-cookie']).toBeUndefined()
    expect(await stored(app.deps)).toEqual(before)
  })
})

describe('what is asked', () => {
  test('the same authorization as the APIs: who may read and no more approves nothing', async () => {
    const { body } = await governance<{ principal: { id: string } }>(app.admin, {
      method: 'POST',
      path: '/principals',
      body: { kind: 'user', name: 'audra', roles: ['auditor'] },
    })
    const { body: key } = await governance<{ accessKey: { id: string }; secretAccessKey: string }>(
      app.admin,
      {
        method: 'POST',
        path: '/access-keys',
        body: { principal: body.principal.id },
      },
    )
    const auditor = {
      ...app.admin,
      accessKeyId: key.accessKey.id,
      secretAccessKey: key.secretAccessKey,
    }
    const cookie = await signIn(auditor)
    const csrf = await csrfOf(cookie)
    const before = await stored(app.deps)

    const read = await ask({ path: `/console/approvals/${story.approval}`, headers: { cookie } })
    const approve = await ask({
      path: `/console/approvals/${story.approval}/approve`,
      form: { csrf },
      headers: { ...own(), cookie },
    })
    const revoke = await ask({
      path: '/console/publishers/ci_release/plan-revoke',
      form: { csrf, reason: 'r' },
      headers: { ...own(), cookie },
    })

    expect([read.status, approve.status]).toEqual([200, 403])
    expect(approve.body).toContain('lacre:Approve')
    expect([200, 403]).toContain(revoke.status)
    expect(await stored(app.deps)).toEqual(before)
  })

  test.each([
    ['/console/live?search=' + 'a'.repeat(201), 400],
    ['/console/live?search=' + 'a'.repeat(5_000), 400],
    ['/console/live?state=lovely', 400],
    ['/console/live?names=none', 400],
    ['/console/live?marker=%00', 400],
    ['/console/live?at=yesterday', 400],
    ['/console/live?at=2999-01-01T00:00', 400],
    ['/console/live?back=-1', 400],
    ['/console/live?back=99999', 400],
    ['/console/live?search=a&search=b', 400],
    ['/console/live?search=%ff', 400],
    ['/console/decisions?outcome=perhaps', 400],
    ['/console/decisions/dec-x', 400],
    ['/console/functions/..%2f..%2fetc', 400],
    ['/console/functions/no-such-function', 404],
    ['/console/approvals/apr-1', 400],
    ['/console/policies/others', 404],
    ['/console/policies/admission/diff?from=1&to=x', 400],
    ['/console/ledger?from=-1', 400],
    ['/console/ledger?from=9007199254740993', 400],
    ['/console/ledger/entries/99999', 404],
    ['/console/ledger/entries/x', 400],
    ['/console/evidence/download?functionName=checkout&alias=prod&from=now', 400],
    ['/console/nowhere', 404],
    ['/console/static/../index.ts', 404],
    [`/console/live?${Array.from({ length: 30 }, (_, at) => `m${at}=1`).join('&')}`, 400],
  ])('%s is answered %i in a page, never a 500', async (path, status) => {
    const cookie = await signIn()

    const answer = await ask({ path, headers: { cookie } })

    expect([path, answer.status]).toEqual([path, status])
  })

  test.each([
    ['/live?limit=1', 200],
    ['/live?limit=x', 400],
    ['/decisions/dec-none', 400],
  ])('the JSON of a page, %s, is answered %i as JSON and nothing else', async (path, status) => {
    const cookie = await signIn()

    const answer = await ask({ path: `/console/api/v1${path}`, headers: { cookie } })
    const nobody = await ask({ path: `/console/api/v1${path}` })

    expect([answer.status, nobody.status]).toEqual([status, 403])
    for (const { headers } of [answer, nobody])
      expect(headers).toMatchObject({
        'content-type': 'application/json',
        'x-content-type-options': 'nosniff',
        'cache-control': 'private, no-store',
      })
  })

  test('no page has anything inline, and all are under the policy', async () => {
    const cookie = await signIn()
    for (const path of [
      '/console/live',
      `/console/approvals/${story.approval}`,
      '/console/sign-in',
      '/console/nowhere',
    ]) {
      const { headers, body } = await ask({ path, headers: { cookie } })

      expect(headers['content-security-policy']).toMatch(
        /^default-src 'none'; script-src 'self'; style-src 'self';/,
      )
      expect(headers['content-security-policy']).not.toMatch(/unsafe|\*|data:/)
      expect(headers['cache-control']).toBe('private, no-store')
      expect(body).not.toMatch(/<style|<[a-z][^>]*\s(?:style|on[a-z]+)=|<[a-z][^>]*"javascript:/)
      expect(body).not.toMatch(
        /<script(?! type="module" src="\/console\/static\/[a-z]+\.[0-9a-f]{16}\.js"><)/,
      )
      expect(body).not.toContain(HOSTILE.slice(0, 12))
    }
  })
})
