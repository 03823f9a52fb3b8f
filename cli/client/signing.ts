import { createHash } from 'node:crypto'

import { sigv4, type ByteSource } from '../../services/model/index.ts'
import type { Connection } from './connection.ts'

/** Pieces in which large files are hashed and sent. */
export const PIECE_BYTES = 1_048_576

export interface Unsigned {
  readonly method: string
  /** Percent-encoded. */
  readonly path: string
  readonly query: string
  readonly headers: Readonly<Record<string, string>>
  readonly bodySha256: string
}

/** The headers of a request, signed as service `lambda`: one scope for AWS's API and ours. */
export function signedHeaders(
  connection: Connection,
  request: Unsigned,
  nowMs: number,
): Record<string, string> {
  const amzDate = sigv4.toAmzDate(nowMs)
  const scope = { date: amzDate.slice(0, 8), region: connection.region, service: 'lambda' }
  const headers: Record<string, string> = {
    ...request.headers,
    host: connection.endpoint.host,
    'x-amz-content-sha256': request.bodySha256,
    'x-amz-date': amzDate,
  }
  const names = Object.keys(headers).sort()
  const canonical = sigv4.canonicalRequest({
    ...request,
    headers: Object.entries(headers),
    signedHeaders: names,
  })
  const key = sigv4.signingKey(connection.secretAccessKey, scope)
  const signature = sigv4
    .signature(key, sigv4.stringToSign(amzDate, scope, canonical))
    .toString('hex')
  const credential = `${connection.accessKeyId}/${sigv4.scopeText(scope)}`
  headers['authorization'] =
    `${sigv4.SIGV4_ALGORITHM} Credential=${credential}, SignedHeaders=${names.join(';')}, Signature=${signature}`
  return headers
}

/** Lower-case hex. */
export function sourceSha256(source: ByteSource): string {
  const hash = createHash('sha256')
  for (const piece of pieces(source)) hash.update(piece)
  return hash.digest('hex')
}

export function* pieces(source: ByteSource): Generator<Uint8Array> {
  for (let at = 0; at < source.sizeBytes; at += PIECE_BYTES)
    yield source.read(at, Math.min(PIECE_BYTES, source.sizeBytes - at))
}

/** `a=1&b=2`, encoded as SigV4 wants it; `undefined` members are left out. */
export function toQuery(members: Readonly<Record<string, string | undefined>>): string {
  return Object.entries(members)
    .flatMap(([name, value]) =>
      value === undefined ? [] : [`${sigv4.percentEncode(name)}=${sigv4.percentEncode(value)}`],
    )
    .join('&')
}
