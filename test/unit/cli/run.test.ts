import { expect, test } from 'vitest'

import type { CommandModule, CommandRow } from '../../../cli/command.ts'
import { EXIT, exitCodeOf } from '../../../cli/exit-codes.ts'
import type { Terminal } from '../../../cli/terminal.ts'
import { PlatformError } from '../../../services/model/index.ts'
import { run } from './captured.ts'

const table = (action: (terminal: Terminal) => unknown): CommandRow[] => {
  const command: CommandModule = {
    name: 'verb',
    summary: 'does it',
    configure(command, terminal) {
      command.option('--flag').action(async () => {
        await action(terminal)
      })
      command
        .command('sub')
        .argument('<x>')
        .action(() => terminal.result({ sub: true }, 'sub'))
    },
  }
  const other = (): Promise<never> => Promise.reject(new Error('loaded though not called'))
  return [
    { name: 'verb', summary: 'does it', load: () => Promise.resolve({ command }) },
    { name: 'other', summary: 'does not', load: other },
  ]
}
const throwing = (error: unknown): CommandRow[] =>
  table(() => {
    throw error
  })

test('answers the version', async () => {
  expect(await run(['--version'])).toEqual({ code: 0, out: '1.2.3\n', err: '' })
})

test('loads the called verb alone', async () => {
  const ran = await run(['verb'], { table: table((terminal) => terminal.result({}, 'done')) })

  expect(ran).toEqual({ code: 0, out: 'done\n', err: '' })
})

test.each([[['--help']], [['help', 'verb']], [['verb', '--help']], [[]]])(
  'shows help for %j and succeeds',
  async (args) => {
    const ran = await run(args, { table: table(() => {}) })

    expect(ran.code).toBe(0)
    expect(ran.out).toContain('Usage: lacre')
  },
)

test.each([[['nothing']], [['verb', '--wrong']], [['verb', 'sub']]])(
  'answers usage for %j',
  async (args) => {
    const ran = await run(args, { table: table(() => {}) })

    expect(ran.code).toBe(EXIT.usage)
    expect(ran.out).toBe('')
    expect(ran.err).toMatch(/^error: /)
  },
)

test('answers a usage error as one JSON object with --json', async () => {
  const ran = await run(['verb', '--wrong', '--json'], { table: table(() => {}) })

  expect(ran.code).toBe(EXIT.usage)
  expect(JSON.parse(ran.err)).toMatchObject({ error: { code: 'USAGE' } })
})

test('gives the result as JSON with --json, after the verb, before it, and after a sub-verb', async () => {
  const rows = table((terminal) => {
    terminal.say('narration')
    terminal.result({ a: 1 }, 'text')
  })

  for (const args of [
    ['verb', '--json'],
    ['--json', 'verb'],
  ])
    expect(await run(args, { table: rows })).toEqual({ code: 0, out: '{\n  "a": 1\n}\n', err: '' })
  expect(JSON.parse((await run(['verb', 'sub', 'x', '--json'], { table: rows })).out)).toEqual({
    sub: true,
  })
})

test('exits with the code that a command sets', async () => {
  const rows = table((terminal) => {
    terminal.result({ trusted: false }, 'not trusted')
    terminal.exitWith(EXIT.refused)
  })

  expect(await run(['verb'], { table: rows })).toEqual({ code: 1, out: 'not trusted\n', err: '' })
})

test('says a refusal in one line with its rule, and exits 1', async () => {
  const error = new PlatformError('INVALID_ARTIFACT', 'the zip is bad', {
    detail: { rule: 'zip.bad', entry: 'a' },
  })

  expect(await run(['verb'], { table: throwing(error) })).toEqual({
    code: 1,
    out: '',
    err: 'error: the zip is bad (zip.bad)\n',
  })
  expect(JSON.parse((await run(['verb', '--json'], { table: throwing(error) })).err)).toEqual({
    error: {
      code: 'INVALID_ARTIFACT',
      message: 'the zip is bad',
      detail: { rule: 'zip.bad', entry: 'a' },
    },
  })
})

test.each([
  ['ENOENT', EXIT.failed, 'no such file or directory'],
  ['ENOSPC', EXIT.failed, 'no space left'],
  ['EMFILE', EXIT.failed, 'EMFILE'],
  ['ECONNREFUSED', EXIT.unreachable, 'ECONNREFUSED'],
])('says %s of the system in one line', async (code, exit, phrase) => {
  const error = Object.assign(new Error('raw'), { code, syscall: 'open', path: 'f.zip' })

  const ran = await run(['verb'], { table: throwing(error) })

  expect(ran).toEqual({ code: exit, out: '', err: `error: \`f.zip\`: ${phrase}\n` })
})

test('calls a bug a bug, with its stack', async () => {
  for (const error of [new TypeError('boom'), 'boom']) {
    const ran = await run(['verb'], { table: throwing(error) })

    expect(ran.code).toBe(EXIT.internal)
    expect(ran.err).toMatch(/^this is a bug in lacre: .*boom/)
  }
})

test('tells refusals, usage, failures and an absent service apart', () => {
  expect([
    exitCodeOf('POLICY_DENIED'),
    exitCodeOf('INVALID_PARAMETER'),
    exitCodeOf('FUNCTION_NOT_FOUND'),
    exitCodeOf('UNAVAILABLE'),
  ]).toEqual([1, 2, 3, 4])
  expect(new Set(Object.values(EXIT)).size).toBe(Object.values(EXIT).length)
})

test('says the next step after an error that the code alone explains', async () => {
  const gone = new PlatformError('UNAVAILABLE', 'no service answers')

  const told = await run(['verb'], { table: throwing(gone) })
  const json = JSON.parse((await run(['verb', '--json'], { table: throwing(gone) })).err) as object
  const usage = await run(['verb', '--wrong'], { table: table(() => {}) })

  expect(told.err).toMatch(/^error: no service answers\nnext: .*lacre doctor/)
  expect(json).toMatchObject({ error: { next: expect.stringContaining('lacre doctor') as string } })
  expect(usage.err).toContain('next: the same with --help')
})
