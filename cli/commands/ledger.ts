import { createReadStream, existsSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'

import type { Command } from 'commander'

import {
  parseCheckpoint,
  verifyEntries,
  type LedgerReport,
  type SignedCheckpoint,
} from '../../services/ledger/index.ts'
import { PlatformError, limits, type Json } from '../../services/model/index.ts'
import type { CommandModule, Environment } from '../command.ts'
import { EXIT } from '../exit-codes.ts'
import { LEDGER_EXPORT_HELP, exportLedger, type LedgerExportOptions } from '../ledger-export.ts'
import { readLogKey } from '../log-key.ts'
import { connect, withConnection } from '../service/index.ts'
import { readSmallFile } from '../signing/index.ts'
import { inline, type Terminal } from '../terminal.ts'

interface VerifyOptions {
  readonly file?: string
  readonly data?: string
  readonly logKey?: string
  readonly checkpoint: readonly string[]
}

/** Findings shown to a person; with `--json` all are there. */
const FINDINGS_SHOWN = 20

/** `lacre ledger verify`: offline, without an account, also beside the running service. */
export const command: CommandModule = {
  name: 'ledger',
  summary: 'export the ledger, and verify it: an export, or a data directory row by row',
  configure(command: Command, terminal: Terminal, environment: Environment): void {
    const many = (value: string, before: readonly string[]): readonly string[] => [...before, value]
    command
      .command('verify')
      .description(
        'exit 0: sound and authenticated · 1: something was changed · 5: consistent, not authenticated',
      )
      .option('--file <file>', 'an export: a line to each entry, then the checkpoint')
      .option('--data <dir>', "the service's data directory, in use or not")
      .option(
        '--log-key <key>',
        "the log's key kept outside: name+id+base64, or a file of it or PEM",
      )
      .option('--checkpoint <file>', 'a checkpoint kept outside; may be repeated', many, [])
      .action((options: VerifyOptions) => verify(options, terminal))
    withConnection(command.command('export'))
      .description('write every entry and a checkpoint over them, or the audit for other systems')
      .requiredOption('-o, --out <file>', 'the file to write')
      .option('--format <format>', 'entries, jsonl, ocsf or csv', 'entries')
      .option('--from <time>', 'RFC 3339 with a zone; not of entries, which are exported whole')
      .option('--to <time>', 'up to, without')
      .addHelpText('after', LEDGER_EXPORT_HELP)
      .action((options: LedgerExportOptions) =>
        exportLedger(options, connect(options, environment), terminal),
      )
  },
}

async function verify(options: VerifyOptions, terminal: Terminal): Promise<void> {
  const { file, data } = options
  if ((file === undefined) === (data === undefined))
    throw new PlatformError('INVALID_PARAMETER', 'give either --file or --data')
  const outside = options.checkpoint.map((path) => readSmallFile(path).toString('utf8'))
  const report =
    file === undefined
      ? await verifyData(data ?? '', options.logKey, outside)
      : await verifyFile(file, options.logKey, outside.map(parseCheckpoint))
  terminal.result(toJson(report, options), toText(report, options))
  if (report.findings.length > 0) terminal.exitWith(EXIT.refused)
  else if (!report.authenticated) terminal.exitWith(EXIT.notAuthenticated)
}

async function verifyData(
  dataDir: string,
  key: string | undefined,
  checkpoints: readonly string[],
): Promise<LedgerReport> {
  // Imported here: verifying an export needs neither the database nor the service.
  const { verifyDirectory } = await import('../../services/main.ts')
  const logKey = key === undefined ? undefined : readLogKey(key, () => originOf(dataDir))
  return await verifyDirectory({ dataDir, database: 'lacre.db', logKey, checkpoints })
}

/** Twice through the file: a checkpoint stands behind the entries that it is about. */
async function verifyFile(
  path: string,
  key: string | undefined,
  outside: readonly SignedCheckpoint[],
): Promise<LedgerReport> {
  const checkpoints = [...outside]
  for await (const line of linesOf(path)) {
    const note = checkpointIn(line)
    if (note !== undefined) checkpoints.push(parseCheckpoint(note))
  }
  const origin = (): string | undefined => checkpoints[0]?.origin
  const logKey = key === undefined ? undefined : readLogKey(key, origin)
  return await verifyEntries(entriesOf(path), { checkpoints, logKey })
}

async function* entriesOf(path: string): AsyncGenerator<string> {
  for await (const line of linesOf(path)) if (checkpointIn(line) === undefined) yield line
}

function linesOf(path: string): AsyncIterable<string> {
  if (!statSync(path).isFile())
    throw new PlatformError('INVALID_PARAMETER', `\`${path}\` is not a file`)
  return shortLines(createInterface({ input: createReadStream(path), crlfDelay: Infinity }), path)
}

async function* shortLines(lines: AsyncIterable<string>, path: string): AsyncGenerator<string> {
  for await (const line of lines) {
    if (line.length > 2 * limits.LEDGER_ENTRY_LIMIT_BYTES)
      throw new PlatformError('INVALID_PARAMETER', `\`${path}\` is no export of a ledger`)
    if (line !== '') yield line
  }
}

function checkpointIn(line: string): string | undefined {
  if (!line.startsWith('{"checkpoint":')) return undefined
  try {
    const value: unknown = JSON.parse(line)
    const is = typeof value === 'object' && value !== null && 'checkpoint' in value
    return is && typeof value.checkpoint === 'string' ? value.checkpoint : undefined
  } catch {
    return undefined
  }
}

function originOf(dataDir: string): string | undefined {
  const latest = join(dataDir, 'checkpoints', 'latest')
  return existsSync(latest)
    ? parseCheckpoint(readSmallFile(latest).toString('utf8')).origin
    : undefined
}

function answerOf(report: LedgerReport): string {
  if (report.findings.length > 0) return 'changed'
  return report.authenticated ? 'authenticated' : 'consistent, not authenticated'
}

function toJson(report: LedgerReport, options: VerifyOptions): Json {
  return {
    answer: answerOf(report),
    authenticated: report.authenticated,
    rowsCompared: options.data !== undefined,
    origin: report.origin ?? null,
    size: report.size,
    root: report.root,
    checkpointedSize: report.checkpointedSize,
    findings: report.findings.map((finding) => ({ ...finding })),
  }
}

function toText(report: LedgerReport, options: VerifyOptions): string {
  const { size, checkpointedSize, findings, origin, root } = report
  const later = size - checkpointedSize
  const shown = findings.slice(0, FINDINGS_SHOWN)
  return [
    `ledger ${inline(origin ?? '(empty)')}: ${answerOf(report)}`,
    `entries     ${size}, ${later > 0 ? `the last ${later} behind the newest checkpoint` : 'all under a checkpoint'}`,
    `root        ${root}`,
    `rows        ${options.data === undefined ? 'not compared: an export holds entries alone' : 'every governed row compared'}`,
    ...shown.map(({ kind, message }) => `${kind.padEnd(11)} ${inline(message)}`),
    ...(findings.length > shown.length
      ? [`            and ${findings.length - shown.length} more`]
      : []),
    ...hints(report, options),
  ].join('\n')
}

/** What the answer does not say (RULES §6). */
function hints(report: LedgerReport, options: VerifyOptions): string[] {
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
