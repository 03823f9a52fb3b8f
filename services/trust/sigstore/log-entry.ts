import type { Json } from '../../model/index.ts'
import { malformed, toBytes, toList, toObject, toText, type Members } from '../../seal/index.ts'

/** One entry of a transparency log as a bundle tells of it. Nothing of it is believed yet. */
export interface LogEntry {
  /** Hex. */
  readonly logId: string
  readonly kind: string
  readonly version: string
  readonly index: number
  /** Seconds since the epoch; absent where the log gives no time (Rekor v2). */
  readonly integratedTime: number | undefined
  /** The bytes that are the leaf. */
  readonly body: Uint8Array
  readonly promise: Uint8Array | undefined
  readonly proof: InclusionProof | undefined
}

export interface InclusionProof {
  readonly index: number
  readonly size: number
  /** Hex. */
  readonly root: string
  readonly hashes: readonly string[]
  /** The signed note; v0.1 knew proofs without. */
  readonly checkpoint: string | undefined
}

/** `value` has passed the decoder of bundles, which looked at its form. @throws PlatformError INVALID_SEAL */
export function parseLogEntry(value: Json): LogEntry {
  const entry = toObject(value, 'a log entry')
  const kind = toObject(entry['kindVersion'], 'a log entry kind')
  const seconds = toNumber(entry, 'integratedTime')
  const { inclusionPromise: promise, inclusionProof: proof } = entry
  return {
    logId: toHex(toObject(entry['logId'], 'a log id')['keyId'], 'a log id'),
    kind: toText(kind['kind'], 'a log entry kind'),
    version: toText(kind['version'], 'a log entry version'),
    index: toNumber(entry, 'logIndex'),
    // protobuf's zero: nobody integrated an entry in 1970
    integratedTime: seconds === 0 ? undefined : seconds,
    body: toBytes(entry['canonicalizedBody'], 'the body of a log entry'),
    promise:
      promise === undefined
        ? undefined
        : toBytes(toObject(promise, 'a promise')['signedEntryTimestamp'], 'a promise'),
    proof: proof === undefined ? undefined : parseProof(toObject(proof, 'an inclusion proof')),
  }
}

function parseProof(proof: Members): InclusionProof {
  const { hashes, checkpoint } = proof
  const list = hashes === undefined ? [] : toList(hashes, 'an inclusion proof')
  return {
    index: toNumber(proof, 'logIndex'),
    size: toNumber(proof, 'treeSize'),
    root: toHex(proof['rootHash'], 'an inclusion proof'),
    hashes: list.map((hash) => toHex(hash, 'an inclusion proof')),
    checkpoint:
      checkpoint === undefined
        ? undefined
        : toText(toObject(checkpoint, 'a checkpoint')['envelope'], 'a checkpoint'),
  }
}

/** Protobuf leaves zero out. */
function toNumber(members: Members, name: string): number {
  const number = Number(members[name] ?? '0')
  if (!Number.isSafeInteger(number))
    throw malformed('evidence', `\`${name}\` of a log entry is too large`)
  return number
}

function toHex(value: Json | undefined, what: string): string {
  return Buffer.from(toBytes(value, what)).toString('hex')
}
