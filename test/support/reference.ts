/** Makes `docs/reference/` from the code: `npm run reference`. A test says when it has to be made again. */
import { readFileSync, readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

import { Command } from 'commander'
import { format, resolveConfig } from 'prettier'

import { EXAMPLES } from '../../cli/examples.ts'
import { exitCodeOf } from '../../cli/exit-codes.ts'
import { nextStep } from '../../cli/next-steps.ts'
import { commandTable } from '../../cli/table.ts'
import { StandardTerminal } from '../../cli/terminal.ts'
import { errorTable } from '../../services/http/error-table.ts'
import { createMetrics } from '../../services/http/metrics.ts'
import type { ErrorCode } from '../../services/model/index.ts'
import { apiPage, cell, code, policiesPage, table } from './reference-tables.ts'

const root = fileURLToPath(new URL('../..', import.meta.url))
const DIRECTORY = join(root, 'docs/reference')

/** What each type of ledger entry tells; a test holds the names against the code that writes entries. */
export const ENTRY_TYPES: Readonly<Record<string, string>> = {
  change: 'a governed change, with its decision and every row that it wrote',
  refusal: 'a change that the gate refused, with its decision',
  installation: 'the first start of a data directory',
  'key.created': "a key of the service's own was made",
  'ledger.succeeded': 'the ledger ends here: its key was changed, and the next ledger is named',
  'ledger.begun': 'a ledger begins: the last checkpoint of the one before is quoted',
  'ledger.taken-over': 'rows that a new ledger takes over by name from the one before',
  state: 'a version became active or failed, by the work that followed its decision',
  'policy-set': 'the service put a policy set in force by itself, at a start or offline',
  tags: 'tags of a publisher that no policy reads',
  'revocation-list': 'a revocation list was fetched and is used from now on',
  'break-glass': 'an exception ended by itself',
  'events-replayed': 'dead events were run again',
  'events-purged': 'dead events were forgotten',
  garbage: 'stored files that nothing needs were taken away',
  scrub: 'damaged files were moved to quarantine',
  restore: 'this directory was made from a backup',
  'live.violation': 'something that is live violates the rules in force',
  'live.indeterminate': 'whether something that is live violates could not be found out',
  'live.recovered': 'what violated does so no more',
  'live.verdict': 'what is live is judged otherwise than before',
  'live.reaction': 'the service reacted to a violation',
  'webhook.disabled': 'a webhook was switched off by the service',
  'webhook.redelivery': 'somebody asked for entries to be told again',
}

/** Nothing of a command is run: it is declared alone. */
async function declared(name: string): Promise<Command> {
  const row = commandTable.find((one) => one.name === name)
  if (row === undefined) throw new Error(`no command ${name}`)
  const command = new Command(row.name).summary(row.summary)
  const quiet = { write: () => true }
  const module = await row.load()
  module.command.configure(command, new StandardTerminal(quiet, quiet), {})
  return command
}

async function commandLine(): Promise<string> {
  const sections: string[] = []
  const add = (command: Command, path: string): void => {
    if (command.commands.length === 0) sections.push(section(command, path))
    for (const sub of command.commands) add(sub, `${path} ${sub.name()}`)
  }
  for (const { name } of commandTable) add(await declared(name), name)
  const intro =
    'Every command also takes `--json`, `--quiet` and `--help`. What they are for: [cli.md](../cli.md).'
  return ['# Commands', intro, ...sections].join('\n\n')
}

function section(command: Command, path: string): string {
  const takes = command.registeredArguments.map((one) =>
    one.required ? `<${one.name()}>` : `[${one.name()}]`,
  )
  const options = command.options.map((option) => [
    code(option.flags),
    cell(option.description) + (option.mandatory ? ' (required)' : ''),
  ])
  return [
    `## lacre ${path}`,
    `\`lacre ${[path, ...takes].join(' ')}\` — ${cell(command.summary() || command.description())}`,
    ...(options.length === 0 ? [] : [table(['option', 'what it says'], options)]),
    ...(EXAMPLES[path] === undefined ? [] : [`\`\`\`bash\n${EXAMPLES[path].join('\n')}\n\`\`\``]),
  ].join('\n\n')
}

/** Flags of `serve`, each with the variable that stands in for it. */
async function configuration(): Promise<string> {
  const serve = await declared('serve')
  const sources = readdirSync(join(root, 'services'))
    .filter((file) => file.endsWith('.ts'))
    .map((file) => readFileSync(join(root, 'services', file), 'utf8'))
    .join('\n')
  const variables = new Set(sources.match(/\bLACRE_[A-Z_]+\b/g))
  const variableOf = (flag: string): string => {
    const name = `LACRE_${flag.replace(/^--/, '').replaceAll('-', '_').toUpperCase()}`
    return variables.delete(name) ? code(name) : ''
  }
  const rows = serve.options.map((option) => [
    code(option.flags),
    variableOf(option.long ?? ''),
    cell(option.description),
  ])
  const others = [...variables].sort().map((name) => [code(name), OTHER_VARIABLES[name] ?? ''])
  const silent = others.filter(([, what]) => what === '').map(([name]) => name)
  if (silent.length > 0) throw new Error(`say in reference.ts what is set by ${silent.join(', ')}`)
  return [
    '# Settings of the service',
    'A flag wins over its variable, a variable over the default. Nothing else is read from the environment.',
    table(['flag of `lacre serve`', 'variable', 'what it says'], rows),
    '## Variables without a flag',
    table(['variable', 'what it says'], others),
  ].join('\n\n')
}

const OTHER_VARIABLES: Readonly<Record<string, string>> = {
  LACRE_API_RATES: 'on: the request rates that AWS has for its APIs are held; off unless set',
  LACRE_CODE_STORAGE_BYTES: 'how much code may be stored, where it is not to be AWS’s 75 GB',
  LACRE_LOG_LEVEL: 'debug, info, warn or error',
  LACRE_LOGS_BYTES: 'how much of what functions wrote is kept',
  LACRE_MASTER_KEY: 'base64 of 32 bytes; taken out of the environment once it is read',
  LACRE_METERING_BYTES: 'how much of single attempts is kept',
}

function errors(): string {
  const rows = Object.entries(errorTable).map(([name, { status, type }]) => {
    const own = name as ErrorCode
    return [
      code(name),
      String(status),
      code(type),
      String(exitCodeOf(own)),
      cell(nextStep(own) ?? ''),
    ]
  })
  return [
    '# Error codes',
    'Lambda’s and Signer’s APIs answer with AWS’s type, the governance API with our code beside it; `lacre` ends with the exit code.',
    table(['code', 'status', "AWS's type", 'exit', 'next'], rows),
  ].join('\n\n')
}

function entries(): string {
  return [
    '# Types of ledger entries',
    'The member `type` of an entry. Its other members: [ledger.md](../ledger.md).',
    table(
      ['type', 'what it tells'],
      Object.entries(ENTRY_TYPES).map(([name, what]) => [code(name), cell(what)]),
    ),
  ].join('\n\n')
}

/** As a service exports them before anything has happened; those of functions come with the first call. */
async function metrics(): Promise<string> {
  const lines = (await createMetrics().text()).split('\n')
  const helps = lines.flatMap((line) => {
    const [, name = '', help = ''] = /^# HELP (\S+) (.*)$/.exec(line) ?? []
    return name === '' ? [] : [{ name, help }]
  })
  const types = new Map(
    lines.flatMap((line) => {
      const [, name = '', type = ''] = /^# TYPE (\S+) (\S+)$/.exec(line) ?? []
      return name === '' ? [] : [[name, type] as const]
    }),
  )
  const rows = helps
    .sort((a, b) => (a.name < b.name ? -1 : 1))
    .map(({ name, help }) => [code(name), types.get(name) ?? '', cell(help)])
  return [
    '# Metrics',
    'AWS’s names beside ours, labels and cardinality: [metrics.md](../metrics.md).',
    table(['metric', 'type', 'help'], rows),
  ].join('\n\n')
}

/** Every page by its file. */
export async function referencePages(): Promise<ReadonlyMap<string, string>> {
  const pages = {
    'commands.md': await commandLine(),
    'settings.md': await configuration(),
    'errors.md': errors(),
    'ledger-entries.md': entries(),
    'metrics.md': await metrics(),
    'api.md': apiPage(),
    'policies.md': policiesPage(),
  }
  const style = await resolveConfig(join(root, 'package.json'))
  const made = Object.entries(pages).map(async ([file, text]) => {
    const note = '<!-- made from the code by `npm run reference` -->'
    return [file, await format(`${note}\n\n${text}\n`, { ...style, parser: 'markdown' })] as const
  })
  return new Map(await Promise.all(made))
}

/** Where they lie. */
export const referencePath = (file: string): string => join(DIRECTORY, file)

if (process.argv[1] === fileURLToPath(import.meta.url))
  for (const [file, text] of await referencePages()) writeFileSync(referencePath(file), text)
