import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

import { afterAll, expect, test } from 'vitest'

import { unsealedSource } from '../../services/artifact/index.ts'
import { openZip, readAll } from '../support/pki.ts'
import { IDENTITY, ISSUER, SIGNED_AT_MS, TestSigstore } from '../support/sigstore.ts'
import { lacreCommand } from '../support/service.ts'

const dir = mkdtempSync(join(tmpdir(), 'lacre-keyless-'))
afterAll(() => rmSync(dir, { recursive: true, force: true }))
const at = (name: string): string => join(dir, name)

const zip = await openZip()
const bytes = readAll(unsealedSource(zip))
const sigstore = new TestSigstore()
writeFileSync(at('f.zip'), bytes)
writeFileSync(at('f.zip.sigstore.json'), JSON.stringify(sigstore.sign(bytes).bundle))
writeFileSync(at('blob.json'), JSON.stringify(sigstore.sign(bytes, { form: 'message' }).bundle))
writeFileSync(at('root.json'), sigstore.trustedRoot())

/** A network namespace of its own has no interface that is up, not even the loopback. */
const UNSHARE = '/usr/bin/unshare'
const unshared = spawnSync(UNSHARE, ['-rn', 'true']).status === 0

function verify(signature: string, identity: string, more: readonly string[] = []) {
  const keyless = ['--certificate-identity', identity, '--certificate-oidc-issuer', ISSUER]
  const files = [at('f.zip'), '--signature', at(signature), '--trusted-root', at('root.json')]
  const command = [
    process.execPath,
    lacreCommand,
    'verify',
    ...files,
    ...keyless,
    ...more,
    '--json',
  ]
  const run = spawnSync(UNSHARE, ['-rn', ...command], { encoding: 'utf8' })
  return { status: run.status, answer: JSON.parse(run.stdout || '{}') as Record<string, unknown> }
}

test.skipIf(!unshared)(
  'verifies a keyless seal without any network, and shows log and time',
  () => {
    const { status, answer } = verify('f.zip.sigstore.json', IDENTITY)

    expect(status).toBe(0)
    expect(answer).toMatchObject({
      trusted: true,
      signers: [`${IDENTITY} (${ISSUER})`],
      seals: [
        {
          times: [{ at: new Date(SIGNED_AT_MS).toISOString(), source: 'rekor-v1' }],
          logs: [{ index: 41, kind: 'dsse 0.0.1', proof: 'inclusion and promise' }],
        },
      ],
    })
  },
)

test.skipIf(!unshared)('refuses another identity with the exit code of a refusal', () => {
  const { status, answer } = verify('f.zip.sigstore.json', `${IDENTITY}s`)

  expect(status).toBe(1)
  expect(answer).toMatchObject({ trusted: false })
})

test.skipIf(!unshared)('verifies the bytes of any file by a message signature', () => {
  const { status } = verify('blob.json', IDENTITY, ['--blob', '--form', 'message'])

  expect(status).toBe(0)
})

test.skipIf(!unshared)('takes the three keyless options together, and says so', () => {
  const args = ['verify', at('f.zip'), '--certificate-identity', IDENTITY]
  const run = spawnSync(process.execPath, [lacreCommand, ...args], { encoding: 'utf8' })

  expect(run.status).not.toBe(0)
  expect(run.stderr).toContain('--certificate-oidc-issuer')
})
