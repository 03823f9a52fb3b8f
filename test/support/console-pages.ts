import type { ConsoleStory } from './console-story.ts'

/** Every page of the console, by a name for its picture. */
export function consolePages(
  story: ConsoleStory,
): readonly (readonly [name: string, path: string])[] {
  const { functionName, refusal, approval, breakGlass } = story
  return [
    ['live', '/live?names=all'],
    ['live-then', '/live?back=1'],
    ['function', `/functions/${functionName}`],
    ['decisions', '/decisions'],
    ['decision', `/decisions/${refusal}`],
    ['approvals', '/approvals'],
    ['approval', `/approvals/${approval}`],
    ['break-glass', '/break-glass'],
    ['break-glass-request', `/break-glass/${breakGlass}`],
    ['publishers', '/publishers'],
    ['publisher', '/publishers/ci_release'],
    ['publisher-x509', '/publishers/corporate'],
    ['policies', '/policies/admission'],
    ['policies-who', '/policies/authorization'],
    ['policy-set', '/policies/admission/3'],
    ['policy-diff', '/policies/admission/diff?from=2&to=3'],
    ['ledger', '/ledger'],
    ['ledger-entry', '/ledger/entries/3'],
    ['evidence', '/evidence'],
    ['runtime', '/runtime'],
    ['logs', `/logs?function=${functionName}`],
    ['logs-whose', '/logs'],
  ]
}
