import {
  findAlias,
  findLatest,
  findPublishedVersion,
  pageOfVersions,
  type FunctionRecord,
  type VersionRecord,
} from '../catalog/index.ts'
import { LATEST } from '../model/index.ts'
import type { Reader } from '../store/index.ts'
import type { Deps } from './context.ts'
import {
  functionNotFound,
  getFunctionRecord,
  locateFunction,
  locateUnqualified,
  type FunctionAsked,
} from './function-reference.ts'
import { readReserved } from './reserved-concurrency.ts'
import { readMarker, toPage, type PageAnswer, type PageAsked } from './page.ts'

/** A version as asked for, and the qualifier that its ARN is to carry. */
export interface FunctionFound {
  readonly owner: FunctionRecord
  readonly version: VersionRecord
  readonly qualifier: string | undefined
  /** `undefined` where nothing is reserved. */
  readonly reserved: number | undefined
}

/** @throws PlatformError FUNCTION_NOT_FOUND */
export async function getFunction(deps: Deps, asked: FunctionAsked): Promise<FunctionFound> {
  const { name, qualifier } = locateFunction(deps.place, asked)
  return await deps.store.snapshot(async (reader) => {
    const owner = await getFunctionRecord(reader, deps.place, { name, qualifier })
    const version = await findQualified(reader, owner, qualifier)
    if (version === undefined) throw functionNotFound(deps.place, name, qualifier)
    return { owner, version, qualifier, reserved: await readReserved(reader, owner.id) }
  })
}

/** Order of SPEC A3: `$LATEST`, digits a version, else an alias and its first version. */
export async function findQualified(
  reader: Reader,
  owner: FunctionRecord,
  qualifier: string | undefined,
): Promise<VersionRecord | undefined> {
  if (qualifier === undefined || qualifier === LATEST) return await findLatest(reader, owner)
  if (/^[0-9]+$/.test(qualifier)) return await findPublishedVersion(reader, owner.id, qualifier)
  const alias = await findAlias(reader, owner.id, qualifier)
  if (alias === undefined) return undefined
  return alias.version === LATEST
    ? await findLatest(reader, owner)
    : await findPublishedVersion(reader, owner.id, alias.version)
}

/** By name; with `all`, every version of each function, as AWS does for FunctionVersion=ALL. */
export async function listFunctions(
  deps: Deps,
  asked: PageAsked & { readonly all: boolean },
): Promise<PageAnswer<VersionRecord>> {
  const { all, limit } = asked
  const [name, version = LATEST] = readMarker(asked.marker)?.split(' ') ?? []
  const after = name === undefined ? undefined : { name, version }
  return await deps.store.snapshot(async (reader) => {
    const found = await pageOfVersions(reader, { all, after, limit: limit + 1 })
    return toPage(found, limit, (one) => `${one.functionName} ${one.version}`)
  })
}

/** `$LATEST` first, then by number. @throws PlatformError FUNCTION_NOT_FOUND */
export async function listVersions(
  deps: Deps,
  asked: PageAsked & { readonly functionName: string },
): Promise<PageAnswer<VersionRecord>> {
  const name = locateUnqualified(deps.place, asked.functionName)
  const version = readMarker(asked.marker)
  const after = version === undefined ? undefined : { name, version }
  return await deps.store.snapshot(async (reader) => {
    const { id } = await getFunctionRecord(reader, deps.place, { name, qualifier: undefined })
    const page = { functionId: id, all: true, after, limit: asked.limit + 1 }
    return toPage(await pageOfVersions(reader, page), asked.limit, (one) => one.version)
  })
}
