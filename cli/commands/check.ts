import type { Command } from 'commander'

import { openArtifact } from '../../services/artifact/index.ts'
import type { CommandModule } from '../command.ts'
import { openFileSource } from '../files.ts'
import { inline, type Terminal } from '../terminal.ts'

export const command: CommandModule = {
  name: 'check',
  summary: 'check a zip against the strict profile: exit 0 only if it is accepted',
  configure(command: Command, terminal: Terminal): void {
    command
      .argument('<file>', 'the zip')
      .addHelpText('after', '\nWhat is accepted here is accepted by pack, sign and upload.')
      .action((file: string) => check(file, terminal))
  },
}

async function check(file: string, terminal: Terminal): Promise<void> {
  using source = openFileSource(file)
  const artifact = await openArtifact(source)
  const { sha256, codeSha256, tree, sizeBytes, unzippedBytes, entryCount } = artifact
  terminal.result(
    {
      accepted: true,
      sha256,
      codeSha256,
      tree,
      sizeBytes,
      unzippedBytes,
      entryCount,
      sealed: artifact.sealBlock !== undefined,
    },
    `${inline(file)}: accepted, ${entryCount} entries, ${unzippedBytes} bytes unzipped\nsha256  ${sha256}`,
  )
}
