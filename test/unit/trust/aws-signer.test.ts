import { execFileSync, spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

import { afterAll, beforeAll, describe, expect, test } from 'vitest'

import { openArtifact } from '../../../services/artifact/index.ts'
import { bufferSource, type Artifact } from '../../../services/model/index.ts'
import { berToDer, encodePem, parsePem } from '../../../services/seal/index.ts'
import { describeAwsSignature, readAwsSignature } from '../../../services/trust/index.ts'
import { issue, keyPair, publisher } from '../../support/pki.ts'
import { buildZip, type ZipEntrySpec } from '../../support/zip-builder.ts'
import { judgeZip } from './told.ts'

const there = spawnSync('openssl', ['version']).status === 0
const ENTRY = 'META_INF/aws_signer_signature_v1.0.SF'
const signer = issue({ subject: 'AWS Signer', key: keyPair('p384') })
const files: readonly ZipEntrySpec[] = [
  { name: 'lib/ab', content: 'cd' },
  { name: 'META_INF/' },
  { name: 'index.js', content: 'x'.repeat(5000), method: 8 },
]

let dir = ''
beforeAll(() => {
  dir = mkdtempSync(join(tmpdir(), 'lacre-aws-'))
  writeFileSync(join(dir, 'cert.pem'), signer.pem)
  const key = signer.key.privateKey.export({ format: 'pem', type: 'pkcs8' })
  writeFileSync(join(dir, 'key.pem'), key)
})
afterAll(() => rmSync(dir, { recursive: true, force: true }))

function innerDigest(entries: readonly ZipEntrySpec[]): Buffer {
  const hash = createHash('sha384')
  for (const { name, content = '' } of entries) hash.update(name).update(content)
  return hash.digest()
}

/** As AWS Signer signs, by OpenSSL: the digest of the digest, PEM `PKCS7`. */
function signatureOver(entries: readonly ZipEntrySpec[], ...more: readonly string[]): string {
  writeFileSync(join(dir, 'inner'), innerDigest(entries))
  const with_ = ['-signer', 'cert.pem', '-inkey', 'key.pem', '-outform', 'PEM', '-out', 'sf']
  const args = ['smime', '-sign', '-binary', '-md', 'sha384', '-in', 'inner', ...with_, ...more]
  execFileSync('openssl', args, { cwd: dir, stdio: 'pipe' })
  return readFileSync(join(dir, 'sf'), 'latin1')
}

async function zipWith(
  signature: string | Uint8Array,
  entries: readonly ZipEntrySpec[] = files,
): Promise<Artifact> {
  const all = [...entries, { name: ENTRY, content: signature }]
  return await openArtifact(bufferSource(buildZip({ entries: all })))
}

/** The same value with indefinite lengths wherever it is constructed, as AWS's encoder writes. */
function toIndefinite(der: Uint8Array): Buffer {
  const value = Buffer.from(der)
  const tag = value[0] ?? 0
  const long = (value[1] ?? 0) >= 0x80
  const at = long ? 2 + ((value[1] ?? 0) & 0x7f) : 2
  if ((tag & 0x20) === 0) return value
  const parts: Buffer[] = []
  for (let next = at; next < value.length;) {
    const first = value[next + 1] ?? 0
    const count = first >= 0x80 ? first & 0x7f : 0
    const length = count === 0 ? first : value.readUIntBE(next + 2, count)
    const end = next + 2 + count + length
    parts.push(toIndefinite(value.subarray(next, end)))
    next = end
  }
  return Buffer.concat([Buffer.from([tag, 0x80]), ...parts, Buffer.from([0, 0])])
}

const read = async (signature: string | Uint8Array, entries = files) =>
  await readAwsSignature(await zipWith(signature, entries))

describe.skipIf(!there)('a zip that AWS Signer signed', () => {
  test('is named with its signer, and that its signature holds over the unframed content', async () => {
    const found = await read(signatureOver(files))

    expect(found).toEqual({ signer: 'CN=AWS Signer', fault: undefined })
    expect(found && describeAwsSignature(found)).toContain(
      'aws-signer: signer `CN=AWS Signer`, unframed',
    )
  })

  test('is read in BER of indefinite lengths', async () => {
    const [block] = parsePem(signatureOver(files))
    const ber = toIndefinite(block?.bytes ?? new Uint8Array())

    expect(berToDer(ber)).toEqual(Buffer.from(block?.bytes ?? ''))
    expect(await read(encodePem('PKCS7', ber))).toEqual({
      signer: 'CN=AWS Signer',
      fault: undefined,
    })
  })

  test('is never trusted by it, also where its root is a publisher', async () => {
    const artifact = await zipWith(signatureOver(files))
    const found = await readAwsSignature(artifact)
    const unchecked = [describeAwsSignature(found ?? { signer: undefined, fault: 'none' })]

    const verdict = judgeZip(artifact, [publisher(signer.pem)], { unchecked })

    expect(verdict.kind).toBe('unsigned')
    expect(verdict.unchecked).toEqual(unchecked)
    expect(verdict.seals).toEqual([])
  })

  test('keeps its signature when bytes move from a name to its content: why it is never trusted', async () => {
    const moved = [{ name: 'lib/a', content: 'bcd' }, ...files.slice(1)]

    expect((await read(signatureOver(files), moved))?.fault).toBeUndefined()
  })

  test.each<[string, () => string | Uint8Array, string]>([
    ['over other content', () => signatureOver(files.slice(1)), 'it is over other content'],
    ['over SHA-256', () => signatureOver(files, '-md', 'sha256'), 'over SHA-384'],
    [
      'without certificate',
      () => signatureOver(files, '-nocerts'),
      'does not hold the certificate',
    ],
    ['without signed attributes', () => signatureOver(files, '-noattr'), 'signed attributes'],
    ['with its content', () => signatureOver(files, '-nodetach'), 'detached'],
    ['in DER alone', () => parsePem(signatureOver(files))[0]?.bytes ?? '', 'PEM block'],
    [
      'under another label',
      () => encodePem('CMS', parsePem(signatureOver(files))[0]?.bytes ?? new Uint8Array()),
      'PEM block',
    ],
    [
      'that is cut short',
      () =>
        encodePem(
          'PKCS7',
          (parsePem(signatureOver(files))[0]?.bytes ?? new Uint8Array()).subarray(0, 300),
        ),
      'cut short',
    ],
    ['with a changed signature', () => changed(signatureOver(files)), 'does not verify'],
    ['of 300,000 bytes', () => 'x'.repeat(300_000), 'larger than'],
  ])('is named as one that does not hold: %s', async (_what, signature, fault) => {
    const found = await read(signature())

    expect(found?.fault).toContain(fault)
    expect(found && describeAwsSignature(found)).toContain('does not hold')
  })

  test('is named though a file of it was changed', async () => {
    const found = await read(signatureOver(files), [
      { name: 'lib/ab', content: 'ce' },
      ...files.slice(1),
    ])

    expect(found).toEqual({ signer: 'CN=AWS Signer', fault: 'it is over other content' })
  })
})

/** Its last byte is that of s in the signature. */
function changed(pem: string): string {
  const bytes = Uint8Array.from(parsePem(pem)[0]?.bytes ?? [])
  bytes[bytes.length - 1] = (bytes.at(-1) ?? 0) ^ 1
  return encodePem('PKCS7', bytes)
}

test('a zip without the entry has no such signature', async () => {
  const artifact = await openArtifact(bufferSource(buildZip({ entries: files })))

  expect(await readAwsSignature(artifact)).toBeUndefined()
})
