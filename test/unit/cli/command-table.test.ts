import { Command } from 'commander'
import { expect, test } from 'vitest'

import { StandardTerminal } from '../../../cli/terminal.ts'
import { commandTable } from '../../../cli/table.ts'
import { EXAMPLES } from '../../../cli/examples.ts'
import { argumentsOf, examplesIn } from '../../support/command-lines.ts'
import { run } from './captured.ts'

const verbs = commandTable.map(({ name }) => name)
const quiet = { write: () => true }

/** Every command that does something, by what is typed: groups that only hold others are none. */
async function commandPaths(): Promise<string[]> {
  const paths: string[] = []
  const walk = (command: Command, path: string): void => {
    if (command.commands.length === 0) paths.push(path)
    for (const sub of command.commands) walk(sub, `${path} ${sub.name()}`)
  }
  for (const row of commandTable) {
    const command = new Command(row.name)
    const module = await row.load()
    module.command.configure(command, new StandardTerminal(quiet, quiet), {})
    walk(command, row.name)
  }
  return paths
}

const paths = await commandPaths()

const helpOf = async (path: string): Promise<string> =>
  (await run([...path.split(' '), '--help'], { table: commandTable })).out

/** Whether a line is one that the command takes: parsed by its own declaration, with nothing done. */
async function parse(args: readonly string[]): Promise<void> {
  const row = commandTable.find(({ name }) => name === args[0])
  if (row === undefined) throw new Error(`no command \`${args[0]}\``)
  const program = new Command('lacre').enablePositionalOptions()
  const command = program.command(row.name)
  const module = await row.load()
  module.command.configure(command, new StandardTerminal(quiet, quiet), {})
  const tame = (one: Command): void => {
    one.exitOverride().configureOutput({ writeErr: () => {}, writeOut: () => {} })
    if (!one.options.some(({ long }) => long === '--json')) one.option('--json')
    if (one.commands.length === 0) one.action(() => {})
    for (const sub of one.commands) tame(sub)
  }
  tame(command)
  await program.exitOverride().parseAsync([...args], { from: 'user' })
}

test('there are as many commands as a person would count', () => {
  expect(paths.length).toBeGreaterThan(120)
  expect(new Set(verbs).size).toBe(verbs.length)
})

test.each(paths)(
  'the help of `%s` has examples, and the command takes each of them',
  async (path) => {
    const help = await helpOf(path)

    const own = examplesIn(help).filter((line) => argumentsOf(line).join(' ').startsWith(path))
    expect(own.length, help).toBeGreaterThan(0)
    for (const line of own) await expect(parse(argumentsOf(line)), line).resolves.toBeUndefined()
  },
)

test.each(paths)('`%s` takes --json and --quiet', async (path) => {
  const help = await helpOf(path)

  expect(help).toMatch(/^ +--json /m)
  expect(help).toMatch(/^ +-q, --quiet /m)
})

test('examples belong to commands that are there', () => {
  expect(Object.keys(EXAMPLES).filter((path) => !paths.includes(path))).toEqual([])
})

test('a line that a command does not take is found out', async () => {
  await expect(parse(argumentsOf('lacre check app.zip --strict'))).rejects.toThrow('unknown option')
  await expect(parse(argumentsOf("lacre check 'a b.zip' c.zip"))).rejects.toThrow('too many')
  expect(argumentsOf('eval "$(lacre env --data \'/a b\')"')).toEqual(['env', '--data', '/a b'])
})
