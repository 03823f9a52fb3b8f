import type { Command } from 'commander'

import { systemClock } from '../../services/model/index.ts'
import type { CommandModule, Environment } from '../command.ts'
import { deploy, type Deployed, type DeployOptions } from '../deploying/index.ts'
import {
  connect,
  explained,
  withConnection,
  withPlan,
  type ConnectionOptions,
} from '../service/index.ts'
import type { Terminal } from '../terminal.ts'

const several = (value: string, before: string[] | undefined): string[] => [
  ...(before ?? []),
  value,
]

export const command: CommandModule = {
  name: 'deploy',
  summary: 'deploy a zip: create or update a function, publish, move an alias',
  configure(command: Command, terminal: Terminal, environment: Environment): void {
    withPlan(withConnection(command))
      .argument('<zip>', 'the package, sealed or not')
      .requiredOption('--function <name>', 'the function; made when it is not there')
      .option('--runtime <id>', 'nodejs20.x, python3.11 …; required for a new function')
      .option('--handler <name>', 'index.handler …; required for a new function')
      .option('--role <arn>', "AWS's role; kept, not used")
      .option('--description <text>', 'of the function')
      .option('--layer <arn>', 'a layer version, in order; may be repeated', several)
      .option('--env <name=value>', 'an environment variable; may be repeated', several)
      .option('--memory <mb>', '128 to 10240')
      .option('--timeout <seconds>', '1 to 900')
      .option('--publish', 'publish a version')
      .option('--alias <name>', 'publish, and point this alias at the version')
      .option('--weight <share>', 'only this share of the alias, 0 to 1, beside what it serves now')
      .option('--code-signing-config <arn>', 'attach this config before the code is judged')
      .option('--seal <file>', 'a detached seal beside the zip; may be repeated', several)
      .action(async (file: string, options: DeployOptions & ConnectionOptions) => {
        const service = connect(options, environment)
        const done = await explained(
          service,
          terminal,
          async () => await deploy({ service, terminal, clock: systemClock }, file, options),
        )
        if (done !== undefined) terminal.result({ ...done }, toText(done))
      })
  },
}

function toText(done: Deployed): string {
  const lines = [
    `deployed  ${done.functionArn}`,
    `version   ${done.version}`,
    `code      ${done.codeSha256}`,
  ]
  if (done.alias !== null) {
    const share = done.weight === null ? '' : `, ${done.weight} of its calls`
    lines.push(`alias     ${done.alias}${share}`)
  }
  return [...lines, ...done.decisions.map((id) => `decision  ${id}`)].join('\n')
}
