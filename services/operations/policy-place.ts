import {
  findAlias,
  findLatest,
  findPublishedVersion,
  findServing,
  setVersionRevision,
  updateAliasRow,
  type AliasRecord,
  type FunctionRecord,
  type TouchedRow,
  type VersionRecord,
} from '../catalog/index.ts'
import { LATEST, PlatformError, functionArn } from '../model/index.ts'
import type { Reader, Writer } from '../store/index.ts'
import { aliasFacts, reachedVersions, sameReach } from './alias-plan.ts'
import { RowsMoved, type ChangeFactsInput } from './change.ts'
import type { Deps } from './context.ts'
import { leaving } from './delete-function.ts'
import { functionNotFound, getFunctionRecord } from './function-reference.ts'
import type { Statement } from './policy-document.ts'

/** A function, version or alias that a policy may hang on, with the revision that guards it. */
export interface PolicyTarget {
  readonly owner: FunctionRecord
  /** Empty for the function itself. */
  readonly qualifier: string
  readonly arn: string
  /** What carries the RevisionId (recorded: the policy's is that of what it hangs on). */
  readonly bearer: VersionRecord | AliasRecord
  /** What the qualifier makes run: judged when somebody is let in. */
  readonly reached: readonly VersionRecord[]
}

/**
 * The sentences are AWS's (recorded: TestLambdaPermissions): an alias that is not there is looked for by its ARN,
 * a version as a function.
 * @throws PlatformError FUNCTION_NOT_FOUND, RESOURCE_NOT_FOUND
 */
export async function readPolicyTarget(
  deps: Deps,
  reader: Reader,
  asked: { readonly name: string; readonly qualifier: string | undefined },
): Promise<PolicyTarget> {
  const { name, qualifier } = asked
  const owner = await getFunctionRecord(reader, deps.place, { name, qualifier: undefined })
  const arn = functionArn(deps.place, name, qualifier)
  if (qualifier === undefined || qualifier === LATEST) {
    const latest = await findLatest(reader, owner)
    const serving = await findServing(reader, owner)
    if (latest === undefined || serving === undefined) throw functionNotFound(deps.place, name)
    return { owner, qualifier: qualifier ?? '', arn, bearer: latest, reached: [serving] }
  }
  if (/^[0-9]+$/.test(qualifier)) {
    const version = await findPublishedVersion(reader, owner.id, qualifier)
    if (version === undefined) throw functionNotFound(deps.place, name, qualifier)
    return { owner, qualifier, arn, bearer: version, reached: [version] }
  }
  // `$` is in the qualifier's pattern and in no alias's name.
  if (qualifier.includes('$')) throw functionNotFound(deps.place, name, qualifier)
  const alias = await findAlias(reader, owner.id, qualifier)
  if (alias === undefined)
    throw new PlatformError('RESOURCE_NOT_FOUND', `Cannot find alias arn: ${arn}`)
  const reached = await reachedVersions(reader, deps.place, owner, alias)
  return { owner, qualifier, arn, bearer: alias, reached }
}

/** Letting somebody in is judged as a move to what he then reaches (promise P2). */
export function grantFacts(deps: Deps, { owner, bearer, reached }: PolicyTarget): ChangeFactsInput {
  const routing = 'routing' in bearer ? bearer.routing : null
  const target = { version: bearer.version, routing }
  return aliasFacts(deps.place, owner, { from: null, target, reached })
}

/** Statements that go, from what they hang on. */
export interface Removal {
  readonly target: PolicyTarget
  readonly gone: readonly Statement[]
}

/** Taking a grant away leaves (promise P5). Taking a denial away lets somebody in: judged as a policy is that is put in its place. */
export function removalFacts(deps: Deps, { target, gone }: Removal): ChangeFactsInput {
  if (!lets(gone)) return leaving(target.arn)
  const alsoAsked = [{ action: 'lambda:PutResourcePolicy', resource: target.arn }]
  return { ...grantFacts(deps, target), alsoAsked }
}

/** @throws RowsMoved, PlatformError RESOURCE_CONFLICT */
export function refuseOtherRemoval(judged: Removal | undefined, now: Removal): void {
  if (!lets(now.gone)) return
  if (judged === undefined || !lets(judged.gone)) throw new RowsMoved()
  refuseMoved(judged.target, now.target)
}

function lets(gone: readonly Statement[]): boolean {
  return gone.some((statement) => statement['Effect'] !== 'Allow')
}

/** What was judged is what is written. @throws PlatformError RESOURCE_CONFLICT */
export function refuseMoved(judged: PolicyTarget | undefined, now: PolicyTarget): void {
  const same =
    judged?.owner.id === now.owner.id &&
    judged.owner.codeSigningConfigId === now.owner.codeSigningConfigId &&
    sameReach(judged.reached, now.reached)
  if (same) return
  throw new PlatformError(
    'RESOURCE_CONFLICT',
    `The operation cannot be performed at this time. An update is in progress for resource: ${now.arn}`,
  )
}

/** Recorded: a policy's change gives what it hangs on a new RevisionId. */
export async function raiseRevision(
  deps: Deps,
  tx: Writer,
  { bearer }: PolicyTarget,
): Promise<{ readonly revisionId: string; readonly touched: TouchedRow }> {
  const revisionId = deps.random.uuid()
  const touched =
    'routing' in bearer
      ? await updateAliasRow(tx, { ...bearer, revisionId })
      : await setVersionRevision(tx, bearer.id, revisionId)
  return { revisionId, touched }
}
