import type { DetailedError, StaticPolicySet } from '@cedar-policy/cedar-wasm/nodejs'

import { PlatformError, sha256 } from '../model/index.ts'
import type { Evaluation, PolicySet, Request } from './policy-set.ts'
import { withCedar, type Cedar } from './cedar-engine.ts'
import { HeldByName } from './held-by-name.ts'
import { mergeGroup, type Parsed } from './merged-forbids.ts'
import { sliceFor, type PolicySlice } from './policy-slice.ts'
import type { SchemaForm } from './schema-slice.ts'

/** Policies that an engine holds parsed at a time, over all sets and what was made of them: each is some kilobytes. */
const HELD_POLICIES_LIMIT = 50_000
/** Schemas that an engine holds parsed at a time. */
const HELD_SCHEMAS_LIMIT = 200
/** Groups of merged policies that are asked one by one for one request: with more the whole set is. */
const GROUPS_ASKED_LIMIT = 4

/** Why the engine could not be asked, in its own words. */
type Refused = readonly DetailedError[]

interface Engine {
  readonly cedar: Cedar
  readonly policies: HeldByName
  readonly schemas: HeldByName
}

const engines = new WeakMap<Cedar, Engine>()

function engineOf(cedar: Cedar): Engine {
  const known = engines.get(cedar)
  if (known !== undefined) return known
  const engine: Engine = {
    cedar,
    policies: new HeldByName(HELD_POLICIES_LIMIT, (name) => {
      cedar.preparsePolicySet(name, {})
    }),
    schemas: new HeldByName(HELD_SCHEMAS_LIMIT, (name) => {
      cedar.preparseSchema(name, {})
    }),
  }
  engines.set(cedar, engine)
  return engine
}

/**
 * Cedar's own answer to one request. With a schema the request is held against it first. What of the set can have a say
 * is asked before all of it is: where that leaves anything open, the set itself is asked, under its whole schema.
 */
export function evaluate(set: PolicySet, request: Request): Evaluation | Refused {
  return withCedar((cedar) => {
    const engine = engineOf(cedar)
    return askSlice(engine, set, request) ?? askWhole(engine, set, request)
  })
}

/** Under which names the engine holds what is asked. */
interface Names {
  readonly policies: string
  readonly schema: string | undefined
}

function askWhole(engine: Engine, set: PolicySet, request: Request): Evaluation | Refused {
  const { digest, policies: all, schema: text } = set
  const policies = holdPolicies(engine, digest, all.size, () =>
    Object.fromEntries([...all.values()].map(({ id, text: policy }) => [id, policy])),
  )
  const schema = text === undefined ? undefined : holdSchema(engine, sha256(text), text)
  if (policies === undefined || (text !== undefined && schema === undefined))
    throw new PlatformError('INTERNAL', 'a policy set that compiled cannot be prepared')
  return ask(engine, request, { policies, schema })
}

/** @returns `undefined` where it leaves anything open */
function askSlice(engine: Engine, set: PolicySet, whole: Request): Evaluation | undefined {
  const slice = sliceFor(set, whole)
  const names = holdSlice(engine, set, slice)
  const context = slice.schema === undefined ? whole.context : slice.schema.cut(whole.context)
  if (names === undefined || context === undefined) return undefined
  const request = { ...whole, context }
  const merged = ask(engine, request, names)
  if (!isAnswer(merged)) return undefined
  const told = new Set([...merged.determining, ...merged.errors.map(({ policy }) => policy)])
  const open = slice.groups.filter(([first, second]) => second && first && told.has(first[0]))
  if (open.length === 0) return merged
  if (open.length > GROUPS_ASKED_LIMIT) return undefined
  const singly = open.map((group) => askGroup(engine, { slice, group, names }, request))
  return singly.every(isAnswer) ? combine(merged, open, singly) : undefined
}

function askGroup(
  engine: Engine,
  of: {
    readonly slice: PolicySlice
    readonly group: readonly Parsed[]
    readonly names: Names
  },
  request: Request,
): Evaluation | Refused | undefined {
  const [first] = of.group
  const key = `${of.slice.key} ${first?.[0] ?? ''}`
  const policies = holdPolicies(engine, key, of.group.length, () => Object.fromEntries(of.group))
  return policies === undefined ? undefined : ask(engine, request, { ...of.names, policies })
}

/** What the merged groups of `open` say is replaced by what their policies say one by one. */
function combine(
  merged: Evaluation,
  open: readonly (readonly Parsed[])[],
  singly: readonly Evaluation[],
): Evaluation | undefined {
  const replaced = new Set(open.map(([first]) => first?.[0]))
  const forbidding = singly.flatMap(({ determining }) => determining)
  const others = merged.determining.filter((id) => !replaced.has(id))
  // A group that forbids has a policy that does.
  if (others.length < merged.determining.length && forbidding.length === 0) return undefined
  // Where policies forbid, those that permit determine nothing.
  const permitting = merged.decision === 'allow'
  const determining = permitting && forbidding.length > 0 ? forbidding : [...others, ...forbidding]
  return {
    decision: forbidding.length > 0 ? 'deny' : merged.decision,
    determining: determining.toSorted(),
    errors: byPolicy([
      ...merged.errors.filter(({ policy }) => !replaced.has(policy)),
      ...singly.flatMap(({ errors }) => errors),
    ]),
  }
}

function holdSlice(engine: Engine, set: PolicySet, slice: PolicySlice): Names | undefined {
  if (set.schema !== undefined && slice.schema === undefined) return undefined
  const policies = holdPolicies(engine, slice.key, slice.size, () =>
    Object.fromEntries(slice.groups.map(mergeGroup)),
  )
  if (policies === undefined) return undefined
  if (slice.schema === undefined) return { policies, schema: undefined }
  const { key, schema: form } = slice.schema
  const schema = holdSchema(engine, key, form)
  return schema === undefined ? undefined : { policies, schema }
}

function holdPolicies(
  { cedar, policies }: Engine,
  key: string,
  size: number,
  make: () => StaticPolicySet,
): string | undefined {
  const put = (name: string): boolean =>
    cedar.preparsePolicySet(name, { staticPolicies: make() }).type === 'success'
  return policies.nameOf(key, size + 1, put)
}

function holdSchema(
  { cedar, schemas }: Engine,
  key: string,
  schema: SchemaForm | string,
): string | undefined {
  return schemas.nameOf(key, 1, (name) => cedar.preparseSchema(name, schema).type === 'success')
}

function ask(
  { cedar }: Engine,
  request: Request,
  { policies, schema }: Names,
): Evaluation | Refused {
  const { principal, action, resource } = request
  const answer = cedar.statefulIsAuthorized({
    principal,
    action,
    resource,
    context: { ...request.context },
    entities: [...request.entities],
    preparsedPolicySetId: policies,
    ...(schema !== undefined && { preparsedSchemaName: schema, validateRequest: true }),
  })
  if (answer.type === 'failure') return answer.errors
  const { decision, diagnostics } = answer.response
  return {
    decision,
    determining: diagnostics.reason.toSorted(),
    errors: byPolicy(
      diagnostics.errors.map(({ policyId, error }) => ({
        policy: policyId,
        message: error.message,
      })),
    ),
  }
}

function byPolicy(errors: Evaluation['errors']): Evaluation['errors'] {
  return errors.toSorted((one, other) => (one.policy < other.policy ? -1 : 1))
}

export function isAnswer(answer: Evaluation | Refused | undefined): answer is Evaluation {
  return answer !== undefined && 'decision' in answer
}
