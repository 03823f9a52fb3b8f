import {
  canonicalJson,
  sha256,
  type Decision,
  type DecisionCheck,
  type ErrorCode,
  type Facts,
  type Json,
  type SealFinding,
  type SubjectFacts,
} from '../model/index.ts'
import { admissionChecks } from './admission-checks.ts'
import { underBreakGlass } from './break-glass.ts'
import { stageChecks } from './stage-checks.ts'
import { policySetVersion, type PolicyInForce } from './in-force.ts'
import type { Ask } from './remembering.ts'

/** RFC 8785 SHA-256 of the facts: what a decision is bound to. */
export function factsDigest(facts: Facts): Decision['factsDigest'] {
  return sha256('lacre facts v1\0', canonicalJson(facts as unknown as Json))
}

/**
 * The gate's one function: every change to the live set, judged from its facts alone.
 * All checks run whatever the first says, so that a refusal tells the whole of it (promise P6).
 * Order of refusals: tampered, the code signing config's checks, then the admission policies (DESIGN §5).
 */
export function decide(facts: Facts, id: string, policies: PolicyInForce, ask?: Ask): Decision {
  const checks = checksOf(facts, policies, ask)
  const refusal = refusalOf(checks)
  const determining = determiningRules(checks)
  return {
    id,
    at: facts.at,
    outcome: refusal !== undefined ? 'deny' : hasWarning(checks) ? 'warn' : 'allow',
    ...(refusal === undefined ? {} : { refusal }),
    checks,
    policySet: {
      version: policySetVersion(policies),
      ...(policies.version !== undefined && { number: policies.version }),
      determining,
    },
    factsDigest: factsDigest(facts),
    world: facts.world,
  }
}

/** What a decision is made of, and nothing that names one: for whoever judges again what was decided. */
export function checksOf(
  facts: Facts,
  { set }: Pick<PolicyInForce, 'set'>,
  ask?: Ask,
): readonly DecisionCheck[] {
  return underBreakGlass(facts, [
    ...facts.subjects.flatMap((subject) => [...signatureChecks(facts, subject)]),
    ...configurationChecks(facts),
    ...stageChecks(facts),
    ...admissionChecks(facts, set, ask),
  ])
}

function* signatureChecks(facts: Facts, subject: SubjectFacts): Generator<DecisionCheck> {
  for (const rule of ['integrity', 'mismatch', 'expiry', 'revocation'] as const) {
    const findings = subject.verdict.findings.filter((finding) => finding.rule === rule)
    for (const finding of findings) yield toCheck(facts, subject, finding)
    if (findings.length === 0) {
      // A verdict without one of the four checks is no evidence: fail closed.
      yield {
        rule: `signature.${rule}`,
        subject: subject.arn,
        status: 'failed',
        expected: 'a finding for every check',
        got: 'none',
      }
    }
  }
}

function toCheck(facts: Facts, subject: SubjectFacts, finding: SealFinding): DecisionCheck {
  return {
    rule: `signature.${finding.rule}`,
    subject: subject.arn,
    status: statusOf(facts, finding),
    expected: finding.expected,
    got: finding.reason === undefined ? finding.got : `${finding.got} (${finding.reason})`,
    ...(finding.nearest === undefined ? {} : { nearest: finding.nearest }),
    ...(finding.fix === undefined ? {} : { fix: finding.fix }),
  }
}

function statusOf(facts: Facts, finding: SealFinding): DecisionCheck['status'] {
  // AWS: the integrity check blocks under Warn too; and here also where no config is attached (DESIGN §5).
  if (finding.rule === 'integrity') return finding.status === 'passed' ? 'passed' : 'failed'
  if (facts.signingConfig === null) return 'skipped'
  // `warned`: the publisher has this check logged instead of enforced (DESIGN §5).
  if (finding.status !== 'failed') return finding.status
  return facts.signingConfig.policy === 'Enforce' ? 'failed' : 'warned'
}

/** Facts that the shipped default records and does not refuse (RULES §8). */
function* configurationChecks(facts: Facts): Generator<DecisionCheck> {
  if (facts.loaderVariables.length > 0) {
    yield {
      rule: 'configuration.loader-variables',
      subject: facts.resource,
      status: 'passed',
      expected: 'recorded (the default set allows variables that load code)',
      got: facts.loaderVariables.join(', '),
    }
  }
  if (facts.egress !== undefined) {
    yield {
      rule: 'configuration.egress',
      subject: facts.resource,
      status: 'passed',
      expected: 'recorded (the default set allows any list; the operator opens it with --egress)',
      got: facts.egress.join(', '),
    }
  }
  if (facts.subjects.length > 0 && facts.isolation !== 'full') {
    yield {
      rule: 'runtime.isolation',
      subject: facts.resource,
      status: 'passed',
      expected: 'recorded (the default set allows it)',
      got: `isolation: ${facts.isolation}`,
    }
  }
  for (const path of facts.noteworthyPaths) {
    yield {
      rule: 'layers.noteworthy-path',
      subject: facts.resource,
      status: 'passed',
      expected: 'recorded (runs by itself, or is found before others)',
      got: path,
    }
  }
}

function refusalOf(checks: readonly DecisionCheck[]): ErrorCode | undefined {
  const failed = checks.filter((check) => check.status === 'failed')
  if (failed.some((check) => check.rule === 'signature.integrity')) return 'INVALID_CODE_SIGNATURE'
  if (failed.some((check) => check.rule.startsWith('signature.'))) return 'CODE_VERIFICATION_FAILED'
  return failed.length > 0 ? 'POLICY_DENIED' : undefined
}

function hasWarning(checks: readonly DecisionCheck[]): boolean {
  return checks.some((check) => check.status === 'warned')
}

function determiningRules(checks: readonly DecisionCheck[]): string[] {
  const rules = checks
    .filter((check) => check.status === 'failed' || check.status === 'warned')
    .map((check) => check.rule)
  return [...new Set(rules)].sort()
}
