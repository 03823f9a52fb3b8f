import { limits, type EntryKind } from '../model/index.ts'
import { refusal, shown } from './refusal.ts'

interface Named {
  readonly path: string
  readonly kind: EntryKind
}

/**
 * Holds all paths against each other: no name twice (also after NFC, since file systems differ there), nothing
 * beneath a file or a symlink. Answers the directories that hold something; they are implied and no entries of the tree.
 * @throws PlatformError INVALID_ARTIFACT
 */
export function checkPaths(entries: readonly Named[]): ReadonlySet<string> {
  const byKey = new Map<string, Named>()
  for (const entry of entries) {
    const key = entry.path.normalize('NFC')
    const other = byKey.get(key)
    if (other !== undefined) throw duplicate(entry.path, other.path)
    byKey.set(key, entry)
  }
  const implied = impliedDirectories(entries)
  for (const [key, path] of implied) {
    const entry = byKey.get(key)
    if (entry === undefined) continue
    if (entry.path !== path) throw duplicate(entry.path, path)
    if (entry.kind === 'symlink')
      throw refusal('zip.beneath-symlink', `an entry lies beneath the symlink ${shown(path)}`, {
        entry: path,
      })
    if (entry.kind === 'file')
      throw refusal('zip.path-conflict', `${shown(path)} is a file and a directory`, {
        entry: path,
      })
  }
  return new Set(implied.values())
}

/** NFC key → path of every directory above an entry. */
function impliedDirectories(entries: readonly Named[]): Map<string, string> {
  const implied = new Map<string, string>()
  for (const { path } of entries) {
    let cut = path.lastIndexOf('/')
    while (cut > 0) {
      const above = path.slice(0, cut)
      const key = above.normalize('NFC')
      const known = implied.get(key)
      // Whoever added this one added all above it.
      if (known === above) break
      if (known !== undefined) throw duplicate(above, known)
      implied.set(key, above)
      if (implied.size > limits.ENTRY_COUNT_LIMIT)
        throw refusal(
          'zip.entry-count',
          `the zip makes more than ${limits.ENTRY_COUNT_LIMIT} directories`,
        )
      cut = above.lastIndexOf('/')
    }
  }
  return implied
}

function duplicate(path: string, other: string): Error {
  const message =
    path === other
      ? `${shown(path)} is there twice`
      : `${shown(path)} and ${shown(other)} are the same name to some file systems`
  return refusal('zip.duplicate-name', message, { entry: path })
}
