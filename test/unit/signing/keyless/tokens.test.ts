import { createHash } from 'node:crypto'
import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { inspect } from 'node:util'

import { OAuth2Server } from 'oauth2-mock-server'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'

import { IdentityToken } from '../../../../cli/signing/keyless/identity-token.ts'
import {
  jwt,
  serve,
  startSigstore,
  type Reply,
  type SigstoreServices,
} from '../../../support/sigstore-services.ts'
import { zipOf } from '../../../support/zip-builder.ts'
import { run } from '../../cli/captured.ts'

const table = [
  { name: 'sign', summary: '', load: () => import('../../../../cli/commands/sign.ts') },
]
const SUBJECT = 'https://ci.test/org/repo'

let dir = ''
let sigstore: SigstoreServices
const at = (name: string): string => join(dir, name)

beforeEach(async () => {
  dir = mkdtempSync(join(tmpdir(), 'lacre-token-'))
  writeFileSync(at('f.zip'), zipOf({ 'index.js': 'exports.handler = () => 1\n' }))
  sigstore = await startSigstore()
})
afterEach(async () => {
  await sigstore[Symbol.asyncDispose]()
  rmSync(dir, { recursive: true, force: true })
})

async function sign(environment: Record<string, string>, args: readonly string[] = []) {
  const all = ['sign', at('f.zip'), '--fulcio-url', sigstore.url, ...args]
  return await run(all, { table, environment })
}

/** The token that the certificate authority was given. */
function givenToken(): string | undefined {
  const [request] = sigstore.requests
  if (request === undefined) return undefined
  const body = JSON.parse(request.body) as { credentials: { oidcIdentityToken: string } }
  return body.credentials.oidcIdentityToken
}

/** A program of the CI system that notes its arguments and prints this. */
function program(name: string, prints: string, status = 0): void {
  const script = `#!/bin/sh\nprintf '%s\\n' "$@" > ${at('args')}\n${prints}\nexit ${status}\n`
  writeFileSync(at(name), script)
  chmodSync(at(name), 0o755)
}
const path = () => ({ PATH: `${dir}:/usr/bin:/bin` })

test('a token is never shown, however it is printed', () => {
  const text = jwt({ sub: 'somebody' })
  const token = IdentityToken.parse(text, 'a test')

  const shown = [String(token), JSON.stringify({ token }), inspect(token), inspect({ token }, true)]
  for (const one of shown) {
    expect(one).toContain('[identity token]')
    expect(one).not.toContain(text.split('.')[1])
  }
  expect(token.reveal()).toBe(text)
})

test('GitHub Actions is asked with its bearer token for the audience', async () => {
  const token = jwt({ sub: SUBJECT })
  await using github = await serve({
    '/token': () => Promise.resolve({ status: 200, body: JSON.stringify({ value: token }) }),
  })

  const ran = await sign({
    ACTIONS_ID_TOKEN_REQUEST_URL: `${github.url}/token?api-version=2`,
    ACTIONS_ID_TOKEN_REQUEST_TOKEN: 'request-secret',
  })

  expect([ran.code, ran.err]).toEqual([0, 'identity token: GitHub Actions\n'])
  expect(github.requests.map(({ path: url }) => url)).toEqual([
    '/token?api-version=2&audience=sigstore',
  ])
  expect(github.requests[0]?.headers.authorization).toBe('Bearer request-secret')
  expect(givenToken()).toBe(token)
})

test.each<[string, Reply]>([
  ['fails', { status: 500, body: '{"message":"request-secret-that-is-rather-long"}' }],
  ['redirects', { status: 302, body: '', headers: { location: 'http://127.0.0.1:9/' } }],
  ['answers without a token', { status: 200, body: '{}' }],
  ['answers HTML', { status: 200, body: '<html>' }],
])('where GitHub Actions %s nothing else is tried and no secret is told', async (_title, reply) => {
  await using github = await serve({ '/token': () => Promise.resolve(reply) })

  const ran = await sign({
    ACTIONS_ID_TOKEN_REQUEST_URL: `${github.url}/token`,
    ACTIONS_ID_TOKEN_REQUEST_TOKEN: 'request-secret-that-is-rather-long',
    JENKINS_URL: 'https://jenkins.test',
    IDTOKEN: jwt({ sub: SUBJECT }),
  })

  expect(ran.code).toBe(3)
  expect(ran.err).not.toContain('request-secret')
  expect(sigstore.requests).toEqual([])
})

test('a GitHub job without the permission is told which', async () => {
  const ran = await sign({ GITHUB_ACTIONS: 'true' })

  expect(ran.code).toBe(3)
  expect(ran.err).toContain('`permissions: id-token: write`')
})

test('Buildkite’s agent is run by its arguments, without a shell', async () => {
  const token = jwt({ sub: SUBJECT })
  program('buildkite-agent', `echo ${token}`)

  const ran = await sign({ BUILDKITE: 'true', ...path() })

  expect([ran.code, ran.err]).toEqual([0, 'identity token: Buildkite\n'])
  expect(readFileSync(at('args'), 'utf8')).toBe('oidc\nrequest-token\n--audience\nsigstore\n')
  expect(givenToken()).toBe(token)
})

test('an audience is no command', async () => {
  program('buildkite-agent', `echo ${jwt({ sub: SUBJECT, aud: '$(touch x); y' })}`)

  const ran = await sign({ BUILDKITE: 'true', ...path() }, ['--oidc-client-id', '$(touch x); y'])

  expect(ran.code).toBe(0)
  expect(readFileSync(at('args'), 'utf8')).toContain('\n$(touch x); y\n')
})

test('CircleCI is asked for the audience where its own token has another', async () => {
  const token = jwt({ sub: SUBJECT })
  program('circleci', `echo ${token}`)

  const own = jwt({ sub: SUBJECT, aud: 'org-id' })
  const ran = await sign({ CIRCLECI: 'true', CIRCLE_OIDC_TOKEN_V2: own, ...path() })

  expect([ran.code, ran.err]).toEqual([0, 'identity token: CircleCI\n'])
  expect(readFileSync(at('args'), 'utf8')).toBe('run\noidc\nget\n--claims\n{"aud":"sigstore"}\n')
  expect(givenToken()).toBe(token)
})

test('CircleCI’s own token serves where its audience is the one', async () => {
  const own = jwt({ sub: SUBJECT, aud: 'org-id' })

  const ran = await sign({ CIRCLECI: 'true', CIRCLE_OIDC_TOKEN_V2: own }, [
    '--oidc-client-id',
    'org-id',
  ])

  expect(ran.code).toBe(0)
  expect(givenToken()).toBe(own)
})

test.each([
  ['fails and tells a token', `echo eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJ4In0.c2VjcmV0 >&2`, 1],
  ['prints no token', 'echo hello', 0],
  ['prints without end', 'head -c 1000000 /dev/zero', 0],
])('where the agent %s nothing is sent and nothing told', async (_title, prints, status) => {
  program('buildkite-agent', prints, status)

  const ran = await sign({ BUILDKITE: 'true', ...path() })

  expect(ran.code).not.toBe(0)
  expect(ran.err).not.toContain('eyJ')
  expect(sigstore.requests).toEqual([])
})

test('says that the agent is not installed', async () => {
  const ran = await sign({ BUILDKITE: 'true', PATH: dir })

  expect(ran.err).toContain('`buildkite-agent` is not installed here')
})

test.each([
  ['as text', (token: string) => ({ IDTOKEN: token })],
  ['in a file', (token: string) => ({ ID_TOKEN_FILE: (writeFileSync(at('t'), token), at('t')) })],
])('Jenkins’ token is taken %s', async (_title, bind) => {
  const token = jwt({ sub: SUBJECT })

  const ran = await sign({ JENKINS_URL: 'https://jenkins.test', ...bind(token) })

  expect([ran.code, ran.err]).toEqual([0, 'identity token: Jenkins\n'])
  expect(givenToken()).toBe(token)
})

test.each([
  ['a token', (token: string) => token],
  ['a file', (token: string) => (writeFileSync(at('t.jwt'), `${token}\n`), at('t.jwt'))],
])('--identity-token takes %s, before the CI job’s own', async (_title, give) => {
  const token = jwt({ sub: SUBJECT })

  const ran = await sign({ SIGSTORE_ID_TOKEN: jwt({ sub: 'other' }) }, [
    '--identity-token',
    give(token),
  ])

  expect([ran.code, ran.err]).toEqual([0, ''])
  expect(givenToken()).toBe(token)
})

test.each([
  ['neither token nor file', ['--identity-token', 'eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOi'], 2, 'neither'],
  ['a token of another issuer', ['--oidc-issuer', 'https://other.test'], 2, 'token-issuer'],
  ['another identity', ['--certificate-identity', 'https://x.test'], 3, 'certificate-identity'],
  ['a CMS', ['--format', 'cms'], 2, 'bundle'],
  ['a key beside it', ['--key', 'k.pem'], 2, 'exclude each other'],
])('refuses %s', async (_title, args, code, said) => {
  const ran = await sign({ SIGSTORE_ID_TOKEN: jwt({ sub: SUBJECT }) }, args)

  expect([ran.code, ran.err.includes(said)]).toEqual([code, true])
  expect(ran.err).not.toContain('eyJ')
})

test('asks nobody who is not named', async () => {
  const ran = await run(['sign', at('f.zip'), '--keyless'], {
    table,
    environment: { SIGSTORE_ID_TOKEN: jwt({ sub: SUBJECT }) },
  })

  expect(ran.code).toBe(2)
  expect(ran.err).toContain('give --fulcio-url URL or --signing-config FILE')
})

test('signs in the name of a token that a real issuer signed', async () => {
  const issuer = new OAuth2Server()
  await issuer.issuer.keys.generate('ES256')
  await issuer.start(0, '127.0.0.1')
  try {
    const token = await issuer.issuer.buildToken({
      scopesOrTransform: (_header, payload) =>
        Object.assign(payload, { sub: SUBJECT, aud: 'sigstore' }),
    })

    const ran = await sign({ SIGSTORE_ID_TOKEN: token }, ['--oidc-issuer', issuer.issuer.url ?? ''])

    expect([ran.code, ran.err]).toEqual([0, 'identity token: SIGSTORE_ID_TOKEN\n'])
    expect(ran.out).toContain(`issuer  ${issuer.issuer.url}`)
  } finally {
    await issuer.stop()
  }
})

describe('a person', () => {
  interface Device {
    readonly pkce?: boolean
    readonly answers?: readonly Reply[]
    readonly issuer?: string
    readonly device?: Reply
    readonly document?: object
  }
  const json = (status: number, body: object): Reply => ({ status, body: JSON.stringify(body) })
  const pending = json(400, { error: 'authorization_pending' })

  /** An issuer with a device endpoint, that answers polls one after the other. */
  async function startIssuer({ pkce = true, answers = [], ...spec }: Device = {}) {
    const polls: Reply[] = [...answers]
    const server: Awaited<ReturnType<typeof serve>> = await serve({
      '/.well-known/openid-configuration': () =>
        Promise.resolve(
          json(200, {
            issuer: spec.issuer ?? server.url,
            device_authorization_endpoint: `${server.url}/device`,
            token_endpoint: `${server.url}/token`,
            ...(pkce && { code_challenge_methods_supported: ['plain', 'S256'] }),
            ...spec.document,
          }),
        ),
      '/device': () =>
        Promise.resolve(
          spec.device ??
            json(200, {
              device_code: 'device-secret',
              user_code: 'WDJB-MJHT',
              verification_uri: `${server.url}/activate`,
              interval: 1,
              expires_in: 60,
            }),
        ),
      '/token': () =>
        Promise.resolve(
          polls.shift() ?? json(200, { id_token: jwt({ iss: server.url, sub: SUBJECT }) }),
        ),
    })
    return server
  }
  const form = (body: string | undefined) => Object.fromEntries(new URLSearchParams(body))
  const signIn = async (url: string, args: readonly string[] = []) =>
    await sign({}, ['--oidc-issuer', url, ...args])

  test('is told where to go on standard error, also with --json, and signs when he has confirmed', async () => {
    await using issuer = await startIssuer({ answers: [pending] })
    const begunMs = performance.now()

    const ran = await signIn(issuer.url, ['--json'])

    expect(ran.code).toBe(0)
    expect(ran.err).toBe(`open ${issuer.url}/activate and enter the code WDJB-MJHT\n`)
    expect(JSON.parse(ran.out)).toMatchObject({ signer: SUBJECT, issuer: issuer.url })
    // two polls, each after the interval that the issuer named
    expect(performance.now() - begunMs).toBeGreaterThan(1_900)
    const [, device, poll, again] = issuer.requests
    const { code_challenge: challenge, ...asked } = form(device?.body)
    const { code_verifier: verifier = '', ...polled } = form(poll?.body)
    expect(asked).toEqual({
      client_id: 'sigstore',
      scope: 'openid email',
      code_challenge_method: 'S256',
    })
    expect(polled).toEqual({
      grant_type: 'urn:ietf:params:oauth:grant-type:device_code',
      device_code: 'device-secret',
      client_id: 'sigstore',
    })
    expect(challenge).toBe(createHash('sha256').update(verifier).digest('base64url'))
    expect(verifier).toHaveLength(43)
    expect(again?.body).toBe(poll?.body)
  })

  test('signs in without PKCE where the issuer has none', async () => {
    await using issuer = await startIssuer({ pkce: false })

    expect((await signIn(issuer.url)).code).toBe(0)
    expect(issuer.requests.map(({ body }) => body).join(' ')).not.toContain('code_')
  })

  test.each<[string, Device, string]>([
    ['declines', { answers: [json(400, { error: 'access_denied' })] }, 'access-denied'],
    ['is too late', { answers: [json(400, { error: 'expired_token' })] }, 'device-code-expired'],
    [
      'never comes',
      {
        answers: [pending, pending, pending],
        device: json(200, {
          device_code: 'device-secret',
          user_code: 'A',
          verification_uri: 'https://issuer.test/a',
          interval: 1,
          expires_in: 1,
        }),
      },
      'device-code-expired',
    ],
    ['goes to an issuer of another name', { issuer: 'https://evil.test' }, 'issuer-mismatch'],
    [
      'goes to an issuer without devices',
      { document: { device_authorization_endpoint: undefined } },
      'no-device-flow',
    ],
    [
      'would be sent in the clear',
      { document: { device_authorization_endpoint: 'http://issuer.test/device' } },
      'is no https URL',
    ],
    [
      'would be sent to a script',
      {
        device: json(200, {
          device_code: 'device-secret',
          user_code: 'A',
          verification_uri: 'javascript:alert(1)',
        }),
      },
      'is no https URL',
    ],
    ['gets no token', { answers: [json(200, {})] }, 'without an `id_token`'],
    ['gets no JWT', { answers: [json(200, { id_token: 'secret' })] }, 'token-malformed'],
    ['meets a failing issuer', { answers: [json(503, { error: 'x' })] }, 'answers 503'],
  ])('who %s signs nothing', async (_title, spec, said) => {
    await using issuer = await startIssuer(spec)

    const ran = await signIn(issuer.url)

    expect(ran.code).not.toBe(0)
    expect(ran.err).toContain(said)
    expect(ran.err).not.toContain('device-secret')
    expect(sigstore.requests).toEqual([])
  })
})
