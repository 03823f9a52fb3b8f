import { existsSync } from 'node:fs'

import { noteKey, parseVerifierKey, type NoteKey } from '../services/ledger/index.ts'
import { readSmallFile } from './signing/index.ts'

/** A log's key as text or in a file; PEM has no name, so it takes that of the log at hand. @throws PlatformError INVALID_PARAMETER */
export function readLogKey(key: string, origin: () => string | undefined): NoteKey {
  const text = existsSync(key) ? readSmallFile(key).toString('utf8') : key
  if (!text.includes('-----BEGIN')) return parseVerifierKey(text)
  return noteKey(origin() ?? 'unknown', text)
}
