import {
  bumpGeneration,
  deleteSetting,
  findFunction,
  findSetting,
  listAliases,
  listSettings,
  listSettingsOfKind,
  putSetting,
  type FunctionRecord,
  type VersionRecord,
} from '../catalog/index.ts'
import { LATEST, PlatformError, functionArn, limits } from '../model/index.ts'
import type { Reader } from '../store/index.ts'
import { aliasFacts } from './alias-plan.ts'
import type { ChangeFactsInput } from './change.ts'
import type { Caller, Deps } from './context.ts'
import { leaving } from './delete-function.ts'
import { functionNotFound, getFunctionRecord, locateWhole } from './function-reference.ts'
import { RowsMoved, govern, type Committed } from './gate.ts'
import { findReach, numberIn } from './reach.ts'
import { settingChange } from './setting-change.ts'

const KIND = 'reserved-concurrency'
const MEMBER = 'ReservedConcurrentExecutions'

/** Reserved, provisioned where nothing is reserved, and what is left to everybody else. */
export interface AccountConcurrency {
  readonly limit: number
  readonly unreserved: number
}

/** Counted from what functions have reserved or provisioned; those not in `except`. */
export async function readAccountConcurrency(
  reader: Reader,
  except?: string,
): Promise<AccountConcurrency> {
  const taken = new Map<string, number>()
  for (const one of await listSettingsOfKind(reader, 'provisioned-concurrency')) {
    const count = numberIn(one.document, 'ProvisionedConcurrentExecutions') ?? 0
    taken.set(one.functionId, (taken.get(one.functionId) ?? 0) + count)
  }
  // What is provisioned comes out of what its function has reserved, where it has.
  for (const one of await listSettingsOfKind(reader, KIND))
    taken.set(one.functionId, numberIn(one.document, MEMBER) ?? 0)
  if (except !== undefined) taken.delete(except)
  const limit = limits.CONCURRENT_EXECUTIONS_LIMIT
  const sum = [...taken.values()].reduce((all, one) => all + one, 0)
  return { limit, unreserved: limit - sum }
}

/**
 * The cap of a function; 0 switches it off, which is leaving. Raising a cap opens the function further: all that it serves
 * by `$LATEST` and its aliases is judged, as a new way to it is.
 * @throws PlatformError FUNCTION_NOT_FOUND, INVALID_PARAMETER (recorded sentences), and what the gate throws
 */
export async function putFunctionConcurrency(
  deps: Deps,
  caller: Caller,
  input: { readonly functionName: string; readonly reserved: number },
): Promise<{ readonly decisionId: string }> {
  const name = locateWhole(deps.place, input.functionName)
  const look = async (reader: Reader): Promise<FunctionRecord> => {
    const owner = await findFunction(reader, name)
    // Recorded: here AWS names `$LATEST`.
    if (owner === undefined) throw functionNotFound(deps.place, name, LATEST)
    await checkReserved(reader, owner, input.reserved)
    return owner
  }
  let judged: number | undefined
  const { decision } = await govern(deps, caller, {
    action: 'lambda:PutFunctionConcurrency',
    resource: functionArn(deps.place, name),
    raisesWorld: false,
    read: async (reader) => {
      const owner = await look(reader)
      const before = await readReserved(reader, owner.id)
      judged = before
      if (input.reserved === 0) return leaving(`${before ?? 'no'} reserved`)
      if (before === undefined || before >= input.reserved)
        return settingChange(`${input.reserved} reserved`)
      return await openedFacts(deps, reader, owner, {
        from: `${before} reserved`,
        to: `${input.reserved} reserved`,
      })
    },
    commit: async (tx, _admitted, atMs): Promise<Committed<undefined>> => {
      const owner = await look(tx)
      // A cap that somebody set meanwhile is not raised by what was judged before it.
      if ((await readReserved(tx, owner.id)) !== judged) throw new RowsMoved()
      const document = { [MEMBER]: input.reserved }
      const setting = await putSetting(tx, keyOf(owner), { document, atMs })
      const off = input.reserved === 0 ? [await bumpGeneration(tx, name)] : []
      return { result: undefined, touched: [setting, ...off], functionNames: [name] }
    },
  })
  return { decisionId: decision.id }
}

/** What a function serves by `$LATEST` and by its aliases: all of it is judged when the function is opened again. */
async function openedFacts(
  deps: Deps,
  reader: Reader,
  owner: FunctionRecord,
  change: { readonly from: string; readonly to: string },
): Promise<ChangeFactsInput> {
  const aliases = await listAliases(reader, owner.id)
  const reached: VersionRecord[] = []
  for (const qualifier of [LATEST, ...aliases.map((alias) => alias.name)])
    reached.push(...((await findReach(deps, reader, owner, qualifier))?.reached ?? []))
  const target = { version: LATEST, routing: null }
  return { ...aliasFacts(deps.place, owner, { from: null, target, reached }), change }
}

async function checkReserved(
  reader: Reader,
  owner: FunctionRecord,
  reserved: number,
): Promise<void> {
  const { unreserved } = await readAccountConcurrency(reader, owner.id)
  const least = limits.UNRESERVED_CONCURRENCY_MIN
  if (unreserved - reserved < least) {
    throw untyped(
      `Specified ReservedConcurrentExecutions for function decreases account's UnreservedConcurrentExecution below its minimum value of [${least}].`,
    )
  }
  const provisioned = await provisionedTotal(reader, owner.id)
  if (provisioned > reserved) {
    // Recorded, blanks included.
    throw untyped(
      ` ReservedConcurrentExecutions  ${reserved} should not be lower than function's total provisioned concurrency [${provisioned}].`,
    )
  }
}

/** All that versions and aliases of a function have provisioned. */
export async function provisionedTotal(
  reader: Reader,
  functionId: string,
  except?: string,
): Promise<number> {
  const all = await listSettings(reader, { functionId, kind: 'provisioned-concurrency' })
  return all
    .filter((one) => one.qualifier !== except)
    .reduce((sum, one) => sum + (numberIn(one.document, 'ProvisionedConcurrentExecutions') ?? 0), 0)
}

/** `undefined` where nothing is reserved. @throws PlatformError FUNCTION_NOT_FOUND */
export async function getFunctionConcurrency(
  deps: Deps,
  functionName: string,
): Promise<number | undefined> {
  const name = locateWhole(deps.place, functionName)
  return await deps.store.snapshot(async (reader) => {
    const owner = await getFunctionRecord(reader, deps.place, { name, qualifier: undefined })
    return await readReserved(reader, owner.id)
  })
}

export async function readReserved(
  reader: Reader,
  functionId: string,
): Promise<number | undefined> {
  const key = { functionId, kind: KIND, qualifier: LATEST } as const
  return numberIn((await findSetting(reader, key))?.document, MEMBER)
}

/**
 * Without a cap a function takes what is free. A cap of 0 that goes switches the function on again, and is judged; any other
 * only kept room for it.
 * @throws PlatformError FUNCTION_NOT_FOUND, and what the gate throws
 */
export async function deleteFunctionConcurrency(
  deps: Deps,
  caller: Caller,
  functionName: string,
): Promise<{ readonly decisionId: string | undefined }> {
  const name = locateWhole(deps.place, functionName)
  const look = async (reader: Reader) => {
    const owner = await getFunctionRecord(reader, deps.place, { name, qualifier: undefined })
    return { owner, before: await readReserved(reader, owner.id) }
  }
  if ((await deps.store.snapshot(look)).before === undefined) return { decisionId: undefined }
  let judged: number | undefined
  const { decision } = await govern(deps, caller, {
    action: 'lambda:DeleteFunctionConcurrency',
    resource: functionArn(deps.place, name),
    raisesWorld: false,
    read: async (reader) => {
      const { owner, before } = await look(reader)
      judged = before
      const change = { from: `${before ?? 'no'} reserved`, to: 'no cap' }
      if (before === 0) return await openedFacts(deps, reader, owner, change)
      return settingChange(change.to)
    },
    commit: async (tx): Promise<Committed<undefined>> => {
      const { owner, before } = await look(tx)
      if (before !== judged) throw new RowsMoved()
      const touched = await deleteSetting(tx, keyOf(owner))
      return { result: undefined, touched, functionNames: [name] }
    },
  })
  return { decisionId: decision.id }
}

function keyOf(owner: FunctionRecord) {
  return { functionId: owner.id, kind: KIND, qualifier: LATEST } as const
}

/** Recorded: of the sentences on concurrency, some come without `Type`. */
export function untyped(message: string): PlatformError {
  return new PlatformError('INVALID_PARAMETER', message, { detail: { untyped: true } })
}
