import type {
  DetailedError,
  PolicyToJsonAnswer,
  ValidationAnswer,
  ValidationError,
} from '@cedar-policy/cedar-wasm/nodejs'

import { PlatformError, sha256 } from '../model/index.ts'
import { withCedar } from './cedar-engine.ts'
import { evaluate, isAnswer } from './evaluate.ts'
import type {
  Evaluation,
  Policy,
  PolicyFault,
  PolicyFile,
  PolicySet,
  Request,
} from './policy-set.ts'
import { findTooDeep, POLICY_DEPTH_LIMIT } from './policy-depth.ts'
import { toScope } from './policy-scope.ts'
import { readsOf } from './policy-reads.ts'

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
    throw refuse([fault(undefined, `a policy set is at most ${SET_SIZE_LIMIT_BYTES} bytes`)])
  const policies = collect(files)
  const texts = [...policies.values()].map(({ id, text }) => [id, text])
  const digest = sha256('lacre policy set v1\0', JSON.stringify([schema ?? null, texts]))
  if (schema === undefined || digest === validated)
    return { digest, policies, schema, warnings: [] }
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
        faults.push(fault(policy, `\`${twin.file}\` has a policy of this id already`))
      else policies.set(policy.id, policy)
    }
  }
  if (policies.size > POLICIES_LIMIT)
    faults.push(fault(undefined, `a policy set holds at most ${POLICIES_LIMIT} policies`))
  if (faults.length > 0) throw refuse(faults)
  return policies
}

function splitPolicies(file: PolicyFile, faults: PolicyFault[]): readonly string[] {
  const line = findTooDeep(file.text)
  if (line !== undefined) {
    const message = `line ${line}: an expression is at most ${POLICY_DEPTH_LIMIT} brackets and operators deep`
    faults.push({ ...fault({ file: file.name }, message), hint: 'make several policies of it' })
    return []
  }
  const parts = withCedar((cedar) => cedar.policySetTextToParts(file.text))
  if (parts.type === 'failure') {
    faults.push(...parts.errors.map((error) => toFault({ file: file.name }, error)))
    return []
  }
  if (parts.policy_templates.length > 0)
    faults.push(fault({ file: file.name }, 'templates are not used here: write policies'))
  return parts.policies
}

function readPolicy(text: string, file: PolicyFile, index: number): Policy {
  const { json } = succeeded<Succeeded<PolicyToJsonAnswer>>(
    file.name,
    withCedar((cedar) => cedar.policyToJson(text)),
  )
  const { effect, annotations = {}, conditions } = json
  return {
    id: annotations['id'] ?? `policy${index}`,
    file: file.name,
    text,
    effect,
    annotations,
    reads: contextReads(conditions),
    scope: toScope(json),
    looks: readsOf(json),
    json,
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

function checkAgainstSchema(
  policies: ReadonlyMap<string, Policy>,
  schema: string,
): readonly PolicyFault[] {
  const staticPolicies = toStatic(policies)
  const answer = succeeded<Succeeded<ValidationAnswer>>(
    'the schema',
    withCedar((cedar) => cedar.validate({ schema, policies: { staticPolicies } })),
  )
  const written: readonly (string | undefined)[] = [...policies.keys()]
  // Cedar tells them in whatever order; here it is that of the policies.
  const faultsOf = (found: readonly ValidationError[]): PolicyFault[] =>
    mergeFaults(
      found
        .map(({ policyId, error }) => toFault(policies.get(policyId), error))
        .toSorted((one, other) => (one.message < other.message ? -1 : 1)),
    ).toSorted((one, other) => written.indexOf(one.policy) - written.indexOf(other.policy))
  if (answer.validationErrors.length > 0) throw refuse(faultsOf(answer.validationErrors))
  return faultsOf(answer.validationWarnings)
}

/** Cedar tells a fault once for every action that it is one under: here it is told once. */
function mergeFaults(faults: readonly PolicyFault[]): PolicyFault[] {
  const alike = new Map<string, { readonly first: PolicyFault; others: number }>()
  for (const fault of faults) {
    const message = fault.message.replace(/ for (?:\S+::)?Action::"[^"]*"/, '')
    const key = JSON.stringify([fault.file, fault.policy, message])
    const known = alike.get(key)
    if (known === undefined) alike.set(key, { first: fault, others: 0 })
    else known.others += 1
  }
  return [...alike.values()].map(({ first, others }) => {
    const more = others === 0 ? '' : `, and so for ${others} more`
    return { ...first, message: `${first.message}${more}` }
  })
}

function toStatic(policies: ReadonlyMap<string, Policy>): Record<string, string> {
  return Object.fromEntries([...policies.values()].map(({ id, text }) => [id, text]))
}

/**
 * Fails closed: a request that some policy could not be evaluated for is denied, whatever the others say (DESIGN §5).
 * @throws PlatformError INVALID_PARAMETER where request or entities do not fit the schema
 */
export function authorize(set: PolicySet, request: Request): Evaluation {
  const evaluation = evaluate(set, request)
  if (!isAnswer(evaluation))
    throw refuse(evaluation.map((error) => toFault({ file: 'the request' }, error)))
  return evaluation.errors.length === 0 ? evaluation : { ...evaluation, decision: 'deny' }
}

/** As `authorize`; what `otherwise` makes of the refusal where request or entities do not fit the schema. */
export function authorizeOr<T>(
  set: PolicySet,
  request: Request,
  otherwise: (refusal: PlatformError) => T,
): Evaluation | T {
  try {
    return authorize(set, request)
  } catch (error) {
    if (error instanceof PlatformError && error.code === 'INVALID_PARAMETER')
      return otherwise(error)
    throw error
  }
}

/** Where a fault is: its file and, of a policy, its id. */
type Place = Pick<Policy, 'file'> & Partial<Pick<Policy, 'id'>>

function fault(place: Place | undefined, message: string): PolicyFault {
  return { file: place?.file ?? '', policy: place?.id, message, hint: undefined }
}

function toFault(place: Place | undefined, error: DetailedError): PolicyFault {
  const label = error.sourceLocations?.[0]?.label
  const at = label === undefined || label === null ? '' : ` (${label})`
  return { ...fault(place, `${error.message}${at}`), hint: error.help ?? undefined }
}

type Succeeded<Answer> = Extract<Answer, { readonly type: 'success' }>

interface Failure {
  readonly type: 'failure'
  readonly errors: readonly DetailedError[]
}

/** @throws PlatformError INVALID_PARAMETER with the engine's own words where it failed */
function succeeded<T extends { readonly type: 'success' }>(file: string, answer: T | Failure): T {
  if (answer.type === 'failure')
    throw refuse(answer.errors.map((error) => toFault({ file }, error)))
  return answer
}

function refuse(faults: readonly PolicyFault[]): PlatformError {
  const [told] = faults.map(({ file, policy, message }) => {
    const where = [file, policy].filter((part) => part !== undefined && part !== '')
    return where.length > 0 ? `${where.join(', ')}: ${message}` : message
  })
  const more = faults.length > 1 ? `, and ${faults.length - 1} more` : ''
  return new PlatformError('INVALID_PARAMETER', `${told}${more}`, { detail: { faults } })
}
