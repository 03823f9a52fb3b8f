import { PlatformError, type DecisionCheck, type Facts } from '../model/index.ts'
import { toAdmissionRequest } from './admission.ts'
import { authorize, type Evaluation, type Policy, type PolicySet, type Request } from './cedar.ts'

/** Taking away is never refused by a policy, whatever the set says and however broken it is (promise P5). */
const LEAVING = /^lambda:(?:Delete|Remove)(?!FunctionCodeSigningConfig$|CodeSigningConfig$)/

/** What the admission set says of a change: nothing where it permits, every policy that forbids, with its reason. */
export function* admissionChecks(facts: Facts, set: PolicySet): Generator<DecisionCheck> {
  if (LEAVING.test(facts.action)) return
  const request = toAdmissionRequest(facts)
  const evaluation = evaluateClosed(set, request)
  if (evaluation instanceof PlatformError) {
    yield failed(facts, 'policy.request', {
      expected: 'facts that the schema of the policies knows',
      got: evaluation.publicMessage,
    })
    return
  }
  for (const { policy, message } of evaluation.errors) {
    yield failed(facts, `policy.${policy}`, {
      expected: 'a policy that can be evaluated; one that errs denies',
      got: message,
    })
  }
  if (evaluation.decision === 'deny') yield* refusals(facts, set, { evaluation, request })
}

function evaluateClosed(set: PolicySet, request: Request): Evaluation | PlatformError {
  try {
    return authorize(set, request)
  } catch (error) {
    if (error instanceof PlatformError && error.code === 'INVALID_PARAMETER') return error
    throw error
  }
}

function* refusals(
  facts: Facts,
  set: PolicySet,
  { evaluation, request }: { readonly evaluation: Evaluation; readonly request: Request },
): Generator<DecisionCheck> {
  const forbidding = evaluation.determining.flatMap((id) => {
    const policy = set.policies.get(id)
    return policy?.effect === 'forbid' ? [policy] : []
  })
  for (const policy of forbidding) {
    yield failed(facts, `policy.${policy.id}`, {
      expected: policy.annotations['reason'] ?? `what the policy \`${policy.id}\` demands`,
      got: describeReads(policy, request),
      ...(policy.annotations['fix'] !== undefined && { fix: policy.annotations['fix'] }),
    })
  }
  if (forbidding.length === 0 && evaluation.errors.length === 0)
    yield failed(facts, 'policy.no-permit', {
      expected: `a policy that permits \`${facts.action}\``,
      got: 'none does',
    })
}

/** The values that the policy looked at. */
function describeReads({ reads, id }: Policy, { context }: Request): string {
  if (reads.length === 0) return `the policy \`${id}\` forbids it`
  return reads
    .filter((name) => !reads.some((other) => other.startsWith(`${name}.`)))
    .map((name) => `${name}: ${JSON.stringify(valueAt(context, name) ?? null)}`)
    .join(', ')
}

function valueAt(context: Request['context'], path: string): unknown {
  return path
    .split('.')
    .reduce<unknown>(
      (value, name) =>
        typeof value === 'object' && value !== null
          ? Object.entries(value).find(([key]) => key === name)?.[1]
          : undefined,
      context,
    )
}

function failed(
  facts: Facts,
  rule: string,
  told: Pick<DecisionCheck, 'expected' | 'got' | 'fix'>,
): DecisionCheck {
  return { rule, subject: facts.resource, status: 'failed', ...told }
}
