import type { Command } from 'commander'

import { PlatformError, systemClock, type Json } from '../../services/model/index.ts'
import { openClient, readConnection, type Client, type ConnectionSource } from '../client/index.ts'
import type { CommandModule, Environment } from '../command.ts'
import type { Terminal } from '../terminal.ts'

const PATH = '/api/v1/access-keys'

interface AccessKey {
  readonly id: string
  readonly principal: string
  readonly status: string
  readonly createdAt: string
}

export const command: CommandModule = {
  name: 'access-key',
  summary: 'create, list and disable access keys',
  configure(command: Command, terminal: Terminal, environment: Environment): void {
    const client = (options: ConnectionSource): Client =>
      openClient(readConnection(options, environment), systemClock)
    connected(command.command('create'))
      .option('--for <principal>', 'name or id of a user; yourself where left out')
      .description('make a key; its secret is shown once')
      .action(async (options: ConnectionSource & { readonly for?: string }) => {
        const body = options.for === undefined ? undefined : { principal: options.for }
        const answer = await call(client(options), 'POST', PATH, body)
        const key = keyOf(answer['accessKey'])
        terminal.result(
          answer as Json,
          `AWS_ACCESS_KEY_ID=${key.id}\nAWS_SECRET_ACCESS_KEY=${String(answer['secretAccessKey'])}`,
        )
        terminal.say('the secret is kept nowhere in the clear and cannot be shown again')
      })
    connected(command.command('list'))
      .description('list keys, oldest first')
      .action(async (options: ConnectionSource) => {
        const answer = await call(client(options), 'GET', PATH)
        const keys = Array.isArray(answer['accessKeys']) ? answer['accessKeys'].map(keyOf) : []
        terminal.result(answer as Json, keys.map(toLine).join('\n'))
      })
    connected(command.command('disable'))
      .argument('<id>', 'AKIA…')
      .description('refuse everything signed with a key from now on')
      .action(async (id: string, options: ConnectionSource) => {
        const path = `${PATH}/${encodeURIComponent(id)}/disable`
        const answer = await call(client(options), 'POST', path)
        terminal.result(answer as Json, toLine(keyOf(answer['accessKey'])))
      })
  },
}

function connected(command: Command): Command {
  return command
    .option('--data <dir>', 'the data directory of the service')
    .option('--endpoint <url>', 'the service, with AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY')
}

async function call(
  client: Client,
  method: 'GET' | 'POST',
  path: string,
  body?: Json,
): Promise<Record<string, unknown>> {
  const json = body === undefined ? undefined : Buffer.from(JSON.stringify(body))
  const headers = { 'content-type': 'application/json' }
  const reply = await client.send({ method, path, ...(json && { headers, body: json }) })
  const answer: unknown = JSON.parse(Buffer.from(reply.body).toString('utf8'))
  if (typeof answer !== 'object' || answer === null) throw notOurs()
  return answer as Record<string, unknown>
}

function keyOf(value: unknown): AccessKey {
  if (typeof value !== 'object' || value === null || !('id' in value)) throw notOurs()
  return value as AccessKey
}

function toLine(key: AccessKey): string {
  return `${key.id}  ${key.status.padEnd(8)}  ${key.principal}  ${key.createdAt}`
}

function notOurs(): PlatformError {
  return new PlatformError('UNAVAILABLE', 'what answers there is not a Lacre service')
}
