import type { BlobSource, BlobStore } from '../blobs/index.ts'
import {
  compiledUrl,
  type ArtifactIdentity,
  type FetchedRevocationList,
  type Revocation,
  type SealInput,
  type SigningRequirements,
  type SubjectAttestations,
  type Sha256,
  type TrustedPublisher,
  type Verdict,
} from '../model/index.ts'
import type { SbomPackage } from '../seal/index.ts'
import type { AttestedInput } from '../trust/index.ts'
import type { Examination, ExaminedArtifact, StoredArtifact } from './change.ts'
import { Offload } from './offload.ts'

const WORKER_THREADS = 2
/** Examinations of stored blobs kept in memory. */
const EXAMINED_CACHE_LIMIT = 512

export interface ExamineTask {
  readonly path: string
  /** What the bytes must hash to, where that is known. */
  readonly codeSha256?: Sha256
}

/** What seals are judged by: everything a verdict is a function of, beside the bytes. */
export interface Judging {
  readonly kind: 'function' | 'layer'
  readonly name: string
  readonly account: string
  /** Detached seals, beside those of the block. */
  readonly detached: readonly SealInput[]
  readonly publishers: readonly TrustedPublisher[]
  readonly revocations: readonly Revocation[]
  readonly revocationLists: readonly FetchedRevocationList[]
  /** The function that takes a layer, where one does. */
  readonly functionName?: string | undefined
  readonly requirements?: SigningRequirements | undefined
  readonly atMs: number
}

export interface JudgeTask extends Judging {
  readonly path: string
  readonly examined: Examination
}

/** What judging asks of whoever reads artifacts. */
export type ArtifactJudge = Pick<Examiner, 'stored' | 'judge' | 'attested'>

/** Opens and judges artifacts in worker threads: a 250 MB deployment must not be felt by callers. */
export class Examiner {
  readonly #blobs: BlobStore
  readonly #offload: Offload
  readonly #stored = new Map<Sha256, Examination>()

  constructor(blobs: BlobStore) {
    this.#blobs = blobs
    this.#offload = new Offload(compiledUrl(import.meta.url, './examine-worker.js'), WORKER_THREADS)
  }

  /** The strict profile, both digests, the seals. @throws PlatformError INVALID_ARTIFACT */
  async examine(source: BlobSource): Promise<ExaminedArtifact> {
    return { ...(await this.#examine({ path: source.path })), source }
  }

  /** The same of an admitted blob. @throws PlatformError ACTIVATION_FAILED where its bytes are not what was admitted */
  async stored(codeSha256: Sha256): Promise<StoredArtifact> {
    using source = this.#blobs.open(codeSha256)
    const { path } = source
    const known = this.#stored.get(codeSha256) ?? (await this.#examine({ path, codeSha256 }))
    this.#remember(codeSha256, known)
    return { ...known, path }
  }

  /** What the seals say of the bytes at `path`, by the publishers and revocations given. */
  async judge(path: string, artifact: Examination, by: Judging): Promise<Verdict> {
    const { identity, sealBlock, seals, brokenSeal, unchecked, noteworthyPaths } = artifact
    const { awsSigned = false } = artifact
    const examined = {
      identity, sealBlock, seals, brokenSeal, unchecked, noteworthyPaths, awsSigned,
    } // prettier-ignore
    const task: JudgeTask = { ...by, path, examined }
    return (await this.#offload.run('judge', task)) as Verdict
  }

  /** What bundles attest of an artifact, by the publishers and revocations given. */
  async attested(
    artifact: ArtifactIdentity,
    by: Omit<AttestedInput, 'artifact'>,
  ): Promise<SubjectAttestations> {
    const task: AttestedInput = { ...by, artifact }
    return (await this.#offload.run('attested', task)) as SubjectAttestations
  }

  /** What the SBOM in a bundle lists, where it holds one. @throws PlatformError INVALID_SEAL */
  async packages(bundle: Uint8Array): Promise<readonly SbomPackage[]> {
    return (await this.#offload.run('packages', bundle)) as readonly SbomPackage[]
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#offload[Symbol.asyncDispose]()
  }

  async #examine(task: ExamineTask): Promise<Examination> {
    return (await this.#offload.run('examine', task)) as Examination
  }

  /** Most recently used last; the first goes when there are too many. */
  #remember(codeSha256: Sha256, examination: Examination): void {
    this.#stored.delete(codeSha256)
    this.#stored.set(codeSha256, examination)
    if (this.#stored.size <= EXAMINED_CACHE_LIMIT) return
    const oldest = this.#stored.keys().next()
    if (!oldest.done) this.#stored.delete(oldest.value)
  }
}
