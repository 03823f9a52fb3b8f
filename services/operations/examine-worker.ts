import { packagesInBundle } from '../seal/index.ts'
import { VerificationCache, attested, type AttestedInput } from '../trust/index.ts'
import type { JudgeTask } from './examine.ts'
import { examineArtifact, judgeArtifact } from './examining.ts'
import { serveTasks } from './serve-tasks.ts'

/** Signature mathematics by artifact, seal and key, for the life of this thread; never verdicts. */
const cache = new VerificationCache()

serveTasks({
  examine: examineArtifact,
  judge: (task: JudgeTask) => judgeArtifact(task, cache),
  attested: (task: AttestedInput) => attested(task, cache),
  packages: (bundle: Uint8Array) => packagesInBundle(bundle),
})
