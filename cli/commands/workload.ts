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
  readonly issuer: string
  readonly subject: string
  readonly claim?: readonly string[]
}

export const command: CommandModule = {
  name: 'workload',
  summary: 'CI jobs that come with a token: create, list, show, disable, enable',
  configure(command: Command, terminal: Terminal, environment: Environment): void {
    const at = (options: ConnectionOptions): Principals =>
      new Principals(connect(options, environment), terminal)
    withConnection(command.command('create'))
      .argument('<name>', 'letters, digits and ._@-')
      .requiredOption('--issuer <url>', 'exactly the issuer of the tokens, one of --oidc-issuer')
      .requiredOption('--subject <sub>', 'the subject, or a glob: `*` stays within one segment')
      .option('--claim <name=value...>', 'claims that must be there, with exactly this value')
      .option('--role <role...>', 'first roles; no one grants more than he has')
      .description('map tokens of an issuer to roles')
      .action(async (name: string, options: CreateOptions) => {
        const roles = [...(options.role ?? [])]
        await at(options).create({
          kind: 'workload',
          name,
          roles,
          identity: identityInput(options),
        })
      })
    withConnection(command.command('list'))
      .description('every mapping, oldest first')
      .action(async (options: ConnectionOptions) => await at(options).list('workload'))
    withConnection(command.command('show'))
      .argument('<name>', 'name or id')
      .description('one mapping')
      .action(async (name: string, options: ConnectionOptions) => await at(options).show(name))
    for (const verb of ['disable', 'enable'] as const) {
      withConnection(command.command(verb))
        .argument('<name>', 'name or id')
        .description(verb === 'disable' ? 'take no token by this mapping' : 'take them again')
        .action(
          async (name: string, options: ConnectionOptions) => await at(options).turn(name, verb),
        )
    }
  },
}
