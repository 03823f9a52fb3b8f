import { sha256, type SealFinding } from '../model/index.ts'
import type { JudgedSubject } from './facts.ts'

/** Last instant at which the verdicts hold by themselves, milliseconds; Infinity where nothing ends. */
export function groupEnd(judged: readonly JudgedSubject[]): number {
  const ends = judged.flatMap(({ facts }) => [
    facts.verdict.validUntilMs,
    facts.attestations?.validUntilMs,
  ])
  return Math.min(Infinity, ...ends.filter((endMs) => endMs !== undefined))
}

/** All of the verdicts that a check or a policy reads; texts that tell the time of the judgement are not among it. */
export function groupKey(judged: readonly JudgedSubject[]): string {
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
