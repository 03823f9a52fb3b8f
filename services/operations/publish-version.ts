import {
  findFunction,
  findLatest,
  isSettled,
  setVersionRevision,
  type FunctionRecord,
  type VersionRecord,
} from '../catalog/index.ts'
import { LATEST, PlatformError, functionArn, toBase64Digest } from '../model/index.ts'
import type { Reader } from '../store/index.ts'
import { checkCodeStorage } from './account-settings.ts'
import type { Caller, Deps } from './context.ts'
import { getVersion, type VersionChange } from './create-function.ts'
import {
  functionNotFound,
  locateUnqualified,
  revisionMismatch,
  updateInProgress,
} from './function-reference.ts'
import { RowsMoved, govern, type Committed } from './gate.ts'
import { findPublished, publish } from './publication.ts'
import { configured, subjectsOf } from './release-plan.ts'

export interface PublishVersionInput {
  readonly functionName: string
  /** Base64, as AWS gives it. */
  readonly codeSha256?: string | undefined
  readonly revisionId?: string | undefined
  readonly description?: string | undefined
}

interface Publishable {
  readonly owner: FunctionRecord
  readonly latest: VersionRecord
  readonly published: VersionRecord | undefined
}

/**
 * Copies `$LATEST` into the next version. Where nothing has changed since the last one, that is answered, and nothing
 * is decided or written (SPEC A3).
 * @throws PlatformError FUNCTION_NOT_FOUND, RESOURCE_CONFLICT, PRECONDITION_FAILED, INVALID_PARAMETER
 */
export async function publishVersion(
  deps: Deps,
  caller: Caller,
  input: PublishVersionInput,
): Promise<VersionChange> {
  const name = locateUnqualified(deps.place, input.functionName)
  const look = (reader: Reader): Promise<Publishable> => readPublishable(deps, reader, name, input)
  const { published } = await deps.store.snapshot(look)
  if (published !== undefined) return { version: published, decisionId: published.decisionId }
  let judged: VersionRecord | undefined
  const { result, decision } = await govern(deps, caller, {
    action: 'lambda:PublishVersion',
    resource: functionArn(deps.place, name),
    raisesWorld: false,
    read: async (reader) => {
      const { owner, latest } = await look(reader)
      await checkCodeStorage(deps, reader, latest.codeSizeBytes)
      judged = latest
      return {
        change: { from: null, to: latest.release },
        release: latest.release,
        subjects: subjectsOf(deps.place, latest),
        codeSigningConfigId: owner.codeSigningConfigId,
        ...configured(latest.configuration),
      }
    },
    planned: () => ({
      content: { description: input.description ?? null },
      rows: { latest: judged?.revisionId ?? null, id: judged?.id ?? null },
    }),
    commit: async (tx, admitted, atMs): Promise<Committed<VersionRecord>> => {
      const now = await look(tx)
      // Two publishers at once: the second answers what the first has written.
      if (now.published !== undefined) return { result: now.published, touched: [] }
      if (now.latest.id !== judged?.id) throw new RowsMoved()
      const { id, touched } = await publish(deps, tx, {
        from: now.latest,
        decisionId: admitted.decision.id,
        description: input.description,
        // `$LATEST` is active: its code and layers are prepared, and recorded answers are Active at once.
        prepared: true,
        atMs,
      })
      // Recorded (TestLambdaRevisions): what it was published from has another revision, too.
      const revised = await setVersionRevision(tx, now.latest.id, deps.random.uuid())
      return {
        result: await getVersion(tx, id),
        touched: [...touched, revised],
        functionNames: [name],
      }
    },
  })
  return { version: result, decisionId: decision.id }
}

async function readPublishable(
  deps: Deps,
  reader: Reader,
  name: string,
  input: PublishVersionInput,
): Promise<Publishable> {
  const owner = await findFunction(reader, name)
  const latest = owner === undefined ? undefined : await findLatest(reader, owner)
  if (owner === undefined || latest === undefined) throw functionNotFound(deps.place, name)
  if (input.revisionId !== undefined && input.revisionId !== latest.revisionId)
    throw revisionMismatch()
  if (!isSettled(latest)) throw updateInProgress(deps.place, name)
  if (latest.state !== 'Active') {
    throw new PlatformError(
      'RESOURCE_CONFLICT',
      `The operation cannot be performed at this time. The function is currently in the following state: ${latest.state}`,
    )
  }
  const digest = toBase64Digest(latest.codeSha256)
  if (input.codeSha256 !== undefined && input.codeSha256 !== '' && input.codeSha256 !== digest) {
    throw new PlatformError(
      'INVALID_PARAMETER',
      `CodeSHA256 (${input.codeSha256}) is different from current CodeSHA256 in ${LATEST} (${digest}). Please try again with the CodeSHA256 in ${LATEST}.`,
    )
  }
  return { owner, latest, published: await findPublished(reader, latest) }
}
