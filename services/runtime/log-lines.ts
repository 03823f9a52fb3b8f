/** Platform lines as AWS Lambda writes them, tabs and trailing tab included (SPEC A17, recorded). */
export interface Report {
  readonly requestId: string
  readonly durationMs: number
  readonly billedMs: number
  readonly memoryMb: number
  readonly maxMemoryMb: number
  readonly initMs?: number
  readonly status?: 'timeout' | 'error'
  readonly errorType?: string
}

export function initStartLine(runtimeVersion: string): string {
  return `INIT_START Runtime Version: ${runtimeVersion}`
}

export function initReportLine(
  initMs: number,
  phase: 'init' | 'invoke',
  outcome: InitOutcome,
): string {
  const head = `INIT_REPORT Init Duration: ${initMs.toFixed(2)} ms\tPhase: ${phase}\tStatus: ${outcome.status}`
  return outcome.status === 'error' ? `${head}\tError Type: ${outcome.errorType}` : head
}

export type InitOutcome =
  { readonly status: 'timeout' } | { readonly status: 'error'; readonly errorType: string }

/** One extension as INIT left it. */
export function extensionLine(extension: {
  readonly name: string
  readonly state: string
  readonly topics: ReadonlySet<string>
  readonly errorType: string | undefined
}): string {
  const { name, state, topics, errorType } = extension
  const head = `EXTENSION\tName: ${name}\tState: ${state}\tEvents: [${[...topics].join(',')}]`
  return errorType === undefined ? head : `${head}\tError Type: ${errorType}`
}

/** What INIT_START names: the runtime, and who serves it. */
export function runtimeVersion({ runtime }: { readonly runtime: string }): string {
  return `${runtime} (lacre)`
}

export function startLine(requestId: string, version: string): string {
  return `START RequestId: ${requestId} Version: ${version}`
}

export function endLine(requestId: string): string {
  return `END RequestId: ${requestId}`
}

export function reportLine(report: Report): string {
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
