import { dirname } from 'node:path'

import type { BlobRemoval } from '../blobs/index.ts'
import { namedBlobs, usedBlobs } from '../catalog/index.ts'
import { PlatformError, systemClock, type Principal, type Sha256 } from '../model/index.ts'
import { removeFiles } from '../store/index.ts'
import { record } from './commit.ts'
import type { Deps } from './context.ts'

/** What nobody names is left alone for this long: also what was put in place by hand. */
export const GARBAGE_GRACE_MS = 24 * 3_600_000
/** A raw upload that no deployment has taken up in this time, which is longer than any plan lives. */
const UNUSED_UPLOAD_MS = 24 * 3_600_000
/** Digests in one ledger entry, which is at most 60,000 bytes. */
const CHUNK = 256

export interface GarbageAsked {
  /** Says what would go, and takes nothing away. */
  readonly dryRun: boolean
  readonly graceMs: number
}

export interface GarbageReport {
  readonly dryRun: boolean
  /** Stored bytes that no row names: of deployments that were never committed. */
  readonly blobs: readonly Sha256[]
  readonly bytes: number
  /** Code unpacked of versions that are no more; it is unpacked again should one come back. */
  readonly prepared: readonly Sha256[]
  /** Temporary files and raw uploads. */
  readonly files: number
}

/**
 * Takes away what nothing needs. What was ever admitted is named by a row for ever, so that versions, history, decisions
 * and evidence keep their bytes; what a deployment has just put is held until its rows are there; and while a backup is
 * being made nothing goes. Each digest is in the ledger before it is gone.
 * @throws PlatformError UNAVAILABLE while a backup is being made
 */
export async function collectGarbage(
  deps: Deps,
  asked: GarbageAsked,
  principal?: Principal,
): Promise<GarbageReport> {
  // Files have times of the system's clock.
  const beforeMs = systemClock.nowMs() - asked.graceMs
  const found = await findGarbage(deps, beforeMs)
  if (asked.dryRun) return { dryRun: true, ...found, files: 0 }
  using free = removeFiles(dirname(deps.store.path))
  if (free === undefined)
    throw new PlatformError('UNAVAILABLE', 'a backup is being made: nothing is removed until then')
  const sizes = found.sizes
  const blobs: Sha256[] = []
  for (const chunk of chunksOf(found.blobs))
    blobs.push(...(await removeBlobs(deps, chunk, principal)))
  const prepared: Sha256[] = []
  for (const chunk of chunksOf(found.prepared))
    prepared.push(...(await removePrepared(deps, chunk, principal)))
  const files =
    (await deps.blobs.expireTemporary(beforeMs)) +
    (await deps.blobs.expireStaged(systemClock.nowMs() - UNUSED_UPLOAD_MS))
  deps.metrics.collected({ blobs: blobs.length, prepared: prepared.length, files })
  const bytes = blobs.reduce((sum, digest) => sum + (sizes.get(digest) ?? 0), 0)
  return { dryRun: false, blobs, bytes, prepared, files }
}

async function findGarbage(deps: Deps, beforeMs: number) {
  const { named, used } = await deps.store.snapshot(async (reader) => ({
    named: await namedBlobs(reader),
    used: await usedBlobs(reader),
  }))
  const sizes = new Map<Sha256, number>()
  for await (const { digest, sizeBytes, writtenMs } of deps.blobs.list())
    if (digest !== undefined && !named.has(digest) && writtenMs <= beforeMs)
      sizes.set(digest, sizeBytes)
  const bytes = [...sizes.values()].reduce((sum, size) => sum + size, 0)
  const prepared = deps.runtime.listPrepared(beforeMs).filter((digest) => !used.has(digest))
  return { blobs: [...sizes.keys()].toSorted(), bytes, prepared, sizes }
}

/**
 * Claimed first, looked up after: whoever commits a row that names one of these held it before and was not claimed, or
 * comes later, waits, and writes the bytes anew.
 */
async function removeBlobs(
  deps: Deps,
  digests: readonly Sha256[],
  principal: Principal | undefined,
): Promise<Sha256[]> {
  const claims = new Map<Sha256, BlobRemoval>()
  try {
    for (const digest of digests) {
      const claim = deps.blobs.claim(digest)
      if (claim !== undefined) claims.set(digest, claim)
    }
    const named = await deps.store.snapshot((reader) => namedBlobs(reader))
    const orphans = [...claims.keys()].filter((digest) => !named.has(digest))
    if (orphans.length === 0) return []
    await tell(deps, { blobs: orphans }, principal)
    for (const digest of orphans) await claims.get(digest)?.remove()
    return orphans
  } finally {
    for (const claim of claims.values()) claim[Symbol.dispose]()
  }
}

async function removePrepared(
  deps: Deps,
  digests: readonly Sha256[],
  principal: Principal | undefined,
): Promise<Sha256[]> {
  const used = await deps.store.snapshot((reader) => usedBlobs(reader))
  const unused = digests.filter((digest) => !used.has(digest))
  if (unused.length === 0) return []
  await tell(deps, { prepared: unused }, principal)
  const gone: Sha256[] = []
  for (const digest of unused) if (await deps.runtime.dropPrepared(digest)) gone.push(digest)
  return gone
}

async function tell(
  deps: Deps,
  note: { readonly [kind: string]: readonly Sha256[] },
  principal: Principal | undefined,
): Promise<void> {
  const event = {
    type: 'garbage',
    action: 'lacre:CollectGarbage',
    resource: 'installation',
    note,
    ...(principal !== undefined && { principal }),
  }
  await record(deps, event, () => Promise.resolve({ result: undefined, touched: [] }))
}

function* chunksOf<T>(items: readonly T[]): Generator<readonly T[]> {
  for (let at = 0; at < items.length; at += CHUNK) yield items.slice(at, at + CHUNK)
}
