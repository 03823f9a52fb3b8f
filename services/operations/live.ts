import type { LiveRow } from '../live/index.ts'
import type { Deps } from './context.ts'

/** What can be invoked: now, or at an instant. */
export async function readLive(deps: Deps, atMs: number | undefined): Promise<LiveRow[]> {
  return await deps.store.snapshot(async (reader) =>
    atMs === undefined ? await deps.live.table(reader) : await deps.live.at(reader, atMs),
  )
}

/** Everything that was ever live in one alias (or version), oldest first. */
export async function readLiveHistory(
  deps: Deps,
  input: { readonly functionName: string; readonly alias: string },
): Promise<LiveRow[]> {
  return await deps.store.snapshot(
    async (reader) => await deps.live.history(reader, input.functionName, input.alias),
  )
}
