import { execFileSync } from 'node:child_process'
import { X509Certificate, createHmac, generateKeyPairSync, sign } from 'node:crypto'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

import { afterAll, beforeAll, expect, test } from 'vitest'

import {
  TestAuthority,
  TestIssuer,
  certificateRequest,
  chainOf,
  ecKeyPair,
  hashedRekord,
  withPem,
  type Answer,
  type Claims,
} from '../support/authority.ts'

let issuer: TestIssuer
let stranger: TestIssuer
let authority: TestAuthority
const key = ecKeyPair()
/** Every token that was sent, to look for in what was said about it. */
const sent: string[] = []

beforeAll(async () => {
  issuer = await TestIssuer.start()
  stranger = await TestIssuer.start()
  authority = await TestAuthority.start(issuer)
})
afterAll(async () => {
  await authority[Symbol.asyncDispose]()
  await issuer[Symbol.asyncDispose]()
  await stranger[Symbol.asyncDispose]()
})

async function ask(token: string, body?: object): Promise<Answer> {
  sent.push(token)
  return await authority.post('/api/v2/signingCert', body ?? certificateRequest(token, key))
}

function unsigned(header: object, claims: object): string {
  const encode = (value: object): string => Buffer.from(JSON.stringify(value)).toString('base64url')
  return `${encode(header)}.${encode(claims)}`
}

const seconds = (): number => Math.floor(Date.now() / 1_000)
const goodClaims = (): Claims => ({
  iss: issuer.url,
  aud: 'sigstore',
  sub: 'user-7',
  email: 'ada@example.org',
  email_verified: true,
  iat: seconds(),
  exp: seconds() + 600,
})

const tokens: readonly (readonly [string, string, () => Promise<string> | string])[] = [
  ['of another audience', 'token-audience', () => issuer.token({ aud: 'another' })],
  ['of two audiences', 'token-audience', () => issuer.token({ aud: ['sigstore', 'another'] })],
  ['of an issuer that is not configured', 'token-issuer', () => stranger.token()],
  ['that names our issuer, by another key', 'token-key', () => stranger.token({ iss: issuer.url })],
  [
    'that names our issuer and its key, by another key',
    'token-signature',
    async () => {
      const real = (await issuer.token()).split('.')
      return `${real[0]}.${real[1]}.${(await stranger.token()).split('.')[2]}`
    },
  ],
  [
    'that has expired',
    'token-expired',
    () => issuer.token({ iat: seconds() - 900, exp: seconds() - 300 }),
  ],
  ['that is not valid yet', 'token-not-yet', () => issuer.token({ nbf: seconds() + 300 })],
  ['that lives for a day', 'token-lifetime', () => issuer.token({ exp: seconds() + 86_400 })],
  ['without an end', 'token-times', () => issuer.token({ exp: undefined })],
  ['without a subject', 'token-subject', () => issuer.token({ sub: undefined })],
  ['without an e-mail address', 'token-email', () => issuer.token({ email: undefined })],
  [
    'whose address is not verified',
    'token-email-unverified',
    () => issuer.token({ email_verified: false }),
  ],
  [
    'whose address is verified as text',
    'token-email-unverified',
    () => issuer.token({ email_verified: 'true' }),
  ],
  [
    'whose address holds two',
    'token-email',
    () => issuer.token({ email: 'a@b.example,c@d.example' }),
  ],
  [
    'whose address holds a zero byte',
    'token-email',
    () => issuer.token({ email: 'a@b.example\0.org' }),
  ],
  ['of algorithm none', 'token-form', () => `${unsigned({ alg: 'none' }, goodClaims())}.`],
  [
    'of algorithm none with a signature',
    'token-algorithm',
    () => `${unsigned({ alg: 'none' }, goodClaims())}.AAAA`,
  ],
  [
    'of HS256 under the public key',
    'token-algorithm',
    async () => {
      const [jwk] = issuer.server.issuer.keys.toJSON(false) as { kid: string }[]
      const text = unsigned({ alg: 'HS256', kid: jwk?.kid }, goodClaims())
      return `${text}.${createHmac('sha256', JSON.stringify(jwk)).update(text).digest('base64url')}`
    },
  ],
  ['that is no token', 'token-form', () => 'not a token'],
  ['that is too long', 'token-form', () => `${'a'.repeat(20_000)}.b.c`],
]

test.each([
  ['cannot be reached', undefined],
  ['publishes a secret key', { keys: [{ kty: 'oct', kid: 'a', k: 'c2VjcmV0' }] }],
  ['publishes no set of keys', { keys: 'none' }],
])('takes no token of an issuer that %s, and says so without a part of it', async (_what, jwks) => {
  const own = await TestIssuer.start()
  await using trusting = await TestAuthority.start(own)
  const token = await own.token()
  const { url } = own
  await own[Symbol.asyncDispose]()
  const answering = jwks === undefined ? undefined : createServer((_req, res) => {
    res.end(JSON.stringify({ issuer: url, jwks_uri: `${url}/jwks`, ...jwks }))
  }) // prettier-ignore
  if (answering !== undefined) await once(answering.listen(Number(new URL(url).port), '127.0.0.1'), 'listening') // prettier-ignore

  const answer = await trusting.post('/api/v2/signingCert', certificateRequest(token, key))
  answering?.close()

  expect(answer.status).toBe(503)
  expect(answer.json['reason']).toBe('issuer-unreachable')
  expect(JSON.stringify(answer.json) + trusting.lines.join()).not.toContain(token.split('.')[1])
})

for (const [what, reason, make] of tokens) {
  test(`refuses a token ${what}: ${reason}`, async () => {
    const token = await make()

    const answer = await ask(token)

    expect({ status: answer.status, reason: answer.json['reason'] }).toEqual({
      status: 400,
      reason,
    })
  })
}

function csr(pair: { privateKey: unknown; config: string }): string {
  const dir = mkdtempSync(join(tmpdir(), 'lacre-csr-'))
  try {
    writeFileSync(join(dir, 'key.pem'), pair.privateKey as string)
    writeFileSync(join(dir, 'req.cnf'), pair.config)
    const out = join(dir, 'req.pem')
    const args = ['req', '-new', '-key', join(dir, 'key.pem'), '-config', join(dir, 'req.cnf')]
    execFileSync('openssl', [...args, '-out', out], { stdio: 'pipe' })
    return readFileSync(out, 'utf8')
  } finally {
    rmSync(dir, { recursive: true, force: true })
  }
}

const CSR_WITH_NAMES = `[req]
distinguished_name=dn
req_extensions=ext
prompt=no
[dn]
CN=admin@victim.example
[ext]
subjectAltName=email:admin@victim.example
basicConstraints=critical,CA:TRUE
`

test('takes a CSR for its key alone: names and CA:TRUE in it are passed over', async () => {
  const token = await issuer.token()
  const privateKey = key.privateKey.export({ format: 'pem', type: 'pkcs8' })
  const pem = csr({ privateKey, config: CSR_WITH_NAMES })

  const answer = await ask(token, {
    credentials: { oidcIdentityToken: token },
    certificateSigningRequest: Buffer.from(pem).toString('base64'),
  })

  const leaf = new X509Certificate(chainOf(answer)[0] ?? '')
  expect(leaf.subjectAltName).toBe('email:ada@example.org')
  expect(leaf.subject).toBeFalsy()
  expect(leaf.ca).toBe(false)
  expect(leaf.publicKey.equals(key.publicKey)).toBe(true)
})

test('refuses a CSR that another key signed', async () => {
  const token = await issuer.token()
  const privateKey = key.privateKey.export({ format: 'pem', type: 'pkcs8' })
  const good = csr({ privateKey, config: CSR_WITH_NAMES })
  const der = Buffer.from(good.replaceAll(/-----[^-]+-----|\s/g, ''), 'base64')
  const spki = key.publicKey.export({ format: 'der', type: 'spki' })
  const other = ecKeyPair().publicKey.export({ format: 'der', type: 'spki' })
  other.copy(der, der.indexOf(spki))
  const pem = `-----BEGIN CERTIFICATE REQUEST-----\n${der.toString('base64')}\n-----END CERTIFICATE REQUEST-----\n`

  const answer = await ask(token, {
    credentials: { oidcIdentityToken: token },
    certificateSigningRequest: Buffer.from(pem).toString('base64'),
  })

  expect(answer.json['reason']).toBe('proof-of-possession')
})

const other = ecKeyPair()
const weak = withPem(generateKeyPairSync('rsa', { modulusLength: 1024 }))
const small = withPem(generateKeyPairSync('rsa', { modulusLength: 2048, publicExponent: 3 }))
const koblitz = ecKeyPair('secp256k1')
const x25519 = generateKeyPairSync('x25519')
  .publicKey.export({ format: 'pem', type: 'spki' })
  .toString()
const explicit = generateKeyPairSync('ec', { namedCurve: 'P-256', paramEncoding: 'explicit' })

const keys: readonly (readonly [string, string, (token: string) => object])[] = [
  [
    'a proof by another key',
    'proof-of-possession',
    (token) => certificateRequest(token, { ...key, privateKey: other.privateKey }),
  ],
  [
    'a proof over another name',
    'proof-of-possession',
    (token) => certificateRequest(token, key, 'bob@example.org'),
  ],
  ['an RSA key of 1024 bits', 'public-key-weak', (token) => certificateRequest(token, weak)],
  ['an RSA key with exponent 3', 'public-key', (token) => certificateRequest(token, small)],
  ['a key on secp256k1', 'public-key', (token) => certificateRequest(token, koblitz)],
  [
    'a key with explicit curve parameters',
    'public-key',
    (token) => certificateRequest(token, withPem(explicit)),
  ],
  [
    'a key that cannot sign',
    'public-key',
    (token) => certificateRequest(token, { ...key, pem: x25519 }),
  ],
  [
    'two keys',
    'public-key',
    (token) => certificateRequest(token, { ...key, pem: key.pem + other.pem }),
  ],
  [
    'both a key and a CSR',
    'request-shape',
    (token) => ({ ...certificateRequest(token, key), certificateSigningRequest: 'AAAA' }),
  ],
  ['neither', 'request-shape', (token) => ({ credentials: { oidcIdentityToken: token } })],
  [
    'an unknown member',
    'unknown-member',
    (token) => ({ ...certificateRequest(token, key), more: 1 }),
  ],
]

for (const [what, reason, make] of keys) {
  test(`refuses a request with ${what}: ${reason}`, async () => {
    const token = await issuer.token()

    const answer = await ask(token, make(token))

    expect({ status: answer.status, reason: answer.json['reason'] }).toEqual({
      status: 400,
      reason,
    })
  })
}

const routes = ['/api/v2/signingCert', '/api/v2/log/entries', '/api/v1/timestamp']

for (const path of routes) {
  test(`${path} refuses other content types, JSON with a name twice, no JSON, and bodies that are too large`, async () => {
    const answers = [
      await authority.post(path, '{}', 'text/plain'),
      await authority.post(path, '{"a":1,"a":2}'),
      await authority.post(path, 'not json'),
      await authority.post(path, `{"a":"${'x'.repeat(5_000_000)}"}`),
    ]

    expect(answers.map(({ status, json }) => [status, json['reason']])).toEqual([
      [415, 'content-type'],
      [400, 'request-json'],
      [400, 'request-json'],
      [413, 'request-size'],
    ])
  })
}

test('takes timestamp queries at the timestamp alone', async () => {
  const answers = await Promise.all(
    routes
      .slice(0, 2)
      .map((path) => authority.post(path, Buffer.from([0x30, 0]), 'application/timestamp-query')),
  )

  expect(answers.map(({ status }) => status)).toEqual([415, 415])
})

const digest = Buffer.alloc(32, 7)
const signature = sign('sha256', Buffer.from('x'), key.privateKey)
const entry = (change: (spec: Loose[string]) => void): object => {
  const request = structuredClone(hashedRekord(key, digest, signature)) as Loose
  const spec = request['hashedRekordRequestV002']
  if (spec !== undefined) change(spec)
  return request
}
type Loose = Record<string, Record<string, unknown>>

function verifierIn(spec: Record<string, unknown>): Record<string, unknown> {
  return (spec['signature'] as { verifier: Record<string, unknown> }).verifier
}

const entries: readonly (readonly [string, string, object])[] = [
  ['whose signature is over another digest', 'signature', entry(() => {})],
  [
    'that says another kind of key',
    'key-details',
    entry((spec) => {
      const verifier = verifierIn(spec)
      verifier['keyDetails'] = 'PKIX_ECDSA_P384_SHA_384'
    }),
  ],
  [
    'that names a property of objects for its key',
    'key-details',
    entry((spec) => {
      const verifier = verifierIn(spec)
      verifier['keyDetails'] = 'constructor'
    }),
  ],
  [
    'whose digest is too short',
    'digest',
    entry((spec) => {
      Object.assign(spec, { digest: digest.subarray(1).toString('base64') })
    }),
  ],
  ['of neither kind', 'entry-kind', {}],
  [
    'without a verifier',
    'request-shape',
    { hashedRekordRequestV002: { digest: 'AAAA', signature: { content: 'AAAA' } } },
  ],
  [
    'whose envelope nobody signed',
    'request-shape',
    {
      dsseRequestV002: {
        envelope: { payload: 'AAAA', payloadType: 'x', signatures: [] },
        verifiers: [],
      },
    },
  ],
]

for (const [what, reason, body] of entries) {
  test(`logs no entry ${what}: ${reason}`, async () => {
    const before = (await authority.get('/api/v2/checkpoint')).bytes.toString()

    const answer = await authority.post('/api/v2/log/entries', body)

    expect({ status: answer.status, reason: answer.json['reason'] }).toEqual({
      status: 400,
      reason,
    })
    expect((await authority.get('/api/v2/checkpoint')).bytes.toString()).toBe(before)
  })
}

test('no token, nor a part of one that could be used, stands in a log line or an answer', async () => {
  const bad = await issuer.token({ aud: 'another' })
  const answer = await ask(bad)
  const all = [...authority.lines, answer.bytes.toString()].join('\n')

  expect(sent.length).toBeGreaterThan(0)
  expect(authority.lines.length).toBeGreaterThan(0)
  for (const token of sent) {
    const signatureOf = token.split('.')[2] ?? ''
    if (signatureOf.length > 16) expect(all).not.toContain(signatureOf)
    if (token.length > 40) expect(all).not.toContain(token.slice(0, 40))
  }
})
