import { PlatformError, type SealFinding, type SealRule } from '../model/index.ts'

/** A check that failed, with all that promise P6 asks for. */
export function failed(
  rule: SealRule,
  reason: string,
  facts: {
    readonly expected: string
    readonly got: string
    readonly nearest?: string | undefined
    readonly fix?: string | undefined
  },
): SealFinding {
  const { expected, got, nearest, fix } = facts
  return {
    rule,
    status: 'failed',
    reason,
    expected,
    got,
    ...(nearest !== undefined && { nearest }),
    ...(fix !== undefined && { fix }),
  }
}

export function passed(rule: SealRule, expected: string, got: string): SealFinding {
  return { rule, status: 'passed', expected, got }
}

/** A seal that reads well but is wrong for this artifact: thrown like a malformed one, since both mean `tampered`. */
export function wrongSeal(
  rule: string,
  facts: { readonly expected: string; readonly got: string; readonly fix?: string },
): PlatformError {
  return new PlatformError('INVALID_SEAL', facts.got, { detail: { rule, ...facts } })
}

/** The integrity finding of a seal that could not be read or is wrong. */
export function integrityFinding(error: PlatformError): SealFinding {
  const { rule, expected, fix } = error.detail
  return failed('integrity', typeof rule === 'string' ? rule : 'malformed', {
    expected:
      typeof expected === 'string'
        ? expected
        : 'a seal in the one form that the strict profile allows',
    got: error.publicMessage,
    fix:
      typeof fix === 'string'
        ? fix
        : 'take the seal away (`lacre sign` makes a new one) or fetch the artifact again from its source',
  })
}
