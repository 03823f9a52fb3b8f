import {
  PlatformError,
  parseStrictJson,
  type Decision,
  type Json,
} from '../../services/model/index.ts'
import type { Client, ClientCall, ClientReply } from '../client/index.ts'

export type JsonObject = { readonly [name: string]: Json | undefined }

/** What sends a signed request: `cli/client`, or a test. Throws PlatformError for every answer that is a refusal. */
export type Transport = Pick<Client, 'send'>

export interface Answer {
  readonly body: JsonObject
  /** Of what passed the gate. */
  readonly decisionId: string | undefined
}

/** A running service, spoken to in JSON. */
export class Service {
  readonly #transport: Transport
  readonly #headers: Readonly<Record<string, string>>

  constructor(transport: Transport, headers: Readonly<Record<string, string>> = {}) {
    this.#transport = transport
    this.#headers = headers
  }

  /** The same service; every change is sent with these headers. */
  withHeaders(headers: Readonly<Record<string, string>>): Service {
    return new Service(this.#transport, headers)
  }

  async get(path: string, query: ClientCall['query'] = {}): Promise<JsonObject> {
    return (await this.#json({ method: 'GET', path, query })).body
  }

  /** `undefined` where the service says that there is none. */
  async find(path: string, query: ClientCall['query'] = {}): Promise<JsonObject | undefined> {
    try {
      return await this.get(path, query)
    } catch (error) {
      if (error instanceof PlatformError && isNotFound(error)) return undefined
      throw error
    }
  }

  async change(
    method: 'POST' | 'PUT' | 'DELETE',
    path: string,
    body?: JsonObject,
  ): Promise<Answer> {
    return await this.#json({
      method,
      path,
      headers: {
        ...this.#headers,
        ...(body !== undefined && { 'content-type': 'application/json' }),
      },
      ...(body !== undefined && { body: Buffer.from(JSON.stringify(body)) }),
    })
  }

  async send(call: ClientCall): Promise<ClientReply> {
    return await this.#transport.send(call)
  }

  async decision(id: string): Promise<Decision> {
    const { decision } = await this.get(`/api/v1/decisions/${encodeURIComponent(id)}`)
    if (!isObject(decision) || !Array.isArray(decision['checks'])) throw notOurs()
    return decision as unknown as Decision
  }

  async #json(call: ClientCall): Promise<Answer> {
    const reply = await this.#transport.send(call)
    const body = reply.body.byteLength === 0 ? {} : parseStrictJson(reply.body)
    if (!isObject(body)) throw notOurs()
    return { body, decisionId: reply.headers['x-lacre-decision-id'] }
  }
}

export function isNotFound(error: PlatformError): boolean {
  return error.code === 'FUNCTION_NOT_FOUND' || error.code === 'RESOURCE_NOT_FOUND'
}

export function isObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** A member that must be text, for what the service itself wrote. @throws PlatformError INTERNAL */
export function text(body: JsonObject, name: string): string {
  const value = body[name]
  if (typeof value !== 'string') throw notOurs()
  return value
}

export function objects(body: JsonObject, name: string): readonly JsonObject[] {
  const value = body[name]
  if (!Array.isArray(value)) throw notOurs()
  return value.filter(isObject)
}

function notOurs(): PlatformError {
  return new PlatformError(
    'UNAVAILABLE',
    'what answers there is not a Lacre service of this version',
  )
}
