import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import {
  createServer,
  type IncomingHttpHeaders,
  type Server,
  type ServerResponse as Response,
} from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

import { SignatureV4 } from '@smithy/signature-v4'
import { jwtVerify } from 'jose'

import { HeldKey, keyOf, toRaw, type HeldKind } from './held-key.ts'
import { Sha256 } from './signers.ts'

/**
 * Holders of keys as their vendors describe them, on loopback: each checks the whole request with somebody else's code
 * (smithy for SigV4, jose for Google's assertion), really signs with a key of its own, and can answer wrongly.
 */

export const FAULTS = [
  'wrong-signature',
  'other-key',
  'status-500',
  'hang',
  'huge',
  'redirect',
  'html',
  'cut',
  'array',
  'echo',
] as const
export type Fault = (typeof FAULTS)[number] | 'wrong-crc32c' | 'unverified' | 'other-version'
export type Holder = 'aws' | 'gcp' | 'azure' | 'vault'

interface Asked {
  readonly method: string
  readonly path: string
  readonly query: string
  readonly headers: IncomingHttpHeaders
  readonly body: Buffer
}
type Answer = readonly [status: number, body: unknown]

export interface Double extends AsyncDisposable {
  readonly key: HeldKey
  readonly reference: string
  readonly environment: Readonly<Record<string, string>>
  /** What must stand in no message. */
  readonly secrets: readonly string[]
  /** Paths that were asked for, also after a redirect. */
  readonly asked: string[]
  /** Applied to what signs; `everywhere` also to tokens and public keys. */
  fault: Fault | undefined
  everywhere: boolean
}

interface State {
  readonly key: HeldKey
  readonly other: () => HeldKey
  url: string
  fault: Fault | undefined
  everywhere: boolean
  readonly pss: boolean
}

interface Kind {
  readonly secrets: readonly string[]
  readonly answer: (asked: Asked, state: State) => Answer | Promise<Answer>
  readonly signs: (asked: Asked) => boolean
  readonly environment: (url: string) => Record<string, string>
  readonly reference: string
}

export async function startDouble(
  holder: Holder,
  key: HeldKind,
  options: { readonly pss?: boolean } = {},
): Promise<Double> {
  const scratch = mkdtempSync(join(tmpdir(), 'lacre-kms-'))
  const kind = KINDS[holder](scratch)
  let other: HeldKey | undefined
  const state: State = {
    key: new HeldKey(key),
    other: () => (other ??= new HeldKey(key, 'other')),
    url: '',
    fault: undefined,
    everywhere: false,
    pss: options.pss ?? false,
  }
  const asked: string[] = []
  const server = createServer((request, response) => {
    void (async () => {
      const chunks: Buffer[] = []
      for await (const chunk of request) chunks.push(chunk as Buffer)
      const url = new URL(request.url ?? '/', 'http://double')
      asked.push(url.pathname)
      const ask: Asked = {
        method: request.method ?? '',
        path: url.pathname,
        query: url.search,
        headers: request.headers,
        body: Buffer.concat(chunks),
      }
      const faulty = state.everywhere || kind.signs(ask)
      const misbehave = faulty && state.fault !== undefined ? MISBEHAVIOUR[state.fault] : undefined
      if (misbehave !== undefined) {
        misbehave(response, ask)
        return
      }
      const [status, body] = await kind.answer(ask, state)
      response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body))
    })().catch((error: unknown) => {
      response.writeHead(500).end(String(error))
    })
  })
  state.url = await listen(server)
  return {
    key: state.key,
    reference: kind.reference,
    environment: kind.environment(state.url),
    secrets: kind.secrets,
    asked,
    get fault() {
      return state.fault
    },
    set fault(fault) {
      state.fault = fault
    },
    get everywhere() {
      return state.everywhere
    },
    set everywhere(everywhere) {
      state.everywhere = everywhere
    },
    async [Symbol.asyncDispose]() {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
      state.key[Symbol.dispose]()
      other?.[Symbol.dispose]()
      rmSync(scratch, { recursive: true, force: true })
    },
  }
}

async function listen(server: Server): Promise<string> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}

/** What goes wrong below the meaning of an answer. */
const MISBEHAVIOUR: Partial<Record<Fault, (response: Response, asked: Asked) => void>> = {
  'status-500': (response) =>
    response.writeHead(500).end('{"__type":"KMSInternalException","error":{"code":"Internal"}}'),
  hang: () => undefined,
  huge: (response) => {
    response.writeHead(200, { 'content-type': 'application/json' })
    for (let sent = 0; sent < 64; sent += 1) response.write(' '.repeat(65_536))
    response.end('{}')
  },
  redirect: (response) => response.writeHead(307, { location: '/elsewhere' }).end(),
  html: (response) =>
    response.writeHead(200, { 'content-type': 'text/html' }).end('<html>log in</html>'),
  cut: (response) => {
    response.writeHead(200, { 'content-length': '1000' })
    response.write('{"Signature":"', () => response.destroy())
  },
  array: (response) => response.writeHead(200).end('[]'),
  // A proxy that repeats what it was sent, in every place where an error is looked for.
  echo: (response, { headers, body }) => {
    const all = `${JSON.stringify(headers)}${body.toString()}`
    const token = String(headers.authorization ?? headers['x-vault-token'])
    const error = { status: token, code: all }
    response
      .writeHead(403, token.slice(0, 60))
      .end(JSON.stringify({ __type: token, error, errors: [all], message: all }))
  },
}

/** The signature over a digest that the state's fault allows. */
function signed(state: State, digest: Buffer): Buffer {
  const { key, other, fault, pss } = state
  const signer = fault === 'other-key' ? other() : key
  const bytes = fault === 'wrong-signature' ? Buffer.from(digest).reverse() : digest
  return signer.kind === 'ed25519'
    ? signer.signMessage(bytes)
    : signer.signDigest(bytes, pss ? 'pss' : 'pkcs1')
}

/** Under a key that never leaves the double; one bit of the secret changes where the fault says so. */
function box({ fault }: State, secret: Buffer): Buffer {
  const cipher = createCipheriv('aes-256-gcm', WRAPPING_KEY, Buffer.alloc(12))
  const given = Buffer.from(secret)
  if (fault === 'other-key') given[0] = (given[0] ?? 0) ^ 1
  return Buffer.concat([cipher.update(given), cipher.final(), cipher.getAuthTag()])
}

function unbox(wrapped: Buffer): Buffer {
  const decipher = createDecipheriv('aes-256-gcm', WRAPPING_KEY, Buffer.alloc(12))
  decipher.setAuthTag(wrapped.subarray(-16))
  return Buffer.concat([decipher.update(wrapped.subarray(0, -16)), decipher.final()])
}

const WRAPPING_KEY = randomBytes(32)

function gcpWrapped(asked: Asked, state: State, encrypts: boolean): Answer {
  const body = json(asked.body)
  const aad = fromBase64(body['additionalAuthenticatedData']).toString()
  need(aad === 'lacre-master-key', 'additionalAuthenticatedData')
  const [from, to] = encrypts ? ['plaintext', 'ciphertext'] : ['ciphertext', 'plaintext']
  const given = fromBase64(body[from ?? ''])
  need(body[`${from}Crc32c`] === castagnoli(given), 'crc32c')
  const made = encrypts ? box(state, given) : unbox(given)
  return [
    200,
    {
      [to ?? '']: made.toString('base64'),
      [`${to}Crc32c`]: castagnoli(state.fault === 'wrong-crc32c' ? made.subarray(1) : made),
      ...(encrypts && { verifiedPlaintextCrc32c: state.fault !== 'unverified' }),
    },
  ]
}

function need(condition: boolean, what: string): void {
  if (!condition) throw new Error(`the request is wrong: ${what}`)
}

const json = (body: Buffer): Record<string, unknown> =>
  JSON.parse(body.toString('utf8')) as Record<string, unknown>
const fromBase64 = (value: unknown): Buffer => Buffer.from(String(value), 'base64')

function aws(): Kind {
  const accessKeyId = 'AKIADOUBLEDOUBLE0001'
  const secretAccessKey = 'wJalrXUtnFEMI/K7MDENG/bPxRfiCYDOUBLEKEY'
  const sessionToken = 'FwoGZXIvYXdzEDoubleSessionToken//0123456789=='
  const arn = 'arn:aws:kms:eu-west-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab'
  const credentials = { accessKeyId, secretAccessKey, sessionToken }
  const checkSignature = async ({ headers, body }: Asked): Promise<void> => {
    const date = String(headers['x-amz-date'])
    const iso = date.replace(/^(....)(..)(..)T(..)(..)(..)Z$/, '$1-$2-$3T$4:$5:$6Z')
    need(Math.abs(Date.parse(iso) - Date.now()) < 300_000, 'x-amz-date')
    const oracle = new SignatureV4({
      credentials,
      region: 'eu-west-1',
      service: 'kms',
      sha256: Sha256,
      applyChecksum: false,
    })
    const kept = ['host', 'content-type', 'x-amz-target'].map((name) => [name, headers[name]])
    const again = await oracle.sign(
      {
        method: 'POST',
        protocol: 'http:',
        hostname: '127.0.0.1',
        path: '/',
        headers: Object.fromEntries(kept) as Record<string, string>,
        body,
      },
      { signingDate: new Date(iso) },
    )
    need(again.headers['authorization'] === headers.authorization, 'SigV4')
    need(headers['x-amz-security-token'] === sessionToken, 'session token')
  }
  return {
    secrets: [secretAccessKey, sessionToken, 'AWS4-HMAC-SHA256'],
    reference: 'awskms:///alias/release',
    environment: (url) => ({
      AWS_ACCESS_KEY_ID: accessKeyId,
      AWS_SECRET_ACCESS_KEY: secretAccessKey,
      AWS_SESSION_TOKEN: sessionToken,
      AWS_REGION: 'eu-west-1',
      AWS_ENDPOINT_URL: 'http://127.0.0.1:1',
      AWS_ENDPOINT_URL_KMS: url,
    }),
    signs: ({ headers }) => headers['x-amz-target'] === 'TrentService.Sign',
    answer: async (asked, state) => {
      need(asked.method === 'POST' && asked.path === '/', 'method and path')
      need(asked.headers['content-type'] === 'application/x-amz-json-1.1', 'content-type')
      await checkSignature(asked)
      const body = json(asked.body)
      const algorithm = {
        p256: 'ECDSA_SHA_256',
        p384: 'ECDSA_SHA_384',
        rsa3072: state.pss ? 'RSASSA_PSS_SHA_256' : 'RSASSA_PKCS1_V1_5_SHA_256',
        rsa1024: 'RSASSA_PKCS1_V1_5_SHA_256',
        ed25519: 'ED25519_SHA_512',
      }[state.key.kind]
      if (asked.headers['x-amz-target'] === 'TrentService.GetPublicKey') {
        if (body['KeyId'] !== 'alias/release') return [400, { __type: 'NotFoundException' }]
        return [
          200,
          {
            KeyId: arn,
            PublicKey: state.key.spki.toString('base64'),
            KeyUsage: 'SIGN_VERIFY',
            SigningAlgorithms: [algorithm],
          },
        ]
      }
      const wrapped = asked.headers['x-amz-target'] === 'TrentService.Encrypt'
      if (wrapped || asked.headers['x-amz-target'] === 'TrentService.Decrypt') {
        need(body['KeyId'] === 'alias/release', 'KeyId')
        const bound = JSON.stringify(body['EncryptionContext'])
        need(bound === '{"purpose":"lacre-master-key"}', 'EncryptionContext')
        const given = fromBase64(body[wrapped ? 'Plaintext' : 'CiphertextBlob'])
        const made = (wrapped ? box(state, given) : unbox(given)).toString('base64')
        return [200, { KeyId: arn, [wrapped ? 'CiphertextBlob' : 'Plaintext']: made }]
      }
      need(body['KeyId'] === arn, 'the key that was looked up')
      need(body['SigningAlgorithm'] === algorithm, 'SigningAlgorithm')
      need(body['MessageType'] === (state.key.kind === 'ed25519' ? 'RAW' : 'DIGEST'), 'MessageType')
      const signature = signed(state, fromBase64(body['Message']))
      return [
        200,
        { KeyId: arn, Signature: signature.toString('base64'), SigningAlgorithm: algorithm },
      ]
    },
  }
}

/** CRC-32C once more, bit by bit. */
function castagnoli(bytes: Buffer): string {
  let crc = 0xffffffff
  for (const octet of bytes) {
    crc ^= octet
    for (let bit = 0; bit < 8; bit += 1) crc = crc & 1 ? (crc >>> 1) ^ 0x82f63b78 : crc >>> 1
  }
  return String((crc ^ 0xffffffff) >>> 0)
}

function gcp(scratch: string): Kind {
  const account = keyOf('rsa2048', 'account')
  const accessToken = 'ya29.double-access-token_0123456789'
  const privatePem = account.privateKey.export({ format: 'pem', type: 'pkcs8' }).toString()
  const email = 'signer@double.iam.gserviceaccount.com'
  const version = 'projects/p1/locations/global/keyRings/r1/cryptoKeys/release/cryptoKeyVersions/3'
  const grant = async ({ headers, body }: Asked, url: string): Promise<Answer> => {
    need(headers['content-type'] === 'application/x-www-form-urlencoded', 'content-type')
    const form = new URLSearchParams(body.toString('utf8'))
    need(form.get('grant_type') === 'urn:ietf:params:oauth:grant-type:jwt-bearer', 'grant_type')
    const { payload, protectedHeader } = await jwtVerify(
      form.get('assertion') ?? '',
      account.publicKey,
      { algorithms: ['RS256'], issuer: email, audience: `${url}/token`, maxTokenAge: 60 },
    )
    need(protectedHeader.kid === 'account-key-1', 'kid')
    need(payload['scope'] === 'https://www.googleapis.com/auth/cloudkms', 'scope')
    need((payload.exp ?? 0) - (payload.iat ?? 0) <= 3_600, 'exp')
    return [200, { access_token: accessToken, token_type: 'Bearer', expires_in: 3_599 }]
  }
  return {
    secrets: [accessToken, privatePem.split('\n')[3] ?? 'none', 'Bearer', 'assertion'],
    reference: `gcpkms://${version}`,
    environment: (url) => {
      const path = join(scratch, 'account.json')
      const file = {
        type: 'service_account',
        client_email: email,
        private_key_id: 'account-key-1',
        private_key: privatePem,
        token_uri: `${url}/token`,
      }
      writeFileSync(path, JSON.stringify(file), { mode: 0o600 })
      return {
        GOOGLE_APPLICATION_CREDENTIALS: path,
        CLOUDSDK_API_ENDPOINT_OVERRIDES_CLOUDKMS: url,
      }
    },
    signs: ({ path }) => path.endsWith(':asymmetricSign'),
    answer: async (asked, state) => {
      if (asked.path === '/token') return await grant(asked, state.url)
      if (asked.headers.authorization !== `Bearer ${accessToken}`)
        return [401, { error: { code: 401, status: 'UNAUTHENTICATED' } }]
      const algorithm = {
        p256: 'EC_SIGN_P256_SHA256',
        p384: 'EC_SIGN_P384_SHA384',
        rsa3072: state.pss ? 'RSA_SIGN_PSS_3072_SHA256' : 'RSA_SIGN_PKCS1_3072_SHA256',
        rsa1024: 'RSA_SIGN_PKCS1_2048_SHA256',
        ed25519: 'EC_SIGN_ED25519',
      }[state.key.kind]
      const { pem } = state.key
      if (asked.path === `/v1/${version}/publicKey`)
        return [200, { pem, algorithm, pemCrc32c: castagnoli(Buffer.from(pem)), name: version }]
      const wrapping = /^(.*\/cryptoKeys\/release):(encrypt|decrypt)$/.exec(asked.path)
      if (wrapping !== null) return gcpWrapped(asked, state, wrapping[2] === 'encrypt')
      if (asked.path !== `/v1/${version}:asymmetricSign`)
        return [404, { error: { code: 404, status: 'NOT_FOUND' } }]
      const body = json(asked.body)
      const raw = state.key.kind === 'ed25519'
      const digest = (body['digest'] ?? {}) as Record<string, unknown>
      const given = fromBase64(raw ? body['data'] : digest[state.key.hash])
      need(given.byteLength > 0, 'digest')
      need(body[raw ? 'dataCrc32c' : 'digestCrc32c'] === castagnoli(given), 'crc32c')
      const signature = signed(state, given)
      const { fault } = state
      const crc = castagnoli(fault === 'wrong-crc32c' ? signature.subarray(1) : signature)
      return [
        200,
        {
          signature: signature.toString('base64'),
          signatureCrc32c: crc,
          [raw ? 'verifiedDataCrc32c' : 'verifiedDigestCrc32c']: fault !== 'unverified',
          name: fault === 'other-version' ? version.replace(/3$/, '2') : version,
        },
      ]
    },
  }
}

function azure(): Kind {
  const clientSecret = 'double~Client.Secret-0123456789'
  const accessToken = 'eyJ0eXAi.double-azure-token.0123456789'
  const version = '0123456789abcdef0123456789abcdef'
  const grant = (asked: Asked): Answer => {
    const form = new URLSearchParams(asked.body.toString('utf8'))
    need(asked.path === '/tenant-1/oauth2/v2.0/token', 'tenant')
    need(form.get('grant_type') === 'client_credentials', 'grant_type')
    need(form.get('client_id') === 'client-1', 'client_id')
    need(form.get('scope') === 'https://vault.azure.net/.default', 'scope')
    if (form.get('client_secret') !== clientSecret) return [401, { error: 'invalid_client' }]
    return [200, { token_type: 'Bearer', access_token: accessToken, expires_in: 3_599 }]
  }
  return {
    secrets: [clientSecret, accessToken, 'Bearer'],
    reference: 'azurekms://double.vault.azure.net/release',
    environment: (url) => ({
      AZURE_TENANT_ID: 'tenant-1',
      AZURE_CLIENT_ID: 'client-1',
      AZURE_CLIENT_SECRET: clientSecret,
      AZURE_AUTHORITY_HOST: url,
      AZURE_KEYVAULT_URL: url,
    }),
    signs: ({ path }) => path.endsWith('/sign'),
    answer: (asked, state) => {
      if (asked.path.endsWith('/token')) return grant(asked)
      if (asked.headers.authorization !== `Bearer ${accessToken}`)
        return [401, { error: { code: 'Unauthorized' } }]
      need(asked.query === '?api-version=7.4', 'api-version')
      const wrong = state.fault === 'other-version' && asked.path.endsWith('/sign')
      const named = wrong ? version.replace(/^0/, 'f') : version
      const kid = `https://double.vault.azure.net/keys/release/${named}`
      if (asked.method === 'GET' && asked.path === '/keys/release') {
        const jwk = state.key.publicKey.export({ format: 'jwk' })
        return [200, { key: { ...jwk, kty: `${jwk.kty}-HSM`, kid, key_ops: ['sign', 'verify'] } }]
      }
      const wraps = /^\/keys\/release(?:\/[0-9a-f]{32})?\/(wrap|unwrap)key$/.exec(asked.path)
      if (wraps !== null) {
        const body = json(asked.body)
        need(body['alg'] === 'RSA-OAEP-256', 'alg')
        const given = Buffer.from(String(body['value']), 'base64url')
        const made = wraps[1] === 'wrap' ? box(state, given) : unbox(given)
        return [200, { kid, value: made.toString('base64url') }]
      }
      if (asked.path !== `/keys/release/${version}/sign`)
        return [404, { error: { code: 'KeyNotFound' } }]
      const body = json(asked.body)
      const expected = { p256: 'ES256', p384: 'ES384', rsa3072: 'RS256' } as Record<string, string>
      need(body['alg'] === expected[state.key.kind], 'alg')
      const signature = signed(state, Buffer.from(String(body['value']), 'base64url'))
      const size = { p256: 32, p384: 48 }[state.key.kind as 'p256' | 'p384'] as number | undefined
      const value = size === undefined ? signature : toRaw(signature, size)
      return [200, { kid, value: value.toString('base64url') }]
    },
  }
}

function vault(): Kind {
  const token = 'hvs.double-vault-token-0123456789'
  const types = {
    p256: 'ecdsa-p256',
    p384: 'ecdsa-p384',
    rsa3072: 'rsa-3072',
    rsa1024: 'rsa-1024',
    ed25519: 'ed25519',
  }
  return {
    secrets: [token],
    reference: 'hashivault://release',
    environment: (url) => ({
      VAULT_ADDR: url,
      VAULT_TOKEN: token,
      VAULT_NAMESPACE: 'team/a',
      TRANSIT_SECRET_ENGINE_PATH: 'kms/transit',
    }),
    signs: ({ path }) => path.includes('/sign/'),
    answer: (asked, state) => {
      const { kind } = state.key
      if (asked.headers['x-vault-token'] !== token) return [403, { errors: ['permission denied'] }]
      need(asked.headers['x-vault-namespace'] === 'team/a', 'namespace')
      if (asked.method === 'GET' && asked.path === '/v1/kms/transit/keys/release') {
        const raw = state.key.spki.subarray(-32).toString('base64')
        const entry = { public_key: kind === 'ed25519' ? raw : state.key.pem }
        const keys = { '1': { public_key: 'an older one' }, '2': entry }
        return [
          200,
          { data: { type: types[kind], latest_version: 2, supports_signing: true, keys } },
        ]
      }
      const asking = asked.method === 'POST' ? json(asked.body) : {}
      if (asked.path === '/v1/kms/transit/encrypt/release')
        return [
          200,
          {
            data: {
              ciphertext: `vault:v2:${box(state, fromBase64(asking['plaintext'])).toString('base64')}`,
            },
          },
        ]
      if (asked.path === '/v1/kms/transit/decrypt/release') {
        const [, text = ''] = /^vault:v2:(.*)$/.exec(String(asking['ciphertext'])) ?? []
        return [200, { data: { plaintext: unbox(fromBase64(text)).toString('base64') } }]
      }
      const ed25519 = kind === 'ed25519'
      // Vault: every key but Ed25519 signs with whatever digest the path names, whose octets it is given
      const digestBits = fromBase64(asking['input']).byteLength * 8
      const path = `/v1/kms/transit/sign/release${ed25519 ? '' : `/sha2-${digestBits}`}`
      if (asked.path !== path) return [404, { errors: [] }]
      const body = asking
      need(body['key_version'] === 2, 'key_version')
      need(ed25519 || body['prehashed'] === true, 'prehashed')
      if (kind.startsWith('p')) need(body['marshaling_algorithm'] === 'asn1', 'marshaling')
      if (kind.startsWith('rsa')) need(body['signature_algorithm'] === 'pkcs1v15', 'padding')
      const signature = signed(state, fromBase64(body['input'])).toString('base64')
      const by = state.fault === 'other-version' ? 1 : 2
      return [200, { data: { signature: `vault:v${by}:${signature}`, key_version: by } }]
    },
  }
}

const KINDS: Readonly<Record<Holder, (scratch: string) => Kind>> = { aws, gcp, azure, vault }
