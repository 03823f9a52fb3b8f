/**
 * What functions wrote, and what their attempts cost: segmented files under the data directory, written beside everything
 * else, bounded, and read in pages. It knows no function, no database and no caller.
 */
/** All log groups of a data directory. */
export { Logs, type GroupSummary, type LogsOptions, type LogTarget } from './logs.ts'
/** Events, pages and streams of a group. */
export type { LogEvent, LogPage, LogQuery, PageAsked, StreamSummary } from './log-group.ts'
export type { Position } from './segments.ts'
/** The version in a stream's name. */
export { versionOfStream } from './records.ts'
/** CloudWatch Logs' filter patterns; throws INVALID_PARAMETER. */
export { parseFilterPattern, type MessageTest } from './filter-pattern.ts'
/** One record per attempt, sums by the hour, and what they took by the minute. */
export {
  Metering,
  type LatencyAsked,
  type LatencyTold,
  type AttemptPage,
  type MeteringOptions,
  type Usage,
  type UsageSum,
} from './metering.ts'
export type { Latency } from './latency.ts'
export { LOGS_LIMIT_MIN_BYTES } from './constants.ts'
