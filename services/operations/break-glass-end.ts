import {
  endBreakGlass as endRow,
  findAlias,
  findFunction,
  listBreakGlass,
  overdueBreakGlass,
  updateAliasRow,
  type AliasRecord,
  type BreakGlass,
  type FunctionRecord,
} from '../catalog/index.ts'
import type { HandlerOptions, JobHandler } from '../jobs/index.ts'
import {
  PlatformError,
  functionArn,
  isInForce,
  systemPrincipal,
  type Decision,
  type ErrorCode,
  type Json,
} from '../model/index.ts'
import type { Reader, Writer } from '../store/index.ts'
import { aliasFacts, reachedVersions, sameReach } from './alias-plan.ts'
import { requestNote } from './approval-target.ts'
import { breakGlassFacts, getBreakGlass, withdrawBreakGlass } from './break-glass.ts'
import { raiseWorld, record } from './commit.ts'
import type { Caller, Deps } from './context.ts'
import { exceptionsBehind } from './excepted.ts'
import { RowsMoved, govern, preview, type Change } from './gate.ts'
import { findLastCompliant, type ReturnRules, type ReturnTarget } from './last-compliant.ts'

const SYSTEM: Caller = { principal: systemPrincipal, requestId: 'break-glass-end' }
/** A refused target is no error of the search. */
const REFUSALS: ReadonlySet<ErrorCode> = new Set([
  'POLICY_DENIED',
  'CODE_VERIFICATION_FAILED',
  'INVALID_CODE_SIGNATURE',
])

interface Ended {
  readonly result: BreakGlass
  /** Absent where the service did it by itself and nothing was moved. */
  readonly decision?: Decision
}

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
  const target = await findTarget(deps, one)
  if (target === undefined) {
    const ended = await settle(deps, caller, one, 'stuck')
    deps.log.error(
      { breakGlass: one.id, functionName: one.functionName, alias: one.alias },
      'an exception ended and no compliant version is there to go back to',
    )
    return ended
  }
  const ended = await govern(deps, caller, returnTo(deps, caller, one, target))
  const { functionName, alias, version } = one
  deps.log.warn(
    { breakGlass: one.id, functionName, alias, from: version, to: target.version },
    'an exception ended and the alias went back',
  )
  return ended
}

/** `return` where the alias serves the release by an exception alone, and none is in force for it any more. */
async function wayOut(
  deps: Deps,
  reader: Reader,
  one: BreakGlass,
): Promise<'return' | 'unused' | 'replaced'> {
  const owner = await findFunction(reader, one.functionName)
  const alias = owner === undefined ? undefined : await findAlias(reader, owner.id, one.alias)
  if (owner === undefined || alias === undefined) return 'unused'
  const reached = await reachedVersions(reader, deps.place, owner, alias)
  if (!reached.some(({ release }) => release === one.release)) return 'unused'
  if ((await exceptionsBehind(reader, alias.decisionId)).size === 0) return 'unused'
  const others = await listBreakGlass(reader, one)
  const nowMs = deps.clock.nowMs()
  const covered = others.some(
    (other) => other.id !== one.id && other.release === one.release && isInForce(other, nowMs),
  )
  return covered ? 'replaced' : 'return'
}

async function findTarget(deps: Deps, one: BreakGlass): Promise<ReturnTarget | undefined> {
  const rules: ReturnRules = {
    isCompliant: async (target) => {
      try {
        await preview(deps, SYSTEM, returnTo(deps, SYSTEM, one, target))
        return true
      } catch (error) {
        if (error instanceof PlatformError && REFUSALS.has(error.code)) return false
        throw error
      }
    },
    isAtFloor: () => Promise.resolve(true),
  }
  const { functionName, alias, release: leaving } = one
  return await findLastCompliant(deps, { functionName, alias, leaving }, rules)
}

/** The move back, judged as any move is; approvals are not asked of it (promise P5). */
function returnTo(
  deps: Deps,
  { principal }: Caller,
  one: BreakGlass,
  target: ReturnTarget,
): Change<BreakGlass> {
  let judged: Awaited<ReturnType<typeof readReturn>> | undefined
  return {
    action: 'lacre:EndBreakGlass',
    resource: functionArn(deps.place, one.functionName, one.alias),
    raisesWorld: true,
    read: async (reader) => {
      judged = await readReturn(deps, reader, one, target)
      const { owner, alias, reached } = judged
      return aliasFacts(deps.place, owner, {
        from: alias.version,
        target: { version: target.version, routing: null },
        reached,
      })
    },
    commit: async (tx, { decision }, atMs) => {
      const now = await readReturn(deps, tx, one, target)
      if (
        judged?.alias.revisionId !== now.alias.revisionId ||
        judged.owner.codeSigningConfigId !== now.owner.codeSigningConfigId ||
        !sameReach(judged.reached, now.reached)
      )
        throw new RowsMoved()
      const alias = await updateAliasRow(tx, {
        ...now.alias,
        version: target.version,
        routing: null,
        revisionId: deps.random.uuid(),
        decisionId: decision.id,
      })
      const row = await endRow(tx, one.id, { ended: 'reverted', by: principal.id, atMs })
      const result = await getBreakGlass(tx, one.id)
      return { result, touched: [alias, row], functionNames: [one.functionName] }
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
  target: ReturnTarget,
): Promise<Return> {
  const { endedAtMs } = await getBreakGlass(reader, one.id)
  const owner = await findFunction(reader, one.functionName)
  const alias = owner === undefined ? undefined : await findAlias(reader, owner.id, one.alias)
  if (endedAtMs !== null || owner === undefined || alias === undefined)
    throw new PlatformError('RESOURCE_CONFLICT', 'the exception has ended, or the alias is gone')
  const to = { version: target.version, routing: null }
  return { owner, alias, reached: await reachedVersions(reader, deps.place, owner, to) }
}

/** The exception is over and nothing moves. At expiry no policy is asked: there is nothing to refuse. */
async function settle(
  deps: Deps,
  caller: Caller,
  one: BreakGlass,
  ended: 'unused' | 'replaced' | 'stuck',
): Promise<Ended> {
  const resource = functionArn(deps.place, one.functionName, one.alias)
  const action = 'lacre:EndBreakGlass'
  const write = async (tx: Writer, atMs: number) => {
    const { endedAtMs } = await getBreakGlass(tx, one.id)
    if (endedAtMs !== null) return undefined
    const row = await endRow(tx, one.id, { ended, by: caller.principal.id, atMs })
    return { result: await getBreakGlass(tx, one.id), touched: [row] }
  }
  if (caller === SYSTEM) {
    const event = { type: 'break-glass', action, resource }
    await record(deps, event, async (tx, atMs) => {
      const written = await write(tx, atMs)
      if (written !== undefined) await raiseWorld(tx)
      return written
    })
    return { result: await deps.store.snapshot((reader) => getBreakGlass(reader, one.id)) }
  }
  return await govern(deps, caller, {
    action,
    resource,
    raisesWorld: true,
    read: () => Promise.resolve(breakGlassFacts(one)),
    commit: async (tx, _admitted, atMs) => {
      const written = await write(tx, atMs)
      if (written === undefined)
        throw new PlatformError('RESOURCE_CONFLICT', 'it has ended already')
      return written
    },
    note: () => ({ ...requestNote(one), ended }),
  })
}
