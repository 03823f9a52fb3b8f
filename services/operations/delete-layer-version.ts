import { findLayerVersion, markLayerVersionDeleted } from '../catalog/index.ts'
import { layerVersionArn } from '../model/index.ts'
import type { Caller, Deps } from './context.ts'
import { leaving, type Removal } from './delete-function.ts'
import { govern, type Committed } from './gate.ts'
import { locateLayer, refuseBelowOne } from './layer-reference.ts'

/** Functions that use it keep it; nobody can attach it any more. AWS answers 204 for one that is not there. */
export async function deleteLayerVersion(
  deps: Deps,
  caller: Caller,
  asked: { readonly layerName: string; readonly version: number },
): Promise<Removal> {
  const name = locateLayer(deps.place, asked.layerName)
  refuseBelowOne(asked.version)
  const arn = layerVersionArn(deps.place, name, asked.version)
  if ((await findLayerVersion(deps.store.reader, arn)) === undefined)
    return { decisionId: undefined }
  const { decision } = await govern(deps, caller, {
    action: 'lambda:DeleteLayerVersion',
    resource: arn,
    raisesWorld: false,
    read: () => Promise.resolve(leaving(arn)),
    commit: async (tx, _admitted, atMs): Promise<Committed<undefined>> => ({
      result: undefined,
      touched: [await markLayerVersionDeleted(tx, arn, atMs)],
    }),
  })
  return { decisionId: decision.id }
}
