import {
  deleteSetting,
  findFunction,
  findSetting,
  listSettings,
  listSettingsOfKind,
  putSetting,
  type FunctionRecord,
} from '../catalog/index.ts'
import { LATEST, PlatformError, functionArn, limits } from '../model/index.ts'
import type { Reader } from '../store/index.ts'
import { record } from './commit.ts'
import type { Caller, Deps } from './context.ts'
import { functionNotFound, getFunctionRecord, locateWhole } from './function-reference.ts'
import type { Committed } from './gate.ts'
import { numberIn } from './reach.ts'

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
 * The cap of a function; 0 switches it off. A cap admits nothing, so nothing is judged: it is recorded.
 * @throws PlatformError FUNCTION_NOT_FOUND, INVALID_PARAMETER (recorded sentences)
 */
export async function putFunctionConcurrency(
  deps: Deps,
  caller: Caller,
  input: { readonly functionName: string; readonly reserved: number },
): Promise<void> {
  const name = locateWhole(deps.place, input.functionName)
  await record(
    deps,
    { ...eventOf(deps, name, 'lambda:PutFunctionConcurrency'), principal: caller.principal },
    async (tx, atMs): Promise<Committed<undefined>> => {
      const owner = await findFunction(tx, name)
      // Recorded: here AWS names `$LATEST`.
      if (owner === undefined) throw functionNotFound(deps.place, name, LATEST)
      await checkReserved(tx, owner, input.reserved)
      const document = { [MEMBER]: input.reserved }
      const touched = [await putSetting(tx, keyOf(owner), { document, atMs })]
      return { result: undefined, touched, functionNames: [name] }
    },
  )
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

/** @throws PlatformError FUNCTION_NOT_FOUND */
export async function deleteFunctionConcurrency(
  deps: Deps,
  caller: Caller,
  functionName: string,
): Promise<void> {
  const name = locateWhole(deps.place, functionName)
  await record(
    deps,
    { ...eventOf(deps, name, 'lambda:DeleteFunctionConcurrency'), principal: caller.principal },
    async (tx): Promise<Committed<undefined> | undefined> => {
      const owner = await getFunctionRecord(tx, deps.place, { name, qualifier: undefined })
      const touched = await deleteSetting(tx, keyOf(owner))
      return touched.length === 0
        ? undefined
        : { result: undefined, touched, functionNames: [name] }
    },
  )
}

function keyOf(owner: FunctionRecord) {
  return { functionId: owner.id, kind: KIND, qualifier: LATEST } as const
}

function eventOf(deps: Deps, name: string, action: string) {
  return { type: 'concurrency', action, resource: functionArn(deps.place, name) }
}

/** Recorded: of the sentences on concurrency, some come without `Type`. */
export function untyped(message: string): PlatformError {
  return new PlatformError('INVALID_PARAMETER', message, { detail: { untyped: true } })
}
