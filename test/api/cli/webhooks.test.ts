import { afterAll, expect, it } from 'vitest'

import type { CommandRow } from '../../../cli/command.ts'
import { runCommandLine } from '../../../cli/run.ts'
import { startTestApp } from '../../support/app.ts'
import { eventually } from '../../support/eventually.ts'
import { answering, eventsOf, startReceiver } from '../../support/receiver.ts'

const app = await startTestApp({ allowSource: ['127.0.0.0/8'] })
const receiver = await startReceiver()
afterAll(async () => {
  await app[Symbol.asyncDispose]()
  await receiver[Symbol.asyncDispose]()
})

const table: readonly CommandRow[] = [
  { name: 'webhook', summary: '', load: () => import('../../../cli/commands/webhook.ts') },
  { name: 'stage', summary: '', load: () => import('../../../cli/commands/stage.ts') },
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

it('makes, tests, watches, rotates and ends a webhook', async () => {
  const made = await lacre('webhook', 'create', 'audit', '--url', receiver.url, '--scope', 'shop*', '--type', 'change', 'refusal')
  const tested = await lacre('webhook', 'test', 'audit')
  receiver.answer = answering(500, '\u001b[31mno')
  const failed = await lacre('webhook', 'test', 'audit')
  receiver.answer = answering(200)
  await lacre('stage', 'freeze', 'shop:prod', '--reason', 'audit')
  await eventually(() => receiver.got.length).toBe(3)
  const { index = -1 } = eventsOf(receiver.got).at(-1)?.data ?? {}
  await eventually(async () => (await lacre('webhook', 'deliveries', 'audit')).out).toMatch(new RegExp(`\\d+ +${index} +1 +\\S+ +delivered +200`))
  const listed = await lacre('webhook', 'list')
  const shown = await lacre('webhook', 'show', 'audit', '--json')
  const again = await lacre('webhook', 'redeliver', 'audit', String(index))
  const rotated = await lacre('webhook', 'rotate-secret', 'audit', '--overlap-hours', '48')
  const off = await lacre('webhook', 'disable', 'audit')
  const twice = await lacre('webhook', 'disable', 'audit')
  const on = await lacre('webhook', 'enable', 'audit', '--json')
  const gone = await lacre('webhook', 'delete', 'audit')

  expect(made).toMatchObject({ exit: 0, out: expect.stringMatching(/^whsec_\S{44}\n$/) })
  expect(made.err).toContain('cannot be shown again')
  expect(tested).toMatchObject({ exit: 0, out: expect.stringMatching(/^taken: answer 200 in \d+ ms/) })
  expect(failed).toMatchObject({ exit: 3, out: expect.stringMatching(/^not taken: answer 500 in \d+ ms\n\\u001b\[31mno/) })
  expect(listed.out).toMatch(/^audit +enabled +http:\/\/127\.0\.0\.1:\d+\/ +\d/m)
  expect(JSON.parse(shown.out)).toMatchObject({ webhook: { name: 'audit', dead: 0, filter: { scopes: ['shop*'], types: ['change', 'refusal'] } } })
  expect(again).toMatchObject({ exit: 0, out: '1 entry is told again\n' })
  expect(rotated).toMatchObject({ exit: 0, out: expect.stringMatching(/^whsec_\S{44}\n$/) })
  expect([off.exit, twice.exit, on.exit, gone.exit]).toEqual([0, 3, 0, 0])
  expect(JSON.parse(on.out)).toMatchObject({ webhook: { state: 'enabled' }, decision: expect.stringMatching(/^dec-/) })
}) // prettier-ignore

it.each<[number, ...string[]]>([
  [2, 'redeliver', 'audit'],
  [2, 'redeliver', 'audit', '1', '--dead'],
  [2, 'rotate-secret', 'audit', '--overlap-hours', 'soon'],
  [2, 'create', 'audit', '--url', 'http://example.com/'],
  [3, 'show', 'nobody'],
])('ends with %i for webhook %s %s', async (exit, ...args) => {
  expect((await lacre('webhook', ...args)).exit).toBe(exit)
})

it('helps with examples', async () => {
  const { out } = await lacre('webhook', '--help')

  expect(out).toContain(
    'lacre webhook create denials --url https://chat.example.com/x --outcome deny',
  )
})
