import { execFileSync, spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

import { afterEach, beforeEach, describe, expect, test } from 'vitest'

import { unsealedSource } from '../../../services/artifact/index.ts'
import type { PublisherDocument, SealInput } from '../../../services/model/index.ts'
import {
  decodeSeal,
  decodeTimestampResponse,
  decodeTimestampToken,
  encodeTimestampRequest,
  encodeTimestampResponse,
  readDer,
  sequence,
  smallInteger,
} from '../../../services/seal/index.ts'
import { publisherFromPem, timestampAuthorityFromPem } from '../../../services/trust/index.ts'
import { makeSeal, timestampWitness } from '../../../cli/signing/index.ts'
import {
  identityOf,
  issue,
  judgeZip,
  keyPair,
  openZip,
  publisher,
  readAll,
  reasonsOf,
  withSeals,
  type TestCertificate,
} from '../../support/pki.ts'
import { serveAnswers, serveOpenssl, type Answer } from '../../support/timestamp-server.ts'
import {
  authority,
  makeToken,
  stampingUsage,
  timeText,
  type TokenSpec,
} from '../../support/timestamp-token.ts'

const there = spawnSync('openssl', ['version']).status === 0
const DAY_MS = 86_400_000
const signer = issue({ fromMs: Date.now() - DAY_MS, untilMs: Date.now() + DAY_MS })
const window = { fromMs: Date.now() - DAY_MS, untilMs: Date.now() + 9 * DAY_MS }
const tsa = authority('tsa', window)

let dir = ''
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'lacre-tsa-'))
})
afterEach(() => rmSync(dir, { recursive: true, force: true }))

const at = (name: string): string => join(dir, name)
const openssl = (...args: readonly string[]): string =>
  execFileSync('openssl', args, { cwd: dir, stdio: 'pipe' }).toString('utf8')

async function sealedBy(
  urls: readonly string[],
  format: 'cms' | 'bundle',
  holder: TestCertificate = signer,
) {
  const zip = await openZip()
  const subject = { name: 'f.zip', sha256: zip.sha256, unsealed: unsealedSource(zip) }
  const maker = { identity: identityOf(holder), witness: timestampWitness(urls) }
  const seal: SealInput = {
    format,
    place: 'block',
    bytes: await makeSeal(format, maker, subject, {}),
  }
  return { zip, seal }
}

function trusting(from = tsa): ReturnType<typeof publisher> {
  const document: PublisherDocument = {
    ...publisherFromPem(signer.pem),
    forms: ['cms', 'statement'],
    timestampAuthorities: [timestampAuthorityFromPem(from.root.pem)],
  }
  return publisher(document)
}

describe.skipIf(!there)('with OpenSSL as the authority', () => {
  const rsa = authority('rsa tsa', { ...window, key: keyPair('rsa2048') })
  test.each([
    ['an elliptic-curve authority', 'cms', tsa],
    ['an RSA authority', 'cms', rsa],
    ['an elliptic-curve authority', 'bundle', tsa],
    ['an RSA authority', 'bundle', rsa],
  ] as const)('a stamped seal outlives its certificate: %s, %s', async (_what, format, from) => {
    await using server = await serveOpenssl(dir, from)

    const { zip, seal } = await sealedBy([server.url], format)
    const sealed = await withSeals(zip, [seal])
    const verdict = judgeZip(sealed, [trusting(from)], { atMs: Date.now() + 300 * DAY_MS })

    expect(reasonsOf(verdict)).toEqual([])
    expect(verdict.kind).toBe('trusted')
    expect(Math.abs((verdict.seals[0]?.trustedTimesMs[0] ?? 0) - Date.now())).toBeLessThan(60_000)
    expect(sealed.sha256).toBe(zip.sha256)
    expect(readAll(unsealedSource(sealed))).toEqual(readAll(zip.source))
  })

  test.each([0, 1, 2, 3, 4, 6])('reads times of %i fraction digits', async (digits) => {
    await using server = await serveOpenssl(dir, tsa, { digits })
    const start = Date.now()

    const { zip, seal } = await sealedBy([server.url], 'cms')
    const verdict = judgeZip(zip, [trusting()], { seals: [seal], atMs: start + DAY_MS / 2 })

    const [time = 0] = verdict.seals[0]?.trustedTimesMs ?? []
    expect(time).toBeGreaterThan(start - 1_000)
    expect(time).toBeLessThanOrEqual(Date.now())
  })

  test('reads a token whose certificate id is of the old form (SHA-1)', async () => {
    await using server = await serveOpenssl(dir, tsa, { essHash: 'sha1' })
    const { zip, seal } = await sealedBy([server.url], 'cms')
    const cms = decodeSeal(seal)
    const { signed } = decodeTimestampToken(cms.timestamps[0] ?? new Uint8Array())

    expect(signed.attributes.legacyCertificate).toBeDefined()
    expect(judgeZip(zip, [trusting()], { seals: [seal], atMs: Date.now() }).kind).toBe('trusted')
  })

  test('two authorities give two times, in a block that stays canonical', async () => {
    const second = authority('second', window)
    await using first = await serveOpenssl(dir, tsa)
    const more = mkdtempSync(join(dir, 'second-'))
    await using other = await serveOpenssl(more, second)

    const { zip, seal } = await sealedBy([first.url, other.url], 'cms')
    const document: PublisherDocument = {
      ...trusting().document,
      timestampAuthorities: [tsa, second].map(({ root }) => timestampAuthorityFromPem(root.pem)),
      thresholds: { timestamps: 2 },
    }
    const verdict = judgeZip(await withSeals(zip, [seal]), [publisher(document)], {
      atMs: Date.now(),
    })

    expect(verdict.kind).toBe('trusted')
    expect(verdict.seals[0]?.trustedTimesMs).toHaveLength(2)
  })

  test('`openssl ts -verify` accepts the token in our CMS and `openssl cms -verify` the CMS around it', async () => {
    await using server = await serveOpenssl(dir, tsa)
    const { zip, seal } = await sealedBy([server.url], 'cms')
    const cms = decodeSeal(seal)
    if (cms.format !== 'cms') throw new Error('no CMS')
    writeFileSync(at('token'), cms.timestamps[0] ?? '')
    writeFileSync(at('signature'), cms.signature)
    writeFileSync(at('seal.p7s'), seal.bytes)
    writeFileSync(at('f.zip'), readAll(zip.source))
    writeFileSync(at('signer.pem'), signer.pem)
    writeFileSync(at('root.pem'), tsa.root.pem)

    const verify = ['-token_in', '-in', 'token', '-data', 'signature', '-CAfile', 'root.pem']
    expect(openssl('ts', '-verify', ...verify, '-untrusted', 'chain.pem')).toContain('OK')
    const detached = ['-inform', 'DER', '-in', 'seal.p7s', '-content', 'f.zip', '-binary']
    const trust = ['-CAfile', 'signer.pem', '-purpose', 'any', '-out', '/dev/null']
    expect(() => openssl('cms', '-verify', ...detached, ...trust)).not.toThrow()
  })

  test.each(['sha256', 'sha384', 'sha512'] as const)(
    '`openssl ts -query` reads our request as we meant it: %s',
    (hash) => {
      const value = createHash(hash).update('x').digest()
      const nonce = Buffer.from('00ff0000000000a1', 'hex')
      writeFileSync(at('query'), encodeTimestampRequest({ imprint: { hash, value }, nonce }))

      const text = openssl('ts', '-query', '-in', 'query', '-text')

      expect(text).toContain(`Hash Algorithm: ${hash}`)
      expect(text).toContain('Nonce: 0xFF0000000000A1')
      expect(text).toContain('Certificate required: yes')
      expect(text).toContain(value.toString('hex').slice(0, 16).match(/../g)?.join(' '))
    },
  )

  test("reads OpenSSL's refusal in its own words", async () => {
    writeFileSync(at('query'), 'no query')
    await using server = await serveOpenssl(dir, tsa)
    const answer = await fetch(server.url, { method: 'POST', body: 'no query' })
    const response = decodeTimestampResponse(new Uint8Array(await answer.arrayBuffer()))

    expect(response).toMatchObject({ kind: 'refused', status: 'rejection' })
  })
})

/** An authority in this process that answers the request with one thing wrong. */
function answering(spec: TokenSpec, imprintOf?: Uint8Array) {
  return (body: Buffer): Answer => {
    const [, imprint, nonce] = readDer(body).children
    const digest = imprint?.children[1]?.content ?? new Uint8Array()
    const token = makeToken(tsa, imprintOf ?? Buffer.from(''), {
      time: timeText(Date.now()),
      ...(imprintOf === undefined && { imprint: digest }),
      ...(nonce && { nonce: nonce.bytes }),
      ...spec,
    })
    return { body: encodeTimestampResponse(token) }
  }
}

const made = {
  signature: Buffer.from('sig'),
  publicKey: identityOf(signer).publicKey,
  certificate: undefined,
}
const ask = async (url: string): Promise<unknown> =>
  await timestampWitness([url], { timeoutMs: 2_000 })(made)

test('an authority that does everything right is believed', async () => {
  await using server = await serveAnswers(answering({}))

  expect(await ask(server.url)).toMatchObject({ timestamps: [expect.anything()], logEntries: [] })
})

const weak = issue({
  subject: 'weak',
  usages: [],
  extensions: [stampingUsage(undefined, false)],
  ...window,
})
const rejection = sequence(sequence(smallInteger(2)))
test.each<[string, (body: Buffer) => Answer, string]>([
  ['another nonce', answering({ nonce: smallInteger(1) }), 'another nonce'],
  ['no nonce', answering({ nonce: new Uint8Array() }), 'another nonce'],
  ['something else stamped', answering({}, Buffer.from('other')), 'something else'],
  ['a broken signature', answering({ breakSignature: true }), 'does not verify'],
  ['no certificate', answering({ certificates: [] }), 'does not carry its certificate'],
  [
    'a time its certificate was not valid at',
    answering({ time: '20200101000000Z' }),
    'not valid then',
  ],
  [
    'a certificate id of another',
    answering({ boundTo: weak, certificates: [weak] }),
    'is not critical',
  ],
  ['a refusal', () => ({ body: rejection }), 'answered `rejection`: no reason given'],
  ['no DER', () => ({ body: Buffer.from('<html>') }), 'no RFC 3161 response'],
  ['an error', () => ({ status: 500, body: Buffer.from('secret') }), 'answered HTTP 500'],
  [
    'a redirect',
    () => ({ status: 302, headers: { location: '/other' }, body: Buffer.from('') }),
    'HTTP 302',
  ],
  ['HTML', () => ({ headers: { 'content-type': 'text/html' }, body: Buffer.from('') }), 'HTTP 200'],
  ['70,000 bytes', () => ({ body: Buffer.alloc(70_000) }), 'more than 65536 bytes'],
])('no seal is made where the authority answers %s', async (_what, answer, message) => {
  await using server = await serveAnswers(answer)

  await expect(ask(server.url)).rejects.toMatchObject({
    code: 'SIGNER_FAILED',
    message: expect.stringContaining(message),
  })
})

test('an authority that does not answer is given up after its time', async () => {
  await using server = await serveAnswers(() => undefined)

  await expect(timestampWitness([server.url], { timeoutMs: 200 })(made)).rejects.toMatchObject({
    code: 'SIGNER_FAILED',
    message: expect.stringContaining('did not answer within 200 ms'),
  })
})

test('an authority that is not there is named without what the query says', async () => {
  const refused = ask('http://127.0.0.1:1/tsr?apikey=hunter2')

  await expect(refused).rejects.toMatchObject({
    code: 'SIGNER_FAILED',
    message: 'the timestamp server `http://127.0.0.1:1/tsr` cannot be reached',
  })
})

test.each(['ftp://example.org/', 'not a url', 'https://user:hunter2@example.org/'])(
  'refuses the URL %s before anything is signed, without repeating it',
  (url) => {
    expect(() => timestampWitness([url])).toThrow(
      expect.objectContaining({
        code: 'INVALID_PARAMETER',
        message: expect.not.stringContaining('hunter2'),
      }),
    )
  },
)
