import type { Command } from 'commander'

import { PlatformError, type Json } from '../../services/model/index.ts'
import type { CommandModule, Environment } from '../command.ts'
import {
  Principals,
  connect,
  isObject,
  objects,
  text,
  textTable,
  withConnection,
  type ConnectionOptions,
  type JsonObject,
} from '../service/index.ts'
import { inline, type Terminal } from '../terminal.ts'

const PATH = '/api/v1/roles'

export const command: CommandModule = {
  name: 'role',
  summary: 'what roles there are and who has them: list, show, grant, revoke',
  configure(command: Command, terminal: Terminal, environment: Environment): void {
    withConnection(command.command('list'))
      .description('roles that policies name')
      .action(async (options: ConnectionOptions) => {
        const answer = await connect(options, environment).get(PATH)
        const rows = objects(answer, 'roles').map((role) => [
          text(role, 'name'),
          String(listed(role, 'actions').length),
          listed(role, 'holders').join(', ') || '-',
        ])
        terminal.result(
          answer as Json,
          textTable(['role', 'actions', 'held by'], rows, terminal.columns),
        )
      })
    withConnection(command.command('show'))
      .argument('<role>', 'its name')
      .description('the actions that its policies speak of')
      .action(async (name: string, options: ConnectionOptions) => {
        const service = connect(options, environment)
        const answer = await service.get(`${PATH}/${encodeURIComponent(name)}`)
        const { role } = answer
        if (!isObject(role))
          throw new PlatformError('UNAVAILABLE', 'what answers there is not a Lacre service')
        terminal.result(answer as Json, listed(role, 'actions').map(inline).join('\n'))
      })
    for (const verb of ['grant', 'revoke'] as const) {
      withConnection(command.command(verb))
        .argument('<role>', 'its name')
        .argument('<principal>', 'name or id of a user or workload')
        .description(
          verb === 'grant' ? 'no one grants more than he has' : 'the last administrator stays',
        )
        .action(async (role: string, name: string, options: ConnectionOptions) => {
          await new Principals(connect(options, environment), terminal)[verb](name, role)
        })
    }
  },
}

function listed(role: JsonObject, name: string): string[] {
  const value = role[name]
  return Array.isArray(value) ? value.map(String) : []
}
