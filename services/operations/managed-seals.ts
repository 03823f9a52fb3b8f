import {
  getPublisher,
  revocations,
  type Publisher,
  type PublisherVersion,
} from '../catalog/index.ts'
import type { ManagedKey } from '../keys/index.ts'
import {
  PlatformError,
  parseIsoTime,
  sha256 as digestOf,
  toIsoTime,
  type Decision,
  type Json,
  type ManagedPublisherDocument,
  type Sha256,
} from '../model/index.ts'
import {
  encodeBundle,
  encodeSealStatement,
  preAuthEncoding,
  STATEMENT_PAYLOAD_TYPE,
} from '../seal/index.ts'
import type { Reader } from '../store/index.ts'
import type { Subject } from './change.ts'
import type { Caller, Deps } from './context.ts'
import { openKnown } from './detached-seals.ts'
import { govern } from './gate.ts'
import { managedPurpose, spkiOf } from './managed-versions.ts'
import { trustChange } from './publishers.ts'

export interface ManagedSealInput {
  readonly name: string
  /** Of the bytes as uploaded or deployed, or of the unsealed ones. */
  readonly sha256: Sha256
  readonly predicate: { readonly [member: string]: Json | undefined }
}

export interface ManagedSeal {
  readonly arn: string
  readonly version: string
  /** The unsealed digest: what was signed. */
  readonly sha256: Sha256
  readonly publicKeyPem: string
  readonly bundle: Uint8Array
}

type ManagedVersion = PublisherVersion & { readonly document: ManagedPublisherDocument }

/**
 * A seal by a key that the service keeps, over bytes that it has opened strictly and judged: a tampered artifact is
 * refused, whatever is asked. The service builds what it signs; the caller gives the predicate alone.
 * @throws PlatformError RESOURCE_NOT_FOUND, RESOURCE_CONFLICT (no version may sign), INVALID_PARAMETER, INVALID_ARTIFACT,
 * INVALID_CODE_SIGNATURE
 */
export async function sealByPublisher(
  deps: Deps,
  caller: Caller,
  input: ManagedSealInput,
): Promise<{ readonly result: ManagedSeal; readonly decision: Decision }> {
  const version = await signingVersion(deps, deps.store.reader, input.name)
  const predicate = withEnd(deps, version, input.predicate)
  using opened = await openKnown(deps, input.sha256)
  const { identity } = opened
  const payload = toPayload(identity.sha256, predicate)
  const subject: Subject = {
    kind: input.predicate['kind'] === 'layer' ? 'layer' : 'function',
    arn: `lacre:artifact/${identity.sha256}`,
    name: '',
    codeSha256: identity.codeSha256,
    ...(opened.artifact !== undefined && { artifact: opened.artifact, notKept: true }),
  }
  const key = await deps.keys.managed(managedPurpose(version.arn))
  let bundle: Uint8Array = new Uint8Array()
  return await govern(deps, caller, {
    action: 'lacre:SealArtifact',
    resource: version.arn,
    raisesWorld: false,
    read: async (reader) => {
      await sameVersion(deps, reader, input.name, version)
      return { ...trustChange(null, identity.sha256), subjects: [subject] }
    },
    commit: async (tx) => {
      await sameVersion(deps, tx, input.name, version)
      // A millisecond of CPU: signed when it was decided, and named in the entry of the decision.
      bundle = signBundle(key, version.document, payload)
      const { arn, document } = version
      const { publicKeyPem } = document
      const result = {
        arn,
        version: version.version,
        sha256: identity.sha256,
        publicKeyPem,
        bundle,
      }
      return { result, touched: [] }
    },
    note: () => ({
      publisher: input.name,
      version: version.version,
      artifact: identity.sha256,
      seal: digestOf(bundle),
    }),
  })
}

/** The newest version that may sign now: neither cancelled nor, by any of its names, revoked. */
async function signingVersion(deps: Deps, reader: Reader, name: string): Promise<ManagedVersion> {
  const publisher = await getPublisher(reader, deps.place, name)
  if (publisher.kind !== 'managed')
    throw new PlatformError(
      'INVALID_PARAMETER',
      `the service has no key of publisher \`${publisher.name}\`: it is of the kind \`${publisher.kind}\``,
    )
  const revoked = await revocations(reader)
  const nowMs = deps.clock.nowMs()
  const found = publisher.versions.findLast(
    (version): version is ManagedVersion =>
      isManaged(version) &&
      version.status === 'Active' &&
      !revoked.some(
        ({ target, effectiveAtMs }) =>
          effectiveAtMs <= nowMs && namesOf(publisher, version).includes(target),
      ),
  )
  if (found !== undefined) return found
  throw new PlatformError(
    'RESOURCE_CONFLICT',
    `publisher \`${publisher.name}\` has no version that may sign: all are cancelled or revoked`,
  )
}

function isManaged(version: PublisherVersion): version is ManagedVersion {
  return version.document.kind === 'managed'
}

function namesOf({ id }: Publisher, { arn, document }: ManagedVersion): readonly string[] {
  return [id, arn, spkiOf(document)]
}

/** What became of the version meanwhile counts: the transaction that signs looks again. */
async function sameVersion(
  deps: Deps,
  reader: Reader,
  name: string,
  { arn }: ManagedVersion,
): Promise<void> {
  if ((await signingVersion(deps, reader, name)).arn === arn) return
  throw new PlatformError(
    'RESOURCE_CONFLICT',
    `publisher \`${name}\` has changed meanwhile; ask again`,
  )
}

/** A seal says itself how long it is good: as long as the publisher says, or less where asked. */
function withEnd(
  deps: Deps,
  { document }: ManagedVersion,
  predicate: ManagedSealInput['predicate'],
): ManagedSealInput['predicate'] {
  const latestMs = deps.clock.nowMs() + (document.signatureValidityMs ?? 0)
  const { notAfter } = predicate
  if (notAfter === undefined) return { ...predicate, notAfter: toIsoTime(latestMs) }
  const askedMs = typeof notAfter === 'string' ? parseIsoTime(notAfter) : undefined
  if (askedMs !== undefined && askedMs <= latestMs) return predicate
  throw new PlatformError(
    'INVALID_PARAMETER',
    `\`notAfter\` is no time until ${toIsoTime(latestMs)}, which the publisher allows`,
  )
}

function toPayload(sha256: Sha256, predicate: ManagedSealInput['predicate']): Uint8Array {
  try {
    return encodeSealStatement({ name: 'artifact.zip', sha256 }, predicate)
  } catch (error) {
    if (error instanceof PlatformError)
      throw new PlatformError('INVALID_PARAMETER', error.publicMessage, { cause: error })
    throw error
  }
}

function signBundle(
  key: ManagedKey,
  document: ManagedPublisherDocument,
  payload: Uint8Array,
): Uint8Array {
  const keyid = spkiOf(document)
  // One key, one publisher: what is signed with must be what the version shows.
  if (spkiOf(key) !== keyid)
    throw new PlatformError('INTERNAL', `the \`${key.purpose}\` key is not its publisher's`)
  const signature = key.sign(preAuthEncoding(STATEMENT_PAYLOAD_TYPE, payload))
  return encodeBundle({
    format: 'bundle',
    signer: { kind: 'key', hint: keyid },
    content: { kind: 'statement', payload, signature, keyid },
    logEntries: [],
    timestamps: [],
  })
}
