import type { Json } from '../model/index.ts'
import { toBytes, toList, toMembers, toText, type Members } from './members.ts'
import { malformed } from './refusal.ts'

/** More proofs than this are no proof of anything further. */
const EVIDENCE_LIMIT = 8
const HASHES_LIMIT = 64

/** v0.1 asks for the log's promise, later ones for its proof. */
export type BundleVersion = '0.1' | '0.2' | '0.3'

/**
 * Transparency-log entries, checked for shape and kept as they are: canonical base64, decimal strings,
 * nothing unknown. What they prove is judged where a log's key is known; elsewhere they are named as unchecked.
 * @throws PlatformError INVALID_SEAL
 */
export function parseLogEntries(value: Json | undefined, version: BundleVersion): readonly Json[] {
  if (value === undefined) return []
  const entries = toList(value, 'tlogEntries')
  if (entries.length > EVIDENCE_LIMIT)
    throw malformed('evidence', `a seal has at most ${EVIDENCE_LIMIT} log entries`)
  for (const entry of entries) checkLogEntry(entry, version)
  return entries
}

function checkLogEntry(value: Json, version: BundleVersion): void {
  const what = 'a log entry'
  const known = ['logIndex', 'logId', 'kindVersion', 'integratedTime', 'canonicalizedBody']
  const entry = toMembers(value, [...known, 'inclusionPromise', 'inclusionProof'], what)
  checkDecimals(entry, ['logIndex', 'integratedTime'], what)
  if (entry['logId'] !== undefined) {
    toBytes(toMembers(entry['logId'], ['keyId'], 'a log id')['keyId'], 'a log id')
  }
  const kind = toMembers(entry['kindVersion'], ['kind', 'version'], 'a log entry kind')
  toText(kind['kind'], 'a log entry kind')
  toText(kind['version'], 'a log entry version')
  toBytes(entry['canonicalizedBody'], 'the body of a log entry')
  if (entry['inclusionPromise'] !== undefined) {
    const promise = toMembers(entry['inclusionPromise'], ['signedEntryTimestamp'], 'a promise')
    toBytes(promise['signedEntryTimestamp'], 'a promise')
  }
  if (entry['inclusionProof'] !== undefined) checkInclusionProof(entry['inclusionProof'], version)
  const needed = version === '0.1' ? 'inclusionPromise' : 'inclusionProof'
  if (entry[needed] === undefined)
    throw malformed('evidence', `${what} of a bundle v${version} has an ${needed}`)
}

function checkInclusionProof(value: Json, version: BundleVersion): void {
  const what = 'an inclusion proof'
  const proof = toMembers(value, ['logIndex', 'rootHash', 'treeSize', 'hashes', 'checkpoint'], what)
  checkDecimals(proof, ['logIndex', 'treeSize'], what)
  toBytes(proof['rootHash'], what)
  const hashes = proof['hashes'] === undefined ? [] : toList(proof['hashes'], what)
  if (hashes.length > HASHES_LIMIT) throw malformed('evidence', `${what} is too long`)
  for (const hash of hashes) toBytes(hash, what)
  // v0.1 knew proofs without a checkpoint; its promise is what counts then
  if (version === '0.1' && proof['checkpoint'] === undefined) return
  toText(toMembers(proof['checkpoint'], ['envelope'], 'a checkpoint')['envelope'], 'a checkpoint')
}

/** Protobuf's JSON writes 64-bit numbers as decimal strings. */
function checkDecimals(members: Members, names: readonly string[], what: string): void {
  for (const name of names) {
    const value = members[name]
    if (value === undefined) continue
    if (typeof value !== 'string' || !/^(?:0|[1-9]\d{0,18})$/.test(value))
      throw malformed('evidence', `\`${name}\` in ${what} is not a decimal string`)
  }
}

/** RFC 3161 tokens, as bytes; judged where a timestamp authority is known. @throws PlatformError INVALID_SEAL */
export function parseTimestamps(value: Json | undefined): readonly Uint8Array[] {
  if (value === undefined) return []
  const known = toMembers(value, ['rfc3161Timestamps'], 'timestampVerificationData')
  const list = known['rfc3161Timestamps']
  const tokens = list === undefined ? [] : toList(list, 'rfc3161Timestamps')
  if (tokens.length > EVIDENCE_LIMIT)
    throw malformed('evidence', `a seal has at most ${EVIDENCE_LIMIT} timestamps`)
  return tokens.map((token) =>
    toBytes(toMembers(token, ['signedTimestamp'], 'a timestamp')['signedTimestamp'], 'a timestamp'),
  )
}
