import { basename, dirname } from 'node:path'

import type { VerifyDirectoryOptions } from '../audit/index.ts'
import type { BlobCondition, BlobRemoval } from '../blobs/index.ts'
import { namedBlobs } from '../catalog/index.ts'
import type { LedgerReport } from '../ledger/index.ts'
import { PlatformError, compiledUrl, toIsoTime, type Sha256 } from '../model/index.ts'
import { record } from './commit.ts'
import type { Deps } from './context.ts'
import { Offload } from './offload.ts'
import type { ExamineTask } from './scrub-worker.ts'
import { hasDamage, scrub, type ScrubState } from './scrub.ts'

/** By itself the service reads so much a second: a disk has room for the rest. */
const SLOW_BYTES_PER_SECOND = 8 * 1_048_576
/** Verifying a ledger remembers the last state of every row. */
const HEAP_LIMIT_MB = 2_048
/** Digests in one ledger entry. */
const CHUNK = 256

interface Running {
  readonly sinceMs: number
  readonly progress: { doneBytes: number; totalBytes: number }
  bytesPerSecond: number | null
  readonly done: Promise<void>
}

/** Scrubs of a running service: one at a time, slowly or as fast as it goes. */
export class Scrubs implements AsyncDisposable {
  readonly #deps: Deps
  #offload: Offload | undefined
  readonly #stop = new AbortController()
  #running: Running | undefined
  #last: ScrubState['last'] = null
  #failure: string | null = null

  constructor(deps: Deps) {
    this.#deps = deps
  }

  /** Started by the first pass: a service that only starts does not wait for it. */
  #thread(): Offload {
    if (this.#stop.signal.aborted) throw new PlatformError('UNAVAILABLE', 'the service is stopping')
    const file = compiledUrl(import.meta.url, './scrub-worker.js')
    return (this.#offload ??= new Offload(file, 1, HEAP_LIMIT_MB))
  }

  state(): ScrubState {
    const running = this.#running
    return {
      running:
        running === undefined ? null : { since: toIsoTime(running.sinceMs), ...running.progress },
      last: this.#last,
      failure: this.#failure,
    }
  }

  /** Begins a pass, or lets the one under way go as fast as it can. */
  begin(): ScrubState {
    if (this.#running === undefined) this.#begin(null)
    else this.#running.bytesPerSecond = null
    return this.state()
  }

  /** A pass that leaves the disk to others, or the one under way; resolves at its end. */
  async passSlowly(): Promise<void> {
    await (this.#running ?? this.#begin(SLOW_BYTES_PER_SECOND)).done
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort()
    await this.#offload?.[Symbol.asyncDispose]()
    await this.#running?.done
  }

  #begin(bytesPerSecond: number | null): Running {
    const progress = { doneBytes: 0, totalBytes: 0 }
    const sinceMs = this.#deps.clock.nowMs()
    const running: Running = {
      sinceMs,
      progress,
      bytesPerSecond,
      done: Promise.resolve()
        .then(() => this.#pass(running))
        .catch((error: unknown) => {
          if (this.#stop.signal.aborted) return
          this.#failure = error instanceof Error ? error.message : 'unknown'
          this.#deps.log.error({ err: error }, 'the stored data could not be scrubbed')
        })
        .finally(() => (this.#running = undefined)),
    }
    this.#running = running
    return running
  }

  async #pass(running: Running): Promise<void> {
    const { store, blobs, runtime, clock, metrics, log } = this.#deps
    const named = await store.snapshot((reader) => namedBlobs(reader))
    const [dataDir, database] = [dirname(store.path), basename(store.path)]
    const work = {
      examine: async (digest: Sha256) => {
        const { bytesPerSecond } = running
        const task: ExamineTask = { dataDir: blobs.dataDir, digest, bytesPerSecond }
        return (await this.#thread().run('examine', task)) as BlobCondition
      },
      changedTrees: () => runtime.verifyPrepared(),
      verifyLedger: async () => {
        const task: VerifyDirectoryOptions = { dataDir, database }
        return (await this.#thread().run('ledger', task)) as LedgerReport
      },
    }
    const { signal } = this.#stop
    const report = await scrub(work, { blobs, named, progress: running.progress, signal })
    const quarantined = await this.#setAside(report.damaged)
    const endedMs = clock.nowMs()
    const ok = !hasDamage(report)
    this.#failure = null
    this.#last = {
      ...report,
      startedAt: toIsoTime(running.sinceMs),
      endedAt: toIsoTime(endedMs),
      ok,
      quarantined,
    }
    metrics.scrubbed({
      atMs: endedMs,
      bytes: report.blobs.bytes,
      damaged: report.damaged.length,
      missing: report.missing.length,
      unreadable: report.unreadable.length,
      ledger: report.ledger.findingCount,
      prepared: report.prepared.length,
    })
    if (!ok) log.error({ ...report, quarantined }, 'stored data is damaged')
  }

  /** Out of the way before anybody is served it. */
  async #setAside(damaged: readonly Sha256[]): Promise<Sha256[]> {
    const aside: Sha256[] = []
    for (let at = 0; at < damaged.length; at += CHUNK)
      aside.push(...(await this.#setChunkAside(damaged.slice(at, at + CHUNK))))
    return aside
  }

  /**
   * Looked at once more, for a deployment may have mended it. It is in the ledger before it is gone: killed in between, the
   * next scrub finds it again.
   */
  async #setChunkAside(damaged: readonly Sha256[]): Promise<Sha256[]> {
    const { blobs, log } = this.#deps
    const claims = new Map<Sha256, BlobRemoval>()
    try {
      for (const digest of damaged) {
        const claim = blobs.claim(digest)
        if (claim === undefined) continue
        claims.set(digest, claim)
        if ((await blobs.examine(digest)) === 'damaged') continue
        claims.delete(digest)
        claim[Symbol.dispose]()
      }
      if (claims.size === 0) return []
      const note = { quarantined: [...claims.keys()] }
      const event = { type: 'scrub', action: 'lacre:Scrub', resource: 'installation', note }
      await record(this.#deps, event, () => Promise.resolve({ result: undefined, touched: [] }))
      const aside: Sha256[] = []
      for (const [digest, claim] of claims) {
        try {
          await claim.setAside()
          aside.push(digest)
        } catch (error) {
          log.error({ err: error, digest }, 'a damaged blob could not be set aside')
        }
      }
      return aside
    } finally {
      for (const claim of claims.values()) claim[Symbol.dispose]()
    }
  }
}
