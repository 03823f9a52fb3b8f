import type { Command } from 'commander'

import type { CommandModule, Environment } from '../command.ts'
import { connect, explained, narrate, withConnection } from '../service/index.ts'
import type { ConnectionOptions } from '../service/index.ts'
import type { Terminal } from '../terminal.ts'
import { requestLines } from './approval.ts'

export const command: CommandModule = {
  name: 'approve',
  summary: "approve somebody's request to move an alias",
  configure(command: Command, terminal: Terminal, environment: Environment): void {
    withConnection(command)
      .argument('<request>', 'apr-…, as `lacre approval list` shows it')
      .option('--comment <text>', 'kept with the approval')
      .action(async (id: string, options: ConnectionOptions & { readonly comment?: string }) => {
        const service = connect(options, environment)
        await explained(service, terminal, async () => {
          const path = `/api/v1/approvals/${encodeURIComponent(id)}/approve`
          const { comment } = options
          const body = comment === undefined ? {} : { comment }
          const answer = await service.change('POST', path, body)
          await narrate(service, terminal, { what: 'approval', id: answer.decisionId })
          terminal.result({ ...answer.body }, requestLines(answer.body))
        })
      })
  },
}
