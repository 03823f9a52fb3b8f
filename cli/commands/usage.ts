import type { Command } from 'commander'

import { systemClock, type Json } from '../../services/model/index.ts'
import type { CommandModule, Environment } from '../command.ts'
import {
  connect,
  instantOption,
  objects,
  sinceOption,
  text,
  textTable,
  withConnection,
  type ConnectionOptions,
  type JsonObject,
  type Service,
} from '../service/index.ts'
import type { Terminal } from '../terminal.ts'

const PATH = '/api/v1/usage'
const SUMS = ['function', 'version', 'attempts', 'errors', 'timeouts', 'billed ms', 'GB-s']
const LATENCY = ['attempts', 'errors', 'p50 ms', 'p90 ms', 'p99 ms']
const PAGE = '1000'

interface UsageOptions extends ConnectionOptions {
  readonly since: string
  readonly until?: string
  readonly attempts?: boolean
  readonly latency?: boolean
  readonly requestId?: string
}

export const command: CommandModule = {
  name: 'usage',
  summary: 'what attempts to run functions came to: sums by version, or one by one',
  configure(command: Command, terminal: Terminal, environment: Environment): void {
    withConnection(command)
      .argument('[name]', 'one function')
      .option('--since <span|time>', 'from when on: 4h, 7d, or a time with a zone', '1d')
      .option('--until <time>', 'attempts that ended before then')
      .option('--attempts', 'every attempt, with the numbers of its REPORT line')
      .option(
        '--latency',
        'how long they took and how many failed, by slots of time and by function',
      )
      .option('--request-id <id>', 'the attempts of one invocation or event')
      .addHelpText('after', HELP)
      .action(async (name: string | undefined, options: UsageOptions) => {
        const service = connect(options, environment)
        const query = { functionName: name, ...windowOf(options) }
        if (options.latency === true) await showLatency(service, query, terminal)
        else if (options.attempts === true || options.requestId !== undefined)
          await showAttempts(service, { ...query, requestId: options.requestId }, terminal)
        else await showSums(service, query, terminal)
      })
  },
}

const HELP = `
Sums are of whole hours: the window is rounded outwards, and the answer says to what. With --json, --attempts shows one
JSON object a line. --latency goes back as far as single attempts are kept; its times are true to 15 %.

Examples:
  lacre usage --since 7d
  lacre usage checkout --attempts --since 1h
  lacre usage checkout --latency --since 3h
  lacre usage --request-id 4f1c2f5e-7a68-4a0e-9d4a-0a5f3d1c9b11`

type Query = Readonly<Record<string, string | undefined>>

function windowOf({ since, until }: UsageOptions): Query {
  return {
    from: sinceOption('--since', since, systemClock.nowMs()),
    until: until === undefined ? undefined : instantOption('--until', until),
  }
}

async function showSums(service: Service, query: Query, terminal: Terminal): Promise<void> {
  const answer = await service.get(PATH, query)
  const rows = objects(answer, 'usage').map((row) => [
    text(row, 'functionName'),
    text(row, 'version'),
    ...['attempts', 'errors', 'timeouts', 'billedMs'].map((name) => JSON.stringify(row[name])),
    Number(row['gigabyteSeconds']).toFixed(3),
  ])
  const window = `${text(answer, 'from')} to ${text(answer, 'until')}`
  const table = rows.length === 0 ? 'nothing ran' : textTable(SUMS, rows, terminal.columns)
  terminal.result(answer as Json, `${table}\n(${window})`)
}

async function showLatency(service: Service, query: Query, terminal: Terminal): Promise<void> {
  const answer = await service.get(`${PATH}/latency`, query)
  const [slots, functions] = [objects(answer, 'slots'), objects(answer, 'functions')]
  const table = (name: string, rows: readonly JsonObject[], cell: (row: JsonObject) => string) =>
    textTable(
      [name, ...LATENCY],
      rows.map((row) => [cell(row), ...taken(row)]),
      terminal.columns,
    )
  const busy = slots.filter((row) => row['attempts'] !== 0)
  const window = `${text(answer, 'from')} to ${text(answer, 'until')}`
  const shown =
    busy.length === 0
      ? 'nothing ran'
      : [
          table('function', functions, (row) => text(row, 'functionName')),
          table('from', busy, (row) => text(row, 'at')),
        ].join('\n\n')
  terminal.result(answer as Json, `${shown}\n(${window})`)
}

function taken(row: JsonObject): string[] {
  const counts = ['attempts', 'errors'].map((name) => JSON.stringify(row[name]))
  const times = ['p50Ms', 'p90Ms', 'p99Ms'].map((name) => Number(row[name]).toFixed(1))
  return [...counts, ...times]
}

async function showAttempts(service: Service, query: Query, terminal: Terminal): Promise<void> {
  for (let after: string | undefined; ;) {
    const page = await service.get(`${PATH}/attempts`, { ...query, limit: PAGE, after })
    for (const row of objects(page, 'attempts')) terminal.row({ ...row }, lineOf(row))
    if (page['done'] === true) return
    after = text(page, 'after')
  }
}

function lineOf(row: JsonObject): string {
  const number = (name: string): string => JSON.stringify(row[name])
  const name = `${text(row, 'functionName')}:${text(row, 'version')}`
  const took = `${number('durationMs')} ms, billed ${number('billedMs')} ms`
  return `${text(row, 'endedAt')} ${text(row, 'requestId')} ${name} #${number('attempt')} ${text(row, 'outcome')} ${took}`
}
