import {
  isInForce,
  parseIsoTime,
  type DecisionCheck,
  type ExceptionFacts,
  type ExceptionScope,
  type Facts,
} from '../model/index.ts'

/** What an exception names is a move of its alias; nothing else is softened by it (RULES §5). */
const MOVES: ReadonlySet<string> = new Set(['lambda:CreateAlias', 'lambda:UpdateAlias'])

/** Facts that no schema knows are no policy's no: there is nothing to waive. */
const NEVER_WAIVED: ReadonlySet<string> = new Set(['policy.request'])

const SIGNATURE_SCOPES: Readonly<Record<string, ExceptionScope>> = {
  'signature.mismatch': 'mismatch',
  'signature.expiry': 'expiry',
  'signature.revocation': 'revocation',
}

/**
 * The exceptions under which a move is made: `undefined` unless every release that the alias would reach is named by
 * one that is in force.
 */
export function exceptionsInForce(facts: Facts): readonly ExceptionFacts[] | undefined {
  const { move } = facts
  const atMs = parseIsoTime(facts.at)
  if (move === undefined || atMs === undefined || !MOVES.has(facts.action)) return undefined
  const found: ExceptionFacts[] = []
  for (const { release } of move.reaches) {
    const exception = (facts.exceptions ?? []).find(
      (one) =>
        one.release === release &&
        one.functionName === move.functionName &&
        one.alias === move.alias &&
        isInForce(one, atMs),
    )
    if (exception === undefined) return undefined
    found.push(exception)
  }
  return found.length === 0 ? undefined : found
}

/** The checks as they stand under break-glass: what is waived stays told, as a warning that names the exceptions. */
export function underBreakGlass(
  facts: Facts,
  checks: readonly DecisionCheck[],
): readonly DecisionCheck[] {
  const exceptions = exceptionsInForce(facts)
  if (exceptions === undefined) return checks
  const ids = [...new Set(exceptions.map(({ id }) => id))]
  return checks.map((check) => {
    const scope = scopeOf(check)
    if (scope === undefined || !exceptions.every((one) => one.scope.includes(scope))) return check
    const got = `${check.got}; waived by break-glass ${ids.join(', ')}`
    return { ...check, status: 'warned', got, exceptions: ids }
  })
}

/** Which part of an exception's scope a failed check needs; `undefined` where none softens it. */
function scopeOf({ rule, status }: DecisionCheck): ExceptionScope | undefined {
  if (status !== 'failed' || NEVER_WAIVED.has(rule)) return undefined
  return rule.startsWith('policy.') ? 'policy' : SIGNATURE_SCOPES[rule]
}

/** The service's way back at the end of an exception, to what was live in the alias before (promise P5). */
const RETURN = 'lacre:EndBreakGlass'

export function isReturn({ action }: Pick<Facts, 'action'>): boolean {
  return action === RETURN
}
