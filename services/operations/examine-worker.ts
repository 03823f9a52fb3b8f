import { openArtifact, unsealedSource } from '../artifact/index.ts'
import { openSource } from '../blobs/index.ts'
import {
  PlatformError,
  limits,
  type Artifact,
  type ArtifactEntry,
  type SealInput,
  type Verdict,
} from '../model/index.ts'
import { packagesInBundle } from '../seal/index.ts'
import {
  VerificationCache,
  attested,
  collectSeals,
  describeAwsSignature,
  judge,
  readAwsSignature,
  type AttestedInput,
} from '../trust/index.ts'
import type { Examination } from './change.ts'
import type { ExamineTask, JudgeTask } from './examine.ts'
import { serveTasks } from './serve-tasks.ts'

/** Signature mathematics by artifact, seal and key, for the life of this thread; never verdicts. */
const cache = new VerificationCache()

serveTasks({
  examine,
  judge: judgeArtifact,
  attested: (task: AttestedInput) => attested(task, cache),
  packages: (bundle: Uint8Array) => packagesInBundle(bundle),
})

async function examine(task: ExamineTask): Promise<Examination> {
  using source = openSource(task.path)
  const artifact = await openArtifact(source)
  const { codeSha256, sha256, tree, sizeBytes, unzippedBytes, entryCount, sealBlock } = artifact
  if (task.codeSha256 !== undefined && codeSha256 !== task.codeSha256) {
    throw new PlatformError('ACTIVATION_FAILED', 'the stored bytes are not what was admitted', {
      detail: { expected: task.codeSha256, got: codeSha256 },
    })
  }
  return {
    identity: { codeSha256, sha256, tree, sizeBytes, unzippedBytes, entryCount },
    sealBlock,
    ...readSeals(artifact),
    ...(await readForeign(artifact)),
    noteworthyPaths: noteworthyPaths(artifact.entries),
  }
}

/** A block that cannot be read is no reason to refuse the zip as a zip: it is tampered, which the gate says. */
function readSeals(artifact: Artifact): Pick<Examination, 'seals' | 'brokenSeal'> {
  try {
    return { seals: collectSeals(artifact, []), brokenSeal: undefined }
  } catch (error) {
    if (!(error instanceof PlatformError) || error.code !== 'INVALID_SEAL') throw error
    return { seals: [], brokenSeal: error.message }
  }
}

async function readForeign(
  artifact: Artifact,
): Promise<Pick<Examination, 'unchecked' | 'awsSigned'>> {
  const found = await readAwsSignature(artifact)
  if (found === undefined) return { unchecked: [], awsSigned: false }
  return { unchecked: [describeAwsSignature(found)], awsSigned: true }
}

function judgeArtifact(task: JudgeTask): Verdict {
  const { path: _path, examined, detached: _detached, ...by } = task
  const { identity, sealBlock, awsSigned = false } = examined
  using sealed = openSource(task.path)
  const unsealed = unsealedSource({ ...identity, source: sealed, sealBlock, entries: [] })
  const seals = [...blockSeals(task, sealed), ...task.detached]
  const { unchecked } = examined
  return judge({ ...by, artifact: identity, unsealed, sealed, seals, unchecked, awsSigned }, cache)
}

/** An unreadable block is judged as the one unreadable seal that it is: tampered. */
function blockSeals(
  { examined }: JudgeTask,
  sealed: ReturnType<typeof openSource>,
): readonly SealInput[] {
  const { brokenSeal, sealBlock, seals } = examined
  if (brokenSeal === undefined || sealBlock === undefined) return seals
  const length = Math.min(sealBlock.length, limits.SEAL_PAYLOAD_LIMIT_BYTES)
  const bytes = sealed.read(sealBlock.offset, length)
  return [{ format: 'bundle', place: 'block', bytes }]
}

const NOTEWORTHY_LIMIT = 100

/** What in a layer runs by itself or is found before others (RULES §8): facts of the decision. */
function noteworthyPaths(entries: readonly ArtifactEntry[]): string[] {
  return entries
    .map((entry) => entry.path)
    .filter((path) => /^extensions\/[^/]+$|^bootstrap$|^lib\/[^/]*\.so[^/]*$/.test(path))
    .slice(0, NOTEWORTHY_LIMIT)
}
