import type { DecisionCheck, LeavingFacts } from '../model/index.ts'

/**
 * Stands for a move whose ends are not known yet: freeze, soak, approvals and policies that err are left out of the judgement
 * of a version, as they are no evidence against what runs.
 */
export const JUDGED_ALONE: LeavingFacts = { violating: [], to: [] }

/** What no move away from a violation is spared: signatures and floors. Policies are asked again, without what is waived. */
export function isWaivable(checks: readonly DecisionCheck[]): boolean {
  const failed = checks.filter(({ status }) => status === 'failed')
  return (
    failed.length > 0 &&
    failed.every(({ rule }) => !rule.startsWith('signature.') && rule !== 'stage.floor')
  )
}

/**
 * Rules that a version violates, of checks that were made under `JUDGED_ALONE`: what an exception lets through violates all
 * the same.
 */
export function violations(checks: readonly DecisionCheck[]): string[] {
  const failed = checks.filter(
    ({ status, exceptions }) => status === 'failed' || exceptions !== undefined,
  )
  return [...new Set(failed.map(({ rule }) => rule))].toSorted()
}
