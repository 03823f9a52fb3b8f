import {
  activeStatus,
  deleteVersion,
  findFunction,
  findVersionById,
  isSettled,
  setLatest,
  setVersionStatus,
  type TouchedRow,
  type VersionRecord,
} from '../catalog/index.ts'
import type { HandlerOptions, JobHandler } from '../jobs/index.ts'
import { enqueue } from '../jobs/index.ts'
import { toReleaseSpec } from '../live/index.ts'
import {
  LATEST,
  PlatformError,
  canonicalJson,
  functionArn,
  type Decision,
  type ErrorCode,
  type Json,
  type ReleaseSpec,
} from '../model/index.ts'
import type { Reader, Writer } from '../store/index.ts'
import { record } from './commit.ts'
import type { Deps } from './context.ts'
import { readWorld } from './facts.ts'
import type { Committed } from './gate.ts'

/** The kind of the durable job that prepares an admitted version. */
export const ACTIVATE = 'activate'

/** In the transaction that admits the version: it is activated although the process may die, as a part of the same trace. */
export async function enqueueActivation(
  { tracer }: Pick<Deps, 'tracer'>,
  tx: Writer,
  versionId: string,
  atMs: number,
): Promise<void> {
  const traceparent = tracer?.current()
  await enqueue(tx, {
    kind: ACTIVATE,
    key: versionId,
    payload: { functionVersionId: versionId, ...(traceparent !== undefined && { traceparent }) },
    runAtMs: atMs,
  })
}

/** Why a version cannot be activated, in AWS's words (SPEC A2, StateReasonCode). */
interface Failure {
  readonly code: 'InvalidZipFileException' | 'InvalidRuntime' | 'InternalError'
  readonly reason: string
}

/**
 * Prepares a version (bytes hashed again, trees compared) and settles its state. Doing it twice changes nothing;
 * what passes by itself (a full disk) is thrown, so that the job is tried again.
 */
export function activationHandler(deps: Deps): JobHandler {
  return async (payload) => {
    const versionId = versionIdIn(payload)
    const version = await findVersionById(deps.store.reader, versionId)
    if (version === undefined || isSettled(version)) return
    const activate = async (): Promise<void> =>
      await settle(deps, version, await prepare(deps, specOf(deps, version)))
    const { tracer } = deps
    if (tracer === undefined) return await activate()
    const attributes = { 'faas.name': version.functionName, 'faas.version': version.version }
    await tracer.span('activate', { parent: traceparentIn(payload), attributes }, activate)
  }
}

function traceparentIn(payload: Json): string | undefined {
  const of = payload !== null && typeof payload === 'object' && 'traceparent' in payload
  return of && typeof payload.traceparent === 'string' ? payload.traceparent : undefined
}

/** When every try has failed, the version says so instead of staying Pending for ever. */
export function activationOptions(deps: Deps): HandlerOptions {
  return {
    maxAttempts: 5,
    onDead: async (payload) => {
      const version = await findVersionById(deps.store.reader, versionIdIn(payload))
      if (version === undefined || isSettled(version)) return
      await settle(deps, version, {
        code: 'InternalError',
        reason: 'the code could not be prepared; see the log of the service',
      })
    },
  }
}

function versionIdIn(payload: Json): string {
  const id =
    payload !== null && typeof payload === 'object' && 'functionVersionId' in payload
      ? payload.functionVersionId
      : undefined
  if (typeof id !== 'string') throw new PlatformError('INTERNAL', 'the job names no version')
  return id
}

function specOf(deps: Deps, version: VersionRecord): ReleaseSpec {
  return toReleaseSpec(deps.place, {
    ...version,
    configuration: canonicalJson(version.configuration as Json),
    layers: canonicalJson(
      version.layers.map(({ arn, codeSha256, sha256, tree }) => ({
        arn,
        codeSha256,
        sha256,
        tree,
      })),
    ),
  })
}

async function prepare(deps: Deps, spec: ReleaseSpec): Promise<Failure | undefined> {
  const runtime = deps.runtime.resolveRuntime(spec.runtime)
  if (runtime.kind === 'unsupported') return { code: 'InvalidRuntime', reason: runtime.reason }
  try {
    await deps.runtime.prepare(spec)
    return undefined
  } catch (error) {
    const code = error instanceof PlatformError ? FAILURE_CODES[error.code] : undefined
    if (code === undefined || !(error instanceof PlatformError)) throw error
    return { code, reason: error.publicMessage }
  }
}

/** What is wrong with the version itself; anything else may pass by itself. */
const FAILURE_CODES: Partial<Record<ErrorCode, Failure['code']>> = {
  ACTIVATION_FAILED: 'InvalidZipFileException',
  INVALID_ARTIFACT: 'InvalidZipFileException',
  INVALID_RUNTIME: 'InvalidRuntime',
}

async function settle(
  deps: Deps,
  version: VersionRecord,
  failure: Failure | undefined,
): Promise<void> {
  const { functionName: name } = version
  const arn = functionArn(deps.place, name, version.version)
  let told = failure
  const runtime = deps.runtime.resolveRuntime(version.configuration.Runtime)
  // Kept with the version for good: what ran it on the day it was activated.
  const substitute = runtime.kind === 'ok' ? runtime.substitute : undefined
  await record(
    deps,
    {
      type: 'state',
      action: 'lacre:Activate',
      resource: arn,
      ...(substitute !== undefined && { note: { interpreter: substitute } }),
    },
    async (tx): Promise<Committed<undefined> | undefined> => {
      const now = await findVersionById(tx, version.id)
      if (now === undefined || isSettled(now)) return undefined
      told = failure ?? (await revokedSince(tx, now.decisionId))
      const touched =
        now.version === LATEST
          ? await settleLatest(deps, tx, now, told)
          : [await setVersionStatus(tx, now.id, settled(deps, told))]
      return { result: undefined, touched, functionNames: [name] }
    },
  )
  const outcome = { functionArn: arn, versionSha256: version.codeSha256, substitute, ...told }
  if (told === undefined) deps.log.info(outcome, 'version activated')
  else deps.log.warn(outcome, 'version not activated')
}

/**
 * Nothing becomes live after the answer to a revocation that was admitted before it: whether it is the one that was revoked
 * is for the gate to judge when it is deployed again.
 */
async function revokedSince(tx: Reader, decisionId: string): Promise<Failure | undefined> {
  const decided = await tx
    .selectFrom('decision')
    .innerJoin('document', 'document.sha256', 'decision.document')
    .select(['decision.at', 'document.body'])
    .where('decision.id', '=', decisionId)
    .executeTakeFirstOrThrow()
  // Every revocation raises the world; two of one millisecond are told apart by it.
  const { world } = JSON.parse(decided.body) as Decision
  if (world >= (await readWorld(tx))) return undefined
  const found = await tx
    .selectFrom('revocation')
    .select('id')
    .where('recorded_at', '>=', decided.at)
    .limit(1)
    .executeTakeFirst()
  if (found === undefined) return undefined
  const reason = `revocation ${found.id} was recorded since it was admitted: deploy it again, to be judged anew`
  return { code: 'InternalError', reason }
}

function settled(deps: Deps, failure: Failure | undefined) {
  const revisionId = deps.random.uuid()
  if (failure === undefined) return { ...activeStatus, revisionId }
  return {
    state: 'Failed' as const,
    stateReason: failure.reason,
    stateReasonCode: failure.code,
    lastUpdateStatus: null,
    lastUpdateStatusReason: null,
    lastUpdateStatusReasonCode: null,
    revisionId,
  }
}

/**
 * The new code takes over from the old and its row goes; where it failed, the old code goes on serving and tells
 * why. Without old code the failed row stays, to be read.
 */
async function settleLatest(
  deps: Deps,
  tx: Writer,
  latest: VersionRecord,
  failure: Failure | undefined,
): Promise<TouchedRow[]> {
  const owner = await findFunction(tx, latest.functionName)
  if (owner?.pending !== latest.id) return []
  const { serving } = owner
  if (failure === undefined) {
    const touched = [
      await setVersionStatus(tx, latest.id, settled(deps, undefined)),
      await setLatest(tx, owner.id, { serving: latest.id, pending: null }),
    ]
    if (serving !== null) touched.push(await deleteVersion(tx, serving))
    return touched
  }
  if (serving === null) return [await setVersionStatus(tx, latest.id, settled(deps, failure))]
  return [
    await setVersionStatus(tx, serving, {
      ...activeStatus,
      lastUpdateStatus: 'Failed',
      lastUpdateStatusReason: failure.reason,
      lastUpdateStatusReasonCode: failure.code,
      revisionId: deps.random.uuid(),
    }),
    await setLatest(tx, owner.id, { serving, pending: null }),
    await deleteVersion(tx, latest.id),
  ]
}
