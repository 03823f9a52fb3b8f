import {
  bumpGeneration,
  deleteFunctionRow,
  deleteResourcePolicyRow,
  deleteSomeOfFunction,
  deleteSomeSettings,
  deleteVersion,
  findPublishedVersion,
  listAliases,
  setResourceTags,
  type FunctionRecord,
} from '../catalog/index.ts'
import { LATEST, PlatformError, functionArn } from '../model/index.ts'
import type { Reader } from '../store/index.ts'
import { protectedTags } from './access/protected-tags.ts'
import type { Caller, Deps } from './context.ts'
import { getFunctionRecord, locateFunction, type FunctionAsked } from './function-reference.ts'
import { govern, type ChangeFactsInput, type Committed } from './gate.ts'

/** What was removed; `undefined` where there was nothing to remove and nothing was decided. */
export interface Removal {
  readonly decisionId: string | undefined
}

/**
 * The function with its versions and aliases, or one version. Nothing is judged: leaving is always allowed (promise P5).
 * @throws PlatformError FUNCTION_NOT_FOUND, INVALID_PARAMETER ($LATEST, an alias), RESOURCE_CONFLICT (an alias has it)
 */
export async function deleteFunction(
  deps: Deps,
  caller: Caller,
  asked: FunctionAsked,
): Promise<Removal> {
  const { name, qualifier } = locateFunction(deps.place, asked)
  if (qualifier === LATEST) {
    throw new PlatformError(
      'INVALID_PARAMETER',
      '$LATEST version cannot be deleted without deleting the function.',
    )
  }
  if (qualifier !== undefined) return await deletePublished(deps, caller, { name, qualifier })
  for (;;) {
    const { id, versions, gone, decisionId } = await deleteWhole(deps, caller, name)
    for (const version of versions) await retire(deps, id, version)
    if (gone) return { decisionId }
  }
}

/** More versions than one ledger entry can tell of go in several steps, each with its decision; the function goes last. */
const ROWS_IN_ONE_STEP = 100

async function deleteWhole(deps: Deps, caller: Caller, name: string) {
  // Recorded: AWS names the function alone.
  const look = (reader: Reader): Promise<FunctionRecord> =>
    getFunctionRecord(reader, deps.place, { name, qualifier: undefined })
  const resource = functionArn(deps.place, name)
  const { result, decision } = await govern(deps, caller, {
    action: 'lambda:DeleteFunction',
    resource,
    raisesWorld: false,
    read: async (reader) => leaving((await look(reader)).id),
    commit: async (tx): Promise<Committed<Deleted>> => {
      const owner = await look(tx)
      const some = await deleteSomeOfFunction(tx, owner.id, ROWS_IN_ONE_STEP)
      const last = some.emptied ? await deleteFunctionRow(tx, owner) : []
      // As they stand now: one that was given meanwhile is kept, too.
      const kept = some.emptied ? await protectedTags(deps, tx, owner.tags) : {}
      if (Object.keys(kept).length > 0) last.push(await setResourceTags(tx, resource, kept))
      return {
        result: {
          id: owner.id,
          versions: some.emptied ? [LATEST, ...some.versions] : some.versions,
          gone: some.emptied,
        },
        touched: [...some.touched, ...last, await bumpGeneration(tx, name)],
        functionNames: [name],
      }
    },
  })
  return { ...result, decisionId: decision.id }
}

interface Deleted {
  readonly id: string
  readonly versions: readonly string[]
  readonly gone: boolean
}

async function deletePublished(
  deps: Deps,
  caller: Caller,
  target: { readonly name: string; readonly qualifier: string },
): Promise<Removal> {
  const { name, qualifier } = target
  // What can be no alias either (`$latest`) is a version that is not there.
  if (!/^[0-9]+$/.test(qualifier) && !qualifier.includes('$')) {
    throw new PlatformError('INVALID_PARAMETER', 'Deletion of aliases is not currently supported.')
  }
  const look = async (reader: Reader) => {
    const owner = await getFunctionRecord(reader, deps.place, { name, qualifier: undefined })
    const aliases = await listAliases(reader, owner.id, { version: qualifier })
    if (aliases.length > 0) {
      throw new PlatformError(
        'RESOURCE_CONFLICT',
        `Unable to delete version because the following aliases reference it: [${aliases.map((alias) => alias.name).join(', ')}]`,
      )
    }
    return { owner, version: await findPublishedVersion(reader, owner.id, qualifier) }
  }
  // AWS answers 204 for a version that is not there.
  const before = await deps.store.snapshot(look)
  if (before.version === undefined) return { decisionId: undefined }
  const { result, decision } = await govern(deps, caller, {
    action: 'lambda:DeleteFunction',
    resource: functionArn(deps.place, name, qualifier),
    raisesWorld: false,
    read: async (reader) => leaving((await look(reader)).version?.release ?? qualifier),
    commit: async (tx): Promise<Committed<FunctionRecord>> => {
      const { owner, version } = await look(tx)
      // Somebody was faster: it is answered as to whoever comes after him.
      if (version === undefined) return { result: owner, touched: [] }
      const settings = { limit: ROWS_IN_ONE_STEP, qualifier }
      const touched = [
        ...(await deleteSomeSettings(tx, owner.id, settings)),
        ...(await deleteResourcePolicyRow(tx, { owner: owner.id, qualifier })),
        await deleteVersion(tx, version.id),
        await bumpGeneration(tx, name),
      ]
      return { result: owner, touched, functionNames: [name] }
    },
  })
  await retire(deps, result.id, qualifier)
  return { decisionId: decision.id }
}

/** No subjects, no config: there is nothing whose seals could stand in the way. */
export function leaving(from: string): ChangeFactsInput {
  return {
    change: { from, to: null },
    release: null,
    subjects: [],
    codeSigningConfigId: null,
    environmentNames: [],
    takesAway: true,
  }
}

/** The rows are gone and nothing resolves to the environments any more; ending them late only costs memory. */
async function retire(deps: Deps, functionId: string, version: string): Promise<void> {
  try {
    await deps.runtime.retire(functionId, version)
  } catch (error) {
    deps.log.warn({ functionId, version, error }, 'environments of a deleted version not ended')
  }
}
