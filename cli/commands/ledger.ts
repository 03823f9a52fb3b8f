import { createReadStream, existsSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'

import type { Command } from 'commander'

import {
  parseCheckpoint,
  parseVerifierKey,
  verifyEntries,
  type LedgerReport,
  type SignedCheckpoint,
} from '../../services/ledger/index.ts'
import type { LedgerInForce } from '../../services/main.ts'
import { PlatformError, limits, type Json } from '../../services/model/index.ts'
import type { CommandModule, Environment } from '../command.ts'
import { EXIT } from '../exit-codes.ts'
import {
  configureReading,
  proofJson,
  proofText,
  LEDGER_EXPORT_HELP,
  exportLedger,
  reportJson,
  reportText,
  verifyProofFile,
  type LedgerExportOptions,
} from '../ledger/index.ts'
import { readLogKey } from '../log-key.ts'
import { connect, withConnection } from '../service/index.ts'
import { openedMasterKey, readSmallFile } from '../signing/index.ts'
import { inline, type Terminal } from '../terminal.ts'

interface VerifyOptions {
  readonly file?: string
  readonly data?: string
  readonly proof?: string
  readonly logKey?: string
  readonly checkpoint: readonly string[]
  readonly witness: readonly string[]
}

interface OfflineOptions {
  readonly data: string
  readonly masterKeyFile?: string
  readonly checkpointDir?: string
}

/** `lacre ledger …`: verification is offline, without an account, also beside the running service. */
export const command: CommandModule = {
  name: 'ledger',
  summary: 'keep checkpoints, prove, export and verify the ledger; a new key, a new beginning',
  configure(command: Command, terminal: Terminal, environment: Environment): void {
    configureVerify(command, terminal)
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
    configureReading(command, terminal, environment)
    configureOffline(command, terminal, environment)
  },
}

function configureVerify(command: Command, terminal: Terminal): void {
  const many = (value: string, before: readonly string[]): readonly string[] => [...before, value]
  command
    .command('verify')
    .description(
      'exit 0: sound and authenticated · 1: something was changed · 5: consistent, not authenticated',
    )
    .option('--file <file>', 'an export: a line to each entry, then the checkpoint')
    .option('--data <dir>', "the service's data directory, in use or not")
    .option('--proof <file>', 'a proof of `ledger prove`: of an entry, or between two checkpoints')
    .option('--log-key <key>', "the log's key kept outside: name+id+base64, or a file of it or PEM")
    .option('--checkpoint <file>', 'a checkpoint kept outside; may be repeated', many, [])
    .option('--witness <key>', 'with --proof: a witness that must have cosigned it', many, [])
    .addHelpText(
      'after',
      `
Examples:
  lacre ledger verify --data /var/lib/lacre --log-key log.key --checkpoint kept.checkpoint
  lacre ledger verify --proof 1000-2000.proof --checkpoint kept.checkpoint --log-key log.key
`,
    )
    .action((options: VerifyOptions) => verify(options, terminal))
}

function configureOffline(command: Command, terminal: Terminal, environment: Environment): void {
  const stopped = (verb: Command): Command =>
    verb
      .requiredOption('--data <dir>', 'the data directory; the service is stopped')
      .option('--master-key-file <file>', 'the key that encrypts secrets at rest')
      .option('--checkpoint-dir <dir>', 'as of `serve`: a second place for the last checkpoint')
  stopped(command.command('rotate-key'))
    .description('a new key: the ledger ends by naming its successor, and a new one begins')
    .addHelpText('after', '\nExample:\n  lacre ledger rotate-key --data /var/lib/lacre\n')
    .action(async (options: OfflineOptions) => {
      const { rotateLogKey } = await import('../../services/main.ts')
      const opened = await openedMasterKey(options.masterKeyFile, environment)
      tellBegun(terminal, await rotateLogKey({ ...options, ...opened }), {})
    })
  stopped(command.command('new-epoch'))
    .description('give up a ledger that cannot be gone on with, and begin a new one')
    .requiredOption('--reason <text>', 'why it is given up; it stands in the first entry')
    .addHelpText(
      'after',
      `
Example:
  lacre ledger new-epoch --data /var/lib/lacre --reason 'restored from the backup of May 3'
Nothing is invoked after it until \`lacre ledger release\` has what is live judged again.
`,
    )
    .action(async (options: OfflineOptions & { readonly reason: string }) => {
      const { beginEpoch } = await import('../../services/main.ts')
      const opened = await openedMasterKey(options.masterKeyFile, environment)
      const { recovered, ...ledger } = await beginEpoch({ ...options, ...opened })
      const { findings, adopted } = recovered
      for (const { kind, message } of findings.slice(0, FINDINGS_SHOWN))
        terminal.say(`${kind.padEnd(11)} ${inline(message)}`)
      terminal.say('start the service, apply revocations again that were lost, then')
      terminal.say('`lacre ledger release`: nothing is invoked before')
      tellBegun(terminal, ledger, {
        findings: findings.length,
        rowsTakenOver: adopted.length,
        quoted: recovered.previous.checkpoint,
      })
    })
}

/** Findings shown to a person; the ledger tells of them. */
const FINDINGS_SHOWN = 20

function tellBegun(
  terminal: Terminal,
  { epoch, origin, verifierKey }: LedgerInForce,
  more: { readonly [name: string]: Json },
): void {
  terminal.say("keep the new ledger's key outside; witnesses want it, too")
  terminal.result(
    { epoch, origin, logKey: verifierKey, ...more },
    `ledger ${epoch}: ${inline(origin)}\nits key: ${inline(verifierKey)}`,
  )
}

async function verify(options: VerifyOptions, terminal: Terminal): Promise<void> {
  const { file, data, proof } = options
  if ([file, data, proof].filter((one) => one !== undefined).length !== 1)
    throw new PlatformError('INVALID_PARAMETER', 'give one of --file, --data and --proof')
  const outside = options.checkpoint.map((path) => readSmallFile(path).toString('utf8'))
  if (proof !== undefined)
    return verifyProof(proof, options, outside.map(parseCheckpoint), terminal)
  const report =
    file === undefined
      ? await verifyData(data ?? '', options.logKey, outside)
      : await verifyFile(file, options.logKey, outside.map(parseCheckpoint))
  terminal.result(reportJson(report, options), reportText(report, options))
  if (report.findings.length > 0) terminal.exitWith(EXIT.refused)
  else if (!report.authenticated) terminal.exitWith(EXIT.notAuthenticated)
}

function verifyProof(
  path: string,
  { logKey, witness }: VerifyOptions,
  checkpoints: readonly SignedCheckpoint[],
  terminal: Terminal,
): void {
  const report = verifyProofFile(readSmallFile(path).toString('utf8'), {
    logKey: logKey === undefined ? undefined : readLogKey(logKey, () => checkpoints[0]?.origin),
    witnesses: witness.map((key) => parseVerifierKey(key, 'cosignature')),
    checkpoints,
  })
  terminal.result(proofJson(report), proofText(report))
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
