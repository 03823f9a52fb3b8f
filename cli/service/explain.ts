import type { Decision, DecisionCheck } from '../../services/model/index.ts'
import { inline } from '../terminal.ts'

const order = ['failed', 'warned', 'skipped', 'passed'] as const
const detailed = new Set<DecisionCheck['status']>(['failed', 'warned'])

/**
 * A decision told to a person: what failed first and in full (rule, subject, expected, got, nearest, what to do),
 * what passed in a line each (promise P6).
 */
export function explainDecision(decision: Decision): string {
  const { id, outcome, refusal, policySet } = decision
  const because = refusal === undefined ? '' : ` (${refusal})`
  const head = `decision ${id}: ${outcome}${because}, by policy set ${policySet.version}`
  const checks = order.flatMap((status) => decision.checks.filter((one) => one.status === status))
  return [inline(head), ...checks.flatMap(explainCheck)].join('\n')
}

function explainCheck(check: DecisionCheck): string[] {
  const title = `  ${check.status.padEnd(7)}  ${inline(check.rule)}`
  if (!detailed.has(check.status)) return [`${title}  ${inline(check.subject)}`]
  const lines = [
    ['subject', check.subject],
    ['expected', check.expected],
    ['got', check.got],
    ['nearest', check.nearest],
    ['fix', check.fix],
  ].flatMap(([name = '', value]) =>
    value === undefined ? [] : [`           ${name.padEnd(8)}  ${inline(value)}`],
  )
  return [title, ...lines]
}
