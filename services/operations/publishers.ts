import { createPublicKey } from 'node:crypto'

import {
  cancelPublisherVersion as cancelVersionRow,
  findPublisher,
  getPublisher,
  getPublisherVersion,
  insertPublisher,
  insertPublisherVersion,
  listPublishers as selectPublishers,
  parsePublisherName,
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
import { listUrls } from './revocation-lists.ts'

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
  input: { readonly name: string; readonly publisher: PublisherInput },
): Promise<PublisherChange> {
  const name = parsePublisherName(input.name)
  const document = toDocument(input.publisher)
  const id = newId('pub', deps.clock, deps.random)
  const version = newPublisherVersion(deps.random)
  const change = await govern(deps, caller, {
    action: 'lacre:CreatePublisher',
    resource: publisherArn(deps.place, name),
    raisesWorld: true,
    read: async (reader) => {
      await refuseOwnKeys(reader, document)
      if ((await findPublisher(reader, deps.place, name)) !== undefined) throw nameTaken(name)
      return trustChange(null, publisherVersionArn(deps.place, name, version))
    },
    commit: async (tx, _admitted, atMs) => {
      await insertPublisher(tx, { id, name, kind: document.kind, createdAtMs: atMs })
      await insertPublisherVersion(tx, {
        publisherId: id,
        version,
        ...stored(document),
        createdAtMs: atMs,
      })
      const touched = [{ table: 'publisher' as const, key: { id } }, versionRow(id, version)]
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
  const document = toDocument(input.publisher)
  const version = newPublisherVersion(deps.random)
  const change = await govern(deps, caller, {
    action: 'lacre:PutPublisherVersion',
    resource: publisherArn(deps.place, input.name),
    raisesWorld: true,
    read: async (reader) => {
      await refuseOwnKeys(reader, document)
      const publisher = await getPublisher(reader, deps.place, input.name)
      await refuseForVersion(reader, publisher, document)
      const arn = publisherVersionArn(deps.place, publisher.name, version)
      return trustChange(publisher.versions.at(-1)?.arn ?? null, arn)
    },
    commit: async (tx, _admitted, atMs) => {
      const publisher = await getPublisher(tx, deps.place, input.name)
      await refuseForVersion(tx, publisher, document)
      await insertPublisherVersion(tx, {
        publisherId: publisher.id,
        version,
        ...stored(document),
        createdAtMs: atMs,
      })
      const result = await getPublisher(tx, deps.place, input.name)
      return { result, touched: [versionRow(publisher.id, version)] }
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

/** RULES §9: one key, one purpose; a key that the service keeps never counts as a publisher's. */
async function refuseOwnKeys(reader: Reader, document: PublisherDocument): Promise<void> {
  if (document.kind !== 'key') return
  const rows = await reader.selectFrom('sealed_key').select(['purpose', 'public_key_pem']).execute()
  const own = new Map(rows.map((row) => [spki(row.public_key_pem), row.purpose]))
  for (const key of document.keys) {
    const purpose = own.get(spki(key.publicKeyPem))
    if (purpose === undefined) continue
    throw new PlatformError(
      'INVALID_PARAMETER',
      `this key is the service's own, for \`${purpose}\`; one key has one purpose`,
    )
  }
}

function spki(pem: string): Sha256 {
  return sha256(createPublicKey(pem).export({ type: 'spki', format: 'der' }))
}
