import {
  endBreakGlass as endRow,
  findAlias,
  findFunction,
  listBreakGlass,
  listFreezes,
  putFreeze,
  type BreakGlass,
  type TouchedRow,
} from '../catalog/index.ts'
import {
  PlatformError,
  functionArn,
  isInForce,
  systemPrincipal,
  type Decision,
} from '../model/index.ts'
import type { Reader, Writer } from '../store/index.ts'
import { reachedVersions } from './alias-plan.ts'
import { requestNote } from './approval-target.ts'
import { breakGlassFacts, getBreakGlass } from './break-glass.ts'
import { raiseWorld, record } from './commit.ts'
import type { Caller, Deps } from './context.ts'
import { exceptionsBehind } from './excepted.ts'
import { govern } from './gate.ts'

/** Who ends what has run out. */
export const SYSTEM: Caller = { principal: systemPrincipal, requestId: 'break-glass-end' }
const REASON_LIMIT_CHARS = 500

export interface Ended {
  readonly result: BreakGlass
  /** Absent where the service did it by itself and nothing was moved. */
  readonly decision?: Decision
}

/** `return` where the alias serves the release by an exception alone, and none is in force for it any more. */
export async function wayOut(
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

type Standstill = 'unused' | 'replaced' | 'frozen'

/** The exception is over and nothing moves. At expiry no policy is asked: there is nothing to refuse. */
export async function settle(
  deps: Deps,
  caller: Caller,
  one: BreakGlass,
  found: Standstill,
): Promise<Ended> {
  const resource = functionArn(deps.place, one.functionName, one.alias)
  const action = 'lacre:EndBreakGlass'
  const by = caller.principal.id
  let ended: Standstill = found
  const write = async (tx: Writer, atMs: number) => {
    const { endedAtMs } = await getBreakGlass(tx, one.id)
    if (endedAtMs !== null) return undefined
    const now = found === 'frozen' ? await wayOut(deps, tx, one) : found
    ended = now === 'return' ? 'frozen' : now
    const frozen = ended === 'frozen' ? [await freezeAlias(tx, one, { by, atMs })] : []
    const row = await endRow(tx, one.id, { ended, by, atMs })
    return { result: await getBreakGlass(tx, one.id), touched: [...frozen, row] }
  }
  const note = () => ({ ...requestNote(one), ended })
  if (caller !== SYSTEM) {
    const done = await govern(deps, caller, {
      action,
      resource,
      raisesWorld: true,
      read: () => Promise.resolve(breakGlassFacts(one)),
      commit: async (tx, _admitted, atMs) => {
        const written = await write(tx, atMs)
        if (written !== undefined) return written
        throw new PlatformError('RESOURCE_CONFLICT', 'it has ended already')
      },
      note,
    })
    alert(deps, done.result)
    return done
  }
  const event = { type: 'break-glass', action, resource, note: requestNote(one) }
  const result = await record(deps, event, async (tx, atMs) => {
    const written = await write(tx, atMs)
    if (written !== undefined) await raiseWorld(tx)
    return written
  })
  if (result === undefined)
    return { result: await deps.store.snapshot((reader) => getBreakGlass(reader, one.id)) }
  alert(deps, result)
  return { result }
}

/** What stays served has no right to; nothing but leaving moves the alias until a person lifts it. */
async function freezeAlias(
  tx: Writer,
  { id, functionName, alias }: BreakGlass,
  { by, atMs }: { readonly by: string; readonly atMs: number },
): Promise<TouchedRow> {
  const scope = `${functionName}:${alias}`
  const why = `break-glass ${id} ended and no compliant version is there to go back to`
  // Who froze it before has not lifted that.
  const [before] = await listFreezes(tx, [scope])
  const reason = before === undefined ? why : `${why}; frozen before: ${before.reason}`
  return await putFreeze(tx, {
    scope,
    reason: reason.slice(0, REASON_LIMIT_CHARS),
    frozenAtMs: atMs,
    frozenBy: by,
  })
}

function alert({ log }: Deps, { id, ended, functionName, alias, version }: BreakGlass): void {
  if (ended !== 'frozen') return
  log.error(
    { breakGlass: id, functionName, alias, version },
    'an exception ended and no compliant version is there to go back to: the alias is frozen',
  )
}
