import type { Command } from 'commander'

import { PlatformError, parseIsoTime, systemClock, type Json } from '../../services/model/index.ts'
import type { CommandModule, Environment } from '../command.ts'
import { parseSpan, parseWeight } from '../spans.ts'
import {
  connect,
  explained,
  narrate,
  objects,
  text,
  textTable,
  withConnection,
  type ConnectionOptions,
  type JsonObject,
} from '../service/index.ts'
import { inline, type Terminal } from '../terminal.ts'

const PATH = '/api/v1/approvals'
const OWNERS = '/api/v1/signer-owners'

export const command: CommandModule = {
  name: 'approval',
  summary: 'ask for approval of an alias move, see requests, take back',
  configure(command: Command, terminal: Terminal, environment: Environment): void {
    const around = { terminal, environment }
    configureRequest(command, around)
    configureReads(command, around)
    configureWithdraw(command, around)
    configureSigners(command, around)
  },
}

interface Around {
  readonly terminal: Terminal
  readonly environment: Environment
}

interface RequestOptions extends ConnectionOptions {
  readonly weight?: string
  readonly reason: string
  readonly for?: string
}

function configureRequest(command: Command, { terminal, environment }: Around): void {
  withConnection(command.command('request'))
    .argument('<function>')
    .argument('<alias>')
    .argument('<version>', "a published version's number")
    .requiredOption('--reason <text>', 'why, for those who approve')
    .option('--weight <share>', 'what it would get of the calls: 0.1, 10% or 1')
    .option('--for <time>', 'how long the request stays open: 30m, 24h, 7d')
    .description('ask for approval of a move that you will make yourself')
    .action(
      async (functionName: string, alias: string, version: string, options: RequestOptions) => {
        const service = connect(options, environment)
        await explained(service, terminal, async () => {
          const { reason, weight, for: span } = options
          const answer = await service.change('POST', PATH, {
            functionName,
            alias,
            version,
            reason,
            ...(weight === undefined ? {} : { weight: parseWeight(weight) }),
            ...(span === undefined ? {} : { forMs: parseSpan('--for', span) }),
          })
          await narrate(service, terminal, { what: 'request', id: answer.decisionId })
          terminal.result({ ...answer.body }, requestLines(answer.body))
        })
      },
    )
}

function configureReads(command: Command, { terminal, environment }: Around): void {
  withConnection(command.command('list'))
    .option('--function <name>', 'of this function alone')
    .option('--state <state>', 'open, used, withdrawn or void')
    .description('requests, newest first')
    .action(
      async (
        options: ConnectionOptions & { readonly function?: string; readonly state?: string },
      ) => {
        const service = connect(options, environment)
        const query = { functionName: options.function, state: options.state }
        const answer = await service.get(PATH, query)
        terminal.result(answer as Json, listTable(objects(answer, 'requests'), terminal.columns))
      },
    )
  withConnection(command.command('show'))
    .argument('<request>')
    .description('one request with every answer to it')
    .action(async (id: string, options: ConnectionOptions) => {
      const answer = await connect(options, environment).get(`${PATH}/${encodeURIComponent(id)}`)
      terminal.result(answer as Json, requestLines(answer))
    })
}

function configureWithdraw(command: Command, { terminal, environment }: Around): void {
  withConnection(command.command('withdraw'))
    .argument('<request>')
    .description('take back your request, or else your approval of it')
    .action(async (id: string, options: ConnectionOptions) => {
      const service = connect(options, environment)
      await explained(service, terminal, async () => {
        const answer = await service.change('POST', `${PATH}/${encodeURIComponent(id)}/withdraw`)
        await narrate(service, terminal, { what: 'withdrawal', id: answer.decisionId })
        terminal.result({ ...answer.body }, requestLines(answer.body))
      })
    })
}

interface SignerOptions extends ConnectionOptions {
  readonly publisher?: string
  readonly key?: string
  readonly issuer?: string
  readonly identity?: string
  readonly identityType?: string
}

function configureSigners(command: Command, { terminal, environment }: Around): void {
  withConnection(command.command('map'))
    .argument('<principal>', 'whose the signer is; `nobody` takes the mapping away')
    .option('--publisher <name>', 'all that this publisher signs')
    .option('--key <sha256>', "a key's fingerprint, hex")
    .option('--issuer <url>', 'with --identity: a keyless identity')
    .option('--identity <name>', 'a URI, or of --identity-type')
    .option('--identity-type <type>', 'uri, email or username')
    .description('say whose a signer is: approvals of who signed are counted by this')
    .action(async (principal: string, options: SignerOptions) => {
      const service = connect(options, environment)
      await explained(service, terminal, async () => {
        const owner = principal === 'nobody' ? null : principal
        const answer = await service.change('PUT', OWNERS, { signer: signerOf(options), owner })
        await narrate(service, terminal, { what: 'mapping', id: answer.decisionId })
        terminal.result(
          { ...answer.body },
          owner === null ? "the signer is nobody's" : `mapped to ${inline(owner)}`,
        )
      })
    })
  withConnection(command.command('signers'))
    .description('whose signers are')
    .action(async (options: ConnectionOptions) => {
      const answer = await connect(options, environment).get(OWNERS)
      const rows = objects(answer, 'owners').map((one) => [
        inline(text(one, 'label')),
        inline(text(one, 'owner')),
        text(one, 'mappedAt'),
      ])
      const table =
        rows.length === 0
          ? "no signer is anybody's"
          : textTable(['signer', 'owner', 'since'], rows, terminal.columns)
      terminal.result(answer as Json, table)
    })
}

function signerOf({ publisher, key, issuer, identity, identityType }: SignerOptions): JsonObject {
  const named = [publisher, key, issuer ?? identity].filter((one) => one !== undefined)
  if (named.length !== 1 || (issuer === undefined) !== (identity === undefined))
    throw new PlatformError(
      'INVALID_PARAMETER',
      'name one signer: --publisher, --key, or --issuer with --identity',
    )
  if (publisher !== undefined) return { kind: 'publisher', name: publisher }
  if (key !== undefined) return { kind: 'key', sha256: key }
  return { kind: 'oidc', issuer, type: identityType ?? 'uri', value: identity }
}

/** As people read it: `open` that is over is told as such. */
function stateOf(request: JsonObject): string {
  const state = text(request, 'state')
  const endsAtMs = parseIsoTime(text(request, 'expiresAt')) ?? 0
  return state === 'open' && endsAtMs <= systemClock.nowMs() ? 'over' : state
}

function standing(request: JsonObject): readonly JsonObject[] {
  return objects(request, 'approvals').filter((one) => one['revokedAt'] === null)
}

function listTable(requests: readonly JsonObject[], columns: number | undefined): string {
  if (requests.length === 0) return 'no requests'
  const headers = ['request', 'alias', 'version', 'share', 'by', 'approvals', 'state', 'until']
  return textTable(
    headers,
    requests.map((one) => [
      text(one, 'id'),
      `${text(one, 'functionName')}:${text(one, 'alias')}`,
      text(one, 'version'),
      shareOf(one),
      inline(text(one, 'requester')),
      String(standing(one).length),
      stateOf(one),
      text(one, 'expiresAt'),
    ]),
    columns,
  )
}

function shareOf(request: JsonObject): string {
  return `${Math.round(Number(request['weight'] ?? 1) * 10_000) / 100} %`
}

/** One request for people; what they wrote is foreign text. */
export function requestLines(request: JsonObject): string {
  const by = standing(request).map((one) => inline(text(one, 'principal')))
  return [
    `${text(request, 'id')}: ${stateOf(request)}`,
    `  ${text(request, 'functionName')}:${text(request, 'alias')} to version ${text(request, 'version')}, ${shareOf(request)} of the calls`,
    `  release  ${text(request, 'release')}`,
    `  asked by ${inline(text(request, 'requester'))}: ${inline(text(request, 'reason'))}`,
    `  approved by ${by.length === 0 ? 'nobody' : by.join(', ')}`,
    `  open until ${text(request, 'expiresAt')}`,
  ].join('\n')
}
