import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

import { afterEach, beforeEach, describe, expect, test } from 'vitest'

import { lacre } from '../support/command.ts'
import { lacreCommand } from '../support/service.ts'

/** util-linux's recorder of sessions gives a command a terminal. */
const RECORDER = 'script'
const there = spawnSync(RECORDER, ['--version']).stdout?.includes('util-linux') ?? false
const SECRET = 'tr0ub4dor and 3'

let dir = ''
const at = (name: string): string => join(dir, name)
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'lacre-passphrase-'))
  writeFileSync(at('secret'), SECRET)
  lacre(['key', 'create', '--out', at('k.pem'), '--passphrase-file', at('secret')])
})
afterEach(() => rmSync(dir, { recursive: true, force: true }))

interface Session {
  readonly code: number | null
  /** What the terminal showed. */
  readonly screen: string
}

/** The command at a terminal of its own; what is typed comes once the question stands there. */
async function atTerminal(typed: string, env: Record<string, string> = {}): Promise<Session> {
  const command = `${process.execPath} ${lacreCommand} key public --key ${at('k.pem')}`
  const child = spawn(RECORDER, ['-qec', command, '/dev/null'], {
    env: { PATH: process.env['PATH'], TERM: 'dumb', ...env },
    stdio: ['pipe', 'pipe', 'inherit'],
  })
  let screen = ''
  let answered = false
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    screen += text
    if (!answered && screen.includes('passphrase of')) {
      answered = true
      child.stdin.write(typed)
    }
  })
  const [code] = (await once(child, 'close')) as [number | null]
  return { code, screen }
}

describe.skipIf(!there)('a passphrase at a terminal', () => {
  test('opens the key and is not shown while it is typed', async () => {
    const { code, screen } = await atTerminal(`wrong\b\b\b\b\b${SECRET}\r`)

    expect(screen.replaceAll('\r', '')).toContain(readFileSync(at('k.pem.pub'), 'latin1').trim())
    expect(screen).not.toContain(SECRET)
    expect(screen).not.toContain('wrong')
    expect(code).toBe(0)
  })

  test('is refused where it is wrong, and not shown', async () => {
    const { code, screen } = await atTerminal('something else\r')

    expect(code).toBe(2)
    expect(screen).toContain('is the passphrase right?')
    expect(screen).not.toContain('something else')
  })

  test('ends the command where the person leaves', async () => {
    expect(await atTerminal('\u0003')).toMatchObject({ code: 2 })
  })

  test('is never asked for on CI', async () => {
    const { code, screen } = await atTerminal('', { CI: 'true' })

    expect(code).toBe(2)
    expect(screen).toContain('give --passphrase-file or set COSIGN_PASSWORD')
    expect(screen).not.toContain('passphrase of')
  })
})

test('is not asked for where nobody sits at a terminal', () => {
  const run = lacre(['key', 'public', '--key', at('k.pem')])

  expect(run.status).toBe(2)
  expect(run.stderr).toContain('give --passphrase-file or set COSIGN_PASSWORD')
})
