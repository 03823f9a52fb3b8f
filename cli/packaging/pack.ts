import { rmSync } from 'node:fs'

import { openArtifact } from '../../services/artifact/index.ts'
import { PlatformError, limits, type Artifact } from '../../services/model/index.ts'
import { moveIntoPlace, openFileSource, partialPath } from '../files.ts'
import { findSecrets, type SecretWarning } from './secrets.ts'
import { walkTree, type TreeItem } from './walk.ts'
import { writeZip, type ZipOptions } from './write-zip.ts'

export interface PackOptions extends ZipOptions {
  readonly directory: string
  readonly output: string
}

export interface Packed {
  /** As opened again under the strict profile; its source is closed. */
  readonly artifact: Artifact
  readonly leftOut: readonly string[]
  readonly warnings: readonly SecretWarning[]
}

/**
 * Packs a directory into a reproducible zip: same tree, same bytes. The result is opened under the strict profile
 * and compared with the tree before it gets its name; until then nothing stands at `output`.
 * @throws PlatformError INVALID_ARTIFACT for what no package can hold
 */
export async function packDirectory(options: PackOptions): Promise<Packed> {
  const { items, leftOut } = walkTree(options.directory, options.output)
  checkSize(items)
  const partial = partialPath(options.output)
  try {
    await writeZip(items, partial, options)
    using source = openFileSource(partial)
    const artifact = await openArtifact(source)
    checkSame(items, artifact)
    moveIntoPlace(partial, options.output)
    return { artifact, leftOut, warnings: findSecrets(items) }
  } catch (cause) {
    rmSync(partial, { force: true })
    throw cause
  }
}

/** Before gigabytes are written that would be refused anyway. */
function checkSize(items: readonly TreeItem[]): void {
  const refuse = (rule: string, message: string): Error =>
    new PlatformError('INVALID_ARTIFACT', message, { detail: { rule } })
  if (items.length === 0) throw refuse('zip.empty', 'the directory holds nothing to pack')
  if (items.length > limits.ENTRY_COUNT_LIMIT)
    throw refuse(
      'zip.entry-count',
      `the directory holds more than ${limits.ENTRY_COUNT_LIMIT} entries`,
    )
  const totalBytes = items.reduce((sum, item) => sum + item.sizeBytes, 0)
  if (totalBytes >= limits.UNZIPPED_SIZE_LIMIT_BYTES)
    throw refuse(
      'zip.unzipped-size',
      `Unzipped size must be smaller than ${limits.UNZIPPED_SIZE_LIMIT_BYTES} bytes`,
    )
}

/** A library between the tree and the zip may clean names up; then it would be another tree. */
function checkSame(items: readonly TreeItem[], artifact: Artifact): void {
  const line = (item: { path: string; kind: string; mode: number }): string =>
    `${item.kind} ${item.mode.toString(8)} ${item.path}`
  const packed = artifact.entries.map(line)
  const different = items.findIndex((item, at) => line(item) !== packed[at])
  if (different < 0 && packed.length === items.length) return
  const path = items[different]?.path ?? ''
  throw new PlatformError('INVALID_ARTIFACT', `\`${path}\` cannot be packed as it is`, {
    detail: { rule: 'zip.local-header', entry: path },
  })
}
