import { afterAll, expect, test } from 'vitest'

import type { CommandRow } from '../../../cli/command.ts'
import { runCommandLine } from '../../../cli/run.ts'
import { startTestApp } from '../../support/app.ts'
import { addPerson } from '../../support/people.ts'

const app = await startTestApp()
afterAll(() => app[Symbol.asyncDispose]())

const table: readonly CommandRow[] = [
  { name: 'console', summary: '', load: () => import('../../../cli/commands/console.ts') },
]

async function lacre(args: readonly string[], environment: Record<string, string> = {}) {
  let out = ''
  let err = ''
  const exit = await runCommandLine(table, {
    args,
    environment,
    out: { isTTY: false, write: (text: string) => (out += text) },
    err: { write: (text: string) => (err += text) },
    version: '0.0.0',
  })
  return { exit, out, err }
}

test('`console login --data` prints a link, and nothing else, that leads to a page which signs in', async () => {
  const { exit, out, err } = await lacre(['console', 'login', '--data', app.dataDir])

  expect([exit, err]).toEqual([0, expect.stringContaining('it signs in once, until ')])
  expect(out).toMatch(/^http:\/\/127\.0\.0\.1:\d+\/console\/sign-in\?link=[A-Za-z0-9_-]{43}\n$/)
  const page = await fetch(out.trim())
  expect(page.status).toBe(200)
  expect(await page.text()).toContain('Sign in as <bdi>admin</bdi>')
})

test('`--json` tells when it ends', async () => {
  const { out } = await lacre(['console', 'login', '--data', app.dataDir, '--json'])

  const { url, expiresAt } = JSON.parse(out) as { url: string; expiresAt: string }
  expect(url).toContain(`${app.url}/console/sign-in?link=`)
  expect(Date.parse(expiresAt) - Date.now()).toBeLessThanOrEqual(60_000)
})

test('a workload is told why not', async () => {
  const robot = await addPerson(app, 'robot', { kind: 'workload' })
  const key = { AWS_ACCESS_KEY_ID: robot.accessKeyId, AWS_SECRET_ACCESS_KEY: robot.secretAccessKey }

  const { exit, out, err } = await lacre(['console', 'login', '--endpoint', app.url], key)

  expect([exit, out]).toEqual([1, ''])
  expect(err).toContain('for people who come with an access key')
})
