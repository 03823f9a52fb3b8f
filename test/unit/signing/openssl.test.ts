import { execFileSync, spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

import { afterAll, beforeAll, describe, expect, test } from 'vitest'

import { unsealedSource } from '../../../services/artifact/index.ts'
import type { Artifact, SealInput, Verdict } from '../../../services/model/index.ts'
import { loadIdentity } from '../../../cli/signing/index.ts'
import { AT_MS, judgeZip, openZip, publisher, readAll, sealOf } from '../../support/pki.ts'

const there = spawnSync('openssl', ['version']).status === 0
const DAY_MS = 86_400_000

const kinds = {
  rsa: ['-newkey', 'rsa:2048'],
  'EC P-256': ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256'],
  'EC P-384': ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-384'],
} as const
type Kind = keyof typeof kinds

let dir = ''
let zip: Artifact
const at = (name: string): string => join(dir, name)

function openssl(...args: readonly string[]): void {
  execFileSync('openssl', args, { cwd: dir, stdio: 'pipe' })
}

function fileOf(kind: Kind): string {
  return kind.replaceAll(' ', '-')
}

function judgeWith(kind: Kind, bytes: Uint8Array): Verdict {
  const root = readFileSync(at(`${fileOf(kind)}.pem`), 'latin1')
  const seal: SealInput = { format: 'cms', place: 'detached', bytes }
  // the certificates are made now, whenever that is
  return judgeZip(zip, [publisher(root)], { detached: [seal], atMs: Date.now() + DAY_MS })
}

describe.skipIf(!there)('with OpenSSL', () => {
  beforeAll(async () => {
    dir = mkdtempSync(join(tmpdir(), 'lacre-openssl-'))
    zip = await openZip()
    writeFileSync(at('f.zip'), readAll(unsealedSource(zip)))
    writeFileSync(at('passphrase'), 'correct horse\n')
    for (const kind of Object.keys(kinds) as Kind[]) {
      const name = fileOf(kind)
      openssl(
        'req',
        '-x509',
        ...kinds[kind],
        '-nodes',
        '-days',
        '10',
        '-subj',
        '/C=BR/O=Acme, Inc/CN=signer',
        '-addext',
        'basicConstraints=CA:FALSE',
        '-keyout',
        `${name}.key`,
        '-out',
        `${name}.pem`,
      )
    }
  })
  afterAll(() => rmSync(dir, { recursive: true, force: true }))

  test.each(Object.keys(kinds) as Kind[])(
    '`openssl cms -verify` accepts our CMS: %s',
    async (kind) => {
      const name = fileOf(kind)
      const identity = await loadIdentity({ key: at(`${name}.key`), cert: at(`${name}.pem`) })
      writeFileSync(at('ours.p7s'), (await sealOf(zip, identity)).bytes)

      expect(() =>
        openssl(
          'cms',
          '-verify',
          '-binary',
          '-inform',
          'DER',
          '-in',
          'ours.p7s',
          '-content',
          'f.zip',
          '-CAfile',
          `${name}.pem`,
          '-purpose',
          'any',
          '-out',
          '/dev/null',
        ),
      ).not.toThrow()
    },
  )

  test('`openssl cms -verify` refuses our CMS over another file', async () => {
    const identity = await loadIdentity({ key: at('rsa.key'), cert: at('rsa.pem') })
    writeFileSync(at('ours.p7s'), (await sealOf(zip, identity)).bytes)
    writeFileSync(at('other.zip'), 'other')

    expect(() =>
      openssl(
        'cms',
        '-verify',
        '-binary',
        '-inform',
        'DER',
        '-in',
        'ours.p7s',
        '-content',
        'other.zip',
        '-CAfile',
        'rsa.pem',
        '-purpose',
        'any',
        '-out',
        '/dev/null',
      ),
    ).toThrow()
  })

  const forms = Object.keys(kinds).flatMap((kind) => [
    [kind, 'DER', []],
    [kind, 'PEM', []],
    [kind, 'DER', ['-md', 'sha512']],
    [kind, 'DER', ['-noattr']],
    [kind, 'DER', ['-keyid']],
    [kind, 'DER', ['-nosmimecap', '-cades']],
  ]) as [Kind, string, string[]][]
  test.each(forms)('we accept `openssl cms -sign -binary`: %s %s %j', (kind, outform, more) => {
    const name = fileOf(kind)
    openssl(
      'cms',
      '-sign',
      '-binary',
      '-in',
      'f.zip',
      '-signer',
      `${name}.pem`,
      '-inkey',
      `${name}.key`,
      '-outform',
      outform,
      '-out',
      'theirs',
      ...more,
    )

    const verdict = judgeWith(kind, readFileSync(at('theirs')))

    expect(verdict.findings.filter(({ status }) => status === 'failed')).toEqual([])
    expect(verdict.kind).toBe('trusted')
  })

  test('we accept RSASSA-PSS as OpenSSL writes it', () => {
    openssl(
      'cms',
      '-sign',
      '-binary',
      '-in',
      'f.zip',
      '-signer',
      'rsa.pem',
      '-inkey',
      'rsa.key',
      '-keyopt',
      'rsa_padding_mode:pss',
      '-outform',
      'DER',
      '-out',
      'pss',
    )

    expect(judgeWith('rsa', readFileSync(at('pss'))).kind).toBe('trusted')
  })

  test.each([
    ['without -binary, which canonicalises line ends', ['-outform', 'DER'], 'text'],
    ['with its content inside', ['-binary', '-nodetach', '-outform', 'DER'], 'attached'],
    ['with SHA-1', ['-binary', '-md', 'sha1', '-outform', 'DER'], 'sha1'],
    ['over other bytes', ['-binary', '-outform', 'DER', '-in', 'rsa.pem'], 'other'],
  ])('we refuse a signature %s', (_title, more, out) => {
    openssl(
      'cms',
      '-sign',
      '-in',
      'f.zip',
      '-signer',
      'rsa.pem',
      '-inkey',
      'rsa.key',
      '-out',
      out,
      ...more,
    )

    const bytes = readFileSync(at(out))
    const verdict = judgeWith('rsa', bytes)

    // a zip without CR LF is the same text and binary; then there is nothing to refuse
    const same = out === 'text' && verdict.kind === 'trusted'
    expect(same || verdict.kind === 'tampered').toBe(true)
  })

  const containers = [
    ['rsa', ['-legacy']],
    ['rsa', []],
    ['EC P-256', ['-legacy']],
    ['EC P-256', []],
    ['EC P-384', []],
  ] as [Kind, string[]][]
  test.each(containers)('signs with a PKCS#12 file: %s %j', async (kind, more) => {
    const name = fileOf(kind)
    openssl(
      'pkcs12',
      '-export',
      '-in',
      `${name}.pem`,
      '-inkey',
      `${name}.key`,
      '-passout',
      'pass:correct horse',
      '-out',
      'key.p12',
      ...more,
    )

    const identity = await loadIdentity({ p12: at('key.p12'), passphraseFile: at('passphrase') })

    expect(Buffer.from(identity.leaf?.der ?? [])).toEqual(derOf(at(`${name}.pem`)))
    expect(
      judgeWith(kind, (await sealOf(await openZip(), identity, { place: 'detached' })).bytes).kind,
    ).toBe('trusted')
  })

  test('says so where the passphrase of a PKCS#12 file is wrong or missing', async () => {
    openssl(
      'pkcs12',
      '-export',
      '-in',
      'rsa.pem',
      '-inkey',
      'rsa.key',
      '-passout',
      'pass:other',
      '-out',
      'other.p12',
    )

    await expect(
      loadIdentity({ p12: at('other.p12'), passphraseFile: at('passphrase') }),
    ).rejects.toThrow('is the passphrase right?')
    await expect(loadIdentity({ p12: at('other.p12') })).rejects.toThrow('is the passphrase right?')
  })

  test('signs with an encrypted PEM key, and says so where its passphrase is missing', async () => {
    openssl(
      'pkey',
      '-in',
      'rsa.key',
      '-aes256',
      '-passout',
      'pass:correct horse',
      '-out',
      'locked.key',
    )

    const opened = await loadIdentity({ key: at('locked.key'), passphraseFile: at('passphrase') })
    expect(opened.publicKey.kind).toBe('rsa')
    await expect(loadIdentity({ key: at('locked.key') })).rejects.toThrow('give --passphrase-file')
  })

  test('refuses a certificate that is not for the key, and a weak key', async () => {
    openssl('genrsa', '-out', 'weak.key', '1024')

    await expect(loadIdentity({ key: at('rsa.key'), cert: at('EC-P-256.pem') })).rejects.toThrow(
      'none of the certificates',
    )
    await expect(loadIdentity({ key: at('weak.key') })).rejects.toThrow('1024 bits')
  })

  test('agrees with `openssl verify` on a chain that OpenSSL made', async () => {
    writeFileSync(
      at('ca.cnf'),
      '[ca]\nbasicConstraints=critical,CA:TRUE\nkeyUsage=critical,keyCertSign,cRLSign\n[leaf]\nbasicConstraints=critical,CA:FALSE\nkeyUsage=critical,digitalSignature\nextendedKeyUsage=codeSigning\n',
    )
    openssl(
      'req',
      '-x509',
      '-newkey',
      'ec',
      '-pkeyopt',
      'ec_paramgen_curve:P-384',
      '-nodes',
      '-days',
      '10',
      '-subj',
      '/CN=Root',
      '-config',
      '/etc/ssl/openssl.cnf',
      '-keyout',
      'root.key',
      '-out',
      'root.pem',
    )
    const issueBy = (name: string, ca: string, section: string): void => {
      openssl(
        'req',
        '-newkey',
        'rsa:2048',
        '-nodes',
        '-subj',
        `/CN=${name}`,
        '-keyout',
        `${name}.key`,
        '-out',
        `${name}.csr`,
      )
      openssl(
        'x509',
        '-req',
        '-in',
        `${name}.csr`,
        '-CA',
        `${ca}.pem`,
        '-CAkey',
        `${ca}.key`,
        '-CAcreateserial',
        '-days',
        '9',
        '-extfile',
        'ca.cnf',
        '-extensions',
        section,
        '-out',
        `${name}.pem`,
      )
    }
    issueBy('issuing', 'root', 'ca')
    issueBy('leaf', 'issuing', 'leaf')
    openssl(
      'verify',
      '-CAfile',
      'root.pem',
      '-untrusted',
      'issuing.pem',
      '-purpose',
      'any',
      'leaf.pem',
    )

    const identity = await loadIdentity({
      key: at('leaf.key'),
      cert: at('leaf.pem'),
      chain: at('issuing.pem'),
    })
    const seal = await sealOf(zip, identity)
    const by = publisher(readFileSync(at('root.pem'), 'latin1'))

    expect(judgeZip(zip, [by], { seals: [seal], atMs: Date.now() + DAY_MS }).kind).toBe('trusted')
    expect(judgeZip(zip, [by], { seals: [seal], atMs: AT_MS + 3_650 * DAY_MS }).kind).toBe(
      'untrusted',
    )
  })
})

function derOf(path: string): Buffer {
  const [, base64 = ''] = readFileSync(path, 'latin1').split(/-----[A-Z ]+-----/)
  return Buffer.from(base64, 'base64')
}
