import { createHash } from 'node:crypto'

import type { AdminFile } from '../../support/client.ts'
import { ROLE } from '../../support/functions.ts'
import { lambdaWire, type WireCall, type WireReply } from '../../support/lambda-wire.ts'
import { nodePackage } from '../../support/packages.ts'
import type { AliasTarget, Answer, Operation, Refusal, ShownAlias, ShownVersion } from './calls.ts'

const FUNCTIONS = '/2015-03-31/functions'

/** Packages by what they answer, and the other way round. */
export class Codes {
  readonly #byDigest = new Map<string, string>()

  zip(code: string): string {
    const zip = nodePackage(code)
    this.#byDigest.set(createHash('sha256').update(zip).digest('base64'), code)
    return zip.toString('base64')
  }

  /** What is not of ours is told by its digest. */
  codeOf(codeSha256: string): string {
    return this.#byDigest.get(codeSha256) ?? codeSha256
  }
}

/** An answer that no client should ever get. */
export class StrangeAnswer extends Error {
  override readonly name = 'StrangeAnswer'
}

/** One call over the wire. @throws StrangeAnswer; what fetch throws where no answer came */
export async function perform(
  admin: AdminFile,
  call: { readonly name: string; readonly operation: Operation; readonly codes: Codes },
): Promise<Answer> {
  const { name, operation, codes } = call
  const reply = await lambdaWire(admin, toWire(name, operation, codes))
  if (reply.status < 300) return answerOf(operation, reply, codes)
  const why = refusalOf(reply)
  if (why !== undefined) return { kind: 'refused', why }
  throw new StrangeAnswer(
    `${JSON.stringify(operation)}: ${reply.status} ${JSON.stringify(reply.body)}`,
  )
}

function toWire(name: string, operation: Operation, codes: Codes): WireCall {
  const one = `${FUNCTIONS}/${name}`
  switch (operation.kind) {
    case 'create':
      return {
        method: 'POST',
        path: FUNCTIONS,
        body: {
          FunctionName: name,
          Runtime: 'nodejs20.x',
          Handler: 'index.handler',
          Role: ROLE,
          Code: { ZipFile: codes.zip(operation.code) },
          Publish: operation.publish,
        },
      }
    case 'update':
      return {
        method: 'PUT',
        path: `${one}/code`,
        body: {
          ZipFile: codes.zip(operation.code),
          Publish: operation.publish,
          RevisionId: operation.revision,
        },
      }
    case 'publish':
      return {
        method: 'POST',
        path: `${one}/versions`,
        body: { RevisionId: operation.revision },
      }
    case 'delete':
      return { method: 'DELETE', path: one }
    case 'delete-version':
      return { method: 'DELETE', path: one, query: { Qualifier: operation.version } }
    case 'get':
      return { method: 'GET', path: `${one}/configuration`, ...qualified(operation.qualifier) }
    case 'invoke':
      return {
        method: 'POST',
        path: `${one}/invocations`,
        ...qualified(operation.qualifier),
        body: {},
      }
    case 'list-versions':
      return { method: 'GET', path: `${one}/versions` }
    case 'create-alias':
    case 'update-alias':
    case 'delete-alias':
    case 'get-alias':
    case 'list-aliases':
      return aliasCall(`${one}/aliases`, operation)
  }
}

type AliasOperation = Extract<
  Operation,
  { kind: 'create-alias' | 'update-alias' | 'delete-alias' | 'get-alias' | 'list-aliases' }
>

function aliasCall(path: string, operation: AliasOperation): WireCall {
  switch (operation.kind) {
    case 'create-alias':
      return { method: 'POST', path, body: { Name: operation.alias, ...targetBody(operation) } }
    case 'update-alias':
      return {
        method: 'PUT',
        path: `${path}/${operation.alias}`,
        body: { ...targetBody(operation), RevisionId: operation.revision },
      }
    case 'delete-alias':
      return { method: 'DELETE', path: `${path}/${operation.alias}` }
    case 'get-alias':
      return { method: 'GET', path: `${path}/${operation.alias}` }
    case 'list-aliases':
      return { method: 'GET', path }
  }
}

function qualified(qualifier: string | undefined) {
  return qualifier === undefined ? {} : { query: { Qualifier: qualifier } }
}

function targetBody({ target: { version, second } }: { readonly target: AliasTarget }) {
  const weights = second === null ? {} : { [second.version]: second.weight }
  return { FunctionVersion: version, RoutingConfig: { AdditionalVersionWeights: weights } }
}

function refusalOf({ status, body }: WireReply): Refusal | undefined {
  const said = textIn(body ?? {}, 'message') ?? textIn(body ?? {}, 'Message') ?? ''
  if (status === 404) return 'absent'
  if (status === 503 && said.startsWith('the environment was stopped')) return 'stopped'
  if (status === 412) return 'mismatch'
  if (status !== 409) return undefined
  if (/already exists?:/.test(said)) return 'exists'
  if (said.includes('aliases reference it')) return 'referenced'
  if (said.includes('keeps changing')) return 'contended'
  const isBusy = said.includes('update is in progress') || said.includes('following state: Pending')
  return isBusy ? 'busy' : undefined
}

type Body = Readonly<Record<string, unknown>>

function textIn(body: Body, member: string): string | undefined {
  const text = body[member]
  return typeof text === 'string' ? text : undefined
}

function answerOf(operation: Operation, reply: WireReply, codes: Codes): Answer {
  const body = reply.body ?? {}
  switch (operation.kind) {
    case 'delete':
    case 'delete-version':
    case 'delete-alias':
      return { kind: 'gone' }
    case 'create':
    case 'update':
    case 'publish':
    case 'get':
      return { kind: 'version', shown: { ...versionOf(body, codes), settled: isSettled(body) } }
    case 'list-versions':
      return {
        kind: 'versions',
        shown: (body['Versions'] as Body[]).map((one) => versionOf(one, codes)),
      }
    case 'create-alias':
    case 'update-alias':
    case 'get-alias':
      return { kind: 'alias', shown: aliasOf(body) }
    case 'list-aliases': {
      const aliases = body['Aliases'] as Body[]
      const shown = aliases.map((one) => [String(one['Name']), aliasOf(one)] as const)
      return { kind: 'aliases', shown: Object.fromEntries(shown) }
    }
    case 'invoke': {
      const failed = reply.headers.get('x-amz-function-error')
      if (failed !== null) throw new StrangeAnswer(`invoke: ${failed} ${JSON.stringify(body)}`)
      const version = reply.headers.get('x-amz-executed-version') ?? ''
      return { kind: 'ran', version, code: String(body['release']) }
    }
  }
}

function versionOf(body: Body, codes: Codes): ShownVersion {
  return {
    version: String(body['Version']),
    code: codes.codeOf(String(body['CodeSha256'])),
    revision: String(body['RevisionId']),
  }
}

function isSettled(body: Body): boolean {
  return body['State'] === 'Active' && body['LastUpdateStatus'] === 'Successful'
}

function aliasOf(body: Body): ShownAlias {
  const routing = body['RoutingConfig'] as
    { AdditionalVersionWeights?: Record<string, number> } | undefined
  const [second] = Object.entries(routing?.AdditionalVersionWeights ?? {})
  return {
    version: String(body['FunctionVersion']),
    second: second === undefined ? null : { version: second[0], weight: second[1] },
    revision: String(body['RevisionId']),
  }
}
