import { decodeUtf8 } from './entry-name.ts'
import { refusal, shown } from './refusal.ts'

/** Longer targets are legal on Linux (4,095), but 65,534 of them would be held in memory together. */
export const LINK_TARGET_LIMIT_BYTES = 1_024
/** As Linux: more than 40 links in one path is a loop. */
const HOPS_LIMIT = 40
/** Steps over all links together, so that links of links of links cannot use up the worker. */
const STEPS_LIMIT = 400_000
const PATH_LIMIT_CHARS = 4_096

/**
 * The target of a symlink: relative, in UTF-8, printable.
 * @throws PlatformError INVALID_ARTIFACT
 */
export function parseLinkTarget(path: string, content: Uint8Array): string {
  const refuse = (message: string): Error =>
    refusal('zip.symlink-target', `the target of the symlink ${shown(path)} ${message}`, {
      entry: path,
    })
  const target = decodeUtf8(content)
  if (target === undefined) throw refuse('is not UTF-8')
  if (target === '') throw refuse('is empty')
  if (/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\\]/u.test(target))
    throw refuse('holds a control or format character or a backslash')
  if (target.startsWith('/') || /^[a-zA-Z]:/.test(target)) throw refuse('is absolute')
  return target
}

/**
 * Follows every link as a kernel would, through the other links, and refuses what leaves the root on the way.
 * To look at the text alone is not enough: `a/b/l -> ../..` and `m -> a/b/l/..` each look harmless.
 * @throws PlatformError INVALID_ARTIFACT
 */
export function checkLinks(links: ReadonlyMap<string, string>): void {
  let steps = STEPS_LIMIT
  for (const [path, target] of links) {
    const cut = path.lastIndexOf('/')
    let place = cut < 0 ? '' : path.slice(0, cut)
    const pending = target.split('/').reverse()
    let hops = 0
    while (pending.length > 0) {
      const step = pending.pop()
      steps -= 1
      if (steps < 0 || place.length > PATH_LIMIT_CHARS)
        throw refusal('zip.symlink-loop', 'the symlinks of the zip lead too far', { entry: path })
      if (step === undefined || step === '' || step === '.') continue
      if (step === '..') {
        if (place === '')
          throw refusal('zip.symlink-outside', `the symlink ${shown(path)} leaves the root`, {
            entry: path,
          })
        place = place.slice(0, Math.max(0, place.lastIndexOf('/')))
        continue
      }
      const next = place === '' ? step : `${place}/${step}`
      const through = links.get(next)
      if (through === undefined) {
        place = next
        continue
      }
      hops += 1
      if (hops > HOPS_LIMIT)
        throw refusal('zip.symlink-loop', `the symlink ${shown(path)} never ends`, { entry: path })
      pending.push(...through.split('/').reverse())
    }
  }
}
