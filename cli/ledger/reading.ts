import { existsSync } from 'node:fs'

import type { Command } from 'commander'

import { parseVerifierKey, type NoteKey } from '../../services/ledger/index.ts'
import { PlatformError } from '../../services/model/index.ts'
import type { Environment } from '../command.ts'
import { writeTextFile } from '../files.ts'
import { connect, objects, text, withConnection, type ConnectionOptions } from '../service/index.ts'
import { readSmallFile } from '../signing/index.ts'
import { inline, type Terminal } from '../terminal.ts'
import { keepCheckpoint } from './keep-checkpoint.ts'
import { proveConsistency, proveInclusion } from './prove.ts'

interface CheckpointOptions extends ConnectionOptions {
  readonly out?: string
  readonly logKey?: string
}

interface ProveOptions extends ConnectionOptions {
  readonly from?: string
  readonly to?: string
  readonly entry?: string
  readonly size?: string
  readonly out: string
}

interface ReleaseOptions extends ConnectionOptions {
  readonly revocations?: string
}

/** The verbs that ask a running service. */
export function configureReading(
  command: Command,
  terminal: Terminal,
  environment: Environment,
): void {
  withConnection(command.command('checkpoint'))
    .description('a signed checkpoint of what is committed now, to keep outside')
    .option('-o, --out <file>', 'keep it there; one that is there must be extended by it')
    .option('--log-key <key>', "the log's key kept outside, or a file of it")
    .addHelpText(
      'after',
      '\nExample:\n  lacre ledger checkpoint --out /mnt/elsewhere/lacre.checkpoint --log-key log.key\n',
    )
    .action((options: CheckpointOptions) => checkpoint(options, terminal, environment))
  withConnection(command.command('prove'))
    .description('write a proof that `ledger verify --proof` checks offline')
    .option('--from <size|file>', 'that the ledger extends this checkpoint')
    .option('--to <size|file>', 'with --from: the later checkpoint; the newest without it')
    .option('--entry <index>', 'that this entry is in the ledger')
    .option('--size <n>', 'with --entry: in the tree of so many entries; the newest without it')
    .requiredOption('-o, --out <file>', 'the file to write: C2SP add-checkpoint, or tlog-proof')
    .addHelpText(
      'after',
      `
Examples:
  lacre ledger prove --from kept.checkpoint -o since.proof
  lacre ledger prove --entry 17 -o entry-17.tlog-proof
`,
    )
    .action((options: ProveOptions) => prove(options, terminal, environment))
  withConnection(command.command('release'))
    .description('after a new beginning: judge what is live, then let it be invoked again')
    .option('--revocations <digest>', 'confirms that the revocations shown are all there are')
    .addHelpText(
      'after',
      `
Examples:
  lacre ledger release                        # what is on record, and what is live and refused
  lacre ledger release --revocations DIGEST   # judge and release
`,
    )
    .action((options: ReleaseOptions) => release(options, terminal, environment))
}

async function checkpoint(
  options: CheckpointOptions,
  terminal: Terminal,
  environment: Environment,
): Promise<void> {
  const { out, logKey } = options
  const kept = await keepCheckpoint(connect(options, environment), {
    path: out,
    logKey: logKey === undefined ? undefined : readVerifierKey(logKey),
  })
  const { origin, size, root } = kept.checkpoint
  const { note, verifierKey, tlog, extended, witnesses } = kept
  if (logKey === undefined) terminal.say(`keep the log's key outside, too: ${verifierKey}`)
  if (extended !== undefined)
    terminal.say(`it extends the one of ${extended} entries that was there`)
  terminal.result(
    { origin, size, root, note, logKey: verifierKey, tlog, witnesses, file: out ?? null },
    out === undefined ? inlineLines(note) : `${inline(out)}: ${size} entries`,
  )
}

function inlineLines(note: string): string {
  return note.trimEnd().split('\n').map(inline).join('\n')
}

function readVerifierKey(key: string): NoteKey {
  return parseVerifierKey(existsSync(key) ? readSmallFile(key).toString('utf8') : key)
}

async function prove(
  options: ProveOptions,
  terminal: Terminal,
  environment: Environment,
): Promise<void> {
  const { from, to, entry, size, out } = options
  const service = connect(options, environment)
  if ((from === undefined) === (entry === undefined))
    throw new PlatformError('INVALID_PARAMETER', 'give either --from or --entry')
  const proven =
    from === undefined
      ? await proveInclusion(service, { index: entry ?? '', size })
      : await proveConsistency(service, { from, to })
  writeTextFile(out, proven.text)
  terminal.result({ file: out, size: proven.size }, `${inline(out)}: to ${proven.size} entries`)
}

async function release(
  { revocations, ...options }: ReleaseOptions,
  terminal: Terminal,
  environment: Environment,
): Promise<void> {
  const service = connect(options, environment)
  const { body } =
    revocations === undefined
      ? { body: await service.get('/api/v1/ledger/hold') }
      : await service.change('POST', '/api/v1/ledger/hold/release', { revocations })
  const refused = objects(body, 'refused')
  const lines = [
    body['held'] === true ? 'nothing is invoked now' : 'what is live is invoked',
    `revocations ${objects(body, 'revocations').length} on record, digest ${text(body, 'revocationsDigest')}`,
    `live        ${Number(body['judged'])} judged, ${refused.length} refused`,
    ...refused.map(
      (one) =>
        `refused     ${inline(`${text(one, 'functionName')}:${text(one, 'alias')} version ${text(one, 'version')}`)}`,
    ),
  ]
  terminal.result(body, lines.join('\n'))
}
