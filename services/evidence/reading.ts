import { PlatformError, canonicalJson, parseStrictJson, type Json } from '../model/index.ts'

/** The files of an archive by their path. */
export type Files = ReadonlyMap<string, Uint8Array>

export function matching(files: Files, pattern: RegExp) {
  return [...files.keys()].toSorted().flatMap((path) => {
    const match = pattern.exec(path)
    return match === null ? [] : [{ path, parts: match.slice(1) }]
  })
}

export function toObject(path: string, line: string): Readonly<Record<string, Json>> {
  const value = reading(path, () => parseStrictJson(Buffer.from(line)))
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw unreadable(path)
  if (canonicalJson(value) !== line) throw unreadable(path, 'has a line that is not canonical')
  return value as Readonly<Record<string, Json>>
}

export function linesOf(files: Files, path: string): string[] {
  const lines = textOf(files, path).split('\n')
  if (lines.pop() !== '') throw unreadable(path)
  return lines
}

export function textOf(files: Files, path: string): string {
  const bytes = files.get(path)
  if (bytes === undefined) throw new PlatformError('INVALID_PARAMETER', `\`${path}\` is not there`)
  const text = Buffer.from(bytes).toString('utf8')
  if (!Buffer.from(text).equals(bytes)) throw unreadable(path, 'is not UTF-8')
  return text
}

export function reading<T>(path: string, read: () => T): T {
  try {
    return read()
  } catch (cause) {
    throw unreadable(path, undefined, cause)
  }
}

export function unreadable(
  path: string,
  what = 'is not of its form',
  cause?: unknown,
): PlatformError {
  return new PlatformError('INVALID_PARAMETER', `\`${path}\` ${what}`, { cause })
}
