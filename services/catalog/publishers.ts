import {
  PlatformError,
  publisherVersionArn,
  type Place,
  type PublisherDocument,
  type Sha256,
  type TrustedPublisher,
} from '../model/index.ts'
import type { PublisherTable, PublisherVersionTable, Reader, Writer } from '../store/index.ts'

export type PublisherStatus = PublisherVersionTable['status']

/** One immutable version of a publisher: only `status` ever changes, and never back. */
export interface PublisherVersion {
  readonly version: string
  readonly arn: string
  readonly digest: Sha256
  readonly status: PublisherStatus
  readonly createdAtMs: number
  readonly document: PublisherDocument
}

/** Whom to trust. Never deleted: a name stands for one publisher for ever (RULES §4). */
export interface Publisher {
  readonly id: string
  readonly name: string
  readonly kind: PublisherTable['kind']
  readonly createdAtMs: number
  /** Oldest first. */
  readonly versions: readonly PublisherVersion[]
}

/** AWS Signer's profile names; anchored, so that no name ends in a line break. */
const NAME = /^[a-zA-Z0-9_]{2,64}$/

/** @throws PlatformError INVALID_PARAMETER */
export function parsePublisherName(text: string): string {
  if (NAME.test(text)) return text
  throw new PlatformError(
    'INVALID_PARAMETER',
    `publisher name \`${text.slice(0, 80)}\` is not 2 to 64 letters, digits or underscores`,
  )
}

/** The publisher of that name with all its versions. */
export async function findPublisher(
  reader: Reader,
  place: Place,
  name: string,
): Promise<Publisher | undefined> {
  const [publisher] = await selectPublishers(reader, place, name)
  return publisher
}

/** @throws PlatformError RESOURCE_NOT_FOUND */
export async function getPublisher(reader: Reader, place: Place, name: string): Promise<Publisher> {
  const publisher = await findPublisher(reader, place, name)
  if (publisher !== undefined) return publisher
  throw new PlatformError('RESOURCE_NOT_FOUND', `there is no publisher \`${name.slice(0, 80)}\``)
}

/** @throws PlatformError RESOURCE_NOT_FOUND */
export function getPublisherVersion(publisher: Publisher, version: string): PublisherVersion {
  const found = publisher.versions.find((one) => one.version === version)
  if (found !== undefined) return found
  throw new PlatformError(
    'RESOURCE_NOT_FOUND',
    `publisher \`${publisher.name}\` has no version \`${version.slice(0, 80)}\``,
  )
}

/** All publishers, by name. */
export async function listPublishers(reader: Reader, place: Place): Promise<Publisher[]> {
  return await selectPublishers(reader, place)
}

/** Two reads, whatever the number of publishers; both inside the caller's snapshot. */
async function selectPublishers(reader: Reader, place: Place, name?: string): Promise<Publisher[]> {
  let query = reader
    .selectFrom('publisher')
    .leftJoin('publisher_version', 'publisher_version.publisher_id', 'publisher.id')
    .select([
      'publisher.id',
      'publisher.kind',
      'publisher.name',
      'publisher.created_at',
      'publisher_version.version',
      'publisher_version.document',
      'publisher_version.digest',
      'publisher_version.status',
      'publisher_version.created_at as version_created_at',
    ])
    .orderBy('publisher.name')
    .orderBy('publisher_version.created_at')
    .orderBy('publisher_version.version')
  if (name !== undefined) query = query.where('publisher.name', '=', name)
  const byId = new Map<string, Publisher & { versions: PublisherVersion[] }>()
  for (const row of await query.execute()) {
    const publisher = byId.get(row.id) ?? {
      id: row.id,
      name: row.name,
      kind: row.kind,
      createdAtMs: row.created_at,
      versions: [],
    }
    byId.set(row.id, publisher)
    const { version, document, digest, status, version_created_at: createdAtMs } = row
    if (version === null || document === null || digest === null) continue
    if (status === null || createdAtMs === null) continue
    publisher.versions.push({
      version,
      arn: publisherVersionArn(place, row.name, version),
      digest: digest as Sha256,
      status,
      createdAtMs,
      // Written by us from a document that was parsed; immutable since, and hashed into the ledger.
      document: JSON.parse(document) as PublisherDocument,
    })
  }
  return [...byId.values()]
}

export interface NewPublisher {
  readonly id: string
  readonly name: string
  readonly kind: PublisherDocument['kind']
  readonly createdAtMs: number
}

/** @throws PlatformError RESOURCE_CONFLICT where the name was ever taken */
export async function insertPublisher(tx: Writer, publisher: NewPublisher): Promise<void> {
  const taken = await tx
    .selectFrom('publisher')
    .select('id')
    .where('name', '=', publisher.name)
    .executeTakeFirst()
  if (taken !== undefined) {
    throw new PlatformError(
      'RESOURCE_CONFLICT',
      `a publisher \`${publisher.name}\` exists already; names are never reused`,
    )
  }
  await tx
    .insertInto('publisher')
    .values({
      id: publisher.id,
      name: publisher.name,
      kind: publisher.kind,
      created_at: publisher.createdAtMs,
    })
    .execute()
}

export interface NewPublisherVersion {
  readonly publisherId: string
  readonly version: string
  /** Canonical JSON of the PublisherDocument. */
  readonly document: string
  readonly digest: Sha256
  readonly createdAtMs: number
}

export async function insertPublisherVersion(
  tx: Writer,
  version: NewPublisherVersion,
): Promise<void> {
  await tx
    .insertInto('publisher_version')
    .values({
      publisher_id: version.publisherId,
      version: version.version,
      document: version.document,
      digest: version.digest,
      status: 'Active',
      created_at: version.createdAtMs,
    })
    .execute()
}

/** Active → Canceled, never back. What is revoked stands in `revocation` alone: it has a time of its own. */
export async function cancelPublisherVersion(
  tx: Writer,
  version: { readonly publisherId: string; readonly version: string },
): Promise<void> {
  await tx
    .updateTable('publisher_version')
    .set({ status: 'Canceled' })
    .where('publisher_id', '=', version.publisherId)
    .where('version', '=', version.version)
    .where('status', '=', 'Active')
    .execute()
}

/**
 * Every version of every publisher as `trust` wants them; `allowed` holds the ARNs that a code signing config
 * names (resolved when it was saved), or `'all'` where no config is at hand. The others are there to be named
 * as "nearest" in a refusal.
 */
export async function trustedPublishers(
  reader: Reader,
  place: Place,
  allowed: ReadonlySet<string> | 'all',
): Promise<TrustedPublisher[]> {
  const publishers = await listPublishers(reader, place)
  return publishers.flatMap((publisher) =>
    publisher.versions.map((version) => ({
      id: publisher.id,
      name: publisher.name,
      version: version.version,
      arn: version.arn,
      status: version.status,
      createdAtMs: version.createdAtMs,
      document: version.document,
      allowed: allowed === 'all' || allowed.has(version.arn),
    })),
  )
}
