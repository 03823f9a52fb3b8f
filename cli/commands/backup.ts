import type { Command } from 'commander'

import type { Json } from '../../services/model/index.ts'
import type { CommandModule } from '../command.ts'
import { EXIT } from '../exit-codes.ts'
import { inline, type Terminal } from '../terminal.ts'

interface BackupCommandOptions {
  readonly data: string
  readonly out: string
  readonly withoutDamaged?: boolean
}

const HELP = `
Run it as the service's user. Both databases are copied as they were at one instant, then every artifact that they
name; what an earlier backup in DIR has is not copied again, and it stays whole until this one is. A path that ends in
.tar is written anew, as one file. Not in it: admin.json, the master key, logs, uploads not deployed yet, code prepared
to run. The secrets in the database stay sealed by the master key, without which a backup cannot be restored.

Keep the digest that is printed elsewhere, and the ledger's checkpoints: \`lacre restore\` asks for the last one.

Examples:
  lacre backup --data /var/lib/lacre --out /backup/lacre
  lacre backup --data /var/lib/lacre --out /backup/lacre-$(date +%F).tar

Exit codes: 0 backed up, 1 a database or an artifact is damaged, 2 usage, 3 could not be written, 4 the database was
busy all the time, 6 backed up without damaged artifacts (--without-damaged).`

/** `lacre backup`: beside the running service, by its directory. */
export const command: CommandModule = {
  name: 'backup',
  summary: 'back a data directory up, also while the service runs on it',
  configure(command: Command, terminal: Terminal): void {
    command
      .requiredOption('--data <dir>', "the service's data directory, in use or not")
      .requiredOption('-o, --out <path>', 'a directory, or a file that ends in .tar')
      .option('--without-damaged', 'leave damaged artifacts out, and say so in the manifest')
      .addHelpText('after', HELP)
      .action((options: BackupCommandOptions) => run(options, terminal))
  },
}

async function run(options: BackupCommandOptions, terminal: Terminal): Promise<void> {
  const { backUpDirectory } = await import('../../services/main.ts')
  const phases = {
    databases: terminal.progress('copying the databases'),
    blobs: terminal.progress('copying artifacts', 'bytes'),
  }
  const report = await backUpDirectory({
    ...options,
    onProgress: (phase, done, total) => phases[phase].update(done, total),
  }).finally(() => phases.blobs.end())
  const { manifest, digest, copied, reused } = report
  const { ledger, damaged, createdAt, masterKeys } = manifest
  const result: Json = {
    out: options.out,
    digest,
    createdAt,
    ledger: { origin: ledger.origin, size: ledger.size, root: ledger.root },
    masterKeys,
    files: manifest.files.length,
    copied: { ...copied },
    reused: { ...reused },
    damaged,
  }
  const lines = [
    `backup      ${inline(options.out)}`,
    `digest      ${digest}`,
    `as of       ${createdAt}`,
    `ledger      ${ledger.size} entries, root ${ledger.root}`,
    `files       ${manifest.files.length}: ${copied.files} copied (${copied.bytes} bytes), ${reused.files} there already`,
    `master key  ${masterKeys.join(', ')}: not in it, and needed to restore`,
    ...damaged.map((blob) => `LEFT OUT    the damaged artifact ${blob}`),
  ]
  terminal.result(result, lines.join('\n'))
  if (damaged.length > 0) terminal.exitWith(EXIT.damaged)
}
