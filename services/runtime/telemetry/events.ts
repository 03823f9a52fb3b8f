import type { Subscription, TelemetryCategory } from './subscription.ts'

/** One event as it is delivered (SPEC A9); `record` is a line of text, or what its type says. */
export interface TelemetryEvent {
  /** ISO 8601, milliseconds. */
  readonly time: string
  readonly type: string
  readonly record: unknown
}

export function categoryOf(type: string): TelemetryCategory {
  return type === 'function' || type === 'extension' ? type : 'platform'
}

/** Types that the Logs API knew, and the schema that brought them. */
const LOGS_TYPES: Readonly<Record<string, string>> = {
  'platform.start': '2020-08-15',
  'platform.report': '2020-08-15',
  'platform.extension': '2020-08-15',
  'platform.logsSubscription': '2020-08-15',
  'platform.logsDropped': '2020-08-15',
  'platform.runtimeDone': '2021-03-18',
  function: '2020-08-15',
  extension: '2020-08-15',
}

/**
 * An event as a subscriber's own API words it, nothing where it has no word for it. The Logs API has `platform.end` before
 * the report and tells less of both.
 */
export function inWordsOf(subscription: Subscription, event: TelemetryEvent): TelemetryEvent[] {
  if (!subscription.types.includes(categoryOf(event.type))) return []
  if (subscription.version === 'telemetry')
    return event.type === 'platform.logsSubscription' ? [] : [event]
  const since = LOGS_TYPES[event.type]
  if (since === undefined || since > subscription.schemaVersion) return []
  const { time, type } = event
  if (type !== 'platform.report' && type !== 'platform.runtimeDone') return [event]
  const { requestId, status, metrics } = event.record as Record<string, unknown>
  if (type === 'platform.runtimeDone') return [{ time, type, record: { requestId, status } }]
  const end = { time, type: 'platform.end', record: { requestId } }
  return [end, { time, type, record: { requestId, metrics } }]
}
