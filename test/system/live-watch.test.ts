import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'

import { expect, test } from 'vitest'

import { lacre } from '../support/command.ts'
import { lacreCommand, startService } from '../support/service.ts'
import { zipOf } from '../support/zip-builder.ts'

test('live --watch tells what comes, changes and goes, an object to each', async () => {
  const dir = mkdtempSync(join(tmpdir(), 'lacre-watch-'))
  await using service = await startService()
  const at = ['--data', service.data]
  const deploy = (answer: number): number | null => {
    writeFileSync(
      join(dir, 'f.zip'),
      zipOf({ 'index.js': `exports.handler = async () => ${answer}\n` }),
    )
    const options = ['--runtime', 'nodejs20.x', '--handler', 'index.handler', '--alias', 'prod']
    return lacre(['deploy', join(dir, 'f.zip'), '--function', 'shop', ...options, ...at]).status
  }
  const args = [lacreCommand, 'live', '--watch', '--json', ...at]
  const watcher = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] })
  const lines = createInterface(watcher.stdout)[Symbol.asyncIterator]()
  /** Lines until the alias is told of as wanted; the test's own limit ends the wait. */
  const told = async (change: string): Promise<Record<string, unknown>> => {
    for (;;) {
      const { value, done } = await lines.next()
      if (done === true) throw new Error('the watcher ended')
      const row = JSON.parse(value) as Record<string, unknown>
      if (row['alias'] === 'prod' && row['change'] === change) return row
    }
  }
  try {
    expect(deploy(1)).toBe(0)
    expect(await told('live')).toMatchObject({ functionName: 'shop', version: '1', weight: 1 })
    expect(deploy(2)).toBe(0)
    expect(await told('gone')).toMatchObject({ version: '1' })
    expect(await told('live')).toMatchObject({ version: '2' })
  } finally {
    const gone = once(watcher, 'exit')
    watcher.kill('SIGTERM')
    await gone
    rmSync(dir, { recursive: true, force: true })
  }
})

test('live --watch is of now', () => {
  const run = lacre(
    ['live', '--watch', '--at', '2026-05-03T14:00Z', '--endpoint', 'http://127.0.0.1:1'],
    {
      AWS_ACCESS_KEY_ID: 'a',
      AWS_SECRET_ACCESS_KEY: 'b',
    },
  )

  expect(run.status).toBe(2)
})
