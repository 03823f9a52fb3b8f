import type { Command } from 'commander'

import type { CommandModule, Environment } from '../command.ts'
import {
  Principals,
  connect,
  identityInput,
  withConnection,
  type ConnectionOptions,
} from '../service/index.ts'
import type { Terminal } from '../terminal.ts'

interface CreateOptions extends ConnectionOptions {
  readonly role?: readonly string[]
  readonly issuer?: string
  readonly subject?: string
}

export const command: CommandModule = {
  name: 'user',
  summary: 'people who may come: create, list, show, disable, enable',
  configure(command: Command, terminal: Terminal, environment: Environment): void {
    const at = (options: ConnectionOptions): Principals =>
      new Principals(connect(options, environment), terminal)
    withConnection(command.command('create'))
      .argument('<name>', 'letters, digits and ._@-')
      .option('--role <role...>', 'first roles; no one grants more than he has')
      .option('--issuer <url>', 'where the person comes by tokens: the issuer')
      .option('--subject <sub>', 'and exactly the subject that the issuer calls the person by')
      .description('make a person known; keys are made by `access-key create --for`')
      .action(async (name: string, options: CreateOptions) => {
        const identity = identityInput(options)
        const roles = [...(options.role ?? [])]
        await at(options).create({ kind: 'user', name, roles, ...(identity && { identity }) })
      })
    withConnection(command.command('list'))
      .description('everybody, oldest first')
      .action(async (options: ConnectionOptions) => await at(options).list('user'))
    withConnection(command.command('show'))
      .argument('<name>', 'name or id')
      .description('one person')
      .action(async (name: string, options: ConnectionOptions) => await at(options).show(name))
    for (const verb of ['disable', 'enable'] as const) {
      withConnection(command.command(verb))
        .argument('<name>', 'name or id')
        .description(
          verb === 'disable'
            ? 'believe nothing more that comes in this name: keys, tokens'
            : 'give back what the person had',
        )
        .action(
          async (name: string, options: ConnectionOptions) => await at(options).turn(name, verb),
        )
    }
  },
}
