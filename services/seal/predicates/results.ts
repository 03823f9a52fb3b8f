import type { Json } from '../../model/index.ts'
import { toObject, toText } from '../members.ts'
import { malformed } from '../refusal.ts'
import type { SummaryClaim, TestsClaim } from './claim.ts'
import { listOf, objectOf, optionalText, requiredText } from './read.ts'

const TESTS_LIMIT = 100_000
const LEVELS_LIMIT = 64

/** in-toto's test result v0.1. A run that names a failed test did not pass, whatever it says. @throws PlatformError INVALID_SEAL */
export function parseTestResult(predicate: Json): TestsClaim {
  const members = toObject(predicate, 'the test result')
  const result = toText(members['result'], '`result`')
  if (!['PASSED', 'WARNED', 'FAILED'].includes(result))
    throw malformed('test-result', '`result` is not `PASSED`, `WARNED` or `FAILED`')
  const failed = listOf(members['failedTests'], '`failedTests`', TESTS_LIMIT)
  const warned = listOf(members['warnedTests'], '`warnedTests`', TESTS_LIMIT)
  return {
    kind: 'tests',
    passed: result !== 'FAILED' && failed.length === 0,
    warned: result === 'WARNED' || warned.length > 0,
  }
}

/** SLSA verification summary v1 (https://slsa.dev/spec/v1.0/verification_summary). @throws PlatformError INVALID_SEAL */
export function parseSummary(predicate: Json): SummaryClaim {
  const members = toObject(predicate, 'the summary')
  const result = toText(members['verificationResult'], '`verificationResult`')
  if (result !== 'PASSED' && result !== 'FAILED')
    throw malformed('summary-result', '`verificationResult` is not `PASSED` or `FAILED`')
  const levels = listOf(members['verifiedLevels'], '`verifiedLevels`', LEVELS_LIMIT)
  const policy = objectOf(members['policy'], '`policy`')
  return {
    kind: 'summary',
    passed: result === 'PASSED',
    verifier: requiredText(toObject(members['verifier'], '`verifier`'), 'id', 'the verifier'),
    levels: levels.map((level) => toText(level, 'a level')),
    policy: optionalText(policy, 'uri', 'the policy') ?? '',
  }
}
