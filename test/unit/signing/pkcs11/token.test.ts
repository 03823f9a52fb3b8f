import { createPrivateKey, createPublicKey } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'

import { loadIdentity, loadSigner, signWith, usualScheme } from '../../../../cli/signing/index.ts'
import { issue, judgeZip, openZip, publisher, sealOf } from '../../../support/pki.ts'
import { PIN, SoftToken, softTokenLacks, softTokenModule } from '../../../support/soft-token.ts'
import { zipOf } from '../../../support/zip-builder.ts'
import { run } from '../../cli/captured.ts'

const lacks = softTokenLacks()
const zip = await openZip()
const environment = { COSIGN_PKCS11_MODULE_PATH: softTokenModule, COSIGN_PKCS11_PIN: PIN }

const made = [
  ['EC:prime256v1', 'p256', '01', 'P-256'],
  ['EC:secp384r1', 'p384', '02', 'P-384'],
  ['rsa:3072', 'rsa', '03', 'rsa'],
  ['EC:edwards25519', 'ed', '04', 'ed25519'],
] as const
const brought = [
  [['-algorithm', 'EC', '-pkeyopt', 'ec_paramgen_curve:P-256'], 'brought-p256', '11', 'P-256'],
  [['-algorithm', 'EC', '-pkeyopt', 'ec_paramgen_curve:P-384'], 'brought-p384', '12', 'P-384'],
  [['-algorithm', 'RSA', '-pkeyopt', 'rsa_keygen_bits:3072'], 'brought-rsa', '13', 'rsa'],
  [['-algorithm', 'ED25519'], 'brought-ed', '14', 'ed25519'],
] as const

describe.skipIf(lacks !== undefined)('keys in a token (softhsm2)', () => {
  let token: SoftToken
  beforeAll(() => {
    token = new SoftToken('release', 'spare', 'twin', 'twin')
    for (const [type, label, id] of made) token.generate('release', type, [label, id])
    for (const [algorithm, label, id] of brought) token.importKey('release', algorithm, label, id)
    token.generate('release', 'EC:prime256v1', ['same', '21'])
    token.generate('release', 'EC:prime256v1', ['same', '22'])
    token.generate('release', 'EC:prime256v1', ['asks', '23'], '--always-auth')
    token.generate('release', 'rsa:1024', ['weak', '24'])
    token.generate('release', 'EC:prime256v1', ['lone', '25'])
    token.deleteObject('release', 'pubkey', '25')
    token.generate('release', 'rsa:2048', ['lone-rsa', '26'])
    token.deleteObject('release', 'pubkey', '26')
    token.importKey(
      'release',
      ['-algorithm', 'EC', '-pkeyopt', 'ec_paramgen_curve:P-256'],
      'certified',
      '27',
    )
    token.deleteObject('release', 'pubkey', '27')
    const privateKey = createPrivateKey(token.read('certified-27.pem'))
    const key = { privateKey, publicKey: createPublicKey(privateKey) }
    token.writeCertificate('release', issue({ key }).der, '27')
  }, 120_000)
  afterAll(() => token[Symbol.dispose]())

  const kinds = [...made, ...brought].map(([, label, , kind]) => [label, kind] as const)
  test.each(kinds)('the key %s (%s) makes a seal that is trusted', async (label, kind) => {
    const reference = `pkcs11:token=release;object=${label}`
    const identity = await loadIdentity({ key: reference }, { environment })
    try {
      const { publicKey } = identity
      const pem = publicKey.object.export({ format: 'pem', type: 'spki' }).toString()
      const seal = await sealOf(zip, identity)

      expect(publicKey.curve ?? publicKey.kind).toBe(kind)
      expect(judgeZip(zip, [publisher(pem)], { seals: [seal] }).kind).toBe('trusted')
    } finally {
      await identity.signer.close?.()
    }
  })

  test.each(brought.map(([, label, id]) => [label, id] as const))(
    'the public half of %s is the one that OpenSSL has',
    async (label, id) => {
      const table = [
        { name: 'key', summary: '', load: () => import('../../../../cli/commands/key.ts') },
      ]
      const args = ['key', 'public', '--key', `pkcs11:token=release;id=%${id}`]
      const shown = await run(args, { table, environment })

      expect(shown.out).toBe(token.publicPem(label, id))
    },
  )

  test.each([
    ['the PIN in the URI', () => `?pin-value=${PIN}&module-path=${softTokenModule}`],
    [
      'the PIN in a file',
      () => `?pin-source=${token.file('pin', `${PIN}\n`)}&module-path=${softTokenModule}`,
    ],
    [
      'a file: URI of it',
      () => `?pin-source=file://${token.file('pin', PIN)}&module-path=${softTokenModule}`,
    ],
  ])('opens with %s and nothing in the environment', async (_title, query) => {
    const key = `pkcs11:token=release;object=p256${query()}`
    const signer = await loadSigner(key, { environment: {} })

    expect(signer.publicKey.curve).toBe('P-256')
    await signer.close?.()
  })

  test('asks for the PIN where nothing gives it', async () => {
    const asked: string[] = []
    const prompt = (question: string): Promise<string> => {
      asked.push(question)
      return Promise.resolve(PIN)
    }
    const given = { COSIGN_PKCS11_MODULE_PATH: softTokenModule }
    const signer = await loadSigner('pkcs11:token=release;object=p256', {
      environment: given,
      prompt,
    })
    await signer.close?.()

    expect(asked).toHaveLength(1)
    await expect(
      loadSigner('pkcs11:token=release;object=p256', { environment: given }),
    ).rejects.toThrow('COSIGN_PKCS11_PIN')
  })

  test.each([
    ['a key that wants the PIN at every use', 'object=asks'],
    ['an RSA key without a public object', 'object=lone-rsa'],
    ['a key whose public half stands in a certificate', 'object=certified'],
    ['one of two keys of one label, by its id', 'object=same;id=%22'],
  ])('signs with %s', async (_title, path) => {
    const signer = await loadSigner(`pkcs11:token=release;${path}`, { environment })
    const { publicKey } = signer

    expect(await signWith(signer, usualScheme(publicKey), Buffer.from('x'))).toBeInstanceOf(Buffer)
    await signer.close?.()
  })

  test.each([
    ['a key that is not there', 'token=release;object=none', {}, 'no-key'],
    ['two keys of one label', 'token=release;object=same', {}, 'ambiguous-key'],
    ['an id that is another key’s', 'token=release;object=p256;id=%02', {}, 'no-key'],
    ['a token that is not there', 'token=other;object=p256', {}, 'no-token'],
    ['a slot that is not there', 'token=release;slot-id=99;object=p256', {}, 'no-token'],
    ['two tokens of one label', 'token=twin;object=p256', {}, 'ambiguous-token'],
    ['a token without the key', 'token=spare;object=p256', {}, 'no-key'],
    ['no public half anywhere', 'token=release;object=lone', {}, 'no-public-key'],
    ['a wrong PIN', 'token=release;object=p256', { COSIGN_PKCS11_PIN: '0000' }, 'pin-incorrect'],
    [
      'a PIN that is too short',
      'token=release;object=p256',
      { COSIGN_PKCS11_PIN: '1' },
      'pin-incorrect',
    ],
    [
      'a module that is not there',
      'token=release;object=p256',
      { COSIGN_PKCS11_MODULE_PATH: '/nowhere.so' },
      'module',
    ],
    [
      'a module that is none',
      'token=release;object=p256',
      { COSIGN_PKCS11_MODULE_PATH: '/usr/lib/os-release' },
      'module',
    ],
  ])('refuses %s', async (...row) => {
    const [, path, more, rule] = row
    const opened = loadSigner(`pkcs11:${path}`, { environment: { ...environment, ...more } })

    await expect(opened).rejects.toMatchObject({ code: 'SIGNER_FAILED', detail: { rule } })
  })

  test('refuses a weak key before it signs', async () => {
    await expect(
      loadSigner('pkcs11:token=release;object=weak', { environment }),
    ).rejects.toMatchObject({ code: 'INVALID_PARAMETER' })
  })

  test.each([
    ['a wrong PIN in the URI', `token=release;object=p256?pin-value=00998877`],
    ['an unknown attribute', `token=release;object=p256;colour=red?pin-value=00998877`],
    ['an id that is not there', `token=release;id=%ff?pin-value=00998877`],
  ])('shows no PIN with %s', async (_title, rest) => {
    const zipFile = token.file('f.zip', Buffer.from(zipOf({ 'a.js': '1' })).toString('latin1'))
    const table = [
      { name: 'sign', summary: '', load: () => import('../../../../cli/commands/sign.ts') },
    ]
    const args = ['sign', zipFile, '--key', `pkcs11:${rest}`, '--json']
    const ran = await run(args, { table, environment })

    expect([2, 3]).toContain(ran.code)
    expect(ran.out + ran.err).not.toContain('00998877')
  })

  test('lets go of the token, so that it opens again at once, many times', async () => {
    const signatures: Uint8Array[] = []
    for (let round = 0; round < 5; round += 1) {
      const signer = await loadSigner('pkcs11:token=release;object=p256', { environment })
      signatures.push(await signWith(signer, usualScheme(signer.publicKey), Buffer.from('x')))
      await signer.close?.()
    }

    expect(signatures).toHaveLength(5)
  })
})
