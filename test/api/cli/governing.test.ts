import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

import { afterAll, describe, expect, it } from 'vitest'

import type { CommandRow } from '../../../cli/command.ts'
import { runCommandLine } from '../../../cli/run.ts'
import { startTestApp } from '../../support/app.ts'
import { nodePackage } from '../../support/packages.ts'
import { keyPair } from '../../support/publisher-keys.ts'
import { createConfig } from '../../support/publishing.ts'
import { bundleSeal, sealedZip } from '../../support/zip-seals.ts'
import { stored } from '../../support/stored.ts'

const app = await startTestApp()
const folder = mkdtempSync(join(tmpdir(), 'lacre-cli-'))
afterAll(async () => {
  await app[Symbol.asyncDispose]()
  rmSync(folder, { recursive: true })
})

const table: readonly CommandRow[] = [
  { name: 'publisher', summary: '', load: () => import('../../../cli/commands/publisher.ts') },
  { name: 'deploy', summary: '', load: () => import('../../../cli/commands/deploy.ts') },
  { name: 'invoke', summary: '', load: () => import('../../../cli/commands/invoke.ts') },
  { name: 'rollback', summary: '', load: () => import('../../../cli/commands/rollback.ts') },
  { name: 'live', summary: '', load: () => import('../../../cli/commands/live.ts') },
  { name: 'doctor', summary: '', load: () => import('../../../cli/commands/doctor.ts') },
]

interface Ran {
  readonly exit: number
  readonly out: string
  readonly err: string
}

async function lacre(...args: readonly string[]): Promise<Ran> {
  let out = ''
  let err = ''
  const exit = await runCommandLine(table, {
    args: [...args, '--data', app.dataDir],
    environment: {},
    out: { write: (text: string) => (out += text) },
    err: { write: (text: string) => (err += text) },
    version: '0.0.0',
  })
  return { exit, out, err }
}

const json = async <T>(...args: readonly string[]): Promise<T> => {
  const { exit, out, err } = await lacre(...args, '--json')
  if (exit !== 0) throw new Error(`exit ${exit}: ${out}${err}`)
  return JSON.parse(out) as T
}
const file = (name: string, bytes: Uint8Array | string): string => {
  const path = join(folder, name)
  writeFileSync(path, bytes)
  return path
}

interface Publisher {
  readonly decision: string
  readonly versions: readonly {
    readonly version: string
    readonly arn: string
    readonly status: string
  }[]
}

const key = keyPair()
const pem = file('team.pub', key.publicPem)
const made = await json<Publisher>('publisher', 'create', 'cli_team', '--key', pem)
const config = await createConfig(app, 'Enforce', made.versions[0]?.arn ?? '')
const zips: Record<string, string> = {}
for (const release of ['one', 'two']) {
  const zip = nodePackage(release)
  zips[release] = file(
    `${release}.zip`,
    await sealedZip(zip, await bundleSeal(zip, key.privateKey)),
  )
}
const fresh = ['--runtime', 'nodejs20.x', '--handler', 'index.handler']
const deploy = ['deploy', zips['one'] ?? '', '--function', 'shop', '--alias', 'prod']

interface Deployed {
  readonly version: string
  readonly alias: string
  readonly decisions: readonly string[]
}

describe('the whole way', () => {
  it('deploys, publishes and points the alias, and tells every decision', async () => {
    const done = await json<Deployed>(...deploy, ...fresh, '--code-signing-config', config)

    expect(done).toMatchObject({ version: '1', alias: 'prod' })
    expect(done.decisions).toHaveLength(3)
    expect(done.decisions.every((id) => id.startsWith('dec-'))).toBe(true)
  })

  it('invokes what was deployed, with its version and its log', async () => {
    const answer = await json<{ executedVersion: string; payload: unknown; log: string }>(
      'invoke',
      'shop:prod',
      '--payload',
      '{"a":1}',
      '--tail',
    )

    expect(answer).toMatchObject({
      executedVersion: '1',
      payload: { release: 'one', event: { a: 1 } },
    })
    expect(answer.log).toContain('release')
  })

  it('updates, and gives the new version a share of the alias', async () => {
    const two = ['deploy', zips['two'] ?? '', '--function', 'shop', '--alias', 'prod']

    const shared = await json<Deployed>(...two, '--weight', '0.25')
    const { out } = await lacre('live')
    const whole = await json<Deployed>(...two)

    expect([shared.version, whole.version]).toEqual(['2', '2'])
    expect(out).toMatch(/shop +prod +2 +25 % +trusted: cli_team +compliant +dec-/)
  })

  it('rolls back to the version that was live before', async () => {
    const back = await json<{ from: string; to: string }>('rollback', 'shop:prod')

    expect(back).toMatchObject({ from: '2', to: '1' })
    const answer = await json<{ executedVersion: string }>('invoke', 'shop:prod')
    expect(answer.executedVersion).toBe('1')
  })
})

describe('a refusal', () => {
  const unsigned = file('unsigned.zip', nodePackage('unsigned'))
  const args = ['deploy', unsigned, '--function', 'shop']

  it('is explained in full, exits 1 and stores nothing', async () => {
    const before = await stored(app.deps)

    const { exit, out } = await lacre(...args)

    expect(exit).toBe(1)
    expect(out).toMatch(/^refused: /)
    expect(out).toMatch(/failed +signature\.mismatch/)
    for (const word of ['subject', 'expected', 'got', 'fix']) expect(out).toContain(`  ${word}`)
    expect(await stored(app.deps)).toEqual(before)
  })

  it('is one object with --json: the error and the decision', async () => {
    const { exit, out } = await lacre(...args, '--json')

    expect(exit).toBe(1)
    expect(JSON.parse(out)).toMatchObject({
      refused: { code: 'CODE_VERIFICATION_FAILED' },
      decision: { outcome: 'deny' },
    })
  })

  it('is none with a detached seal beside the zip', async () => {
    const zip = readFileSync(unsigned)
    const seal = file('unsigned.zip.sigstore.json', await bundleSeal(zip, key.privateKey))

    const { exit } = await lacre(...args, '--seal', seal)

    expect(exit).toBe(0)
  })
})

describe('publishers', () => {
  it('lists and shows them', async () => {
    const { out } = await lacre('publisher', 'list')

    expect(out).toContain('cli_team')
    expect((await lacre('publisher', 'show', 'cli_team')).out).toContain('Active')
  })

  it('revokes a version, and the table shows it', async () => {
    const other = await json<Publisher>('publisher', 'create', 'other_team', '--key', pem)
    const version = other.versions[0]?.version ?? ''

    const revoke = ['publisher', 'revoke', 'other_team', '--version', version]
    const { exit, out } = await lacre(...revoke, '--reason', 'lost')

    expect(exit).toBe(0)
    expect(out).toContain(`revoked ${other.versions[0]?.arn}`)
    expect((await lacre('publisher', 'show', 'other_team')).out).toContain('Revoked')
  })

  it.each([
    ['neither key nor certificate', ['publisher', 'create', 'nothing']],
    ['a name with a hyphen', ['publisher', 'create', 'no-name', '--key', pem]],
    ['two targets at once', ['publisher', 'revoke', 'a', '--seal', 'b', '--reason', 'c']],
    ['an alias weight without an alias', [...deploy.slice(0, 4), '--weight', '0.5']],
  ])('exits 2 for %s', async (_what, args) => {
    expect((await lacre(...args)).exit).toBe(2)
  })
})

describe('doctor', () => {
  it('tells what the machine offers and what the service has in force', async () => {
    const report = await json<{ machine: { node: string }; service: { policySet: string } }>(
      'doctor',
    )

    expect(report).toMatchObject({
      machine: { node: process.version },
      service: { policySet: expect.stringMatching(/^default@[0-9a-f]{12}$/) as string },
    })
  })

  it('tells what it can where no service answers', async () => {
    const { exit, out } = await lacre('doctor', '--endpoint', 'http://127.0.0.1:1')

    expect(exit).toBe(4)
    expect(out).toContain('service.unreachable')
  })
})

describe('publishers whose keys the service keeps, and keys that take over', () => {
  it('makes one, has it seal a zip in place, and deploys that under Enforce', async () => {
    const kept = await json<Publisher>('publisher', 'create', 'kept_key', '--managed', '--validity-days', '30', '--log-check', 'expiry') // prettier-ignore
    const enforced = await createConfig(app, 'Enforce', kept.versions[0]?.arn ?? '')
    const path = file('kept.zip', nodePackage('kept'))
    const deployed = (name: string) =>
      lacre('deploy', path, '--function', name, '--code-signing-config', enforced, ...fresh)

    const unsealed = await deployed('kept_plain')
    const done = await json<{ added: boolean; arn: string }>('publisher', 'sign', 'kept_key', path)
    const sealed = await deployed('kept_sealed')

    expect(unsealed.exit).toBe(1)
    expect(done).toMatchObject({ added: true, arn: kept.versions[0]?.arn })
    expect([sealed.exit, sealed.err]).toEqual([0, expect.any(String)])
  })

  it.each(['signed by the old key', 'declared'])('takes a successor that is %s', async (how) => {
    const name = how === 'declared' ? 'declared_one' : 'signed_one'
    const [old, next] = [keyPair(), keyPair()]
    const oldPem = file(`${name}.pub`, old.publicPem)
    const nextPem = file(`${name}-next.pub`, next.publicPem)
    const secret = file(
      `${name}.pem`,
      old.privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
    )
    await json('publisher', 'create', name, '--key', oldPem)

    const rotated = await json<{
      versions: { document: { lineage?: { signature?: string }[] } }[]
    }>('publisher', 'version', name, '--key', nextPem, '--succeeds', how === 'declared' ? oldPem : secret) // prettier-ignore

    const signature = rotated.versions.at(-1)?.document.lineage?.[0]?.signature
    expect(signature === undefined).toBe(how === 'declared')
    const foreign = file(`${name}-foreign.pub`, keyPair().publicPem)
    const refused = await lacre('publisher', 'version', name, '--key', oldPem, '--succeeds', foreign) // prettier-ignore
    expect(refused.exit).not.toBe(0)
    expect(refused.err).toContain('no key of this publisher')
  })
})
