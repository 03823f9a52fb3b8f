import {
  getPublisher,
  getPublisherVersion,
  insertRevocation,
  revocationHistory,
  revocations,
  type NewRevocation,
} from '../catalog/index.ts'
import {
  PlatformError,
  newId,
  parseSha256,
  publisherVersionArn,
  toIsoTime,
  type Decision,
  type RevocationTarget,
} from '../model/index.ts'
import type { Reader } from '../store/index.ts'
import { revocationTargetsOf } from '../trust/index.ts'
import type { Committed } from './change.ts'
import type { Caller, Deps } from './context.ts'
import { raiseFloors } from './floors.ts'
import { govern } from './gate.ts'
import { publisherArn, trustChange } from './publishers.ts'

/**
 * What is revoked: a publisher or one version of it by name, the rest by SHA-256 (RULES §4); a certificate or key also
 * as PEM, by which a certificate is known under issuer and serial too.
 */
export type RevocationSubject =
  | { readonly kind: 'publisher'; readonly name: string }
  | { readonly kind: 'publisher-version'; readonly name: string; readonly version: string }
  | { readonly kind: 'certificate' | 'key' | 'seal'; readonly sha256: string }
  | { readonly kind: 'certificate' | 'key'; readonly pem: string }

export interface RevocationRequest {
  readonly subject: RevocationSubject
  /** From when on; now where not given. Signatures with a trusted time before it stay good. */
  readonly effectiveAtMs: number | undefined
  readonly reason: string
}

/** AWS Signer: 1 to 500 characters. */
const REASON_LIMIT_CHARS = 500

/**
 * Final: a second revocation of the same target is taken only with an earlier effective time. Answers what was recorded.
 * @throws PlatformError INVALID_PARAMETER, RESOURCE_NOT_FOUND, RESOURCE_CONFLICT
 */
export async function revoke(
  deps: Deps,
  caller: Caller,
  request: RevocationRequest,
): Promise<{ result: readonly NewRevocation[]; decision: Decision }> {
  refuseReason(request.reason)
  const { kind } = request.subject
  const effectiveAtMs = request.effectiveAtMs ?? deps.clock.nowMs()
  let judged: readonly string[] = []
  return await govern(deps, caller, {
    action: 'lacre:Revoke',
    resource: resourceOf(deps, request.subject),
    raisesWorld: true,
    read: async (reader) => {
      judged = await open(deps, reader, { ...request, effectiveAtMs })
      return trustChange(null, `revoked from ${toIsoTime(effectiveAtMs)}`)
    },
    // The reason is told and changes nothing. With no time given, it is that of the commit.
    planned: () => ({
      content: {
        kind,
        targets: [...judged],
        effectiveAt: request.effectiveAtMs === undefined ? null : toIsoTime(request.effectiveAtMs),
      },
      wholeLiveSet: true,
    }),
    commit: async (tx, _admitted, atMs): Promise<Committed<readonly NewRevocation[]>> => {
      const targets = await open(deps, tx, { ...request, effectiveAtMs })
      // When it is in the ledger, not when it was judged: what was admitted in between is found by it.
      const { atMs: recordedAtMs } = await deps.audit.nextPosition(tx, deps.clock.nowMs())
      const result = targets.map((target) => ({
        id: newId('rev', deps.clock, deps.random),
        targetKind: kind,
        target,
        effectiveAtMs,
        recordedAtMs,
        reason: request.reason,
      }))
      for (const revocation of result) await insertRevocation(tx, revocation)
      const rows = result.map(({ id }) => ({ table: 'revocation' as const, key: { id } }))
      return { result, touched: [...rows, ...(await raiseFloors(tx, result, atMs))] }
    },
    note: () => ({ kind, effective: toIsoTime(effectiveAtMs) }),
  })
}

/** Every revocation recorded, oldest first. */
export async function listRevocations(deps: Deps): Promise<NewRevocation[]> {
  return await revocationHistory(deps.store.reader)
}

/** The subject as `trust` looks it up: publisher id, ARN of the version, or the texts of a certificate, key or seal. */
export async function revocationTargetsIn(
  deps: Deps,
  reader: Reader,
  subject: RevocationSubject,
): Promise<readonly string[]> {
  if ('pem' in subject) return pemTargets(subject)
  switch (subject.kind) {
    case 'publisher':
      return [(await getPublisher(reader, deps.place, subject.name)).id]
    case 'publisher-version': {
      const publisher = await getPublisher(reader, deps.place, subject.name)
      return [getPublisherVersion(publisher, subject.version).arn]
    }
    case 'certificate':
    case 'key':
    case 'seal':
      return [parseSha256(subject.sha256)]
  }
}

function pemTargets(subject: {
  readonly kind: RevocationTarget
  readonly pem: string
}): readonly string[] {
  const { certificates, key } = revocationTargetsOf(subject.pem)
  if (subject.kind === 'key') return [key]
  if (certificates.length > 0) return certificates
  throw new PlatformError('INVALID_PARAMETER', 'the text is a public key, not a certificate')
}

function resourceOf(deps: Deps, subject: RevocationSubject): string {
  if ('pem' in subject) return `lacre:${subject.kind}/${pemTargets(subject)[0] ?? ''}`
  switch (subject.kind) {
    case 'publisher':
      return publisherArn(deps.place, subject.name)
    case 'publisher-version':
      return publisherVersionArn(deps.place, subject.name, subject.version)
    case 'certificate':
    case 'key':
    case 'seal':
      return `lacre:${subject.kind}/${parseSha256(subject.sha256)}`
  }
}

function refuseReason(reason: string): void {
  if (reason.length >= 1 && reason.length <= REASON_LIMIT_CHARS) return
  throw new PlatformError(
    'INVALID_PARAMETER',
    `a revocation wants a reason of 1 to ${REASON_LIMIT_CHARS} characters`,
  )
}

/**
 * The targets for which this is news: not revoked yet, or only from a later time on.
 * @throws PlatformError RESOURCE_CONFLICT where there is none, RESOURCE_NOT_FOUND
 */
async function open(
  deps: Deps,
  reader: Reader,
  request: RevocationRequest & { readonly effectiveAtMs: number },
): Promise<readonly string[]> {
  const targets = await revocationTargetsIn(deps, reader, request.subject)
  const known = (await revocations(reader)).filter(
    (one) => one.targetKind === request.subject.kind && one.effectiveAtMs <= request.effectiveAtMs,
  )
  const news = targets.filter((target) => known.every((one) => one.target !== target))
  if (news.length > 0) return news
  const first = known.find((one) => targets.includes(one.target))
  throw new PlatformError(
    'RESOURCE_CONFLICT',
    `\`${targets[0] ?? ''}\` is revoked from ${toIsoTime(first?.effectiveAtMs ?? 0)} already; a revocation is final and may only move earlier`,
  )
}
