import type { Command } from 'commander'

import { PlatformError, type Decision, type Facts, type Json } from '../../services/model/index.ts'
import type { CommandModule, Environment } from '../command.ts'
import {
  connect,
  decisionInWords,
  isObject,
  objects,
  text,
  textTable,
  withConnection,
  type ConnectionOptions,
} from '../service/index.ts'
import type { Terminal } from '../terminal.ts'

interface ListOptions extends ConnectionOptions {
  readonly limit?: string
  readonly resource?: string
  readonly outcome?: string
}

const COLUMNS = ['at', 'id', 'outcome', 'principal', 'action', 'resource']

export const command: CommandModule = {
  name: 'decision',
  summary: 'what was decided, and why',
  configure(command: Command, terminal: Terminal, environment: Environment): void {
    withConnection(command.command('show').argument('<id>', 'dec-…, as answers and lists name it'))
      .summary('one decision in plain sentences')
      .action(async (id: string, options: ConnectionOptions) => {
        const service = connect(options, environment)
        const answer = await service.get(`/api/v1/decisions/${encodeURIComponent(id)}`)
        const { decision, facts } = answer
        if (!isObject(decision) || !isObject(facts))
          throw new PlatformError('UNAVAILABLE', 'what answers there is no Lacre of this version')
        // The service keeps both as it decided on them.
        const words = decisionInWords(
          decision as unknown as Decision,
          facts as unknown as Facts & Record<string, unknown>,
        )
        terminal.result(answer as Json, words)
      })
    withConnection(command.command('list'))
      .summary('decisions, newest first')
      .option('--resource <arn>', 'of this alone')
      .option('--outcome <outcome>', 'allow, warn or deny')
      .option('--limit <n>', '1 to 500, 50 where not given')
      .action(async ({ limit, resource, outcome, ...options }: ListOptions) => {
        const service = connect(options, environment)
        const answer = await service.get('/api/v1/decisions', { limit, resource, outcome })
        const rows = objects(answer, 'decisions').map((one) =>
          COLUMNS.map((column) => text(one, column)),
        )
        terminal.result(
          answer as Json,
          rows.length === 0 ? 'no decisions' : textTable(COLUMNS, rows, terminal.columns),
        )
      })
  },
}
