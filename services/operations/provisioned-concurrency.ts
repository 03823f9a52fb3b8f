import {
  deleteSetting,
  findAlias,
  findFunction,
  findPublishedVersion,
  findSetting,
  listAliases,
  listSettings,
  putSetting,
  type FunctionRecord,
  type FunctionSetting,
  type SettingKey,
} from '../catalog/index.ts'
import { LATEST, PlatformError, functionArn, limits } from '../model/index.ts'
import type { Reader } from '../store/index.ts'
import type { Caller, Deps } from './context.ts'
import { leaving, type Removal } from './delete-function.ts'
import {
  functionNotFound,
  locateFunction,
  locateUnqualified,
  type FunctionAsked,
} from './function-reference.ts'
import { govern } from './gate.ts'
import { listNamedSettings } from './named-settings.ts'
import type { PageAnswer, PageAsked } from './page.ts'
import { numberIn, openReach } from './reach.ts'
import {
  provisionedTotal,
  readAccountConcurrency,
  readReserved,
  untyped,
} from './reserved-concurrency.ts'

const KIND = 'provisioned-concurrency'
const MEMBER = 'ProvisionedConcurrentExecutions'

/** What was asked for, and how much of it stands ready now. */
export interface ProvisionedConcurrency {
  readonly functionName: string
  readonly qualifier: string
  readonly requested: number
  readonly ready: number
  /** Why no more of it can be had, where that is known. */
  readonly failure: string | undefined
  readonly lastModifiedMs: number
}

/**
 * Capacity for a version or for what an alias points to: judged as an upload is (RULES P2), then started beforehand.
 * @throws PlatformError INVALID_PARAMETER, FUNCTION_NOT_FOUND, RESOURCE_CONFLICT, and what the gate throws
 */
export async function putProvisionedConcurrency(
  deps: Deps,
  caller: Caller,
  input: FunctionAsked & { readonly requested: number },
): Promise<{ readonly found: ProvisionedConcurrency; readonly decisionId: string }> {
  const { name, qualifier = LATEST } = locateFunction(deps.place, input)
  if (qualifier === LATEST) {
    throw new PlatformError(
      'INVALID_PARAMETER',
      'Provisioned Concurrency Configs cannot be applied to unpublished function versions.',
    )
  }
  await deps.store.snapshot((reader) => getQualified(deps, reader, name, qualifier))
  const { result, decision } = await openReach(deps, caller, {
    action: 'lambda:PutProvisionedConcurrencyConfig',
    functionName: name,
    qualifier,
    by: `${input.requested} provisioned`,
    check: async (reader, owner) => {
      await getQualified(deps, reader, name, qualifier)
      await refuseSharing(reader, owner, qualifier)
      await checkCapacity(reader, owner, { qualifier, requested: input.requested })
    },
    missing: () => qualifierNotFound(deps, name, qualifier),
    write: async (tx, owner, _admitted, atMs) => {
      const document = { [MEMBER]: input.requested }
      const touched = [await putSetting(tx, keyOf(owner, qualifier), { document, atMs })]
      const result: ProvisionedConcurrency = {
        functionName: name,
        qualifier,
        requested: input.requested,
        // Recorded: the answer itself counts nothing yet.
        ready: 0,
        failure: undefined,
        lastModifiedMs: atMs,
      }
      return { result, touched, functionNames: [name] }
    },
  })
  return { found: result, decisionId: decision.id }
}

/** Recorded: a version and an alias on it do not both have their own. */
async function refuseSharing(
  reader: Reader,
  owner: FunctionRecord,
  qualifier: string,
): Promise<void> {
  const taken = new Set(
    (await listSettings(reader, { functionId: owner.id, kind: KIND })).map((one) => one.qualifier),
  )
  if (/^[0-9]+$/.test(qualifier)) {
    const aliases = await listAliases(reader, owner.id, { version: qualifier })
    if (aliases.some((alias) => taken.has(alias.name)))
      throw conflict('Version is pointed by a Provisioned Concurrency alias')
    return
  }
  const alias = await findAlias(reader, owner.id, qualifier)
  if (alias === undefined) return
  if (taken.has(alias.version) || (alias.routing !== null && taken.has(alias.routing.version))) {
    throw conflict(
      "Alias can't be used for Provisioned Concurrency configuration on an already Provisioned version",
    )
  }
}

async function checkCapacity(
  reader: Reader,
  owner: FunctionRecord,
  asked: { readonly qualifier: string; readonly requested: number },
): Promise<void> {
  const others = await provisionedTotal(reader, owner.id, asked.qualifier)
  const total = others + asked.requested
  const reserved = await readReserved(reader, owner.id)
  if (reserved !== undefined) {
    if (total <= reserved) return
    throw new PlatformError(
      'INVALID_PARAMETER',
      'Requested Provisioned Concurrency should not be greater than the reservedConcurrentExecution for function',
    )
  }
  const { unreserved } = await readAccountConcurrency(reader, owner.id)
  if (total > unreserved) {
    throw untyped(
      `Specified ConcurrentExecutions for function is greater than account's unreserved concurrency [${unreserved - others}].`,
    )
  }
  const least = limits.UNRESERVED_CONCURRENCY_MIN
  if (unreserved - total < least) {
    throw untyped(
      `Specified ConcurrentExecutions for function decreases account's UnreservedConcurrentExecution below its minimum value of [${least}].`,
    )
  }
}

/** @throws PlatformError INVALID_PARAMETER ($LATEST), FUNCTION_NOT_FOUND, RESOURCE_NOT_FOUND */
export async function getProvisionedConcurrency(
  deps: Deps,
  asked: FunctionAsked,
): Promise<ProvisionedConcurrency> {
  const { name, qualifier } = locatePublished(deps, asked)
  return await deps.store.snapshot(async (reader) => {
    const owner = await getQualified(deps, reader, name, qualifier)
    const setting = await findSetting(reader, keyOf(owner, qualifier))
    if (setting !== undefined) return toProvisioned(deps, name, setting)
    throw new PlatformError(
      'RESOURCE_NOT_FOUND',
      'No Provisioned Concurrency Config found for this function',
      { detail: { awsType: 'ProvisionedConcurrencyConfigNotFoundException' } },
    )
  })
}

/** By qualifier. @throws PlatformError FUNCTION_NOT_FOUND */
export async function listProvisionedConcurrency(
  deps: Deps,
  asked: PageAsked & { readonly functionName: string },
): Promise<PageAnswer<ProvisionedConcurrency>> {
  const name = locateUnqualified(deps.place, asked.functionName)
  const kind = { kind: KIND, missing: () => functionNotFound(deps.place, name) } as const
  const { items, nextMarker } = await listNamedSettings(deps, kind, asked)
  return { items: items.map((one) => toProvisioned(deps, name, one)), nextMarker }
}

/** Leaving: nothing is judged. One that is not there is gone already. */
export async function deleteProvisionedConcurrency(
  deps: Deps,
  caller: Caller,
  asked: FunctionAsked,
): Promise<Removal> {
  const { name, qualifier } = locatePublished(deps, asked)
  const look = (reader: Reader): Promise<FunctionRecord> =>
    getQualified(deps, reader, name, qualifier)
  const there = await deps.store.snapshot(async (reader) =>
    findSetting(reader, keyOf(await look(reader), qualifier)),
  )
  if (there === undefined) return { decisionId: undefined }
  const { decision } = await govern(deps, caller, {
    action: 'lambda:DeleteProvisionedConcurrencyConfig',
    resource: functionArn(deps.place, name, qualifier),
    raisesWorld: false,
    read: async (reader) => {
      await look(reader)
      return leaving(`${numberIn(there.document, MEMBER) ?? 0} provisioned`)
    },
    commit: async (tx) => {
      const touched = await deleteSetting(tx, keyOf(await look(tx), qualifier))
      return { result: undefined, touched, functionNames: [name] }
    },
  })
  return { decisionId: decision.id }
}

function locatePublished(
  deps: Deps,
  asked: FunctionAsked,
): { readonly name: string; readonly qualifier: string } {
  const { name, qualifier = LATEST } = locateFunction(deps.place, asked)
  if (qualifier !== LATEST) return { name, qualifier }
  throw new PlatformError(
    'INVALID_PARAMETER',
    'The function resource provided must be an alias or a published version.',
  )
}

/** The function, where it has that alias or version. */
async function getQualified(
  deps: Deps,
  reader: Reader,
  name: string,
  qualifier: string,
): Promise<FunctionRecord> {
  const owner = await findFunction(reader, name)
  const numbered = /^[0-9]+$/.test(qualifier)
  const target =
    owner === undefined
      ? undefined
      : numbered
        ? await findPublishedVersion(reader, owner.id, qualifier)
        : await findAlias(reader, owner.id, qualifier)
  if (owner === undefined || target === undefined) throw qualifierNotFound(deps, name, qualifier)
  return owner
}

function qualifierNotFound(deps: Deps, name: string, qualifier: string): PlatformError {
  if (/^[0-9]+$/.test(qualifier)) return functionNotFound(deps.place, name, qualifier)
  const arn = functionArn(deps.place, name, qualifier)
  return new PlatformError('FUNCTION_NOT_FOUND', `Cannot find alias arn: ${arn}`)
}

function keyOf(owner: FunctionRecord, qualifier: string): SettingKey {
  return { functionId: owner.id, kind: KIND, qualifier }
}

function toProvisioned(
  deps: Deps,
  functionName: string,
  setting: FunctionSetting,
): ProvisionedConcurrency {
  const requested = numberIn(setting.document, MEMBER) ?? 0
  const target = deps.live.resolve(functionName, setting.qualifier, 1)
  const warm = target.kind === 'found' ? deps.runtime.warm(target.spec) : undefined
  return {
    functionName,
    qualifier: setting.qualifier,
    requested,
    ready: Math.min(warm?.ready ?? 0, requested),
    failure: target.kind === 'failed' ? target.reason : warm?.failure,
    lastModifiedMs: setting.lastModifiedMs,
  }
}

function conflict(message: string): PlatformError {
  return new PlatformError('RESOURCE_CONFLICT', message)
}
