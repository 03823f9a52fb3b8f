import {
  findAlias,
  updateAliasRow,
  type AliasRecord,
  type AliasRouting,
  type FunctionRecord,
  type VersionRecord,
} from '../catalog/index.ts'
import { PlatformError, functionArn } from '../model/index.ts'
import type { Reader } from '../store/index.ts'
import {
  aliasFacts,
  aliasPlan,
  reachedVersions,
  refusePending,
  sameReach,
  type AliasTarget,
} from './alias-plan.ts'
import type { Caller, Deps } from './context.ts'
import type { AliasChange } from './create-alias.ts'
import { getFunctionRecord, locateUnqualified, revisionMismatch } from './function-reference.ts'
import { settleFloors } from './floors.ts'
import { RowsMoved, govern, type Committed } from './gate.ts'

export interface UpdateAliasInput {
  readonly functionName: string
  readonly name: string
  readonly version?: string | undefined
  readonly description?: string | undefined
  /** `undefined` keeps the second version, `null` takes it away. */
  readonly routing?: AliasRouting | null | undefined
  readonly revisionId?: string | undefined
}

interface Found {
  readonly owner: FunctionRecord
  readonly alias: AliasRecord
  readonly target: AliasTarget
  readonly reached: readonly VersionRecord[]
}

/** @throws PlatformError RESOURCE_NOT_FOUND (the alias), FUNCTION_NOT_FOUND, PRECONDITION_FAILED, INVALID_PARAMETER, and what the gate throws */
export async function updateAlias(
  deps: Deps,
  caller: Caller,
  input: UpdateAliasInput,
): Promise<AliasChange> {
  const functionName = locateUnqualified(deps.place, input.functionName)
  const look = (reader: Reader): Promise<Found> => readMove(deps, reader, functionName, input)
  let judged: Found | undefined
  const { result, decision } = await govern(deps, caller, {
    action: 'lambda:UpdateAlias',
    resource: functionArn(deps.place, functionName, input.name),
    raisesWorld: false,
    read: async (reader) => {
      judged = await look(reader)
      const { owner, alias, target, reached } = judged
      return aliasFacts(deps.place, owner, {
        from: alias.version,
        target,
        reached,
        alias: alias.name,
      })
    },
    planned: () => aliasPlan(judged, input.description),
    commit: async (tx, admitted, atMs): Promise<Committed<AliasRecord>> => {
      const { owner, alias, target, reached } = await look(tx)
      // Of two racing moves the second is read again: with a RevisionId it is refused, without it follows.
      if (
        judged?.alias.revisionId !== alias.revisionId ||
        judged.owner.codeSigningConfigId !== owner.codeSigningConfigId ||
        !sameReach(judged.reached, reached)
      ) {
        throw new RowsMoved()
      }
      const next: AliasRecord = {
        ...alias,
        ...target,
        description: input.description ?? alias.description,
        revisionId: deps.random.uuid(),
        decisionId: admitted.decision.id,
      }
      const touched = [
        // Before the move: what soaked until now has soaked.
        ...(await settleFloors(tx, { functionName, alias: input.name }, atMs)),
        await updateAliasRow(tx, next),
      ]
      return { result: next, touched, functionNames: [functionName] }
    },
  })
  return { functionName, alias: result, decisionId: decision.id }
}

async function readMove(
  deps: Deps,
  reader: Reader,
  functionName: string,
  input: UpdateAliasInput,
): Promise<Found> {
  const arn = functionArn(deps.place, functionName, input.name)
  const owner = await getFunctionRecord(reader, deps.place, {
    name: functionName,
    qualifier: undefined,
  })
  const alias = await findAlias(reader, owner.id, input.name)
  if (alias === undefined) throw new PlatformError('RESOURCE_NOT_FOUND', `Alias not found: ${arn}`)
  if (input.revisionId !== undefined && input.revisionId !== alias.revisionId)
    throw revisionMismatch()
  const target: AliasTarget = {
    version: input.version ?? alias.version,
    routing: input.routing === undefined ? alias.routing : input.routing,
  }
  if (input.version !== undefined) refusePending(deps.place, owner, target)
  const reached = await reachedVersions(reader, deps.place, owner, target)
  return { owner, alias, target, reached }
}
