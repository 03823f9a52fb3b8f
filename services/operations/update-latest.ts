import {
  deleteVersion,
  findFunction,
  findLatest,
  insertArtifact,
  insertVersion,
  isSettled,
  pendingStatus,
  releaseOf,
  setLatest,
  updatingStatus,
  type FunctionConfigurationDocument,
  type FunctionRecord,
  type NewVersion,
  type TouchedRow,
  type VersionLayer,
  type VersionRecord,
} from '../catalog/index.ts'
import {
  LATEST,
  PlatformError,
  canonicalJson,
  functionArn,
  newId,
  type ArtifactIdentity,
  type Json,
} from '../model/index.ts'
import type { Reader, Writer } from '../store/index.ts'
import { enqueueActivation } from './activate.ts'
import type { Caller, Deps } from './context.ts'
import { getVersion, type VersionChange } from './create-function.ts'
import { environmentDigest } from './environment-digest.ts'
import { functionNotFound, revisionMismatch, updateInProgress } from './function-reference.ts'
import { aliasesOfLatest, besidesUpload } from './latest-aliases.ts'
import {
  RowsMoved,
  govern,
  preview,
  type Admitted,
  type Change,
  type ChangeFactsInput,
  type Committed,
  type ExaminedArtifact,
} from './gate.ts'
import type { PlannedContent } from './plan-use.ts'
import { findPublished, publish } from './publication.ts'
import { configured, subjectsOf } from './release-plan.ts'

/** What an update makes of `$LATEST`. */
export interface LatestParts {
  readonly code: Pick<ArtifactIdentity, 'codeSha256' | 'sha256' | 'sizeBytes'>
  /** Where the bytes are not kept yet. */
  readonly artifact?: ExaminedArtifact | undefined
  readonly configuration: FunctionConfigurationDocument
  readonly layers: readonly VersionLayer[]
}

export interface LatestUpdate {
  readonly action:
    'lambda:UpdateFunctionCode' | 'lambda:UpdateFunctionConfiguration' | 'lacre:PutEgress'
  /** Bare. */
  readonly name: string
  readonly revisionId?: string | undefined
  readonly publish: boolean
  readonly dryRun: boolean
  /** For the ledger entry. */
  readonly note?: Json
  /** What it is to become, from what it is. */
  change(reader: Reader, latest: VersionRecord): Promise<LatestParts>
}

interface Plan {
  readonly owner: FunctionRecord
  readonly before: VersionRecord
  readonly next: NewVersion & { readonly functionName: string }
  readonly codeSizeBytes: number
  /** Aliases that the new state of `$LATEST` activates. */
  readonly aliases: readonly string[]
}

/**
 * Admits new code or configuration for `$LATEST`: a second row that is prepared while the first goes on serving
 * (SPEC A2). One update at a time; the second one is told so.
 * @throws PlatformError FUNCTION_NOT_FOUND, RESOURCE_CONFLICT, PRECONDITION_FAILED, and what the gate throws
 */
export async function updateLatest(
  deps: Deps,
  caller: Caller,
  update: LatestUpdate,
): Promise<VersionChange> {
  const digest = environmentDigest(deps)
  const { note } = update
  let plan: Plan | undefined
  const change: Change<VersionRecord> = {
    action: update.action,
    resource: functionArn(deps.place, update.name),
    raisesWorld: false,
    read: async (reader): Promise<ChangeFactsInput> => {
      const before = await readLatest(deps, reader, update)
      const parts = await update.change(reader, before.latest)
      const planned = planUpdate(deps, { ...before, parts, digest })
      const { aliases, ...besides } = await besidesUpload(reader, deps.place, {
        owner: before.owner,
        release: planned.next.release,
        publish: update.publish,
      })
      plan = { ...planned, aliases }
      return {
        ...besides,
        change: { from: before.latest.release, to: plan.next.release },
        release: plan.next.release,
        subjects: subjectsOf(deps.place, plan.next, parts.artifact),
        codeSigningConfigId: before.owner.codeSigningConfigId,
        ...configured(parts.configuration),
      }
    },
    planned: () => planOf(plan, { publish: update.publish, digest }),
    ...(note === undefined ? {} : { note: () => note }),
    commit: async (tx, admitted, atMs) => {
      if (plan === undefined) throw new PlatformError('INTERNAL', 'a change was committed unread')
      await refuseMoved(tx, plan)
      return await writeUpdate(deps, tx, { plan, admitted, atMs, publish: update.publish })
    },
  }
  if (update.dryRun) {
    const decision = await preview(deps, caller, change)
    if (plan === undefined) throw new PlatformError('INTERNAL', 'a change was decided unread')
    return { version: { ...plan.before, ...shownDryRun(plan) }, decisionId: decision.id }
  }
  const { result, decision } = await govern(deps, caller, change)
  return { version: result, decisionId: decision.id }
}

/** The release says what would run; the rest of the configuration enters as an HMAC, since values stand in it. */
function planOf(
  plan: Plan | undefined,
  { publish, digest }: { readonly publish: boolean; readonly digest: (value: string) => string },
): PlannedContent {
  if (plan === undefined) throw new PlatformError('INTERNAL', 'a change was planned unread')
  const { next, before, owner } = plan
  return {
    content: {
      codeSha256: next.codeSha256,
      configuration: digest(canonicalJson(next.configuration as unknown as Json)),
      publish,
    },
    rows: { latest: before.revisionId, config: owner.codeSigningConfigId },
  }
}

/** A dry run answers what would be there, under the revision that stays. */
function shownDryRun({ next, codeSizeBytes }: Plan) {
  const { configuration, codeSha256, layers } = next
  return { configuration, codeSha256, layers, codeSizeBytes }
}

async function readLatest(
  deps: Deps,
  reader: Reader,
  { name, revisionId }: LatestUpdate,
): Promise<{ readonly owner: FunctionRecord; readonly latest: VersionRecord }> {
  const owner = await findFunction(reader, name)
  const latest = owner === undefined ? undefined : await findLatest(reader, owner)
  if (owner === undefined || latest === undefined) throw functionNotFound(deps.place, name)
  // First: who loses a race for one revision is told so, also while the winner's update is in progress.
  if (revisionId !== undefined && revisionId !== latest.revisionId) throw revisionMismatch()
  if (!isSettled(latest)) throw updateInProgress(deps.place, name)
  return { owner, latest }
}

function planUpdate(
  deps: Deps,
  from: {
    readonly owner: FunctionRecord
    readonly latest: VersionRecord
    readonly parts: LatestParts
    readonly digest: (value: string) => string
  },
): Omit<Plan, 'aliases'> {
  const { owner, latest, parts } = from
  const { configuration, layers, code } = parts
  return {
    owner,
    before: latest,
    codeSizeBytes: code.sizeBytes,
    next: {
      // A function that never became active is created anew by the update.
      ...(owner.serving === null ? pendingStatus : updatingStatus),
      id: newId('fv', deps.clock, deps.random),
      functionId: owner.id,
      functionName: owner.name,
      version: LATEST,
      configuration,
      codeSha256: code.codeSha256,
      layers,
      release: releaseOf({ artifact: code.sha256, layers, configuration }, from.digest),
      decisionId: '',
      revisionId: deps.random.uuid(),
      lastModifiedMs: 0,
    },
  }
}

/** Between the snapshot and the transaction somebody else may have begun an update, or deleted the function. */
async function refuseMoved(tx: Writer, { owner, before, aliases }: Plan): Promise<void> {
  const now = await findFunction(tx, owner.name)
  const latest = now?.id === owner.id ? await findLatest(tx, now) : undefined
  const same = latest?.id === before.id && latest.revisionId === before.revisionId
  if (!same || now?.codeSigningConfigId !== owner.codeSigningConfigId) throw new RowsMoved()
  const pointing = await aliasesOfLatest(tx, owner.id)
  if (pointing.join() !== aliases.join()) throw new RowsMoved()
}

async function writeUpdate(
  deps: Deps,
  tx: Writer,
  state: {
    readonly plan: Plan
    readonly admitted: Admitted
    readonly atMs: number
    readonly publish: boolean
  },
): Promise<Committed<VersionRecord>> {
  const { plan, admitted, atMs } = state
  const { owner, before } = plan
  const decisionId = admitted.decision.id
  const next = { ...plan.next, decisionId, lastModifiedMs: atMs }
  const touched: TouchedRow[] = []
  for (const accepted of admitted.accepted)
    touched.push(...(await insertArtifact(tx, accepted, atMs)))
  touched.push(
    await insertVersion(tx, next),
    await setLatest(tx, owner.id, { serving: owner.serving, pending: next.id }),
  )
  // The failed create that this update replaces.
  if (owner.serving === null) touched.push(await deleteVersion(tx, before.id))
  await enqueueActivation(deps, tx, next.id, atMs)
  let answered = next.id
  if (state.publish) {
    const known = await findPublished(tx, next)
    if (known === undefined) {
      const made = await publish(deps, tx, { from: next, decisionId, prepared: false, atMs })
      touched.push(...made.touched)
      answered = made.id
    } else {
      answered = known.id
    }
  }
  return { result: await getVersion(tx, answered), touched, functionNames: [owner.name] }
}
