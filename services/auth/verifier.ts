import { timingSafeEqual } from 'node:crypto'

import { PlatformError, limits, sigv4, type Place, type Principal } from '../model/index.ts'

import { parseAuthorization, type AuthorizationHeader } from './authorization-header.ts'
import type { Credential } from './credentials.ts'

/** A request as it came in; nothing decoded. */
export interface SignedRequest {
  readonly method: string
  /** Without the query; percent-encoded as sent. */
  readonly path: string
  readonly query: string
  readonly headers: readonly (readonly [name: string, value: string])[]
}

export interface VerifierRules {
  readonly place: Place
  /** Services that a request to this API may be signed for. */
  readonly services: readonly string[]
  readonly nowMs: number
}

/** Key, scope and clock are good; the signature too where the request named its body's hash. */
export interface BegunRequest {
  readonly principal: Principal
  readonly accessKeyId: string
  readonly signature: string
  /** What the request says its body hashes to. */
  readonly claimedSha256: string | undefined
  /** @throws PlatformError INVALID_SIGNATURE */
  finish(bodySha256: string): void
}

/** Whoever could add or take away one of these would change what is asked (RULES §7); ours mean as much as AWS's. */
const MUST_BE_SIGNED = /^x-(?:amz|lacre)-/

/** Headers that must not come twice: two readers could each believe another one. */
const SINGLE_HEADERS = [
  'authorization',
  'content-length',
  'content-type',
  'host',
  'x-amz-content-sha256',
  'x-amz-date',
  'x-lacre-plan',
]

/**
 * SigV4 in header form (RULES §7), in two steps: what can be checked without the body first.
 * `credentialOf` throws UNKNOWN_ACCESS_KEY.
 * @throws PlatformError MISSING_AUTHENTICATION, INVALID_SIGNATURE, SIGNATURE_EXPIRED, UNKNOWN_ACCESS_KEY
 */
export async function beginVerification(
  request: SignedRequest,
  rules: VerifierRules,
  credentialOf: (accessKeyId: string) => Promise<Credential>,
): Promise<BegunRequest> {
  refuseQuerySignature(request.query)
  const values = headerValues(request.headers)
  const authorization = values.get('authorization')
  if (authorization === undefined)
    throw new PlatformError('MISSING_AUTHENTICATION', 'Missing Authentication Token')
  const parsed = parseAuthorization(authorization)
  checkSignedHeaders(parsed, values)
  const amzDate = checkTime(parsed, values.get('x-amz-date'), rules.nowMs)
  checkScope(parsed, rules)
  const claimedSha256 = checkBodyHash(values.get('x-amz-content-sha256'))
  const credential = await credentialOf(parsed.accessKeyId)
  const verify = (bodySha256: string): void => {
    const key = credential.signingKey(parsed.scope)
    const canonical = canonicalText(request, parsed, bodySha256)
    const expected = sigv4.signature(key, sigv4.stringToSign(amzDate, parsed.scope, canonical))
    if (!timingSafeEqual(expected, Buffer.from(parsed.signature, 'hex'))) throw mismatch()
  }
  if (claimedSha256 !== undefined) verify(claimedSha256)
  return {
    principal: credential.principal,
    accessKeyId: parsed.accessKeyId,
    signature: parsed.signature,
    claimedSha256,
    finish: (bodySha256) => {
      if (claimedSha256 === undefined) verify(bodySha256)
      else if (claimedSha256 !== bodySha256) {
        throw refuse("The provided 'x-amz-content-sha256' header does not match what was computed.")
      }
    },
  }
}

function canonicalText(
  request: SignedRequest,
  parsed: AuthorizationHeader,
  bodySha256: string,
): string {
  try {
    return sigv4.canonicalRequest({ ...request, signedHeaders: parsed.signedHeaders, bodySha256 })
  } catch (cause) {
    // A percent sign that encodes nothing has no canonical form.
    throw new PlatformError('INVALID_SIGNATURE', MISMATCH, { cause })
  }
}

/** Presigned URLs are taken for our own download links alone (RULES §7), which do not come here. */
function refuseQuerySignature(query: string): void {
  if (/(?:^|&)x-amz-(?:algorithm|credential|signature)(?:=|&|$)/i.test(query.replace(/%2d/gi, '-')))
    throw refuse('Requests signed in the query are not accepted here.')
}

function headerValues(headers: SignedRequest['headers']): Map<string, string> {
  const values = new Map<string, string>()
  for (const [name, value] of headers) {
    const key = name.toLowerCase()
    if (values.has(key) && SINGLE_HEADERS.includes(key))
      throw refuse(`The header '${key}' came more than once.`)
    values.set(key, value)
  }
  return values
}

function checkSignedHeaders(parsed: AuthorizationHeader, values: Map<string, string>): void {
  if (!parsed.signedHeaders.includes('host')) throw refuse("'Host' must be a signed header.")
  for (const name of parsed.signedHeaders) {
    if (!values.has(name)) throw refuse(`The signed header '${name.slice(0, 80)}' did not come.`)
  }
  for (const name of values.keys()) {
    if (MUST_BE_SIGNED.test(name) && !parsed.signedHeaders.includes(name))
      throw refuse(`The header '${name.slice(0, 80)}' came and is not signed.`)
  }
}

function checkTime(
  parsed: AuthorizationHeader,
  amzDate: string | undefined,
  nowMs: number,
): string {
  const at = amzDate === undefined ? undefined : sigv4.parseAmzDate(amzDate)
  if (amzDate === undefined || at === undefined)
    throw refuse("Authorization header requires existence of a valid 'X-Amz-Date' header.")
  if (amzDate.slice(0, 8) !== parsed.scope.date) {
    throw refuse(
      `Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP: '${parsed.scope.date}' != '${amzDate.slice(0, 8)}', from '${amzDate}'.`,
    )
  }
  if (Math.abs(at - nowMs) > limits.SIGNATURE_WINDOW_MS) throw outOfTime(amzDate, at, nowMs)
  return amzDate
}

function outOfTime(amzDate: string, at: number, nowMs: number): PlatformError {
  const now = sigv4.toAmzDate(nowMs)
  const late = at < nowMs
  const edge = sigv4.toAmzDate(nowMs + (late ? -1 : 1) * limits.SIGNATURE_WINDOW_MS)
  return new PlatformError(
    'SIGNATURE_EXPIRED',
    late
      ? `Signature expired: ${amzDate} is now earlier than ${edge} (${now} - 5 min.)`
      : `Signature not yet current: ${amzDate} is still later than ${edge} (${now} + 5 min.)`,
  )
}

function checkScope(parsed: AuthorizationHeader, rules: VerifierRules): void {
  const { region, service } = parsed.scope
  if (region !== rules.place.region)
    throw refuse(`Credential should be scoped to a valid region, not '${region}'. `)
  if (!rules.services.includes(service))
    throw refuse(`Credential should be scoped to correct service: '${rules.services[0] ?? ''}'.`)
}

/** UNSIGNED-PAYLOAD and STREAMING-* say nothing of the body: refused (RULES §7). */
function checkBodyHash(claimed: string | undefined): string | undefined {
  if (claimed === undefined || /^[0-9a-f]{64}$/.test(claimed)) return claimed
  throw refuse("'x-amz-content-sha256' must be the SHA-256 of the body in lower-case hex.")
}

const MISMATCH =
  'The request signature we calculated does not match the signature you provided. Check your AWS Secret Access Key and signing method. Consult the service documentation for details.'

function mismatch(): PlatformError {
  return refuse(MISMATCH)
}

function refuse(message: string): PlatformError {
  return new PlatformError('INVALID_SIGNATURE', message)
}
