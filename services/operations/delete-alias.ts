import {
  bumpGeneration,
  deleteAliasRow,
  deleteResourcePolicyRow,
  deleteSetting,
  findAlias,
} from '../catalog/index.ts'
import { functionArn } from '../model/index.ts'
import type { Reader } from '../store/index.ts'
import type { Caller, Deps } from './context.ts'
import { leaving, type Removal } from './delete-function.ts'
import { getFunctionRecord, locateUnqualified } from './function-reference.ts'
import { govern, type Committed } from './gate.ts'

/** AWS answers 204 for an alias that is not there. @throws PlatformError FUNCTION_NOT_FOUND */
export async function deleteAlias(
  deps: Deps,
  caller: Caller,
  input: { readonly functionName: string; readonly name: string },
): Promise<Removal> {
  const functionName = locateUnqualified(deps.place, input.functionName)
  const look = async (reader: Reader) => {
    const owner = await getFunctionRecord(reader, deps.place, {
      name: functionName,
      qualifier: undefined,
    })
    return await findAlias(reader, owner.id, input.name)
  }
  if ((await deps.store.snapshot(look)) === undefined) return { decisionId: undefined }
  const { decision } = await govern(deps, caller, {
    action: 'lambda:DeleteAlias',
    resource: functionArn(deps.place, functionName, input.name),
    raisesWorld: false,
    read: async (reader) => leaving((await look(reader))?.version ?? ''),
    commit: async (tx): Promise<Committed<undefined>> => {
      const alias = await look(tx)
      if (alias === undefined) return { result: undefined, touched: [] }
      const policy = { owner: alias.functionId, qualifier: alias.name }
      const { functionId, name: qualifier } = alias
      const capacity = { functionId, kind: 'provisioned-concurrency', qualifier } as const
      const touched = [
        ...(await deleteResourcePolicyRow(tx, policy)),
        await deleteAliasRow(tx, alias),
        await bumpGeneration(tx, functionName),
        // Recorded: a URL outlives its alias; capacity without a version to run does not.
        ...(await deleteSetting(tx, capacity)),
      ]
      return { result: undefined, touched, functionNames: [functionName] }
    },
  })
  return { decisionId: decision.id }
}
