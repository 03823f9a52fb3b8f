import {
  findSetting,
  putSetting,
  type FunctionSetting,
  type SettingDocument,
  type SettingKind,
} from '../catalog/index.ts'
import { LATEST, functionArn } from '../model/index.ts'
import type { Reader } from '../store/index.ts'
import type { Caller, Deps } from './context.ts'
import {
  functionNotFound,
  getFunctionRecord,
  locateFunction,
  type FunctionAsked,
} from './function-reference.ts'
import { govern } from './gate.ts'
import { findReach } from './reach.ts'
import { settingChange } from './setting-change.ts'

export interface FunctionOption {
  readonly functionName: string
  /** As asked for. */
  readonly qualifier: string | undefined
  /** `undefined` where nothing was ever set. */
  readonly setting: FunctionSetting | undefined
  /** Of the version that the qualifier names. */
  readonly state: string
}

type OptionKind = Extract<SettingKind, 'runtime-management' | 'recursion' | 'scaling'>

/** An option that admits no code: no seal is judged, the policies are asked. @throws PlatformError FUNCTION_NOT_FOUND, POLICY_DENIED */
export async function putFunctionOption(
  deps: Deps,
  caller: Caller,
  asked: FunctionAsked & {
    readonly action: string
    readonly kind: OptionKind
    readonly document: SettingDocument
  },
): Promise<FunctionOption> {
  const { name, qualifier } = locateFunction(deps.place, asked)
  await govern(deps, caller, {
    action: asked.action,
    resource: functionArn(deps.place, name, qualifier),
    raisesWorld: false,
    read: async (reader) => {
      await getQualified(deps, reader, name, qualifier)
      return settingChange(asked.kind)
    },
    commit: async (tx, _admitted, atMs) => {
      const { owner } = await getQualified(deps, tx, name, qualifier)
      const key = { functionId: owner.id, kind: asked.kind, qualifier: qualifier ?? LATEST }
      const value = { document: asked.document, atMs }
      return { result: undefined, touched: [await putSetting(tx, key, value)] }
    },
  })
  return await getFunctionOption(deps, asked)
}

/** @throws PlatformError FUNCTION_NOT_FOUND */
export async function getFunctionOption(
  deps: Deps,
  asked: FunctionAsked & { readonly kind: OptionKind },
): Promise<FunctionOption> {
  const { name, qualifier } = locateFunction(deps.place, asked)
  return await deps.store.snapshot(async (reader) => {
    const { owner, state } = await getQualified(deps, reader, name, qualifier)
    const key = { functionId: owner.id, kind: asked.kind, qualifier: qualifier ?? LATEST }
    return { functionName: name, qualifier, setting: await findSetting(reader, key), state }
  })
}

async function getQualified(
  deps: Deps,
  reader: Reader,
  name: string,
  qualifier: string | undefined,
) {
  const owner = await getFunctionRecord(reader, deps.place, { name, qualifier })
  const found = await findReach(deps, reader, owner, qualifier ?? LATEST)
  const state = found?.reached[0]?.state
  if (state === undefined) throw functionNotFound(deps.place, name, qualifier)
  return { owner, state }
}
