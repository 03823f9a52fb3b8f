import { execFileSync, spawnSync } from 'node:child_process'
import { createPublicKey } from 'node:crypto'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

import { bundleFromJSON, type SerializedBundle } from '@sigstore/bundle'
import { toSignedEntity, toTrustMaterial, Verifier } from '@sigstore/verify'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'

import { loadIdentity, loadSigner } from '../../../cli/signing/index.ts'
import { unsealedSource } from '../../../services/artifact/index.ts'
import type { HeldKind } from '../../support/held-key.ts'
import { FAULTS, startDouble, type Fault, type Holder } from '../../support/kms-doubles.ts'
import { issue, judgeZip, openZip, publisher, readAll, sealOf } from '../../support/pki.ts'
import { zipOf } from '../../support/zip-builder.ts'
import { run } from '../cli/captured.ts'

const there = spawnSync('openssl', ['version']).status === 0
const HOLDERS: readonly Holder[] = ['aws', 'gcp', 'azure', 'vault']
const HELD: Readonly<Record<Holder, readonly HeldKind[]>> = {
  aws: ['p256', 'p384', 'rsa3072', 'ed25519'],
  gcp: ['p256', 'p384', 'rsa3072', 'ed25519'],
  azure: ['p256', 'p384', 'rsa3072'],
  vault: ['p256', 'p384', 'rsa3072', 'ed25519'],
}
const pairs = HOLDERS.flatMap((holder) => HELD[holder].map((kind) => [holder, kind] as const))
/** Long enough for an answer on loopback on a busy machine, short enough to wait for. */
const HANG_MS = 400

const zip = await openZip()
let dir = ''
const at = (name: string): string => join(dir, name)
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'lacre-kms-test-'))
  writeFileSync(at('f.zip'), zipOf({ 'index.js': 'exports.handler = () => 1\n' }))
})
afterEach(() => rmSync(dir, { recursive: true, force: true }))

const table = [
  { name: 'sign', summary: '', load: () => import('../../../cli/commands/sign.ts') },
  { name: 'key', summary: '', load: () => import('../../../cli/commands/key.ts') },
  { name: 'verify', summary: '', load: () => import('../../../cli/commands/verify.ts') },
]

/** @sigstore/verify under one plain key; throws where it does not accept. */
function verifyBySigstore(bytes: Uint8Array, pem: string): void {
  const bundle = bundleFromJSON(JSON.parse(Buffer.from(bytes).toString('utf8')) as SerializedBundle)
  const none = { tlogs: [], ctlogs: [], certificateAuthorities: [], timestampAuthorities: [] }
  const material = toTrustMaterial({ ...none, mediaType: '' }, () => ({
    publicKey: createPublicKey(pem),
    validFor: () => true,
  }))
  const thresholds = { tlogThreshold: 0, ctlogThreshold: 0, timestampThreshold: 0 }
  new Verifier(material, thresholds).verify(toSignedEntity(bundle))
}

describe.skipIf(!there)('keys in a KMS', () => {
  test.each(pairs)('%s: a %s key makes a seal that is trusted', async (holder, kind) => {
    await using double = await startDouble(holder, kind)
    const { reference, environment, key } = double

    const identity = await loadIdentity({ key: reference }, { environment })
    const seal = await sealOf(zip, identity)

    expect(judgeZip(zip, [publisher(key.pem)], { seals: [seal] }).kind).toBe('trusted')
    // @sigstore/verify takes SHA-256 for every curve
    if (kind !== 'p384') expect(() => verifyBySigstore(seal.bytes, key.pem)).not.toThrow()
  })

  test.each(pairs)('%s: a %s key with a certificate makes a CMS', async (holder, kind) => {
    await using double = await startDouble(holder, kind)
    const { reference, environment, key } = double
    const certificate = issue({ key })
    writeFileSync(at('cert.pem'), certificate.pem)

    const identity = await loadIdentity({ key: reference, cert: at('cert.pem') }, { environment })
    const seal = await sealOf(zip, identity)

    expect(judgeZip(zip, [publisher(certificate.pem)], { seals: [seal] }).kind).toBe('trusted')
    // OpenSSL 3.0 verifies no CMS by Ed25519 with signed attributes over SHA-512
    if (kind !== 'ed25519') expect(() => verifyByOpenssl(seal.bytes)).not.toThrow()
  })

  function verifyByOpenssl(bytes: Uint8Array): void {
    writeFileSync(at('seal.p7s'), bytes)
    writeFileSync(at('content'), readAll(unsealedSource(zip)))
    const args =
      'cms -verify -binary -inform DER -in seal.p7s -content content -CAfile cert.pem -purpose any -no_check_time -out /dev/null'
    execFileSync('openssl', args.split(' '), { cwd: dir, stdio: 'pipe' })
  }

  test.each(['aws', 'gcp'] as const)(
    '%s: an RSA key for PSS alone signs CMS and refuses a bundle, which cannot say so',
    async (holder) => {
      await using double = await startDouble(holder, 'rsa3072', { pss: true })
      const { reference, environment, key } = double
      const certificate = issue({ key })
      writeFileSync(at('cert.pem'), certificate.pem)

      const identity = await loadIdentity({ key: reference, cert: at('cert.pem') }, { environment })
      const seal = await sealOf(zip, identity)

      expect(judgeZip(zip, [publisher(certificate.pem)], { seals: [seal] }).kind).toBe('trusted')
      expect(() => verifyByOpenssl(seal.bytes)).not.toThrow()
      await expect(sealOf(zip, identity, { format: 'bundle' })).rejects.toMatchObject({
        code: 'INVALID_PARAMETER',
      })
    },
  )

  test.each(HOLDERS)(
    '%s: the command signs, prints the public half, and verifies',
    async (holder) => {
      await using double = await startDouble(holder, 'p256')
      const { reference, environment, key } = double

      const shown = await run(['key', 'public', '--key', reference], { table, environment })
      writeFileSync(at('k.pub'), shown.out)
      const signed = await run(['sign', at('f.zip'), '--key', reference], { table, environment })
      const verified = await run(['verify', at('f.zip'), '--key', at('k.pub')], { table })

      expect(shown.out).toBe(key.pem)
      expect([shown.code, signed.code, verified.code]).toEqual([0, 0, 0])
    },
  )

  const faults = HOLDERS.flatMap((holder) => FAULTS.map((fault) => [holder, fault] as const))
  const rules: Partial<Record<Fault, string>> = {
    'wrong-signature': 'wrong-signature',
    'other-key': 'wrong-signature',
    'status-500': 'refused',
    hang: 'timeout',
    huge: 'too-large',
    redirect: 'redirect',
    html: 'not-json',
    cut: 'unreachable',
    array: 'not-json',
    echo: 'refused',
  }
  test.each(faults)('%s: refuses a holder that answers with %s', async (holder, fault) => {
    await using double = await startDouble(holder, 'p256')
    const { reference, environment } = double
    const identity = await loadIdentity(
      { key: reference },
      { environment, ...(fault === 'hang' && { timeoutMs: HANG_MS }) },
    )
    double.fault = fault

    await expect(sealOf(zip, identity)).rejects.toMatchObject({
      code: 'SIGNER_FAILED',
      detail: { rule: rules[fault] },
    })
    expect(double.asked).not.toContain('/elsewhere')
  })

  test.each([
    ['gcp', 'wrong-crc32c', 'crc32c'],
    ['gcp', 'unverified', 'crc32c'],
    ['gcp', 'other-version', 'other-key'],
    ['azure', 'other-version', 'other-key'],
    ['vault', 'other-version', 'other-key'],
  ] as const)('%s: refuses an answer with %s', async (holder, fault, rule) => {
    await using double = await startDouble(holder, 'p256')
    const { reference, environment } = double
    const identity = await loadIdentity({ key: reference }, { environment })
    double.fault = fault

    await expect(sealOf(zip, identity)).rejects.toMatchObject({
      code: 'SIGNER_FAILED',
      detail: { rule },
    })
  })

  test.each(HOLDERS)('%s: leaves the zip as it is where the signature is wrong', async (holder) => {
    await using double = await startDouble(holder, 'p256')
    const { reference, environment } = double
    const before = readFileSync(at('f.zip'))
    double.fault = 'other-key'

    const ran = await run(['sign', at('f.zip'), '--key', reference], { table, environment })

    expect(ran.code).toBe(3)
    expect(ran.err).toContain('a signature that the key did not make (wrong-signature)')
    expect(readFileSync(at('f.zip'))).toEqual(before)
  })

  const loud = HOLDERS.flatMap((holder) =>
    (['echo', 'status-500', 'html', 'array', 'redirect'] as const).flatMap((fault) =>
      [false, true].map((everywhere) => [holder, fault, everywhere] as const),
    ),
  )
  test.each(loud)('%s: shows no secret on %s (in tokens and keys too: %s)', async (...row) => {
    const [holder, fault, everywhere] = row
    await using double = await startDouble(holder, 'p256')
    const { reference, environment, secrets } = double
    double.fault = fault
    double.everywhere = everywhere

    const line = ['sign', at('f.zip'), '--key', reference]
    const plain = await run(line, { table, environment })
    const asJson = await run([...line, '--json'], { table, environment })

    expect([plain.code, asJson.code]).toEqual([3, 3])
    const shown = `${plain.out}${plain.err}${asJson.out}${asJson.err}`
    expect(secrets.filter((secret) => shown.includes(secret))).toEqual([])
  })

  test.each(['aws', 'gcp', 'vault'] as const)(
    '%s: refuses a weak key before it signs',
    async (holder) => {
      await using double = await startDouble(holder, 'rsa1024')
      const { reference, environment, asked } = double

      await expect(loadIdentity({ key: reference }, { environment })).rejects.toMatchObject({
        code: 'INVALID_PARAMETER',
        message: expect.stringContaining('1024 bits') as string,
      })
      expect(asked.filter((path) => path.includes('ign'))).toEqual([])
    },
  )

  test.each([
    ['aws', 'AWS_SECRET_ACCESS_KEY', 'AKIAWRONGWRONG', 'refused'],
    ['gcp', 'GOOGLE_OAUTH_ACCESS_TOKEN', 'ya29.wrong', 'refused'],
    ['azure', 'AZURE_CLIENT_SECRET', 'wrong~secret', 'refused'],
    ['vault', 'VAULT_TOKEN', 'hvs.wrong', 'refused'],
  ] as const)('%s: is refused with a wrong %s, which is not shown', async (...row) => {
    const [holder, name, value, rule] = row
    await using double = await startDouble(holder, 'p256')
    const environment = { ...double.environment, [name]: value }

    const failure = await loadSigner(double.reference, { environment }).catch((e: unknown) => e)

    expect(failure).toMatchObject({ code: 'SIGNER_FAILED', detail: { rule } })
    expect(JSON.stringify(failure) + String(failure)).not.toContain(value)
  })

  test('gcp: takes an access token in place of a service account', async () => {
    await using double = await startDouble('gcp', 'p256')
    const environment = { ...double.environment, CLOUDSDK_AUTH_ACCESS_TOKEN: double.secrets[0] }

    await loadSigner(double.reference, { environment })

    expect(double.asked).not.toContain('/token')
  })

  test('aws: says how much Ed25519 takes before it asks', async () => {
    await using double = await startDouble('aws', 'ed25519')
    const { reference, environment, asked } = double
    const signer = await loadSigner(reference, { environment })

    await expect(signer.sign({ kind: 'ed25519' }, Buffer.alloc(4_097))).rejects.toMatchObject({
      detail: { rule: 'message-size' },
    })
    expect(asked).toHaveLength(1)
  })
})
