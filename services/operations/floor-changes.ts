import {
  deleteFloorException,
  deleteFloors,
  findFunction,
  findPublishedVersion,
  insertFloorException,
  listFloorExceptions,
  putFloor,
  putFloorRule,
  type FloorException,
  type StagePlace,
} from '../catalog/index.ts'
import { functionArn, newId, type Floor } from '../model/index.ts'
import type { Caller, Deps } from './context.ts'
import { settleFloors } from './floors.ts'
import { functionNotFound } from './function-reference.ts'
import { notFound, showFloor, stageChange, type FloorShown, type Staging } from './stages.ts'
import { checkCounter, checkExpiry, checkPlace, checkReason, checkSoak } from './stage-input.ts'

/**
 * Gives an alias a floor, or another soak time; with a publisher and a counter, raises it. It is not lowered: that is what
 * exceptions are for, or removing it.
 * @throws PlatformError INVALID_PARAMETER
 */
export async function setFloor(
  deps: Deps,
  caller: Caller,
  input: StagePlace & {
    readonly soakMs: number
    readonly raise?: { readonly publisher: string; readonly counter: string } | undefined
  },
): Promise<Staging<FloorShown>> {
  const place = { functionName: input.functionName, alias: input.alias }
  const { soakMs, raise } = input
  checkPlace(`${place.functionName}:${place.alias}`)
  checkSoak(soakMs)
  if (raise !== undefined) checkCounter(raise.counter)
  return await stageChange(deps, caller, {
    action: 'lacre:PutFloor',
    resource: functionArn(deps.place, place.functionName, place.alias),
    from: null,
    to: raise === undefined ? `soak ${soakMs} ms` : `${raise.publisher} ${raise.counter}`,
    write: async (tx, atMs) => {
      // By the rule of before: what soaked under it stays.
      const touched = [...(await settleFloors(tx, place, atMs))]
      touched.push(await putFloorRule(tx, place, { soakMs, lastModifiedMs: atMs }))
      const { floors } = await showFloor(tx, place, atMs)
      const risen = raise === undefined ? undefined : raised(floors, { ...raise, atMs })
      if (risen !== undefined) touched.push(await putFloor(tx, place, risen))
      return { result: await showFloor(tx, place, atMs), touched }
    },
  })
}

function raised(
  floors: readonly Floor[],
  to: { readonly publisher: string; readonly counter: string; readonly atMs: number },
): Floor | undefined {
  const { publisher, counter, atMs } = to
  const before = floors.find((one) => one.publisher === publisher)?.counter ?? '0'
  if (BigInt(before) >= BigInt(counter)) return undefined
  return { publisher, counter, release: null, raisedAtMs: atMs, why: 'set by an operator' }
}

/** The alias takes any counter again. @throws PlatformError RESOURCE_NOT_FOUND */
export async function removeFloor(
  deps: Deps,
  caller: Caller,
  { functionName, alias }: StagePlace,
): Promise<Staging<undefined>> {
  const place = { functionName, alias }
  checkPlace(`${functionName}:${alias}`)
  return await stageChange(deps, caller, {
    action: 'lacre:RemoveFloor',
    resource: functionArn(deps.place, functionName, alias),
    from: 'floor',
    to: null,
    check: async (reader) => void (await showFloor(reader, place, deps.clock.nowMs())),
    write: async (tx) => ({ result: undefined, touched: await deleteFloors(tx, place) }),
  })
}

/**
 * Lets the release of one version below the floor of one alias, until it expires.
 * @throws PlatformError INVALID_PARAMETER, FUNCTION_NOT_FOUND, RESOURCE_NOT_FOUND (no floor)
 */
export async function grantFloorException(
  deps: Deps,
  caller: Caller,
  input: StagePlace & {
    readonly version: string
    readonly reason: string
    readonly expiresAtMs: number
  },
): Promise<Staging<FloorException>> {
  const { functionName, alias, version, reason, expiresAtMs } = input
  const place = { functionName, alias }
  checkPlace(`${functionName}:${alias}`)
  checkReason(reason)
  checkExpiry(expiresAtMs, deps.clock.nowMs())
  return await stageChange(deps, caller, {
    action: 'lacre:GrantFloorException',
    resource: functionArn(deps.place, functionName, alias),
    from: null,
    to: version,
    note: { version, reason },
    check: async (reader) => void (await showFloor(reader, place, deps.clock.nowMs())),
    write: async (tx, atMs) => {
      const owner = await findFunction(tx, functionName)
      const record =
        owner === undefined ? undefined : await findPublishedVersion(tx, owner.id, version)
      if (record === undefined) throw functionNotFound(deps.place, functionName, version)
      const exception: FloorException = {
        id: newId('flx', deps.clock, deps.random),
        functionName,
        alias,
        release: record.release,
        reason,
        grantedAtMs: atMs,
        grantedBy: caller.principal.id,
        expiresAtMs,
      }
      return { result: exception, touched: [await insertFloorException(tx, exception)] }
    },
  })
}

/** @throws PlatformError RESOURCE_NOT_FOUND */
export async function endFloorException(
  deps: Deps,
  caller: Caller,
  { functionName, alias, id }: StagePlace & { readonly id: string },
): Promise<Staging<undefined>> {
  checkPlace(`${functionName}:${alias}`)
  return await stageChange(deps, caller, {
    action: 'lacre:EndFloorException',
    resource: functionArn(deps.place, functionName, alias),
    from: id,
    to: null,
    check: async (reader) => {
      const place = { functionName, alias }
      const exceptions = await listFloorExceptions(reader, place, deps.clock.nowMs())
      if (!exceptions.some((one) => one.id === id))
        throw notFound(`\`${functionName}:${alias}\` has no exception \`${id}\` in force`)
    },
    write: async (tx) => ({ result: undefined, touched: [await deleteFloorException(tx, id)] }),
  })
}
