import type { Command } from 'commander'

import { PlatformError, systemClock, type Json } from '../../services/model/index.ts'
import { openClient, readConnection, type ConnectionSource } from '../client/index.ts'
import type { CommandModule, Environment } from '../command.ts'
import { withConnection } from '../service/index.ts'
import type { Terminal } from '../terminal.ts'

const PATH = '/api/v1/console/links'

export const command: CommandModule = {
  name: 'console',
  summary: 'get into the console, the pages of the service for people',
  configure(command: Command, terminal: Terminal, environment: Environment): void {
    withConnection(command.command('login'))
      .description('print a link that signs you in, once and within a minute')
      .addHelpText(
        'after',
        `
Whoever opens the link acts as the owner of the access key: hand it to nobody.

Examples:
  lacre console login --data /var/lib/lacre
  AWS_ACCESS_KEY_ID=… AWS_SECRET_ACCESS_KEY=… lacre console login --endpoint https://lacre.example.com

Exit codes: 0 a link was printed, 1 refused, 4 the service is unreachable.`,
      )
      .action(async (options: ConnectionSource) => {
        const connection = readConnection(options, environment)
        const reply = await openClient(connection, systemClock).send({ method: 'POST', path: PATH })
        const { path, expiresAt } = readLink(Buffer.from(reply.body).toString('utf8'))
        const url = new URL(path, connection.endpoint).href
        terminal.result({ url, expiresAt } as Json, url)
        terminal.say(`it signs in once, until ${expiresAt}`)
      })
  },
}

function readLink(text: string): { readonly path: string; readonly expiresAt: string } {
  const answer: unknown = JSON.parse(text)
  if (
    typeof answer === 'object' &&
    answer !== null &&
    'path' in answer &&
    'expiresAt' in answer &&
    typeof answer.path === 'string' &&
    typeof answer.expiresAt === 'string' &&
    answer.path.startsWith('/console/')
  )
    return { path: answer.path, expiresAt: answer.expiresAt }
  throw new PlatformError('UNAVAILABLE', 'what answers there is not a Lacre service')
}
