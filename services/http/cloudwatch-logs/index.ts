/** The part of CloudWatch Logs' API that reads: what `aws logs tail`, `filter-log-events` and their like ask. */
import type { Deps } from '../../operations/index.ts'
import type { Face } from '../pipeline.ts'
import { logsHandlers } from './handlers.ts'
import { logsFace } from './service.ts'

export { isLogsRequest } from './service.ts'

/** Every operation that is answered, as one API. */
export function cloudWatchLogs(deps: Pick<Deps, 'logs' | 'place'>): Face {
  return logsFace(logsHandlers(deps), deps.place)
}
