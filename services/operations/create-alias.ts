import {
  findAlias,
  insertAlias,
  type AliasRecord,
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
import { getFunctionRecord, locateUnqualified } from './function-reference.ts'
import { settleFloors } from './floors.ts'
import { RowsMoved, govern, type Committed } from './gate.ts'

export interface CreateAliasInput extends AliasTarget {
  readonly functionName: string
  readonly name: string
  readonly description: string
}

export interface AliasChange {
  readonly functionName: string
  readonly alias: AliasRecord
  readonly decisionId: string
}

/** @throws PlatformError FUNCTION_NOT_FOUND, RESOURCE_CONFLICT (it exists), INVALID_PARAMETER, and what the gate throws */
export async function createAlias(
  deps: Deps,
  caller: Caller,
  input: CreateAliasInput,
): Promise<AliasChange> {
  const functionName = locateUnqualified(deps.place, input.functionName)
  const arn = functionArn(deps.place, functionName, input.name)
  const look = async (reader: Reader): Promise<[FunctionRecord, VersionRecord[]]> => {
    // Recorded: a function that is not there is named with the version.
    const owner = await getFunctionRecord(reader, deps.place, {
      name: functionName,
      qualifier: input.version,
    })
    if ((await findAlias(reader, owner.id, input.name)) !== undefined)
      throw new PlatformError('RESOURCE_CONFLICT', `Alias already exists: ${arn}`)
    refusePending(deps.place, owner, input)
    return [owner, await reachedVersions(reader, deps.place, owner, input)]
  }
  let judged: VersionRecord[] = []
  const { result, decision } = await govern(deps, caller, {
    action: 'lambda:CreateAlias',
    resource: arn,
    raisesWorld: false,
    read: async (reader) => {
      const [owner, reached] = await look(reader)
      judged = reached
      return aliasFacts(deps.place, owner, {
        from: null,
        target: input,
        reached,
        alias: input.name,
      })
    },
    planned: () => aliasPlan({ target: input, reached: judged }, input.description),
    commit: async (tx, admitted, atMs): Promise<Committed<AliasRecord>> => {
      const [owner, reached] = await look(tx)
      if (!sameReach(judged, reached)) throw new RowsMoved()
      const alias: AliasRecord = {
        functionId: owner.id,
        name: input.name,
        version: input.version,
        description: input.description,
        routing: input.routing,
        revisionId: deps.random.uuid(),
        decisionId: admitted.decision.id,
      }
      const touched = [
        ...(await settleFloors(tx, { functionName, alias: input.name }, atMs)),
        await insertAlias(tx, alias),
      ]
      return { result: alias, touched, functionNames: [functionName] }
    },
  })
  return { functionName, alias: result, decisionId: decision.id }
}
