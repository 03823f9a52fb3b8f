import { createHmac, generateKeyPairSync, type KeyObject } from 'node:crypto'

import { CompactSign, exportJWK, type JWK } from 'jose'
import { beforeAll, describe, expect, it } from 'vitest'

import {
  IssuerKeys,
  checkIdentity,
  matchesIdentity,
  parseTokenSettings,
  verifyToken,
  type OidcIdentity,
} from '../../../services/auth/index.ts'
import { PlatformError, type Clock } from '../../../services/model/index.ts'

const NOW = Date.parse('2026-05-03T14:00:00Z')
const SECONDS = NOW / 1_000
const ISSUER = 'https://ci.example'
const OTHER = 'https://other.example'
const settings = parseTokenSettings({
  issuers: [ISSUER, OTHER],
  audience: 'lacre',
  jwks: [],
  insecure: [],
})

interface Keyed {
  readonly key: KeyObject
  readonly jwk: JWK
}
let rsa: Keyed
let ec: Keyed
let stranger: Keyed
let served: { keys: JWK[] }
let fetched: string[]
let monotonic: number

async function keyed(kid: string, kind: 'rsa' | 'ec'): Promise<Keyed> {
  const pair =
    kind === 'rsa'
      ? generateKeyPairSync('rsa', { modulusLength: 2_048 })
      : generateKeyPairSync('ec', { namedCurve: 'P-256' })
  return { key: pair.privateKey, jwk: { ...(await exportJWK(pair.publicKey)), kid, use: 'sig' } }
}

beforeAll(async () => {
  rsa = await keyed('rsa-1', 'rsa')
  ec = await keyed('ec-1', 'ec')
  stranger = await keyed('rsa-1', 'rsa')
})

const clock = { monotonicMs: () => monotonic } as Clock

function issuerKeys(): IssuerKeys {
  fetched = []
  monotonic = 0
  served = { keys: [rsa.jwk, ec.jwk] }
  return new IssuerKeys((url) => {
    fetched.push(url)
    const body = url.endsWith('/openid-configuration')
      ? { issuer: new URL(url).origin, jwks_uri: `${new URL(url).origin}/keys` }
      : url.startsWith(ISSUER)
        ? served
        : { keys: [stranger.jwk] }
    return Promise.resolve(Buffer.from(JSON.stringify(body)))
  }, clock)
}

const good = {
  iss: ISSUER,
  sub: 'repo:a/b:ref:refs/heads/main',
  aud: 'lacre',
  iat: SECONDS - 10,
  exp: SECONDS + 600,
  repository: 'a/b',
  run: 7,
}

const b64 = (value: unknown): string =>
  Buffer.from(typeof value === 'string' ? value : JSON.stringify(value)).toString('base64url')

/** Signed by hand, so that header and claims may be anything. */
async function sign(
  claims: object | string,
  header: Record<string, unknown> = {},
  key: Keyed = rsa,
): Promise<string> {
  const bytes = Buffer.from(typeof claims === 'string' ? claims : JSON.stringify(claims))
  const protectedHeader = { alg: key === ec ? 'ES256' : 'RS256', kid: key.jwk.kid, ...header }
  const critical = (header['crit'] as string[] | undefined) ?? []
  const known = Object.fromEntries(critical.map((name) => [name, true]))
  return await new CompactSign(bytes)
    .setProtectedHeader(protectedHeader as { alg: string })
    .sign(key.key, { crit: known })
}

async function answer(token: string, keys = issuerKeys(), nonce?: string): Promise<string> {
  if (settings === undefined) throw new Error('no settings')
  try {
    const { issuer, subject } = await verifyToken(token, {
      settings,
      keys,
      nowMs: NOW,
      ...(nonce !== undefined && { nonce }),
    })
    return `${issuer} ${subject}`
  } catch (error) {
    if (error instanceof PlatformError) return `${error.code} ${error.message}`
    return `crash ${String(error)}`
  }
}

const TAKEN = `${ISSUER} ${good.sub}`

describe('an ID token of a sign-in', () => {
  const nonce = 'n'.repeat(43)
  const made = { ...good, nonce }

  it.each([
    ['for that sign-in', {}, TAKEN],
    ['for this client', { azp: 'lacre' }, TAKEN],
    ['that lives for a day', { exp: SECONDS + 86_400 }, TAKEN],
    ['that is ten minutes old', { iat: SECONDS - 600 }, TAKEN],
    ['that is older', { iat: SECONDS - 601 }, /it was made more than 600 s ago$/],
    ['for another sign-in', { nonce: 'm'.repeat(43) }, /it was made for another sign-in$/],
    ['for none', { nonce: undefined }, /it was made for another sign-in$/],
    ['for another client', { azp: 'other' }, /it was handed to another client$/],
    ['that has expired', { exp: SECONDS - 10 }, /^TOKEN_EXPIRED/],
  ])('%s', async (_name, change, wanted) => {
    const said = await answer(await sign({ ...made, ...change }), issuerKeys(), nonce)

    expect(said).toMatch(wanted)
  })
})

describe('a token that is taken', () => {
  it('is of a configured issuer, for this audience, signed by its key', async () => {
    expect(await answer(await sign(good))).toBe(TAKEN)
    expect(await answer(await sign(good, {}, ec))).toBe(TAKEN)
    expect(await answer(await sign({ ...good, aud: ['lacre'] }))).toBe(TAKEN)
    expect(await answer(await sign(good, { typ: 'at+jwt' }))).toBe(TAKEN)
    expect(await answer(await sign({ ...good, exp: SECONDS + 3_590 }))).toBe(TAKEN)
    expect(await answer(await sign({ ...good, iat: SECONDS + 9 }))).toBe(TAKEN)
  })

  it('hands its claims on as texts, and nothing that is of this one token alone', async () => {
    if (settings === undefined) throw new Error('no settings')
    const token = await sign({ ...good, jti: 'x', nested: { a: 1 }, list: ['b'] })

    const { claims } = await verifyToken(token, { settings, keys: issuerKeys(), nowMs: NOW })

    expect(claims).toEqual({
      iss: ISSUER,
      sub: good.sub,
      aud: 'lacre',
      repository: 'a/b',
      run: '7',
    })
  })
})

describe('a token that is refused', () => {
  const hs256 = (): string => {
    const text = `${b64({ alg: 'HS256', kid: 'rsa-1' })}.${b64(good)}`
    const pem = generateKeyPairSync('rsa', { modulusLength: 2_048 }).publicKey
    const secret = pem.export({ type: 'spki', format: 'pem' })
    return `${text}.${createHmac('sha256', secret).update(text).digest('base64url')}`
  }

  it.each<[string, () => Promise<string> | string, RegExp]>([
    ['alg none', () => `${b64({ alg: 'none' })}.${b64(good)}.`, /no signed JWT/],
    ['alg none with a signature', () => `${b64({ alg: 'none' })}.${b64(good)}.AAAA`, /algorithm/],
    ['alg None', () => `${b64({ alg: 'None' })}.${b64(good)}.AAAA`, /algorithm/],
    ['HS256 by a public key', hs256, /algorithm/],
    ['RS384', () => sign(good, { alg: 'RS384' }), /algorithm/],
    ['a wrong audience', () => sign({ ...good, aud: 'else' }), /audience/],
    ['the audience of sigstore', () => sign({ ...good, aud: 'sigstore' }), /audience/],
    ['two audiences', () => sign({ ...good, aud: ['lacre', 'sigstore'] }), /audience/],
    ['no audience', () => sign({ ...good, aud: undefined }), /audience/],
    ['another case of the audience', () => sign({ ...good, aud: 'Lacre' }), /audience/],
    ['an issuer that is not configured', () => sign({ ...good, iss: 'https://evil' }), /issuer/],
    ['the issuer with a slash', () => sign({ ...good, iss: `${ISSUER}/` }), /issuer/],
    ['another issuer by this one’s key', () => sign({ ...good, iss: OTHER }), /signature/],
    ['this issuer by another one’s key of that name', () => sign(good, {}, stranger), /signature/],
    ['a key that is not there', () => sign(good, { kid: 'nobody' }), /no such key/],
    ['the name of a key of another kind', () => sign(good, { kid: 'ec-1' }), /no such key/],
    ['a life of more than an hour', () => sign({ ...good, exp: SECONDS + 3_591 }), /longer/],
    ['no end', () => sign({ ...good, exp: undefined }), /when/],
    ['no beginning', () => sign({ ...good, iat: undefined }), /when/],
    ['an end that is a text', () => sign({ ...good, exp: '9999999999' }), /when/],
    ['a beginning in the future', () => sign({ ...good, iat: SECONDS + 60 }), /not valid yet/],
    ['not before later', () => sign({ ...good, nbf: SECONDS + 60 }), /not valid yet/],
    ['its end passed', () => sign({ ...good, iat: SECONDS - 600, exp: SECONDS - 10 }), /expired/],
    ['no subject', () => sign({ ...good, sub: '' }), /subject/],
    ['a subject that is no text', () => sign({ ...good, sub: 1 }), /subject/],
    ['a critical header', () => sign(good, { crit: ['exp'], exp: 1 }), /not understood/],
    ['another type', () => sign(good, { typ: 'logout+jwt' }), /another type/],
    [
      'a name twice in the claims',
      () => sign(`{"iss":"${ISSUER}","aud":"else",${JSON.stringify(good).slice(1)}`),
      /cannot be read/,
    ],
    [
      'a name twice in the header',
      async () => {
        const [, ...rest] = (await sign(good)).split('.')
        return [b64('{"alg":"none","alg":"RS256"}'), ...rest].join('.')
      },
      /cannot be read/,
    ],
    ['claims that are a list', () => sign('[1]'), /cannot be read/],
    ['more than a token', () => 'a.b.c.d', /no signed JWT/],
    ['more than 16 KB', () => sign({ ...good, pad: 'x'.repeat(13_000) }), /no signed JWT/],
  ])('has %s', async (_name, make, why) => {
    const said = await answer(await make())

    expect(said).toMatch(/^(?:INVALID_TOKEN|TOKEN_EXPIRED) /)
    expect(said).toMatch(why)
  })

  it('tells nothing of what is in it', async () => {
    const token = await sign({ ...good, aud: 'SECRET-AUDIENCE', sub: 'SECRET-SUBJECT' })

    expect(await answer(token)).not.toContain('SECRET')
  })
})

describe('the keys of an issuer', () => {
  it('are fetched once, and again for a key that is new, at most every 30 s', async () => {
    const keys = issuerKeys()
    const next = await keyed('rsa-2', 'rsa')
    const rotated = await sign(good, {}, next)

    expect(await answer(await sign(good), keys)).toBe(TAKEN)
    expect(await answer(await sign(good), keys)).toBe(TAKEN)
    expect(fetched).toHaveLength(2)

    served = { keys: [rsa.jwk, next.jwk] }
    expect(await answer(rotated, keys)).toMatch(/no such key/)
    expect(fetched).toHaveLength(2)

    monotonic += 30_001
    expect(await answer(rotated, keys)).toBe(TAKEN)
    expect(fetched).toHaveLength(4)
    for (let n = 0; n < 20; n += 1) await answer(await sign(good, { kid: `x${n}` }), keys)
    expect(fetched).toHaveLength(4)
  })

  it('are not believed for longer than ten minutes after they were taken back', async () => {
    const keys = issuerKeys()
    const token = await sign(good)
    await answer(token, keys)

    served = { keys: [ec.jwk] }
    monotonic += 10 * 60_000

    expect(await answer(token, keys)).toMatch(/no such key/)
  })

  it('are nobody’s where the issuer cannot be asked, names another, or publishes a secret', async () => {
    const said = async (body: object): Promise<string> =>
      await answer(
        await sign(good),
        new IssuerKeys(() => Promise.resolve(Buffer.from(JSON.stringify(body))), clock),
      )

    expect(await said({})).toMatch(/^UNAVAILABLE/)
    expect(await said({ issuer: OTHER, jwks_uri: `${ISSUER}/keys` })).toMatch(/^UNAVAILABLE/)
    expect(await said({ issuer: ISSUER, jwks_uri: 'https://evil.example/keys' })).toMatch(
      /^UNAVAILABLE/,
    )
    expect(
      await said({ issuer: ISSUER, jwks_uri: `${ISSUER}/k`, keys: [{ kty: 'oct', k: 'AAAA' }] }),
    ).toMatch(/^UNAVAILABLE/)
  })
})

describe('the configuration', () => {
  const parse = (change: object) => () =>
    parseTokenSettings({ issuers: [ISSUER], audience: 'lacre', jwks: [], insecure: [], ...change })

  it.each([
    ['the audience of sigstore', { audience: 'sigstore' }],
    ['no audience', { audience: undefined }],
    ['an audience and no issuer', { issuers: [] }],
    ['an issuer without TLS', { issuers: ['http://ci.example'] }],
    ['an issuer twice', { issuers: [ISSUER, ISSUER] }],
    ['keys of nobody', { jwks: [`${OTHER}=${OTHER}/keys`] }],
    ['a user in the URL', { issuers: ['https://a:b@ci.example'] }],
  ])('refuses %s', (_name, change) => {
    expect(parse(change)).toThrow(expect.objectContaining({ code: 'CONFIGURATION' }))
  })
})

describe('by which tokens a principal comes', () => {
  const identity = (subject: string, claims = {}): OidcIdentity => ({
    issuer: ISSUER,
    subject,
    claims,
  })
  const matches = (subject: string, sub: string, wanted = {}, claims = {}): boolean =>
    matchesIdentity(identity(subject, wanted), { issuer: ISSUER, subject: sub, claims })

  it('takes a subject exactly, or by a star that stays in its segment', () => {
    expect(matches('repo:a/b:ref:refs/heads/main', 'repo:a/b:ref:refs/heads/main')).toBe(true)
    expect(matches('repo:a/b:ref:refs/heads/main', 'repo:a/b:ref:refs/heads/main2')).toBe(false)
    expect(matches('repo:a/*:ref:refs/heads/main', 'repo:a/b:ref:refs/heads/main')).toBe(true)
    expect(matches('repo:a/*:ref:refs/heads/main', 'repo:a/b/c:ref:refs/heads/main')).toBe(false)
    expect(matches('repo:a/*', 'repo:a/b:ref:refs/heads/main')).toBe(false)
    expect(matches('repo:a.b/*', 'repo:aXb/c')).toBe(false)
  })

  it('wants every claim with exactly its text, and the very issuer', () => {
    expect(matches('s', 's', { env: 'prod' }, { env: 'prod' })).toBe(true)
    expect(matches('s', 's', { env: 'prod' }, { env: 'Prod' })).toBe(false)
    expect(matches('s', 's', { env: 'prod' }, {})).toBe(false)
    expect(matches('s', 's', { toString: 'x' }, {})).toBe(false)
    expect(matchesIdentity(identity('s'), { issuer: OTHER, subject: 's', claims: {} })).toBe(false)
  })

  it('takes no job of a pull request unless it is named', () => {
    const event_name = 'pull_request_target'

    expect(matches('repo:a/b:*', 'repo:a/b:pull_request')).toBe(false)
    expect(matches('repo:a/b:pull_request', 'repo:a/b:pull_request')).toBe(true)
    expect(matches('repo:a/b:x', 'repo:a/b:x', {}, { event_name })).toBe(false)
    expect(matches('repo:a/b:x', 'repo:a/b:x', { event_name }, { event_name })).toBe(true)
  })

  it.each([
    ['user', 'repo:a/*'],
    ['workload', '*'],
    ['workload', 'repo:*'],
    ['workload', 'repo:a/**'],
    ['workload', ''],
  ] as const)('refuses for a %s the subject %j', (kind, subject) => {
    expect(() => checkIdentity(kind, identity(subject))).toThrow(
      expect.objectContaining({ code: 'INVALID_PARAMETER' }),
    )
  })
})
