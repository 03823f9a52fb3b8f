import {
  deleteSetting,
  findFunction,
  findSetting,
  putSetting,
  type FunctionRecord,
  type SettingDocument,
  type SettingKey,
} from '../catalog/index.ts'
import { LATEST, PlatformError, functionArn, parseFunctionReference } from '../model/index.ts'
import type { Reader } from '../store/index.ts'
import type { Caller, Deps } from './context.ts'
import { leaving } from './delete-function.ts'
import { locateFunction, type FunctionAsked } from './function-reference.ts'
import { govern } from './gate.ts'
import { getNamedSetting, listNamedSettings, type NamedSetting } from './named-settings.ts'
import type { PageAnswer, PageAsked } from './page.ts'
import { findReach } from './reach.ts'
import { settingChange } from './setting-change.ts'

/** What a request sets; `undefined` keeps (update) or leaves out (put). */
export interface EventInvokeInput extends FunctionAsked {
  readonly maximumRetryAttempts?: number | undefined
  readonly maximumEventAgeInSeconds?: number | undefined
  readonly onSuccess?: string | undefined
  readonly onFailure?: string | undefined
  /** A DestinationConfig was given, however empty. */
  readonly destinations: boolean
}

export type EventInvokeConfig = NamedSetting

const KIND = 'event-invoke'
/** AWS: where results of asynchronous invocations may go. */
const DESTINATION_SERVICES = new Set(['lambda', 'sns', 'sqs', 'events', 's3'])

/** Put writes the whole config anew; update needs one and lays over it what is given. It admits no code: the policies alone are asked. */
export async function setEventInvokeConfig(
  deps: Deps,
  caller: Caller,
  mode: 'put' | 'update',
  input: EventInvokeInput,
): Promise<EventInvokeConfig> {
  const { maximumRetryAttempts, maximumEventAgeInSeconds } = input
  if (
    maximumRetryAttempts === undefined &&
    maximumEventAgeInSeconds === undefined &&
    !input.destinations
  ) {
    throw invalid('You must specify at least one of error handling or destination setting.')
  }
  const { name, qualifier = LATEST } = locateFunction(deps.place, input)
  const action = mode === 'put' ? 'Put' : 'Update'
  const next = async (reader: Reader) => {
    const owner = await getOwner(deps, reader, name, qualifier)
    const key = keyOf(owner.id, qualifier)
    const before = await findSetting(reader, key)
    if (mode === 'update' && before === undefined) throw configNotFound(deps, name, qualifier)
    if (input.destinations) await checkDestinations(deps, reader, name, input)
    const kept = mode === 'update' ? (before?.document ?? {}) : {}
    return { key, document: { ...kept, ...documentOf(input, kept) } }
  }
  const { result } = await govern(deps, caller, {
    action: `lambda:${action}FunctionEventInvokeConfig`,
    resource: functionArn(deps.place, name, qualifier),
    raisesWorld: false,
    read: async (reader) => {
      await next(reader)
      return settingChange('event invoke config')
    },
    commit: async (tx, _admitted, atMs) => {
      const { key, document } = await next(tx)
      const touched = [await putSetting(tx, key, { document, atMs })]
      return { result: { functionName: name, qualifier, document, lastModifiedMs: atMs }, touched }
    },
  })
  return result
}

function documentOf(input: EventInvokeInput, kept: SettingDocument): SettingDocument {
  const to = (arn: string | undefined): SettingDocument =>
    arn === undefined || arn === '' ? {} : { Destination: arn }
  const destinations = { OnSuccess: to(input.onSuccess), OnFailure: to(input.onFailure) }
  return {
    DestinationConfig: input.destinations
      ? destinations
      : (kept['DestinationConfig'] ?? destinations),
    ...given('MaximumRetryAttempts', input.maximumRetryAttempts),
    ...given('MaximumEventAgeInSeconds', input.maximumEventAgeInSeconds),
  }
}

function given(name: string, value: number | undefined): SettingDocument {
  return value === undefined ? {} : { [name]: value }
}

async function checkDestinations(
  deps: Deps,
  reader: Reader,
  name: string,
  input: EventInvokeInput,
): Promise<void> {
  const arns = [input.onFailure, input.onSuccess].filter((arn) => arn !== undefined && arn !== '')
  let served = true
  for (const arn of arns) {
    const service = arn?.split(':')[2] ?? ''
    served &&= DESTINATION_SERVICES.has(service) || arn?.startsWith('kafka://') === true
    // AWS: a bucket takes failures alone.
    served &&= service !== 's3' || arn !== input.onSuccess
    if (service !== 'lambda') continue
    const other = parseFunctionReference(arn ?? '')
    const here = other?.account === deps.place.account && other.region === deps.place.region
    if (here && (await findFunction(reader, other.name)) === undefined)
      throw invalid(`The destination ARN ${arn} is invalid.`)
    if (here && other.name === name)
      throw invalid("You can't specify the function as a destination for itself.")
  }
  if (served) return
  const shown = (kind: string, arn: string | undefined): string =>
    arn === undefined ? 'null' : `${kind}(destination=${arn})`
  throw invalid(
    `The provided destination config DestinationConfig(onSuccess=${shown('OnSuccess', input.onSuccess)}, onFailure=${shown('OnFailure', input.onFailure)}) is invalid.`,
  )
}

/** @throws PlatformError RESOURCE_NOT_FOUND, also for a function that is not there (recorded) */
export async function getEventInvokeConfig(
  deps: Deps,
  asked: FunctionAsked,
): Promise<EventInvokeConfig> {
  const { name, qualifier = LATEST } = locateFunction(deps.place, asked)
  return await deps.store.snapshot(async (reader) => {
    const kind = { kind: KIND, missing: () => configNotFound(deps, name, qualifier) } as const
    return (await getNamedSetting(reader, kind, { name, qualifier })).setting
  })
}

/** By qualifier. @throws PlatformError FUNCTION_NOT_FOUND */
export async function listEventInvokeConfigs(
  deps: Deps,
  asked: PageAsked & { readonly functionName: string },
): Promise<PageAnswer<EventInvokeConfig>> {
  return await listNamedSettings(deps, { kind: KIND, missing: functionMissing }, asked)
}

/** @throws PlatformError RESOURCE_NOT_FOUND */
export async function deleteEventInvokeConfig(
  deps: Deps,
  caller: Caller,
  asked: FunctionAsked,
): Promise<void> {
  const { name, qualifier = LATEST } = locateFunction(deps.place, asked)
  const look = async (reader: Reader) => {
    const owner = await findFunction(reader, name)
    const key = owner === undefined ? undefined : keyOf(owner.id, qualifier)
    if (key === undefined || (await findSetting(reader, key)) === undefined)
      throw configNotFound(deps, name, qualifier)
    return key
  }
  await govern(deps, caller, {
    action: 'lambda:DeleteFunctionEventInvokeConfig',
    resource: functionArn(deps.place, name, qualifier),
    raisesWorld: false,
    read: async (reader) => {
      await look(reader)
      return leaving('event invoke config')
    },
    commit: async (tx) => ({
      result: undefined,
      touched: await deleteSetting(tx, await look(tx)),
    }),
  })
}

/** The function, where it has that qualifier; AWS says of both the same. */
async function getOwner(
  deps: Deps,
  reader: Reader,
  name: string,
  qualifier: string,
): Promise<FunctionRecord> {
  const owner = await findFunction(reader, name)
  if (owner === undefined || (await findReach(deps, reader, owner, qualifier)) === undefined)
    throw functionMissing()
  return owner
}

function keyOf(functionId: string, qualifier: string): SettingKey {
  return { functionId, kind: KIND, qualifier }
}

function functionMissing(): PlatformError {
  return new PlatformError('FUNCTION_NOT_FOUND', "The function doesn't exist.")
}

function configNotFound(deps: Deps, name: string, qualifier: string): PlatformError {
  const arn = functionArn(deps.place, name, qualifier)
  return new PlatformError(
    'RESOURCE_NOT_FOUND',
    `The function ${arn} doesn't have an EventInvokeConfig`,
  )
}

function invalid(message: string): PlatformError {
  return new PlatformError('INVALID_PARAMETER', message)
}
