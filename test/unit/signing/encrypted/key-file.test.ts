import { execFileSync, spawnSync } from 'node:child_process'
import { generateKeyPairSync } from 'node:crypto'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

import { afterAll, beforeAll, describe, expect, test } from 'vitest'

import { loadSigner, signWith, usualScheme } from '../../../../cli/signing/index.ts'
import { sealAsCosign } from '../../../support/cosign-key.ts'
import { run } from '../../cli/captured.ts'

const PASSPHRASE = 'correct horse battery staple'
const pair = generateKeyPairSync('ec', { namedCurve: 'P-256' })
const pkcs8 = pair.privateKey.export({ format: 'der', type: 'pkcs8' })
const pem = pair.publicKey.export({ format: 'pem', type: 'spki' }).toString()

let dir = ''
const at = (name: string): string => join(dir, name)
beforeAll(() => {
  dir = mkdtempSync(join(tmpdir(), 'lacre-key-file-'))
  writeFileSync(at('passphrase'), `${PASSPHRASE}\n`)
  writeFileSync(at('wrong'), 'wrong\n')
  writeFileSync(at('plain.pem'), pair.privateKey.export({ format: 'pem', type: 'pkcs8' }))
})
afterAll(() => rmSync(dir, { recursive: true, force: true }))

const table = [
  { name: 'key', summary: '', load: () => import('../../../../cli/commands/key.ts') },
  { name: 'sign', summary: '', load: () => import('../../../../cli/commands/sign.ts') },
]

/** The public half of a key file, by the command. */
async function publicOf(file: string, passphraseFile = at('passphrase')): Promise<string> {
  const args = ['key', 'public', '--key', file, '--passphrase-file', passphraseFile]
  return (await run(args, { table })).out
}

describe("cosign's encrypted keys", () => {
  test.each(['ENCRYPTED COSIGN PRIVATE KEY', 'ENCRYPTED SIGSTORE PRIVATE KEY'])(
    'open under the label %s',
    async (label) => {
      writeFileSync(at('cosign.key'), sealAsCosign(pkcs8, PASSPHRASE, { label }))

      expect(await publicOf(at('cosign.key'))).toBe(pem)
    },
  )

  test('open with COSIGN_PASSWORD, an empty one too, and from an environment variable', async () => {
    const environment = { COSIGN_PASSWORD: '', KEY: sealAsCosign(pkcs8, '') }
    const signer = await loadSigner('env://KEY', { environment })

    expect(signer.publicKey.object.export({ format: 'pem', type: 'spki' })).toBe(pem)
  })

  test('open with what a person types, who is asked once', async () => {
    writeFileSync(at('cosign.key'), sealAsCosign(pkcs8, PASSPHRASE))
    const asked: string[] = []
    const prompt = (question: string): Promise<string> => {
      asked.push(question)
      return Promise.resolve(PASSPHRASE)
    }
    await loadSigner(at('cosign.key'), { environment: {}, prompt })
    await loadSigner(at('plain.pem'), { environment: {}, prompt })

    expect(asked).toHaveLength(1)
  })

  const huge = { N: 1_073_741_824, r: 8, p: 1 }
  test.each([
    ['a cost that would take gigabytes', { params: huge }, 'out of bounds'],
    ['a cost that is no power of two', { params: { N: 40_000, r: 8, p: 1 } }, 'out of bounds'],
    ['a cost that protects nothing', { params: { N: 2, r: 8, p: 1 } }, 'out of bounds'],
    ['another block size', { params: { N: 32_768, r: 1_024, p: 1 } }, 'out of bounds'],
    ['much parallelism', { params: { N: 32_768, r: 8, p: 1_000 } }, 'out of bounds'],
    ['a cost that is text', { params: { N: '32768', r: 8, p: 1 } }, 'out of bounds'],
    ['other parameters', { params: { N: 32_768, r: 8, p: 1, dkLen: 64 } }, 'does not write'],
    [
      'another key derivation',
      { change: (file) => Object.assign(file['kdf'] as object, { name: 'pbkdf2' }) },
      'not sealed with',
    ],
    [
      'another cipher',
      { change: (file) => Object.assign(file['cipher'] as object, { name: 'none' }) },
      'not sealed with',
    ],
    [
      'a short nonce',
      { change: (file) => Object.assign(file['cipher'] as object, { nonce: 'AAAA' }) },
      'as cosign writes it',
    ],
    ['no ciphertext', { change: (file) => delete file['ciphertext'] }, 'as cosign writes it'],
    [
      'a list in place of members',
      { change: (file) => Object.assign(file, { kdf: [] }) },
      'in the form',
    ],
  ] as [string, Parameters<typeof sealAsCosign>[2], string][])(
    'are refused with %s',
    async (_title, options, message) => {
      const environment = {
        COSIGN_PASSWORD: PASSPHRASE,
        KEY: sealAsCosign(pkcs8, PASSPHRASE, options),
      }

      await expect(loadSigner('env://KEY', { environment })).rejects.toMatchObject({
        code: 'INVALID_PARAMETER',
        message: expect.stringContaining(message) as string,
      })
    },
  )

  test('tell a wrong passphrase from a broken file, and show neither', async () => {
    writeFileSync(at('cosign.key'), sealAsCosign(pkcs8, PASSPHRASE))
    const args = ['key', 'public', '--key', at('cosign.key'), '--passphrase-file', at('wrong')]
    const wrong = await run(args, { table })
    const garbage = sealAsCosign(Buffer.from('no key at all, but a secret'), PASSPHRASE)
    const opened = loadSigner('env://KEY', {
      environment: { COSIGN_PASSWORD: PASSPHRASE, KEY: garbage },
    })

    expect(wrong.code).toBe(2)
    expect(wrong.err).toContain('is the passphrase right?')
    await expect(opened).rejects.toThrow('holds no PKCS#8 key')
    const text = wrong.err + String(await opened.catch((error: unknown) => error))
    expect(text).not.toContain('but a secret')
    expect(text).not.toContain(PASSPHRASE)
  })

  test('ask for a passphrase where none is given', async () => {
    await expect(
      loadSigner('env://KEY', { environment: { KEY: sealAsCosign(pkcs8, 'x') } }),
    ).rejects.toThrow('give --passphrase-file or set COSIGN_PASSWORD')
  })
})

describe.skipIf(spawnSync('openssl', ['version']).status !== 0)('keys that OpenSSL wrote', () => {
  const openssl = (...args: readonly string[]): void => {
    execFileSync('openssl', args, { cwd: dir, stdio: 'pipe' })
  }
  const pass = ['-passout', `pass:${PASSPHRASE}`]

  test.each([
    [['-v2', 'aes-256-cbc']],
    [['-v2', 'aes-128-cbc', '-v2prf', 'hmacWithSHA1']],
    [['-v2', 'aes-192-cbc', '-v2prf', 'hmacWithSHA512', '-iter', '100000']],
    [['-v2', 'aes256', '-v2prf', 'hmacWithSHA384']],
    [['-v2', 'des3', '-v2prf', 'hmacWithSHA256']],
    [['-scrypt']],
  ])('open, sign and are refused a wrong passphrase: pkcs8 -topk8 %j', async (options) => {
    openssl('pkcs8', '-topk8', '-in', 'plain.pem', '-out', 'locked.pem', ...options, ...pass)

    expect(readFileSync(at('locked.pem'), 'latin1')).toContain('BEGIN ENCRYPTED PRIVATE KEY')
    expect(await publicOf(at('locked.pem'))).toBe(pem)
    expect(await publicOf(at('locked.pem'), at('wrong'))).toBe('')
  })

  test.each([
    ['SEC1', ['ec', '-in', 'plain.pem', '-out', 'k.pem']],
    [
      'SEC1, encrypted as OpenSSL did before PKCS#8',
      ['ec', '-aes256', '-in', 'plain.pem', '-out', 'k.pem', ...pass],
    ],
  ])('open in %s', async (_title, args) => {
    openssl(...args)

    expect(await publicOf(at('k.pem'))).toBe(pem)
  })

  test.each([
    ['PKCS#1', []],
    ['PKCS#1, encrypted', ['-aes128', ...pass]],
  ])('open in %s', async (_title, options) => {
    openssl('genrsa', '-out', 'r.pem', '2048')
    openssl('rsa', '-traditional', '-in', 'r.pem', '-out', 'k.pem', ...options)
    const signer = await loadSigner(at('k.pem'), { environment: { COSIGN_PASSWORD: PASSPHRASE } })

    expect(readFileSync(at('k.pem'), 'latin1')).toContain('BEGIN RSA PRIVATE KEY')
    expect(await signWith(signer, usualScheme(signer.publicKey), Buffer.from('x'))).toBeInstanceOf(
      Buffer,
    )
  })
})

test('key create encrypts with COSIGN_PASSWORD, and not with an empty one', async () => {
  const environment = { COSIGN_PASSWORD: PASSPHRASE }
  await run(['key', 'create', '--out', at('made.pem')], { table, environment })
  const open = await run(['key', 'create', '--out', at('open.pem'), '--json'], {
    table,
    environment: { COSIGN_PASSWORD: '' },
  })

  expect(await publicOf(at('made.pem'))).toBe(readFileSync(at('made.pem.pub'), 'latin1'))
  expect(readFileSync(at('made.pem'), 'latin1')).toContain('BEGIN ENCRYPTED PRIVATE KEY')
  expect(JSON.parse(open.out)).toMatchObject({ encrypted: false })
})

test('refuses a curve that no publisher takes before it signs', async () => {
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'secp256k1' })
  writeFileSync(at('weak.pem'), privateKey.export({ format: 'pem', type: 'pkcs8' }))

  expect((await run(['key', 'public', '--key', at('weak.pem')], { table })).code).toBe(2)
})
