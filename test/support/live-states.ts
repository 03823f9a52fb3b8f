import type { Reader } from '../../services/store/index.ts'

/** By the rows: every version that is live behind a name, and what is said of it now; `null` where nothing is. */
export async function liveStates(reader: Reader) {
  return await reader
    .selectFrom('live_interval as live')
    .leftJoin('live_verdict as verdict', (join) =>
      join
        .onRef('verdict.live_id', '=', 'live.id')
        .on('verdict.recorded_to', 'is', null)
        .on('verdict.effective_to', 'is', null),
    )
    .select(['live.function_name', 'live.alias', 'live.version', 'verdict.state'])
    .where('live.to_ms', 'is', null)
    .execute()
}
