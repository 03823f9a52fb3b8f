import type { BlobSource, BlobStore } from '../blobs/index.ts'
import {
  compiledUrl,
  type ArtifactIdentity,
  type Revocation,
  type SealInput,
  type Sha256,
  type TrustedPublisher,
  type Verdict,
} from '../model/index.ts'
import type { ExaminedArtifact } from './gate.ts'
import { Offload } from './offload.ts'

const WORKER_THREADS = 2
/** Identities and seals of stored blobs kept in memory: facts of immutable bytes, never verdicts. */
const EXAMINED_CACHE_LIMIT = 512

/** What the worker needs to open an artifact again without trusting anything it is told about it. */
export interface ExamineAnswer {
  readonly identity: ArtifactIdentity
  readonly sealBlock: { readonly offset: number; readonly length: number } | undefined
  readonly seals: readonly SealInput[]
  readonly brokenSeal: string | undefined
  readonly noteworthyPaths: readonly string[]
}

export interface JudgeTask {
  readonly path: string
  readonly examined: ExamineAnswer
  readonly kind: 'function' | 'layer'
  readonly name: string
  readonly account: string
  /** Detached seals, beside those of the block. */
  readonly detached: readonly SealInput[]
  readonly publishers: readonly TrustedPublisher[]
  readonly revocations: readonly Revocation[]
  readonly atMs: number
}

/** Opens and judges artifacts in worker threads: a 250 MB deployment must not be felt by callers. */
export class Examiner {
  readonly #blobs: BlobStore
  readonly #offload: Offload
  readonly #stored = new Map<Sha256, ExamineAnswer>()

  constructor(blobs: BlobStore) {
    this.#blobs = blobs
    this.#offload = new Offload(compiledUrl(import.meta.url, './examine-worker.js'), WORKER_THREADS)
  }

  /** The strict profile, both digests, the seals. @throws PlatformError INVALID_ARTIFACT */
  async examine(source: BlobSource): Promise<ExaminedArtifact> {
    const answer = (await this.#offload.run('examine', { path: source.path })) as ExamineAnswer
    return { ...answer, source }
  }

  /** The same of an admitted blob. @throws PlatformError INVALID_ARTIFACT where the stored bytes are not what they were */
  async stored(codeSha256: Sha256): Promise<ExaminedArtifact> {
    const source = this.#blobs.open(codeSha256)
    const known = this.#stored.get(codeSha256)
    if (known !== undefined) return { ...known, source }
    const answer = (await this.#offload.run('examine', {
      path: source.path,
      codeSha256,
    })) as ExamineAnswer
    if (this.#stored.size >= EXAMINED_CACHE_LIMIT) {
      const oldest = this.#stored.keys().next()
      if (!oldest.done) this.#stored.delete(oldest.value)
    }
    this.#stored.set(codeSha256, answer)
    return { ...answer, source }
  }

  /** What the seals say of these bytes, by the publishers and revocations given. */
  async judge(
    artifact: ExaminedArtifact,
    asked: Omit<JudgeTask, 'path' | 'examined'>,
  ): Promise<Verdict> {
    const { source, identity, sealBlock, seals, brokenSeal, noteworthyPaths } = artifact
    const task: JudgeTask = {
      ...asked,
      path: source.path,
      examined: { identity, sealBlock, seals, brokenSeal, noteworthyPaths },
    }
    return (await this.#offload.run('judge', task)) as Verdict
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#offload[Symbol.asyncDispose]()
  }
}
