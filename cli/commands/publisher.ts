import type { Command } from 'commander'

import type { CommandModule, Environment } from '../command.ts'
import {
  connect,
  explained,
  narrate,
  objects,
  planHeaders,
  publisherInput,
  revocationTarget,
  text,
  textTable,
  withConnection,
  withLineage,
  withPlan,
  withPublisherOptions,
  withRevocationTarget,
  type Answer,
  type ConnectionOptions,
  type JsonObject,
  type PlanOption,
  type PublisherOptions,
  type RevocationOptions,
  type Service,
} from '../service/index.ts'
import { inline, type Terminal } from '../terminal.ts'
import { configurePublisherSign } from '../deploying/index.ts'

const path = (name: string): string => `/api/v1/publishers/${encodeURIComponent(name)}`

interface RevokeOptions extends ConnectionOptions, RevocationOptions {
  readonly reason: string
}

interface VersionOptions extends PublisherOptions, ConnectionOptions {
  readonly succeeds?: string
}

/** What a subcommand works with. */
interface Tools {
  readonly terminal: Terminal
  readonly environment: Environment
}

export const command: CommandModule = {
  name: 'publisher',
  summary: 'whom to trust: create, version, list, show, sign, cancel, revoke',
  configure(command: Command, terminal: Terminal, environment: Environment): void {
    const tools = { terminal, environment }
    configureChanges(command, tools)
    configureReads(command, tools)
    configureRevoke(command, tools)
    configurePublisherSign(command, { terminal, environment })
  },
}

function configureChanges(command: Command, tools: Tools): void {
  withPlan(withPublisherOptions(command.command('create').argument('<name>', 'taken for ever')))
    .summary('a new publisher')
    .action(async (name: string, options: PublisherOptions & ConnectionOptions) => {
      const document = publisherInput(options)
      await changed(tools, options, (service) =>
        service.change('POST', '/api/v1/publishers', { name, document }),
      )
    })
  withPlan(withPublisherOptions(command.command('version').argument('<name>')))
    .summary('a further, immutable version of a publisher')
    .option('--succeeds <pem>', 'the key that --key takes over from; its private half signs that')
    .action(async (name: string, options: VersionOptions) => {
      const document = await withLineage(publisherInput(options), options)
      await changed(tools, options, (service) =>
        service.change('POST', `${path(name)}/versions`, { document }),
      )
    })
  withPlan(withConnection(command.command('cancel').argument('<name>')))
    .summary('end a version without judging what it signed')
    .requiredOption('--version <id>', 'ten letters and digits')
    .action(async (name: string, options: ConnectionOptions & { readonly version: string }) => {
      const version = encodeURIComponent(options.version)
      await changed(tools, options, (service) =>
        service.change('POST', `${path(name)}/versions/${version}/cancel`),
      )
    })
}

function configureReads(command: Command, tools: Tools): void {
  withConnection(command.command('list'))
    .summary('all publishers')
    .action(async (options: ConnectionOptions) => {
      const service = connect(options, tools.environment)
      const answer = await service.get('/api/v1/publishers')
      const rows = objects(answer, 'publishers').flatMap(toRows)
      const table = textTable(
        ['name', 'kind', 'version', 'status', 'arn'],
        rows,
        tools.terminal.columns,
      )
      tools.terminal.result(answer, rows.length === 0 ? 'no publishers' : table)
    })
  withConnection(command.command('show').argument('<name>'))
    .summary('one publisher with its versions')
    .action(async (name: string, options: ConnectionOptions) => {
      const service = connect(options, tools.environment)
      const answer = await service.get(path(name))
      tools.terminal.result(answer, toText(answer, tools.terminal.columns))
    })
}

function configureRevoke(command: Command, tools: Tools): void {
  withPlan(withConnection(withRevocationTarget(command.command('revoke'))))
    .summary('revoke a publisher, a version, a certificate, a key or one seal; final')
    .requiredOption('--reason <text>', '1 to 500 characters')
    .action(async (name: string | undefined, options: RevokeOptions) => {
      const target = revocationTarget(name, options)
      const { effective: effectiveAt, reason } = options
      await changed(tools, options, (service) =>
        service.change('POST', '/api/v1/revocations', { target, effectiveAt, reason }),
      )
    })
}

/** A governed change: explained where it is refused, else shown with its decision. */
async function changed(
  { terminal, environment }: Tools,
  options: ConnectionOptions & PlanOption,
  work: (service: Service) => Promise<Answer>,
): Promise<void> {
  const service = connect(options, environment).withHeaders(planHeaders(options))
  const answer = await explained(service, terminal, async () => await work(service))
  if (answer === undefined) return
  const { body, decisionId } = answer
  await narrate(service, terminal, { what: 'publishers', id: decisionId })
  const revocations = body['revocations']
  terminal.result(
    { ...body, decision: decisionId },
    Array.isArray(revocations) ? revokedText(body) : toText(body, terminal.columns),
  )
}

function revokedText(body: JsonObject): string {
  return objects(body, 'revocations')
    .map((one) => `revoked ${inline(text(one, 'target'))} from ${text(one, 'effectiveAt')}`)
    .join('\n')
}

function toText(publisher: JsonObject, columns: number | undefined): string {
  const head = `${text(publisher, 'name')} (${text(publisher, 'kind')}), ${text(publisher, 'id')}`
  const rows = objects(publisher, 'versions').map((version) => [
    text(version, 'version'),
    text(version, 'status'),
    text(version, 'createdAt'),
    text(version, 'arn'),
  ])
  return `${head}\n${textTable(['version', 'status', 'created', 'arn'], rows, columns)}`
}

function toRows(publisher: JsonObject): string[][] {
  return objects(publisher, 'versions').map((version) => [
    text(publisher, 'name'),
    text(publisher, 'kind'),
    text(version, 'version'),
    text(version, 'status'),
    text(version, 'arn'),
  ])
}
