import { Type, type Static } from 'typebox'

import { PlatformError, type Json } from '../../model/index.ts'
import {
  applyPolicySet,
  makePlan,
  type Caller,
  type Deps,
  type PlanAsked,
} from '../../operations/index.ts'
import type { JsonObject } from '../lambda/handler.ts'
import { lambdaHandlers } from '../lambda/handlers.ts'
import { parseInstant } from './instants.ts'
import { toPublisherInput } from './publishers.ts'
import { route, type Route } from './route.ts'
import {
  InstantText,
  NewPublisherVersion,
  NewRevocation,
  Nothing,
  PublisherName,
  PublisherVersionId,
  Sha256Text,
} from './schemas.ts'

const strict = { additionalProperties: false } as const

/** A set of 1 MiB, and what JSON makes of its line ends and quotes. */
const PLAN_BODY_LIMIT_BYTES = 2_097_152

/** Lambda's operations that can be planned: those that bring code or make it reachable. */
const Operation = Type.Union([
  Type.Literal('CreateFunction'),
  Type.Literal('UpdateFunctionCode'),
  Type.Literal('UpdateFunctionConfiguration'),
  Type.Literal('PublishVersion'),
  Type.Literal('CreateAlias'),
  Type.Literal('UpdateAlias'),
])

const LambdaChange = Type.Object(
  {
    kind: Type.Literal('lambda'),
    operation: Operation,
    functionName: Type.String({ minLength: 1, maxLength: 140 }),
    /** The alias that is moved, or the one that is to serve the new code afterwards. */
    alias: Type.Optional(Type.String({ pattern: '^[a-zA-Z0-9-_]{1,128}$' })),
    /** AWS's request body, its code as `{S3Bucket: "lacre", S3Key: SHA256}` of what was uploaded. */
    body: Type.Optional(Type.Record(Type.String(), Type.Unknown())),
  },
  strict,
)

const PlanBody = Type.Object(
  {
    change: Type.Union([
      LambdaChange,
      Type.Object(
        {
          kind: Type.Literal('revocation'),
          target: NewRevocation.properties.target,
          effectiveAt: Type.Optional(InstantText),
        },
        strict,
      ),
      Type.Object(
        {
          kind: Type.Union([Type.Literal('publisher'), Type.Literal('publisher-version')]),
          name: PublisherName,
          publisher: NewPublisherVersion,
        },
        strict,
      ),
      Type.Object(
        {
          kind: Type.Literal('publisher-cancel'),
          name: PublisherName,
          version: PublisherVersionId,
        },
        strict,
      ),
      Type.Object(
        {
          kind: Type.Literal('policy'),
          files: Type.Array(
            Type.Object(
              {
                name: Type.String({ minLength: 1, maxLength: 255 }),
                text: Type.String({ maxLength: 1_048_576 }),
              },
              strict,
            ),
            { minItems: 1, maxItems: 256 },
          ),
          // As it would be put in force: without a name there is nothing to commit.
          name: Type.Optional(Type.String({ minLength: 1, maxLength: 64 })),
          cases: Type.Optional(Type.Unknown()),
        },
        strict,
      ),
      Type.Object(
        { kind: Type.Literal('expiry'), days: Type.Integer({ minimum: 1, maximum: 3_650 }) },
        strict,
      ),
    ]),
  },
  strict,
)

const PlanAnswer = Type.Object({
  hash: Type.Union([Sha256Text, Type.Null()]),
  expiresAt: Type.Union([InstantText, Type.Null()]),
  world: Type.Integer(),
  decisions: Type.Array(Type.Unknown()),
  effects: Type.Unknown(),
  expiring: Type.Optional(Type.Array(Type.Unknown())),
})

/** What a change would do, before it is made; the hash goes with the change as `x-lacre-plan`. */
export function planRoutes(deps: Deps): Route[] {
  const handlers = lambdaHandlers(deps)
  return [
    route({
      method: 'POST',
      path: '/plans',
      summary: 'What a change would do to what is live; nothing is changed and nothing authorized',
      params: Nothing,
      query: Nothing,
      body: PlanBody,
      status: 200,
      answer: PlanAnswer,
      bodyLimitBytes: PLAN_BODY_LIMIT_BYTES,
      handle: async ({ caller, body: { change } }) => {
        const plan = await makePlan(deps, caller, toAsked(deps, handlers, change))
        return { body: plan as unknown as Json }
      },
    }),
  ]
}

type Handlers = ReturnType<typeof lambdaHandlers>
type ChangeBody = Static<typeof PlanBody>['change']
type LambdaAsked = Extract<ChangeBody, { kind: 'lambda' }>

function toAsked(deps: Deps, handlers: Handlers, change: ChangeBody): PlanAsked {
  switch (change.kind) {
    case 'lambda':
      return lambdaAsked(handlers, change)
    case 'revocation': {
      const { effectiveAt } = change
      return {
        kind: 'revocation',
        subject: change.target,
        effectiveAtMs:
          effectiveAt === undefined ? undefined : parseInstant('effectiveAt', effectiveAt),
      }
    }
    case 'publisher':
    case 'publisher-version':
      return { ...change, publisher: toPublisherInput(change.publisher) }
    case 'policy':
      return policyAsked(deps, change)
    case 'publisher-cancel':
    case 'expiry':
      return change
  }
}

function policyAsked(deps: Deps, change: Extract<ChangeBody, { kind: 'policy' }>): PlanAsked {
  const { files, name, cases = null } = change
  if (name === undefined) return { kind: 'policy', files }
  const source = { files, cases: cases as Json }
  return {
    kind: 'policy',
    files,
    run: (planning) => applyPolicySet(deps, planning, { kind: 'admission', name, source }),
  }
}

/** The very operation, with the body that AWS's clients send: read and refused as it would be. */
function lambdaAsked(handlers: Handlers, change: LambdaAsked): PlanAsked {
  const { operation, functionName, alias } = change
  // It came as JSON.
  const json = { ...(change.body as JsonObject | undefined) }
  const moves = operation === 'CreateAlias' || operation === 'UpdateAlias'
  if (moves && alias === undefined)
    throw new PlatformError('INVALID_PARAMETER', `\`${operation}\` wants an \`alias\``)
  refuseInlineCode(json)
  if (operation === 'CreateFunction') json['FunctionName'] = functionName
  if (operation === 'CreateAlias') json['Name'] = alias
  const run = async (planning: Caller): Promise<unknown> =>
    await handlers[operation]?.({
      caller: planning,
      path: { FunctionName: functionName, Name: alias ?? '' },
      query: {},
      headers: {},
      secure: false,
      json,
      zip: undefined,
      signal: new AbortController().signal,
    })
  const asked = { kind: 'function', functionName, alias, run } as const
  return moves ? { ...asked, target: targetOf(json) } : asked
}

function refuseInlineCode(json: JsonObject): void {
  const code = json['Code']
  const inner = typeof code === 'object' && code !== null && 'ZipFile' in code
  if (!inner && json['ZipFile'] === undefined) return
  throw new PlatformError(
    'INVALID_PARAMETER',
    'a plan names its code by digest: upload it to `/api/v1/artifacts/SHA256` and give `S3Bucket` `lacre` and `S3Key`',
  )
}

/** The operation itself reads and refuses it; here it is only told. */
function targetOf(
  json: JsonObject,
): NonNullable<Extract<PlanAsked, { kind: 'function' }>['target']> {
  const version = json['FunctionVersion']
  const routing = json['RoutingConfig']
  const weights =
    typeof routing === 'object' && routing !== null && !Array.isArray(routing)
      ? Object.entries((routing as JsonObject)['AdditionalVersionWeights'] ?? {})
      : undefined
  const [only] = weights ?? []
  return {
    version: typeof version === 'string' ? version : undefined,
    routing:
      weights === undefined
        ? undefined
        : only === undefined
          ? null
          : { version: only[0], weight: Number(only[1]) },
  }
}
