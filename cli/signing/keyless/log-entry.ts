import { leafHash, verifyInclusion } from '../../../services/ledger/index.ts'
import { parseStrictJson, type Json } from '../../../services/model/index.ts'
import { failed, isObject } from './exchange.ts'

type Members = Readonly<Record<string, Json>>

/** A log's answer, as bytes and whole numbers, whichever API it came by. */
export interface LoggedEntry {
  readonly logIndex: number
  /** Of the log; some Rekor v2 leave it to the checkpoint's key. */
  readonly logId: Uint8Array
  /** Seconds since the epoch; Rekor v2 gives none. */
  readonly integratedTime?: number
  readonly promise?: Uint8Array
  readonly body: Uint8Array
  readonly proof: {
    readonly logIndex: number
    readonly treeSize: number
    readonly rootHash: Uint8Array
    readonly hashes: readonly Uint8Array[]
    readonly checkpoint: string
  }
}

/** The entry as protobuf-JSON in a bundle: 64-bit numbers as text, bytes as base64, nothing empty. */
export function toBundleEntry(entry: LoggedEntry): Json {
  const { kind, apiVersion } = parseBody(entry.body)
  const { proof, promise, integratedTime } = entry
  return {
    logIndex: String(entry.logIndex),
    logId: { keyId: toBase64(entry.logId) },
    kindVersion: { kind, version: apiVersion },
    ...(integratedTime !== undefined && { integratedTime: String(integratedTime) }),
    ...(promise !== undefined && { inclusionPromise: { signedEntryTimestamp: toBase64(promise) } }),
    inclusionProof: {
      logIndex: String(proof.logIndex),
      treeSize: String(proof.treeSize),
      rootHash: toBase64(proof.rootHash),
      ...(proof.hashes.length > 0 && { hashes: proof.hashes.map(toBase64) }),
      checkpoint: { envelope: proof.checkpoint },
    },
    canonicalizedBody: toBase64(entry.body),
  }
}

export interface EntryBody {
  readonly kind: string
  readonly apiVersion: string
  readonly spec: Members
}

/** @throws PlatformError SIGNER_FAILED */
export function parseBody(body: Uint8Array): EntryBody {
  let value: Json | undefined
  try {
    value = parseStrictJson(body)
  } catch {
    value = undefined
  }
  if (isObject(value)) {
    const { kind, apiVersion, spec } = value
    if (typeof kind === 'string' && typeof apiVersion === 'string' && isObject(spec))
      return { kind, apiVersion, spec }
  }
  throw failed('the log answers with an entry that cannot be read', 'log-entry-malformed')
}

/**
 * The proof has to lead from this entry to the root that the checkpoint names (RFC 9162 §2.1.3.2). Whether the log
 * signed that checkpoint is for whoever knows its key.
 * @throws PlatformError SIGNER_FAILED
 */
export function checkProof({ body, proof }: LoggedEntry): void {
  const [, size, root] = proof.checkpoint.split('\n')
  const sound =
    size === String(proof.treeSize) &&
    root === toBase64(proof.rootHash) &&
    verifyInclusion({
      index: proof.logIndex,
      size: proof.treeSize,
      leafHash: leafHash(body),
      root: toHex(proof.rootHash),
      proof: proof.hashes.map(toHex),
    })
  if (!sound)
    throw failed('the log answers with a proof that does not hold', 'log-proof-does-not-hold')
}

function toBase64(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('base64')
}

function toHex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex')
}
