import {
  bufferSource,
  type ArtifactIdentity,
  type AttestationReport,
  type FetchedRevocationList,
  type Revocation,
  type SealReport,
  type SubjectAttestations,
  type TrustedPublisher,
} from '../model/index.ts'
import type { AttestationStatement } from '../seal/index.ts'
import { VEX_PURPOSE } from './attestation-checks.ts'
import { combine, currentOf, type Counting } from './attested-facts.ts'
import { VerificationCache } from './cache.ts'
import type { JudgeInput } from './judge-input.ts'
import { toKnownPublishers } from './publisher-material.ts'
import { judgeSeal, type JudgedSeal } from './report.ts'

/** All that the facts about an artifact are a function of. */
export interface AttestedInput {
  readonly artifact: ArtifactIdentity
  /** Bundles as they are kept. */
  readonly attestations: readonly Uint8Array[]
  readonly publishers: readonly TrustedPublisher[]
  readonly revocations: readonly Revocation[]
  readonly revocationLists: readonly FetchedRevocationList[]
  readonly atMs: number
}

/**
 * What is attested of an artifact: a question of its own beside whether it is sealed, by the same mathematics, times and
 * revocations. Which publishers a code signing config names does not matter here: purposes do. A no is in the reports.
 */
export function attested(
  { attestations, publishers, ...given }: AttestedInput,
  cache = new VerificationCache(),
): SubjectAttestations {
  const input: JudgeInput = {
    ...given,
    // No config names versions here, so that a cancelled one is how a purpose or a builder is withdrawn.
    publishers: publishers
      .filter(({ status }) => status !== 'Canceled')
      .map((publisher) => ({ ...publisher, allowed: true })),
    // A statement is signed over itself: the artifact's bytes are named by their digest alone.
    unsealed: bufferSource(new Uint8Array()),
    kind: 'function',
    name: '',
    account: '',
    seals: [],
    asks: 'attestation',
  }
  const known = toKnownPublishers(input, cache)
  const judged = attestations.map((bytes) =>
    judgeSeal({ format: 'bundle', place: 'detached', bytes }, { input, known, cache }),
  )
  const counting = judged.flatMap(toCounting)
  const current = currentOf(counting)
  const changes = judged.flatMap(({ changesAtMs }) => changesAtMs).filter((ms) => ms >= input.atMs)
  return {
    reports: judged.map((one) => toReport(one, current)),
    facts: combine(current, given.artifact.sha256),
    validUntilMs: changes.length === 0 ? undefined : Math.min(...changes),
  }
}

function toCounting({ report, statement, by }: JudgedSeal): Counting[] {
  if (report.outcome !== 'trusted' || by === undefined || !isRead(statement)) return []
  const { predicateType, claim } = statement
  return [
    {
      digest: report.digest,
      attester: by,
      predicateType,
      claim,
      mayVex: by.document.purposes.includes(VEX_PURPOSE),
      // The earliest that anybody vouches for: a signature stamped again is not newer.
      atMs: report.trustedTimesMs.length === 0 ? undefined : Math.min(...report.trustedTimesMs),
    },
  ]
}

function isRead(statement: JudgedSeal['statement']): statement is AttestationStatement {
  return statement?.kind === 'attestation' && statement.claim !== undefined
}

const OUTCOMES = { trusted: 'counts', untrusted: 'ignored', tampered: 'refused' } as const

function toReport(
  { report, statement, by }: JudgedSeal,
  current: readonly Counting[],
): AttestationReport {
  const outcome = OUTCOMES[report.outcome]
  const old = outcome === 'counts' && !current.some(({ digest }) => digest === report.digest)
  return {
    digest: report.digest,
    ...(isRead(statement) && {
      predicateType: statement.predicateType,
      kind: statement.claim.kind,
    }),
    outcome,
    ...(old && { superseded: true }),
    ...(by !== undefined && { attester: { id: by.id, name: by.name, arn: by.arn } }),
    ...signerOf(report),
    trustedTimesMs: report.trustedTimesMs,
    findings: report.findings,
    unchecked: report.unchecked,
  }
}

function signerOf({ signer }: SealReport): { readonly signer?: string } {
  return signer === undefined ? {} : { signer: signer.display }
}
