import { Type } from 'typebox'

import type { ApprovalRequest, SignerOwner } from '../../catalog/index.ts'
import { APPROVAL_DEFAULT_MS, APPROVAL_LIMIT_MS, toIsoTime, type Json } from '../../model/index.ts'
import {
  approve,
  mapSigner,
  readApprovalRequest,
  readApprovalRequests,
  readSignerOwners,
  requestApproval,
  withdrawApproval,
  type Deps,
} from '../../operations/index.ts'
import { parseCount } from './instants.ts'
import { route, type Route } from './route.ts'
import { CountText, InstantText, Nothing, PublisherName, Sha256Text } from './schemas.ts'

const strict = { additionalProperties: false } as const
const PAGE = { min: 1, max: 500, otherwise: 100 }

export const FunctionName = Type.String({ pattern: '^[a-zA-Z0-9-_]{1,64}$' })
/** No version's number. */
export const AliasName = Type.String({ pattern: '^(?![0-9]+$)[a-zA-Z0-9-_]{1,128}$' })
export const VersionNumberText = Type.String({ pattern: '^[1-9][0-9]{0,14}$' })
export const ReasonText = Type.String({ minLength: 1, maxLength: 500 })

const RequestId = Type.Object({ id: Type.String({ pattern: '^apr-[0-9a-f]{32}$' }) }, strict)
const State = Type.Union(
  (['open', 'used', 'withdrawn', 'void'] as const).map((state) => Type.Literal(state)),
)
const NewRequest = Type.Object(
  {
    functionName: FunctionName,
    alias: AliasName,
    version: VersionNumberText,
    weight: Type.Optional(Type.Number({ exclusiveMinimum: 0, maximum: 1 })),
    reason: ReasonText,
    forMs: Type.Optional(Type.Integer({ minimum: 1, maximum: APPROVAL_LIMIT_MS })),
  },
  strict,
)
const RequestAnswer = Type.Object({
  id: Type.String(),
  functionName: FunctionName,
  alias: AliasName,
  version: VersionNumberText,
  release: Sha256Text,
  weight: Type.Number(),
  requester: Type.String(),
  reason: ReasonText,
  openedAt: InstantText,
  expiresAt: InstantText,
  state: State,
  settledAt: Type.Union([InstantText, Type.Null()]),
  settledBy: Type.Union([Type.String(), Type.Null()]),
  approvals: Type.Array(
    Type.Object({
      principal: Type.String(),
      at: InstantText,
      comment: Type.String(),
      revokedAt: Type.Union([InstantText, Type.Null()]),
    }),
  ),
})

/** Who said yes to which move, and whose signers are. */
export function approvalRoutes(deps: Deps): Route[] {
  return [...requestRoutes(deps), ...answerRoutes(deps), ...signerRoutes(deps)]
}

function requestRoutes(deps: Deps): Route[] {
  return [
    route({
      method: 'POST',
      path: '/approvals',
      summary: 'Asks for approval of an alias move that the caller would make himself',
      params: Nothing,
      query: Nothing,
      body: NewRequest,
      status: 201,
      answer: RequestAnswer,
      handle: async ({ caller, body }) => {
        const { weight = 1, forMs = APPROVAL_DEFAULT_MS, ...asked } = body
        const { result, decision } = await requestApproval(deps, caller, {
          ...asked,
          weight,
          forMs,
        })
        return { body: toBody(result), decision }
      },
    }),
    route({
      method: 'GET',
      path: '/approvals',
      summary: 'Requests for approval, newest first',
      params: Nothing,
      query: Type.Object(
        {
          functionName: Type.Optional(FunctionName),
          state: Type.Optional(State),
          limit: Type.Optional(CountText),
        },
        strict,
      ),
      body: Nothing,
      status: 200,
      answer: Type.Object({ requests: Type.Array(RequestAnswer) }),
      handle: async ({ query }) => {
        const limit = parseCount('limit', query.limit, PAGE)
        const { functionName, state } = query
        const requests = await readApprovalRequests(deps, { functionName, state, limit })
        return { body: { requests: requests.map(toBody) } }
      },
    }),
    route({
      method: 'GET',
      path: '/approvals/:id',
      summary: 'One request with every answer to it',
      params: RequestId,
      query: Nothing,
      body: Nothing,
      status: 200,
      answer: RequestAnswer,
      handle: async ({ params }) => ({ body: toBody(await readApprovalRequest(deps, params.id)) }),
    }),
  ]
}

function answerRoutes(deps: Deps): Route[] {
  return [
    route({
      method: 'POST',
      path: '/approvals/:id/approve',
      summary: 'Approves as the person that the access key belongs to',
      params: RequestId,
      query: Nothing,
      body: Type.Object({ comment: Type.Optional(Type.String({ maxLength: 500 })) }, strict),
      status: 200,
      answer: RequestAnswer,
      handle: async ({ caller, params, body }) => {
        const input = { id: params.id, comment: body.comment ?? '' }
        const { result, decision } = await approve(deps, caller, input)
        return { body: toBody(result), decision }
      },
    }),
    route({
      method: 'POST',
      path: '/approvals/:id/withdraw',
      summary: "Takes back: one's own request, or else one's own approval",
      params: RequestId,
      query: Nothing,
      body: Nothing,
      status: 200,
      answer: RequestAnswer,
      handle: async ({ caller, params }) => {
        const { result, decision } = await withdrawApproval(deps, caller, params)
        return { body: toBody(result), decision }
      },
    }),
  ]
}

const Signer = Type.Union([
  Type.Object({ kind: Type.Literal('publisher'), name: PublisherName }, strict),
  Type.Object({ kind: Type.Literal('key'), sha256: Sha256Text }, strict),
  Type.Object(
    {
      kind: Type.Literal('oidc'),
      issuer: Type.String({ minLength: 1, maxLength: 1024 }),
      type: Type.Union([Type.Literal('uri'), Type.Literal('email'), Type.Literal('username')]),
      value: Type.String({ minLength: 1, maxLength: 1024 }),
    },
    strict,
  ),
])
const OwnerAnswer = Type.Object({
  signer: Type.String(),
  label: Type.String(),
  owner: Type.String(),
  mappedAt: InstantText,
  mappedBy: Type.String(),
})

function signerRoutes(deps: Deps): Route[] {
  return [
    route({
      method: 'PUT',
      path: '/signer-owners',
      summary: 'Says which principal a publisher, key or identity belongs to; `null` for nobody',
      params: Nothing,
      query: Nothing,
      body: Type.Object(
        {
          signer: Signer,
          owner: Type.Union([Type.String({ minLength: 1, maxLength: 128 }), Type.Null()]),
        },
        strict,
      ),
      status: 200,
      answer: Type.Object({ mapping: Type.Union([OwnerAnswer, Type.Null()]) }),
      handle: async ({ caller, body }) => {
        const { result, decision } = await mapSigner(deps, caller, body)
        return { body: { mapping: result === null ? null : toOwner(result) }, decision }
      },
    }),
    route({
      method: 'GET',
      path: '/signer-owners',
      summary: 'Whose signers are',
      params: Nothing,
      query: Nothing,
      body: Nothing,
      status: 200,
      answer: Type.Object({ owners: Type.Array(OwnerAnswer) }),
      handle: async () => ({ body: { owners: (await readSignerOwners(deps)).map(toOwner) } }),
    }),
  ]
}

function toOwner({ mappedAtMs, ...rest }: SignerOwner): { readonly [name: string]: Json } {
  return { ...rest, mappedAt: toIsoTime(mappedAtMs) }
}

function toBody(request: ApprovalRequest): Json {
  const { openedAtMs, expiresAtMs, settledAtMs, answers, ...rest } = request
  return {
    ...rest,
    openedAt: toIsoTime(openedAtMs),
    expiresAt: toIsoTime(expiresAtMs),
    settledAt: settledAtMs === null ? null : toIsoTime(settledAtMs),
    approvals: answers.map(({ principal, comment, approvedAtMs, revokedAtMs }) => ({
      principal,
      comment,
      at: toIsoTime(approvedAtMs),
      revokedAt: revokedAtMs === null ? null : toIsoTime(revokedAtMs),
    })),
  }
}
