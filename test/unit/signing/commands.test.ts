import {
  chmodSync,
  copyFileSync,
  existsSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

import { afterEach, beforeEach, expect, test } from 'vitest'

import type { CommandRow } from '../../../cli/command.ts'
import { runCommandLine } from '../../../cli/run.ts'
import { openArtifact, unsealedSource } from '../../../services/artifact/index.ts'
import { bufferSource } from '../../../services/model/index.ts'
import { issue, readAll, root } from '../../support/pki.ts'
import { buildZip, sealBlockOf, zipOf } from '../../support/zip-builder.ts'

const table: readonly CommandRow[] = [
  { name: 'key', summary: '', load: () => import('../../../cli/commands/key.ts') },
  { name: 'sign', summary: '', load: () => import('../../../cli/commands/sign.ts') },
  { name: 'verify', summary: '', load: () => import('../../../cli/commands/verify.ts') },
]

let dir = ''
const at = (name: string): string => join(dir, name)

beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'lacre-signing-'))
  writeFileSync(at('f.zip'), zipOf({ 'index.js': 'exports.handler = () => 1\n' }))
})
afterEach(() => rmSync(dir, { recursive: true, force: true }))

interface Ran {
  readonly code: number
  readonly out: string
  readonly err: string
}

/** `$name` stands for the file of that name in the directory of the test. */
async function lacre(line: string): Promise<Ran> {
  let out = ''
  let err = ''
  const code = await runCommandLine(table, {
    args: line.split(' ').map((arg) => (arg.startsWith('$') ? at(arg.slice(1)) : arg)),
    environment: {},
    out: { write: (text) => (out += text) },
    err: { write: (text) => (err += text) },
    version: '0',
  })
  return { code, out, err }
}

test('makes a key that only its owner reads, with its public half, and never overwrites one', async () => {
  const first = await lacre('key create --out $k.pem')
  const before = readFileSync(at('k.pem'))
  const second = await lacre('key create --out $k.pem')

  expect(first.code).toBe(0)
  expect(statSync(at('k.pem')).mode & 0o777).toBe(0o600)
  expect(readFileSync(at('k.pem.pub'), 'latin1')).toMatch(/^-----BEGIN PUBLIC KEY-----/)
  expect(second.code).toBe(3)
  expect(readFileSync(at('k.pem'))).toEqual(before)
})

test('leaves no half of a pair where the public half exists already', async () => {
  writeFileSync(at('k.pem.pub'), 'mine')

  expect((await lacre('key create --out $k.pem')).code).toBe(3)
  expect(existsSync(at('k.pem'))).toBe(false)
})

test.each(['p256', 'p384', 'ed25519', 'rsa3072'])(
  'makes a %s key that signs what verifies',
  async (type) => {
    await lacre(`key create --out $k.pem --type ${type}`)

    expect((await lacre('sign $f.zip --key $k.pem')).code).toBe(0)
    expect((await lacre('verify $f.zip --key $k.pem.pub')).code).toBe(0)
  },
)

test('keeps an encrypted key that opens with its passphrase file alone', async () => {
  writeFileSync(at('secret'), 'correct horse\n')
  await lacre('key create --out $k.pem --passphrase-file $secret')

  expect(readFileSync(at('k.pem'), 'latin1')).toContain('ENCRYPTED')
  expect((await lacre('sign $f.zip --key $k.pem')).code).toBe(2)
  expect((await lacre('sign $f.zip --key $k.pem --passphrase-file $secret')).code).toBe(0)
})

test('adds a second seal beside the first and disturbs neither what is signed nor the first', async () => {
  await lacre('key create --out $a.pem')
  await lacre('key create --out $b.pem --type ed25519')
  const unsealed = readFileSync(at('f.zip'))
  await lacre('sign $f.zip --key $a.pem --counter 3')
  await lacre('sign $f.zip --key $b.pem')

  const artifact = await openArtifact(bufferSource(readFileSync(at('f.zip'))))
  const both = JSON.parse(
    (await lacre('verify $f.zip --key $a.pem.pub --key $b.pem.pub --json')).out,
  ) as { seals: { outcome: string; counter: string }[]; signers: string[] }

  expect(Buffer.from(readAll(unsealedSource(artifact)))).toEqual(unsealed)
  expect(both.seals.map(({ outcome, counter }) => `${outcome} ${counter}`)).toEqual([
    'trusted 3',
    'trusted 0',
  ])
  expect(both.signers).toHaveLength(2)
})

test('does not put the very same seal in twice', async () => {
  await lacre('key create --out $k.pem --type ed25519')
  await lacre('sign $f.zip --key $k.pem')
  const once = readFileSync(at('f.zip'))
  const again = await lacre('sign $f.zip --key $k.pem')

  expect(again.code).toBe(0)
  expect(again.err).toContain('already')
  expect(readFileSync(at('f.zip'))).toEqual(once)
})

test('keeps the mode of the zip and follows a link to it', async () => {
  await lacre('key create --out $k.pem')
  chmodSync(at('f.zip'), 0o640)
  symlinkSync('f.zip', at('link.zip'))
  await lacre('sign $link.zip --key $k.pem')

  expect(statSync(at('f.zip')).mode & 0o777).toBe(0o640)
  expect((await lacre('verify $f.zip --key $k.pem.pub')).code).toBe(0)
})

test('writes a detached seal and leaves the zip as it is', async () => {
  await lacre('key create --out $k.pem')
  const before = readFileSync(at('f.zip'))
  await lacre('sign $f.zip --key $k.pem --detached $f.sigstore.json')

  expect(readFileSync(at('f.zip'))).toEqual(before)
  expect((await lacre('verify $f.zip --key $k.pem.pub')).code).toBe(1)
  expect((await lacre('verify $f.zip --key $k.pem.pub --signature $f.sigstore.json')).code).toBe(0)
})

test('signs CMS by default with a certificate and trusts its root, at a time when it is valid', async () => {
  const ca = root()
  const leaf = issue({ issuer: ca })
  writeFileSync(at('ca.pem'), ca.pem)
  writeFileSync(at('leaf.pem'), leaf.pem)
  writeFileSync(at('leaf.key'), leaf.key.privateKey.export({ format: 'pem', type: 'pkcs8' }))
  const signed = await lacre('sign $f.zip --key $leaf.key --cert $leaf.pem --chain $ca.pem --json')

  expect(JSON.parse(signed.out)).toMatchObject({ format: 'cms', signer: 'CN=signer' })
  expect((await lacre('verify $f.zip --root $ca.pem --at 2026-06-01T00:00:00Z')).code).toBe(0)
  const late = await lacre('verify $f.zip --root $ca.pem --at 2036-06-01T00:00:00Z')
  expect(late.code).toBe(1)
  expect(late.out).toContain('certificate-expired')
})

test('holds verify to the names that the seal binds', async () => {
  await lacre('key create --out $k.pem')
  await lacre('sign $f.zip --key $k.pem --name check* --name pay --kind function')

  expect((await lacre('verify $f.zip --key $k.pem.pub --name checkout')).code).toBe(0)
  expect((await lacre('verify $f.zip --key $k.pem.pub --name refund')).code).toBe(1)
  expect((await lacre('verify $f.zip --key $k.pem.pub --name pay --kind layer')).code).toBe(1)
  const unnamed = await lacre('verify $f.zip --key $k.pem.pub')
  expect(unnamed.code).toBe(1)
  expect(unnamed.out).toContain('give --name')
})

test.each([
  ['a key that did not sign', 'verify $f.zip --key $other.pem.pub', 1],
  ['nothing to trust', 'verify $f.zip', 1],
  ['keyless verification without its issuer', 'verify $f.zip --certificate-identity a@b', 2],
  ['a time that is none', 'verify $f.zip --key $k.pem.pub --at yesterday', 2],
  ['a private key to trust', 'verify $f.zip --key $k.pem', 2],
  ['a public key as a root', 'verify $f.zip --root $k.pem.pub', 2],
  ['a zip that is not there', 'verify $g.zip --key $k.pem.pub', 3],
  ['two keys to sign with', 'sign $f.zip --key $k.pem --p12 $k.p12', 2],
  ['no key to sign with', 'sign $f.zip', 2],
  ['CMS without a certificate', 'sign $f.zip --key $k.pem --format cms', 2],
  ['a counter that is none', 'sign $f.zip --key $k.pem --counter 07', 2],
  ['a public key to sign with', 'sign $f.zip --key $k.pem.pub', 2],
])('answers %s with its exit code and leaves the zip as it is', async (_title, line, code) => {
  await lacre('key create --out $k.pem')
  await lacre('key create --out $other.pem')
  await lacre('sign $f.zip --key $k.pem')
  const before = readFileSync(at('f.zip'))

  expect((await lacre(line)).code).toBe(code)
  expect(readFileSync(at('f.zip'))).toEqual(before)
})

test('does not seal a zip whose seals are broken, nor what the strict profile refuses', async () => {
  await lacre('key create --out $k.pem')
  await lacre('sign $f.zip --key $k.pem')
  const bytes = readFileSync(at('f.zip'))
  const hint = bytes.indexOf('hint') + 10
  bytes[hint] = (bytes[hint] ?? 0) ^ 1
  writeFileSync(at('broken.zip'), bytes)
  writeFileSync(at('trailing.zip'), Buffer.concat([readFileSync(at('f.zip')), Buffer.from('x')]))
  copyFileSync(at('broken.zip'), at('before.zip'))

  expect((await lacre('sign $broken.zip --key $k.pem')).code).toBe(1)
  expect(readFileSync(at('broken.zip'))).toEqual(readFileSync(at('before.zip')))
  expect((await lacre('sign $trailing.zip --key $k.pem')).code).toBe(1)
  expect((await lacre('verify $trailing.zip --key $k.pem.pub')).code).toBe(1)
})

test('says of a seal block that cannot be read what the service says: tampered', async () => {
  const entries = [{ name: 'index.js', content: 'exports.handler = () => 1\n' }]
  const gap = sealBlockOf([{ id: 2, payload: new Uint8Array() }])
  writeFileSync(at('broken.zip'), buildZip({ entries, gap }))
  await lacre('key create --out $k.pem')

  const { code, out } = await lacre('verify $broken.zip --key $k.pem.pub --json')

  expect(code).toBe(1)
  expect(JSON.parse(out)).toMatchObject({ verdict: 'tampered', trusted: false })
})
