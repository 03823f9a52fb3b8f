import { PlatformError, type Json } from '../../services/model/index.ts'
import type { Terminal } from '../terminal.ts'
import { isObject, objects, text, type Answer, type JsonObject, type Service } from './service.ts'
import { textTable } from './text-table.ts'

const PATH = '/api/v1/principals'
const HEADERS = ['id', 'name', 'state', 'roles', 'comes by']

/** People or workloads, as the service keeps them. */
export class Principals {
  readonly #service: Service
  readonly #terminal: Terminal

  constructor(service: Service, terminal: Terminal) {
    this.#service = service
    this.#terminal = terminal
  }

  async create(body: JsonObject): Promise<void> {
    this.#tell(await this.#service.change('POST', PATH, body))
  }

  async list(kind: 'user' | 'workload'): Promise<void> {
    const answer = await this.#service.get(PATH)
    const found = objects(answer, 'principals').filter((one) => one['kind'] === kind)
    const table =
      found.length === 0
        ? `no ${kind}s`
        : textTable(HEADERS, found.map(toCells), this.#terminal.columns)
    this.#terminal.result({ principals: found } as Json, table)
  }

  async show(name: string): Promise<void> {
    this.#tell({ body: await this.#service.get(pathOf(name)), decisionId: undefined })
  }

  async turn(name: string, verb: 'disable' | 'enable'): Promise<void> {
    this.#tell(await this.#service.change('POST', `${pathOf(name)}/${verb}`))
  }

  async grant(name: string, role: string): Promise<void> {
    this.#tell(await this.#service.change('POST', `${pathOf(name)}/roles`, { role }))
  }

  async revoke(name: string, role: string): Promise<void> {
    const path = `${pathOf(name)}/roles/${encodeURIComponent(role)}/revoke`
    this.#tell(await this.#service.change('POST', path))
  }

  #tell({ body, decisionId }: Answer): void {
    const { principal } = body
    if (!isObject(principal))
      throw new PlatformError('UNAVAILABLE', 'what answers there is not a Lacre service')
    const table = textTable(HEADERS, [toCells(principal)], this.#terminal.columns)
    this.#terminal.result(
      { ...body, ...(decisionId !== undefined && { decisionId }) } as Json,
      table,
    )
  }
}

/** `--issuer`, `--subject` and `--claim NAME=VALUE …` as the service takes them. @throws PlatformError INVALID_PARAMETER */
export function identityInput(options: {
  readonly issuer?: string
  readonly subject?: string
  readonly claim?: readonly string[]
}): JsonObject | undefined {
  const { issuer, subject, claim = [] } = options
  if (issuer === undefined && subject === undefined && claim.length === 0) return undefined
  if (issuer === undefined || subject === undefined)
    throw new PlatformError('INVALID_PARAMETER', '--issuer and --subject go together')
  const claims = claim.map((pair): [string, string] => {
    const at = pair.indexOf('=')
    if (at < 1) throw new PlatformError('INVALID_PARAMETER', `\`${pair}\` is not NAME=VALUE`)
    return [pair.slice(0, at), pair.slice(at + 1)]
  })
  return { issuer, subject, claims: Object.fromEntries(claims) }
}

function pathOf(name: string): string {
  return `${PATH}/${encodeURIComponent(name)}`
}

function toCells(one: JsonObject): string[] {
  const { roles, identity } = one
  const claims = isObject(identity) && isObject(identity['claims']) ? identity['claims'] : {}
  const demanded = Object.entries(claims).map(
    ([name, value]) => `, ${name}=${JSON.stringify(value)}`,
  )
  return [
    text(one, 'id'),
    text(one, 'name'),
    one['disabledAt'] === null ? 'on' : 'off',
    Array.isArray(roles) && roles.length > 0 ? roles.map(String).join(', ') : '-',
    isObject(identity)
      ? `${text(identity, 'issuer')} ${text(identity, 'subject')}${demanded.join('')}`
      : 'access keys',
  ]
}
