import { setTimeout as sleep } from 'node:timers/promises'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

import {
  CreateAliasCommand,
  GetAliasCommand,
  PublishVersionCommand,
  UpdateAliasCommand,
} from '@aws-sdk/client-lambda'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'

import { lacre } from '../support/command.ts'
import { createActive, invoke, refusalOf, updateAndWait } from '../support/functions.ts'
import { governance } from '../support/governance.ts'
import { nodePackage } from '../support/packages.ts'
import { startService, type Service } from '../support/service.ts'

interface Glass {
  readonly id: string
  readonly ended: string | null
  readonly endedBy: string | null
  readonly until: string
  readonly quorum: number
}

const data = mkdtempSync(join(tmpdir(), 'lacre-glass-'))
afterAll(() => rmSync(data, { recursive: true, force: true, maxRetries: 5 }))
// One person alone: the installation says so, and it shows.
const ALONE = ['--policy-set', 'separation-of-duties', '--break-glass-quorum', '1']
const names = ['late', 'cut', 'before']

const start = (args: readonly string[] = ALONE): Promise<Service> => startService({ data, args })
const glassOf = async (service: Service, id: string): Promise<Glass> =>
  (await governance<Glass>(service.admin, { path: `/break-glass/${id}` })).body
const aliasOf = async (service: Service, FunctionName: string): Promise<string | undefined> => {
  const client = service.client()
  const { FunctionVersion } = await client.send(new GetAliasCommand({ FunctionName, Name: 'prod' }))
  client.destroy()
  return FunctionVersion
}

/** A granted exception for version 2, and `prod` moved there. */
async function underException(
  service: Service,
  functionName: string,
  ttlMs: number,
): Promise<Glass> {
  const asked = await governance<Glass>(service.admin, {
    method: 'POST',
    path: '/break-glass',
    body: { functionName, alias: 'prod', version: '2', reason: 'x', ticket: 'T-1', ttlMs },
  })
  const path = `/break-glass/${asked.body.id}/grant`
  const { body } = await governance<Glass>(service.admin, { method: 'POST', path })
  const client = service.client()
  await client.send(
    new UpdateAliasCommand({ FunctionName: functionName, Name: 'prod', FunctionVersion: '2' }),
  )
  client.destroy()
  return body
}

beforeAll(async () => {
  await using service = await start([])
  const client = service.client()
  for (const name of names) {
    await createActive(client, name, { Publish: true })
    await updateAndWait(client, name, nodePackage(2))
    await client.send(new PublishVersionCommand({ FunctionName: name }))
    await client.send(
      new CreateAliasCommand({ FunctionName: name, Name: 'prod', FunctionVersion: '1' }),
    )
  }
  client.destroy()
}, 120_000)

describe('an exception whose end the service does not live to see', () => {
  test('that ran out while it was down has ended when it answers again', async () => {
    const first = await start()
    const { id, until, quorum } = await underException(first, 'late', 6_000)
    expect(first.log).toContain('one person is enough')
    expect(await aliasOf(first, 'late')).toBe('2')
    await first.kill9()
    await sleep(Math.max(0, Date.parse(until) - Date.now()) + 500)

    await using second = await start()
    const client = second.client()
    const answer = await invoke(client, 'late', {}, 'prod')
    const again = await refusalOf(
      client.send(
        new UpdateAliasCommand({ FunctionName: 'late', Name: 'prod', FunctionVersion: '2' }),
      ),
    )
    client.destroy()

    expect(quorum).toBe(1)
    expect(answer.version).toBe('1')
    expect(await glassOf(second, id)).toMatchObject({ ended: 'reverted', endedBy: 'system' })
    expect(again.status).toBe(403)
    const live = lacre(['live', '--data', data])
    expect(live.stdout).toContain(`RED: ${id} not reviewed`)
  }, 120_000)

  test('killed at the very end, it has ended once, and the ledger holds', async () => {
    const first = await start()
    const { id, until } = await underException(first, 'cut', 5_000)
    await sleep(Math.max(0, Date.parse(until) - Date.now()))
    await first.kill9()

    const second = await start()
    const glass = await glassOf(second, id)
    const version = await aliasOf(second, 'cut')
    await second.stop()
    const logKey = /ledger key: (\S+)/.exec(second.log)?.[1] ?? ''
    const verified = lacre(['ledger', 'verify', '--data', data, '--log-key', logKey])

    expect(glass.ended).toBe('reverted')
    expect(version).toBe('1')
    expect(verified.status).toBe(0)
  }, 120_000)

  test('killed before, it goes on after the start and ends by itself', async () => {
    const first = await start()
    const { id } = await underException(first, 'before', 20_000)
    await first.kill9()

    await using second = await start()
    expect((await glassOf(second, id)).ended).toBeNull()
    expect(await aliasOf(second, 'before')).toBe('2')
    await expect
      .poll(async () => (await glassOf(second, id)).ended, { timeout: 60_000, interval: 500 })
      .toBe('reverted')
    expect(await aliasOf(second, 'before')).toBe('1')
  }, 120_000)
})
