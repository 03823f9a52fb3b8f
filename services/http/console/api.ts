import type { Authorizer } from '../../auth/index.ts'
import { PlatformError, parseSha256, type Json, type ResourceRef } from '../../model/index.ts'
import type { Caller } from '../../operations/index.ts'
import {
  routeAction,
  routeBodyResource,
  type GovernanceAnswer,
  type Route,
} from '../governance/index.ts'
import type { JsonObject, LambdaHandlers } from '../lambda/handler.ts'
import { lambdaResource } from '../lambda/resource.ts'
import type { Members } from './form.ts'

export interface ApiParts {
  readonly routes: readonly Route[]
  readonly lambda: LambdaHandlers
  readonly access: Pick<Authorizer, 'authorize'>
}

export interface Asked {
  readonly params?: Members
  readonly query?: Members
  readonly body?: JsonObject
  /** The hash of the plan that the change is held to. */
  readonly plan?: string | undefined
}

/**
 * All that pages know and all that they do: the routes of `/api/v1` and Lambda's operations, asked as their own clients ask
 * them. The same authorization, the same reading of what is asked for, the same operation; the console has no other way.
 */
export class ConsoleApi {
  readonly #parts: ApiParts
  readonly #caller: Caller

  constructor(parts: ApiParts, caller: Caller) {
    this.#parts = parts
    this.#caller = caller
  }

  get principal(): Caller['principal'] {
    return this.#caller.principal
  }

  /** The answer's JSON; its shape is the route's. @throws PlatformError what the route throws, ACCESS_DENIED */
  async get<T>(path: string, asked: Omit<Asked, 'body' | 'plan'> = {}): Promise<T> {
    const { body } = await this.call(`GET ${path}`, asked)
    return body as T
  }

  /** `undefined` where the caller may not read it: a page then says so in that place. */
  async getIfAllowed<T>(
    path: string,
    asked: Omit<Asked, 'body' | 'plan'> = {},
  ): Promise<T | undefined> {
    try {
      return await this.get<T>(path, asked)
    } catch (error) {
      if (error instanceof PlatformError && error.code === 'ACCESS_DENIED') return undefined
      throw error
    }
  }

  /** `POST /approvals/:id/approve` and the like. @throws PlatformError what the route throws, ACCESS_DENIED */
  async call(name: string, asked: Asked = {}): Promise<GovernanceAnswer> {
    const route = this.#parts.routes.find(({ method, path }) => `${method} ${path}` === name)
    if (route === undefined) throw new PlatformError('INTERNAL', `no route is \`${name}\``)
    const { params = {}, query = {}, body } = asked
    const { action, resource } = routeAction(name, params)
    const named = resource ?? routeBodyResource(name, body as Json | undefined)
    await this.#authorize(action, named)
    return await route.handle({ caller: this.#as(asked), params, query, body })
  }

  /** One of Lambda's operations. @throws PlatformError what the operation throws, ACCESS_DENIED */
  async lambda<T>(operation: string, path: Members, asked: Asked = {}): Promise<T> {
    const action = `lambda:${operation}`
    await this.#authorize(action, lambdaResource({ action, operation, path, query: '' }))
    const handler = this.#parts.lambda[operation]
    if (handler === undefined) throw new PlatformError('NOT_BUILT', `${operation} is not built`)
    const { body } = await handler({
      caller: this.#as(asked),
      path,
      query: asked.query ?? {},
      headers: {},
      json: asked.body ?? {},
      zip: undefined,
      signal: new AbortController().signal,
    })
    return body as T
  }

  async #authorize(action: string, resource: ResourceRef | undefined): Promise<void> {
    await this.#parts.access.authorize(this.#caller.principal, action, resource)
  }

  #as({ plan }: Asked): Caller {
    if (plan === undefined) return this.#caller
    return { ...this.#caller, plan: { kind: 'hold', hash: parseSha256(plan) } }
  }
}
