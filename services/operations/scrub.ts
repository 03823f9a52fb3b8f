import type { BlobDirectory } from '../blobs/index.ts'
import type { LedgerReport } from '../ledger/index.ts'
import type { Sha256 } from '../model/index.ts'

/** Findings told of in a report; how many there were is told besides. */
const FINDINGS_TOLD = 100

/** How the parts of a scrub are done: off the event loop, or right here. */
export interface ScrubWork {
  /** The whole ledger, and every governed row against it. */
  verifyLedger(): Promise<LedgerReport>
  /** Whether a blob's bytes hash to its name. */
  isSound(digest: Sha256): Promise<boolean>
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
 * Everything stored, held against what it should be. It reads alone.
 * @throws what `work` throws, and the signal's reason
 */
export async function scrub(
  work: ScrubWork,
  stored: {
    readonly blobs: Pick<BlobDirectory, 'list' | 'has'>
    /** What rows name, read before anything else is. */
    readonly named: ReadonlyMap<Sha256, number>
    readonly progress: ScrubProgress
    readonly signal?: AbortSignal
  },
): Promise<ScrubReport> {
  const { blobs, named, progress, signal } = stored
  progress.totalBytes = [...named.values()].reduce((sum, size) => sum + size, 0)
  const damaged: Sha256[] = []
  const foreign: string[] = []
  const seen = new Set<Sha256>()
  for await (const { path, digest, sizeBytes } of blobs.list()) {
    signal?.throwIfAborted()
    if (digest === undefined) {
      foreign.push(path)
      continue
    }
    seen.add(digest)
    // What was removed meanwhile is not there to be damaged.
    if (!(await work.isSound(digest)) && (await blobs.has(digest))) damaged.push(digest)
    progress.doneBytes += sizeBytes
  }
  const missing: Sha256[] = []
  for (const digest of named.keys())
    if (!seen.has(digest) && !(await blobs.has(digest))) missing.push(digest)
  const prepared = await work.changedTrees()
  const { findings, size } = await work.verifyLedger()
  return {
    ledger: {
      size,
      findings: findings.slice(0, FINDINGS_TOLD).map(({ message }) => message),
      findingCount: findings.length,
    },
    blobs: { checked: seen.size, bytes: progress.doneBytes },
    damaged: damaged.toSorted(),
    missing: missing.toSorted(),
    foreign,
    prepared,
  }
}

/** Whether anything is not as it should be. Foreign files alone hurt nobody. */
export function hasDamage(report: ScrubReport): boolean {
  const { ledger, damaged, missing, prepared } = report
  return ledger.findingCount + damaged.length + missing.length + prepared.length > 0
}
