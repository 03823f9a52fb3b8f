import type { BlobCondition, BlobDirectory } from '../blobs/index.ts'
import type { LedgerReport } from '../ledger/index.ts'
import type { Sha256 } from '../model/index.ts'

/** Findings told of in a report; how many there were is told besides. */
const FINDINGS_TOLD = 100

/** How the parts of a scrub are done: off the event loop, or right here. */
export interface ScrubWork {
  /** The whole ledger, and every governed row against it. */
  verifyLedger(): Promise<LedgerReport>
  /** What a blob's bytes are found to be. */
  examine(digest: Sha256): Promise<BlobCondition>
  /** Digests of prepared trees that are not what they were prepared as. */
  changedTrees(): Promise<readonly string[]>
}

export interface ScrubProgress {
  doneBytes: number
  totalBytes: number
}

export interface ScrubReport {
  readonly ledger: {
    readonly size: number
    readonly findings: readonly string[]
    readonly findingCount: number
  }
  readonly blobs: { readonly checked: number; readonly bytes: number }
  /** Blobs whose bytes are others. */
  readonly damaged: readonly Sha256[]
  /** Blobs that a row names and that are not there. */
  readonly missing: readonly Sha256[]
  /** What the disk does not give back, sound or not: blobs by their digests, directories, `prepared`. It is left where it is. */
  readonly unreadable: readonly string[]
  /** Files that are no blobs. */
  readonly foreign: readonly string[]
  /** Prepared trees that were changed: set aside, prepared again when needed. */
  readonly prepared: readonly string[]
}

/** What is known of a service's scrubs. */
export interface ScrubState {
  /** A pass under way: how far it is. */
  readonly running: {
    readonly since: string
    readonly doneBytes: number
    readonly totalBytes: number
  } | null
  /** The last that ended since the service started. */
  readonly last:
    | (ScrubReport & {
        readonly startedAt: string
        readonly endedAt: string
        readonly ok: boolean
        /** Damaged blobs that were moved to `quarantine/`. */
        readonly quarantined: readonly Sha256[]
      })
    | null
  /** Why the last one did not come to its end. */
  readonly failure: string | null
}

/**
 * Everything stored, held against what it should be. It reads alone. What cannot be read is a finding, and the rest is gone
 * on with.
 * @throws the signal's reason, and what `examine` throws
 */
export async function scrub(
  work: ScrubWork,
  stored: {
    readonly blobs: Pick<BlobDirectory, 'list'>
    /** What rows name, read before anything else is. */
    readonly named: ReadonlyMap<Sha256, number>
    readonly progress: ScrubProgress
    readonly signal?: AbortSignal
  },
): Promise<ScrubReport> {
  const { blobs, named, progress, signal } = stored
  progress.totalBytes = [...named.values()].reduce((sum, size) => sum + size, 0)
  const found: Record<Exclude<BlobCondition, 'sound'>, Sha256[]> = {
    damaged: [],
    missing: [],
    unreadable: [],
  }
  const look = async (digest: Sha256): Promise<BlobCondition> => {
    const condition = await work.examine(digest)
    // What was removed meanwhile is not there to be damaged.
    if (condition !== 'sound' && (condition !== 'missing' || named.has(digest)))
      found[condition].push(digest)
    return condition
  }
  const foreign: string[] = []
  const unreadable: string[] = []
  const seen = new Set<Sha256>()
  for await (const { path, digest, sizeBytes, ...listed } of blobs.list()) {
    signal?.throwIfAborted()
    if (digest === undefined) {
      ;(listed.unreadable === true ? unreadable : foreign).push(path)
      continue
    }
    seen.add(digest)
    await look(digest)
    progress.doneBytes += sizeBytes
  }
  for (const digest of named.keys()) if (!seen.has(digest)) await look(digest)
  const prepared = await work.changedTrees().catch(() => {
    signal?.throwIfAborted()
    unreadable.push('prepared')
    return []
  })
  const { findings, size } = await work.verifyLedger().catch((error: unknown) => {
    signal?.throwIfAborted()
    return { size: 0, findings: [{ message: `it cannot be verified: ${messageOf(error)}` }] }
  })
  return {
    ledger: {
      size,
      findings: findings.slice(0, FINDINGS_TOLD).map(({ message }) => message),
      findingCount: findings.length,
    },
    blobs: { checked: seen.size, bytes: progress.doneBytes },
    damaged: found.damaged.toSorted(),
    missing: found.missing.toSorted(),
    unreadable: [...found.unreadable.toSorted(), ...unreadable],
    foreign,
    prepared,
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : 'unknown'
}

/** Whether anything is not as it should be. Foreign files alone hurt nobody. */
export function hasDamage(report: ScrubReport): boolean {
  const { ledger, damaged, missing, unreadable, prepared } = report
  const lists = [damaged, missing, unreadable, prepared]
  return ledger.findingCount > 0 || lists.some(({ length }) => length > 0)
}
