import type { Command } from 'commander'

import { readConnection } from '../client/index.ts'
import type { CommandModule, Environment } from '../command.ts'
import type { Terminal } from '../terminal.ts'

export const command: CommandModule = {
  name: 'env',
  summary: 'print what AWS tools need to find the service',
  configure(command: Command, terminal: Terminal, environment: Environment): void {
    command
      .requiredOption('--data <dir>', 'the data directory of the service')
      .option('--endpoint <url>', 'another address of the same service')
      .action((options: { readonly data: string; readonly endpoint?: string }) => {
        const { endpoint, region, accessKeyId, secretAccessKey } = readConnection(
          options,
          environment,
        )
        const variables = {
          AWS_ENDPOINT_URL: endpoint.origin,
          AWS_ACCESS_KEY_ID: accessKeyId,
          AWS_SECRET_ACCESS_KEY: secretAccessKey,
          AWS_DEFAULT_REGION: region,
          AWS_REGION: region,
        }
        terminal.result(variables, toExports(variables))
      })
  },
}

function toExports(variables: Readonly<Record<string, string>>): string {
  return Object.entries(variables)
    .map(([name, value]) => `export ${name}=${quoted(value)}`)
    .join('\n')
}

/** For POSIX shells: inside single quotes nothing is special but the quote itself. */
function quoted(value: string): string {
  return `'${value.replaceAll("'", "'\\''")}'`
}
