import { existsSync } from 'node:fs'

import {
  formatVerifierKey,
  isSignedBy,
  parseCheckpoint,
  parseVerifierKey,
  verifyConsistency,
  type NoteKey,
  type SignedCheckpoint,
} from '../../services/ledger/index.ts'
import { PlatformError, type Json } from '../../services/model/index.ts'
import { writeTextFile } from '../files.ts'
import { text, type Service } from '../service/index.ts'
import { readSmallFile } from '../signing/index.ts'

export interface KeptCheckpoint {
  readonly checkpoint: SignedCheckpoint
  readonly note: string
  readonly verifierKey: string
  /** Below it the tiles are read. */
  readonly tlog: string
  readonly witnesses: Json
  /** The size of the checkpoint that was there before, and that this one extends. */
  readonly extended: number | undefined
}

/**
 * The newest checkpoint, and with `path` kept there: one that is there is replaced only by one that is proven to extend
 * it, so that a file kept this way never goes back.
 * @throws PlatformError LEDGER_BROKEN where the service shows another ledger than the one that was kept
 */
export async function keepCheckpoint(
  service: Service,
  options: { readonly path: string | undefined; readonly logKey: NoteKey | undefined },
): Promise<KeptCheckpoint> {
  const { path } = options
  const answer = await service.get('/api/v1/ledger/checkpoint')
  const note = text(answer, 'note')
  const checkpoint = parseCheckpoint(note)
  // Without a key from outside the one that the service names is believed, as at a first meeting.
  const logKey = options.logKey ?? parseVerifierKey(text(answer, 'verifierKey'))
  if (!isSignedBy(checkpoint.note, logKey)) throw broken("the checkpoint is not by the log's key")
  const before = path === undefined || !existsSync(path) ? undefined : readCheckpoint(path)
  if (before !== undefined) await checkExtends(service, { before, now: checkpoint, logKey })
  if (path !== undefined) writeTextFile(path, note)
  return {
    checkpoint,
    note,
    verifierKey: formatVerifierKey(logKey),
    tlog: text(answer, 'tlog'),
    witnesses: answer['witnesses'] ?? [],
    extended: before?.size,
  }
}

function readCheckpoint(path: string): SignedCheckpoint {
  return parseCheckpoint(readSmallFile(path).toString('utf8'))
}

async function checkExtends(
  service: Service,
  {
    before,
    now,
    logKey,
  }: {
    readonly before: SignedCheckpoint
    readonly now: SignedCheckpoint
    readonly logKey: NoteKey
  },
): Promise<void> {
  if (before.origin !== now.origin)
    throw broken(
      `the checkpoint kept there is of \`${before.origin}\`, the service shows \`${now.origin}\`: a new key or a new beginning; \`lacre ledger verify --data\` follows it`,
    )
  if (!isSignedBy(before.note, logKey))
    throw broken("the checkpoint kept there is not by the log's key")
  if (before.size > now.size)
    throw broken(`the service shows ${now.size} entries, ${before.size} were there before`)
  const answer = await service.get('/api/v1/ledger/proofs/consistency', {
    from: String(before.size),
    to: String(now.size),
  })
  const { proof } = answer
  const hashes = Array.isArray(proof) ? proof.filter((one) => typeof one === 'string') : []
  const claim = {
    first: before.size,
    second: now.size,
    firstRoot: before.root,
    secondRoot: now.root,
  }
  if (!verifyConsistency({ ...claim, proof: hashes }))
    throw broken('the ledger of the service does not extend the checkpoint kept there')
}

function broken(message: string): PlatformError {
  return new PlatformError('LEDGER_BROKEN', message)
}
