import type { Command } from 'commander'

import { bufferSource } from '../../services/model/index.ts'
import type { CommandModule } from '../command.ts'
import { writeFileFrom } from '../files.ts'
import { readSmallFile } from '../signing/index.ts'
import { inline, type Terminal } from '../terminal.ts'

interface FetchOptions {
  readonly mirror: string
  readonly root: string
  readonly target: string
  readonly cache: string
  readonly output: string
}

export const command: CommandModule = {
  name: 'trusted-root',
  summary: 'fetch a Sigstore trusted root from a TUF repository, show one',
  configure(command: Command, terminal: Terminal): void {
    command
      .command('fetch')
      .description('one file of a TUF repository, through its whole client workflow')
      .requiredOption('--mirror <url>', 'where the repository is')
      .requiredOption('--root <file>', 'its root.json, from its operator, to begin with')
      .option('--target <name>', 'what to fetch', 'trusted_root.json')
      .requiredOption(
        '--cache <directory>',
        'what was last seen; keep it: it is what stops rollback',
      )
      .requiredOption('-o, --output <file>', 'where it goes')
      .action((options: FetchOptions) => fetchRoot(options, terminal))
    command
      .command('show')
      .description('whom a trusted root trusts, and from when to when')
      .argument('<file>', 'a Sigstore TrustedRoot in JSON')
      .action((file: string) => show(file, terminal))
  },
}

async function fetchRoot(options: FetchOptions, terminal: Terminal): Promise<void> {
  const { mirror, root, target, cache, output } = options
  const { fetchTarget } = await import('../signing/keyless/index.ts')
  const bytes = await fetchTarget({ mirror, rootFile: root, cacheDirectory: cache }, target)
  writeFileFrom(output, bufferSource(bytes))
  terminal.result({ target, output, sizeBytes: bytes.byteLength }, inline(output))
}

async function show(file: string, terminal: Terminal): Promise<void> {
  const { summarizeRoot } = await import('../signing/keyless/index.ts')
  const members = summarizeRoot(readSmallFile(file))
  const lines = members.map(
    ({ kind, name, id, from, until }) =>
      `${kind.padEnd(21)} ${inline(name)}\n${' '.repeat(21)} ${id}\n${' '.repeat(21)} ${inline(from ?? 'no beginning')} to ${inline(until ?? 'no end')}`,
  )
  terminal.result(
    { file, members: members.map((member) => ({ ...member })) },
    members.length === 0 ? 'it trusts nobody' : lines.join('\n'),
  )
}
