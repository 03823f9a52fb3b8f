import { findAlias, listAliases as selectAliases, type AliasRecord } from '../catalog/index.ts'
import { PlatformError, functionArn } from '../model/index.ts'
import type { Deps } from './context.ts'
import { getFunctionRecord, locateUnqualified } from './function-reference.ts'
import { readMarker, toPage, type PageAnswer, type PageAsked } from './page.ts'

export interface AliasFound {
  readonly functionName: string
  readonly alias: AliasRecord
}

/** @throws PlatformError RESOURCE_NOT_FOUND, FUNCTION_NOT_FOUND */
export async function getAlias(
  deps: Deps,
  asked: { readonly functionName: string; readonly name: string },
): Promise<AliasFound> {
  const functionName = locateUnqualified(deps.place, asked.functionName)
  return await deps.store.snapshot(async (reader) => {
    const owner = await getFunctionRecord(reader, deps.place, {
      name: functionName,
      qualifier: asked.name,
    })
    const alias = await findAlias(reader, owner.id, asked.name)
    if (alias !== undefined) return { functionName, alias }
    const arn = functionArn(deps.place, functionName, asked.name)
    throw new PlatformError('RESOURCE_NOT_FOUND', `Cannot find alias arn: ${arn}`)
  })
}

/** By name; of one version where asked. @throws PlatformError FUNCTION_NOT_FOUND */
export async function listAliases(
  deps: Deps,
  asked: PageAsked & { readonly functionName: string; readonly version?: string | undefined },
): Promise<PageAnswer<AliasFound>> {
  const functionName = locateUnqualified(deps.place, asked.functionName)
  return await deps.store.snapshot(async (reader) => {
    const owner = await getFunctionRecord(reader, deps.place, {
      name: functionName,
      qualifier: undefined,
    })
    const found = await selectAliases(reader, owner.id, {
      after: readMarker(asked.marker),
      limit: asked.limit + 1,
      version: asked.version,
    })
    const page = toPage(found, asked.limit, (alias) => alias.name)
    return { ...page, items: page.items.map((alias) => ({ functionName, alias })) }
  })
}
