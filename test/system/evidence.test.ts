import { spawnSync } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

import { CreateAliasCommand } from '@aws-sdk/client-lambda'
import { afterAll, describe, expect, it } from 'vitest'

import { lacre, lacreJson } from '../support/command.ts'
import { createActive } from '../support/functions.ts'
import { governance } from '../support/governance.ts'
import { lacreCommand, startService } from '../support/service.ts'
import { tempDir } from '../support/state.ts'

const from = new Date(Date.now() - 1_000).toISOString()
const service = await startService()
afterAll(() => service[Symbol.asyncDispose]())
const dir = tempDir()
afterAll(() => dir[Symbol.dispose]())
const at = (name: string): string => join(dir.path, name)
const client = service.client()
afterAll(() => client.destroy())
await createActive(client, 'checkout', { Publish: true })
await client.send(
  new CreateAliasCommand({ FunctionName: 'checkout', Name: 'prod', FunctionVersion: '1' }),
)
const { body: checkpoint } = await governance<{ note: string; verifierKey: string }>(
  service.admin,
  {
    path: '/ledger/checkpoint',
  },
)
writeFileSync(at('kept'), checkpoint.note)
const data = ['--data', service.data]
const about = ['--function', 'checkout', '--alias', 'prod', '--from', from]

describe('lacre evidence', () => {
  it('exports a file that verifies with no network at all', () => {
    const made = lacreJson<{ file: string; sizeBytes: number }>([
      'evidence', 'export', ...data, ...about, '--checkpoint', at('kept'), '-o', at('e.zip'),
    ]) // prettier-ignore
    const args = ['evidence', 'verify', at('e.zip'), '--log-key', checkpoint.verifierKey]
    const offline = spawnSync(
      'unshare',
      ['-n', process.execPath, lacreCommand, ...args, '--checkpoint', at('kept'), '--json'],
      { encoding: 'utf8' },
    )

    expect(made.sizeBytes).toBe(readFileSync(at('e.zip')).length)
    expect([offline.status, offline.stderr]).toEqual([0, ''])
    expect(JSON.parse(offline.stdout)).toMatchObject({
      answer: 'authenticated',
      findings: [],
      evidence: { functionName: 'checkout', outsideCheckpoints: 1, completeness: 'window' },
    })
  })

  it('exits 5 without a key from outside, and says what that means', () => {
    const run = lacre(['evidence', 'verify', at('e.zip')])

    expect(run.status).toBe(5)
    expect(run.stdout).toContain('consistent, not authenticated')
    expect(run.stdout).toContain('not that it says the same to everyone')
  })

  it('exits 1 on a changed file and names what does not fit', () => {
    const bytes = readFileSync(at('e.zip'))
    const name = bytes.indexOf('report.json')
    bytes.writeUInt8(bytes.readUInt8(name + 40) ^ 1, name + 40)
    writeFileSync(at('changed.zip'), bytes)

    expect(lacre(['evidence', 'verify', at('changed.zip')]).status).toBe(1)
  })

  it('refuses a time that is none, a window that ends before it begins, and a function that never was', () => {
    const refused = (...args: string[]) =>
      lacre(['evidence', 'export', ...data, ...args, '-o', at('no.zip')]).status

    expect(
      refused('--function', 'checkout', '--alias', 'prod', '--from', 'yesterday, at noon'),
    ).toBe(2)
    expect(refused(...about, '--to', '2020-01-01T00:00:00Z')).toBe(2)
    expect(refused('--function', 'nobody', '--alias', 'prod', '--from', from)).toBe(3)
    expect(() => readFileSync(at('no.zip'))).toThrow('ENOENT')
  })
})

describe('lacre ledger export', () => {
  const exported = (format: string, ...more: string[]): string => {
    lacreJson(['ledger', 'export', ...data, '--format', format, ...more, '-o', at(format)])
    return readFileSync(at(format), 'utf8')
  }

  it('writes every entry as CloudEvents, OCSF and CSV', () => {
    const events = exported('jsonl').trimEnd().split('\n')
    const findings = exported('ocsf').trimEnd().split('\n')
    const records = exported('csv').trimEnd().split('\r\n')

    expect(JSON.parse(events[0] ?? '')).toMatchObject({
      specversion: '1.0',
      id: expect.stringMatching(/^[0-9a-f]{16}-0$/) as string,
    })
    expect(JSON.parse(findings[0] ?? '')).toMatchObject({ metadata: { version: '1.3.0' } })
    expect(findings).toHaveLength(events.length)
    expect(records).toHaveLength(events.length + 1)
  })

  it('cuts by time, and refuses to cut what is to be verified', () => {
    expect(exported('jsonl', '--to', '2020-01-01T00:00:00Z')).toBe('')
    expect(exported('jsonl', '--from', from).split('\n').length).toBeGreaterThan(3)
    const cut = lacre(['ledger', 'export', ...data, '--from', from, '-o', at('entries')])
    expect(cut.status).toBe(2)
    expect(lacre(['ledger', 'export', ...data, '--format', 'xml', '-o', at('x')]).status).toBe(2)
  })
})
