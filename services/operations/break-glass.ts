import {
  endBreakGlass as endRow,
  findBreakGlass,
  grantBreakGlass as grantRow,
  insertBreakGlass,
  listBreakGlass,
  reviewBreakGlass as reviewRow,
  unreviewedBreakGlass,
  type BreakGlass,
} from '../catalog/index.ts'
import { enqueue } from '../jobs/index.ts'
import {
  BREAK_GLASS_GRANT_WINDOW_MS,
  BREAK_GLASS_LIMIT_MS,
  PlatformError,
  functionArn,
  isInForce,
  type Decision,
  type ExceptionScope,
} from '../model/index.ts'
import type { Reader } from '../store/index.ts'
import {
  findAskedVersion,
  randomId,
  requestNote,
  spokenFacts,
  type AskedVersion,
} from './approval-target.ts'
import { refuseUncounted } from './approvals.ts'
import type { BreakGlassSettings, Caller, Deps } from './context.ts'
import { RowsMoved, govern, type ChangeFactsInput } from './gate.ts'

/** The kind of the durable job that ends an exception when its time is over. */
export const BREAK_GLASS_END = 'break-glass-end'

interface Governed {
  readonly result: BreakGlass
  readonly decision: Decision
}

export interface BreakGlassInput extends AskedVersion {
  readonly reason: string
  readonly ticket: string
  readonly scope: readonly ExceptionScope[]
  readonly ttlMs: number
}

/** What is in force of break-glass here. */
export function breakGlassSettings({ breakGlass }: Pick<Deps, 'breakGlass'>): BreakGlassSettings {
  return breakGlass ?? { maxTtlMs: BREAK_GLASS_LIMIT_MS, quorum: 2 }
}

/**
 * Asks for an exception: one release in one alias, for a time that begins when a second person grants it.
 * @throws PlatformError FUNCTION_NOT_FOUND, INVALID_PARAMETER, RESOURCE_CONFLICT, ACCESS_DENIED (a workload)
 */
export async function requestBreakGlass(
  deps: Deps,
  caller: Caller,
  input: BreakGlassInput,
): Promise<Governed> {
  checkInput(deps, input)
  if (caller.principal.kind !== 'user') throw denied('a person asks for break-glass')
  const id = randomId('bg', deps.random)
  let release = ''
  return await govern(deps, caller, {
    action: 'lacre:RequestBreakGlass',
    resource: functionArn(deps.place, input.functionName, input.alias),
    raisesWorld: true,
    read: async (reader) => {
      const found = await findAskedVersion(deps, reader, input)
      release = found.version.release
      return spokenFacts(found)
    },
    commit: async (tx, _admitted, atMs) => {
      const { version } = await findAskedVersion(deps, tx, input)
      if (version.release !== release) throw new RowsMoved()
      const { functionName, alias, reason, ticket, scope, ttlMs } = input
      const asked = { id, functionName, alias, version: version.version, release: version.release }
      const by = { requester: caller.principal.id, requestedAtMs: atMs }
      const row = await insertBreakGlass(tx, { ...asked, ...by, reason, ticket, scope, ttlMs })
      return { result: await getBreakGlass(tx, id), touched: [row] }
    },
    note: () => ({ ...requestNote({ ...input, id, release }), scope: [...input.scope] }),
  })
}

function checkInput(deps: Deps, { version, scope, ttlMs }: BreakGlassInput): void {
  const { maxTtlMs } = breakGlassSettings(deps)
  if (!/^[1-9][0-9]*$/.test(version))
    throw refuse(`\`${version.slice(0, 40)}\` is no published version's number`)
  if (scope.length === 0 || new Set(scope).size !== scope.length)
    throw refuse('`scope` names what is to be waived, each once')
  if (!(Number.isInteger(ttlMs) && ttlMs > 0 && ttlMs <= maxTtlMs))
    throw refuse(`an exception lasts at most ${maxTtlMs} ms here`)
}

/**
 * Grants an exception as the second person: it is in force from now on, and ends by itself.
 * @throws PlatformError RESOURCE_NOT_FOUND, RESOURCE_CONFLICT (granted, ended or over), ACCESS_DENIED (the requester, a
 * workload, who came later, the pair that granted it before)
 */
export async function grantBreakGlass(
  deps: Deps,
  caller: Caller,
  input: { readonly id: string },
): Promise<Governed> {
  const { quorum } = breakGlassSettings(deps)
  const second = caller.principal.id
  const look = async (reader: Reader, atMs: number): Promise<BreakGlass> => {
    const asked = await getBreakGlass(reader, input.id)
    if (asked.endedAtMs !== null) throw conflict('the request was taken back')
    if (asked.grantedAtMs !== null) throw conflict('the request is granted already')
    if (asked.requestedAtMs + BREAK_GLASS_GRANT_WINDOW_MS <= atMs)
      throw conflict('the request is too old: ask again')
    if (asked.requester === second && quorum > 1)
      throw denied('the second person is not the one who asked')
    await refuseUncounted(deps, reader, caller.principal, {
      action: 'lacre:GrantBreakGlass',
      of: asked,
      openedAtMs: asked.requestedAtMs,
    })
    await refuseSamePair(reader, { ...asked, second }, quorum)
    return asked
  }
  const before = await deps.store.snapshot((reader) => getBreakGlass(reader, input.id))
  return await govern(deps, caller, {
    action: 'lacre:GrantBreakGlass',
    resource: functionArn(deps.place, before.functionName, before.alias),
    raisesWorld: true,
    read: async (reader, atMs) => breakGlassFacts(await look(reader, atMs)),
    commit: async (tx, _admitted, grantedAtMs) => {
      const { id, ttlMs } = await look(tx, grantedAtMs)
      const untilMs = grantedAtMs + ttlMs
      const row = await grantRow(tx, id, { second, quorum, grantedAtMs, untilMs })
      // In the transaction that grants it: it ends although the process may die.
      const payload = { breakGlassId: id }
      await enqueue(tx, { kind: BREAK_GLASS_END, key: id, payload, runAtMs: untilMs })
      return { result: await getBreakGlass(tx, id), touched: [row] }
    },
    note: () => ({ ...requestNote(before), requester: before.requester, second, quorum }),
  })
}

/** A renewal is a new request by another pair (RULES §5): whoever gave this release an exception here before does not again. */
async function refuseSamePair(
  reader: Reader,
  asked: BreakGlass & { readonly second: string },
  quorum: number,
): Promise<void> {
  // One person is the only pair there is.
  if (quorum === 1) return
  const pair = [asked.requester, asked.second].toSorted().join('\n')
  for (const earlier of await listBreakGlass(reader, asked)) {
    if (earlier.release !== asked.release || earlier.second === null) continue
    if ([earlier.requester, earlier.second].toSorted().join('\n') === pair)
      throw denied(`the two of you granted this before (\`${earlier.id}\`): it takes another pair`)
  }
}

/**
 * Takes a request back that nobody granted.
 * @throws PlatformError RESOURCE_CONFLICT (granted), ACCESS_DENIED (another's)
 */
export async function withdrawBreakGlass(
  deps: Deps,
  caller: Caller,
  asked: BreakGlass,
): Promise<Governed> {
  const by = caller.principal.id
  const look = async (reader: Reader): Promise<BreakGlass> => {
    const now = await getBreakGlass(reader, asked.id)
    if (now.grantedAtMs !== null || now.endedAtMs !== null) throw new RowsMoved()
    if (now.requester !== by) throw denied('the request is not yours')
    return now
  }
  return await govern(deps, caller, {
    action: 'lacre:RequestBreakGlass',
    resource: functionArn(deps.place, asked.functionName, asked.alias),
    raisesWorld: true,
    read: async (reader) => breakGlassFacts(await look(reader)),
    commit: async (tx, _admitted, atMs) => {
      await look(tx)
      const row = await endRow(tx, asked.id, { ended: 'withdrawn', by, atMs })
      return { result: await getBreakGlass(tx, asked.id), touched: [row] }
    },
    note: () => ({ ...requestNote(asked), withdrawn: true }),
  })
}

/**
 * Closes an exception that has ended: until then the alias stays red. Who asked for it does not review it, unless the
 * installation has one person.
 * @throws PlatformError RESOURCE_NOT_FOUND, RESOURCE_CONFLICT (in force, reviewed), ACCESS_DENIED
 */
export async function reviewBreakGlass(
  deps: Deps,
  caller: Caller,
  input: { readonly id: string; readonly note: string },
): Promise<Governed> {
  const { quorum } = breakGlassSettings(deps)
  const by = caller.principal.id
  const look = async (reader: Reader, atMs: number): Promise<BreakGlass> => {
    const one = await getBreakGlass(reader, input.id)
    if (one.grantedAtMs === null) throw conflict('the request was never granted')
    if (one.endedAtMs === null || isInForce(one, atMs)) throw conflict('the exception is in force')
    if (one.reviewedAtMs !== null) throw conflict('the exception is reviewed already')
    if (caller.principal.kind !== 'user') throw denied('a person reviews an exception')
    if (one.requester === by && quorum > 1) throw denied('who asked for it does not review it')
    return one
  }
  const before = await deps.store.snapshot((reader) => getBreakGlass(reader, input.id))
  return await govern(deps, caller, {
    action: 'lacre:ReviewBreakGlass',
    resource: functionArn(deps.place, before.functionName, before.alias),
    raisesWorld: true,
    read: async (reader, atMs) => breakGlassFacts(await look(reader, atMs)),
    commit: async (tx, _admitted, atMs) => {
      await look(tx, atMs)
      const row = await reviewRow(tx, input.id, { by, note: input.note, atMs })
      return { result: await getBreakGlass(tx, input.id), touched: [row] }
    },
    note: () => requestNote(before),
  })
}

/** @throws PlatformError RESOURCE_NOT_FOUND */
export async function readBreakGlass(deps: Deps, id: string): Promise<BreakGlass> {
  return await deps.store.snapshot((reader) => getBreakGlass(reader, id))
}

/** Newest first. */
export async function readAllBreakGlass(
  deps: Deps,
  query: Parameters<typeof listBreakGlass>[1],
): Promise<BreakGlass[]> {
  return await deps.store.snapshot((reader) => listBreakGlass(reader, query))
}

/** What keeps an alias red at an instant: granted and not reviewed, whether in force or over. */
export async function readUnreviewed(deps: Deps, atMs: number): Promise<BreakGlass[]> {
  return await deps.store.snapshot((reader) => unreviewedBreakGlass(reader, atMs))
}

/** @throws PlatformError RESOURCE_NOT_FOUND */
export async function getBreakGlass(reader: Reader, id: string): Promise<BreakGlass> {
  const one = await findBreakGlass(reader, id)
  if (one !== undefined) return one
  throw new PlatformError('RESOURCE_NOT_FOUND', `there is no break-glass \`${id.slice(0, 80)}\``)
}

/** What is said of an exception moves nothing. */
export function breakGlassFacts(one: BreakGlass): ChangeFactsInput {
  return {
    change: { from: null, to: one.version },
    release: one.release,
    subjects: [],
    codeSigningConfigId: null,
    environmentNames: [],
  }
}

function refuse(message: string): PlatformError {
  return new PlatformError('INVALID_PARAMETER', message)
}

function conflict(message: string): PlatformError {
  return new PlatformError('RESOURCE_CONFLICT', message)
}

function denied(message: string): PlatformError {
  return new PlatformError('ACCESS_DENIED', message)
}
