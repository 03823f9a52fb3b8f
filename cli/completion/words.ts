import { Command, type Option } from 'commander'

import type { CommandRow } from '../command.ts'
import { StandardTerminal } from '../terminal.ts'

/** One command or group as a shell completes it. */
export interface Words {
  /** What is typed before: `publisher create`. */
  readonly path: string
  readonly summary: string
  readonly commands: readonly string[]
  readonly options: readonly OptionWords[]
}

export interface OptionWords {
  readonly flags: readonly string[]
  readonly summary: string
  /** What its value can be: any file, one of some words, anything else; `undefined` where it takes none. */
  readonly value: 'file' | 'text' | readonly string[] | undefined
}

/** Flags whose values are paths, by the name that their help gives the value. */
const PATHS = /^(file|dir|directory|path|zip|pem|json|bundle)(\.\.\.|\||$)/

/** Every command with its words, from the declarations that parse command lines: nothing is listed a second time. */
export async function commandWords(table: readonly CommandRow[]): Promise<readonly Words[]> {
  const found: Words[] = []
  const terminal = new StandardTerminal({ write: () => true }, { write: () => true })
  for (const row of table) {
    const command = new Command(row.name).summary(row.summary)
    const module = await row.load()
    module.command.configure(command, terminal, {})
    collect(command, row.name, found)
  }
  const verbs = table.map(({ name }) => name)
  const root = {
    path: '',
    summary: '',
    commands: [...verbs, 'help'],
    options: [VERSION, ...COMMON],
  }
  return [root, ...found, { path: 'help', summary: 'show help', commands: verbs, options: COMMON }]
}

const COMMON: readonly OptionWords[] = [
  { flags: ['--json'], summary: 'result and errors as JSON', value: undefined },
  { flags: ['--quiet', '-q'], summary: 'the result and errors alone', value: undefined },
  { flags: ['--help', '-h'], summary: 'show help', value: undefined },
]
const VERSION: OptionWords = { flags: ['--version'], summary: 'show the version', value: undefined }

function collect(command: Command, path: string, found: Words[]): void {
  found.push({
    path,
    summary: command.summary() || command.description(),
    commands: command.commands.map((sub) => sub.name()),
    options: [...command.options.map(toWords), ...COMMON],
  })
  for (const sub of command.commands) collect(sub, `${path} ${sub.name()}`, found)
}

function toWords(option: Option): OptionWords {
  const flags = [option.long, option.short].filter((flag) => typeof flag === 'string')
  return { flags, summary: option.description, value: valueOf(option) }
}

function valueOf(option: Option): OptionWords['value'] {
  const [, name = ''] = /[<[]([^\]>]+)[\]>]/.exec(option.flags) ?? []
  if (name === '') return undefined
  if (option.argChoices !== undefined) return option.argChoices
  if (name === 'on|off') return ['on', 'off']
  return PATHS.test(name) || name.endsWith('|file') ? 'file' : 'text'
}
