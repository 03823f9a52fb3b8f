import { readFileSync } from 'node:fs'

import type { Command } from 'commander'

import { PlatformError, type Json } from '../../services/model/index.ts'
import type { CommandModule, Environment } from '../command.ts'
import {
  connect,
  explained,
  narrate,
  objects,
  publisherInput,
  text,
  textTable,
  withConnection,
  type Answer,
  type ConnectionOptions,
  type JsonObject,
  type PublisherOptions,
  type Service,
} from '../service/index.ts'
import { makeSuccession } from '../signing/index.ts'
import { inline, type Terminal } from '../terminal.ts'
import { configurePublisherSign } from '../deploying/index.ts'

const several = (value: string, before: string[] | undefined): string[] => [
  ...(before ?? []),
  value,
]
const path = (name: string): string => `/api/v1/publishers/${encodeURIComponent(name)}`

interface RevokeOptions extends ConnectionOptions {
  readonly version?: string
  readonly certificate?: string
  readonly key?: string
  readonly seal?: string
  readonly effective?: string
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
  describe(command.command('create').argument('<name>', 'taken for ever'))
    .summary('a new publisher')
    .action(async (name: string, options: PublisherOptions & ConnectionOptions) => {
      const document = publisherInput(options)
      await changed(tools, options, (service) =>
        service.change('POST', '/api/v1/publishers', { name, document }),
      )
    })
  describe(command.command('version').argument('<name>'))
    .summary('a further, immutable version of a publisher')
    .option('--succeeds <pem>', 'the key that --key takes over from; its private half signs that')
    .action(async (name: string, options: VersionOptions) => {
      const document = await withLineage(publisherInput(options), options)
      await changed(tools, options, (service) =>
        service.change('POST', `${path(name)}/versions`, { document }),
      )
    })
  withConnection(command.command('cancel').argument('<name>'))
    .summary('end a version without judging what it signed')
    .requiredOption('--version <id>', 'ten letters and digits')
    .action(async (name: string, options: ConnectionOptions & { readonly version: string }) => {
      const version = encodeURIComponent(options.version)
      await changed(tools, options, (service) =>
        service.change('POST', `${path(name)}/versions/${version}/cancel`),
      )
    })
}

function describe(command: Command): Command {
  return withConnection(command)
    .option('--key <pem>', 'a public key; may be repeated (rotation)', several)
    .option('--cert <pem>', 'a root or an authority below it; may be repeated', several)
    .option('--managed', 'a key that the service makes and keeps')
    .option('--form <form>', 'statement, message or cms; may be repeated', several)
    .option('--purpose <purpose>', 'seal, vouch, attest:TYPE; may be repeated', several)
    .option('--builder <id>', 'its provenance counts for this `builder.id`; repeatable', several)
    .option('--validity-days <days>', 'how long a signature stays good')
    .option('--crl <file|url>', 'a revocation list of the authorities; may be repeated', several)
    .option('--crl-max-age-hours <n>', 'how long a list counts, where its issuer says longer')
    .option('--crl-on-failure <what>', 'closed (refuse, the default) or open, where no list tells')
    .option('--policy <oid>', 'a certificate policy the path must hold; may be repeated', several)
    .option('--subject <name>', 'exact RFC 4514 subject; may be repeated', several)
    .option(
      '--timestamp-authority <pem>',
      'certificates of an RFC 3161 authority; may be repeated',
      several,
    )
    .option('--certificate-identity <identity>', 'keyless: the signer, or a glob of signers')
    .option('--certificate-oidc-issuer <url>', 'keyless: who vouches for the signer, exactly')
    .option('--trusted-root <json>', 'Sigstore TrustedRoot whose logs, times and authorities count')
    .option('--claim <name=value>', 'keyless: what must be certified; may be repeated', several)
    .option('--san <type:value>', 'dns:, uri: or email: name; may be repeated', several)
    .option(
      '--log-check <check>',
      'authenticity, timestamp, expiry or revocation: warn only',
      several,
    )
}

/** With one new key the old one's successor is clear; with several it is not. */
async function withLineage(document: Json, { key, succeeds }: VersionOptions): Promise<Json> {
  if (succeeds === undefined) return document
  const [file, ...more] = key ?? []
  if (file === undefined || more.length > 0)
    throw new PlatformError('INVALID_PARAMETER', '--succeeds wants exactly one --key')
  const succession = await makeSuccession(succeeds, readFileSync(file, 'utf8'))
  return { ...(document as JsonObject), lineage: [{ ...succession }] } as Json
}

function configureReads(command: Command, tools: Tools): void {
  withConnection(command.command('list'))
    .summary('all publishers')
    .action(async (options: ConnectionOptions) => {
      const service = connect(options, tools.environment)
      const answer = await service.get('/api/v1/publishers')
      const rows = objects(answer, 'publishers').flatMap(toRows)
      const table = textTable(['name', 'kind', 'version', 'status', 'arn'], rows)
      tools.terminal.result(answer, rows.length === 0 ? 'no publishers' : table)
    })
  withConnection(command.command('show').argument('<name>'))
    .summary('one publisher with its versions')
    .action(async (name: string, options: ConnectionOptions) => {
      const service = connect(options, tools.environment)
      const answer = await service.get(path(name))
      tools.terminal.result(answer, toText(answer))
    })
}

function configureRevoke(command: Command, tools: Tools): void {
  withConnection(command.command('revoke').argument('[name]', 'the publisher'))
    .summary('revoke a publisher, a version, a certificate, a key or one seal; final')
    .option('--version <id>', 'this version of it alone')
    .option('--certificate <pem|sha256>', 'a certificate, whoever signs with it')
    .option('--key <pem|sha256>', 'a public key, whoever holds it')
    .option('--seal <sha256>', 'one seal, by its digest')
    .option('--effective <time>', 'RFC 3339; now where not given, later on only earlier')
    .requiredOption('--reason <text>', '1 to 500 characters')
    .action(async (name: string | undefined, options: RevokeOptions) => {
      const target = revocationTarget(name, options)
      const { effective: effectiveAt, reason } = options
      await changed(tools, options, (service) =>
        service.change('POST', '/api/v1/revocations', { target, effectiveAt, reason }),
      )
    })
}

function revocationTarget(name: string | undefined, options: RevokeOptions): JsonObject {
  const { version, certificate, key, seal } = options
  const given = [name, certificate, key, seal].filter((one) => one !== undefined)
  if (given.length !== 1 || (version !== undefined && name === undefined)) {
    const message = 'revoke takes NAME [--version V], --certificate, --key or --seal: one of them'
    throw new PlatformError('INVALID_PARAMETER', message)
  }
  if (name !== undefined) {
    return version === undefined
      ? { kind: 'publisher', name }
      : { kind: 'publisher-version', name, version }
  }
  if (seal !== undefined) return { kind: 'seal', sha256: seal }
  const kind = certificate === undefined ? 'key' : 'certificate'
  const what = certificate ?? key ?? ''
  return /^[0-9a-f]{64}$/.test(what)
    ? { kind, sha256: what }
    : { kind, pem: readFileSync(what, 'utf8') }
}

/** A governed change: explained where it is refused, else shown with its decision. */
async function changed(
  { terminal, environment }: Tools,
  options: ConnectionOptions,
  work: (service: Service) => Promise<Answer>,
): Promise<void> {
  const service = connect(options, environment)
  const answer = await explained(service, terminal, async () => await work(service))
  if (answer === undefined) return
  const { body, decisionId } = answer
  await narrate(service, terminal, { what: 'publishers', id: decisionId })
  const revocations = body['revocations']
  terminal.result(
    { ...body, decision: decisionId },
    Array.isArray(revocations) ? revokedText(body) : toText(body),
  )
}

function revokedText(body: JsonObject): string {
  return objects(body, 'revocations')
    .map((one) => `revoked ${inline(text(one, 'target'))} from ${text(one, 'effectiveAt')}`)
    .join('\n')
}

function toText(publisher: JsonObject): string {
  const head = `${text(publisher, 'name')} (${text(publisher, 'kind')}), ${text(publisher, 'id')}`
  const rows = objects(publisher, 'versions').map((version) => [
    text(version, 'version'),
    text(version, 'status'),
    text(version, 'createdAt'),
    text(version, 'arn'),
  ])
  return `${head}\n${textTable(['version', 'status', 'created', 'arn'], rows)}`
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
