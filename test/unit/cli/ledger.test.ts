import { copyFileSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

import { describe, expect, it } from 'vitest'

import { runCommandLine } from '../../../cli/run.ts'
import { exportLedger } from '../../../services/audit/index.ts'
import { openState, tempDir, writeSetting, type State } from '../../support/state.ts'
import { tamper } from '../../support/tamper.ts'

async function lacre(...args: readonly string[]) {
  let out = ''
  let err = ''
  const table = [
    { name: 'ledger', summary: '', load: () => import('../../../cli/commands/ledger.ts') },
  ]
  const code = await runCommandLine(table, {
    args,
    environment: {},
    out: { write: (text: string) => (out += text) },
    err: { write: (text: string) => (err += text) },
    version: '0',
  })
  return { code, out, err }
}

async function prepare(dir: string): Promise<{ file: string; key: string; pem: string }> {
  const file = join(dir, 'ledger.jsonl')
  await using state: State = await openState(dir)
  for (let at = 0; at < 12; at += 1) await writeSetting(state, `s${at}`, 'x')
  await state.audit.checkpoint()
  const lines: string[] = []
  await state.store.snapshot(async (reader) => {
    for await (const line of exportLedger(reader)) lines.push(line)
  })
  writeFileSync(file, `${lines.join('\n')}\n`)
  const pem = join(dir, 'log.pem')
  writeFileSync(pem, state.audit.publicKeyPem)
  return { file, key: state.audit.verifierKey, pem }
}

// The whole service is imported for --data, which takes its time.
describe('lacre ledger verify', { timeout: 30_000 }, () => {
  it('exits 0 only with the key from outside, and 5 without', async () => {
    using dir = tempDir()
    const { file, key, pem } = await prepare(dir.path)

    for (const from of [
      ['--file', file],
      ['--data', dir.path],
    ]) {
      expect(await lacre('ledger', 'verify', ...from, '--log-key', key)).toMatchObject({ code: 0 })
      expect(await lacre('ledger', 'verify', ...from, '--log-key', pem)).toMatchObject({ code: 0 })
      const without = await lacre('ledger', 'verify', ...from)
      expect(without).toMatchObject({ code: 5 })
      expect(without.out).toContain('consistent, not authenticated')
    }
  })

  it('exits 1 on a changed export and says which entry', async () => {
    using dir = tempDir()
    const { file, key } = await prepare(dir.path)
    const lines = readFileSync(file, 'utf8').split('\n')
    writeFileSync(file, lines.toSpliced(4, 1).join('\n'))

    const result = await lacre('--json', 'ledger', 'verify', '--file', file, '--log-key', key)

    expect(result.code).toBe(1)
    expect(JSON.parse(result.out)).toMatchObject({
      answer: 'changed',
      findings: [{ kind: 'dropped', index: 4 }, { kind: 'truncated' }],
    })
  })

  it('finds a tail cut off with its checkpoint, given one kept elsewhere', async () => {
    using dir = tempDir()
    const { file, key } = await prepare(dir.path)
    const kept = join(dir.path, 'kept')
    copyFileSync(join(dir.path, 'checkpoints', 'latest'), kept)
    const lines = readFileSync(file, 'utf8').split('\n')
    writeFileSync(file, lines.slice(0, 5).join('\n'))

    const blind = await lacre('ledger', 'verify', '--file', file, '--log-key', key)
    const seeing = await lacre(
      'ledger',
      'verify',
      '--file',
      file,
      '--log-key',
      key,
      '--checkpoint',
      kept,
    )

    expect(blind.code).toBe(5)
    expect(seeing.code).toBe(1)
    expect(seeing.out).toContain('truncated')
  })

  it('exits 1 on a data directory with a changed row and names it', async () => {
    using dir = tempDir()
    const { key } = await prepare(dir.path)
    tamper(dir.path, `update setting set value = 'y' where name = 's3'`)

    const result = await lacre('ledger', 'verify', '--data', dir.path, '--log-key', key)

    expect(result.code).toBe(1)
    expect(result.out).toContain('setting {"name":"s3"} was changed after entry 4')
  })

  it('refuses a file that is no export, and a key that is none', async () => {
    using dir = tempDir()
    const { file } = await prepare(dir.path)
    writeFileSync(join(dir.path, 'long'), 'x'.repeat(200_000))

    expect((await lacre('ledger', 'verify', '--file', join(dir.path, 'long'))).code).toBe(2)
    expect((await lacre('ledger', 'verify', '--file', file, '--log-key', 'x')).code).toBe(2)
    expect((await lacre('ledger', 'verify')).code).toBe(2)
  })
})
