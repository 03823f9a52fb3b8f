import type { LedgerReport } from '../../services/ledger/index.ts'
import type { Json } from '../../services/model/index.ts'
import { inline } from '../terminal.ts'
import type { ProofReport } from './verify-proof.ts'

/** Findings shown to a person; with `--json` all are there. */
const FINDINGS_SHOWN = 20

/** How a ledger of the past ended. */
const ENDINGS = {
  rotated: 'ended for a new key',
  recovered: 'given up: the next one tells why',
} as const

/** What the report is read beside. */
export interface ReportContext {
  /** The data directory, where its rows were compared. */
  readonly data?: string | undefined
  readonly logKey?: string | undefined
  readonly checkpoint: readonly string[]
}

function answerOf(report: { authenticated: boolean; findings: readonly unknown[] }): string {
  if (report.findings.length > 0) return 'changed'
  return report.authenticated ? 'authenticated' : 'consistent, not authenticated'
}

/** As `--json` says it. */
export function reportJson(report: LedgerReport, options: ReportContext): Json {
  return {
    answer: answerOf(report),
    authenticated: report.authenticated,
    rowsCompared: options.data !== undefined,
    origin: report.origin ?? null,
    size: report.size,
    root: report.root,
    checkpointedSize: report.checkpointedSize,
    past: (report.past ?? []).map((past) => ({ ...past })),
    findings: report.findings.map((finding) => ({ ...finding })),
  }
}

/** As a person reads it. */
export function reportText(report: LedgerReport, options: ReportContext): string {
  const { size, checkpointedSize, findings, origin, root } = report
  const later = size - checkpointedSize
  const shown = findings.slice(0, FINDINGS_SHOWN)
  return [
    `ledger ${inline(origin ?? '(empty)')}: ${answerOf(report)}`,
    `entries     ${size}, ${later > 0 ? `the last ${later} behind the newest checkpoint` : 'all under a checkpoint'}`,
    `root        ${root}`,
    `rows        ${options.data === undefined ? 'not compared: an export holds entries alone' : 'every governed row compared'}`,
    ...(report.past ?? []).map(
      ({ epoch, origin: name, size: entries, how }) =>
        `before      ledger ${epoch} ${inline(name)}: ${entries} entries, ${ENDINGS[how]}`,
    ),
    ...shown.map(({ kind, message }) => `${kind.padEnd(11)} ${inline(message)}`),
    ...(findings.length > shown.length
      ? [`            and ${findings.length - shown.length} more`]
      : []),
    ...hints(report, options),
  ].join('\n')
}

/** What the answer does not say (RULES §6). */
function hints(report: LedgerReport, options: ReportContext): string[] {
  if (report.findings.length > 0) return []
  const lines: string[] = []
  if (options.logKey === undefined)
    lines.push(
      "note        give --log-key, the log's key kept outside: without it whoever wrote the",
    )
  if (options.logKey === undefined) lines.push('            files anew would get the same answer')
  if (options.checkpoint.length === 0)
    lines.push(
      'note        without a checkpoint kept elsewhere this says what the service says, and not that',
      '            it says the same to everyone',
    )
  return lines
}

/** A proof as `--json` says it. */
export function proofJson(report: ProofReport): Json {
  const { findings, cosigned, ...rest } = report
  return {
    answer: answerOf(report),
    ...rest,
    findings: [...findings],
    cosigned: cosigned.map((one) => ({ ...one })),
  }
}

/** A proof as a person reads it. */
export function proofText(report: ProofReport): string {
  const { kind, origin, size, root, findings, cosigned, from, index, entry } = report
  return [
    `${kind} in ${inline(origin)}: ${answerOf(report)}`,
    ...(from === undefined ? [] : [`from        ${from} entries`]),
    ...(index === undefined ? [] : [`entry       ${index}`]),
    `to          ${size} entries, root ${root}`,
    ...cosigned.map(({ witness, at }) => `cosigned    ${inline(witness)} at ${at}`),
    ...findings.map((finding) => `wrong       ${inline(finding)}`),
    ...(entry === undefined ? [] : [inline(entry)]),
  ].join('\n')
}
