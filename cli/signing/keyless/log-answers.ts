import type { Json } from '../../../services/model/index.ts'
import { failed, isObject } from './exchange.ts'
import type { LoggedEntry } from './log-entry.ts'

type Members = Readonly<Record<string, Json>>

const HASHES_LIMIT = 64
const CHECKPOINT_LIMIT_CHARACTERS = 16_384

/** The answer of Rekor v1: one entry under its id, hashes in hex, times and indices as numbers. @throws PlatformError SIGNER_FAILED */
export function readRekorV1(answer: Members): LoggedEntry {
  const [entry, ...more] = Object.values(answer)
  if (more.length > 0) throw malformed()
  const { body, integratedTime, logID, logIndex, verification } = object(entry)
  const { inclusionProof, signedEntryTimestamp } = object(verification)
  const proof = object(inclusionProof)
  return {
    logIndex: count(logIndex),
    logId: bytes(logID, 'hex'),
    integratedTime: count(integratedTime),
    body: bytes(body, 'base64'),
    ...(signedEntryTimestamp !== undefined && { promise: bytes(signedEntryTimestamp, 'base64') }),
    proof: {
      logIndex: count(proof['logIndex']),
      treeSize: count(proof['treeSize']),
      rootHash: bytes(proof['rootHash'], 'hex'),
      hashes: hashes(proof['hashes'], 'hex'),
      checkpoint: checkpoint(proof['checkpoint']),
    },
  }
}

/** The answer of Rekor v2: a TransparencyLogEntry in protobuf's JSON, which leaves zeros out. @throws PlatformError SIGNER_FAILED */
export function readRekorV2(answer: Members): LoggedEntry {
  const proof = object(answer['inclusionProof'])
  return {
    logIndex: decimal(answer['logIndex']),
    logId: bytes(object(answer['logId'])['keyId'], 'base64'),
    body: bytes(answer['canonicalizedBody'], 'base64'),
    proof: {
      logIndex: decimal(proof['logIndex']),
      treeSize: decimal(proof['treeSize']),
      rootHash: bytes(proof['rootHash'], 'base64'),
      hashes: hashes(proof['hashes'], 'base64'),
      checkpoint: checkpoint(object(proof['checkpoint'])['envelope']),
    },
  }
}

function object(value: Json | undefined): Members {
  if (!isObject(value)) throw malformed()
  return value
}

function count(value: Json | undefined): number {
  if (typeof value !== 'number' || !Number.isSafeInteger(value) || value < 0) throw malformed()
  return value
}

function decimal(value: Json | undefined): number {
  if (value === undefined) return 0
  if (typeof value !== 'string' || !/^(?:0|[1-9]\d{0,15})$/.test(value)) throw malformed()
  return count(Number(value))
}

function bytes(value: Json | undefined, encoding: 'hex' | 'base64'): Buffer {
  const decoded = typeof value === 'string' ? Buffer.from(value, encoding) : Buffer.alloc(0)
  if (decoded.length === 0 || decoded.toString(encoding) !== value) throw malformed()
  return decoded
}

function hashes(value: Json | undefined, encoding: 'hex' | 'base64'): readonly Buffer[] {
  if (value === undefined || value === null) return []
  if (!Array.isArray(value) || value.length > HASHES_LIMIT) throw malformed()
  return value.map((hash: Json) => bytes(hash, encoding))
}

function checkpoint(value: Json | undefined): string {
  if (typeof value !== 'string' || value === '' || value.length > CHECKPOINT_LIMIT_CHARACTERS)
    throw malformed()
  return value
}

function malformed() {
  return failed('the log answers with an entry that cannot be read', 'log-entry-malformed')
}
