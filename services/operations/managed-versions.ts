import { createPublicKey } from 'node:crypto'

import type { RowRef } from '../audit/index.ts'
import type { Publisher } from '../catalog/index.ts'
import { MANAGED_PREFIX } from '../keys/index.ts'
import {
  sha256,
  type KeySuccession,
  type ManagedPublisherDocument,
  type PublisherDocument,
  type Sha256,
} from '../model/index.ts'
import type { Writer } from '../store/index.ts'
import { managedDocument, parseManagedSettings, successionBytes } from '../trust/index.ts'
import type { Deps } from './context.ts'

/** A version to be, with what has to be kept beside its row. */
export interface PreparedVersion {
  readonly document: PublisherDocument
  keep(tx: Writer, atMs: number): Promise<RowRef[]>
}

/** What the key of a managed version is kept for: that version alone (RULES §9). */
export function managedPurpose(versionArn: string): string {
  return `${MANAGED_PREFIX}${sha256(versionArn).slice(0, 48)}`
}

/**
 * A managed version with a key of its own, made here and kept with the version or not at all. Where there was one
 * before, its key signs the succession: all of them are one signer.
 * @throws PlatformError INVALID_PARAMETER
 */
export async function prepareManaged(
  deps: Deps,
  at: { readonly arn: string; readonly settings: unknown; readonly before: Publisher | undefined },
): Promise<PreparedVersion> {
  const settings = parseManagedSettings(at.settings as Readonly<Record<string, unknown>>)
  const key = deps.keys.makeManaged(managedPurpose(at.arn))
  const succession = await succeed(deps, at.before, key.publicKeyPem)
  return {
    document: managedDocument(settings, { publicKeyPem: key.publicKeyPem, succession }),
    keep: async (tx, atMs) => {
      await key.keep(tx, atMs)
      return [{ table: 'sealed_key', key: { purpose: key.purpose } }]
    },
  }
}

async function succeed(
  deps: Deps,
  before: Publisher | undefined,
  successorPem: string,
): Promise<KeySuccession | undefined> {
  const last = before?.versions.findLast(({ document }) => document.kind === 'managed')
  if (last?.document.kind !== 'managed') return undefined
  const predecessor = await deps.keys.managed(managedPurpose(last.arn))
  const bytes = successionBytes({
    predecessor: spkiOf(last.document),
    successor: spkiSha256(successorPem),
  })
  return {
    predecessorPem: last.document.publicKeyPem,
    successorPem,
    signature: Buffer.from(predecessor.sign(bytes)).toString('base64'),
  }
}

export function spkiOf({ publicKeyPem }: Pick<ManagedPublisherDocument, 'publicKeyPem'>): Sha256 {
  return spkiSha256(publicKeyPem)
}

/** The fingerprint of a public key, or of the key in a certificate. */
export function spkiSha256(pem: string): Sha256 {
  return sha256(createPublicKey(pem).export({ type: 'spki', format: 'der' }))
}
