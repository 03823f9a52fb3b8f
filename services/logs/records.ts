import type { AttemptRecord } from '../model/index.ts'

/** One event of a log, as it was written. */
export interface LogRecord {
  /** When the line came, milliseconds since the epoch; never before that of the event before it in its group. */
  readonly timestampMs: number
  /** `YYYY/MM/DD/[version]32hex`. */
  readonly stream: string
  readonly functionName: string
  /** Of the invocation that its environment was in, or had been in last. */
  readonly requestId: string | undefined
  readonly message: string
  /** TRACE to FATAL, where the runtime said it beside the text. */
  readonly level?: string | undefined
}

/** On disk: one JSON object a line, members of one letter. */
export function encodeRecord(record: LogRecord): string {
  return JSON.stringify({
    t: record.timestampMs,
    s: record.stream,
    f: record.functionName,
    r: record.requestId,
    m: record.message,
    l: record.level,
  })
}

/** `undefined` where the line is none: what a kill left half-written. */
export function decodeRecord(line: string): LogRecord | undefined {
  const json = parseObject(line)
  if (json === undefined) return undefined
  const { t: timestampMs, s: stream, f: functionName, r: requestId, m: message, l: level } = json
  if (typeof timestampMs !== 'number' || typeof message !== 'string') return undefined
  if (typeof stream !== 'string' || typeof functionName !== 'string') return undefined
  return {
    timestampMs,
    stream,
    functionName,
    requestId: typeof requestId === 'string' ? requestId : undefined,
    message,
    ...(typeof level === 'string' && { level }),
  }
}

/** An attempt as metering keeps it; `undefined` where the line is none. */
export function decodeAttempt(line: string): AttemptRecord | undefined {
  const json = parseObject(line)
  if (json === undefined) return undefined
  const isAttempt = typeof json['requestId'] === 'string' && typeof json['billedMs'] === 'number'
  return isAttempt ? (json as unknown as AttemptRecord) : undefined
}

/** An object in JSON, or `undefined`. */
export function parseObject(text: string): Record<string, unknown> | undefined {
  try {
    const json: unknown = JSON.parse(text)
    const isObject = typeof json === 'object' && json !== null && !Array.isArray(json)
    return isObject ? (json as Record<string, unknown>) : undefined
  } catch {
    return undefined
  }
}

/** The version in the name of a stream; `undefined` where it is none of ours. */
export function versionOfStream(stream: string): string | undefined {
  return /^\d{4}\/\d{2}\/\d{2}\/\[([^\]]{1,20})\][0-9a-f]{32}$/.exec(stream)?.[1]
}
