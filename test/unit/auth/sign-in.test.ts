import { describe, expect, test } from 'vitest'

import { SIGN_IN_MS } from '../../../services/auth/index.ts'
import { SignInFlows } from '../../../services/auth/sign-in/flows.ts'
import { parseSignInSettings } from '../../../services/auth/sign-in/settings.ts'
import { toSignInError } from '../../../services/auth/sign-in/sign-in-error.ts'
import { TokenSessions } from '../../../services/auth/token-sessions.ts'
import { SESSION_IDLE_MS, SESSION_LIFETIME_MS } from '../../../services/auth/session-times.ts'
import { PlatformError, systemRandom } from '../../../services/model/index.ts'
import { returnPath } from '../../../services/http/console/return-path.ts'

function codeOf(work: () => unknown): string {
  try {
    work()
    return 'taken'
  } catch (error) {
    return error instanceof PlatformError ? error.code : String(error)
  }
}

describe('a sign-in that is under way', () => {
  let nowMs = 5
  const clock = { monotonicMs: () => nowMs }
  const flows = () => new SignInFlows({ clock, random: systemRandom })

  test('comes back with what it left with, once', () => {
    const all = flows()
    const { cookie, ...left } = all.begin('/console/live?search=ö')

    expect(all.take(cookie, left.state)).toEqual(left)
    expect(codeOf(() => all.take(cookie, left.state))).toBe('ACCESS_DENIED')
  })

  test('is over after ten minutes, and with the process', () => {
    const all = flows()
    const [early, late] = [all.begin('/a'), all.begin('/b')]
    nowMs += SIGN_IN_MS - 1
    const soon = codeOf(() => all.take(early.cookie, early.state))
    nowMs += 1

    expect(soon).toBe('taken')
    expect(codeOf(() => all.take(late.cookie, late.state))).toBe('ACCESS_DENIED')
    expect(codeOf(() => flows().take(late.cookie, late.state))).toBe('ACCESS_DENIED')
  })

  test('tells nothing of itself in its cookie, and is another with any letter changed', () => {
    const all = flows()
    const { cookie, state, nonce, verifier } = all.begin('/console/live')
    const at = cookie.indexOf('.') + 5
    const changed = cookie.slice(0, at) + (cookie[at] === 'A' ? 'B' : 'A') + cookie.slice(at + 1)

    expect(new Set([state, nonce, verifier]).size).toBe(3)
    for (const secret of [state, nonce, verifier]) {
      expect(secret).toMatch(/^[\w-]{43}$/)
      expect(cookie).not.toContain(secret)
    }
    expect(codeOf(() => all.take(changed, state))).toBe('ACCESS_DENIED')
    expect(codeOf(() => all.take(undefined, state))).toBe('ACCESS_DENIED')
    expect(codeOf(() => all.take(cookie, nonce))).toBe('ACCESS_DENIED')
  })

  test('ten thousand that came back are remembered, and no more are let in until they are old', () => {
    const all = flows()
    const enter = (): string => {
      const { cookie, state } = all.begin('/')
      return codeOf(() => all.take(cookie, state))
    }
    const many = new Set(Array.from({ length: 10_000 }, enter))
    const over = enter()
    nowMs += SIGN_IN_MS

    expect([...many, over, enter()]).toEqual(['taken', 'TOO_MANY_REQUESTS', 'taken'])
  })
})

describe('sessions by tokens', () => {
  const token = {
    issuer: 'https://id.example',
    subject: 'ada',
    claims: {},
    issuedAtMs: 0,
    expiresAtMs: 0,
  }
  const begun = (beganAtMs: number, principalId = 'usr-ada') => ({ token, principalId, beganAtMs })

  test('end after half an hour without a request, and after twelve whatever was', () => {
    const sessions = new TokenSessions()
    sessions.begin('idle', begun(0))
    sessions.begin('busy', begun(0))
    const seen: boolean[] = []
    for (let ms = 0; ms < SESSION_LIFETIME_MS; ms += SESSION_IDLE_MS - 1)
      seen.push(sessions.find('busy', ms) !== undefined)

    expect(new Set(seen)).toEqual(new Set([true]))
    expect(sessions.find('busy', SESSION_LIFETIME_MS)).toBeUndefined()
    expect(sessions.find('idle', SESSION_IDLE_MS)).toBeUndefined()
    expect(sessions.find('idle', 0)).toBeUndefined()
  })

  test('of one person are at most 16, the oldest goes first, and nobody else’s', () => {
    const sessions = new TokenSessions()
    sessions.begin('other', begun(0, 'usr-other'))
    for (let at = 0; at < 17; at += 1) sessions.begin(`s${at}`, begun(at))
    const open = ['other', 's0', 's1', 's16'].map((hash) => sessions.find(hash, 20) !== undefined)

    expect(open).toEqual([true, false, true, true])
  })
})

describe('settings', () => {
  const good = {
    issuer: 'https://id.example',
    clientId: 'lacre',
    clientSecret: 'secret',
    scopes: [],
    tokenUrl: undefined,
    jwksUri: undefined,
    insecure: false,
    audience: 'lacre-api',
  }

  test('ask for `openid`, and for what is named', () => {
    expect(parseSignInSettings({ ...good, scopes: ['email', 'openid'] })?.scopes).toEqual([
      'openid',
      'email',
    ])
    expect(
      parseSignInSettings({
        ...good,
        issuer: undefined,
        clientId: undefined,
        clientSecret: undefined,
      }),
    ).toBeUndefined()
  })

  test.each([
    ['without an issuer', { issuer: undefined }],
    ['without a client id', { clientId: undefined }],
    ['without a secret', { clientSecret: undefined }],
    ['with an empty secret', { clientSecret: '' }],
    ['with a secret of two lines', { clientSecret: 'a\nb' }],
    ['without TLS', { issuer: 'http://id.example' }],
    ['with an exchange without TLS', { tokenUrl: 'http://id.example/token' }],
    ['with credentials in a URL', { issuer: 'https://a:b@id.example' }],
    ['with the audience of bearer tokens', { clientId: 'lacre-api' }],
    ['with the audience of signing services', { clientId: 'sigstore' }],
    ['with a scope of two words', { scopes: ['a b'] }],
  ])('%s are refused', (_name, change) => {
    expect(codeOf(() => parseSignInSettings({ ...good, ...change }))).toBe('CONFIGURATION')
  })
})

test('what a client says of an answer is not repeated: it holds the answer', () => {
  const secret = 'access-token'
  const errors = [
    Object.assign(new Error(secret), { code: 'OAUTH_RESPONSE_BODY_ERROR', error: `<b>${secret}` }),
    new Error('something went wrong', { cause: { body: secret } }),
    Object.assign(new Error(secret), { code: 'OAUTH_INVALID_RESPONSE', cause: { body: secret } }),
    secret,
  ].map((error) => toSignInError(error, 'https://id.example'))

  for (const error of errors) {
    expect(error.code).toBe('ISSUER_FAILED')
    expect(error.cause).toBeUndefined()
    expect(error.message + JSON.stringify(error.detail)).not.toContain(secret)
  }
})

test.each(['/console/live', '/console/decisions?outcome=deny&a=%20', '/console/functions/a:b'])(
  '`%s` is a page to come back to',
  (path) => {
    expect(returnPath(path)).toBe(path)
  },
)
