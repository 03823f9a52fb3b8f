import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

import { PublishLayerVersionCommand } from '@aws-sdk/client-lambda'
import { afterAll, describe, expect, it } from 'vitest'

import type { CommandRow } from '../../../cli/command.ts'
import { runCommandLine } from '../../../cli/run.ts'
import { startTestApp } from '../../support/app.ts'
import { createActive, refusalOf } from '../../support/functions.ts'
import { nodePackage } from '../../support/packages.ts'
import type { PlanAnswer } from '../../support/planning.ts'
import { keyPair } from '../../support/publisher-keys.ts'
import { createConfig, createPublisher } from '../../support/publishing.ts'
import { bundleSeal, sealedZip } from '../../support/zip-seals.ts'

const app = await startTestApp()
const folder = mkdtempSync(join(tmpdir(), 'lacre-plans-'))
afterAll(async () => {
  await app[Symbol.asyncDispose]()
  rmSync(folder, { recursive: true })
})

const table: readonly CommandRow[] = [
  { name: 'plan', summary: '', load: () => import('../../../cli/commands/plan.ts') },
  { name: 'decision', summary: '', load: () => import('../../../cli/commands/decision.ts') },
  { name: 'deploy', summary: '', load: () => import('../../../cli/commands/deploy.ts') },
  { name: 'rollback', summary: '', load: () => import('../../../cli/commands/rollback.ts') },
  { name: 'publisher', summary: '', load: () => import('../../../cli/commands/publisher.ts') },
]

async function lacre(...args: readonly string[]) {
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

async function planned(...args: readonly string[]): Promise<PlanAnswer & { hash: string }> {
  const { exit, out, err } = await lacre('plan', ...args, '--json')
  if (exit !== 0) throw new Error(`exit ${exit}: ${out}${err}`)
  return JSON.parse(out) as PlanAnswer & { hash: string }
}

const file = (name: string, bytes: Uint8Array | string): string => {
  const path = join(folder, name)
  writeFileSync(path, bytes)
  return path
}

const team = await createPublisher(app, 'team')
const config = await createConfig(app, 'Enforce', team.arn)
const sealed = async (release: string, by = team.privateKey, predicate = {}): Promise<Buffer> => {
  const zip = nodePackage(release)
  return await sealedZip(zip, await bundleSeal(zip, by, predicate))
}
const one = file('one.zip', await sealed('one'))
const two = file('two.zip', await sealed('two'))
const unsigned = file('unsigned.zip', nodePackage('unsigned'))
const fresh = ['--runtime', 'nodejs20.x', '--handler', 'index.handler']

describe('planning a deployment', () => {
  it('of a function that is not there, and deploying it as planned', async () => {
    const args = [one, '--function', 'shop', ...fresh, '--code-signing-config', config]
    const made = await planned('deploy', ...args)

    const other = await lacre('deploy', two, ...args.slice(1), '--plan', made.hash)
    const done = await lacre('deploy', ...args, '--alias', 'prod', '--plan', made.hash)

    expect([other.exit, other.err]).toEqual([3, expect.stringContaining('The plan does not hold')])
    expect([done.exit, done.out]).toEqual([0, expect.stringContaining('version   1')])
  })

  it('says whether the alias would take the new code', async () => {
    const good = await lacre('plan', 'deploy', two, '--function', 'shop', '--alias', 'prod')
    const bad = await lacre('plan', 'deploy', unsigned, '--function', 'shop', '--alias', 'prod')

    expect(good.exit).toBe(0)
    expect(good.out).toMatch(/shop:prod +serves +1 -> \(next\) +allow, trusted +allow, trusted/)
    expect(bad.exit).toBe(1)
    expect(bad.out).toMatch(/shop:prod +serves +1 -> \(next\) +allow, trusted +deny, unsigned/)
    expect(bad.out).toContain('signature.mismatch')
    expect(bad.out).not.toContain('--plan')
  })

  it('holds new code of a function that is there', async () => {
    const made = await planned('deploy', two, '--function', 'shop')

    const mixed = ['--memory', '256', '--plan', made.hash]
    expect((await lacre('deploy', two, '--function', 'shop', ...mixed)).exit).toBe(2)
    const done = await lacre(
      'deploy', two, '--function', 'shop', '--alias', 'prod', '--plan', made.hash,
    ) // prettier-ignore
    expect([done.exit, done.out]).toEqual([0, expect.stringContaining('version   2')])
  })
})

describe('planning moves and trust', () => {
  it('rolls back as planned, once', async () => {
    const made = await planned('alias', 'shop', 'prod', '1')

    const back = await lacre('rollback', 'shop:prod', '--plan', made.hash)
    const again = await lacre('rollback', 'shop:prod', '--plan', made.hash)

    expect([back.exit, again.exit]).toEqual([0, 3])
    expect(again.err).toContain('The plan does not hold')
  })

  it('shows a share beside what is served, and makes nothing of it', async () => {
    const { out, exit } = await lacre('plan', 'alias', 'shop', 'prod', '2', '--weight', '0.1')

    expect(exit).toBe(0)
    expect(out).toMatch(/shop:prod +canary +1 -> 2/)
    expect((await lacre('plan', 'alias', 'shop', 'prod', '2', '--weight', '2')).exit).toBe(2)
  })

  it('revokes as planned', async () => {
    await createPublisher(app, 'stale_team')
    const made = await planned('revoke', 'stale_team')
    const revoke = ['publisher', 'revoke', 'stale_team', '--reason', 'gone', '--plan']

    expect((await lacre(...revoke, 'ab'.repeat(32))).exit).toBe(3)
    expect((await lacre(...revoke, 'short')).exit).toBe(2)
    expect((await lacre(...revoke, made.hash)).exit).toBe(0)
  })

  it('adds a publisher and a version as planned', async () => {
    const pem = file('next.pub', keyPair().publicPem)
    const made = await planned('publisher', 'next_team', '--new', '--key', pem)
    const created = await lacre(
      'publisher',
      'create',
      'next_team',
      '--key',
      pem,
      '--plan',
      made.hash,
    )
    const version = await planned('publisher', 'next_team', '--key', pem)
    const other = file('other.pub', keyPair().publicPem)
    const add = ['publisher', 'version', 'next_team', '--plan', version.hash, '--key']

    expect(created.exit).toBe(0)
    expect((await lacre(...add, other)).exit).toBe(3)
    expect((await lacre(...add, pem)).exit).toBe(0)
  })

  it('tells what a revocation would take away, in a table with the reasons', async () => {
    const { out } = await lacre('plan', 'revoke', 'team')

    expect(out).toMatch(/shop:prod +serves +1 +allow, trusted +deny, untrusted +refused/)
    expect(out).toMatch(/shop:prod +way back +2 .* refused/)
    expect(out).toContain('signature.revocation')
    expect(out).toMatch(/plan [0-9a-f]{64}/)
  })

  it('plans policies and time', async () => {
    const policy = await lacre('plan', 'policy', 'strict-production')
    const expiry = await lacre('plan', 'expiry', '--days', '30')

    expect(policy.out).toMatch(/shop:prod +serves +1 .* deny, trusted +refused/)
    expect(policy.out).toContain('policy.isolated')
    expect(expiry.out).toContain('nothing expires until then')
    expect((await lacre('plan', 'expiry', '--days', 'soon')).exit).toBe(2)
  })
})

describe('a decision in words', () => {
  /** The refusal of a deployment of a new function with this code, as `lacre decision show` tells it. */
  const told = async (name: string, zip: Uint8Array, layers: string[] = []): Promise<string> => {
    const { decisionId } = await refusalOf(
      createActive(app.client, name, {
        Code: { ZipFile: zip },
        CodeSigningConfigArn: config,
        Layers: layers,
      }),
    )
    const { exit, out } = await lacre('decision', 'show', decisionId ?? '')
    expect(exit).toBe(0)
    return out
  }

  it('of unsigned code', async () => {
    const words = await told('w-unsigned', nodePackage('w'))

    expect(words).toMatch(/`admin` \(user, in the role admin\) asked for lambda:CreateFunction/)
    expect(words).toMatch(/The function \S+:w-unsigned:\$LATEST \(SHA-256 \w{12}…\) is unsigned\./)
    expect(words).toMatch(/It was refused \(CODE_VERIFICATION_FAILED\): of \d checks, 1 failed\./)
    expect(words).toContain('What comes nearest is `team`.')
    expect(words).toContain('For it to pass: sign the zip')
  })

  it("of somebody else's seal", async () => {
    const words = await told('w-stranger', await sealed('w', keyPair().privateKey))

    expect(words).toContain('1. signature.mismatch failed')
    expect(words).toContain('is untrusted')
  })

  it('of a seal that has expired', async () => {
    const notAfter = new Date(Date.now() - 60_000).toISOString()
    const words = await told('w-expired', await sealed('w', team.privateKey, { notAfter }))

    expect(words).toMatch(/\d\. signature\.expiry failed/)
    expect(words).toContain('For it to pass: ')
  })

  it('of a seal that was changed', async () => {
    const zip = nodePackage('w')
    const words = await told(
      'w-other',
      await sealedZip(zip, await bundleSeal(nodePackage('x'), team.privateKey)),
    )

    expect(words).toContain('It was refused (INVALID_CODE_SIGNATURE)')
    expect(words).toMatch(/\d\. signature\.integrity failed/)
  })

  it('of a layer that nobody sealed, beside code that is', async () => {
    const { LayerVersionArn: layer = '' } = await app.client.send(
      new PublishLayerVersionCommand({
        LayerName: 'plain',
        Content: { ZipFile: nodePackage('l') },
      }),
    )
    const words = await told('w-layer', await sealed('w'), [layer])

    expect(words).toContain(`1. signature.mismatch failed for ${layer}`)
    expect(words).toMatch(/The function \S+ \(SHA-256 \w+…\) is trusted by `team`\./)
    expect(words).toMatch(/The layer \S+ \(SHA-256 \w+…\) is unsigned\./)
  })

  it('of a publisher that is revoked', async () => {
    const zip = await sealed('w')
    const { exit } = await lacre('publisher', 'revoke', 'team', '--reason', 'the key was lost')
    const words = await told('w-revoked', zip)

    expect(exit).toBe(0)
    expect(words).toMatch(/\d\. signature\.revocation failed/)
  })

  it('is found in the list, and 404 is no crash', async () => {
    const { out } = await lacre('decision', 'list', '--outcome', 'deny', '--limit', '1')
    const missing = await lacre('decision', 'show', `dec-${'0'.repeat(26)}`)

    expect(out).toMatch(/deny +\S+ +lambda:CreateFunction +\S+:w-revoked/)
    expect(missing.exit).toBe(3)
  })
})
