import { createHash } from 'node:crypto'

import { DerCursor, encodeDer, malformed, readDer, sequence, TAG, toOid } from '../../seal/index.ts'
import type { VerificationCache } from '../cache.ts'
import type { Certificate } from '../certificate.ts'
import { isSignedByLog } from './log-proof.ts'
import { isWithin, type KnownLog } from './trusted-root.ts'

const SCT_LIST = '1.3.6.1.4.1.11129.2.4.2'
const SCTS_LIMIT = 16
/** RFC 5246 §7.4.1.4.1. */
const TLS_SHA256 = 4
const TLS_SIGNATURES: ReadonlyMap<string, number> = new Map([
  ['rsa-pkcs1', 1],
  ['ecdsa', 3],
])

interface Sct {
  /** Hex. */
  readonly logId: string
  readonly timestampMs: number
  readonly extensions: Uint8Array
  readonly hash: number
  readonly algorithm: number
  readonly signature: Uint8Array
}

export interface SctRefusal {
  readonly reason: 'sct-missing' | 'sct-unknown-log' | 'sct-invalid' | 'sct-window'
  readonly got: string
}

/**
 * Whether a certificate-transparency log vouches for having seen the certificate (RFC 6962 §3.2-3.3). Every SCT of a
 * known log must hold; one at least must be there. `undefined`: it is.
 * @throws PlatformError INVALID_SEAL where the list cannot be read
 */
export function checkScts(
  list: Uint8Array | undefined,
  { leaf, issuer }: { readonly leaf: Certificate; readonly issuer: Certificate },
  ctLogs: readonly KnownLog[],
  cache: VerificationCache,
): SctRefusal | undefined {
  const scts = list === undefined ? [] : parseScts(Buffer.from(list))
  if (scts.length === 0)
    return { reason: 'sct-missing', got: 'the certificate holds no signed certificate timestamp' }
  const known = scts.flatMap((sct) => {
    const logs = ctLogs.filter(({ id }) => id === sct.logId)
    const log = logs.find(({ window }) => isWithin(window, sct.timestampMs)) ?? logs[0]
    return log === undefined ? [] : [{ sct, log }]
  })
  if (known.length === 0)
    return {
      reason: 'sct-unknown-log',
      got: `its timestamps are by ${scts.map(({ logId }) => logId).join(', ')}`,
    }
  const precert = withoutScts(leaf.tbs)
  const issuerKeyHash = createHash('sha256').update(issuer.spki).digest()
  for (const { sct, log } of known) {
    if (!isSigned(sct, log, signedBytes(sct, issuerKeyHash, precert), cache))
      return { reason: 'sct-invalid', got: `the log \`${log.baseUrl}\` did not sign its timestamp` }
    if (!isWithin(log.window, sct.timestampMs))
      return {
        reason: 'sct-window',
        got: `the key of the log \`${log.baseUrl}\` was not good at the time of its timestamp`,
      }
  }
  return undefined
}

function isSigned(sct: Sct, log: KnownLog, signed: Uint8Array, cache: VerificationCache): boolean {
  if (sct.hash !== TLS_SHA256 || sct.algorithm !== TLS_SIGNATURES.get(log.scheme.kind)) return false
  return isSignedByLog(log, signed, sct.signature, cache)
}

/** RFC 6962 §3.3: lengths in front of everything, nothing left over. */
function parseScts(list: Buffer): Sct[] {
  const reader = new TlsReader(list)
  const items = new TlsReader(reader.vector())
  reader.end()
  const scts: Sct[] = []
  while (!items.isAtEnd()) {
    if (scts.length === SCTS_LIMIT)
      throw malformed('sct', `a certificate has at most ${SCTS_LIMIT} timestamps of logs`)
    scts.push(parseSct(new TlsReader(items.vector())))
  }
  return scts
}

function parseSct(reader: TlsReader): Sct {
  if (reader.take(1)[0] !== 0) throw malformed('sct', 'a timestamp of a log is not of v1')
  const logId = reader.take(32).toString('hex')
  const timestampMs = Number(reader.take(8).readBigUInt64BE())
  const extensions = reader.vector()
  const [hash = 0, algorithm = 0] = reader.take(2)
  const signature = reader.vector()
  reader.end()
  return { logId, timestampMs, extensions, hash, algorithm, signature }
}

class TlsReader {
  #rest: Buffer

  constructor(bytes: Buffer) {
    this.#rest = bytes
  }

  take(length: number): Buffer {
    if (length > this.#rest.length) throw malformed('sct', 'a timestamp of a log is cut short')
    const taken = this.#rest.subarray(0, length)
    this.#rest = this.#rest.subarray(length)
    return taken
  }

  vector(): Buffer {
    return this.take(this.take(2).readUInt16BE())
  }

  isAtEnd(): boolean {
    return this.#rest.length === 0
  }

  end(): void {
    if (!this.isAtEnd()) throw malformed('sct', 'a timestamp of a log holds more than it may')
  }
}

/** RFC 6962 §3.2: what the log signed is the certificate as it was before the timestamps went in. */
function withoutScts(tbs: Uint8Array): Uint8Array {
  const fields = readDer(tbs).children.map((field) => {
    if (field.tag !== 0xa3) return field.bytes
    const kept = field.children
      .flatMap(({ children }) => children)
      .filter((item) => toOid(new DerCursor(item, TAG.sequence, 'an extension').any()) !== SCT_LIST)
    return encodeDer(0xa3, sequence(...kept.map(({ bytes }) => bytes)))
  })
  return sequence(...fields)
}

function signedBytes(sct: Sct, issuerKeyHash: Uint8Array, precert: Uint8Array): Uint8Array {
  const head = Buffer.alloc(12)
  // version v1, type certificate_timestamp, time, entry type precert_entry
  head.writeBigUInt64BE(BigInt(sct.timestampMs), 2)
  head.writeUInt16BE(1, 10)
  const length = Buffer.alloc(3)
  length.writeUIntBE(precert.byteLength, 0, 3)
  const extensions = Buffer.alloc(2)
  extensions.writeUInt16BE(sct.extensions.byteLength)
  return Buffer.concat([head, issuerKeyHash, length, precert, extensions, sct.extensions])
}
