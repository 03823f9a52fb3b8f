import {
  exceptionFacts,
  findFloorRule,
  findFunctionReach,
  functionReaches,
  listFloorExceptions,
  listFloorRules,
  listFreezeWindows,
  listFreezes,
  listPromotionRules,
  listSignerOwners,
  type FloorException,
  type FloorRule,
  type Freeze,
  type SignerOwner,
  type StagePlace,
} from '../catalog/index.ts'
import type {
  ApprovalFacts,
  ExceptionFacts,
  FreezeWindow,
  PromotionRule,
  StageFacts,
} from '../model/index.ts'
import type { Reader } from '../store/index.ts'
import { approvalFacts } from './approving.ts'
import type { Deps } from './context.ts'

/** How what people set for functions and aliases by name is read: for one change, or for a run over all of them. */
export interface PlaceReads {
  reach(reader: Reader, functionName: string): Promise<StageFacts['reach']>
  freezes(reader: Reader, scopes: readonly string[]): Promise<readonly Freeze[]>
  freezeWindows(reader: Reader): Promise<readonly FreezeWindow[]>
  promotionRules(reader: Reader): Promise<readonly PromotionRule[]>
  floorRule(reader: Reader, place: StagePlace): Promise<FloorRule | undefined>
  floorExceptions(
    reader: Reader,
    place: StagePlace,
    atMs: number,
  ): Promise<readonly FloorException[]>
  exceptions(reader: Reader, place: StagePlace): Promise<readonly ExceptionFacts[]>
  approvals(
    reader: Reader,
    of: StagePlace & { readonly requester: string },
    atMs: number,
  ): Promise<readonly ApprovalFacts[]>
  signerOwners(reader: Reader): Promise<readonly SignerOwner[]>
}

/** Of stages alone: what asks nobody's roles. */
export type StageReads = Omit<PlaceReads, 'approvals'>

export const eachPlace: StageReads = {
  reach: async (reader, functionName) => (await findFunctionReach(reader, functionName)).mode,
  freezes: listFreezes,
  freezeWindows: listFreezeWindows,
  promotionRules: listPromotionRules,
  floorRule: findFloorRule,
  floorExceptions: listFloorExceptions,
  exceptions: exceptionFacts,
  signerOwners: listSignerOwners,
}

export function eachPlaceOf(deps: Pick<Deps, 'place' | 'policies'>): PlaceReads {
  return {
    ...eachPlace,
    approvals: (reader, place, atMs) => approvalFacts(deps, reader, { place, atMs }),
  }
}

/** Each table read once, whole: good for one world and one time. */
export function allPlaces(deps: Pick<Deps, 'place' | 'policies'>): PlaceReads {
  const reaches = once(functionReaches)
  const freezes = once(async (reader) => {
    const known = await listFreezes(reader)
    return new Map(known.map((freeze) => [freeze.scope, freeze]))
  })
  const floorRules = once(async (reader) => byPlace(await listFloorRules(reader)))
  const floorExceptions = once(async (reader, atMs: number) =>
    byPlace(await listFloorExceptions(reader, undefined, atMs)),
  )
  const exceptions = once(async (reader) => byPlace(await exceptionFacts(reader, {})))
  const approvals = once(async (reader, atMs: number) =>
    byPlace(await approvalFacts(deps, reader, { place: undefined, atMs })),
  )
  return {
    reach: async (reader, functionName) => (await reaches(reader))(functionName).mode,
    freezes: async (reader, scopes) => {
      const known = await freezes(reader)
      return [...new Set(scopes)].toSorted().flatMap((scope) => known.get(scope) ?? [])
    },
    freezeWindows: once(listFreezeWindows),
    promotionRules: once(listPromotionRules),
    floorRule: async (reader, place) => at(await floorRules(reader), place)[0],
    floorExceptions: async (reader, place, atMs) => at(await floorExceptions(reader, atMs), place),
    exceptions: async (reader, place) => at(await exceptions(reader), place),
    approvals: async (reader, of, atMs) =>
      at(await approvals(reader, atMs), of).filter(({ requester }) => requester === of.requester),
    signerOwners: once(listSignerOwners),
  }
}

function once<T, More extends readonly unknown[]>(
  read: (reader: Reader, ...more: More) => Promise<T>,
): (reader: Reader, ...more: More) => Promise<T> {
  let known: Promise<T> | undefined
  return (reader, ...more) => (known ??= read(reader, ...more))
}

type ByPlace<T> = ReadonlyMap<string, readonly T[]>

function placeKey({ functionName, alias }: StagePlace): string {
  return `${functionName}:${alias}`
}

function byPlace<T extends StagePlace>(rows: readonly T[]): ByPlace<T> {
  const known = new Map<string, T[]>()
  for (const row of rows) known.set(placeKey(row), [...(known.get(placeKey(row)) ?? []), row])
  return known
}

function at<T>(known: ByPlace<T>, place: StagePlace): readonly T[] {
  return known.get(placeKey(place)) ?? []
}
