import { Type, type Static } from 'typebox'

import type { PolicySetRecord } from '../../catalog/index.ts'
import { POLICY_KINDS, toIsoTime, type Json } from '../../model/index.ts'
import {
  applyPolicySet,
  describePolicySet,
  diffPolicyVersions,
  policySetHistory,
  rollbackPolicySet,
  type Deps,
  type PolicySetDescription,
} from '../../operations/index.ts'
import { parseCount } from './instants.ts'
import { route, type Route } from './route.ts'
import { CountText, InstantText, Nothing, Sha256Text } from './schemas.ts'

const strict = { additionalProperties: false } as const
const HISTORY_PAGE = { min: 1, max: 500, otherwise: 50 }
/** Version numbers stay whole in a double. */
const VERSIONS = { min: 1, max: Number.MAX_SAFE_INTEGER, otherwise: 1 }
const FILES_LIMIT = 256

const Kind = Type.Union(POLICY_KINDS.map((kind) => Type.Literal(kind)))
const KindParams = Type.Object({ kind: Kind }, strict)
const SetParams = Type.Object({ kind: Kind, version: CountText }, strict)
const Version = Type.Integer({ minimum: 1, maximum: VERSIONS.max })
/** The version that has to be in force; 0 for none. */
const IfVersion = Type.Optional(Type.Integer({ minimum: 0, maximum: VERSIONS.max }))

const NewPolicySet = Type.Object(
  {
    name: Type.String({ minLength: 1, maxLength: 64 }),
    files: Type.Array(
      Type.Object(
        {
          name: Type.String({ minLength: 1, maxLength: 255 }),
          text: Type.String({ maxLength: 1_048_576 }),
        },
        strict,
      ),
      { minItems: 1, maxItems: FILES_LIMIT },
    ),
    cases: Type.Optional(Type.Unknown()),
    ifVersion: IfVersion,
  },
  strict,
)
const Rollback = Type.Object({ version: Version, ifVersion: IfVersion }, strict)

const RecordAnswer = Type.Object({
  kind: Kind,
  version: Version,
  name: Type.String(),
  digest: Sha256Text,
  document: Sha256Text,
  how: Type.String(),
  ofVersion: Type.Union([Version, Type.Null()]),
  appliedAt: InstantText,
  principal: Type.String(),
  decision: Type.Union([Type.String(), Type.Null()]),
})
const ShownAnswer = Type.Object({
  ...RecordAnswer.properties,
  inForce: Type.Boolean(),
  fault: Type.Union([Type.String(), Type.Null()]),
  files: Type.Union([Type.Array(Type.Unknown()), Type.Null()]),
  cases: Type.Unknown(),
})
const AppliedAnswer = Type.Object({
  ...RecordAnswer.properties,
  policies: Type.Array(Type.String()),
  warnings: Type.Array(Type.Unknown()),
  cases: Type.Integer(),
  /** The set that the operator names at each start, and that is therefore in force again after the next. */
  atNextStart: Type.Union([Type.String(), Type.Null()]),
  unexercised: Type.Array(Type.String()),
  absences: Type.Array(Type.Unknown()),
})
const DiffAnswer = Type.Object({
  before: Sha256Text,
  after: Sha256Text,
  added: Type.Array(Type.Unknown()),
  removed: Type.Array(Type.Unknown()),
  changed: Type.Array(Type.Unknown()),
  cases: Type.Array(Type.Unknown()),
})

/** Policy sets by kind: what is in force, what was, and putting one in force. */
export function policySetRoutes(deps: Deps): Route[] {
  return [...reads(deps), ...changes(deps)]
}

function reads(deps: Deps): Route[] {
  return [
    route({
      method: 'GET',
      path: '/policy-sets/:kind',
      summary: 'Every policy set that was in force, newest first; the newest is in force',
      params: KindParams,
      query: Type.Object(
        { limit: Type.Optional(CountText), before: Type.Optional(CountText) },
        strict,
      ),
      body: Nothing,
      status: 200,
      answer: Type.Object({ policySets: Type.Array(RecordAnswer) }),
      handle: async ({ params, query }) => {
        const limit = parseCount('limit', query.limit, HISTORY_PAGE)
        const before = query.before && parseCount('before', query.before, VERSIONS)
        const page = { limit, ...(typeof before === 'number' && { before }) }
        const history = await policySetHistory(deps, params.kind, page)
        return { body: { policySets: history.map(recordBody) } }
      },
    }),
    route({
      method: 'GET',
      path: '/policy-sets/:kind/in-force',
      summary: 'The policy set in force, with its text',
      params: KindParams,
      query: Nothing,
      body: Nothing,
      status: 200,
      answer: ShownAnswer,
      handle: async ({ params }) => ({
        body: shownBody(await describePolicySet(deps, params.kind)),
      }),
    }),
    route({
      method: 'GET',
      path: '/policy-sets/:kind/diff',
      summary: 'What differs between two versions, and what the cases of both come to under either',
      params: KindParams,
      query: Type.Object({ from: CountText, to: CountText }, strict),
      body: Nothing,
      status: 200,
      answer: DiffAnswer,
      handle: async ({ params, query }) => {
        const from = parseCount('from', query.from, VERSIONS)
        const to = parseCount('to', query.to, VERSIONS)
        const diff = await diffPolicyVersions(deps, params.kind, { from, to })
        return { body: diff as unknown as Json }
      },
    }),
    route({
      method: 'GET',
      path: '/policy-sets/:kind/:version',
      summary: 'One policy set that is or was in force, with its text',
      params: SetParams,
      query: Nothing,
      body: Nothing,
      status: 200,
      answer: ShownAnswer,
      handle: async ({ params }) => {
        const version = parseCount('version', params.version, VERSIONS)
        return { body: shownBody(await describePolicySet(deps, params.kind, version)) }
      },
    }),
  ]
}

function changes(deps: Deps): Route[] {
  return [
    route({
      method: 'POST',
      path: '/policy-sets/:kind',
      summary:
        'Puts a policy set in force, once it fits the schema and its cases pass; judged by the set before it',
      params: KindParams,
      query: Nothing,
      body: NewPolicySet,
      status: 201,
      answer: AppliedAnswer,
      handle: async ({ caller, params, body }) => {
        const { result, decision } = await applyPolicySet(deps, caller, toInput(params.kind, body))
        const { digest: _digest, report, policies, warnings } = result.checked
        const { results, unexercised, absences } = report
        const told = {
          policies,
          warnings,
          cases: results.length,
          unexercised,
          absences,
          atNextStart: deps.policies.nextStartInsteadOf(result.record.name),
        }
        return {
          body: { ...recordBody(result.record), ...(told as unknown as Record<string, Json>) },
          decision,
        }
      },
    }),
    route({
      method: 'POST',
      path: '/policy-sets/:kind/rollback',
      summary: 'Puts an earlier policy set in force again, as a new version',
      params: KindParams,
      query: Nothing,
      body: Rollback,
      status: 201,
      answer: RecordAnswer,
      handle: async ({ caller, params, body }) => {
        const input = { kind: params.kind, ...body }
        const { result, decision } = await rollbackPolicySet(deps, caller, input)
        return { body: recordBody(result), decision }
      },
    }),
  ]
}

function toInput(kind: Static<typeof Kind>, body: Static<typeof NewPolicySet>) {
  const { name, files, cases, ifVersion } = body
  // The body was parsed as JSON: what is in it is Json.
  return { kind, name, ifVersion, source: { files, cases: (cases ?? null) as Json } }
}

function recordBody(record: PolicySetRecord): Record<string, Json> {
  return {
    kind: record.kind,
    version: record.version,
    name: record.name,
    digest: record.digest,
    document: record.document,
    how: record.how,
    ofVersion: record.ofVersion ?? null,
    appliedAt: toIsoTime(record.appliedAtMs),
    principal: record.principalId,
    decision: record.decisionId ?? null,
  }
}

function shownBody({ record, inForce, fault, source }: PolicySetDescription): Json {
  return {
    ...recordBody(record),
    inForce,
    fault: fault ?? null,
    files: source?.files.map(({ name, text }) => ({ name, text })) ?? null,
    cases: source?.cases ?? null,
  }
}
