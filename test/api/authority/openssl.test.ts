import { spawnSync } from 'node:child_process'
import { X509Certificate, generateKeyPairSync } from 'node:crypto'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

import { expect, test } from 'vitest'

import { rotateAuthority } from '../../../services/serve-authority.ts'
import {
  TestAuthority,
  TestIssuer,
  certificateRequest,
  chainOf,
  ecKeyPair,
  withPem,
} from '../../support/authority.ts'

function scratch(): Disposable & {
  file(name: string, content: string | Uint8Array): string
  readonly path: string
} {
  const path = mkdtempSync(join(tmpdir(), 'lacre-openssl-'))
  return {
    path,
    file(name, content) {
      const at = join(path, name)
      writeFileSync(at, content)
      return at
    },
    [Symbol.dispose]: () => rmSync(path, { recursive: true, force: true }),
  }
}

function openssl(...args: readonly string[]): { status: number | null; text: string } {
  const { status, stdout, stderr } = spawnSync('openssl', args, { encoding: 'utf8' })
  return { status, text: stdout + stderr }
}

const KEYS = {
  'P-256': ecKeyPair(),
  'P-384': ecKeyPair('P-384'),
  Ed25519: withPem(generateKeyPairSync('ed25519')),
  'RSA 2048': withPem(generateKeyPairSync('rsa', { modulusLength: 2048 })),
}

test('OpenSSL takes the chain for code signing, whatever key it is for, and for ten minutes', async () => {
  using dir = scratch()
  await using issuer = await TestIssuer.start()
  await using authority = await TestAuthority.start(issuer)
  const token = await issuer.token()

  for (const [name, pair] of Object.entries(KEYS)) {
    const request = certificateRequest(token, pair)
    const [leaf = '', ca = '', root = ''] = chainOf(
      await authority.post('/api/v2/signingCert', request),
    )
    const parsed = new X509Certificate(leaf)
    const minutes = (Date.parse(parsed.validTo) - Date.parse(parsed.validFrom)) / 60_000
    const files = [dir.file('root.pem', root), dir.file('ca.pem', ca), dir.file('leaf.pem', leaf)]
    const [rootFile = '', caFile = '', leafFile = ''] = files
    const anchors = ['-CAfile', rootFile, '-untrusted', caFile]
    const verified = openssl('verify', '-x509_strict', ...anchors, leafFile)
    const text = openssl('x509', '-in', leafFile, '-noout', '-text').text

    expect(verified, name).toEqual({ status: 0, text: `${leafFile}: OK\n` })
    expect(minutes).toBe(10)
    expect(text).toContain('Code Signing')
    expect(text).toMatch(/Subject Alternative Name: critical\s+email:ada@example.org/)
    expect(text).toMatch(/Key Usage: critical\s+Digital Signature\n/)
    expect(text).toMatch(/Signed Certificate Timestamp:[\s\S]*ecdsa-with-SHA256/)
    expect(text).not.toContain('CA:TRUE')
  }
})

test('OpenSSL takes the timestamp for its query, and for no other', async () => {
  using dir = scratch()
  await using issuer = await TestIssuer.start()
  await using authority = await TestAuthority.start(issuer)
  const data = dir.file('data', 'what is stamped')
  const chain = (await authority.get('/api/v1/timestamp/certchain')).bytes.toString()
  const [leaf = '', root = ''] = chain.split(/(?<=-----END CERTIFICATE-----\n)/)
  const rootFile = dir.file('root.pem', root)

  for (const extra of [['-sha256', '-cert'], ['-sha512'], ['-sha384', '-no_nonce', '-cert']]) {
    const queryFile = join(dir.path, 'q.tsq')
    openssl('ts', '-query', '-data', data, ...extra, '-out', queryFile)
    const answer = await authority.post(
      '/api/v1/timestamp',
      readFileSync(queryFile),
      'application/timestamp-query',
    )
    const reply = dir.file('r.tsr', answer.bytes)
    const untrusted = dir.file('tsa.pem', leaf)
    const common = ['ts', '-verify', '-in', reply, '-CAfile', rootFile, '-untrusted', untrusted]

    expect(answer.headers.get('content-type')).toBe('application/timestamp-reply')
    expect(openssl(...common, '-queryfile', queryFile).text).toContain('Verification: OK')
    expect(openssl(...common, '-data', dir.file('other', 'not stamped')).status).not.toBe(0)
    expect(openssl('ts', '-reply', '-in', reply, '-text').text).toMatch(/Accuracy: 0x01 seconds/)
  }
})

const imprint = (length: number): string => Buffer.alloc(length, 1).toString('base64')

test('says no to a timestamp query in a response with the bit of its cause, and to JSON with a status', async () => {
  using dir = scratch()
  await using issuer = await TestIssuer.start()
  await using authority = await TestAuthority.start(issuer)
  const data = dir.file('data', 'x')
  const query = async (...extra: string[]): Promise<string> => {
    const file = join(dir.path, 'q.tsq')
    openssl('ts', '-query', '-data', data, ...extra, '-out', file)
    const answer = await authority.post(
      '/api/v1/timestamp',
      readFileSync(file),
      'application/timestamp-query',
    )
    return openssl('ts', '-reply', '-in', dir.file('r.tsr', answer.bytes), '-text').text
  }
  const json = async (body: object): Promise<unknown> =>
    (await authority.post('/api/v1/timestamp', body)).json['reason']
  const sound = { hashAlgorithm: 'sha256', artifactHash: imprint(32) }

  const weak = await query('-sha1')
  const policy = await query('-sha256', '-tspolicy', '1.2.3.4')
  const garbage = await authority.post(
    '/api/v1/timestamp',
    Buffer.from('xx'),
    'application/timestamp-query',
  )
  const reasons = [
    await json({ ...sound, hashAlgorithm: 'sha1' }),
    await json({ ...sound, artifactHash: imprint(31) }),
    await json({ ...sound, tsaPolicyOID: '1.2.3' }),
    await json({ ...sound, nonce: -1 }),
    await json({ ...sound, nonce: 'x' }),
    await json({ ...sound, certificates: 'yes' }),
  ]

  expect(weak).toMatch(/Status: Rejected[\s\S]*unrecognized or unsupported algorithm/)
  expect(policy).toMatch(/Status: Rejected[\s\S]*policy is not supported/)
  expect(openssl('ts', '-reply', '-in', dir.file('g.tsr', garbage.bytes), '-text').text).toMatch(
    /the data submitted has the wrong format/,
  )
  expect(reasons).toEqual([
    'timestamp-algorithm', 'timestamp-request', 'timestamp-policy', 'timestamp-request', 'timestamp-request',
    'request-shape',
  ]) // prettier-ignore
})

test('echoes a nonce that no JSON number holds', async () => {
  using dir = scratch()
  await using issuer = await TestIssuer.start()
  await using authority = await TestAuthority.start(issuer)
  const nonce = '340282366920938463463374607431768211297'

  const body = `{"artifactHash":"${imprint(32)}","hashAlgorithm":"SHA256","nonce":${nonce},"certificates":true}`
  const answer = await authority.post('/api/v1/timestamp', body)

  const text = openssl('ts', '-reply', '-in', dir.file('r.tsr', answer.bytes), '-text').text
  expect(answer.status).toBe(201)
  expect(text.toUpperCase()).toContain(`NONCE: 0X${BigInt(nonce).toString(16).toUpperCase()}`)
})

test('after a rotation both certificates are in the trusted root, and new ones come from the new key', async () => {
  await using issuer = await TestIssuer.start()
  const parent = mkdtempSync(join(tmpdir(), 'lacre-authority-rotate-'))
  const data = join(parent, 'data')
  const issuedBy = async (): Promise<string> => {
    await using authority = await TestAuthority.start(issuer, { data })
    const request = certificateRequest(await issuer.token(), KEYS['P-256'])
    const [leaf = ''] = chainOf(await authority.post('/api/v2/signingCert', request))
    return new X509Certificate(leaf).issuer
  }
  try {
    const before = await issuedBy()
    const generation = await rotateAuthority({ data }, 'ca')
    const after = await issuedBy()
    await using authority = await TestAuthority.start(issuer, { data })
    const root = (await authority.trustedRoot()) as {
      certificateAuthorities: { validFor: { end?: string } }[]
    }
    rmSync(join(data, 'root.key'))

    expect(generation).toBe(2)
    expect(before).toMatch(/CN=intermediate 1$/)
    expect(after).toMatch(/CN=intermediate 2$/)
    expect(root.certificateAuthorities.map(({ validFor }) => validFor.end !== undefined)).toEqual([
      true,
      false,
    ])
    await expect(rotateAuthority({ data }, 'tsa')).rejects.toMatchObject({
      code: 'DATA_DIRECTORY_IN_USE',
    })
    await authority[Symbol.asyncDispose]()
    await expect(rotateAuthority({ data }, 'tsa')).rejects.toMatchObject({ code: 'CONFIGURATION' })
    expect(await rotateAuthority({ data }, 'ct')).toBe(2)
  } finally {
    rmSync(parent, { recursive: true, force: true })
  }
})
