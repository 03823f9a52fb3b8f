import { createHash } from 'node:crypto'

import type { Signer } from '../../keys/index.ts'
import { octetString } from '../../seal/index.ts'
import { extension } from '../certificate/extensions.ts'

/** RFC 6962 §3.3. */
const SCT_LIST = '1.3.6.1.4.1.11129.2.4.2'
/** RFC 5246 §7.4.1.4.1: sha256, ecdsa. */
const SHA256_ECDSA = Uint8Array.of(4, 3)
const PRECERT_ENTRY = 1

export interface Precertificate {
  /** The TBSCertificate without a poison and without the list. */
  readonly tbs: Uint8Array
  /** SubjectPublicKeyInfo of the issuer, DER. */
  readonly issuerKey: Uint8Array
  readonly atMs: number
}

/** The id of a log: SHA-256 over its SubjectPublicKeyInfo (RFC 6962 §3.2). */
export function ctLogId(publicKey: Uint8Array): Buffer {
  return createHash('sha256').update(publicKey).digest()
}

/** The SignedCertificateTimestampList extension with one SCT over the precertificate, in TLS's encoding. */
export function sctExtension(
  precertificate: Precertificate,
  log: { readonly signer: Signer; readonly publicKey: Uint8Array },
): Uint8Array {
  const { tbs, issuerKey, atMs } = precertificate
  const time = Buffer.alloc(8)
  time.writeBigUInt64BE(BigInt(atMs))
  const version = Uint8Array.of(0)
  const extensions = vector([], 2)
  // RFC 6962 §3.2: version, signature type certificate_timestamp, then what is promised
  const signed = Buffer.concat([
    version,
    Uint8Array.of(0),
    time,
    Uint8Array.of(0, PRECERT_ENTRY),
    createHash('sha256').update(issuerKey).digest(),
    vector([tbs], 3),
    extensions,
  ])
  const signature = vector([log.signer.sign(signed)], 2)
  const sct = [version, ctLogId(log.publicKey), time, extensions, SHA256_ECDSA, signature]
  return extension(SCT_LIST, octetString(vector([vector(sct, 2)], 2)))
}

/** Bytes behind their length, as TLS writes a vector. */
function vector(parts: readonly Uint8Array[], lengthBytes: number): Buffer {
  const content = Buffer.concat(parts)
  const length = Buffer.alloc(lengthBytes)
  length.writeUIntBE(content.length, 0, lengthBytes)
  return Buffer.concat([length, content])
}
