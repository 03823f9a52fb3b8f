import type {
  DecisionCheck,
  Facts,
  Revocation,
  SealFinding,
  VerdictFinding,
  VerdictReason,
  ViolationCause,
} from '../model/index.ts'
import { isHit } from './floor.ts'

/** Reasons kept of one verdict, and characters of each text in them. */
const REASONS_LIMIT = 8
const TEXT_LIMIT_CHARS = 300

/**
 * What the checks of a version come to that were made under `JUDGED_ALONE`. Whoever reacts must know whether something was
 * found or only could not be checked (RULES §6): a stale list, a policy that errs, a clock that nobody can believe leave
 * the version `indeterminate`.
 */
export function findingOf(
  facts: Facts,
  checks: readonly DecisionCheck[],
  { clockIsOff }: { readonly clockIsOff: boolean },
): VerdictFinding {
  const failed = checks.filter(({ status, unevaluated }) => status === 'failed' && !unevaluated)
  const excepted = checks.filter(({ exceptions }) => exceptions !== undefined)
  const unevaluated = checks.filter((check) => check.unevaluated === true)
  const unknown = unknownFindings(facts)
  const causes = clockIsOff ? [] : causesOf(facts, failed, unknown)
  if (failed.length > 0) {
    const isSeen = causes.length > 0 || isTampered(failed)
    const reasons = toReasons(failed)
    return {
      state: isSeen && !clockIsOff ? 'violating' : 'indeterminate',
      reasons: clockIsOff ? [CLOCK_REASON, ...reasons].slice(0, REASONS_LIMIT) : reasons,
      causes,
      untilMs: null,
    }
  }
  if (unevaluated.length > 0)
    return {
      state: 'indeterminate',
      reasons: toReasons(unevaluated),
      causes: [],
      untilMs: null,
    }
  if (excepted.length > 0)
    return {
      state: 'excepted',
      reasons: toReasons(excepted),
      causes: [],
      untilMs: exceptionEnd(facts, excepted),
    }
  return { state: 'compliant', reasons: [], causes: [], untilMs: null }
}

/** Where the judgement itself failed. */
export function unjudged(why: string): VerdictFinding {
  const reason = { rule: 'evaluation', subject: '', expected: 'a judgement', got: why }
  return { state: 'indeterminate', reasons: toReasons([reason]), causes: [], untilMs: null }
}

const CLOCK_REASON: VerdictReason = {
  rule: 'clock',
  subject: '',
  expected: 'a wall clock that goes as the monotonic clock does',
  got: 'it is off by more than 60 s since the service started',
}

/** Since when a violation holds: the earliest revocation or end that is part of it; `undefined` where only now is known. */
export function violatingSince(
  facts: Facts,
  causes: readonly ViolationCause[],
  given: { readonly revocations: readonly Revocation[]; readonly atMs: number },
): number | undefined {
  const seals = facts.subjects.flatMap(({ verdict }) => verdict.seals)
  const revoked = causes.includes('revocation')
    ? given.revocations.filter((one) => seals.some((seal) => isHit(seal, one)))
    : []
  const ended = causes.includes('expiry')
    ? seals.flatMap(({ expiresAtMs }) => (expiresAtMs === undefined ? [] : [expiresAtMs + 1]))
    : []
  const times = [...revoked.map(({ effectiveAtMs }) => effectiveAtMs), ...ended]
  const past = times.filter((one) => one <= given.atMs)
  return past.length === 0 ? undefined : Math.min(...past)
}

/**
 * A list that is old or not there, a certificate whose time has not come, a seal that was not looked at further: nobody
 * said that the seal is no good. Also of seals that do not decide: such a one is missing where signers are counted, or
 * where its counter is.
 */
function unknownFindings({ subjects }: Facts): readonly SealFinding[] {
  const seals = subjects.flatMap(({ verdict }) => verdict.seals)
  return [...failedFindings(subjects), ...failedOf(seals)].filter(isUnknown)
}

/** Of seals, and of attestations that count for nothing because of them. */
function failedFindings(subjects: Facts['subjects']): readonly SealFinding[] {
  return subjects.flatMap(({ verdict, attestations }) =>
    failedOf([verdict, ...(attestations?.reports ?? [])]),
  )
}

function failedOf(
  told: readonly { readonly findings: readonly SealFinding[] }[],
): readonly SealFinding[] {
  return told.flatMap(({ findings }) => findings.filter(({ status }) => status === 'failed'))
}

function isUnknown({ reason = '' }: SealFinding): boolean {
  return reason === 'not-judged' || reason.startsWith('crl-') || reason.endsWith('-not-yet-valid')
}

/** It might count: what another seal lacks is no evidence while this one could stand for it. */
function isInDoubt(seal: { readonly findings: readonly SealFinding[] }): boolean {
  const failed = failedOf([seal])
  return failed.length > 0 && failed.every(isUnknown)
}

function causesOf(
  facts: Facts,
  failed: readonly DecisionCheck[],
  unknown: readonly SealFinding[],
): ViolationCause[] {
  const causes = new Set<ViolationCause>()
  const certain = facts.subjects.filter(({ verdict }) => !verdict.seals.some(isInDoubt))
  const known = failedFindings(certain).filter((finding) => !isUnknown(finding))
  // By the seals themselves, whether the config's checks or a policy refuses for it.
  if (failed.some(({ rule }) => rule.startsWith('signature.') || rule.startsWith('policy.'))) {
    if (known.some(({ rule }) => rule === 'revocation')) causes.add('revocation')
    if (known.some(({ rule }) => rule === 'expiry')) causes.add('expiry')
  }
  // What a missing list took away is not told apart from what a publisher, policy or floor did.
  if (unknown.length > 0) return [...causes]
  if (failed.some(({ rule }) => rule === 'stage.floor')) causes.add('floor')
  if (failed.some(({ rule }) => rule === 'signature.mismatch')) causes.add('publisher')
  if (failed.some(({ rule }) => rule.startsWith('policy.'))) causes.add('policy')
  return [...causes]
}

/** The seal is wrong for the bytes. It is a violation, and nothing that anybody recorded: no reaction follows. */
function isTampered(failed: readonly DecisionCheck[]): boolean {
  return failed.some(({ rule }) => rule === 'signature.integrity')
}

function exceptionEnd(facts: Facts, checks: readonly DecisionCheck[]): number | null {
  const named = (id: string): boolean => checks.some(({ exceptions }) => exceptions?.includes(id))
  const ends = (facts.exceptions ?? []).flatMap(({ id, untilMs }) =>
    untilMs !== null && named(id) ? [untilMs] : [],
  )
  return ends.length === 0 ? null : Math.min(...ends)
}

function toReasons(checks: readonly VerdictReason[]): VerdictReason[] {
  return checks.slice(0, REASONS_LIMIT).map(({ rule, subject, expected, got }) => ({
    rule,
    subject: subject.slice(0, TEXT_LIMIT_CHARS),
    expected: expected.slice(0, TEXT_LIMIT_CHARS),
    got: got.slice(0, TEXT_LIMIT_CHARS),
  }))
}
