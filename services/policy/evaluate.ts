import type { DetailedError, PolicyJson } from '@cedar-policy/cedar-wasm/nodejs'

import { PlatformError, sha256 } from '../model/index.ts'
import type { Evaluation, Policy, PolicySet, Request } from './policy-set.ts'
import { withCedar, type Cedar } from './cedar-engine.ts'
import { AskedOften } from './asked-often.ts'
import { HeldByName } from './held-by-name.ts'
import { mergeGroup, type Group } from './merged-forbids.ts'
import { sliceFor, type PolicySlice } from './policy-slice.ts'
import type { SchemaForm } from './schema-slice.ts'

/** Of the text of policies that an engine holds parsed at a time, over all sets and what was made of them. */
const HELD_TEXT_BYTES = 33_554_432
/** What a parsed policy takes beside its text, reckoned as text. */
const POLICY_BYTES = 500
/** Schemas that an engine holds parsed at a time. */
const HELD_SCHEMAS_LIMIT = 200
/** Groups of merged policies that are asked one by one for one request: with more the whole set is. */
const GROUPS_ASKED_LIMIT = 4
/** Kinds of questions that are counted at a time: until one was asked often the whole set is. */
const COUNTED_LIMIT = 10_000

/** Why the engine could not be asked, in its own words. */
type Refused = readonly DetailedError[]

interface Engine {
  readonly cedar: Cedar
  readonly policies: HeldByName
  readonly schemas: HeldByName
  readonly asked: AskedOften
}

const engines = new WeakMap<Cedar, Engine>()

function engineOf(cedar: Cedar): Engine {
  const known = engines.get(cedar)
  if (known !== undefined) return known
  const engine: Engine = {
    cedar,
    policies: new HeldByName(HELD_TEXT_BYTES, (name) => {
      cedar.preparsePolicySet(name, {})
    }),
    schemas: new HeldByName(HELD_SCHEMAS_LIMIT, (name) => {
      cedar.preparseSchema(name, {})
    }),
    asked: new AskedOften(COUNTED_LIMIT),
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
  const policies = holdPolicies(engine, digest, [...all.values()], (list) =>
    list.map(({ id, text: policy }) => [id, policy]),
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
  const open = slice.groups.filter(([{ id }, second]) => second && told.has(id))
  if (open.length === 0) return merged
  if (open.length > GROUPS_ASKED_LIMIT) return undefined
  const singly = open.map((group) => askGroup(engine, { slice, group, names }, request))
  return singly.every(isAnswer) ? combine(merged, open, singly) : undefined
}

function askGroup(
  engine: Engine,
  of: {
    readonly slice: PolicySlice
    readonly group: Group
    readonly names: Names
  },
  request: Request,
): Evaluation | Refused | undefined {
  const [{ id: first }] = of.group
  const key = `${of.slice.key} ${first}`
  const isHeld = engine.policies.has(key)
  if (!isHeld && !engine.asked.isWorthPreparing(key, of.group.length)) return undefined
  const policies = holdPolicies(engine, key, of.group, (list) =>
    list.map(({ id, json }) => [id, json]),
  )
  return policies === undefined ? undefined : ask(engine, request, { ...of.names, policies })
}

/** What the merged groups of `open` say is replaced by what their policies say one by one. */
function combine(
  merged: Evaluation,
  open: readonly Group[],
  singly: readonly Evaluation[],
): Evaluation | undefined {
  const replaced = new Set(open.map(([{ id }]) => id))
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

/** @returns `undefined` where it cannot be prepared, or is not worth it yet */
function holdSlice(engine: Engine, set: PolicySet, slice: PolicySlice): Names | undefined {
  if (set.schema !== undefined && slice.schema === undefined) return undefined
  const { key, policies: list, groups, schema: own } = slice
  const isHeld = engine.policies.has(key) && (own === undefined || engine.schemas.has(own.key))
  const asked = `${key} ${own?.key ?? ''}`
  if (!isHeld && !engine.asked.isWorthPreparing(asked, list.length)) return undefined
  const policies = holdPolicies(engine, key, list, () => groups.map(mergeGroup))
  if (policies === undefined) return undefined
  if (own === undefined) return { policies, schema: undefined }
  const schema = holdSchema(engine, own.key, own.schema)
  return schema === undefined ? undefined : { policies, schema }
}

function holdPolicies(
  { cedar, policies }: Engine,
  key: string,
  list: readonly Policy[],
  prepare: (list: readonly Policy[]) => (readonly [string, string | PolicyJson])[],
): string | undefined {
  const weight = list.reduce((sum, { text }) => sum + text.length + POLICY_BYTES, POLICY_BYTES)
  const put = (name: string): boolean => {
    const staticPolicies = Object.fromEntries(prepare(list))
    return cedar.preparsePolicySet(name, { staticPolicies }).type === 'success'
  }
  return policies.nameOf(key, weight, put)
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
