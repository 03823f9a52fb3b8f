import { randomBytes } from 'node:crypto'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

import {
  CreateFunctionCommand,
  DeleteFunctionCommand,
  UpdateFunctionConfigurationCommand,
} from '@aws-sdk/client-lambda'
import { describe, expect, test } from 'vitest'

import { ROLE, createActive, invoke, refusalOf } from '../support/functions.ts'
import { governance } from '../support/governance.ts'
import { nodePackage } from '../support/packages.ts'
import { canBubblewrap } from '../support/runtime.ts'
import { SealingRoom, createConfig, createPublisher } from '../support/sealing-room.ts'
import { Service, startService } from '../support/service.ts'

const STRICT = ['--policy-set', 'strict-production']

interface Told {
  readonly decision: {
    readonly policySet: { readonly version: string }
    readonly checks: readonly {
      readonly rule: string
      readonly status: string
      readonly expected: string
      readonly got: string
    }[]
  }
}

async function startFailure(args: readonly string[]): Promise<string> {
  await using service = new Service({ args })
  const { code } = await service.exited()
  expect(code).toBe(2)
  return service.log
}

test('a policy set that does not exist keeps the service from starting', async () => {
  expect(await startFailure(['--policy-set', 'none'])).toContain(
    'default, strict-production, separation-of-duties',
  )
})

test('strict-production does not start where functions are not isolated', async () => {
  expect(await startFailure([...STRICT, '--isolation', 'process'])).toContain('isolated')
})

describe.skipIf(!canBubblewrap)('strict-production', () => {
  test('does not start with its master key inside the data directory', async () => {
    expect(await startFailure(STRICT)).toContain('--master-key-file')
  })

  test('refuses what is unsigned or loads code, with reason and values; runs what is sealed; lets go', async () => {
    const dir = mkdtempSync(join(tmpdir(), 'lacre-master-'))
    const keyFile = join(dir, 'master.key')
    writeFileSync(keyFile, randomBytes(32), { mode: 0o600 })
    await using service = await startService({ args: [...STRICT, '--master-key-file', keyFile] })
    const client = service.client()
    using room = new SealingRoom()
    const ci = room.key('ci')
    const publisher = createPublisher(service.data, 'ci', ci)
    const config = await createConfig(client, 'Enforce', [publisher])

    const bare = await refusalOf(
      client.send(
        new CreateFunctionCommand({
          FunctionName: 'bare',
          Runtime: 'nodejs20.x',
          Handler: 'index.handler',
          Role: ROLE,
          Code: { ZipFile: nodePackage('bare') },
        }),
      ),
    )
    await governance(service.admin, {
      method: 'PUT',
      path: '/functions/sealed/reach',
      body: { mode: 'aliases', direct: ['$LATEST'] },
    })
    await createActive(client, 'sealed', {
      Code: { ZipFile: room.seal(nodePackage('sealed'), ci) },
      CodeSigningConfigArn: config,
    })
    const loading = await refusalOf(
      client.send(
        new UpdateFunctionConfigurationCommand({
          FunctionName: 'sealed',
          Environment: { Variables: { NODE_OPTIONS: '--import=data:text/javascript,1' } },
        }),
      ),
    )

    expect(bare).toMatchObject({ name: 'AccessDeniedException', status: 403 })
    expect(loading).toMatchObject({ name: 'AccessDeniedException', status: 403 })
    const path = `/decisions/${bare.decisionId ?? ''}`
    const { body } = await governance<Told>(service.admin, { path })
    expect(body.decision.policySet.version).toMatch(/^strict-production@/)
    expect(body.decision.checks.filter(({ status }) => status === 'failed')).toMatchObject([
      { rule: 'policy.enforced' },
      { rule: 'policy.reached-by-alias', got: 'reach: "all"' },
      { rule: 'policy.sealed', got: 'verdict: "unsigned"' },
    ])
    expect((await invoke(client, 'sealed')).payload).toMatchObject({ release: 'sealed' })
    await client.send(new DeleteFunctionCommand({ FunctionName: 'sealed' }))
    client.destroy()
    rmSync(dir, { recursive: true })
  })
})
