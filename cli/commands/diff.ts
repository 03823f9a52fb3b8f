import type { Command } from 'commander'

import type { Json } from '../../services/model/index.ts'
import type { CommandModule, Environment } from '../command.ts'
import {
  connect,
  decided,
  doneBy,
  everyPage,
  instantOption,
  isObject,
  place,
  share,
  text,
  textTable,
  withConnection,
  type ConnectionOptions,
  type JsonObject,
} from '../service/index.ts'
import type { Terminal } from '../terminal.ts'

const HEADERS = ['function', 'qualifier', 'before', 'after', 'when', 'by', 'decision']

export const command: CommandModule = {
  name: 'diff',
  summary: 'what changed in the live set between two times, and by whose decision',
  configure(command: Command, terminal: Terminal, environment: Environment): void {
    withConnection(
      command
        .argument('<from>', 'RFC 3339 with a zone: 2026-05-03T14:00Z')
        .argument('<to>', 'a later time'),
    )
      .option('--function <name>', 'of this function alone')
      .option('--alias <name>', 'of this alias (or version) of it alone')
      .addHelpText(
        'after',
        `
Examples:
  lacre diff 2026-05-03T14:00Z 2026-05-04T14:00Z
  lacre diff 2026-05-03T14:00Z 2026-05-04T14:00Z --function shop --alias prod --json`,
      )
      .action(async (from: string, to: string, options: DiffOptions) => {
        const { function: functionName, alias } = options
        const { answer, items } = await everyPage(connect(options, environment), '/api/v1/history/diff', {
          query: {
            from: instantOption('FROM', from),
            to: instantOption('TO', to),
            functionName,
            alias,
          },
          list: 'changes',
        }) // prettier-ignore
        const table = textTable(HEADERS, items.map(toCells), terminal.columns)
        terminal.result(answer as Json, items.length === 0 ? 'nothing changed' : table)
      })
  },
}

type DiffOptions = ConnectionOptions & { readonly function?: string; readonly alias?: string }

function toCells(row: JsonObject): string[] {
  const by = isObject(row['by']) ? row['by'] : {}
  return [
    text(row, 'functionName'),
    place(row),
    held(row['before']),
    held(row['after']),
    text(by, 'at'),
    doneBy(by),
    decided(by['decision']),
  ]
}

function held(side: Json | undefined): string {
  if (!isObject(side)) return '-'
  return `${text(side, 'version')} (${share(side)}) ${text(side, 'release').slice(0, 12)}`
}
