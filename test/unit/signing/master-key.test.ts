import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

import { afterEach, beforeEach, expect, test } from 'vitest'

import { createMasterKey, openedMasterKey } from '../../../cli/signing/index.ts'
import { FAULTS, startDouble, type Holder } from '../../support/kms-doubles.ts'

const HOLDERS: readonly Holder[] = ['aws', 'gcp', 'azure', 'vault']
const REFERENCES: Partial<Record<Holder, string>> = {
  gcp: 'gcpkms://projects/p1/locations/global/keyRings/r1/cryptoKeys/release',
}

let dir = ''
const at = (name: string): string => join(dir, name)
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'lacre-master-'))
})
afterEach(() => rmSync(dir, { recursive: true, force: true }))

const referenceOf = (holder: Holder, given: string): string => REFERENCES[holder] ?? given

test.each(HOLDERS)('%s: wraps a master key that only it unwraps', async (holder) => {
  await using double = await startDouble(holder, 'p256')
  const { environment } = double
  const kms = referenceOf(holder, double.reference)

  await createMasterKey(at('m'), kms, { environment })
  const { masterKey } = await openedMasterKey(at('m'), environment)
  const again = await openedMasterKey(undefined, { ...environment, LACRE_MASTER_KEY_FILE: at('m') })

  expect(Buffer.from(masterKey ?? '', 'base64')).toHaveLength(32)
  expect(again.masterKey).toBe(masterKey)
  const kept = readFileSync(at('m'), 'utf8')
  expect(kept).not.toContain(masterKey)
  expect(JSON.parse(kept)).toMatchObject({ v: 1, kms })
  expect(statSync(at('m')).mode & 0o777).toBe(0o600)
})

test.each(HOLDERS)('%s: makes no file where the key it unwraps is another', async (holder) => {
  await using double = await startDouble(holder, 'p256')
  double.fault = 'other-key'
  const { environment, reference } = double

  await expect(
    createMasterKey(at('m'), referenceOf(holder, reference), { environment }),
  ).rejects.toMatchObject({ code: 'SIGNER_FAILED' })
  expect(() => statSync(at('m'))).toThrow('ENOENT')
})

const network = FAULTS.filter((fault) => !['wrong-signature', 'other-key'].includes(fault))
test.each(HOLDERS.flatMap((holder) => network.map((fault) => [holder, fault] as const)))(
  '%s: tells no secret where it answers with %s',
  async (holder, fault) => {
    await using double = await startDouble(holder, 'p256')
    const { environment, secrets } = double
    const kms = referenceOf(holder, double.reference)
    await createMasterKey(at('m'), kms, { environment })
    double.fault = fault
    double.everywhere = true

    const failure = await createMasterKey(at('n'), kms, { environment, timeoutMs: 400 }).catch(
      (error: unknown) => error as Error,
    )
    expect(failure).toMatchObject({ code: 'SIGNER_FAILED' })
    for (const secret of secrets) expect(String(failure?.message)).not.toContain(secret)
  },
)

test('believes Google only where the checksums fit', async () => {
  await using double = await startDouble('gcp', 'p256')
  const { environment } = double
  for (const fault of ['wrong-crc32c', 'unverified'] as const) {
    double.fault = fault
    await expect(
      createMasterKey(at('m'), referenceOf('gcp', ''), { environment }),
    ).rejects.toMatchObject({ detail: { rule: 'crc32c' } })
  }
})

test('makes a plain key once, which the service reads itself', async () => {
  await createMasterKey(at('m'), undefined, { environment: {} })

  expect(readFileSync(at('m'), 'utf8')).toMatch(/^[\w+/]{43}=\n$/)
  expect(await openedMasterKey(at('m'), {})).toEqual({})
  expect(await openedMasterKey(undefined, {})).toEqual({})
  await expect(createMasterKey(at('m'), undefined, { environment: {} })).rejects.toMatchObject({
    code: 'RESOURCE_CONFLICT',
  })
})

test.each([
  ['{"v":2,"kms":"hashivault://release","wrapped":"x"}', 'CONFIGURATION'],
  ['{"v":1,"kms":1,"wrapped":"x"}', 'CONFIGURATION'],
  ['{"v":1,"kms":"k.pem","wrapped":"x"}', 'INVALID_PARAMETER'],
  ['{"v":1', 'INVALID_REQUEST_CONTENT'],
])('starts nothing on the file %s', async (text, code) => {
  writeFileSync(at('m'), text)
  await expect(openedMasterKey(at('m'), {})).rejects.toMatchObject({ code })
})

test("does not take another version's form for what Azure wrapped", async () => {
  await using double = await startDouble('azure', 'p256')
  const { environment, reference: kms } = double
  writeFileSync(at('m'), JSON.stringify({ v: 1, kms, wrapped: 'nothing' }))
  await expect(openedMasterKey(at('m'), environment)).rejects.toMatchObject({
    detail: { rule: 'malformed-wrapped' },
  })
})
