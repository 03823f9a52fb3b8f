import {
  deleteResourcePolicyRow,
  findFunction,
  findResourcePolicy,
  putResourcePolicyRow,
  type ResourcePolicy,
  type TouchedRow,
} from '../catalog/index.ts'
import { LATEST, PlatformError, functionArn } from '../model/index.ts'
import type { Reader } from '../store/index.ts'
import type { Caller, Deps } from './context.ts'
import {
  functionNotFound,
  locateFunction,
  revisionMismatch,
  type FunctionAsked,
} from './function-reference.ts'
import { govern, type Committed } from './gate.ts'
import {
  noPolicy,
  noteOf,
  refuseTakenSid,
  statementsOf,
  toDocument,
  toStatement,
  withoutStatement,
  type Grant,
  type Statement,
} from './policy-document.ts'
import {
  grantFacts,
  raiseRevision,
  readPolicyTarget,
  refuseMoved,
  refuseOtherRemoval,
  removalFacts,
  type PolicyTarget,
  type Removal,
} from './policy-place.ts'

export interface AddPermissionInput extends FunctionAsked {
  readonly statementId: string
  readonly grant: Grant
  readonly revisionId?: string | undefined
}

/** A policy as AWS answers it, with the revision that guards its next change. */
export interface PolicyAnswer {
  readonly document: string
  readonly revisionId: string
}

interface Found {
  readonly target: PolicyTarget
  readonly policy: ResourcePolicy | undefined
}

/**
 * Lets a principal use a function, version or alias: a change to who can invoke, judged over what the qualifier makes
 * run (RULES P2). Order and sentences as recorded (TestLambdaPermissions).
 * @throws PlatformError FUNCTION_NOT_FOUND, RESOURCE_NOT_FOUND, RESOURCE_CONFLICT, PRECONDITION_FAILED,
 * INVALID_PARAMETER, QUOTA_EXCEEDED, and what the gate throws
 */
export async function addPermission(
  deps: Deps,
  caller: Caller,
  input: AddPermissionInput,
): Promise<{ readonly statement: Statement; readonly decisionId: string }> {
  const asked = locateFunction(deps.place, input)
  if (asked.qualifier === LATEST) {
    throw new PlatformError(
      'INVALID_PARAMETER',
      'We currently do not support adding policies for $LATEST.',
    )
  }
  const resource = functionArn(deps.place, asked.name, asked.qualifier)
  const statement = toStatement(input.statementId, resource, input.grant)
  const look = async (reader: Reader): Promise<Found & { readonly document: string }> => {
    const found = await readFound(deps, reader, asked)
    refuseStale(found, input.revisionId)
    const statements = statementsOf(found.policy?.document)
    refuseTakenSid(statements, input.statementId)
    return { ...found, document: toDocument([...statements, statement], found.policy?.document) }
  }
  let judged: PolicyTarget | undefined
  const { decision } = await govern(deps, caller, {
    action: 'lambda:AddPermission',
    resource,
    raisesWorld: false,
    read: async (reader) => {
      judged = (await look(reader)).target
      return grantFacts(deps, judged)
    },
    commit: async (tx, admitted): Promise<Committed<undefined>> => {
      const { target, document } = await look(tx)
      refuseMoved(judged, target)
      const { revisionId, touched } = await raiseRevision(deps, tx, target)
      const { owner, qualifier } = target
      const policy = { owner: owner.id, qualifier, document, revisionId }
      const row = await putResourcePolicyRow(tx, { ...policy, decisionId: admitted.decision.id })
      return { result: undefined, touched: [touched, row], functionNames: [asked.name] }
    },
    note: () => noteOf(statement),
  })
  return { statement, decisionId: decision.id }
}

export interface RemovePermissionInput extends FunctionAsked {
  readonly statementId: string
  readonly revisionId?: string | undefined
}

/**
 * Taking a grant away is leaving, always allowed (promise P5); taking a denial away is judged. The policy goes with its last
 * statement.
 * @throws PlatformError RESOURCE_NOT_FOUND, FUNCTION_NOT_FOUND, PRECONDITION_FAILED, and what the gate throws
 */
export async function removePermission(
  deps: Deps,
  caller: Caller,
  input: RemovePermissionInput,
): Promise<{ readonly decisionId: string }> {
  const asked = locateFunction(deps.place, input)
  const resource = functionArn(deps.place, asked.name, asked.qualifier)
  const look = async (reader: Reader) => {
    // Recorded: of a function that is not there, its policy is what AWS misses.
    if ((await findFunction(reader, asked.name)) === undefined) {
      const arn = functionArn(deps.place, asked.name)
      throw new PlatformError('RESOURCE_NOT_FOUND', `No policy found for: ${arn}`)
    }
    const { target, policy } = await readFound(deps, reader, asked)
    if (policy === undefined) throw noPolicy()
    const before = statementsOf(policy.document)
    const statements = withoutStatement(before, input.statementId)
    refuseStale({ target, policy }, input.revisionId)
    return { target, policy, statements, gone: before.filter((one) => !statements.includes(one)) }
  }
  let judged: Removal | undefined
  const { decision } = await govern(deps, caller, {
    action: 'lambda:RemovePermission',
    resource,
    raisesWorld: false,
    read: async (reader) => {
      judged = await look(reader)
      return removalFacts(deps, judged)
    },
    commit: async (tx, admitted): Promise<Committed<undefined>> => {
      const now = await look(tx)
      refuseOtherRemoval(judged, now)
      const { target, policy, statements } = now
      const { revisionId, touched } = await raiseRevision(deps, tx, target)
      const rows: TouchedRow[] =
        statements.length === 0
          ? await deleteResourcePolicyRow(tx, policy)
          : [
              await putResourcePolicyRow(tx, {
                ...policy,
                document: toDocument(statements, policy.document),
                revisionId,
                decisionId: admitted.decision.id,
              }),
            ]
      return { result: undefined, touched: [touched, ...rows], functionNames: [asked.name] }
    },
    note: () => ({ statement: input.statementId }),
  })
  return { decisionId: decision.id }
}

/** Recorded: whatever of it is not there, AWS misses the resource. @throws PlatformError RESOURCE_NOT_FOUND */
export async function getPolicy(deps: Deps, input: FunctionAsked): Promise<PolicyAnswer> {
  const { name, qualifier } = locateFunction(deps.place, input)
  return await deps.store.snapshot(async (reader) => {
    const owner = await findFunction(reader, name)
    const place = { owner: owner?.id ?? '', qualifier: qualifier ?? '' }
    const policy = owner === undefined ? undefined : await findResourcePolicy(reader, place)
    if (policy === undefined)
      throw new PlatformError('RESOURCE_NOT_FOUND', 'The resource you requested does not exist.')
    const { bearer } = await readPolicyTarget(deps, reader, { name, qualifier })
    return { document: policy.document, revisionId: bearer.revisionId }
  })
}

async function readFound(
  deps: Deps,
  reader: Reader,
  asked: { readonly name: string; readonly qualifier: string | undefined },
): Promise<Found> {
  const { name, qualifier } = asked
  const owner = await findFunction(reader, name)
  if (owner === undefined) throw functionNotFound(deps.place, name)
  const target = await readPolicyTarget(deps, reader, { name, qualifier })
  const place = { owner: owner.id, qualifier: target.qualifier }
  return { target, policy: await findResourcePolicy(reader, place) }
}

/** Recorded: the first statement's guard points to GetPolicy, later ones to GetFunction and GetAlias. */
function refuseStale({ target, policy }: Found, revisionId: string | undefined): void {
  if (revisionId === undefined || revisionId === target.bearer.revisionId) return
  if (policy !== undefined) throw revisionMismatch()
  throw new PlatformError(
    'PRECONDITION_FAILED',
    'The Revision Id provided does not match the latest Revision Id. Call the GetPolicy API to retrieve the latest Revision Id',
  )
}
