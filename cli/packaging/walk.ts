import { existsSync, lstatSync, readFileSync, readdirSync, readlinkSync } from 'node:fs'
import { basename, dirname, join, resolve } from 'node:path'

import { compareUtf8, parseEntryPath } from '../../services/artifact/index.ts'
import { PlatformError, type EntryKind } from '../../services/model/index.ts'
import { parseIgnoreFile, type Ignore } from './ignore-file.ts'

/** Something to be packed. */
export interface TreeItem {
  /** As it will stand in the zip, without trailing slash. */
  readonly path: string
  readonly kind: EntryKind
  /** 0o644 or 0o755 for files, else 0. */
  readonly mode: number
  readonly sizeBytes: number
  /** The link's target, for symlinks. */
  readonly target?: string
  /** Where it lies on disk. */
  readonly source: string
}

export interface WalkedTree {
  /** In bytewise order of path: the order on disk is chance. */
  readonly items: readonly TreeItem[]
  /** Paths that rules left out, directories with a trailing slash. */
  readonly leftOut: readonly string[]
}

interface Walk {
  readonly ignore: Ignore
  readonly isOutput: (source: string) => boolean
  readonly items: TreeItem[]
  readonly leftOut: string[]
}

/**
 * Everything under a directory that belongs into its package: without what `.lacreignore` names, and without
 * `output`, so that packing twice gives the same.
 * @throws PlatformError INVALID_ARTIFACT for what no package can hold
 */
export function walkTree(directory: string, output: string): WalkedTree {
  const ignoreFile = join(directory, '.lacreignore')
  const walk: Walk = {
    ignore: parseIgnoreFile(existsSync(ignoreFile) ? readFileSync(ignoreFile, 'utf8') : ''),
    isOutput: outputTest(output),
    items: [],
    leftOut: [],
  }
  walkDirectory(walk, directory, '')
  return {
    items: walk.items.sort((a, b) => compareUtf8(a.path, b.path)),
    leftOut: walk.leftOut.sort(compareUtf8),
  }
}

/** The output, and what an interrupted run left beside it. */
function outputTest(output: string): (source: string) => boolean {
  const folder = resolve(dirname(output))
  const name = basename(output)
  return (source) => {
    const path = resolve(source)
    if (dirname(path) !== folder) return false
    return basename(path) === name || basename(path).startsWith(`${name}.partial-`)
  }
}

function walkDirectory(walk: Walk, directory: string, prefix: string): void {
  const names = readdirSync(directory)
  if (names.length === 0 && prefix !== '')
    walk.items.push({ path: prefix, kind: 'directory', mode: 0, sizeBytes: 0, source: directory })
  for (const name of names) {
    const source = join(directory, name)
    const path = prefix === '' ? name : `${prefix}/${name}`
    if (walk.isOutput(source)) continue
    checkName(path)
    const stat = lstatSync(source)
    if (walk.ignore(path, stat.isDirectory())) {
      walk.leftOut.push(stat.isDirectory() ? `${path}/` : path)
    } else if (stat.isDirectory()) {
      walkDirectory(walk, source, path)
    } else if (stat.isSymbolicLink()) {
      const target = readlinkSync(source)
      const sizeBytes = Buffer.byteLength(target)
      walk.items.push({ path, kind: 'symlink', mode: 0, sizeBytes, target, source })
    } else if (stat.isFile()) {
      const mode = (stat.mode & 0o100) === 0 ? 0o644 : 0o755
      walk.items.push({ path, kind: 'file', mode, sizeBytes: stat.size, source })
    } else {
      throw new PlatformError('INVALID_ARTIFACT', `\`${path}\` is a device, pipe or socket`, {
        detail: { rule: 'zip.special-file', entry: path },
      })
    }
  }
}

/** Refused here rather than after packing, and before a library could clean the name up in silence. */
function checkName(path: string): void {
  parseEntryPath(path)
  // U+FFFD is what Node shows for a name that is not UTF-8; `x:` at the start is cut off by archiver.
  if (path.includes('\ufffd') || /^\w+:/.test(path))
    throw new PlatformError('INVALID_ARTIFACT', `the name \`${path}\` cannot be packed`, {
      detail: { rule: 'zip.name-encoding', entry: path },
    })
}
