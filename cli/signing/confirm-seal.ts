import { unsealedSource } from '../../services/artifact/index.ts'
import {
  PlatformError,
  systemClock,
  type Artifact,
  type Json,
  type PublisherDocument,
  type SealInput,
} from '../../services/model/index.ts'
import { judge } from '../../services/trust/index.ts'

/** Whom a seal just made has to satisfy, and what it binds. */
export interface SealExpectation {
  readonly document: PublisherDocument
  readonly predicate: Readonly<Record<string, Json | undefined>>
}

/**
 * Judges the new seal as whoever verifies will, before anything is written: what would be refused there is refused
 * here, where it can be made again.
 * @throws PlatformError INVALID_SEAL with the first reason
 */
export function confirmSeal(
  artifact: Artifact,
  seal: SealInput,
  { document, predicate }: SealExpectation,
): void {
  const atMs = systemClock.nowMs()
  const { kind, account } = predicate
  const verdict = judge({
    artifact,
    unsealed: unsealedSource(artifact),
    kind: kind === 'layer' ? 'layer' : 'function',
    name: someName(predicate['names']),
    account: typeof account === 'string' ? account : '000000000000',
    seals: [seal],
    publishers: [
      {
        id: 'expected',
        name: 'expected',
        version: 'expected',
        arn: 'expected',
        status: 'Active',
        createdAtMs: atMs,
        document,
        allowed: true,
      },
    ],
    revocations: [],
    atMs,
  })
  if (verdict.kind === 'trusted') return
  const findings = [...verdict.findings, ...verdict.seals.flatMap((report) => report.findings)]
  const failed = findings.find(({ status }) => status === 'failed')
  throw new PlatformError(
    'INVALID_SEAL',
    `the seal would not verify, so nothing was written: ${failed?.got ?? verdict.kind}`,
    { detail: { rule: failed?.reason ?? 'not-trusted' } },
  )
}

/** A name that the first glob fits: names are for the use, not for the signature. */
function someName(names: Json | undefined): string {
  const [first] = Array.isArray(names) ? (names as readonly Json[]) : []
  return typeof first === 'string' ? first.replaceAll('*', 'x') : 'x'
}
