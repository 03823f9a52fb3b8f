import {
  bumpGeneration,
  endBreakGlass as endRow,
  findAlias,
  findFunction,
  overdueBreakGlass,
  updateAliasRow,
  type AliasRecord,
  type BreakGlass,
  type FunctionRecord,
} from '../catalog/index.ts'
import type { HandlerOptions, JobHandler } from '../jobs/index.ts'
import { PlatformError, functionArn, isInForce, type ErrorCode, type Json } from '../model/index.ts'
import type { Reader } from '../store/index.ts'
import { aliasFacts, reachedVersions, sameReach } from './alias-plan.ts'
import { requestNote } from './approval-target.ts'
import { getBreakGlass, withdrawBreakGlass } from './break-glass.ts'
import { SYSTEM, settle, wayOut, type Ended } from './break-glass-settle.ts'
import type { Caller, Deps } from './context.ts'
import { settleFloors } from './floors.ts'
import { RowsMoved, govern, type Change } from './gate.ts'
import { lastCompliant, type ComplianceTarget } from './leaving.ts'

/** A way back that is refused all the same is none. */
const REFUSALS: ReadonlySet<ErrorCode> = new Set([
  'POLICY_DENIED',
  'CODE_VERIFICATION_FAILED',
  'INVALID_CODE_SIGNATURE',
])
/** What the release violates that is served by an exception which is over. */
const OVER = 'break-glass.over'

/**
 * Ends an exception before its time, or takes back a request nobody granted. The alias goes back as at expiry.
 * @throws PlatformError RESOURCE_NOT_FOUND, RESOURCE_CONFLICT (ended), and what the gate throws
 */
export async function endBreakGlass(
  deps: Deps,
  caller: Caller,
  input: { readonly id: string },
): Promise<Ended> {
  const one = await deps.store.snapshot((reader) => getBreakGlass(reader, input.id))
  if (one.endedAtMs !== null) throw new PlatformError('RESOURCE_CONFLICT', 'it has ended already')
  if (one.grantedAtMs === null) return await withdrawBreakGlass(deps, caller, one)
  return await end(deps, caller, one)
}

/** At expiry. Doing it twice changes nothing. */
export function breakGlassEndHandler(deps: Deps): JobHandler {
  return async (payload) => {
    const id = idIn(payload)
    const one = await deps.store.snapshot((reader) => getBreakGlass(reader, id))
    if (one.endedAtMs !== null) return
    if (isInForce(one, deps.clock.nowMs()))
      throw new PlatformError('UNAVAILABLE', 'the clock was set back: the exception is in force')
    await end(deps, SYSTEM, one)
  }
}

/** Tried for days: an exception that could not be ended is over for the gate all the same. */
export const breakGlassEndOptions: HandlerOptions = { maxAttempts: 10_000 }

/**
 * What ran out while the service was down ends before anything is served again. What cannot be ended now is tried by
 * its job.
 */
export async function endOverdueBreakGlass(deps: Deps): Promise<void> {
  const overdue = await deps.store.snapshot((reader) =>
    overdueBreakGlass(reader, deps.clock.nowMs()),
  )
  for (const one of overdue) {
    try {
      await end(deps, SYSTEM, one)
    } catch (error) {
      deps.log.error({ err: error, breakGlass: one.id }, 'an exception could not be ended')
    }
  }
}

function idIn(payload: Json): string {
  const id =
    payload !== null && typeof payload === 'object' && 'breakGlassId' in payload
      ? payload.breakGlassId
      : undefined
  if (typeof id !== 'string') throw new PlatformError('INTERNAL', 'the job names no break-glass')
  return id
}

async function end(deps: Deps, caller: Caller, one: BreakGlass): Promise<Ended> {
  const how = await deps.store.snapshot((reader) => wayOut(deps, reader, one))
  if (how !== 'return') return await settle(deps, caller, one, how)
  const { functionName, alias, version, release } = one
  const history = { atMs: deps.clock.nowMs(), leaving: release }
  const target = await lastCompliant(deps, functionName, alias, history)
  const ended = target === undefined ? undefined : await goBack(deps, caller, one, target)
  if (ended === undefined) return await settle(deps, caller, one, 'frozen')
  deps.log.warn(
    { breakGlass: one.id, functionName, alias, from: version, to: target?.version },
    'an exception ended and the alias went back',
  )
  return ended
}

/** `undefined` where the gate refuses what the search found compliant: a policy may ask more of this move than of others. */
async function goBack(
  deps: Deps,
  caller: Caller,
  one: BreakGlass,
  target: ComplianceTarget,
): Promise<Ended | undefined> {
  try {
    return await govern(deps, caller, returnTo(deps, caller, one, target))
  } catch (error) {
    if (error instanceof PlatformError && REFUSALS.has(error.code)) return undefined
    throw error
  }
}

/** The move back, judged as any move is, floors too; freeze, soak and approvals do not hold it up (promise P5). */
function returnTo(
  deps: Deps,
  { principal }: Caller,
  one: BreakGlass,
  target: ComplianceTarget,
): Change<BreakGlass> {
  let judged: Awaited<ReturnType<typeof readReturn>> | undefined
  return {
    action: 'lacre:EndBreakGlass',
    resource: functionArn(deps.place, one.functionName, one.alias),
    raisesWorld: true,
    read: async (reader) => {
      judged = await readReturn(deps, reader, one, target)
      const { owner, alias, reached } = judged
      const { version, release, decisionId } = target
      const move = { from: alias.version, target: { version, routing: null }, reached }
      return {
        ...aliasFacts(deps.place, owner, { ...move, alias: alias.name }),
        leaving: {
          violating: [{ version: one.version, rules: [OVER] }],
          to: [{ version, release, decisionId }],
        },
      }
    },
    commit: async (tx, { decision }, atMs) => {
      const now = await readReturn(deps, tx, one, target)
      if (
        judged?.alias.revisionId !== now.alias.revisionId ||
        judged.owner.codeSigningConfigId !== now.owner.codeSigningConfigId ||
        !sameReach(judged.reached, now.reached)
      )
        throw new RowsMoved()
      const floors = await settleFloors(tx, one, atMs)
      const alias = await updateAliasRow(tx, {
        ...now.alias,
        version: target.version,
        routing: null,
        revisionId: deps.random.uuid(),
        decisionId: decision.id,
      })
      const row = await endRow(tx, one.id, { ended: 'reverted', by: principal.id, atMs })
      const generation = await bumpGeneration(tx, one.functionName)
      const result = await getBreakGlass(tx, one.id)
      const touched = [...floors, alias, row, generation]
      return { result, touched, functionNames: [one.functionName] }
    },
    note: () => ({ ...requestNote(one), ended: 'reverted', to: target.version }),
  }
}

interface Return {
  readonly owner: FunctionRecord
  readonly alias: AliasRecord
  readonly reached: Awaited<ReturnType<typeof reachedVersions>>
}

/** @throws PlatformError RESOURCE_CONFLICT where it has ended or nothing is there any more: there is no way back then */
async function readReturn(
  deps: Deps,
  reader: Reader,
  one: BreakGlass,
  target: ComplianceTarget,
): Promise<Return> {
  const { endedAtMs } = await getBreakGlass(reader, one.id)
  const owner = await findFunction(reader, one.functionName)
  const alias = owner === undefined ? undefined : await findAlias(reader, owner.id, one.alias)
  if (endedAtMs !== null || owner === undefined || alias === undefined)
    throw new PlatformError('RESOURCE_CONFLICT', 'the exception has ended, or the alias is gone')
  const to = { version: target.version, routing: null }
  return { owner, alias, reached: await reachedVersions(reader, deps.place, owner, to) }
}
