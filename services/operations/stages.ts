import {
  deleteFreeze,
  deleteFreezeWindow,
  deletePromotionRule,
  findFloorRule,
  findFunctionReach,
  listFloorExceptions,
  listFloorRules,
  listFreezeWindows,
  listFreezes,
  listPromotionRules,
  putFreeze,
  putFreezeWindow,
  putFunctionReach,
  putPromotionRule,
  type FloorException,
  type Freeze,
  type StagePlace,
  type TouchedRow,
} from '../catalog/index.ts'
import {
  PlatformError,
  functionArn,
  type Decision,
  type Floor,
  type FreezeWindow,
  type Json,
  type PromotionRule,
  type Reach,
} from '../model/index.ts'
import { floorsAt, freezeAt } from '../policy/index.ts'
import type { Reader, Writer } from '../store/index.ts'
import type { ChangeFactsInput } from './change.ts'
import type { Caller, Deps } from './context.ts'
import { govern } from './gate.ts'
import { trustChange } from './publishers.ts'
import { readFloorGround } from './stage-facts.ts'
import {
  checkDirect,
  checkName,
  checkPlace,
  checkPromotionScope,
  checkReason,
  checkSoak,
  checkWindow,
} from './stage-input.ts'

/** What a change of a stage comes to. */
export interface Staging<T> {
  readonly result: T
  readonly decision: Decision
}

/** Every change of what governs a stage: a `govern` action that raises the world. */
export async function stageChange<T>(
  deps: Deps,
  caller: Caller,
  change: {
    readonly action: string
    readonly resource: string
    readonly from: string | null
    readonly to: string | null
    readonly besides?: Pick<ChangeFactsInput, 'reach'>
    readonly functionNames?: readonly string[]
    readonly note?: Json
    /** Throws where there is nothing to change; asked before the decision and in the transaction. */
    check?(reader: Reader): Promise<void>
    write(tx: Writer, atMs: number): Promise<{ result: T; touched: readonly TouchedRow[] }>
  },
): Promise<Staging<T>> {
  const { action, resource, from, to, note } = change
  return await govern(deps, caller, {
    action,
    resource,
    raisesWorld: true,
    read: async (reader) => {
      await change.check?.(reader)
      return { ...trustChange(from, to), ...change.besides }
    },
    commit: async (tx, _admitted, atMs) => {
      await change.check?.(tx)
      const { functionNames = [] } = change
      return { ...(await change.write(tx, atMs)), functionNames }
    },
    ...(note === undefined ? {} : { note: () => note }),
  })
}

/** Until it is lifted nothing of the function, or of the alias, changes but by leaving. The name need not exist yet. @throws PlatformError INVALID_PARAMETER */
export async function freeze(
  deps: Deps,
  caller: Caller,
  input: { readonly scope: string; readonly reason: string },
): Promise<Staging<Freeze>> {
  const { scope, reason } = input
  const place = checkPlace(scope)
  checkReason(reason)
  return await stageChange(deps, caller, {
    action: 'lacre:PutFreeze',
    resource: functionArn(deps.place, place.functionName, place.alias),
    from: null,
    to: 'frozen',
    note: { reason },
    write: async (tx, atMs) => {
      const frozen = { scope, reason, frozenAtMs: atMs, frozenBy: caller.principal.id }
      return { result: frozen, touched: [await putFreeze(tx, frozen)] }
    },
  })
}

/** @throws PlatformError RESOURCE_NOT_FOUND */
export async function liftFreeze(
  deps: Deps,
  caller: Caller,
  scope: string,
): Promise<Staging<undefined>> {
  const place = checkPlace(scope)
  return await stageChange(deps, caller, {
    action: 'lacre:LiftFreeze',
    resource: functionArn(deps.place, place.functionName, place.alias),
    from: 'frozen',
    to: null,
    check: async (reader) => {
      if ((await listFreezes(reader, [scope])).length === 0)
        throw notFound(`\`${scope}\` is not frozen`)
    },
    write: async (tx) => ({ result: undefined, touched: [await deleteFreeze(tx, scope)] }),
  })
}

/** More would make every decision slow. */
const WINDOWS_LIMIT = 100

/** @throws PlatformError INVALID_PARAMETER */
export async function setFreezeWindow(
  deps: Deps,
  caller: Caller,
  window: FreezeWindow,
): Promise<Staging<FreezeWindow>> {
  checkWindow(window)
  return await stageChange(deps, caller, {
    action: 'lacre:PutFreezeWindow',
    resource: `lacre:freeze-window/${window.name}`,
    from: null,
    to: `${window.scope} in ${window.timeZone}`,
    check: async (reader) => {
      const others = (await listFreezeWindows(reader)).filter(({ name }) => name !== window.name)
      if (others.length >= WINDOWS_LIMIT)
        throw new PlatformError('INVALID_PARAMETER', `at most ${WINDOWS_LIMIT} freeze windows`)
    },
    write: async (tx, atMs) => ({
      result: window,
      touched: [await putFreezeWindow(tx, window, atMs)],
    }),
  })
}

/** @throws PlatformError RESOURCE_NOT_FOUND */
export async function removeFreezeWindow(
  deps: Deps,
  caller: Caller,
  name: string,
): Promise<Staging<undefined>> {
  checkName('a window', name)
  return await stageChange(deps, caller, {
    action: 'lacre:RemoveFreezeWindow',
    resource: `lacre:freeze-window/${name}`,
    from: name,
    to: null,
    check: async (reader) => {
      if (!(await listFreezeWindows(reader)).some((one) => one.name === name))
        throw notFound(`there is no freeze window \`${name}\``)
    },
    write: async (tx) => ({ result: undefined, touched: [await deleteFreezeWindow(tx, name)] }),
  })
}

/** @throws PlatformError INVALID_PARAMETER */
export async function setPromotionRule(
  deps: Deps,
  caller: Caller,
  rule: PromotionRule,
): Promise<Staging<PromotionRule>> {
  checkPromotionScope(rule.scope, rule.from)
  checkSoak(rule.soakMs)
  if (rule.endedWithinMs !== null) checkSoak(rule.endedWithinMs)
  return await stageChange(deps, caller, {
    action: 'lacre:PutPromotionRule',
    resource: `lacre:promotion-rule/${rule.scope}`,
    from: null,
    to: `${rule.soakMs} ms in ${rule.from}`,
    write: async (tx, atMs) => ({
      result: rule,
      touched: [await putPromotionRule(tx, rule, atMs)],
    }),
  })
}

/** @throws PlatformError RESOURCE_NOT_FOUND */
export async function removePromotionRule(
  deps: Deps,
  caller: Caller,
  scope: string,
): Promise<Staging<undefined>> {
  return await stageChange(deps, caller, {
    action: 'lacre:RemovePromotionRule',
    resource: `lacre:promotion-rule/${scope}`,
    from: scope,
    to: null,
    check: async (reader) => {
      if (!(await listPromotionRules(reader)).some((one) => one.scope === scope))
        throw notFound(`there is no promotion rule for \`${scope}\``)
    },
    write: async (tx) => ({ result: undefined, touched: [await deletePromotionRule(tx, scope)] }),
  })
}

/** How a function may be invoked; by name, so that it can be set before the function is there. @throws PlatformError INVALID_PARAMETER */
export async function setReach(
  deps: Deps,
  caller: Caller,
  input: Reach & { readonly functionName: string },
): Promise<Staging<Reach>> {
  const { functionName, mode } = input
  checkName('a function', functionName)
  checkDirect(mode, input.direct)
  const reach: Reach = { mode, direct: [...new Set(input.direct)].toSorted() }
  return await stageChange(deps, caller, {
    action: 'lacre:PutReach',
    resource: functionArn(deps.place, functionName),
    from: null,
    to: worded(reach),
    besides: { reach: mode },
    // What can be invoked changes: the live set and the warm path follow.
    functionNames: [functionName],
    write: async (tx, atMs) => ({
      result: reach,
      touched: [await putFunctionReach(tx, functionName, { ...reach, atMs })],
    }),
  })
}

function worded({ mode, direct }: Reach): string {
  return direct.length === 0 ? mode : `${mode} and ${direct.join(', ')}`
}

export interface FloorShown extends StagePlace {
  readonly soakMs: number
  readonly floors: readonly Floor[]
  readonly exceptions: readonly FloorException[]
}

/** All that governs stages, or what concerns one function. */
export interface StagesShown {
  readonly freezes: readonly Freeze[]
  readonly windows: readonly (FreezeWindow & { readonly active: boolean })[]
  readonly promotionRules: readonly PromotionRule[]
  readonly floors: readonly FloorShown[]
}

export async function readStages(deps: Deps): Promise<StagesShown> {
  const atMs = deps.clock.nowMs()
  return await deps.store.snapshot(async (reader) => {
    const windows = await listFreezeWindows(reader)
    const { active } = freezeAt(windows, atMs)
    const floors: FloorShown[] = []
    for (const { functionName, alias } of await listFloorRules(reader))
      floors.push(await showFloor(reader, { functionName, alias }, atMs))
    return {
      freezes: await listFreezes(reader),
      windows: windows.map((one) => ({ ...one, active: active.includes(one.name) })),
      promotionRules: await listPromotionRules(reader),
      floors,
    }
  })
}

/** @throws PlatformError RESOURCE_NOT_FOUND */
export async function showFloor(
  reader: Reader,
  place: StagePlace,
  atMs: number,
): Promise<FloorShown> {
  const { functionName, alias } = place
  const ground = await readFloorGround(reader, place, atMs)
  const rule = await findFloorRule(reader, place)
  if (ground === undefined || rule === undefined)
    throw notFound(`\`${functionName}:${alias}\` has no floor`)
  const exceptions = await listFloorExceptions(reader, place, atMs)
  return { functionName, alias, soakMs: rule.soakMs, floors: floorsAt(ground), exceptions }
}

export async function readReach(deps: Deps, functionName: string): Promise<Reach> {
  checkName('a function', functionName)
  return await deps.store.snapshot((reader) => findFunctionReach(reader, functionName))
}

export function notFound(message: string): PlatformError {
  return new PlatformError('RESOURCE_NOT_FOUND', message)
}
