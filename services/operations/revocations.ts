import {
  getPublisher,
  getPublisherVersion,
  insertRevocation,
  retirePublisherVersion,
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
} from '../model/index.ts'
import type { Reader } from '../store/index.ts'
import type { Caller, Deps } from './context.ts'
import type { Committed } from './change.ts'
import { govern } from './gate.ts'
import { publisherArn, trustChange } from './publishers.ts'

/** What is revoked: a publisher or one version of it by name, the rest by SHA-256 (RULES §4). */
export type RevocationSubject =
  | { readonly kind: 'publisher'; readonly name: string }
  | { readonly kind: 'publisher-version'; readonly name: string; readonly version: string }
  | { readonly kind: 'certificate' | 'key' | 'seal'; readonly sha256: string }

export interface RevocationRequest {
  readonly subject: RevocationSubject
  /** From when on; now where not given. Signatures with a trusted time before it stay good. */
  readonly effectiveAtMs: number | undefined
  readonly reason: string
}

/** AWS Signer: 1 to 500 characters. */
const REASON_LIMIT_CHARS = 500

/**
 * Final: a second revocation of the same target is taken only with an earlier effective time.
 * @throws PlatformError INVALID_PARAMETER, RESOURCE_NOT_FOUND, RESOURCE_CONFLICT
 */
export async function revoke(
  deps: Deps,
  caller: Caller,
  request: RevocationRequest,
): Promise<{ result: NewRevocation; decision: Decision }> {
  refuseReason(request.reason)
  const id = newId('rev', deps.clock, deps.random)
  const effectiveAtMs = request.effectiveAtMs ?? deps.clock.nowMs()
  return await govern(deps, caller, {
    action: 'lacre:Revoke',
    resource: resourceOf(deps, request.subject),
    raisesWorld: true,
    read: async (reader) => {
      const { target } = await locate(deps, reader, request.subject)
      await refuseLater(reader, { ...target, effectiveAtMs })
      return trustChange(null, `revoked from ${toIsoTime(effectiveAtMs)}`)
    },
    commit: async (tx, _admitted, atMs): Promise<Committed<NewRevocation>> => {
      const { target, versions } = await locate(deps, tx, request.subject)
      const result = { id, ...target, effectiveAtMs, recordedAtMs: atMs, reason: request.reason }
      await insertRevocation(tx, result)
      for (const version of versions) await retirePublisherVersion(tx, version, 'Revoked')
      const touched = versions.map((version) => ({
        table: 'publisher_version' as const,
        key: { publisher_id: version.publisherId, version: version.version },
      }))
      return { result, touched: [{ table: 'revocation' as const, key: { id } }, ...touched] }
    },
    note: () => ({
      revocation: id,
      kind: request.subject.kind,
      effective: toIsoTime(effectiveAtMs),
    }),
  })
}

/** Every revocation recorded, oldest first. */
export async function listRevocations(deps: Deps): Promise<NewRevocation[]> {
  return await revocationHistory(deps.store.reader)
}

interface Located {
  readonly target: Pick<NewRevocation, 'targetKind' | 'target'>
  /** Versions whose status shows it. */
  readonly versions: readonly { readonly publisherId: string; readonly version: string }[]
}

/** The target as `trust` looks it up: publisher id, ARN of the version, or SHA-256. */
async function locate(deps: Deps, reader: Reader, subject: RevocationSubject): Promise<Located> {
  switch (subject.kind) {
    case 'publisher': {
      const publisher = await getPublisher(reader, deps.place, subject.name)
      const versions = publisher.versions.map(({ version }) => ({
        publisherId: publisher.id,
        version,
      }))
      return { target: { targetKind: 'publisher', target: publisher.id }, versions }
    }
    case 'publisher-version': {
      const publisher = await getPublisher(reader, deps.place, subject.name)
      const { arn, version } = getPublisherVersion(publisher, subject.version)
      return {
        target: { targetKind: 'publisher-version', target: arn },
        versions: [{ publisherId: publisher.id, version }],
      }
    }
    case 'certificate':
    case 'key':
    case 'seal':
      return {
        target: { targetKind: subject.kind, target: parseSha256(subject.sha256) },
        versions: [],
      }
  }
}

function resourceOf(deps: Deps, subject: RevocationSubject): string {
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

async function refuseLater(
  reader: Reader,
  wanted: Pick<NewRevocation, 'targetKind' | 'target' | 'effectiveAtMs'>,
): Promise<void> {
  const known = (await revocations(reader)).find(
    (one) => one.targetKind === wanted.targetKind && one.target === wanted.target,
  )
  if (known === undefined || known.effectiveAtMs > wanted.effectiveAtMs) return
  throw new PlatformError(
    'RESOURCE_CONFLICT',
    `\`${wanted.target}\` is revoked from ${toIsoTime(known.effectiveAtMs)} already; a revocation is final and may only move earlier`,
  )
}
