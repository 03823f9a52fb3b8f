import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

import {
  CreateAliasCommand,
  InvokeCommand,
  PublishVersionCommand,
  waitUntilPublishedVersionActive,
} from '@aws-sdk/client-lambda'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'

import type { CommandRow } from '../../../cli/command.ts'
import { runCommandLine } from '../../../cli/run.ts'
import { startTestApp } from '../../support/app.ts'
import { createActive, refusalOf } from '../../support/functions.ts'
import { governance } from '../../support/governance.ts'

const app = await startTestApp()
const folder = mkdtempSync(join(tmpdir(), 'lacre-cli-'))
afterAll(async () => {
  await app[Symbol.asyncDispose]()
  rmSync(folder, { recursive: true })
})

const table: readonly CommandRow[] = [
  { name: 'stage', summary: '', load: () => import('../../../cli/commands/stage.ts') },
  { name: 'promote', summary: '', load: () => import('../../../cli/commands/promote.ts') },
]

async function lacre(...args: readonly string[]) {
  let [out, err] = ['', '']
  const exit = await runCommandLine(table, {
    args: [...args, '--data', app.dataDir],
    environment: {},
    out: { write: (text: string) => (out += text) },
    err: { write: (text: string) => (err += text) },
    version: '0.0.0',
  })
  return { exit, out, err }
}

const FunctionName = 'shop'
beforeAll(async () => {
  const { client } = app
  await createActive(client, FunctionName)
  await client.send(new PublishVersionCommand({ FunctionName }))
  const Qualifier = '1'
  await waitUntilPublishedVersionActive({ client, maxWaitTime: 20 }, { FunctionName, Qualifier })
  const alias = { FunctionName, Name: 'staging', FunctionVersion: '1' }
  await client.send(new CreateAliasCommand(alias))
})

describe('lacre stage and promote', () => {
  it('promotes what another alias serves, unless it has not soaked: then the whole decision is told', async () => {
    await lacre('stage', 'promotion', 'shop:prod', '--from', 'staging', '--hours', '24')
    const promote = ['promote', 'shop', '--from', 'staging', '--to', 'prod']

    const early = await lacre(...promote)
    await lacre('stage', 'remove-promotion', 'shop:prod')
    const done = await lacre(...promote, '--json')

    expect(early.exit).toBe(1)
    expect(early.out).toMatch(/failed +stage\.promotion\n +subject +.*\n +expected +24 h wholly live/)
    expect(JSON.parse(done.out)).toMatchObject({ version: '1', to: 'prod', from: 'staging' })
  }) // prettier-ignore

  it('freezes, shows and unfreezes', async () => {
    const frozen = await lacre('stage', 'freeze', 'shop:prod', '--reason', 'audit', '--json')
    const shown = await lacre('stage', 'show')
    const lifted = await lacre('stage', 'unfreeze', 'shop:prod')
    const twice = await lacre('stage', 'unfreeze', 'shop:prod')

    expect(JSON.parse(frozen.out)).toMatchObject({ scope: 'shop:prod', reason: 'audit' })
    expect(shown.out).toMatch(/freeze +shop:prod +audit +since 2/)
    expect([lifted.exit, twice.exit]).toEqual([0, 3])
  })

  it('sets a window from a file, and refuses one that is none', async () => {
    const good = join(folder, 'good.json')
    const bad = join(folder, 'bad.json')
    const window = { timeZone: 'Europe/Lisbon', scope: '*:prod', ranges: [], holidays: ['2030-12-25'] }
    writeFileSync(good, JSON.stringify(window))
    writeFileSync(bad, JSON.stringify({ ...window, timeZone: 'Nowhere/City' }))

    expect((await lacre('stage', 'window', 'xmas', '--file', good)).exit).toBe(0)
    const refused = await lacre('stage', 'window', 'xmas', '--file', bad)
    expect([refused.exit, refused.err]).toEqual([2, expect.stringContaining('Nowhere/City')])
    expect((await lacre('stage', 'show')).out).toMatch(/window +\*:prod +xmas, Europe\/Lisbon +closed/)
    expect((await lacre('stage', 'remove-window', 'xmas')).exit).toBe(0)
  }) // prettier-ignore

  it('gives an alias a floor, excepts one version, and takes the floor away', async () => {
    const raise = ['--publisher', 'ci', '--counter', '7']
    const floor = await lacre('stage', 'floor', 'shop:prod', '--soak-hours', '2', ...raise)
    const except = ['--version-number', '1', '--reason', 'broken', '--json']
    const excepted = await lacre('stage', 'except', 'shop:prod', ...except)
    const { out } = await lacre('stage', 'show')
    const gone = await lacre('stage', 'remove-floor', 'shop:prod')

    expect([floor.exit, excepted.exit, gone.exit]).toEqual([0, 0, 0])
    expect(JSON.parse(excepted.out)).toMatchObject({ id: expect.stringMatching(/^flx-/) as string })
    expect(out).toMatch(/floor +shop:prod +ci 7 +set by an operator/)
    expect(out).toMatch(/exception +shop:prod +[0-9a-f]{12}: broken +until 2/)
  })

  it('closes a function to its versions, which the edge then refuses', async () => {
    await lacre('stage', 'reach', 'shop', '--aliases')

    const direct = new InvokeCommand({ FunctionName, Qualifier: '1' })
    expect(await refusalOf(app.client.send(direct))).toMatchObject({
      name: 'AccessDeniedException',
      status: 403,
      message: expect.stringContaining('its reach is `aliases`') as string,
    })
    const alias = new InvokeCommand({ FunctionName, Qualifier: 'staging' })
    await expect(app.client.send(alias)).resolves.toMatchObject({ ExecutedVersion: '1' })
    const { body } = await governance(app.admin, { path: '/functions/shop/reach' })
    expect(body).toEqual({ mode: 'aliases', direct: [] })
  })
})
