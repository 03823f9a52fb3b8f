import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

import { afterEach, beforeEach, describe, expect, test } from 'vitest'

import { issue, keyPair, root } from '../support/pki.ts'
import {
  jwt,
  startSigstore,
  type Reply,
  type SeenRequest,
  type SigstoreServices,
} from '../support/sigstore-services.ts'
import { zipOf } from '../support/zip-builder.ts'
import { run, type Ran } from '../unit/cli/captured.ts'

const table = [{ name: 'sign', summary: '', load: () => import('../../cli/commands/sign.ts') }]
const SUBJECT = 'https://ci.test/org/repo/workflow@main'
/** Stands in the token's payload, so that a copy of any part of the token would show. */
const MARKER = 'm4rker-that-nobody-else-would-write'
const FULCIO = '/api/v2/signingCert'
const LOG_V1 = '/api/v1/log/entries'
const LOG_V2 = '/api/v2/log/entries'

let dir = ''
let sigstore: SigstoreServices
let before = Buffer.alloc(0)
const at = (name: string): string => join(dir, name)

beforeEach(async () => {
  dir = mkdtempSync(join(tmpdir(), 'lacre-keyless-no-'))
  writeFileSync(at('f.zip'), zipOf({ 'index.js': 'exports.handler = () => 1\n' }))
  before = readFileSync(at('f.zip'))
  sigstore = await startSigstore()
})
afterEach(async () => {
  await sigstore[Symbol.asyncDispose]()
  rmSync(dir, { recursive: true, force: true })
})

const TOKEN = jwt({ sub: SUBJECT, marker: MARKER })

async function sign(args: readonly string[] = [], token = TOKEN): Promise<Ran> {
  const urls = ['--fulcio-url', sigstore.url, '--rekor-url', sigstore.url]
  return await run(['sign', at('f.zip'), ...urls, ...args], {
    table,
    environment: { SIGSTORE_ID_TOKEN: token },
  })
}

/** Not the token, not a part of it, in whatever encoding a server may have sent it back. */
function expectNoToken({ out, err }: Ran, token = TOKEN): void {
  for (const text of [out, err]) {
    expect(text).not.toContain(MARKER)
    for (const part of token.split('.')) expect(text).not.toContain(part.slice(0, 24))
    expect(text).not.toContain(Buffer.from(token).toString('base64').slice(0, 24))
  }
}

const refuse =
  (status: number, body: string, headers = {}) =>
  (): Reply => ({
    status,
    body,
    headers,
  })
const chainOf = (pem: string): Reply => ({
  status: 201,
  body: JSON.stringify({ signedCertificateEmbeddedSct: { chain: { certificates: [pem] } } }),
})
const echo = (_genuine: unknown, seen: SeenRequest): Reply => ({
  status: 400,
  body: JSON.stringify({
    code: 3,
    message: `bad token ${seen.body} ${Buffer.from(seen.body).toString('base64')} ${encodeURIComponent(seen.body)}`,
  }),
})
const nothing = (): Promise<undefined> => Promise.resolve(undefined)

describe.each([FULCIO, LOG_V1])('a service at %s', (path) => {
  test.each<
    [string, (genuine: () => Promise<Reply | undefined>, seen: SeenRequest) => Reply, string]
  >([
    ['fails', refuse(500, '{"message":"database is away"}'), 'answers 500: database is away'],
    ['fails in HTML', refuse(502, '<html>Bad Gateway</html>'), 'answers 502'],
    ['redirects', refuse(307, '', { location: 'http://127.0.0.1:9/x' }), 'redirect'],
    ['answers HTML', refuse(201, '<html>hello</html>'), 'not a JSON object'],
    ['answers nothing', refuse(201, ''), 'not a JSON object'],
    ['answers a list', refuse(201, '[]'), 'not a JSON object'],
    ['answers a number', refuse(201, '7'), 'not a JSON object'],
    ['answers an empty object', refuse(201, '{}'), 'the'],
    ['answers names twice', refuse(201, '{"a":1,"a":2}'), 'not a JSON object'],
    ['answers without end', refuse(201, `"${'x'.repeat(3_000_000)}"`), 'larger than'],
    [
      'answers a depth',
      refuse(201, `${'['.repeat(9_000)}${']'.repeat(9_000)}`),
      'not a JSON object',
    ],
    ['sends back all it got', echo, 'answers 400'],
  ])('%s: nothing is sealed, and nothing of the token is told', async (_title, answer, said) => {
    sigstore.bend(path, answer)

    const ran = await sign()

    expect(ran.code).toBe(3)
    expect(ran.err).toContain(said)
    expect(readFileSync(at('f.zip'))).toEqual(before)
    expectNoToken(ran)
  })
})

test('a service that is not there: nothing of the token is told', async () => {
  await sigstore[Symbol.asyncDispose]()

  const ran = await sign()

  expect(ran.code).toBe(3)
  expect(ran.err).toContain('cannot be reached (ECONNREFUSED)')
  expectNoToken(ran)
})

test('tells nothing of the token with --json either', async () => {
  sigstore.bend(FULCIO, echo)

  const ran = await sign(['--json'])

  expect(JSON.parse(ran.err.split('\n').at(-2) ?? '')).toHaveProperty('error.code', 'SIGNER_FAILED')
  expectNoToken(ran)
})

test('a log gets nothing of the token to see', async () => {
  const ran = await sign()

  expect(ran.code).toBe(0)
  const seen = sigstore.requests.filter(({ path }) => path !== FULCIO)
  expect(seen).toHaveLength(1)
  expect(JSON.stringify(seen)).not.toContain(MARKER)
  expect(JSON.stringify(seen)).not.toContain(TOKEN.split('.')[1])
  expect(readFileSync(at('f.zip')).includes(TOKEN.split('.')[1] ?? '')).toBe(false)
})

describe('a certificate', () => {
  const now = { fromMs: Date.now() - 60_000, untilMs: Date.now() + 600_000 }
  const uri = [{ tag: 0x86, value: SUBJECT }]
  const ours = (seen: SeenRequest) => {
    const { publicKeyRequest } = JSON.parse(seen.body) as {
      publicKeyRequest: { publicKey: { content: string } }
    }
    return Buffer.from(
      publicKeyRequest.publicKey.content.replaceAll(/-----.*-----|\s/g, ''),
      'base64',
    )
  }
  const ca = () => root(now)

  test('of a spec that we bend below is accepted as it is', async () => {
    sigstore.bend(FULCIO, (_genuine, seen) =>
      chainOf(issue({ ...now, issuer: ca(), altNames: uri, spki: ours(seen) }).pem),
    )

    expect((await sign()).code).toBe(0)
  })

  test.each<[string, (seen: SeenRequest) => Parameters<typeof issue>[0], string]>([
    ['for another key', () => ({ altNames: uri, key: keyPair() }), 'certificate-key'],
    [
      'for somebody else',
      (seen) => ({ spki: ours(seen), altNames: [{ tag: 0x86, value: `${SUBJECT}x` }] }),
      'certificate-identity',
    ],
    [
      'for the same text as an address',
      (seen) => ({ spki: ours(seen), altNames: [{ tag: 0x81, value: SUBJECT }] }),
      'certificate-identity',
    ],
    [
      'for us and somebody else',
      (seen) => ({ spki: ours(seen), altNames: [...uri, { tag: 0x81, value: 'ceo@corp.test' }] }),
      'certificate-identity',
    ],
    ['for nobody', (seen) => ({ spki: ours(seen) }), 'certificate-identity'],
    [
      'that has expired',
      (seen) => ({ spki: ours(seen), altNames: uri, untilMs: Date.now() - 5_000 }),
      'certificate-expired',
    ],
    [
      'that is not yet valid',
      (seen) => ({ spki: ours(seen), altNames: uri, fromMs: Date.now() + 120_000 }),
      'certificate-expired',
    ],
    [
      'for TLS servers',
      (seen) => ({ spki: ours(seen), altNames: uri, usages: ['1.3.6.1.5.5.7.3.1'] }),
      'certificate-usage',
    ],
    [
      'for no use',
      (seen) => ({ spki: ours(seen), altNames: uri, usages: [] }),
      'certificate-usage',
    ],
    [
      'of an authority',
      (seen) => ({ spki: ours(seen), altNames: uri, ca: true }),
      'certificate-usage',
    ],
    [
      'by another issuer',
      (seen) => ({
        spki: ours(seen),
        altNames: uri,
        extensions: [
          {
            oid: '1.3.6.1.4.1.57264.1.8',
            value: Buffer.from('\u000c\u000chttps://evil', 'latin1'),
          },
        ],
      }),
      'certificate-issuer',
    ],
  ])('%s is not signed with', async (_title, spec, reason) => {
    sigstore.bend(FULCIO, (_genuine, seen) =>
      chainOf(issue({ ...now, issuer: ca(), ...spec(seen) }).pem),
    )

    const ran = await sign()

    expect(ran.err).toContain(`(${reason})`)
    expect(ran.code).toBe(3)
    expect(sigstore.requests.map(({ path }) => path)).toEqual([FULCIO])
    expect(readFileSync(at('f.zip'))).toEqual(before)
    expectNoToken(ran)
  })

  test.each([
    ['that is none', 'hello'],
    ['of two blocks', issue().pem + issue().pem],
    ['that is a key', '-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n'],
    ['that is cut off', issue().pem.slice(0, 200)],
  ])('%s is refused', async (_title, pem) => {
    sigstore.bend(FULCIO, () => chainOf(pem))

    const ran = await sign()

    expect(ran.err).toContain('(certificate-malformed)')
    expect(ran.code).toBe(3)
  })
})

describe('a log entry', () => {
  type Entry = {
    body: string
    integratedTime: unknown
    logIndex: unknown
    logID: string
    verification: { inclusionProof: Record<string, unknown>; signedEntryTimestamp: string }
  }
  type Edit = (entry: Entry) => void

  const bendV1 = (edit: Edit): void =>
    sigstore.bend(LOG_V1, async (genuine) => {
      const reply = (await genuine()) ?? { status: 500, body: '{}' }
      const entries = JSON.parse(reply.body) as Record<string, Entry>
      for (const entry of Object.values(entries)) edit(entry)
      return { ...reply, body: JSON.stringify(entries) }
    })

  test('for an earlier seal of ours is refused', async () => {
    let first: Reply | undefined
    sigstore.bend(LOG_V1, async (genuine) => {
      first ??= await genuine()
      return first
    })
    await sign(['--rekor-entry-type', 'intoto', '--detached', at('first.json')])

    const second = await sign(['--rekor-entry-type', 'intoto'])

    expect(second.err).toContain('(log-entry-other)')
    expect(second.code).toBe(3)
    expect(readFileSync(at('f.zip'))).toEqual(before)
  })

  const spec = (entry: Entry): Record<string, never> & { content: never } =>
    (JSON.parse(Buffer.from(entry.body, 'base64').toString()) as { spec: never }).spec
  const withSpec = (entry: Entry, edit: (content: IntotoContent) => void): void => {
    const { content } = spec(entry) as unknown as { content: IntotoContent }
    edit(content)
    const body = { apiVersion: '0.0.2', kind: 'intoto', spec: { content } }
    entry.body = Buffer.from(JSON.stringify(body)).toString('base64')
  }
  interface IntotoContent {
    envelope: { signatures: { sig: string; publicKey: string }[] }
    payloadHash: { value: string }
  }

  test.each<[string, Edit, string]>([
    [
      'with another digest',
      (entry) => withSpec(entry, (content) => (content.payloadHash.value = 'ab'.repeat(32))),
      'log-entry-other',
    ],
    [
      'with another signature',
      (entry) => withSpec(entry, (content) => (content.envelope.signatures[0]!.sig = 'WVdGaA==')),
      'log-entry-other',
    ],
    [
      'with another certificate',
      (entry) =>
        withSpec(entry, (content) => {
          content.envelope.signatures[0]!.publicKey = Buffer.from(issue().pem).toString('base64')
        }),
      'log-entry-other',
    ],
    [
      'with a second signature',
      (entry) =>
        withSpec(entry, (content) =>
          content.envelope.signatures.push(content.envelope.signatures[0]!),
        ),
      'log-entry-other',
    ],
    [
      'of a kind that was not sent',
      (entry) => {
        entry.body = Buffer.from('{"apiVersion":"0.0.1","kind":"helm","spec":{}}').toString(
          'base64',
        )
      },
      'log-entry-other',
    ],
    ['whose body is no JSON', (entry) => (entry.body = 'aGVsbG8='), 'log-entry-malformed'],
    ['whose body is no base64', (entry) => (entry.body = '@@@'), 'log-entry-malformed'],
    [
      'without a proof',
      (entry) => delete (entry.verification as Partial<Entry['verification']>).inclusionProof,
      'log-entry-malformed',
    ],
    ['with a negative index', (entry) => (entry.logIndex = -1), 'log-entry-malformed'],
    ['with a time as text', (entry) => (entry.integratedTime = '1'), 'log-entry-malformed'],
    ['with a log id that is none', (entry) => (entry.logID = 'xyz'), 'log-entry-malformed'],
    [
      'whose proof leads elsewhere',
      (entry) => (entry.verification.inclusionProof['hashes'] = ['ab'.repeat(32)]),
      'log-proof-does-not-hold',
    ],
    [
      'whose checkpoint is of another tree',
      (entry) => (entry.verification.inclusionProof['checkpoint'] = 'rekor.test\n1\nAAAA\n'),
      'log-proof-does-not-hold',
    ],
    [
      'whose root is another',
      (entry) => (entry.verification.inclusionProof['rootHash'] = 'ab'.repeat(32)),
      'log-proof-does-not-hold',
    ],
    [
      'beyond the tree',
      (entry) => (entry.verification.inclusionProof['logIndex'] = 1),
      'log-proof-does-not-hold',
    ],
  ])('%s is refused', async (_title, edit, reason) => {
    bendV1(edit)

    const ran = await sign(['--rekor-entry-type', 'intoto'])

    expect(ran.err).toContain(`(${reason})`)
    expect(ran.code).toBe(3)
    expect(readFileSync(at('f.zip'))).toEqual(before)
  })

  test.each(['dsse', 'hashedrekord'])(
    'of Rekor v2 (%s) for an earlier seal is refused',
    async (type) => {
      let first: Reply | undefined
      sigstore.bend(LOG_V2, async (genuine) => {
        first ??= await genuine()
        return first
      })
      const args = ['--rekor-api-version', '2', '--rekor-entry-type', type]
      const own = await sign([...args, '--detached', at('first.json')])

      const second = await sign(args)

      expect(own.code).toBe(0)
      expect(second.err).toContain('(log-entry-other)')
      expect(second.code).toBe(3)
    },
  )
})

describe('a token', () => {
  const seconds = Math.floor(Date.now() / 1_000)

  test.each([
    ['that has expired', jwt({ sub: SUBJECT, marker: MARKER, exp: seconds - 1 }), 'token-expired'],
    ['without an end', jwt({ sub: SUBJECT, marker: MARKER, exp: undefined }), 'token-expired'],
    ['for somebody else', jwt({ sub: SUBJECT, marker: MARKER, aud: 'aws' }), 'token-audience'],
    ['without audience', jwt({ sub: SUBJECT, marker: MARKER, aud: undefined }), 'token-audience'],
    ['without subject', jwt({ marker: MARKER }), 'token-claims'],
    ['without issuer', jwt({ sub: SUBJECT, marker: MARKER, iss: undefined }), 'token-claims'],
    [
      'with an address that nobody verified',
      jwt({ sub: SUBJECT, marker: MARKER, email: 'ceo@corp.test' }),
      'token-email',
    ],
    [
      'with an address that is not verified',
      jwt({ sub: SUBJECT, marker: MARKER, email: 'ceo@corp.test', email_verified: false }),
      'token-email',
    ],
    ['that is none', `eyJ.${MARKER}`, 'token-malformed'],
    [
      'whose payload is none',
      `eyJh.${Buffer.from(MARKER).toString('base64url')}.x`,
      'token-malformed',
    ],
    [
      'with a payload of two readings',
      `eyJh.${Buffer.from(`{"sub":"a","sub":"${MARKER}"}`).toString('base64url')}.x`,
      'token-malformed',
    ],
    [
      'of a hundred kilobytes',
      jwt({ sub: SUBJECT, marker: MARKER.repeat(3_000) }),
      'token-malformed',
    ],
  ])('%s is not sent anywhere, and nothing of it is told', async (_title, token, reason) => {
    const ran = await sign([], token)

    expect(ran.err).toContain(`(${reason})`)
    expect(ran.code).toBe(2)
    expect(sigstore.requests).toEqual([])
    expect(ran.err).not.toContain(MARKER)
    expect(ran.err).not.toContain(token.slice(0, 24))
  })
})

test('does not wait for a service that never answers', { timeout: 60_000 }, async () => {
  sigstore.bend(FULCIO, nothing)

  const ran = await sign()

  expect(ran.err).toContain('did not answer within 30 s')
  expect(ran.code).toBe(3)
  expectNoToken(ran)
})
