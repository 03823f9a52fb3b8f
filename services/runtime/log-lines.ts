import { toIsoTime, type LoggingSpec } from '../model/index.ts'

/** What one invocation came to, for its last lines. */
export interface Report {
  readonly requestId: string
  readonly durationMs: number
  readonly billedMs: number
  readonly memoryMb: number
  readonly maxMemoryMb: number
  readonly initMs?: number | undefined
  /** Of a failure that is not the function's own words. */
  readonly status?: 'timeout' | 'error' | undefined
  readonly errorType?: string | undefined
  /** Whether the function answered an error; format JSON tells it, REPORT does not. */
  readonly functionError?: boolean | undefined
  /** Said before END. */
  readonly remark?: string | undefined
}

export type InitOutcome =
  { readonly status: 'timeout' } | { readonly status: 'error'; readonly errorType: string }

/** One extension as INIT left it. */
export interface ExtensionOutcome {
  readonly name: string
  readonly state: string
  readonly topics: ReadonlySet<string>
  readonly errorType: string | undefined
}

/** What INIT_START names: the runtime, and who serves it. */
export function runtimeVersion({ runtime }: { readonly runtime: string }): string {
  return `${runtime} (lacre)`
}

/** The platform's own lines, in the format and from the level that a function's logging config asks for (SPEC A17). */
export interface PlatformLines {
  initStart(runtimeVersion: string, spec: { functionName: string; version: string }): string[]
  initReport(initMs: number, phase: 'init' | 'invoke', outcome: InitOutcome): string[]
  start(requestId: string, version: string): string[]
  extension(extension: ExtensionOutcome): string[]
  /** All that is said at the end of an invocation. */
  end(report: Report): string[]
}

export function platformLines(
  logging: LoggingSpec | undefined,
  nowMs: () => number,
): PlatformLines {
  if (logging?.format !== 'JSON') return TEXT
  return jsonLines(logging.systemLevel ?? 'INFO', nowMs)
}

/** As AWS Lambda writes them, tabs and trailing tab included (recorded). */
const TEXT: PlatformLines = {
  initStart: (runtimeVersion) => [`INIT_START Runtime Version: ${runtimeVersion}`],
  initReport: (initMs, phase, outcome) => {
    const head = `INIT_REPORT Init Duration: ${initMs.toFixed(2)} ms\tPhase: ${phase}\tStatus: ${outcome.status}`
    return [outcome.status === 'error' ? `${head}\tError Type: ${outcome.errorType}` : head]
  },
  extension: ({ name, state, topics, errorType }) => {
    const head = `EXTENSION\tName: ${name}\tState: ${state}\tEvents: [${[...topics].join(',')}]`
    return [errorType === undefined ? head : `${head}\tError Type: ${errorType}`]
  },
  start: (requestId, version) => [`START RequestId: ${requestId} Version: ${version}`],
  end: (report) => [
    ...(report.remark === undefined ? [] : [report.remark]),
    `END RequestId: ${report.requestId}`,
    reportLine(report),
  ],
}

function reportLine(report: Report): string {
  const parts = [
    `REPORT RequestId: ${report.requestId}`,
    `Duration: ${report.durationMs.toFixed(2)} ms`,
    `Billed Duration: ${report.billedMs} ms`,
    `Memory Size: ${report.memoryMb} MB`,
    `Max Memory Used: ${report.maxMemoryMb} MB`,
  ]
  if (report.initMs !== undefined) parts.push(`Init Duration: ${report.initMs.toFixed(2)} ms`)
  if (report.status !== undefined) parts.push(`Status: ${report.status}`)
  if (report.status === 'error') parts.push(`Error Type: ${report.errorType ?? 'Function.Unknown'}`)
  return `${parts.join('\t')}\t`
}

const LEVELS = ['DEBUG', 'INFO', 'WARN']

/** Records of the Telemetry API (SPEC A9), each at AWS's level: what went well at INFO or DEBUG, the rest at WARN. */
function jsonLines(level: string, nowMs: () => number): PlatformLines {
  const least = LEVELS.indexOf(level)
  const line = (at: 'DEBUG' | 'INFO' | 'WARN', type: string, record: object): string[] => {
    if (LEVELS.indexOf(at) < least) return []
    return [JSON.stringify({ time: toIsoTime(nowMs()), type: `platform.${type}`, record })]
  }
  return {
    initStart: (runtimeVersion, { functionName, version }) =>
      line('INFO', 'initStart', {
        initializationType: 'on-demand',
        phase: 'init',
        runtimeVersion,
        functionName,
        functionVersion: version,
      }),
    initReport: (initMs, phase, outcome) =>
      line('WARN', 'initReport', {
        initializationType: 'on-demand',
        phase,
        ...outcome,
        metrics: { durationMs: rounded(initMs) },
      }),
    extension: ({ name, state, topics, errorType }) =>
      line(errorType === undefined ? 'INFO' : 'WARN', 'extension', {
        name,
        state,
        events: [...topics],
        errorType,
      }),
    start: (requestId, version) => line('INFO', 'start', { requestId, version }),
    end: (report) => {
      const { requestId, durationMs, billedMs, memoryMb, maxMemoryMb, initMs } = report
      const status = report.status ?? (report.functionError === true ? 'error' : 'success')
      const errorType = status === 'error' ? (report.errorType ?? 'Function.Unknown') : undefined
      const isWell = status === 'success'
      return [
        ...line(isWell ? 'DEBUG' : 'WARN', 'runtimeDone', {
          requestId,
          status,
          errorType,
          metrics: { durationMs: rounded(durationMs) },
        }),
        ...line(isWell ? 'INFO' : 'WARN', 'report', {
          requestId,
          status,
          errorType,
          metrics: {
            durationMs: rounded(durationMs),
            billedDurationMs: billedMs,
            memorySizeMB: memoryMb,
            maxMemoryUsedMB: maxMemoryMb,
            initDurationMs: initMs === undefined ? undefined : rounded(initMs),
          },
        }),
      ]
    },
  }
}

/** As a line in text has it. */
export function rounded(ms: number): number {
  return Number(ms.toFixed(2))
}
