import { CreateAliasCommand, PublishVersionCommand } from '@aws-sdk/client-lambda'
import { afterAll, describe, expect, it } from 'vitest'

import type { CommandRow } from '../../../cli/command.ts'
import { runCommandLine } from '../../../cli/run.ts'
import { startTestApp } from '../../support/app.ts'
import type { AdminFile } from '../../support/client.ts'
import { createActive, updateAndWait } from '../../support/functions.ts'
import { nodePackage } from '../../support/packages.ts'
import { addPerson } from '../../support/people.ts'

const app = await startTestApp()
afterAll(() => app[Symbol.asyncDispose]())
const alice = await addPerson(app, 'alice')

const table: readonly CommandRow[] = [
  { name: 'approval', summary: '', load: () => import('../../../cli/commands/approval.ts') },
  { name: 'approve', summary: '', load: () => import('../../../cli/commands/approve.ts') },
  { name: 'break-glass', summary: '', load: () => import('../../../cli/commands/break-glass.ts') },
  { name: 'live', summary: '', load: () => import('../../../cli/commands/live.ts') },
]

async function lacre(who: AdminFile, ...args: readonly string[]) {
  let out = ''
  let err = ''
  const exit = await runCommandLine(table, {
    args: [...args, '--endpoint', app.url],
    environment: {
      AWS_ACCESS_KEY_ID: who.accessKeyId,
      AWS_SECRET_ACCESS_KEY: who.secretAccessKey,
      AWS_REGION: who.region,
    },
    out: { isTTY: true, columns: 400, write: (text: string) => (out += text) },
    err: { write: (text: string) => (err += text) },
    version: '0.0.0',
  })
  return { exit, out, err }
}
const json = async <T>(who: AdminFile, ...args: readonly string[]): Promise<T> => {
  const { exit, out, err } = await lacre(who, ...args, '--json')
  if (exit !== 0) throw new Error(`exit ${exit}: ${out}${err}`)
  return JSON.parse(out) as T
}

await createActive(app.client, 'shop', { Publish: true })
await updateAndWait(app.client, 'shop', nodePackage(2))
await app.client.send(new PublishVersionCommand({ FunctionName: 'shop' }))
await app.client.send(
  new CreateAliasCommand({ FunctionName: 'shop', Name: 'prod', FunctionVersion: '1' }),
)

describe('lacre approval', () => {
  it('asks, lists, shows, is approved and taken back', async () => {
    const words = ['--reason', 'new \u001b[31mprices', '--weight', '30%', '--for', '2h']
    const asked = await json<{ id: string; weight: number; openedAt: string; expiresAt: string }>(
      app.admin,
      'approval',
      'request',
      'shop',
      'prod',
      '2',
      ...words,
    )
    expect(asked.weight).toBe(0.3)
    expect(Date.parse(asked.expiresAt) - Date.parse(asked.openedAt)).toBe(7_200_000)

    const yes = await lacre(alice, 'approve', asked.id, '--comment', 'looks right')
    expect(yes).toMatchObject({ exit: 0 })
    expect(yes.out).toContain('approved by usr-alice')
    const shown = await lacre(app.admin, 'approval', 'show', asked.id)
    expect(shown.out).toContain('new \\u001b[31mprices')
    expect((await lacre(app.admin, 'approval', 'list', '--state', 'open')).out).toMatch(
      /shop:prod\s+2\s+30 %\s+usr-admin\s+1\s+open/,
    )
    expect((await lacre(app.admin, 'approval', 'withdraw', asked.id)).out).toContain('withdrawn')
    expect((await lacre(alice, 'approve', asked.id)).exit).not.toBe(0)
  })

  it('says whose a signer is, and that it is nobody’s', async () => {
    const key = 'ab'.repeat(32)
    expect((await lacre(app.admin, 'approval', 'map', 'usr-alice', '--key', key)).exit).toBe(0)
    expect((await lacre(app.admin, 'approval', 'signers')).out).toContain('usr-alice')
    expect((await lacre(app.admin, 'approval', 'map', 'nobody', '--key', key)).exit).toBe(0)
    expect((await lacre(app.admin, 'approval', 'signers')).out).not.toContain('usr-alice')
    expect((await lacre(app.admin, 'approval', 'map', 'usr-none', '--key', key)).exit).not.toBe(0)
    expect((await lacre(app.admin, 'approval', 'map', 'usr-alice')).exit).not.toBe(0)
  })

  it.each([['0'], ['101%'], ['half']])('refuses the weight %s', async (weight) => {
    const run = await lacre(
      app.admin,
      'approval',
      'request',
      'shop',
      'prod',
      '2',
      '--reason',
      'x',
      '--weight',
      weight,
    )

    expect(run.exit).not.toBe(0)
    expect(run.err).toContain('--weight takes a share')
  })
})

describe('lacre break-glass', () => {
  it('is asked for, granted, seen in `live` as red, ended and reviewed', async () => {
    const asked = await json<{ id: string }>(
      app.admin,
      'break-glass',
      'request',
      'shop',
      'prod',
      '1',
      '--reason',
      'down',
      '--ticket',
      'INC-1',
      '--for',
      '30m',
    )
    expect((await lacre(app.admin, 'break-glass', 'grant', asked.id)).exit).not.toBe(0)
    expect((await lacre(alice, 'break-glass', 'grant', asked.id)).out).toContain('in force')
    expect((await lacre(app.admin, 'live')).out).toContain('RED: excepted until')
    expect((await lacre(app.admin, 'break-glass', 'list')).out).toMatch(/usr-alice\s+in force/)

    expect((await lacre(app.admin, 'break-glass', 'end', asked.id)).out).toContain(
      'not reviewed (unused)',
    )
    expect((await lacre(app.admin, 'live')).out).toContain(`RED: ${asked.id} not reviewed`)
    expect((await lacre(alice, 'break-glass', 'review', asked.id, '--note', 'fine')).exit).toBe(0)
    expect((await lacre(app.admin, 'live')).out).not.toContain('RED')
    expect((await lacre(app.admin, 'break-glass', 'show', asked.id)).out).toContain(': reviewed')
  })
})
