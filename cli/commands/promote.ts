import type { Command } from 'commander'

import { PlatformError } from '../../services/model/index.ts'
import type { CommandModule, Environment } from '../command.ts'
import {
  connect,
  explained,
  isObject,
  narrate,
  paths,
  pointAlias,
  text,
  withConnection,
  type ConnectionOptions,
} from '../service/index.ts'
import type { Terminal } from '../terminal.ts'

interface PromoteOptions extends ConnectionOptions {
  readonly from: string
  readonly to: string
}

export const command: CommandModule = {
  name: 'promote',
  summary: 'point an alias at the version that another one serves',
  configure(command: Command, terminal: Terminal, environment: Environment): void {
    withConnection(command)
      .argument('<function>', 'its name')
      .requiredOption('--from <alias>', 'whose version')
      .requiredOption('--to <alias>', 'the alias that moves, made where it is not there')
      .action(async (name: string, options: PromoteOptions) => {
        const { from, to } = options
        const service = connect(options, environment)
        await explained(service, terminal, async () => {
          const source = await service.get(paths.alias(name, from))
          const routing = source['RoutingConfig']
          const weights = isObject(routing) ? routing['AdditionalVersionWeights'] : undefined
          if (isObject(weights) && Object.keys(weights).length > 0)
            throw new PlatformError(
              'INVALID_PARAMETER',
              `\`${from}\` serves two versions: there is not one to promote`,
            )
          const version = text(source, 'FunctionVersion')
          const { decisionId } = await pointAlias(service, { name, alias: to, version }, undefined)
          await narrate(service, terminal, { what: `alias ${to}`, id: decisionId })
          terminal.result(
            { function: name, from, to, version, decision: decisionId ?? null },
            `${name}:${to} serves version ${version}, as ${from} does`,
          )
        })
      })
  },
}
