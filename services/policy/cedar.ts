import type {
  CedarValueJson,
  DetailedError,
  EntityJson,
  PolicyJson,
  TypeAndId,
  ValidationError,
} from '@cedar-policy/cedar-wasm/nodejs'

import { PlatformError, sha256 } from '../model/index.ts'
import { withCedar, type Cedar } from './cedar-engine.ts'
import { mergeForbids } from './merged-forbids.ts'
import { findTooDeep, POLICY_DEPTH_LIMIT } from './policy-depth.ts'
import { toScope, type PolicyScope } from './policy-scope.ts'
import { readsOf, type PolicyReads } from './policy-reads.ts'

/** A file of policies as it was written. */
export interface PolicyFile {
  readonly name: string
  readonly text: string
}

export interface Policy {
  /** Its `@id`, which decisions name; where it has none, its place in the set. */
  readonly id: string
  readonly file: string
  readonly text: string
  readonly effect: 'permit' | 'forbid'
  readonly annotations: Readonly<Record<string, string>>
  /** Members of the context that it looks at: what a refusal shows the values of. */
  readonly reads: readonly string[]
  /** Whom and what its head is about. */
  readonly scope: PolicyScope
  /** What of a request decides what it says. */
  readonly looks: PolicyReads
}

/** One thing that is wrong with a policy set, for people: where, what, and what was probably meant. */
export interface PolicyFault {
  readonly file: string
  readonly policy: string | undefined
  readonly message: string
  readonly hint: string | undefined
}

/** A set that parsed and, where a schema was given, fits it. */
export interface PolicySet {
  /** SHA-256 over schema and policies: the same text is the same set. */
  readonly digest: string
  readonly policies: ReadonlyMap<string, Policy>
  readonly schema: string | undefined
  /** A policy that can never apply, or whose text is not what it looks like. */
  readonly warnings: readonly PolicyFault[]
}

export interface Request {
  readonly principal: TypeAndId
  readonly action: TypeAndId
  readonly resource: TypeAndId
  readonly context: Readonly<Record<string, CedarValueJson>>
  readonly entities: readonly EntityJson[]
}

/** What Cedar says of a request, errors and all; `authorize` makes a decision of it. */
export interface Evaluation {
  readonly decision: 'allow' | 'deny'
  /** Ids of the policies that made it so. */
  readonly determining: readonly string[]
  /** Policies that could not be evaluated: Cedar skips them, so a `forbid` that errs would not forbid. */
  readonly errors: readonly { readonly policy: string; readonly message: string }[]
}

const SET_SIZE_LIMIT_BYTES = 1_048_576
const POLICIES_LIMIT = 2_000

/**
 * Parses policies and, with a schema, validates them against it strictly: not where the digest is `validated`, that of a
 * set and schema that were (strict validation takes a second for a thousand policies).
 * @throws PlatformError INVALID_PARAMETER with every fault in `detail.faults`
 */
export function compilePolicySet(
  files: readonly PolicyFile[],
  schema?: string,
  validated?: string,
): PolicySet {
  const size = files.reduce((sum, { text }) => sum + Buffer.byteLength(text), 0)
  if (size > SET_SIZE_LIMIT_BYTES)
    throw refuse([fault('', undefined, `a policy set is at most ${SET_SIZE_LIMIT_BYTES} bytes`)])
  const policies = collect(files)
  const texts = [...policies.values()].map(({ id, text }) => [id, text])
  const digest = sha256('lacre policy set v1\0', JSON.stringify([schema ?? null, texts]))
  if (schema === undefined || digest === validated)
    return { digest, policies, schema, warnings: [] }
  checkSchema(schema)
  return { digest, policies, schema, warnings: checkAgainstSchema(policies, schema) }
}

function collect(files: readonly PolicyFile[]): Map<string, Policy> {
  const policies = new Map<string, Policy>()
  const faults: PolicyFault[] = []
  for (const file of files) {
    for (const text of splitPolicies(file, faults)) {
      const policy = readPolicy(text, file, policies.size)
      const twin = policies.get(policy.id)
      if (twin !== undefined)
        faults.push(fault(file.name, policy.id, `\`${twin.file}\` has a policy of this id already`))
      else policies.set(policy.id, policy)
    }
  }
  if (policies.size > POLICIES_LIMIT)
    faults.push(fault('', undefined, `a policy set holds at most ${POLICIES_LIMIT} policies`))
  if (faults.length > 0) throw refuse(faults)
  return policies
}

function splitPolicies(file: PolicyFile, faults: PolicyFault[]): readonly string[] {
  const line = findTooDeep(file.text)
  if (line !== undefined) {
    const message = `line ${line}: an expression is at most ${POLICY_DEPTH_LIMIT} brackets and operators deep`
    faults.push({ ...fault(file.name, undefined, message), hint: 'make several policies of it' })
    return []
  }
  const parts = withCedar((cedar) => cedar.policySetTextToParts(file.text))
  if (parts.type === 'failure') {
    faults.push(...parts.errors.map((error) => toFault(file.name, undefined, error)))
    return []
  }
  if (parts.policy_templates.length > 0)
    faults.push(fault(file.name, undefined, 'templates are not used here: write policies'))
  return parts.policies
}

function readPolicy(text: string, file: PolicyFile, index: number): Policy {
  const parsed = withCedar((cedar) => cedar.policyToJson(text))
  if (parsed.type === 'failure')
    throw refuse(parsed.errors.map((error) => toFault(file.name, undefined, error)))
  const { effect, annotations = {}, conditions } = parsed.json
  return {
    id: annotations['id'] ?? `policy${index}`,
    file: file.name,
    text,
    effect,
    annotations,
    reads: contextReads(conditions),
    scope: toScope(parsed.json),
    looks: readsOf(parsed.json),
  }
}

/** `context.A.B` and `context.A has B`, wherever they stand in Cedar's JSON form of a condition, and each member on the way. */
function contextReads(node: unknown): string[] {
  if (typeof node !== 'object' || node === null) return []
  const found = Object.values(node).flatMap(contextReads)
  for (const [name, operand] of Object.entries(node)) {
    const path = name === '.' || name === 'has' ? pathFrom(operand) : undefined
    if (path !== undefined) found.push(path.join('.'))
  }
  return [...new Set(found)]
}

function pathFrom(access: unknown): string[] | undefined {
  if (typeof access !== 'object' || access === null || !('left' in access) || !('attr' in access))
    return undefined
  const { left, attr } = access as { readonly left: object; readonly attr: string | string[] }
  if ('Var' in left) return left.Var === 'context' ? [attr].flat() : undefined
  const around = '.' in left ? pathFrom(left['.']) : undefined
  // `has a.b.c` names a path.
  return around && [...around, ...[attr].flat()]
}

function checkSchema(schema: string): void {
  const parsed = withCedar((cedar) => cedar.checkParseSchema(schema))
  if (parsed.type === 'failure')
    throw refuse(parsed.errors.map((error) => toFault('the schema', undefined, error)))
}

function checkAgainstSchema(
  policies: ReadonlyMap<string, Policy>,
  schema: string,
): readonly PolicyFault[] {
  const staticPolicies = toStatic(policies)
  const answer = withCedar((cedar) => cedar.validate({ schema, policies: { staticPolicies } }))
  if (answer.type === 'failure')
    throw refuse(answer.errors.map((error) => toFault('', undefined, error)))
  const faultsOf = (found: readonly ValidationError[]): PolicyFault[] =>
    mergeFaults(
      found.map(({ policyId, error }) =>
        toFault(policies.get(policyId)?.file ?? '', policyId, error),
      ),
    )
  if (answer.validationErrors.length > 0) throw refuse(faultsOf(answer.validationErrors))
  return faultsOf(answer.validationWarnings)
}

/** Cedar tells a fault once for every action that it is one under: here it is told once. */
function mergeFaults(faults: readonly PolicyFault[]): PolicyFault[] {
  const alike = new Map<string, PolicyFault[]>()
  for (const fault of faults) {
    const message = fault.message.replace(/ for (?:\S+::)?Action::"[^"]*"/, '')
    const key = JSON.stringify([fault.file, fault.policy, message])
    alike.set(key, [...(alike.get(key) ?? []), fault])
  }
  return [...alike.values()].flatMap(([first, ...others]) => {
    if (first === undefined) return []
    const more = others.length === 0 ? '' : `, and so for ${others.length} more`
    return [{ ...first, message: `${first.message}${more}` }]
  })
}

function toStatic(policies: ReadonlyMap<string, Policy>): Record<string, string> {
  return Object.fromEntries([...policies.values()].map(({ id, text }) => [id, text]))
}

/** Sets with their schemas that the engine holds parsed at a time. */
const PREPARED_LIMIT = 16

/** Names under which the engine holds a set. */
interface Prepared {
  readonly name: string
  /** The same with what forbids merged; `undefined` where that would be the same. */
  readonly merged: string | undefined
}

/**
 * Of each engine, by the set's digest, most recently used last. The engine cannot drop what it was given, but what comes under the same
 * name takes its place: that is how it holds no more than so many.
 */
const preparedBy = new WeakMap<Cedar, Map<string, Prepared>>()

function prepare(cedar: Cedar, { digest, policies, schema }: PolicySet): Prepared {
  const prepared = preparedBy.get(cedar) ?? new Map<string, Prepared>()
  preparedBy.set(cedar, prepared)
  const known = prepared.get(digest)
  if (known !== undefined) {
    prepared.delete(digest)
    prepared.set(digest, known)
    return known
  }
  const name = freeName(prepared)
  const set = cedar.preparsePolicySet(name, { staticPolicies: toStatic(policies) })
  const forms = schema === undefined ? undefined : cedar.preparseSchema(name, schema)
  if (set.type === 'failure' || forms?.type === 'failure')
    throw new PlatformError('INTERNAL', 'a policy set that compiled cannot be prepared')
  const made = { name, merged: prepareMerged(cedar, `${name} merged`, policies) }
  prepared.set(digest, made)
  return made
}

/** Where merging does not work out the set itself is asked, always. */
function prepareMerged(
  cedar: Cedar,
  name: string,
  policies: PolicySet['policies'],
): string | undefined {
  const parsed: Record<string, PolicyJson> = {}
  for (const { id, text } of policies.values()) {
    const answer = cedar.policyToJson(text)
    if (answer.type === 'failure') return undefined
    parsed[id] = answer.json
  }
  const staticPolicies = mergeForbids(parsed)
  if (staticPolicies === undefined) return undefined
  return cedar.preparsePolicySet(name, { staticPolicies }).type === 'success' ? name : undefined
}

/** A name that no digest stands for any more: nothing is ever evaluated under a set that was put in its place. */
function freeName(prepared: Map<string, Prepared>): string {
  const [oldest] = prepared.keys()
  if (prepared.size >= PREPARED_LIMIT && oldest !== undefined) prepared.delete(oldest)
  const taken = new Set([...prepared.values()].map(({ name }) => name))
  let index = 0
  while (taken.has(`set-${index}`)) index += 1
  return `set-${index}`
}

/**
 * Cedar's own answer to one request. With a schema the request is held against it first.
 * @throws PlatformError INVALID_PARAMETER where request or entities do not fit the schema
 */
export function evaluate(set: PolicySet, request: Request): Evaluation {
  return withCedar((cedar) => {
    const { name } = prepare(cedar, set)
    return ask(cedar, request, name, set.schema === undefined ? undefined : name)
  })
}

/** Asks the policies that the engine holds under one name, with the schema that it holds under another. */
function ask(cedar: Cedar, request: Request, policies: string, schema?: string): Evaluation {
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
  if (answer.type === 'failure')
    throw refuse(answer.errors.map((error) => toFault('the request', undefined, error)))
  const { decision, diagnostics } = answer.response
  return {
    decision,
    determining: diagnostics.reason.toSorted(),
    errors: diagnostics.errors.map(({ policyId, error }) => ({
      policy: policyId,
      message: error.message,
    })),
  }
}

/**
 * Fails closed: a request that some policy could not be evaluated for is denied, whatever the others say (DESIGN §5).
 * @throws PlatformError INVALID_PARAMETER where request or entities do not fit the schema
 */
export function authorize(set: PolicySet, request: Request): Evaluation {
  const quick = withCedar((cedar) => {
    const { name, merged } = prepare(cedar, set)
    if (merged === undefined) return undefined
    return ask(cedar, request, merged, set.schema === undefined ? undefined : name)
  })
  if (quick?.decision === 'allow' && quick.errors.length === 0) return quick
  const evaluation = evaluate(set, request)
  return evaluation.errors.length === 0 ? evaluation : { ...evaluation, decision: 'deny' }
}

function fault(file: string, policy: string | undefined, message: string): PolicyFault {
  return { file, policy, message, hint: undefined }
}

function toFault(file: string, policy: string | undefined, error: DetailedError): PolicyFault {
  const [place] = error.sourceLocations ?? []
  const at = place?.label === undefined || place.label === null ? '' : ` (${place.label})`
  return { file, policy, message: `${error.message}${at}`, hint: error.help ?? undefined }
}

function refuse(faults: readonly PolicyFault[]): PlatformError {
  const [first] = faults
  const where = [first?.file, first?.policy].filter((part) => part !== undefined && part !== '')
  const more = faults.length > 1 ? `, and ${faults.length - 1} more` : ''
  return new PlatformError(
    'INVALID_PARAMETER',
    `${where.length > 0 ? `${where.join(', ')}: ` : ''}${first?.message ?? 'the policy set is wrong'}${more}`,
    { detail: { faults } },
  )
}
