import { createHash } from 'node:crypto'

import { PlatformError, systemRandom } from '../../services/model/index.ts'
import {
  decodeTimestampResponse,
  encodeTimestampRequest,
  readDer,
  type HashName,
  type TimestampResponse,
  TAG,
} from '../../services/seal/index.ts'
import { checkFreshTimestamp } from '../../services/trust/index.ts'
import type { Witness } from './signer.ts'

/** An authority that takes longer is as good as none. */
const TIMEOUT_MS = 15_000
/** A token with a chain is some 6 KB. */
const RESPONSE_LIMIT_BYTES = 65_536
const NONCE_BYTES = 8
const HASH: HashName = 'sha256'
const REPLY_TYPE = 'application/timestamp-reply'

export interface TimestampClientOptions {
  readonly timeoutMs?: number
}

/**
 * Asks each of these RFC 3161 authorities for a time over the signature, in this order. All must answer: a seal that
 * was to have two times is not made with one.
 * @throws PlatformError INVALID_PARAMETER for a URL that cannot be asked
 */
export function timestampWitness(
  urls: readonly string[],
  options: TimestampClientOptions = {},
): Witness {
  const places = urls.map(parsePlace)
  return async ({ signature }) => {
    const timestamps: Uint8Array[] = []
    for (const url of places) timestamps.push(await askAuthority(url, signature, options))
    return { timestamps, logEntries: [] }
  }
}

function parsePlace(text: string): URL {
  const url = URL.canParse(text) ? new URL(text) : undefined
  if (url === undefined || !['http:', 'https:'].includes(url.protocol))
    throw new PlatformError('INVALID_PARAMETER', 'the URL of a timestamp server is no http(s) URL')
  if (url.username !== '' || url.password !== '')
    throw new PlatformError(
      'INVALID_PARAMETER',
      'the URL of a timestamp server holds a password, which would be sent in the open',
    )
  return url
}

/** The token as DER, checked to be about this request and signed by the certificate that it carries. */
async function askAuthority(
  url: URL,
  signature: Uint8Array,
  options: TimestampClientOptions,
): Promise<Uint8Array> {
  const imprint = { hash: HASH, value: createHash(HASH).update(signature).digest() }
  const nonce = systemRandom.bytes(NONCE_BYTES)
  const request = encodeTimestampRequest({ imprint, nonce })
  const body = await post(url, request, options.timeoutMs ?? TIMEOUT_MS)
  const response = readResponse(url, body)
  if (response.kind === 'refused')
    throw fail(url, `answered \`${response.status}\`: ${response.reason || 'no reason given'}`)
  const { info } = response.token
  if (info.nonce !== nonceHex(request))
    throw fail(url, 'answered with another nonce than it was sent')
  if (info.imprint.hash !== HASH || !imprint.value.equals(info.imprint.value))
    throw fail(url, 'stamped something else than it was sent')
  try {
    checkFreshTimestamp(response.token, signature)
  } catch (cause) {
    throw fail(url, `gave a timestamp that does not hold: ${messageOf(cause)}`, cause)
  }
  return response.tokenBytes
}

/** The nonce as the request's DER has it, so that a leading zero octet is none. */
function nonceHex(request: Uint8Array): string | undefined {
  const field = readDer(request).children.filter(({ tag }) => tag === TAG.integer)[1]
  return field && Buffer.from(field.content).toString('hex')
}

function readResponse(url: URL, body: Uint8Array): TimestampResponse {
  try {
    return decodeTimestampResponse(body)
  } catch (cause) {
    throw fail(url, `answered what is no RFC 3161 response: ${messageOf(cause)}`, cause)
  }
}

async function post(url: URL, request: Uint8Array, timeoutMs: number): Promise<Uint8Array> {
  try {
    const response = await fetch(url, {
      method: 'POST',
      headers: { 'content-type': 'application/timestamp-query', accept: REPLY_TYPE },
      body: request,
      redirect: 'manual',
      signal: AbortSignal.timeout(timeoutMs),
    })
    return await readBody(url, response)
  } catch (cause) {
    if (cause instanceof PlatformError) throw cause
    const late = cause instanceof Error && cause.name === 'TimeoutError'
    throw fail(url, late ? `did not answer within ${timeoutMs} ms` : 'cannot be reached', cause)
  }
}

async function readBody(url: URL, response: Response): Promise<Uint8Array> {
  const [type = ''] = (response.headers.get('content-type') ?? '').toLowerCase().split(';')
  if (response.status !== 200 || type.trim() !== REPLY_TYPE || response.body === null) {
    await response.body?.cancel()
    throw fail(url, `answered HTTP ${response.status} instead of a timestamp`)
  }
  const chunks: Uint8Array[] = []
  let size = 0
  for await (const chunk of response.body as unknown as AsyncIterable<Uint8Array>) {
    size += chunk.byteLength
    if (size > RESPONSE_LIMIT_BYTES)
      throw fail(url, `answered more than ${RESPONSE_LIMIT_BYTES} bytes`)
    chunks.push(chunk)
  }
  return Buffer.concat(chunks)
}

function messageOf(cause: unknown): string {
  return cause instanceof PlatformError ? cause.publicMessage : 'it cannot be read'
}

/** Host and path alone: a query may hold the customer's key. */
function fail(url: URL, what: string, cause?: unknown): PlatformError {
  const place = `${url.origin}${url.pathname}`
  return new PlatformError('SIGNER_FAILED', `the timestamp server \`${place}\` ${what}`, { cause })
}
