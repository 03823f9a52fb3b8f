import { chmodSync, mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

import { expect, test } from 'vitest'

import { checkClock, checkVersions } from '../../cli/doctor/index.ts'
import { lacre } from '../support/command.ts'
import { startService } from '../support/service.ts'

interface Report {
  readonly checks: readonly { name: string; status: string; found: string; fix?: string }[]
  readonly service: { readonly isolation?: { driver: string; level: string }; unreachable?: string }
}

const doctor = (args: readonly string[], env: Readonly<Record<string, string>> = {}) => {
  const run = lacre(['doctor', ...args, '--json'], env)
  return { ...run, report: JSON.parse(run.stdout) as Report }
}
const statusOf = ({ checks }: Report, name: string): string | undefined =>
  checks.find((check) => check.name === name)?.status

test('says of a running service what the service itself found, and leaves nothing behind', async () => {
  await using service = await startService()
  const before = readdirSync(tmpdir()).filter((name) => name.startsWith('lacre-doctor-'))

  const { status, report } = doctor(['--data', service.data])

  expect(status).toBe(0)
  const { driver, level } = report.service.isolation ?? { driver: '', level: '' }
  expect(report.checks.find(({ name }) => name === 'isolation')?.found).toContain(
    `${level}, by ${driver}`,
  )
  expect(
    ['node', 'disk', 'keys', 'clock', 'tls', 'runtimes'].map((name) => statusOf(report, name)),
  ).toEqual(['ok', 'ok', 'ok', 'ok', 'ok', 'ok'])
  expect(statusOf(report, 'master key')).toBe('warning')
  expect(readdirSync(tmpdir()).filter((name) => name.startsWith('lacre-doctor-'))).toEqual(before)
})

test('fails where others may read the keys, and says the command that mends it', async () => {
  await using service = await startService()
  chmodSync(join(service.data, 'master.key'), 0o644)

  const { status, report } = doctor(['--data', service.data])

  expect(status).toBe(3)
  const keys = report.checks.find(({ name }) => name === 'keys')
  expect(keys).toMatchObject({
    status: 'failed',
    found: expect.stringContaining('master.key') as string,
  })
  expect(keys?.fix).toMatch(/^chmod 600 \//)
})

test('tells a service that was named and does not answer from one that nobody named', () => {
  const dir = mkdtempSync(join(tmpdir(), 'lacre-doctor-test-'))
  try {
    expect(doctor(['--data', dir]).status).toBe(4)
    expect(doctor([]).status).toBe(0)
  } finally {
    rmSync(dir, { recursive: true, force: true })
  }
})

test('holds the clock against the service’s, and Node against the oldest that is tested', () => {
  const noon = Date.UTC(2026, 4, 3, 12)
  const said = new Date(noon).toUTCString()

  expect(checkClock(said, noon + 10_000)).toMatchObject({ status: 'ok' })
  expect(checkClock(said, noon + 31_000)).toMatchObject({ status: 'warning' })
  expect(checkClock('yesterday', noon)).toMatchObject({ status: 'warning' })
  const node = (version: string) => checkVersions({ ...process.versions, node: version })[0]?.status
  expect([node('20.20.1'), node('20.20.2'), node('24.0.0'), node('18.99.9')]).toEqual([
    'failed',
    'ok',
    'ok',
    'failed',
  ])
})
