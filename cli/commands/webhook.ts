import type { Command } from 'commander'

import { PlatformError, type Json } from '../../services/model/index.ts'
import type { CommandModule, Environment } from '../command.ts'
import { EXIT } from '../exit-codes.ts'
import {
  connect,
  explained,
  isObject,
  narrate,
  objects,
  text,
  textTable,
  withConnection,
  type ConnectionOptions,
  type JsonObject,
} from '../service/index.ts'
import { inline, type Terminal } from '../terminal.ts'

const PATH = '/api/v1/webhooks'
const HOUR_MS = 3_600_000
const ANSWER_SHOWN_CHARS = 60

const EXAMPLES = `
Examples:
  lacre webhook create audit --url https://siem.example.com/lacre
  lacre webhook create denials --url https://chat.example.com/x --outcome deny --scope 'checkout:prod*'
  lacre webhook create live --url https://pager.example.com/x --type 'live.*' --type webhook.disabled
  lacre webhook test audit
  lacre webhook rotate-secret audit --overlap-hours 48
  lacre webhook deliveries audit
  lacre webhook redeliver audit --dead

A test that is not taken ends with 3. What is sent, and how to verify it: docs/notifications.md.`

interface Surroundings {
  readonly terminal: Terminal
  readonly environment: Environment
}

interface CreateOptions extends ConnectionOptions {
  readonly url: string
  readonly type?: readonly string[]
  readonly action?: readonly string[]
  readonly scope?: readonly string[]
  readonly outcome?: readonly string[]
}

export const command: CommandModule = {
  name: 'webhook',
  summary: 'who is told of ledger entries: create, list, show, test, rotate-secret, deliveries',
  configure(command: Command, terminal: Terminal, environment: Environment): void {
    const around = { terminal, environment }
    createCommand(command, around)
    readCommands(command, around)
    testCommand(command, around)
    switchCommand(command, around, { verb: 'enable', what: 'is told of entries again' })
    switchCommand(command, around, { verb: 'disable', what: 'is told of nothing any more' })
    switchCommand(command, around, { verb: 'delete', what: 'is gone' })
    rotateCommand(command, around)
    deliveriesCommand(command, around)
    redeliverCommand(command, around)
    command.addHelpText('after', EXAMPLES)
  },
}

function pathOf(name: string, verb?: string): string {
  return [PATH, encodeURIComponent(name), ...(verb === undefined ? [] : [verb])].join('/')
}

/** One governed change: a refusal is explained. */
async function change(
  { terminal, environment }: Surroundings,
  options: ConnectionOptions,
  of: {
    readonly path: string
    readonly body?: JsonObject
    readonly what: string
    shown?(answer: JsonObject): string
  },
): Promise<void> {
  const service = connect(options, environment)
  await explained(service, terminal, async () => {
    const { body, decisionId } = await service.change('POST', of.path, of.body)
    await narrate(service, terminal, { what: of.what, id: decisionId })
    terminal.result({ ...body, decision: decisionId ?? null }, of.shown?.(body) ?? of.what)
  })
}

const ONCE = 'the secret is kept sealed and cannot be shown again'

function createCommand(command: Command, around: Surroundings): void {
  withConnection(command.command('create'))
    .argument('<name>', 'of the webhook')
    .requiredOption('--url <url>', 'https, or http to an address that serve --allow-source lists')
    .option('--type <types...>', 'types of entries, * at the end: change, refusal, live.*')
    .option('--action <actions...>', 'actions, * at the end: lambda:UpdateAlias, lacre:*')
    .option('--scope <scopes...>', 'FUNCTION or FUNCTION:ALIAS, * within a name')
    .option('--outcome <outcomes...>', 'how the decision went: allow, warn, deny')
    .description('tell a URL of every entry that fits; the secret is shown once')
    .action(async (name: string, options: CreateOptions) => {
      const filter = {
        ...(options.type && { types: options.type }),
        ...(options.action && { actions: options.action }),
        ...(options.scope && { scopes: options.scope }),
        ...(options.outcome && { outcomes: options.outcome }),
      }
      await change(around, options, {
        path: PATH,
        body: { name, url: options.url, filter },
        what: `${inline(name)} is told of entries`,
        shown: (answer) => text(answer, 'secret'),
      })
      around.terminal.say(ONCE)
    })
}

function readCommands(command: Command, { terminal, environment }: Surroundings): void {
  withConnection(command.command('list'))
    .description('webhooks by name, and how each fares')
    .action(async (options: ConnectionOptions) => {
      const answer = await connect(options, environment).get(PATH)
      const rows = objects(answer, 'webhooks').map((row) => [
        text(row, 'name'),
        text(row, 'state'),
        text(row, 'url'),
        shown(row['pending']),
        shown(row['dead']),
        shown(row['lastDeliveredAt']),
        shown(row['failingSince']),
      ])
      const titles = ['name', 'state', 'url', 'pending', 'dead', 'last delivered', 'failing since']
      terminal.result(
        answer,
        rows.length === 0 ? 'no webhooks' : textTable(titles, rows, terminal.columns),
      )
    })
  withConnection(command.command('show'))
    .argument('<name>', 'the webhook')
    .description('one webhook, and how it fares')
    .action(async (name: string, options: ConnectionOptions) => {
      const answer = await connect(options, environment).get(pathOf(name))
      const { webhook } = answer
      if (!isObject(webhook)) throw new PlatformError('UNAVAILABLE', 'the answer has no webhook')
      const lines = Object.entries(webhook).map(([member, value]) => [member, shown(value)])
      terminal.result(answer, textTable(['member', 'value'], lines, terminal.columns))
    })
}

function testCommand(command: Command, { terminal, environment }: Surroundings): void {
  withConnection(command.command('test'))
    .argument('<name>', 'the webhook')
    .description('send one event that tells of nothing, and show the answer; exit 3 if not taken')
    .action(async (name: string, options: ConnectionOptions) => {
      const service = connect(options, environment)
      const { body } = await service.change('POST', pathOf(name, 'test'))
      const status = body['status'] === null ? 'no answer' : `answer ${shown(body['status'])}`
      const taken = body['delivered'] === true
      const line = `${taken ? 'taken' : 'not taken'}: ${status} in ${shown(body['latencyMs'])} ms`
      const answer = inline(text(body, 'answer'))
      terminal.result(body, answer === '' ? line : `${line}\n${answer}`)
      if (!taken) terminal.exitWith(EXIT.failed)
    })
}

const SWITCHES = {
  enable: 'tell it of entries again, and of those that waited first',
  disable: 'tell it of nothing any more; what waits is kept 30 days',
  delete: 'forget it, what waits for it and its deliveries',
} as const

function switchCommand(
  command: Command,
  around: Surroundings,
  { verb, what }: { readonly verb: keyof typeof SWITCHES; readonly what: string },
): void {
  withConnection(command.command(verb))
    .argument('<name>', 'the webhook')
    .description(SWITCHES[verb])
    .action(async (name: string, options: ConnectionOptions) => {
      await change(around, options, { path: pathOf(name, verb), what: `${inline(name)} ${what}` })
    })
}

function rotateCommand(command: Command, around: Surroundings): void {
  withConnection(command.command('rotate-secret'))
    .argument('<name>', 'the webhook')
    .option('--overlap-hours <count>', 'how long the secret before signs too: 24, at most 168')
    .description('make a new secret, shown once; both sign for a while')
    .action(
      async (name: string, options: ConnectionOptions & { readonly overlapHours?: string }) => {
        const { overlapHours } = options
        const body =
          overlapHours === undefined
            ? {}
            : { overlapMs: Math.round(numberOf(overlapHours) * HOUR_MS) }
        await change(around, options, {
          path: pathOf(name, 'rotate-secret'),
          body,
          what: `${inline(name)} has a new secret`,
          shown: (answer) => text(answer, 'secret'),
        })
        around.terminal.say(ONCE)
      },
    )
}

function deliveriesCommand(command: Command, { terminal, environment }: Surroundings): void {
  interface Options extends ConnectionOptions {
    readonly limit?: string
    readonly before?: string
  }
  withConnection(command.command('deliveries'))
    .argument('<name>', 'the webhook')
    .option('--limit <n>', 'how many: 50 where nothing is said')
    .option('--before <id>', 'those before this one')
    .description('attempts, newest first: kept 30 days, the last 1,000 at most')
    .action(async (name: string, options: Options) => {
      const { limit, before } = options
      const service = connect(options, environment)
      const answer = await service.get(pathOf(name, 'deliveries'), { limit, before })
      const rows = objects(answer, 'deliveries').map((row) => [
        shown(row['id']),
        shown(row['index']),
        shown(row['attempt']),
        text(row, 'at'),
        text(row, 'outcome'),
        shown(row['status']),
        shown(row['latencyMs']),
        text(row, 'answer').slice(0, ANSWER_SHOWN_CHARS),
      ])
      const titles = ['id', 'entry', 'attempt', 'at', 'outcome', 'status', 'ms', 'answer']
      terminal.result(
        answer,
        rows.length === 0 ? 'no deliveries' : textTable(titles, rows, terminal.columns),
      )
    })
}

function redeliverCommand(command: Command, { terminal, environment }: Surroundings): void {
  withConnection(command.command('redeliver'))
    .argument('<name>', 'the webhook')
    .argument('[index]', 'of one entry, as deliveries shows it')
    .option('--dead', 'all that are dead')
    .description('tell it again of one entry, or of all that are dead')
    .action(
      async (
        name: string,
        index: string | undefined,
        options: ConnectionOptions & { readonly dead?: boolean },
      ) => {
        if ((index === undefined) === (options.dead === undefined))
          throw new PlatformError('INVALID_PARAMETER', 'give the index of one entry, or --dead')
        const service = connect(options, environment)
        const body = index === undefined ? {} : { index: numberOf(index) }
        const answer = await service.change('POST', pathOf(name, 'redeliver'), body)
        const count = Number(answer.body['entries'])
        terminal.result(
          answer.body,
          `${count} ${count === 1 ? 'entry is' : 'entries are'} told again`,
        )
      },
    )
}

/** @throws PlatformError INVALID_PARAMETER */
function numberOf(text: string): number {
  if (/^\d{1,15}(?:\.\d{1,3})?$/.test(text)) return Number(text)
  throw new PlatformError('INVALID_PARAMETER', `\`${text}\` is no number`)
}

function shown(value: Json | undefined): string {
  if (value === null || value === undefined) return '-'
  return typeof value === 'string' ? value : JSON.stringify(value)
}
