import { X509Certificate } from 'node:crypto'

import type { RowRef } from '../audit/index.ts'
import {
  cancelPublisherVersion as cancelVersionRow,
  findPublisher,
  getPublisher,
  getPublisherVersion,
  insertPublisher,
  insertPublisherVersion,
  listPublishers as selectPublishers,
  parsePublisherName,
  setResourceTags,
  type Publisher,
} from '../catalog/index.ts'
import {
  PlatformError,
  canonicalJson,
  newId,
  newPublisherVersion,
  publisherVersionArn,
  sha256,
  type Decision,
  type Json,
  type Place,
  type PublisherDocument,
  type Sha256,
} from '../model/index.ts'
import type { Reader } from '../store/index.ts'
import { parsePublisherDocument, publisherFromPem } from '../trust/index.ts'
import type { Caller, Deps } from './context.ts'
import type { ChangeFactsInput, Committed } from './change.ts'
import { govern } from './gate.ts'
import type { PlannedContent } from './plan-use.ts'
import { listUrls } from './revocation-lists.ts'
import { prepareManaged, spkiSha256, type PreparedVersion } from './managed-versions.ts'
import { checkTags, type Tags } from './tag-rules.ts'

/** A publisher as given: a whole document, or PEM (a public key or certificates) with what differs from its defaults. */
export type PublisherInput =
  | { readonly document: Json }
  | { readonly pem: string; readonly settings: { readonly [name: string]: Json | undefined } }

export interface PublisherChange {
  readonly result: Publisher
  readonly decision: Decision
}

/**
 * A new publisher with its first version.
 * @throws PlatformError INVALID_PARAMETER, RESOURCE_CONFLICT (the name was ever taken)
 */
export async function createPublisher(
  deps: Deps,
  caller: Caller,
  input: { readonly name: string; readonly publisher: PublisherInput; readonly tags?: Tags },
): Promise<PublisherChange> {
  const name = parsePublisherName(input.name)
  const id = newId('pub', deps.clock, deps.random)
  const version = newPublisherVersion(deps.random)
  const arn = publisherVersionArn(deps.place, name, version)
  const prepared = await prepare(deps, input.publisher, { arn, before: undefined })
  const { document } = prepared
  const { tags = {} } = input
  checkTags(tags)
  const change = await govern(deps, caller, {
    action: 'lacre:CreatePublisher',
    resource: publisherArn(deps.place, name),
    raisesWorld: true,
    read: async (reader) => {
      await refuseOwnKeys(reader, document)
      refuseForeignLineage([], document)
      if ((await findPublisher(reader, deps.place, name)) !== undefined) throw nameTaken(name)
      return trustChange(null, arn)
    },
    planned: () => publisherPlan(input.publisher, document, tags),
    commit: async (tx, _admitted, atMs) => {
      await refuseOwnKeys(tx, document)
      const kept = await prepared.keep(tx, atMs)
      await insertPublisher(tx, { id, name, kind: document.kind, createdAtMs: atMs })
      await insertPublisherVersion(tx, {
        publisherId: id,
        version,
        ...stored(document),
        createdAtMs: atMs,
      })
      const rows = [{ table: 'publisher' as const, key: { id } }, versionRow(id, version)]
      const touched: RowRef[] = [...kept, ...rows]
      if (Object.keys(tags).length > 0)
        touched.push(await setResourceTags(tx, publisherArn(deps.place, name), tags))
      return { result: await getPublisher(tx, deps.place, name), touched }
    },
    note: () => ({ publisher: name, version, kind: document.kind }),
  })
  await fetchNamedLists(deps, document)
  return change
}

/** So that the first deployment finds them; what cannot be had now is tried again by the timer. */
async function fetchNamedLists(deps: Deps, document: PublisherDocument): Promise<void> {
  const urls = listUrls(document)
  if (urls.length > 0) await deps.revocationLists?.refresh(urls)
}

/**
 * A further, immutable version; those before it stay as they are.
 * @throws PlatformError INVALID_PARAMETER, RESOURCE_NOT_FOUND, RESOURCE_CONFLICT (the publisher is revoked)
 */
export async function addPublisherVersion(
  deps: Deps,
  caller: Caller,
  input: { readonly name: string; readonly publisher: PublisherInput },
): Promise<PublisherChange> {
  const version = newPublisherVersion(deps.random)
  const before = await getPublisher(deps.store.reader, deps.place, input.name)
  const arn = publisherVersionArn(deps.place, before.name, version)
  const prepared = await prepare(deps, input.publisher, { arn, before })
  const { document } = prepared
  const change = await govern(deps, caller, {
    action: 'lacre:PutPublisherVersion',
    resource: publisherArn(deps.place, input.name),
    raisesWorld: true,
    read: async (reader) => {
      await refuseOwnKeys(reader, document)
      const publisher = await getPublisher(reader, deps.place, input.name)
      await refuseForVersion(reader, publisher, document)
      return trustChange(publisher.versions.at(-1)?.arn ?? null, arn)
    },
    planned: () => publisherPlan(input.publisher, document),
    commit: async (tx, _admitted, atMs) => {
      const publisher = await getPublisher(tx, deps.place, input.name)
      await refuseOwnKeys(tx, document)
      await refuseForVersion(tx, publisher, document)
      const kept = await prepared.keep(tx, atMs)
      await insertPublisherVersion(tx, {
        publisherId: publisher.id,
        version,
        ...stored(document),
        createdAtMs: atMs,
      })
      const result = await getPublisher(tx, deps.place, input.name)
      return { result, touched: [...kept, versionRow(publisher.id, version)] }
    },
    note: () => ({ publisher: input.name, version, kind: document.kind }),
  })
  await fetchNamedLists(deps, document)
  return change
}

/**
 * Ends a version for new signatures without judging old ones (AWS Signer's CancelSigningProfile); not undone.
 * @throws PlatformError RESOURCE_NOT_FOUND, RESOURCE_CONFLICT (it is not Active)
 */
export async function cancelPublisherVersion(
  deps: Deps,
  caller: Caller,
  input: { readonly name: string; readonly version: string },
): Promise<PublisherChange> {
  const active = async (reader: Reader): Promise<Publisher> => {
    const publisher = await getPublisher(reader, deps.place, input.name)
    const { status } = getPublisherVersion(publisher, input.version)
    if (status === 'Active') return publisher
    throw new PlatformError(
      'RESOURCE_CONFLICT',
      `version \`${input.version}\` of publisher \`${input.name}\` is ${status.toLowerCase()} already`,
    )
  }
  return await govern(deps, caller, {
    action: 'lacre:CancelPublisherVersion',
    resource: publisherVersionArn(deps.place, input.name, input.version),
    raisesWorld: true,
    read: async (reader) => {
      await active(reader)
      return trustChange('Active', 'Canceled')
    },
    planned: () => ({ content: { version: input.version }, wholeLiveSet: true }),
    commit: async (tx): Promise<Committed<Publisher>> => {
      const publisher = await active(tx)
      const row = { publisherId: publisher.id, version: input.version }
      await cancelVersionRow(tx, row)
      const result = await getPublisher(tx, deps.place, input.name)
      return { result, touched: [versionRow(publisher.id, input.version)] }
    },
  })
}

/** @throws PlatformError RESOURCE_NOT_FOUND */
export async function describePublisher(deps: Deps, name: string): Promise<Publisher> {
  return await getPublisher(deps.store.reader, deps.place, name)
}

export async function listPublishers(deps: Deps): Promise<Publisher[]> {
  return await selectPublishers(deps.store.reader, deps.place)
}

/** The ARN of a publisher as a whole: AWS's profile ARN, which as an allowed publisher trusts nothing. */
export function publisherArn(place: Place, name: string): string {
  return `arn:aws:signer:${place.region}:${place.account}:/signing-profiles/${name}`
}

/** What the gate is told of a change to trust: no code, so nothing to judge but who asks and for what. */
export function trustChange(from: string | null, to: string | null): ChangeFactsInput {
  return {
    change: { from, to },
    release: null,
    subjects: [],
    codeSigningConfigId: null,
    environmentNames: [],
  }
}

/** A managed key is made anew each time: what was asked for tells such a version from another one. */
function publisherPlan(
  input: PublisherInput,
  document: PublisherDocument,
  tags: Tags = {},
): PlannedContent {
  const asked = 'document' in input && isManaged(input.document) ? input.document : document
  const content = { document: sha256(canonicalJson(asked as Json)), tags: { ...tags } }
  return { content, wholeLiveSet: true }
}

async function prepare(
  deps: Deps,
  input: PublisherInput,
  at: { readonly arn: string; readonly before: Publisher | undefined },
): Promise<PreparedVersion> {
  if ('document' in input && isManaged(input.document))
    return await prepareManaged(deps, { ...at, settings: input.document })
  return { document: toDocument(input), keep: () => Promise.resolve([]) }
}

function isManaged(document: Json): boolean {
  return (
    document !== null &&
    typeof document === 'object' &&
    'kind' in document &&
    document.kind === 'managed'
  )
}

/** What a version would trust; `undefined` for a managed one, whose key is not made yet. @throws PlatformError INVALID_PARAMETER */
export function publisherDocumentOf(input: PublisherInput): PublisherDocument | undefined {
  return 'document' in input && isManaged(input.document) ? undefined : toDocument(input)
}

function toDocument(input: PublisherInput): PublisherDocument {
  if ('document' in input) return parsePublisherDocument(input.document)
  const { settings } = input
  const defaults = publisherFromPem(input.pem)
  const given = Object.fromEntries(
    Object.entries(settings).filter(([, value]) => value !== undefined),
  )
  return parsePublisherDocument({ ...defaults, ...given })
}

function stored(document: PublisherDocument): { document: string; digest: Sha256 } {
  const text = canonicalJson(document as unknown as Json)
  return { document: text, digest: sha256(text) }
}

function versionRow(publisherId: string, version: string) {
  return { table: 'publisher_version' as const, key: { publisher_id: publisherId, version } }
}

function nameTaken(name: string): PlatformError {
  return new PlatformError(
    'RESOURCE_CONFLICT',
    `a publisher \`${name}\` exists already; names are never reused`,
  )
}

async function refuseForVersion(
  reader: Reader,
  publisher: Publisher,
  document: PublisherDocument,
): Promise<void> {
  if (publisher.kind !== document.kind) {
    throw new PlatformError(
      'INVALID_PARAMETER',
      `publisher \`${publisher.name}\` is of kind \`${publisher.kind}\`, the version of kind \`${document.kind}\``,
    )
  }
  refuseForeignLineage(publisher.versions, document)
  const revoked = await reader
    .selectFrom('revocation')
    .select('id')
    .where('target_kind', '=', 'publisher')
    .where('target', '=', publisher.id)
    .executeTakeFirst()
  if (revoked === undefined) return
  throw new PlatformError(
    'RESOURCE_CONFLICT',
    `publisher \`${publisher.name}\` is revoked; a revocation is final`,
  )
}

/** A key takes over from one of the same publisher: nobody becomes one signer with somebody else's key. */
function refuseForeignLineage(versions: Publisher['versions'], document: PublisherDocument): void {
  if (document.kind !== 'key' || document.lineage === undefined) return
  const own = [...versions.map((version) => version.document), document].flatMap((one) =>
    one.kind === 'key' ? one.keys.map(({ publicKeyPem }) => publicKeyPem) : [],
  )
  if (document.lineage.every(({ predecessorPem }) => own.includes(predecessorPem))) return
  throw new PlatformError(
    'INVALID_PARAMETER',
    'a predecessor in `lineage` is no key of this publisher, in none of its versions',
  )
}

/** RULES §9: one key, one purpose; a key that the service keeps never counts as another publisher's. */
async function refuseOwnKeys(reader: Reader, document: PublisherDocument): Promise<void> {
  const given = keysOf(document)
  if (given.length === 0) return
  const rows = await reader.selectFrom('sealed_key').select(['purpose', 'public_key_pem']).execute()
  const own = new Map(rows.map((row) => [spkiSha256(row.public_key_pem), row.purpose]))
  for (const key of given) {
    const purpose = own.get(key)
    if (purpose === undefined) continue
    throw new PlatformError(
      'INVALID_PARAMETER',
      `this key is the service's own, for \`${purpose}\`; one key has one purpose`,
    )
  }
}

function keysOf(document: PublisherDocument): Sha256[] {
  if (document.kind === 'key')
    return document.keys.map(({ publicKeyPem }) => spkiSha256(publicKeyPem))
  // A keyless signer's key lives for minutes: no key stands in the document.
  if (document.kind !== 'x509') return []
  return [...document.rootsPem, ...document.intermediatesPem].map((pem) =>
    sha256(new X509Certificate(pem).publicKey.export({ type: 'spki', format: 'der' })),
  )
}
