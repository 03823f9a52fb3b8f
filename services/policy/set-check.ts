import { PlatformError, type Json, type PolicyKind } from '../model/index.ts'
import { parseAccessCases } from './authorization-cases.ts'
import { parseCases, runCases, type CaseReport, type CaseResult, type PolicyCase } from './cases.ts'
import { compilePolicySet } from './cedar.ts'
import type { PolicyFault } from './policy-set.ts'
import type { PolicySetSource } from './set-files.ts'

/** What is known of a set before it is put in force. */
export interface CheckedSet {
  readonly digest: string
  readonly policies: readonly string[]
  readonly warnings: readonly PolicyFault[]
  readonly report: CaseReport
}

/** The question that a set answers, and the schema it is asked by. */
export interface AskedBy {
  readonly kind: PolicyKind
  /** Cedar schema, as text. */
  readonly schema: string
}

/** @throws PlatformError INVALID_PARAMETER */
export function parseCasesOf(kind: PolicyKind, cases: Json): readonly PolicyCase[] {
  return kind === 'admission' ? parseCases(cases) : parseAccessCases(cases)
}

/**
 * Holds a set against the schema and runs its cases.
 * @throws PlatformError INVALID_PARAMETER with every fault in `detail.faults`, or with every case that came out
 * otherwise in `detail.failedCases`
 */
export function checkPolicySet(source: PolicySetSource, { kind, schema }: AskedBy): CheckedSet {
  const set = compilePolicySet(source.files, schema)
  const report = runCases(set, source.cases === null ? [] : parseCasesOf(kind, source.cases))
  const [first, ...others] = report.results.filter(({ passed }) => !passed)
  if (first !== undefined) throw refuse(first, others)
  const { digest, policies, warnings } = set
  return { digest, policies: [...policies.keys()], warnings, report }
}

function refuse(first: CaseResult, others: readonly CaseResult[]): PlatformError {
  const { name, expected, got } = first
  const more = others.length > 0 ? `, and ${others.length} more` : ''
  return new PlatformError(
    'INVALID_PARAMETER',
    `a case of the policy set fails: \`${name}\`: expected ${expected}, got ${got}${more}`,
    { detail: { failedCases: [first, ...others] } },
  )
}
