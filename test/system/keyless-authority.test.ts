import { execFile } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

import { expect, test } from 'vitest'

import { TestIssuer } from '../support/authority.ts'
import { AuthorityProcess } from '../support/authority-process.ts'
import { lacre } from '../support/command.ts'
import { lacreCommand } from '../support/service.ts'
import { zipOf } from '../support/zip-builder.ts'

/** Without blocking this process, in which the issuer answers. */
async function lacreAsync(args: readonly string[], env: Readonly<Record<string, string>>) {
  return await new Promise<{ status: number; stderr: string }>((resolve) => {
    execFile(process.execPath, [lacreCommand, ...args], { env }, (error, _stdout, stderr) =>
      resolve({ status: error === null ? 0 : Number(error.code), stderr }),
    )
  })
}

test('a private authority is all that a team needs: sign keyless into a zip, and verify it offline by name', async () => {
  const dir = mkdtempSync(join(tmpdir(), 'lacre-keyless-system-'))
  const at = (name: string): string => join(dir, name)
  await using issuer = await TestIssuer.start()
  const authority = await AuthorityProcess.start(at('data'), issuer)
  try {
    writeFileSync(at('f.zip'), zipOf({ 'index.js': 'exports.handler = () => 1\n' }))
    const root = lacre(['authority', 'trusted-root', '--data', at('data')])
    const config = lacre(['authority', 'trusted-root', '--data', at('data'), '--signing-config'])
    writeFileSync(at('trusted_root.json'), root.stdout)
    writeFileSync(at('signing_config.json'), config.stdout)
    const token = await issuer.token()
    const trusted = ['--trusted-root', at('trusted_root.json')]

    const signed = await lacreAsync(
      ['sign', at('f.zip'), '--signing-config', at('signing_config.json'), ...trusted],
      { SIGSTORE_ID_TOKEN: token },
    )
    await authority.end('SIGTERM')

    expect(signed).toMatchObject({ status: 0, stderr: 'identity token: SIGSTORE_ID_TOKEN\n' })
    const verify = (identity: string, by = issuer.url) =>
      lacre([
        'verify',
        at('f.zip'),
        '--certificate-identity',
        identity,
        '--certificate-oidc-issuer',
        by,
        ...trusted,
      ]).status
    expect(verify('ada@example.org')).toBe(0)
    expect(verify('ida@example.org')).toBe(1)
    expect(verify('ada@example.org', 'https://issuer.test')).toBe(1)
    expect(readFileSync(at('f.zip')).includes(token.split('.')[1] ?? '')).toBe(false)
  } finally {
    await authority.end('SIGKILL')
    rmSync(dir, { recursive: true, force: true })
  }
})

test('attest keyless, and verify by name and type offline: the log and its time stand in the bundle', async () => {
  const dir = mkdtempSync(join(tmpdir(), 'lacre-keyless-attest-'))
  const at = (name: string): string => join(dir, name)
  await using issuer = await TestIssuer.start()
  const authority = await AuthorityProcess.start(at('data'), issuer)
  try {
    writeFileSync(at('f.zip'), zipOf({ 'index.js': 'exports.handler = () => 1\n' }))
    writeFileSync(at('result.json'), '{"result":"PASSED"}')
    const root = lacre(['authority', 'trusted-root', '--data', at('data')])
    const config = lacre(['authority', 'trusted-root', '--data', at('data'), '--signing-config'])
    writeFileSync(at('trusted_root.json'), root.stdout)
    writeFileSync(at('signing_config.json'), config.stdout)
    const trusted = ['--trusted-root', at('trusted_root.json')]

    const made = await lacreAsync(
      [
        'attest',
        at('f.zip'),
        '--type',
        'test-result',
        '--predicate',
        at('result.json'),
        '--detached',
        at('a.json'),
        '--signing-config',
        at('signing_config.json'),
        ...trusted,
      ],
      { SIGSTORE_ID_TOKEN: await issuer.token() },
    )
    await authority.end('SIGTERM')

    expect(made).toMatchObject({ status: 0, stderr: 'identity token: SIGSTORE_ID_TOKEN\n' })
    const verify = (identity: string, type: string) =>
      lacre([
        'verify',
        at('f.zip'),
        '--type',
        type,
        '--signature',
        at('a.json'),
        ...trusted,
        '--certificate-identity',
        identity,
        '--certificate-oidc-issuer',
        issuer.url,
        '--json',
      ])
    const good = verify('ada@example.org', 'test-result')
    expect(good.status).toBe(0)
    const { attested } = JSON.parse(good.stdout) as { attested: { tests: { atMs?: number } } }
    expect(attested.tests.atMs).toBeGreaterThan(Date.now() - 600_000)
    expect(verify('ida@example.org', 'test-result').status).toBe(1)
    expect(verify('ada@example.org', 'cyclonedx').status).toBe(1)
  } finally {
    await authority.end('SIGKILL')
    rmSync(dir, { recursive: true, force: true })
  }
})
