import type { EventDetail, EventSummary, QueueMessage, QueueSummary } from '../events/index.ts'
import { functionArn, type Json } from '../model/index.ts'
import { record } from './commit.ts'
import type { Caller, Deps } from './context.ts'

/** Which dead events are meant: one, those of a function, or all. */
export interface EventsChosen {
  readonly id?: string | undefined
  readonly functionName?: string | undefined
}

/** Oldest first, without payloads. @throws PlatformError RESOURCE_NOT_FOUND (`after`) */
export async function listEvents(
  deps: Deps,
  asked: Parameters<Deps['events']['list']>[0],
): Promise<EventSummary[]> {
  return await deps.events.list(asked)
}

/** @throws PlatformError RESOURCE_NOT_FOUND */
export async function showEvent(deps: Deps, id: string): Promise<EventDetail> {
  return await deps.events.show(id)
}

/**
 * Dead events run again, their age and retries counted from now, under the request ids they had. The ledger tells who
 * asked for it, before it happens.
 * @throws PlatformError RESOURCE_NOT_FOUND, RESOURCE_CONFLICT (not dead)
 */
export async function replayEvents(
  deps: Deps,
  caller: Caller,
  chosen: EventsChosen,
): Promise<number> {
  await deps.events.checkDead(chosen)
  await tell(deps, caller, { action: 'lacre:ReplayEvents', type: 'events-replayed', chosen })
  return await deps.events.replay(chosen)
}

/** Dead events are forgotten. @throws PlatformError RESOURCE_NOT_FOUND, RESOURCE_CONFLICT (not dead) */
export async function purgeEvents(
  deps: Deps,
  caller: Caller,
  chosen: EventsChosen,
): Promise<number> {
  await deps.events.checkDead(chosen)
  await tell(deps, caller, { action: 'lacre:PurgeEvents', type: 'events-purged', chosen })
  return await deps.events.purge(chosen)
}

export async function listQueues(deps: Deps): Promise<QueueSummary[]> {
  return await deps.events.queues()
}

/** Oldest first; reading takes nothing away. */
export async function listQueueMessages(
  deps: Deps,
  asked: Parameters<Deps['events']['messages']>[0],
): Promise<QueueMessage[]> {
  return await deps.events.messages(asked)
}

/** What a consumer has taken care of leaves the queue: how many were there. */
export async function deleteQueueMessages(
  deps: Deps,
  of: { readonly queue: string; readonly ids: readonly string[] },
): Promise<number> {
  return await deps.events.deleteMessages(of)
}

async function tell(
  deps: Deps,
  caller: Caller,
  about: { readonly action: string; readonly type: string; readonly chosen: EventsChosen },
): Promise<void> {
  const { id, functionName } = about.chosen
  const note: Json = { ...(id === undefined ? {} : { event: id }), state: 'dead' }
  const resource = functionName === undefined ? 'events' : functionArn(deps.place, functionName)
  const { action, type } = about
  const { principal } = caller
  await record(deps, { type, action, resource, principal, note }, () =>
    Promise.resolve({ result: undefined, touched: [] }),
  )
}
