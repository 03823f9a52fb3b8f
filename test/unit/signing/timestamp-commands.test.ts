import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

import { afterEach, beforeEach, expect, test } from 'vitest'

import type { CommandRow } from '../../../cli/command.ts'
import { runCommandLine } from '../../../cli/run.ts'
import { encodeTimestampResponse, readDer } from '../../../services/seal/index.ts'
import { issue } from '../../support/pki.ts'
import { serveAnswers } from '../../support/timestamp-server.ts'
import { authority, makeToken, timeText } from '../../support/timestamp-token.ts'
import { buildZip, zipOf } from '../../support/zip-builder.ts'

const table: readonly CommandRow[] = [
  { name: 'sign', summary: '', load: () => import('../../../cli/commands/sign.ts') },
  { name: 'verify', summary: '', load: () => import('../../../cli/commands/verify.ts') },
  { name: 'inspect', summary: '', load: () => import('../../../cli/commands/inspect.ts') },
]
const DAY_MS = 86_400_000
const window = { fromMs: Date.now() - DAY_MS, untilMs: Date.now() + DAY_MS }
const tsa = authority('tsa', window)
const signer = issue(window)

let dir = ''
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'lacre-stamp-'))
  writeFileSync(join(dir, 'f.zip'), zipOf({ 'index.js': 'exports.handler = () => 1\n' }))
  writeFileSync(join(dir, 'cert.pem'), signer.pem)
  writeFileSync(join(dir, 'tsa.pem'), tsa.root.pem)
  const key = signer.key.privateKey.export({ format: 'pem', type: 'pkcs8' })
  writeFileSync(join(dir, 'key.pem'), key)
})
afterEach(() => rmSync(dir, { recursive: true, force: true }))

async function lacre(...args: readonly string[]) {
  let out = ''
  let err = ''
  const code = await runCommandLine(table, {
    args: args.map((arg) => arg.replace('$', `${dir}/`)),
    environment: {},
    out: { write: (text) => (out += text) },
    err: { write: (text) => (err += text) },
    version: '0',
  })
  return { code, out, err }
}

const sign = ['sign', '$f.zip', '--key', '$key.pem', '--cert', '$cert.pem']
const later = ['--at', new Date(Date.now() + 90 * DAY_MS).toISOString()]
const verify = ['verify', '$f.zip', '--root', '$cert.pem', ...later]

test('`lacre sign --timestamp-server-url` makes a seal that `verify --timestamp-authority` takes after its certificate ended', async () => {
  await using server = await serveAnswers((body) => {
    const [, imprint, nonce] = readDer(body).children
    const digest = imprint?.children[1]?.content ?? new Uint8Array()
    const time = timeText(Date.now())
    const token = makeToken(tsa, new Uint8Array(), {
      time,
      imprint: digest,
      ...(nonce && { nonce: nonce.bytes }),
    })
    return { body: encodeTimestampResponse(token) }
  })

  const signed = await lacre(...sign, '--timestamp-server-url', server.url)
  const trusted = await lacre(...verify, '--timestamp-authority', '$tsa.pem')
  const without = await lacre(...verify)

  expect(signed).toMatchObject({ code: 0 })
  expect(trusted.code).toBe(0)
  expect(trusted.out).toContain('(trusted time)')
  expect(without.code).not.toBe(0)
  expect(without.out).toContain('certificate-expired')
  expect(without.out).toContain('no publisher has an authority')
})

test('`lacre sign` leaves the zip as it was where the authority cannot be reached', async () => {
  const before = readFileSync(join(dir, 'f.zip'))

  const { code, err } = await lacre(...sign, '--timestamp-server-url', 'http://127.0.0.1:1/tsr')

  expect(code).not.toBe(0)
  expect(err).toContain('cannot be reached')
  expect(readFileSync(join(dir, 'f.zip'))).toEqual(before)
})

test('`lacre inspect` and `lacre verify` name a signature of AWS Signer', async () => {
  const entries = [{ name: 'META_INF/aws_signer_signature_v1.0.SF', content: 'no signature' }]
  writeFileSync(join(dir, 'f.zip'), buildZip({ entries }))

  const inspected = await lacre('inspect', '$f.zip')
  const verified = await lacre(...verify)
  const asJson = await lacre(...verify, '--json')

  expect(inspected.out).toContain('aws-signer: signer unknown, unframed')
  expect(verified.out).toContain('unchecked   aws-signer: signer unknown, unframed')
  expect(JSON.parse(asJson.out)).toMatchObject({
    verdict: 'unsigned',
    unchecked: [expect.anything()],
  })
})
