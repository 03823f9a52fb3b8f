import type { Command } from 'commander'

import { PlatformError, type Json } from '../../services/model/index.ts'
import type { CommandModule, Environment } from '../command.ts'
import {
  connect,
  isObject,
  objects,
  text,
  textTable,
  withConnection,
  type ConnectionOptions,
  type JsonObject,
  type Service,
} from '../service/index.ts'
import type { Terminal } from '../terminal.ts'

const PATH = '/api/v1/events'
const HEADERS = ['request id', 'function', 'state', 'invocations', 'condition', 'accepted', 'error']
const ERROR_SHOWN_CHARS = 60

interface ListOptions extends ConnectionOptions {
  readonly state?: string
  readonly function?: string
  readonly limit?: string
  readonly after?: string
}
interface ChosenOptions extends ConnectionOptions {
  readonly function?: string
  readonly all?: boolean
}
interface MessagesOptions extends ConnectionOptions {
  readonly limit?: string
  readonly delete?: boolean
}

interface Surroundings {
  readonly terminal: Terminal
  readonly environment: Environment
}

export const command: CommandModule = {
  name: 'events',
  summary: 'asynchronous events: list, show, replay, purge; queues and their messages',
  configure(command: Command, terminal: Terminal, environment: Environment): void {
    const around = { terminal, environment }
    listCommand(command, around)
    showCommand(command, around)
    deadCommand(command, 'replay', around)
    deadCommand(command, 'purge', around)
    queueCommands(command, around)
  },
}

function listCommand(command: Command, { terminal, environment }: Surroundings): void {
  withConnection(command.command('list'))
    .description('events that wait, run or are dead, oldest first')
    .option('--state <state>', 'ready, leased or dead')
    .option('--function <name>', 'those of one function')
    .option('--limit <n>', 'how many: 50 where nothing is said')
    .option('--after <id>', 'those behind this one')
    .action(async (options: ListOptions) => {
      const { state, limit, after, function: functionName } = options
      const service = connect(options, environment)
      const answer = await service.get(PATH, { state, functionName, limit, after })
      const rows = objects(answer, 'events')
      const table =
        rows.length === 0 ? 'no events' : textTable(HEADERS, rows.map(toCells), terminal.columns)
      terminal.result(answer as Json, table)
    })
}

function showCommand(command: Command, { terminal, environment }: Surroundings): void {
  withConnection(command.command('show'))
    .argument('<request-id>', 'the event')
    .description('one event with its payload')
    .action(async (id: string, options: ConnectionOptions) => {
      const answer = await connect(options, environment).get(`${PATH}/${encodeURIComponent(id)}`)
      const { event } = answer
      if (!isObject(event)) throw new PlatformError('UNAVAILABLE', 'the answer has no event')
      const lines = Object.entries(event).map(([name, value]) => [name, shown(value)])
      terminal.result(answer as Json, textTable(['member', 'value'], lines, terminal.columns))
    })
}

/** `replay` and `purge` take one event, `--function` or `--all`: nothing is meant by saying nothing. */
function deadCommand(
  command: Command,
  verb: 'replay' | 'purge',
  { terminal, environment }: Surroundings,
): void {
  const what = verb === 'replay' ? 'run dead events again' : 'forget dead events'
  withConnection(command.command(verb))
    .argument('[request-id]', 'one event')
    .option('--function <name>', 'all dead events of a function')
    .option('--all', 'all dead events')
    .description(what)
    .action(async (id: string | undefined, options: ChosenOptions) => {
      const { function: functionName, all } = options
      const given = [id, functionName, all].filter((one) => one !== undefined)
      if (given.length !== 1)
        throw new PlatformError('INVALID_PARAMETER', 'give one request id, --function or --all')
      const service = connect(options, environment)
      const path =
        id === undefined ? `${PATH}/${verb}` : `${PATH}/${encodeURIComponent(id)}/${verb}`
      const body = functionName === undefined ? {} : { functionName }
      const answer = await service.change('POST', path, body)
      const count = Number(answer.body['events'])
      const done = verb === 'replay' ? 'run again' : 'forgotten'
      terminal.result(
        answer.body as Json,
        `${count} ${count === 1 ? 'event is' : 'events are'} ${done}`,
      )
    })
}

function queueCommands(command: Command, { terminal, environment }: Surroundings): void {
  withConnection(command.command('queues'))
    .description('what destinations and dead letter queues hold, by their ARN')
    .action(async (options: ConnectionOptions) => {
      const answer = await connect(options, environment).get('/api/v1/event-queues')
      const rows = objects(answer, 'queues').map((row) => [
        text(row, 'queue'),
        shown(row['messages']),
        text(row, 'oldestAt'),
      ])
      const table =
        rows.length === 0
          ? 'no messages'
          : textTable(['queue', 'messages', 'oldest'], rows, terminal.columns)
      terminal.result(answer as Json, table)
    })
  withConnection(command.command('messages'))
    .argument('<arn>', 'the queue')
    .option('--limit <n>', 'how many: 10 where nothing is said')
    .option('--delete', 'take them out of the queue once they are shown')
    .description('messages of one queue, oldest first')
    .action(async (queue: string, options: MessagesOptions) => {
      const service = connect(options, environment)
      const path = '/api/v1/event-queues/messages'
      const answer = await service.get(path, { queue, limit: options.limit })
      const rows = objects(answer, 'messages')
      terminal.result(answer as Json, rows.map((row) => text(row, 'body')).join('\n'))
      if (options.delete === true) await deleteMessages(service, queue, rows)
    })
}

async function deleteMessages(
  service: Service,
  queue: string,
  rows: readonly JsonObject[],
): Promise<void> {
  if (rows.length === 0) return
  const ids = rows.map((row) => text(row, 'id'))
  await service.change('POST', '/api/v1/event-queues/messages/delete', { queue, ids })
}

function toCells(row: JsonObject): string[] {
  const qualifier = row['qualifier']
  const name = text(row, 'functionName')
  return [
    text(row, 'id'),
    typeof qualifier === 'string' ? `${name}:${qualifier}` : name,
    text(row, 'state'),
    shown(row['approximateInvokeCount']),
    shown(row['condition'] ?? ''),
    text(row, 'acceptedAt'),
    shown(row['lastError'] ?? '').slice(0, ERROR_SHOWN_CHARS),
  ]
}

function shown(value: Json | undefined): string {
  return typeof value === 'string' ? value : JSON.stringify(value)
}
