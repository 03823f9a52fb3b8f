import { lstatSync, realpathSync } from 'node:fs'
import { open, opendir } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'

import { onDisk } from '../blobs/index.ts'
import { limits } from '../model/index.ts'
import { copyStretch, openRegular, type OnBytes, type Stretch } from './files.ts'
import {
  MANIFEST_FILE,
  invalidBackup,
  parseManifest,
  parsePath,
  type BackupFile,
  type BackupManifest,
} from './manifest.ts'
import { indexTar } from './tar-index.ts'
import { isAside, isFolder } from './target.ts'

/** A backup whose manifest was read, and whose files were found by name; what they hold is checked when copied. */
export interface OpenedBackup extends AsyncDisposable {
  readonly manifest: BackupManifest
  /** Files that its manifest does not name: what `lacre backup` left when it was killed. They are not used. */
  readonly passedOver: readonly string[]
  /** A new file with the bytes that the manifest promises. @throws PlatformError INVALID_BACKUP, OUT_OF_SPACE */
  copyOut(file: BackupFile, to: string, onBytes?: OnBytes): Promise<void>
}

/**
 * Opens a backup to be restored, a directory or one file. It is foreign input: links, devices, files that no backup has and
 * names that are there twice are refused, and nothing of it is followed or run.
 * @throws PlatformError INVALID_BACKUP
 */
export async function openBackup(path: string): Promise<OpenedBackup> {
  const root = realPathOf(path)
  return lstatSync(root).isDirectory() ? await openDirectory(root) : await openArchive(root)
}

async function openDirectory(root: string): Promise<OpenedBackup> {
  const found = await listFiles(root)
  const manifest = parseManifest(await readManifest(root))
  return {
    manifest,
    passedOver: comparedTo(manifest, found),
    copyOut: async (file, to, onBytes) => {
      const { handle, sizeBytes } = await openNamed(root, file.path)
      try {
        await copyOut(file, { handle, sizeBytes, offset: 0 }, { to, onBytes })
      } finally {
        await handle.close()
      }
    },
    [Symbol.asyncDispose]: () => Promise.resolve(),
  }
}

/** One file: nobody was killed while he wrote beside it, so that what its manifest does not name is refused. */
async function openArchive(path: string): Promise<OpenedBackup> {
  const { handle, sizeBytes } = await openNamed(dirname(path), basename(path))
  try {
    const members = await indexTar(handle, sizeBytes)
    const { [MANIFEST_FILE]: place, ...others } = Object.fromEntries(members)
    if (place === undefined) throw invalidBackup('it has no manifest')
    if (place.sizeBytes > limits.BACKUP_MANIFEST_LIMIT_BYTES)
      throw invalidBackup('its manifest is too large')
    const bytes = Buffer.alloc(place.sizeBytes)
    await handle.read(bytes, 0, bytes.byteLength, place.offset)
    const manifest = parseManifest(bytes)
    const [surplus] = comparedTo(manifest, new Set(Object.keys(others)))
    if (surplus !== undefined) throw invalidBackup(`its manifest does not name \`${surplus}\``)
    return {
      manifest,
      passedOver: [],
      copyOut: async (file, to, onBytes) => {
        const member = members.get(file.path)
        if (member === undefined) throw invalidBackup(`\`${file.path}\` is not there`)
        await copyOut(file, { handle, ...member }, { to, onBytes })
      },
      [Symbol.asyncDispose]: () => handle.close(),
    }
  } catch (error) {
    await handle.close()
    throw error
  }
}

/** What is there and not named. @throws PlatformError INVALID_BACKUP where something named is not there */
function comparedTo(manifest: BackupManifest, found: ReadonlySet<string>): string[] {
  const named = new Set(manifest.files.map((file) => file.path))
  for (const path of named) if (!found.has(path)) throw invalidBackup(`\`${path}\` is not there`)
  return [...found].filter((path) => !named.has(path))
}

function realPathOf(path: string): string {
  try {
    return realpathSync(path)
  } catch (cause) {
    throw invalidBackup(`there is nothing at \`${path}\``, cause)
  }
}

/** Every file that is in its place; throws for whatever no backup has. */
async function listFiles(root: string): Promise<Set<string>> {
  const files = new Set<string>()
  for await (const { path, kind } of walk(root)) {
    if (path === MANIFEST_FILE && kind === 'file') continue
    if (kind !== 'file' || parsePath(path) === undefined)
      throw invalidBackup(`no backup has \`${path}\` (${kind})`)
    files.add(path)
    // A backup and what a killed one left beside it.
    if (files.size > 2 * limits.BACKUP_FILES_LIMIT) throw invalidBackup('it has too many files')
  }
  return files
}

interface Found {
  readonly path: string
  readonly kind: 'file' | 'directory' | 'link' | 'special file'
}

/** The folders that a backup has are gone into, two deep; anything else is what it is. */
async function* walk(root: string, below = ''): AsyncGenerator<Found> {
  for await (const entry of await opendir(join(root, below))) {
    if (below === '' && isAside(entry.name) && !entry.isSymbolicLink()) continue
    const path = below === '' ? entry.name : `${below}/${entry.name}`
    const kind = entry.isFile()
      ? 'file'
      : entry.isDirectory()
        ? 'directory'
        : entry.isSymbolicLink()
          ? 'link'
          : 'special file'
    if (kind === 'directory' && isFolderOfBackup(path)) yield* walk(root, path)
    else yield { path, kind }
  }
}

const isFolderOfBackup = (path: string): boolean =>
  isFolder(path) || /^blobs\/[0-9a-f]{2}$/.test(path)

async function readManifest(root: string): Promise<Uint8Array> {
  const { handle, sizeBytes } = await openNamed(root, MANIFEST_FILE)
  try {
    if (sizeBytes > limits.BACKUP_MANIFEST_LIMIT_BYTES)
      throw invalidBackup('its manifest is too large')
    return await handle.readFile()
  } finally {
    await handle.close()
  }
}

async function openNamed(root: string, path: string) {
  const opened = await openRegular(join(root, path)).catch((cause: unknown) => {
    throw invalidBackup(`\`${path}\` cannot be opened`, cause)
  })
  if (opened === undefined) throw invalidBackup(`\`${path}\` is no file`)
  return opened
}

async function copyOut(
  file: BackupFile,
  from: Stretch,
  { to, onBytes }: { readonly to: string; readonly onBytes: OnBytes | undefined },
): Promise<void> {
  if (from.sizeBytes !== file.sizeBytes)
    throw invalidBackup(
      `\`${file.path}\` has ${from.sizeBytes} bytes, the manifest says ${file.sizeBytes}`,
    )
  const written = await onDisk(() => open(to, 'wx', 0o600))
  try {
    const digest = await copyStretch(from, written, onBytes)
    if (digest !== file.sha256)
      throw invalidBackup(`\`${file.path}\` was changed: it hashes to \`${digest}\``)
    await onDisk(() => written.sync())
  } finally {
    await written.close()
  }
}
