import type { Command } from 'commander'

import { PlatformError, type Json } from '../../services/model/index.ts'
import type { CommandModule, Environment } from '../command.ts'
import {
  connect,
  decided,
  doneBy,
  everyPage,
  isObject,
  objects,
  place,
  share,
  splitQualifier,
  text,
  textTable,
  withConnection,
  type ConnectionOptions,
  type JsonObject,
} from '../service/index.ts'
import type { Terminal } from '../terminal.ts'

const HEADERS = ['when', 'what', 'by', 'decision']
const EVENTS_SHOWN = 100

export const command: CommandModule = {
  name: 'history',
  summary: 'who changed what is live of a function or alias, by which decision; refusals beside',
  configure(command: Command, terminal: Terminal, environment: Environment): void {
    withConnection(command.argument('<function>', 'NAME or NAME:ALIAS'))
      .option('--limit <n>', `events shown, newest first; ${EVENTS_SHOWN} where not given`)
      .addHelpText(
        'after',
        `
Examples:
  lacre history shop
  lacre history shop:prod --limit 20 --json`,
      )
      .action(async (name: string, options: HistoryOptions) => {
        const { name: functionName, qualifier: alias } = splitQualifier(name)
        const path = `/api/v1/history/functions/${encodeURIComponent(functionName)}`
        const { answer, items } = await everyPage(connect(options, environment), path, {
          query: { alias },
          list: 'events',
          most: readLimit(options.limit),
        })
        const table = textTable(HEADERS, items.map(toCells), terminal.columns)
        terminal.result(answer as Json, items.length === 0 ? 'nothing was ever live' : table)
      })
  },
}

type HistoryOptions = ConnectionOptions & { readonly limit?: string }

function readLimit(text: string | undefined): number {
  if (text === undefined) return EVENTS_SHOWN
  if (/^[1-9]\d{0,5}$/.test(text)) return Number(text)
  throw new PlatformError('INVALID_PARAMETER', '--limit wants a number from 1 on')
}

function toCells(event: JsonObject): string[] {
  const { decision } = event
  if (event['kind'] === 'refusal') {
    const failed = event['failed']
    const rules = Array.isArray(failed) ? failed.map(String).join(', ') : ''
    const refused = isObject(decision) ? decision : {}
    return [text(event, 'at'), `refused${rules === '' ? '' : `: ${rules}`}`, doneBy(refused), decided(decision)] // prettier-ignore
  }
  const more = event['more'] === true ? ', and more' : ''
  const what = objects(event, 'slots').map(turn).join(', ')
  return [text(event, 'at'), `${what}${more}`, doneBy(event), decided(decision)]
}

function turn(slot: JsonObject): string {
  return `${place(slot)}: ${side(slot['from'])} -> ${side(slot['to'])}`
}

function side(value: Json | undefined): string {
  return isObject(value) ? `${text(value, 'version')} (${share(value)})` : 'nothing'
}
