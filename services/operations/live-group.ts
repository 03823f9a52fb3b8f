import { sha256, type SealFinding } from '../model/index.ts'
import type { Subject } from './change.ts'
import { judgeSubjects, type JudgedSubject, type JudgingDeps } from './facts.ts'
import type { GroundConfig, LiveGround } from './live-ground.ts'

/** The seals of certain code, judged once for all that it stands behind. */
export type JudgedGroup =
  | {
      readonly kind: 'judged'
      readonly judged: readonly JudgedSubject[]
      /** The same where all that is read of it is the same. */
      readonly key: string
      readonly validUntilMs: number
    }
  | { readonly kind: 'failed'; readonly why: string }

export async function judgeGroup(
  subjects: readonly Subject[],
  config: GroundConfig,
  { ground, judging }: { readonly ground: LiveGround; readonly judging: JudgingDeps },
): Promise<JudgedGroup> {
  if (config.kind === 'missing')
    return { kind: 'failed', why: `the code signing config \`${config.id}\` is not there` }
  const signingConfig = config.kind === 'config' ? config.config : null
  const allowed = signingConfig && new Set(signingConfig.allowedPublishers)
  const publishers = ground.publishers.map((one) => ({
    ...one,
    allowed: allowed === null || allowed.has(one.arn),
  }))
  try {
    const judged = await judgeSubjects(judging, {
      ...ground,
      publishers,
      signingConfig,
      input: { subjects },
    })
    return { kind: 'judged', judged, key: groupKey(judged), validUntilMs: groupEnd(judged) }
  } catch (error) {
    return { kind: 'failed', why: error instanceof Error ? error.message : 'unknown' }
  }
}

/** What was judged of code, said of the version whose code it is: a verdict names none. */
export function underNames(
  judged: readonly JudgedSubject[],
  subjects: readonly Subject[],
): readonly JudgedSubject[] {
  return judged.map((one, at) => {
    const subject = subjects[at] ?? one.subject
    return { ...one, subject, facts: { ...one.facts, arn: subject.arn } }
  })
}

/** Last instant at which the verdicts hold by themselves, milliseconds; Infinity where nothing ends. */
function groupEnd(judged: readonly JudgedSubject[]): number {
  const ends = judged.flatMap(({ facts }) => [
    facts.verdict.validUntilMs,
    facts.attestations?.validUntilMs,
  ])
  return Math.min(Infinity, ...ends.filter((endMs) => endMs !== undefined))
}

/** All of the verdicts that a check or a policy reads; texts that tell the time of the judgement are not among it. */
function groupKey(judged: readonly JudgedSubject[]): string {
  const told = judged.map(({ facts: { verdict, attestations } }) => [
    verdict.kind,
    verdict.signers ?? null,
    verdict.findings.map(findingKey),
    verdict.seals.map((seal) => [
      seal.digest,
      seal.outcome,
      seal.signer?.id ?? null,
      seal.publisher ?? null,
      seal.countsFor ?? null,
      seal.counter,
      seal.findings.map(findingKey),
    ]),
    attestations?.facts ?? null,
    (attestations?.reports ?? []).map(({ digest, outcome, findings }) => [
      digest,
      outcome,
      findings.map(findingKey),
    ]),
  ])
  return sha256(JSON.stringify(told))
}

function findingKey({ rule, status, reason, got }: SealFinding): readonly unknown[] {
  return [rule, status, reason ?? null, status === 'passed' ? null : got]
}
