import type { Command } from 'commander'

import { isInForce, parseIsoTime, systemClock, type Json } from '../../services/model/index.ts'
import type { CommandModule, Environment } from '../command.ts'
import {
  connect,
  explained,
  narrate,
  objects,
  text,
  textTable,
  withConnection,
  type ConnectionOptions,
  type JsonObject,
} from '../service/index.ts'
import { parseSpan } from '../spans.ts'
import { inline, type Terminal } from '../terminal.ts'

const PATH = '/api/v1/break-glass'

export const command: CommandModule = {
  name: 'break-glass',
  summary: 'an exception for one release in one alias: two persons, an end, a review',
  configure(command: Command, terminal: Terminal, environment: Environment): void {
    const around = { terminal, environment }
    configureRequest(command, around)
    configureReads(command, around)
    configureStep(command, around, {
      name: 'grant',
      description: 'grant an exception as the second person; its time begins now',
    })
    configureStep(command, around, {
      name: 'end',
      description: 'end an exception: the alias goes back; or take a request back',
    })
    configureReview(command, around)
  },
}

interface Around {
  readonly terminal: Terminal
  readonly environment: Environment
}

interface RequestOptions extends ConnectionOptions {
  readonly reason: string
  readonly ticket: string
  readonly for: string
  readonly scope?: readonly string[]
}

function configureRequest(command: Command, around: Around): void {
  withConnection(command.command('request'))
    .argument('<function>')
    .argument('<alias>')
    .argument('<version>', "a published version's number")
    .requiredOption('--reason <text>', 'why')
    .requiredOption('--ticket <id>', 'where it is followed up')
    .requiredOption('--for <time>', 'how long it is to last: 30m, 4h, at most 24h')
    .option('--scope <what...>', 'what it waives: policy (default), mismatch, expiry, revocation')
    .description('ask for an exception; a second person grants it')
    .action(
      async (functionName: string, alias: string, version: string, options: RequestOptions) => {
        const { reason, ticket, scope } = options
        await change(around, options, {
          path: PATH,
          what: 'request',
          body: {
            functionName,
            alias,
            version,
            reason,
            ticket,
            ttlMs: parseSpan('--for', options.for),
            ...(scope === undefined ? {} : { scope: [...scope] }),
          },
        })
      },
    )
}

function configureReads(command: Command, { terminal, environment }: Around): void {
  withConnection(command.command('list'))
    .option('--function <name>', 'of this function alone')
    .description('all of them, newest first')
    .action(async (options: ConnectionOptions & { readonly function?: string }) => {
      const answer = await connect(options, environment).get(PATH, {
        functionName: options.function,
      })
      terminal.result(answer as Json, listTable(objects(answer, 'breakGlass'), terminal.columns))
    })
  withConnection(command.command('show'))
    .argument('<id>')
    .description('one of them, from the request to the review')
    .action(async (id: string, options: ConnectionOptions) => {
      const answer = await connect(options, environment).get(`${PATH}/${encodeURIComponent(id)}`)
      terminal.result(answer as Json, lines(answer))
    })
}

function configureStep(
  command: Command,
  around: Around,
  step: { readonly name: 'grant' | 'end'; readonly description: string },
): void {
  withConnection(command.command(step.name))
    .argument('<id>', 'bg-…')
    .description(step.description)
    .action(async (id: string, options: ConnectionOptions) => {
      const path = `${PATH}/${encodeURIComponent(id)}/${step.name}`
      await change(around, options, { path, what: step.name, body: undefined })
    })
}

function configureReview(command: Command, around: Around): void {
  withConnection(command.command('review'))
    .argument('<id>', 'bg-…')
    .requiredOption('--note <text>', 'what came of it')
    .description('close an exception that has ended: the alias is red no more')
    .action(async (id: string, options: ConnectionOptions & { readonly note: string }) => {
      const path = `${PATH}/${encodeURIComponent(id)}/review`
      await change(around, options, { path, what: 'review', body: { note: options.note } })
    })
}

async function change(
  { terminal, environment }: Around,
  options: ConnectionOptions,
  call: { readonly path: string; readonly what: string; readonly body: JsonObject | undefined },
): Promise<void> {
  const service = connect(options, environment)
  await explained(service, terminal, async () => {
    const answer = await service.change('POST', call.path, call.body)
    await narrate(service, terminal, { what: call.what, id: answer.decisionId })
    terminal.result({ ...answer.body }, lines(answer.body))
  })
}

function instant(body: JsonObject, name: string): number | null {
  const value = body[name]
  return typeof value === 'string' ? (parseIsoTime(value) ?? null) : null
}

/** In one or two words; the gate asks the same function whether it holds. */
function stateOf(one: JsonObject): string {
  const times = {
    grantedAtMs: instant(one, 'grantedAt'),
    untilMs: instant(one, 'until'),
    endedAtMs: instant(one, 'endedAt'),
  }
  if (one['reviewedAt'] !== null) return 'reviewed'
  if (isInForce(times, systemClock.nowMs())) return 'in force'
  const { ended } = one
  if (times.grantedAtMs === null) return typeof ended === 'string' ? ended : 'asked for'
  return `not reviewed (${typeof ended === 'string' ? ended : 'over'})`
}

function listTable(found: readonly JsonObject[], columns: number | undefined): string {
  if (found.length === 0) return 'no break-glass'
  return textTable(
    ['break-glass', 'alias', 'version', 'asked by', 'second', 'state', 'until', 'ticket'],
    found.map((one) => [
      text(one, 'id'),
      `${text(one, 'functionName')}:${text(one, 'alias')}`,
      text(one, 'version'),
      inline(text(one, 'requester')),
      shown(one, 'second'),
      stateOf(one),
      shown(one, 'until'),
      inline(text(one, 'ticket')),
    ]),
    columns,
  )
}

function shown(body: JsonObject, name: string): string {
  const value = body[name]
  return typeof value === 'string' ? inline(value) : '–'
}

function lines(one: JsonObject): string {
  const scope = one['scope']
  const alone = one['quorum'] === 1 ? ' (one person is enough here)' : ''
  return [
    `${text(one, 'id')}: ${stateOf(one)}`,
    `  ${text(one, 'functionName')}:${text(one, 'alias')} version ${text(one, 'version')}`,
    `  release   ${text(one, 'release')}`,
    `  waives    ${Array.isArray(scope) ? scope.map(String).join(', ') : ''}`,
    `  asked by  ${inline(text(one, 'requester'))}: ${inline(text(one, 'reason'))} (${inline(text(one, 'ticket'))})`,
    `  second    ${shown(one, 'second')}${alone}`,
    `  until     ${shown(one, 'until')}`,
    `  ended     ${shown(one, 'ended')}, ${shown(one, 'endedAt')}, by ${shown(one, 'endedBy')}`,
    `  reviewed  ${shown(one, 'reviewedAt')}, by ${shown(one, 'reviewedBy')}: ${shown(one, 'reviewNote')}`,
  ].join('\n')
}
