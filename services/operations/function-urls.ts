import {
  deleteSetting,
  findAlias,
  findFunction,
  findSetting,
  listSettings,
  putSetting,
  type FunctionRecord,
  type FunctionSetting,
  type SettingDocument,
  type SettingKey,
} from '../catalog/index.ts'
import { LATEST, PlatformError, functionArn, toIsoTime, type Random } from '../model/index.ts'
import type { Reader } from '../store/index.ts'
import type { Caller, Deps } from './context.ts'
import { leaving } from './delete-function.ts'
import { locateFunction, type FunctionAsked } from './function-reference.ts'
import { govern } from './gate.ts'
import { readMarker, toPage, type PageAnswer, type PageAsked } from './page.ts'
import { openReach } from './reach.ts'

const KIND = 'url'

/** Members as given; what is not given is kept on an update. */
export interface FunctionUrlInput extends FunctionAsked {
  readonly settings: SettingDocument
}

export interface FunctionUrl extends FunctionSetting {
  readonly functionName: string
}

/**
 * A URL is a way to the code: all that its qualifier reaches is judged (RULES P2). Stored; nothing listens on it yet.
 * @throws PlatformError FUNCTION_NOT_FOUND, RESOURCE_CONFLICT, and what the gate throws
 */
export async function createFunctionUrl(
  deps: Deps,
  caller: Caller,
  input: FunctionUrlInput,
): Promise<{ readonly url: FunctionUrl; readonly decisionId: string }> {
  const { name, qualifier = LATEST } = locateFunction(deps.place, input)
  await deps.store.snapshot((reader) => getOwner(reader, name, qualifier))
  const { result, decision } = await openReach(deps, caller, {
    action: 'lambda:CreateFunctionUrlConfig',
    functionName: name,
    qualifier,
    by: 'url',
    check: async (reader, owner) => {
      await getOwner(reader, name, qualifier)
      if ((await findSetting(reader, keyOf(owner, qualifier))) !== undefined)
        throw urlThere(deps, name, qualifier)
    },
    missing: functionMissing,
    write: async (tx, owner, _admitted, atMs) => {
      const document = {
        InvokeMode: 'BUFFERED',
        ...input.settings,
        UrlId: newUrlId(deps.random),
        CreationTime: toIsoTime(atMs),
      }
      const touched = [await putSetting(tx, keyOf(owner, qualifier), { document, atMs })]
      return { result: { functionName: name, qualifier, document, lastModifiedMs: atMs }, touched }
    },
  })
  return { url: result, decisionId: decision.id }
}

/** Other callers, another way of answering: judged as its creation was. */
export async function updateFunctionUrl(
  deps: Deps,
  caller: Caller,
  input: FunctionUrlInput,
): Promise<{ readonly url: FunctionUrl; readonly decisionId: string }> {
  const { name, qualifier = LATEST } = locateFunction(deps.place, input)
  await deps.store.snapshot((reader) => getOwner(reader, name, qualifier))
  const { result, decision } = await openReach(deps, caller, {
    action: 'lambda:UpdateFunctionUrlConfig',
    functionName: name,
    qualifier,
    by: 'url',
    check: async (reader, owner) => {
      await getOwner(reader, name, qualifier)
      if ((await findSetting(reader, keyOf(owner, qualifier))) === undefined) throw urlMissing()
    },
    missing: functionMissing,
    write: async (tx, owner, _admitted, atMs) => {
      const before = await findSetting(tx, keyOf(owner, qualifier))
      const document = { ...before?.document, ...input.settings }
      const touched = [await putSetting(tx, keyOf(owner, qualifier), { document, atMs })]
      return { result: { functionName: name, qualifier, document, lastModifiedMs: atMs }, touched }
    },
  })
  return { url: result, decisionId: decision.id }
}

/** @throws PlatformError RESOURCE_NOT_FOUND, also for a function that is not there (recorded) */
export async function getFunctionUrl(deps: Deps, asked: FunctionAsked): Promise<FunctionUrl> {
  const { name, qualifier = LATEST } = locateFunction(deps.place, asked)
  return await deps.store.snapshot(async (reader) => {
    const { url } = await getUrl(reader, name, qualifier)
    return { ...url, functionName: name }
  })
}

/** The function's own first, then by alias. @throws PlatformError FUNCTION_NOT_FOUND */
export async function listFunctionUrls(
  deps: Deps,
  asked: PageAsked & { readonly functionName: string },
): Promise<PageAnswer<FunctionUrl>> {
  const { name } = locateFunction(deps.place, asked)
  return await deps.store.snapshot(async (reader) => {
    const owner = await findFunction(reader, name)
    if (owner === undefined) throw functionMissing()
    const page = { after: readMarker(asked.marker), limit: asked.limit + 1 }
    const found = await listSettings(reader, { functionId: owner.id, kind: KIND }, page)
    const { items, nextMarker } = toPage(found, asked.limit, (one) => one.qualifier)
    return { items: items.map((one) => ({ ...one, functionName: name })), nextMarker }
  })
}

/** Leaving: nothing is judged. @throws PlatformError RESOURCE_NOT_FOUND */
export async function deleteFunctionUrl(
  deps: Deps,
  caller: Caller,
  asked: FunctionAsked,
): Promise<{ readonly decisionId: string }> {
  const { name, qualifier = LATEST } = locateFunction(deps.place, asked)
  const { decision } = await govern(deps, caller, {
    action: 'lambda:DeleteFunctionUrlConfig',
    resource: functionArn(deps.place, name, qualifier),
    raisesWorld: false,
    read: async (reader) => {
      await getUrl(reader, name, qualifier)
      return leaving('url')
    },
    commit: async (tx) => {
      const { owner } = await getUrl(tx, name, qualifier)
      return { result: undefined, touched: await deleteSetting(tx, keyOf(owner, qualifier)) }
    },
  })
  return { decisionId: decision.id }
}

async function getUrl(
  reader: Reader,
  name: string,
  qualifier: string,
): Promise<{ readonly owner: FunctionRecord; readonly url: FunctionSetting }> {
  const owner = await findFunction(reader, name)
  const url = owner === undefined ? undefined : await findSetting(reader, keyOf(owner, qualifier))
  if (owner === undefined || url === undefined) throw urlMissing()
  return { owner, url }
}

async function getOwner(reader: Reader, name: string, qualifier: string): Promise<FunctionRecord> {
  const owner = await findFunction(reader, name)
  if (owner === undefined) throw functionMissing()
  if (qualifier !== LATEST && (await findAlias(reader, owner.id, qualifier)) === undefined)
    throw functionMissing()
  return owner
}

function keyOf(owner: FunctionRecord, qualifier: string): SettingKey {
  return { functionId: owner.id, kind: KIND, qualifier }
}

const URL_ID_ALPHABET = 'abcdefghijklmnopqrstuvwxyz234567'

/** 32 lower-case characters, 160 random bits: an address that nobody guesses (SPEC A14). */
function newUrlId(random: Random): string {
  return [...random.bytes(32)].map((byte) => URL_ID_ALPHABET.charAt(byte % 32)).join('')
}

function functionMissing(): PlatformError {
  return new PlatformError('FUNCTION_NOT_FOUND', 'Function does not exist')
}

function urlMissing(): PlatformError {
  return new PlatformError('RESOURCE_NOT_FOUND', 'The resource you requested does not exist.')
}

function urlThere(deps: Deps, name: string, qualifier: string): PlatformError {
  const arn = functionArn(deps.place, name, qualifier === LATEST ? undefined : qualifier)
  return new PlatformError(
    'RESOURCE_CONFLICT',
    `Failed to create function url config for [functionArn = ${arn}]. Error message:  FunctionUrlConfig exists for this Lambda function`,
  )
}
