import { lstatSync } from 'node:fs'

import type { Command } from 'commander'

import { PlatformError, toBase64Digest } from '../../services/model/index.ts'
import type { CommandModule, Environment } from '../command.ts'
import { packDirectory, type Packed } from '../packaging/index.ts'
import { inline, type Terminal } from '../terminal.ts'

/** The earliest time that a zip can tell. */
const ZIP_EPOCH_MS = 315_532_800_000

interface Options {
  readonly output: string
  readonly store?: true
}

export const command: CommandModule = {
  name: 'pack',
  summary: 'pack a directory into a reproducible zip',
  configure(command: Command, terminal: Terminal, environment: Environment): void {
    command
      .argument('<directory>', 'what to pack')
      .requiredOption('-o, --output <file>', 'the zip to write')
      .option('--store', 'no compression: the same bytes on any machine, whatever its zlib')
      .addHelpText(
        'after',
        '\nLeaves out what .lacreignore names (as .gitignore does). All times are 1980-01-01, or SOURCE_DATE_EPOCH.',
      )
      .action((directory: string, options: Options) =>
        pack({ directory, ...options, timeMs: packTime(environment) }, terminal),
      )
  },
}

async function pack(
  options: Options & { readonly directory: string; readonly timeMs: number },
  terminal: Terminal,
): Promise<void> {
  const { directory, output, timeMs } = options
  if (!lstatSync(`${directory}/.`).isDirectory())
    throw new PlatformError('INVALID_PARAMETER', `\`${directory}\` is not a directory`)
  const progress = terminal.progress(`packing ${directory}`, 'bytes')
  const packed = await packDirectory({
    directory,
    output,
    timeMs,
    store: options.store === true,
    onProgress: (done, total) => progress.update(done, total),
  }).finally(() => progress.end())
  for (const warning of packed.warnings)
    terminal.say(`warning: \`${inline(warning.path)}\` looks like a secret (${warning.reason})`)
  if (packed.leftOut.length > 0) terminal.say(`left out: ${listed(packed.leftOut)}`)
  show(packed, output, terminal)
}

function show(packed: Packed, output: string, terminal: Terminal): void {
  const { artifact, leftOut, warnings } = packed
  const { sha256, codeSha256, tree, sizeBytes, unzippedBytes, entryCount } = artifact
  terminal.result(
    {
      path: output,
      sha256,
      codeSha256,
      codeSha256Base64: toBase64Digest(codeSha256),
      tree,
      sizeBytes,
      unzippedBytes,
      entryCount,
      leftOut,
      warnings: warnings.map(({ path, reason }) => ({ path, reason })),
    },
    [
      `${inline(output)}: ${entryCount} entries, ${unzippedBytes} bytes in ${sizeBytes}`,
      `sha256  ${sha256}`,
      `tree    ${tree}`,
    ].join('\n'),
  )
}

function listed(paths: readonly string[]): string {
  const shown = paths.slice(0, 8).map(inline).join(', ')
  return paths.length > 8 ? `${shown} and ${paths.length - 8} more` : shown
}

/** https://reproducible-builds.org/specs/source-date-epoch/: seconds, decimal; what is malformed is an error. */
function packTime(environment: Environment): number {
  const text = environment['SOURCE_DATE_EPOCH']
  if (text === undefined || text === '') return ZIP_EPOCH_MS
  if (!/^\d{1,10}$/.test(text))
    throw new PlatformError(
      'INVALID_PARAMETER',
      `SOURCE_DATE_EPOCH \`${text}\` is not a number of seconds`,
    )
  return Math.max(ZIP_EPOCH_MS, Number(text) * 1000)
}
