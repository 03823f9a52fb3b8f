import {
  findFunction,
  findSetting,
  listSettings,
  type FunctionRecord,
  type FunctionSetting,
  type SettingKey,
} from '../catalog/index.ts'
import type { PlatformError } from '../model/index.ts'
import type { Reader } from '../store/index.ts'
import type { Deps } from './context.ts'
import { locateFunction } from './function-reference.ts'
import { readMarker, toPage, type PageAnswer, type PageAsked } from './page.ts'

/** A setting of a function, version or alias, with the name of the function it is one of. */
export interface NamedSetting extends FunctionSetting {
  readonly functionName: string
}

interface SettingsAsked {
  readonly kind: SettingKey['kind']
  /** Says, in the words of this kind's operations, that something is not there. */
  readonly missing: () => PlatformError
}

interface SettingFound {
  readonly owner: FunctionRecord
  readonly setting: NamedSetting
}

/** One setting; AWS says the same of a function that is not there as of one without it. */
export async function getNamedSetting(
  reader: Reader,
  { kind, missing }: SettingsAsked,
  about: { readonly name: string; readonly qualifier: string },
): Promise<SettingFound> {
  const { name, qualifier } = about
  const owner = await findFunction(reader, name)
  if (owner === undefined) throw missing()
  const setting = await findSetting(reader, { functionId: owner.id, kind, qualifier })
  if (setting === undefined) throw missing()
  return { owner, setting: { ...setting, functionName: name } }
}

/** All of one kind that a function has, by qualifier: the function's own first. */
export async function listNamedSettings(
  deps: Deps,
  { kind, missing }: SettingsAsked,
  asked: PageAsked & { readonly functionName: string },
): Promise<PageAnswer<NamedSetting>> {
  const { name } = locateFunction(deps.place, asked)
  return await deps.store.snapshot(async (reader) => {
    const owner = await findFunction(reader, name)
    if (owner === undefined) throw missing()
    const page = { after: readMarker(asked.marker), limit: asked.limit + 1 }
    const found = await listSettings(reader, { functionId: owner.id, kind }, page)
    const { items, nextMarker } = toPage(found, asked.limit, (one) => one.qualifier)
    return { items: items.map((one) => ({ ...one, functionName: name })), nextMarker }
  })
}
