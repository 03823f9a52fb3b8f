import { readFileSync, statSync } from 'node:fs'

import { PlatformError } from '../../services/model/index.ts'

/** Keys, certificates and detached seals are small; whatever is larger is the wrong file. */
const FILE_LIMIT_BYTES = 1_048_576

/** A small file whole; throws the system's error where there is none. */
export function readSmallFile(path: string): Buffer {
  if (statSync(path).size > FILE_LIMIT_BYTES)
    throw new PlatformError('INVALID_PARAMETER', `\`${path}\` is too large to be a key or a seal`)
  return readFileSync(path)
}

/** A passphrase is the first line of its file, so that an editor's line end does not become part of it. */
export function readPassphrase(path: string | undefined): string | undefined {
  if (path === undefined) return undefined
  const [line = ''] = readSmallFile(path).toString('utf8').split(/\r?\n/)
  return line
}
