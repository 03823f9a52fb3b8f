import type { Command } from 'commander'

import { PlatformError, REACTIONS, type Json, type Reaction } from '../../services/model/index.ts'
import type { CommandModule, Environment } from '../command.ts'
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

/** One change of the governance API, and what is said of it. */
interface Change {
  readonly method: 'POST' | 'PUT'
  readonly path: string
  readonly body?: JsonObject
  readonly what: string
}

type Changing = (options: ConnectionOptions, change: Change) => Promise<void>

export const command: CommandModule = {
  name: 'reaction',
  summary: 'what is done where something that is live violates the rules in force',
  configure(command: Command, terminal: Terminal, environment: Environment): void {
    const change: Changing = async (options, { what, ...call }) => {
      const service = connect(options, environment)
      await explained(service, terminal, async () => {
        const { body, decisionId } = await service.change(call.method, call.path, call.body)
        await narrate(service, terminal, { what, id: decisionId })
        terminal.result({ ...body, decision: decisionId ?? null }, what)
      })
    }
    addShow(command, terminal, environment)
    addSet(command, terminal, { environment, change })
    addHolds(command, change)
    command.addHelpText(
      'after',
      `
Examples:
  lacre reaction show
  lacre reaction plan shop:prod revert
  lacre reaction set shop:prod revert
  lacre reaction set shop alert
  lacre reaction release rxh-01J... --through 57
  lacre reaction lift shop 4`,
    )
  },
}

function addShow(command: Command, terminal: Terminal, environment: Environment): void {
  withConnection(command.command('show'))
    .description(
      'what is set, what waits for a person, what is refused, and how far it is verified',
    )
    .action(async (options: ConnectionOptions) => {
      const service = connect(options, environment)
      const answer = await service.get('/api/v1/reactions')
      const verification = await service.get('/api/v1/verification')
      terminal.result(
        { ...answer, verification } as Json,
        showTable(answer, verification, terminal.columns),
      )
    })
  withConnection(command.command('plan'))
    .description('what a reaction would do at once about what violates now; nothing is changed')
    .argument('<place>', 'FUNCTION or FUNCTION:ALIAS')
    .argument('<reaction>', REACTIONS.join(', '))
    .action(async (place: string, reaction: string, options: ConnectionOptions) => {
      const service = connect(options, environment)
      const path = `/api/v1/reactions/${encodeURIComponent(place)}/plan`
      const plan = await service.get(path, { reaction: checked(reaction) })
      terminal.result(plan as Json, planText(plan, terminal.columns))
    })
}

function addSet(
  command: Command,
  terminal: Terminal,
  { environment, change }: { readonly environment: Environment; readonly change: Changing },
): void {
  withConnection(command.command('set'))
    .description(
      'set it for an alias, or for all names of a function; above `alert` its plan is shown',
    )
    .argument('<place>', 'FUNCTION or FUNCTION:ALIAS; it need not be there yet')
    .argument('<reaction>', REACTIONS.join(', '))
    .action(async (place: string, name: string, options: ConnectionOptions) => {
      const reaction = checked(name)
      const path = `/api/v1/reactions/${encodeURIComponent(place)}`
      if (REACTIONS.indexOf(reaction) > REACTIONS.indexOf('alert')) {
        const plan = await connect(options, environment).get(`${path}/plan`, { reaction })
        terminal.say(planText(plan, terminal.columns))
      }
      const what = `${inline(place)}: ${reaction}`
      await change(options, { method: 'PUT', path, body: { reaction }, what })
    })
  withConnection(command.command('unset'))
    .description('back to what is done where nothing is set')
    .argument('<place>', 'FUNCTION or FUNCTION:ALIAS as it was set')
    .action(async (place: string, options: ConnectionOptions) => {
      const path = `/api/v1/reactions/${encodeURIComponent(place)}/remove`
      await change(options, { method: 'POST', path, what: `nothing is set for ${inline(place)}` })
    })
}

function addHolds(command: Command, change: Changing): void {
  const settle = (verb: string, description: string): void => {
    withConnection(command.command(verb))
      .description(description)
      .argument('<hold>', 'as `lacre reaction show` tells it: rxh-…')
      .requiredOption(
        '--through <number>',
        'as `show` tells it too: where more has come to wait since, nothing is settled',
      )
      .action(async (hold: string, options: ConnectionOptions & { readonly through: string }) => {
        const path = `/api/v1/reaction-holds/${encodeURIComponent(hold)}/${verb}`
        const body = { through: wholeNumber(options.through) }
        await change(options, { method: 'POST', path, body, what: `${verb}: ${inline(hold)}` })
      })
  }
  settle('release', 'react to all that waits because it was too much at once')
  settle('dismiss', 'react to none of it')
  withConnection(command.command('lift'))
    .description('let a refused version be invoked again; what still violates stays refused')
    .argument('<function>', 'its name')
    .argument('<version>', 'its number, or $LATEST')
    .action(async (name: string, version: string, options: ConnectionOptions) => {
      const place = `${encodeURIComponent(name)}/${encodeURIComponent(version)}`
      const what = `${inline(name)} ${inline(version)} is not refused`
      await change(options, { method: 'POST', path: `/api/v1/refusals/${place}/lift`, what })
    })
}

function wholeNumber(text: string): number {
  if (/^[0-9]{1,15}$/.test(text)) return Number(text)
  throw new PlatformError('INVALID_PARAMETER', `--through \`${text}\` is no whole number`)
}

function checked(name: string): Reaction {
  const found = REACTIONS.find((one) => one === name)
  if (found !== undefined) return found
  throw new PlatformError(
    'INVALID_PARAMETER',
    `\`${name}\` is no reaction: one of ${REACTIONS.join(', ')}`,
  )
}

function planText(plan: JsonObject, columns: number | undefined): string {
  const rows = objects(plan, 'effects').map((one) => [
    `${text(one, 'functionName')}:${text(one, 'alias')}`,
    text(one, 'version'),
    one['to'] === undefined ? text(one, 'would') : `${text(one, 'would')} to ${text(one, 'to')}`,
  ])
  if (rows.length === 0) return 'nothing violates there now: it does nothing at once'
  const places = Number(plan['places'])
  const more = places > rows.length ? `\n… of ${places} names` : ''
  return `${textTable(['name', 'version', 'at once'], rows, columns)}${more}`
}

function showTable(
  answer: JsonObject,
  verification: JsonObject,
  columns: number | undefined,
): string {
  const rows = [
    ['otherwise', '', text(answer, 'otherwise'), ''],
    ...objects(answer, 'settings').map((one) => [
      'set',
      text(one, 'scope'),
      text(one, 'reaction'),
      `since ${text(one, 'lastModified')}`,
    ]),
    ...objects(answer, 'holds').map((one) => [
      'hold',
      text(one, 'id'),
      `${Number(one['aliases'])} names`,
      `${text(one, 'state')} through ${Number(one['through'])}, ${text(one, 'openedAt')}`,
    ]),
    ...objects(answer, 'refusals').map((one) => [
      'refused',
      `${text(one, 'functionName')} ${text(one, 'version')}`,
      text(one, 'reason'),
      `since ${text(one, 'refusedAt')}`,
    ]),
  ]
  const verified = verification['verified']
  const at = isObject(verified)
    ? `all was judged at ${text(verified, 'at')}`
    : 'not all that is live was judged yet'
  return `${textTable(['what', 'where', 'how', 'state'], rows, columns)}\n${at}`
}
