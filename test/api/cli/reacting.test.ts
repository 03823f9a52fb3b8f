import { CreateAliasCommand } from '@aws-sdk/client-lambda'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'

import type { CommandRow } from '../../../cli/command.ts'
import { runCommandLine } from '../../../cli/run.ts'
import { startTestApp } from '../../support/app.ts'
import { makeViolating } from '../../support/violating.ts'

const app = await startTestApp({ reactionsMaxAliases: '1' })
afterAll(() => app[Symbol.asyncDispose]())

const table: readonly CommandRow[] = [
  { name: 'reaction', summary: '', load: () => import('../../../cli/commands/reaction.ts') },
]

async function lacre(...args: readonly string[]) {
  let out = ''
  let err = ''
  const exit = await runCommandLine(table, {
    args: ['reaction', ...args, '--endpoint', app.url],
    environment: {
      AWS_ACCESS_KEY_ID: app.admin.accessKeyId,
      AWS_SECRET_ACCESS_KEY: app.admin.secretAccessKey,
      AWS_REGION: app.admin.region,
    },
    out: { isTTY: true, columns: 400, write: (text: string) => (out += text) },
    err: { write: (text: string) => (err += text) },
    version: '0.0.0',
  })
  return { exit, out, err }
}

async function json<T>(...args: readonly string[]): Promise<T> {
  const { exit, out, err } = await lacre(...args, '--json')
  if (exit !== 0) throw new Error(`exit ${exit}: ${out}${err}`)
  return JSON.parse(out) as T
}

interface Shown {
  readonly otherwise: string
  readonly settings: readonly { readonly scope: string; readonly reaction: string }[]
  readonly holds: readonly {
    readonly id: string
    readonly aliases: number
    readonly through: number
    readonly state: string
    readonly openedAt: string
    readonly settledBy?: string
  }[]
  readonly refusals: readonly { readonly functionName: string; readonly version: string }[]
  readonly verification: { readonly verified: { readonly at: string; readonly world: number } }
}

describe('lacre reaction', () => {
  it('shows what is set, and at what time all that is live was judged', async () => {
    await app.deps.verifier.settled()
    expect(await lacre('set', 'shop:prod', 'revert')).toMatchObject({ exit: 0 })
    const shown = await lacre('show')
    expect(shown).toMatchObject({ exit: 0, err: '' })
    expect(shown.out).toMatch(/otherwise\s+freeze/)
    expect(shown.out).toMatch(/set\s+shop:prod\s+revert\s+since \d{4}-/)
    expect(shown.out).toMatch(/all was judged at \d{4}-\d\d-\d\dT[\d:.]+Z\n$/)
    const told = await json<Shown>('show')
    expect(Date.parse(told.verification.verified.at)).toBeGreaterThan(0)

    expect(await lacre('unset', 'shop:prod')).toMatchObject({ exit: 0 })
    expect((await json<Shown>('show')).settings).toEqual([])
    expect((await lacre('unset', 'shop:prod')).exit).not.toBe(0)
    expect((await lacre('set', 'shop:prod', 'explode')).err).toContain('is no reaction')
  })

  describe('of what violates', () => {
    beforeAll(async () => {
      const { revokeBad } = await makeViolating(app, 'shop')
      const alias = { FunctionName: 'shop', Name: 'next', FunctionVersion: '2' }
      await app.client.send(new CreateAliasCommand(alias))
      await revokeBad()
    }, 60_000)

    it('plans: nothing is changed', async () => {
      const planned = await lacre('plan', 'shop:prod', 'revert')
      expect(planned.out).toMatch(/shop:prod\s+2\s+revert to 1/)
      expect((await lacre('plan', 'other', 'refuse')).out).toContain('nothing violates there now')
    })

    it('tells what waits for a person, who then settles it', async () => {
      const [hold] = (await json<Shown>('show')).holds
      expect(hold).toMatchObject({ aliases: 2, state: 'open' })
      const [id, through] = [hold?.id ?? '', String(hold?.through)]
      expect((await lacre('show')).out).toMatch(
        new RegExp(`hold\\s+rxh-\\S+\\s+2 names\\s+open through ${through}, \\d{4}-`),
      )
      expect((await lacre('release', id)).exit).not.toBe(0)
      expect((await lacre('release', id, '--through', '-1')).err).toContain('no whole number')
      expect((await lacre('release', id, '--through', '0')).err).toContain('look at it again')
      expect(await lacre('release', id, '--through', through)).toMatchObject({ exit: 0 })
      const [settled] = (await json<Shown>('show')).holds
      expect(settled).toMatchObject({ state: 'released', settledBy: 'usr-admin' })
      expect((await lacre('dismiss', id, '--through', through)).exit).not.toBe(0)
    })

    it('tells what is refused, and lifts nothing that still violates', async () => {
      expect(await lacre('set', 'shop:next', 'refuse')).toMatchObject({ exit: 0 })
      await app.deps.verifier.settled()
      const shown = await lacre('show')
      expect(shown.out).toMatch(/refused\s+shop 2\s+version 2 violates \S+\s+since \d{4}-/)
      const lift = await lacre('lift', 'shop', '2')
      expect(lift.exit).not.toBe(0)
      expect((await json<Shown>('show')).refusals).toHaveLength(1)
    })
  })
})
