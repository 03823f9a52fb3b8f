import type { Static, TSchema } from 'typebox'
import { Compile } from 'typebox/compile'

import { PlatformError, canonicalJson, type Decision, type Json } from '../../model/index.ts'
import type { Caller } from '../../operations/index.ts'
import type { WireStream } from '../wire.ts'

/** A request of `/api/v1`, authenticated, its body read as strict JSON (`undefined` where there was none). */
export interface GovernanceRequest {
  readonly caller: Caller
  readonly params: unknown
  readonly query: unknown
  readonly body: unknown
}

export interface GovernanceAnswer {
  readonly status: number
  readonly body: Json
  /** Of what passed the gate: sent as `x-lacre-decision-id`. */
  readonly decision?: Pick<Decision, 'id'>
  /** In place of the body: a file of the route's `answerType`. */
  readonly file?: { readonly sizeBytes: number; readonly name: string; readonly stream: WireStream }
}

export type Method = 'GET' | 'POST' | 'PUT'

interface Shapes<P extends TSchema, Q extends TSchema, B extends TSchema> {
  readonly method: Method
  /** Below `/api/v1`, parameters as `:name`. */
  readonly path: string
  readonly summary: string
  readonly params: P
  readonly query: Q
  readonly body: B
  /** What an answer of `status` holds, for the OpenAPI document. */
  readonly status: number
  readonly answer: TSchema
  /** The media type of an answer that is a file; JSON where absent. */
  readonly answerType?: string
  readonly bodyLimitBytes?: number
  /** The body is handed over as bytes (Uint8Array, empty where there is none), of this media type or JSON. */
  readonly rawBody?: string
  handle(input: {
    readonly caller: Caller
    readonly params: Static<P>
    readonly query: Static<Q>
    readonly body: Static<B>
  }): Promise<Omit<GovernanceAnswer, 'status'>>
}

export interface Route extends Omit<Shapes<TSchema, TSchema, TSchema>, 'handle'> {
  handle(request: GovernanceRequest): Promise<GovernanceAnswer>
}

/**
 * One route: what it takes and what it does with it. Unknown members are refused, nothing is coerced: a mistyped
 * security field must not vanish silently (STYLE "Edge").
 */
export function route<P extends TSchema, Q extends TSchema, B extends TSchema>(
  shapes: Shapes<P, Q, B>,
): Route {
  const readParams = reader(shapes.params, 'path')
  const readQuery = reader(shapes.query, 'query')
  const readBody = reader(shapes.body, 'body')
  return {
    ...shapes,
    async handle(request) {
      const answer = await shapes.handle({
        caller: request.caller,
        params: readParams(request.params ?? {}),
        query: readQuery(request.query ?? {}),
        // Bytes are read by whoever knows their format, off the event loop.
        body:
          shapes.rawBody === undefined ? readBody(request.body ?? {}) : (request.body as Static<B>),
      })
      return { status: shapes.status, ...answer }
    },
  }
}

/** The parser of one part of a request: the only door from `unknown` to its type. */
function reader<T extends TSchema>(
  schema: T,
  place: 'path' | 'query' | 'body',
): (value: unknown) => Static<T> {
  const compiled = Compile(schema)
  return (value) => {
    const [first] = compiled.Check(value) ? [] : compiled.Errors(value)
    if (first !== undefined) {
      const where = first.instancePath === '' ? '' : ` at \`${first.instancePath.slice(0, 120)}\``
      throw new PlatformError('INVALID_PARAMETER', `the ${place}${where} ${first.message}`, {
        detail: { keyword: first.keyword, params: first.params },
      })
    }
    refuseIllFormed(value, place)
    return value as Static<T>
  }
}

/** Lone surrogates have no canonical form, and so no digest in the ledger (RFC 8785). */
function refuseIllFormed(value: unknown, place: string): void {
  try {
    canonicalJson(value as Json)
  } catch (cause) {
    throw new PlatformError('INVALID_PARAMETER', `the ${place} has text that is not Unicode`, {
      cause,
    })
  }
}
