import {
  deleteSetting,
  findAlias,
  findFunction,
  findSetting,
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
import { getNamedSetting, listNamedSettings, type NamedSetting } from './named-settings.ts'
import type { PageAnswer, PageAsked } from './page.ts'
import { openReach } from './reach.ts'

const KIND = 'url'
const URLS = { kind: KIND, missing: urlMissing } as const

/** Members as given; what is not given is kept on an update. */
export interface FunctionUrlInput extends FunctionAsked {
  readonly settings: SettingDocument
}

export type FunctionUrl = NamedSetting

interface Answered {
  readonly url: FunctionUrl
  readonly decisionId: string
}

/**
 * A URL is a way to the code: all that its qualifier reaches is judged (RULES P2).
 * @throws PlatformError FUNCTION_NOT_FOUND, RESOURCE_CONFLICT, and what the gate throws
 */
export async function createFunctionUrl(
  deps: Deps,
  caller: Caller,
  input: FunctionUrlInput,
): Promise<Answered> {
  return await writeUrl(deps, caller, {
    ...locateFunction(deps.place, input),
    action: 'lambda:CreateFunctionUrlConfig',
    next: (before, atMs, at) => {
      if (before !== undefined) throw urlThere(deps, at.name, at.qualifier)
      const made = { UrlId: newUrlId(deps.random), CreationTime: toIsoTime(atMs) }
      return { InvokeMode: 'BUFFERED', ...input.settings, ...made }
    },
  })
}

/** Other callers, another way of answering: judged as its creation was. @throws PlatformError RESOURCE_NOT_FOUND */
export async function updateFunctionUrl(
  deps: Deps,
  caller: Caller,
  input: FunctionUrlInput,
): Promise<Answered> {
  return await writeUrl(deps, caller, {
    ...locateFunction(deps.place, input),
    action: 'lambda:UpdateFunctionUrlConfig',
    next: (before) => {
      if (before === undefined) throw urlMissing()
      return { ...before.document, ...input.settings }
    },
  })
}

interface At {
  readonly name: string
  readonly qualifier: string
}

/** `next` says what is to be there after what was, or refuses; asked before the decision and in the transaction. */
async function writeUrl(
  deps: Deps,
  caller: Caller,
  write: {
    readonly name: string
    readonly qualifier: string | undefined
    readonly action: string
    next(before: FunctionSetting | undefined, atMs: number, at: At): SettingDocument
  },
): Promise<Answered> {
  const { name, qualifier = LATEST } = write
  await deps.store.snapshot((reader) => getOwner(reader, name, qualifier))
  const { result, decision } = await openReach(deps, caller, {
    action: write.action,
    functionName: name,
    qualifier,
    by: 'url',
    check: async (reader, owner) => {
      await getOwner(reader, name, qualifier)
      const before = await findSetting(reader, keyOf(owner, qualifier))
      write.next(before, 0, { name, qualifier })
    },
    missing: functionMissing,
    write: async (tx, owner, _admitted, atMs) => {
      const before = await findSetting(tx, keyOf(owner, qualifier))
      const document = write.next(before, atMs, { name, qualifier })
      const touched = [await putSetting(tx, keyOf(owner, qualifier), { document, atMs })]
      const result = { functionName: name, qualifier, document, lastModifiedMs: atMs }
      return { result, touched, functionNames: [name] }
    },
  })
  return { url: result, decisionId: decision.id }
}

/** @throws PlatformError RESOURCE_NOT_FOUND, also for a function that is not there (recorded) */
export async function getFunctionUrl(deps: Deps, asked: FunctionAsked): Promise<FunctionUrl> {
  const { name, qualifier = LATEST } = locateFunction(deps.place, asked)
  return await deps.store.snapshot(async (reader) => {
    return (await getNamedSetting(reader, URLS, { name, qualifier })).setting
  })
}

/** The function's own first, then by alias. @throws PlatformError FUNCTION_NOT_FOUND */
export async function listFunctionUrls(
  deps: Deps,
  asked: PageAsked & { readonly functionName: string },
): Promise<PageAnswer<FunctionUrl>> {
  return await listNamedSettings(deps, { kind: KIND, missing: functionMissing }, asked)
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
      await getNamedSetting(reader, URLS, { name, qualifier })
      return leaving('url')
    },
    commit: async (tx) => {
      const { owner } = await getNamedSetting(tx, URLS, { name, qualifier })
      const touched = await deleteSetting(tx, keyOf(owner, qualifier))
      return { result: undefined, touched, functionNames: [name] }
    },
  })
  return { decisionId: decision.id }
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
