import type { Command } from 'commander'

import type { Json } from '../../services/model/index.ts'
import type { CommandModule, Environment } from '../command.ts'
import { openedMasterKey, readSmallFile } from '../signing/index.ts'
import { inline, type Terminal } from '../terminal.ts'

interface RestoreCommandOptions {
  readonly from: string
  readonly data: string
  readonly masterKeyFile?: string
  readonly checkpoint?: string
  readonly newEpoch?: boolean
}

const HELP = `
Everything is verified before the data directory is there: the manifest, every file by its digest, both databases, the
whole ledger, every row against it, the secrets under the master key. Then it is there at once, or not at all.

The last checkpoint that was kept elsewhere (lacre ledger export, GET /api/v1/ledger/checkpoint, or checkpoints/latest of
the old data directory) shows that the backup lacks nothing that was signed. The first start writes the restore into
the ledger. With --new-epoch a backup that lacks what was signed is restored too; the service does not start on it before
lacre ledger new-epoch, whose first entry quotes that checkpoint.

Examples:
  lacre restore --from /backup/lacre --data /var/lib/lacre --master-key-file /safe/master.key --checkpoint last.note

Exit codes: 0 restored, 1 the backup is refused, or does not extend the checkpoint, 2 usage or master key, 3 the place is
taken or there is no room.`

/** `lacre restore`: whole or not at all. */
export const command: CommandModule = {
  name: 'restore',
  summary: 'make a data directory from a backup, verified before it is one',
  configure(command: Command, terminal: Terminal, environment: Environment): void {
    command
      .requiredOption('--from <path>', 'what `lacre backup` wrote')
      .requiredOption('--data <dir>', 'the data directory to be: not there yet, or empty')
      .option(
        '--master-key-file <file>',
        'the key that sealed the secrets, plain or wrapped by a KMS',
      )
      .option('--checkpoint <file>', 'the last checkpoint of the ledger that was kept elsewhere')
      .option(
        '--new-epoch',
        'go on where the backup does not extend it: a new ledger has to be begun then',
      )
      .addHelpText('after', HELP)
      .action((options: RestoreCommandOptions) => run(options, terminal, environment))
  },
}

async function run(
  options: RestoreCommandOptions,
  terminal: Terminal,
  environment: Environment,
): Promise<void> {
  const { restoreDirectory } = await import('../../services/main.ts')
  const { checkpoint, newEpoch = false, ...rest } = options
  const note = checkpoint === undefined ? undefined : readSmallFile(checkpoint).toString('utf8')
  const opened = await openedMasterKey(options.masterKeyFile, environment)
  const progress = terminal.progress('restoring', 'bytes')
  const report = await restoreDirectory({
    ...rest,
    ...opened,
    newEpoch,
    ...(note !== undefined && { checkpoint: note }),
    onProgress: (done, total) => progress.update(done, total),
  }).finally(() => progress.end())
  const { digest, manifest, checkpointSize, extendsCheckpoint, passedOver } = report
  const { ledger, damaged, createdAt } = manifest
  const result: Json = {
    data: options.data,
    digest,
    createdAt,
    ledger: {
      origin: ledger.origin,
      size: ledger.size,
      root: ledger.root,
      checkpointSize,
      extendsCheckpoint,
    },
    files: manifest.files.length,
    damaged,
    passedOver,
  }
  const lines = [
    `restored    ${inline(options.data)}`,
    `backup      ${digest}`,
    `as of       ${createdAt}`,
    extendsCheckpoint
      ? `ledger      ${ledger.size} entries, extends the checkpoint over ${checkpointSize}`
      : `ledger      ${ledger.size} entries, DOES NOT EXTEND the checkpoint over ${checkpointSize}`,
    `files       ${manifest.files.length}, each by its digest`,
    ...damaged.map((blob) => `LACKING     the artifact ${blob} was damaged before the backup`),
    ...passedOver.map((path) => `left        ${inline(path)}: the manifest does not name it`),
    ...(extendsCheckpoint
      ? []
      : [
          `next        lacre ledger new-epoch --data ${inline(options.data)} --master-key-file … --reason …`,
        ]),
    `next        lacre serve --data ${inline(options.data)} --master-key-file …`,
  ]
  terminal.result(result, lines.join('\n'))
}
