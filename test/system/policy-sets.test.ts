import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

import {
  CreateAliasCommand,
  DeleteAliasCommand,
  DeleteFunctionCommand,
  UpdateFunctionCodeCommand,
  type LambdaClient,
} from '@aws-sdk/client-lambda'
import { afterAll, expect, test } from 'vitest'

import { lambdaClient, type AdminFile } from '../support/client.ts'
import { lacre, lacreJson } from '../support/command.ts'
import { createActive, invoke, refusalOf } from '../support/functions.ts'
import { governance } from '../support/governance.ts'
import { nodePackage } from '../support/packages.ts'
import { NO_PROD, SEALED, inForce, type SetAnswer } from '../support/policy-sets.ts'
import { startService } from '../support/service.ts'
import { tamper } from '../support/tamper.ts'

const folder = mkdtempSync(join(tmpdir(), 'lacre-policy-'))
afterAll(() => rmSync(folder, { recursive: true }))

/** A set's folder. */
function setOf(name: string, text: string): string {
  const dir = join(folder, name)
  mkdirSync(dir, { recursive: true })
  writeFileSync(join(dir, 'admission.cedar'), text)
  return dir
}

function dataDir(): string {
  return mkdtempSync(join(folder, 'data-'))
}

const sound = (data: string): string[] =>
  lacreJson<{ findings: string[] }>(['ledger', 'verify', '--data', data, '--log-key', join(data, 'key')]).findings // prettier-ignore

/** The log's key, kept outside. */
async function keepKey(data: string, admin: Parameters<typeof governance>[0]): Promise<void> {
  const { body } = await governance<{ verifierKey: string }>(admin, { path: '/ledger/checkpoint' })
  writeFileSync(join(data, 'key'), body.verifierKey)
}

test('a set that was applied stays in force across a restart, unless the operator names another', async () => {
  const data = dataDir()
  {
    await using service = await startService({ data })
    lacreJson(['policy', 'apply', setOf('own', NO_PROD), '--if-version', '1', '--data', data])
    await keepKey(data, service.admin)
  }
  {
    await using service = await startService({ data })
    expect(await inForce(service.admin)).toMatchObject({ name: 'own', version: 2, fault: null })
    expect(service.log).toMatch(/policy set: own@[0-9a-f]{12}, version 2/)
  }
  {
    await using service = await startService({ data, args: ['--policy-set', 'default'] })
    expect(await inForce(service.admin)).toMatchObject({
      name: 'default',
      version: 3,
      how: 'shipped',
      principal: 'system',
    })
  }
  {
    // Named again, it is in force already: no second version.
    await using service = await startService({ data, args: ['--policy-set', 'default'] })
    expect(await inForce(service.admin)).toMatchObject({ name: 'default', version: 3 })
    const applied = lacre(['policy', 'apply', join(folder, 'own'), '--data', data])
    expect(applied.stdout).toContain('started with --policy-set default: that is in force again')
  }
  expect(sound(data)).toEqual([])
})

async function leaves(client: LambdaClient): Promise<void> {
  await client.send(new DeleteAliasCommand({ FunctionName: 'kept', Name: 'live' }))
  await client.send(new DeleteFunctionCommand({ FunctionName: 'kept' }))
}

test('where the set in force cannot be read, only leaving works; the last resort heals it, on the ledger', async () => {
  const data = dataDir()
  {
    await using service = await startService({ data })
    const client = service.client()
    await createActive(client, 'kept', { Publish: true })
    await createActive(client, 'stays')
    await client.send(
      new CreateAliasCommand({ FunctionName: 'kept', Name: 'live', FunctionVersion: '1' }),
    )
    const applied = lacreJson<SetAnswer>(['policy', 'apply', setOf('own', NO_PROD), '--data', data])
    expect(applied.version).toBe(2)
    await keepKey(data, service.admin)
    // While the service has the directory, rolling back passes the gate.
    const denied = lacre(['policy', 'rollback', '7', '--data', data])
    expect(denied).toMatchObject({ status: 3 })
    client.destroy()
  }
  tamper(data, (db) => {
    const { document } = db.prepare('select document from policy_set where version = 2').get() as {
      document: string
    }
    db.prepare("update document set body = body || ' ' where sha256 = ?").run(document)
  })
  {
    await using service = await startService({ data })
    const client = service.client()
    const code = new UpdateFunctionCodeCommand({ FunctionName: 'stays', ZipFile: nodePackage(2) })
    const refused = await refusalOf(client.send(code))
    const online = lacre(['policy', 'rollback', '1', '--data', data])
    const doctor = lacre(['doctor', '--data', data])

    expect(service.log).toContain('CANNOT BE USED')
    expect(doctor.stdout).toContain('CANNOT BE USED')
    expect(await inForce(service.admin)).toMatchObject({ version: 2, fault: expect.stringContaining('damaged') as string }) // prettier-ignore
    expect(refused).toMatchObject({ name: 'AccessDeniedException', status: 403 })
    expect(refused.message).toContain('policy.set: expected a policy set in force that can be used')
    expect(online).toMatchObject({ status: 1 })
    expect((await invoke(client, 'stays')).payload).toMatchObject({ release: 1 })
    await leaves(client)
    client.destroy()
  }
  const healed = lacreJson<{ version: number; offline: boolean }>(['policy', 'rollback', '--data', data]) // prettier-ignore
  expect(healed).toMatchObject({
    from: 2,
    version: 3,
    ofVersion: 1,
    name: 'default',
    offline: true,
  })
  {
    await using service = await startService({ data })
    const client = service.client()
    expect(await inForce(service.admin)).toMatchObject({ name: 'default', version: 3, fault: null })
    await client.send(
      new UpdateFunctionCodeCommand({ FunctionName: 'stays', ZipFile: nodePackage(3) }),
    )
    client.destroy()
    const { body } = await governance<{ entries: { body: string }[] }>(service.admin, {
      path: '/ledger/entries',
      query: { limit: '256' },
    })
    const entries = body.entries.map((entry) => JSON.parse(entry.body) as Record<string, unknown>)
    expect(entries).toContainEqual(
      expect.objectContaining({
        action: 'lacre:ApplyPolicySet',
        decision: null,
        note: expect.objectContaining({
          how: 'rolled-back',
          ofVersion: 1,
          offline: true,
        }) as object,
      }),
    )
  }
})

/** Damages the text of a set, and of none that shares it. */
function damageSet(data: string, version: number): void {
  tamper(data, (db) => {
    db.prepare(
      `update document set body = body || ' ' where sha256 =
        (select document from policy_set where kind = 'authorization' and version = ?)`,
    ).run(version)
  })
}

test('where the authorization set cannot be read its limits are not widened: only leaving works, until the last resort', async () => {
  const data = dataDir()
  const own = join(folder, 'team-only')
  mkdirSync(own)
  const roles = readFileSync(new URL('../../policies/authorization/roles.cedar', import.meta.url), 'utf8') // prettier-ignore
  writeFileSync(
    join(own, 'roles.cedar'),
    `${roles}
    @id("team-only") forbid (principal in Lacre::Role::"deployer", action in Lacre::Action::"deploy", resource)
    unless { resource is Lacre::Function && resource.hasTag("team") && resource.getTag("team") == "x" };`,
  )
  const AUTHORIZATION = ['--kind', 'authorization', '--data', data]
  const deploy = (client: LambdaClient, release: number): Promise<unknown> =>
    client.send(new UpdateFunctionCodeCommand({ FunctionName: 'other', ZipFile: nodePackage(release) })) // prettier-ignore
  let dora: AdminFile
  {
    await using service = await startService({ data })
    const client = service.client()
    await createActive(client, 'other')
    await createActive(client, 'kept', { Publish: true })
    await client.send(
      new CreateAliasCommand({ FunctionName: 'kept', Name: 'live', FunctionVersion: '1' }),
    )
    lacreJson(['user', 'create', 'dora', '--role', 'deployer', '--data', data])
    const { body } = await governance<{ accessKey: { id: string }; secretAccessKey: string }>(
      service.admin,
      { method: 'POST', path: '/access-keys', body: { principal: 'dora' } },
    )
    dora = {
      ...service.admin,
      accessKeyId: body.accessKey.id,
      secretAccessKey: body.secretAccessKey,
    }
    lacreJson(['policy', 'apply', own, ...AUTHORIZATION])
    const refused = await refusalOf(deploy(lambdaClient(dora), 2))
    expect(refused.message).toContain('is not authorized to perform: lambda:UpdateFunctionCode')
    await keepKey(data, service.admin)
  }
  damageSet(data, 2)
  {
    await using service = await startService({ data })
    dora = { ...dora, endpoint: service.admin.endpoint }
    const refused = await refusalOf(deploy(lambdaClient(dora), 2))
    const doctor = lacre(['doctor', '--data', data])
    const online = lacre(['policy', 'rollback', '1', ...AUTHORIZATION])

    expect(refused).toMatchObject({ name: 'AccessDeniedException', status: 403 })
    expect(refused.message).toContain('the authorization set in force cannot be used')
    expect(refused.message).toContain('policy.set')
    expect(doctor.stdout).toContain('the authorization set in force cannot be used')
    expect(service.log).toContain('`lacre policy rollback --kind authorization --data DIR`')
    expect(online.status).toBe(1)
    expect((await invoke(service.client(), 'other')).payload).toMatchObject({ release: 1 })
    await leaves(service.client())
  }
  expect(lacreJson(['policy', 'rollback', ...AUTHORIZATION])).toMatchObject({
    from: 2,
    version: 3,
    ofVersion: 1,
    name: 'shipped-roles',
    offline: true,
  })
  // Both that are of the same text: nothing earlier is left, so the text that comes with the program takes their place.
  damageSet(data, 3)
  expect(lacreJson(['policy', 'rollback', ...AUTHORIZATION])).toMatchObject({
    from: 3,
    version: 4,
    ofVersion: null,
    name: 'shipped-roles',
  })
  expect(lacre(['policy', 'rollback', ...AUTHORIZATION]).status).toBe(3)
  {
    await using service = await startService({ data })
    dora = { ...dora, endpoint: service.admin.endpoint }
    await deploy(lambdaClient(dora), 4)
    expect(service.log).toContain('authorization: shipped-roles@')
  }
})

test('a set that forbids every change of the policies is left by the last resort alone', async () => {
  const data = dataDir()
  {
    await using service = await startService({ data })
    lacreJson(['policy', 'apply', setOf('sealed', SEALED), '--data', data])
    const online = lacre(['policy', 'rollback', '1', '--data', data])
    expect(online).toMatchObject({ status: 1 })
    expect(online.stdout).toContain('policies-are-closed')
    await keepKey(data, service.admin)
  }
  const healed = lacreJson<{ version: number }>(['policy', 'rollback', '1', '--data', data])
  expect(healed).toMatchObject({ version: 3, ofVersion: 1 })
  expect(sound(data)).toEqual([])
  expect(lacre(['policy', 'rollback', '9', '--data', data]).status).toBe(3)
  expect(lacre(['policy', 'rollback', '--data', join(folder, 'nothing')]).status).toBe(2)
})

test('the command applies, shows, compares and tells all that is wrong', async () => {
  const data = dataDir()
  await using service = await startService({ data })
  const own = setOf('compared', NO_PROD)
  const bad = setOf('bad', `${NO_PROD} @id("x") forbid(principal, action, resource) when { context.x };`) // prettier-ignore
  const applied = lacre(['policy', 'apply', own, '--data', data])
  const stale = lacre(['policy', 'apply', own, '--name', 'again', '--if-version', '1', '--data', data]) // prettier-ignore
  const refused = lacre(['policy', 'apply', bad, '--data', data])
  const history = lacre(['policy', 'history', '--data', data])
  const shown = lacre(['policy', 'show', '--data', data])
  const diff = lacreJson<{ added: { id: string }[] }>(['policy', 'diff', '1', own, '--data', data])
  const back = lacreJson<{ removed: { id: string }[] }>(['policy', 'diff', 'default', '--data', data]) // prettier-ignore

  expect(applied.status).toBe(0)
  expect(applied.stdout).toContain('version 2, compared@')
  expect(applied.stdout).toContain('no case exercises `prod-is-closed`')
  expect(stale.status).toBe(3)
  expect(refused.status).toBe(1)
  expect(refused.stdout).toContain('attribute `x`')
  expect(history.stdout.split('\n')).toHaveLength(4)
  expect(shown.stdout).toContain('prod-is-closed')
  expect(diff.added.map(({ id }) => id)).toEqual(['all', 'prod-is-closed'])
  expect(back.removed.map(({ id }) => id)).toEqual(['all', 'prod-is-closed'])
  expect(readFileSync(join(own, 'admission.cedar'), 'utf8')).toBe(NO_PROD)
  expect((await inForce(service.admin)).version).toBe(2)
})
