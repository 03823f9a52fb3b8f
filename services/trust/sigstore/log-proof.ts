import { canonicalJson, sha256 } from '../../model/index.ts'
import {
  leafHash,
  parseCheckpoint,
  verifyInclusion,
  type SignedCheckpoint,
} from '../../ledger/index.ts'
import { encodeBase64 } from '../../seal/index.ts'
import type { VerificationCache } from '../cache.ts'
import { wrongSeal } from '../findings.ts'
import { verifySignature } from '../signature.ts'
import type { InclusionProof, LogEntry } from './log-entry.ts'
import type { KnownLog } from './trusted-root.ts'
import { unlessRefused } from '../refusals.ts'

/** Whether a log's key signed these bytes; remembered, since one signature is looked at for each publisher. */
export function isSignedByLog(
  log: Pick<KnownLog, 'key' | 'scheme'>,
  signed: Uint8Array,
  signature: Uint8Array,
  cache: VerificationCache,
): boolean {
  const name = sha256(JSON.stringify(log.scheme), '\0', sha256(signed), '\0', signature)
  return cache.result(`log ${name} ${log.key.spkiSha256}`, () =>
    verifySignature(log.scheme, log.key, signed, signature),
  )
}

/**
 * Rekor v1's promise (SET): canonical JSON of body, time, log and index. Only under it is the time the log's own word
 * (sigstore-rust once believed the time before it had looked).
 * @throws PlatformError INVALID_SEAL
 */
export function checkPromise(entry: LogEntry, log: KnownLog, cache: VerificationCache): void {
  const { promise, integratedTime } = entry
  if (promise === undefined || integratedTime === undefined) return
  const signed = canonicalJson({
    body: encodeBase64(entry.body),
    integratedTime,
    logID: entry.logId,
    logIndex: entry.index,
  })
  if (!isSignedByLog(log, Buffer.from(signed), promise, cache))
    throw wrongSeal('log-promise', {
      expected: `a signed entry timestamp by the log \`${log.baseUrl}\``,
      got: 'the promise of the log entry is not signed by the log, or for another entry or time',
    })
}

/** RFC 6962 inclusion under a checkpoint that the log signed. @throws PlatformError INVALID_SEAL */
export function checkInclusion(
  body: Uint8Array,
  proof: InclusionProof,
  log: KnownLog,
  cache: VerificationCache,
): void {
  const { index, size, root, hashes } = proof
  if (!verifyInclusion({ index, size, root, proof: hashes, leafHash: leafHash(body) }))
    throw wrongSeal('log-inclusion', {
      expected: `an inclusion proof of the log \`${log.baseUrl}\``,
      got: 'the proof does not lead from the log entry to its root',
    })
  if (proof.checkpoint === undefined) return
  const checkpoint = readCheckpoint(proof.checkpoint)
  if (checkpoint.root !== root || checkpoint.size !== size)
    throw wrongSeal('log-checkpoint', {
      expected: `a checkpoint of size ${size} with the root of the proof`,
      got: `one of size ${checkpoint.size} with ${checkpoint.root === root ? 'that' : 'another'} root`,
    })
  if (!isSigned(checkpoint, log, cache))
    throw wrongSeal('log-checkpoint', {
      expected: `a checkpoint signed by the log \`${log.baseUrl}\``,
      got: `no signature by its key over the checkpoint of \`${checkpoint.origin.slice(0, 200)}\``,
    })
}

function readCheckpoint(text: string): SignedCheckpoint {
  return unlessRefused(
    () => parseCheckpoint(text),
    ({ publicMessage: got }) => {
      throw wrongSeal('log-checkpoint', { expected: 'a C2SP checkpoint', got })
    },
  )
}

/**
 * Signatures of witnesses and of other keys are passed over (C2SP signed-note); every one that carries the log's name and
 * key id must hold. Rekor v1 writes its tree's number behind the name in the origin.
 */
function isSigned(
  { origin, note }: SignedCheckpoint,
  log: KnownLog,
  cache: VerificationCache,
): boolean {
  const own = note.signatures.filter(
    ({ name, id }) =>
      id === log.checkpointKeyId && (origin === name || origin.startsWith(`${name} - `)),
  )
  const text = Buffer.from(note.text)
  return own.length > 0 && own.every(({ bytes }) => isSignedByLog(log, text, bytes, cache))
}
