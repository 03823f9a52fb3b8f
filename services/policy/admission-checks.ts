import { PlatformError, type DecisionCheck, type Facts } from '../model/index.ts'
import { isReturn } from './break-glass.ts'
import { toAdmissionRequest } from './admission.ts'
import { isUsable, type PolicyInForce, type UnusableSet } from './in-force.ts'
import { authorize } from './cedar.ts'
import type { Evaluation, Policy, PolicySet, Request } from './policy-set.ts'
import type { Ask } from './remembering.ts'
import { WAIVED_MEMBERS, waivedContext } from './stage-context.ts'

/**
 * Taking away is never refused by a policy, whatever the set says and however broken it is (promise P5). Taking a cap away
 * is not among it: where it was 0 it opens the function again.
 */
const LEAVING =
  /^lambda:(?:Delete|Remove)(?!FunctionCodeSigningConfig$|CodeSigningConfig$|FunctionConcurrency$)/

/** What the admission set says of a change: nothing where it permits, every policy that forbids, with its reason. */
export function* admissionChecks(
  facts: Facts,
  set: PolicyInForce['set'],
  ask: Ask = authorize,
): Generator<DecisionCheck> {
  const given = new Set<string>()
  for (const asked of [facts, ...alsoAsked(facts)]) {
    if (takesAway(asked)) continue
    for (const check of checksOf(asked, set, ask)) {
      const key = `${check.rule} ${check.subject}`
      // What refuses the change as a deploy need not be told again of it as a publish.
      if (!given.has(key)) yield check
      given.add(key)
    }
  }
}

function takesAway({ takesAway: stated, action }: Facts): boolean {
  return stated === true || LEAVING.test(action)
}

/** The same facts, asked under the names of the other operations that the change is. */
function alsoAsked(facts: Facts): Facts[] {
  return (facts.alsoAsked ?? []).map(({ action, resource }) => ({ ...facts, action, resource }))
}

function* checksOf(facts: Facts, set: PolicyInForce['set'], ask: Ask): Generator<DecisionCheck> {
  // What the service moves back by itself at the end of an exception leaves, too.
  const leaving = (facts.stage?.leaving ?? null) !== null || isReturn(facts)
  const status = leaving ? 'skipped' : 'failed'
  if (!isUsable(set)) return yield unusable(facts, set, status)
  const request = toAdmissionRequest(facts)
  const evaluation = evaluateClosed(set, request, ask)
  if (evaluation instanceof PlatformError) {
    return yield unknownFacts(facts, evaluation, status)
  }
  for (const { policy, message } of evaluation.errors) {
    yield check(facts, `policy.${policy}`, {
      status,
      expected: 'a policy that can be evaluated; one that errs denies',
      got: message,
      unevaluated: true,
    })
  }
  if (evaluation.decision === 'allow') return
  if (leaving) yield* refusalsOfLeaving(facts, set, { evaluation, request, ask })
  else yield* refusals(facts, set, { evaluation, request })
}

/** Fails closed: who cannot read the policies admits nothing (RULES §5). */
function unusable(
  facts: Facts,
  {
    fault,
    fix = 'stop the service and go back to an earlier set: `lacre policy rollback --data DIR`',
  }: UnusableSet,
  status: 'failed' | 'skipped',
): DecisionCheck {
  return check(facts, 'policy.set', {
    status,
    expected: 'a policy set in force that can be used',
    got: fault,
    unevaluated: true,
    fix,
  })
}

function unknownFacts(
  facts: Facts,
  { publicMessage }: PlatformError,
  status: 'failed' | 'skipped',
): DecisionCheck {
  return check(facts, 'policy.request', {
    status,
    expected: 'facts that the schema of the policies knows',
    got: publicMessage,
    unevaluated: true,
  })
}

function evaluateClosed(set: PolicySet, request: Request, ask: Ask): Evaluation | PlatformError {
  try {
    return ask(set, request)
  } catch (error) {
    if (error instanceof PlatformError && error.code === 'INVALID_PARAMETER') return error
    throw error
  }
}

interface Evaluated {
  readonly evaluation: Evaluation
  readonly request: Request
}

/**
 * A move away from a violation is asked about as if nothing were frozen, all had soaked and everybody had approved; what
 * forbids it still is not waived (promise P5).
 */
function* refusalsOfLeaving(
  facts: Facts,
  set: PolicySet,
  { evaluation, request, ask }: Evaluated & { readonly ask: Ask },
): Generator<DecisionCheck> {
  const waived = { ...request, context: waivedContext(request.context) }
  const again = evaluateClosed(set, waived, ask)
  if (again instanceof PlatformError) return yield unknownFacts(facts, again, 'skipped')
  const still = new Set(again.determining)
  for (const policy of forbidding(evaluation, set)) {
    const holds = again.decision === 'deny' && still.has(policy.id)
    yield refusal(facts, policy, request, holds ? 'failed' : 'skipped')
  }
  const others = forbidding(again, set).length + again.errors.length
  if (again.decision === 'deny' && others === 0) yield noPermit(facts)
}

function* refusals(
  facts: Facts,
  set: PolicySet,
  { evaluation, request }: Evaluated,
): Generator<DecisionCheck> {
  const policies = forbidding(evaluation, set)
  for (const policy of policies) yield refusal(facts, policy, request, 'failed')
  if (policies.length === 0 && evaluation.errors.length === 0) yield noPermit(facts)
}

function forbidding({ determining }: Evaluation, set: PolicySet): Policy[] {
  return determining.flatMap((id) => {
    const policy = set.policies.get(id)
    return policy?.effect === 'forbid' ? [policy] : []
  })
}

function refusal(
  facts: Facts,
  policy: Policy,
  request: Request,
  status: 'failed' | 'skipped',
): DecisionCheck {
  const read = describeReads(policy, request)
  const members = policy.reads.filter((name) => WAIVED_MEMBERS.includes(name)).join(', ')
  return check(facts, `policy.${policy.id}`, {
    status,
    expected: policy.annotations['reason'] ?? `what the policy \`${policy.id}\` demands`,
    got:
      status === 'failed'
        ? read
        : `${read} (${members} waived: the service found that this leaves what violates for what was good here before)`,
    ...(policy.annotations['fix'] !== undefined && { fix: policy.annotations['fix'] }),
  })
}

function noPermit(facts: Facts): DecisionCheck {
  return check(facts, 'policy.no-permit', {
    status: 'failed',
    expected: `a policy that permits \`${facts.action}\``,
    got: 'none does',
  })
}

/** The values that the policy looked at, as people read them: it is one of these that would have to be another. */
function describeReads({ reads, id }: Policy, { context }: Request): string {
  if (reads.length === 0) return `the policy \`${id}\` forbids it`
  const looked = reads
    .filter((name) => !reads.some((other) => other.startsWith(`${name}.`)))
    .map((name) => whereItEnds(context, name))
    .map((name) => `${name}: ${told(valueAt(context, name))}`)
  return [...new Set(looked)].join(', ')
}

/** The first member on the way that is not there, or the member itself. */
function whereItEnds(context: Request['context'], path: string): string {
  const names = path.split('.')
  const ways = names.map((_name, at) => names.slice(0, at + 1).join('.'))
  return ways.find((way) => valueAt(context, way) === undefined) ?? path
}

function told(value: unknown): string {
  if (value === undefined) return 'missing'
  const plain = (_name: string, part: unknown): unknown =>
    isExtension(part) ? part.__extn.arg : part
  return isExtension(value) ? String(value.__extn.arg) : JSON.stringify(value, plain)
}

/** Decimals and times, as the engine takes them. */
function isExtension(value: unknown): value is { readonly __extn: { readonly arg: unknown } } {
  return typeof value === 'object' && value !== null && '__extn' in value
}

function valueAt(context: Request['context'], path: string): unknown {
  let value: unknown = context
  for (const name of path.split('.')) {
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- what is no record has no member of that name either
    const members = { ...(value as object) }
    value = new Map<string, unknown>(Object.entries(members)).get(name)
  }
  return value
}

function check(
  facts: Facts,
  rule: string,
  told: Pick<DecisionCheck, 'status' | 'expected' | 'got' | 'fix' | 'unevaluated'>,
): DecisionCheck {
  return { rule, subject: facts.resource, ...told }
}
