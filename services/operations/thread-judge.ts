import type { BlobReader } from '../blobs/index.ts'
import type { ArtifactIdentity, Sha256, SubjectAttestations, Verdict } from '../model/index.ts'
import { VerificationCache, attested, type AttestedInput } from '../trust/index.ts'
import type { Examination, StoredArtifact } from './change.ts'
import type { ArtifactJudge, Judging } from './examine.ts'
import { examineArtifact, judgeArtifact } from './examining.ts'

/** Examinations of immutable bytes kept by one thread: all that is live of a large installation. */
const EXAMINED_LIMIT = 20_000

/** Reads and judges artifacts in the thread that asks: for one that judges much and holds nobody up. */
export class ThreadJudge implements ArtifactJudge {
  readonly #blobs: BlobReader
  readonly #cache = new VerificationCache()
  readonly #examined = new Map<Sha256, Examination>()

  constructor(blobs: BlobReader) {
    this.#blobs = blobs
  }

  async stored(codeSha256: Sha256): Promise<StoredArtifact> {
    using source = this.#blobs.open(codeSha256)
    const { path } = source
    const known = this.#examined.get(codeSha256) ?? (await examineArtifact({ path, codeSha256 }))
    this.#examined.delete(codeSha256)
    this.#examined.set(codeSha256, known)
    if (this.#examined.size > EXAMINED_LIMIT)
      for (const oldest of this.#examined.keys()) {
        this.#examined.delete(oldest)
        break
      }
    return { ...known, path }
  }

  judge(path: string, examined: Examination, by: Judging): Promise<Verdict> {
    return Promise.resolve(judgeArtifact({ ...by, path, examined }, this.#cache))
  }

  attested(
    artifact: ArtifactIdentity,
    by: Omit<AttestedInput, 'artifact'>,
  ): Promise<SubjectAttestations> {
    return Promise.resolve(attested({ ...by, artifact }, this.#cache))
  }
}
