/** Limits of what is kept of functions' output and of metering. Every one has a name and a unit. */

/** A file is closed, and the next begun, at this size. */
export const SEGMENT_LIMIT_BYTES = 4_194_304
/** All logs together, where no setting says otherwise; above it the fullest group loses its oldest file. */
export const LOGS_LIMIT_BYTES = 1_073_741_824
/** What metering keeps record by record, where no setting says otherwise; sums by the hour outlive it. */
export const METERING_LIMIT_BYTES = 268_435_456
/** Less than this for all logs cannot be set: one group's open file, and room for the next. */
export const LOGS_LIMIT_MIN_BYTES = 2 * SEGMENT_LIMIT_BYTES

/** How long lines are gathered before they are written. */
export const LOG_FLUSH_MS = 100
/** The same of metering, whose writes reach the disk (fdatasync): what a kill of the service loses at most. */
export const METERING_FLUSH_MS = 25
/** After a write that failed, how long until the next try. */
export const RETRY_MS = 1_000
/** Characters that wait for the disk, per file; above it what comes is dropped and counted. */
export const BACKLOG_LIMIT_CHARS = 8_388_608

/** Read from disk at once; what is parsed without a turn for others. */
export const READ_CHUNK_BYTES = 262_144
/** Looked at for one page: a filter that matches nothing answers an empty page, and where to go on. */
export const PAGE_SCAN_LIMIT_BYTES = 8_388_608
/** Events of one page (AWS: 10,000) and what their messages come to (AWS: 1 MB). */
export const PAGE_EVENTS_LIMIT = 10_000
export const PAGE_LIMIT_CHARS = 1_048_576

/** A filter pattern (AWS: 1,024), and what it may be made of. */
export const FILTER_PATTERN_LIMIT_CHARS = 1_024
