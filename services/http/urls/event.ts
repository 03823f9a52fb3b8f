import { toIsoTime, type Json } from '../../model/index.ts'
import type { UrlAddress } from './address.ts'
import { connectionNames, isHopByHop, type Field } from './fields.ts'
import { foreignCookies, isOwnAuthorization } from './own-credentials.ts'

/** One request as it came, with what is known of who sent it. */
export interface UrlRequest {
  readonly method: string
  readonly address: UrlAddress
  readonly fields: readonly Field[]
  readonly body: Uint8Array
  readonly httpVersion: string
  readonly requestId: string
  readonly traceId: string
  readonly atMs: number
  readonly client: UrlClient
  /** Audiences of bearer tokens for our own APIs. */
  readonly audiences: readonly string[]
  readonly account: string
  /** Of a signed request. */
  readonly signer: UrlSigner | undefined
}

/** The connection, or what the proxy that is trusted says of it. */
export interface UrlClient {
  readonly ip: string
  readonly forwardedFor: string
  readonly protocol: string
  readonly port: string
}

export interface UrlSigner {
  readonly accessKeyId: string
  readonly principalId: string
  readonly name: string
}

/** API Gateway's payload 2.0 as function URLs make it (SPEC A14). */
export function toEvent(request: UrlRequest): { readonly [member: string]: Json } {
  const { rawPath, rawQuery } = request.address
  const cookies = cookiesOf(request.fields)
  return {
    version: '2.0',
    routeKey: '$default',
    rawPath,
    rawQueryString: rawQuery,
    ...(cookies.length === 0 ? {} : { cookies }),
    headers: eventHeaders(request),
    ...(rawQuery === '' ? {} : { queryStringParameters: queryParameters(rawQuery) }),
    requestContext: contextOf(request),
    ...bodyOf(request),
  }
}

function contextOf(request: UrlRequest): Json {
  const { address, client, signer, account, requestId, atMs } = request
  return {
    accountId: signer === undefined ? 'anonymous' : account,
    apiId: address.id,
    ...(signer === undefined ? {} : { authentication: null, authorizer: authorizerOf(request) }),
    domainName: address.domainName,
    domainPrefix: address.prefix === '' ? (address.domainName.split('.')[0] ?? '') : address.id,
    http: {
      method: request.method,
      path: address.rawPath,
      protocol: `HTTP/${request.httpVersion}`,
      sourceIp: client.ip,
      userAgent: request.fields.find(([name]) => name.toLowerCase() === 'user-agent')?.[1] ?? '',
    },
    requestId,
    routeKey: '$default',
    stage: '$default',
    time: clfTime(atMs),
    timeEpoch: atMs,
  }
}

function authorizerOf({ signer, account }: UrlRequest): Json {
  const { accessKeyId = '', principalId = '', name = '' } = signer ?? {}
  return {
    iam: {
      accessKey: accessKeyId,
      accountId: account,
      callerId: principalId,
      cognitoIdentity: null,
      principalOrgId: null,
      userArn: `arn:aws:iam::${account}:user/${name}`,
      userId: principalId,
    },
  }
}

/**
 * Lower-case names, repeated ones joined by a comma. What a client says of `X-Forwarded-*` and `X-Amzn-*` is left out:
 * these are said here, of the connection (recorded).
 */
export function eventHeaders(request: UrlRequest): { readonly [name: string]: string } {
  const { fields, client, traceId, audiences } = request
  const named = connectionNames(fields)
  const headers = new Map<string, string>()
  for (const [written, value] of fields) {
    const name = written.toLowerCase()
    if (isHopByHop(name, named) || name === 'cookie' || /^x-(?:forwarded|amzn)-/.test(name))
      continue
    if (name === 'x-amz-security-token') continue
    if (name === 'authorization' && isOwnAuthorization(value, audiences)) continue
    const before = headers.get(name)
    headers.set(name, before === undefined ? value : `${before},${value}`)
  }
  const cookies = cookiesOf(fields)
  if (cookies.length > 0) headers.set('cookie', cookies.join('; '))
  headers.set('x-amzn-trace-id', traceId)
  headers.set('x-forwarded-for', client.forwardedFor)
  headers.set('x-forwarded-port', client.port)
  headers.set('x-forwarded-proto', client.protocol)
  return Object.fromEntries(headers)
}

function cookiesOf(fields: readonly Field[]): string[] {
  return fields
    .filter(([name]) => name.toLowerCase() === 'cookie')
    .flatMap(([, value]) => foreignCookies(value))
}

/** Decoded, repeated names joined by a comma; what encodes nothing stays as it is. */
export function queryParameters(rawQuery: string): { readonly [name: string]: string } {
  const members = new Map<string, string>()
  for (const pair of rawQuery.split('&')) {
    if (pair === '') continue
    const at = pair.indexOf('=')
    const name = decode(at === -1 ? pair : pair.slice(0, at))
    const value = at === -1 ? '' : decode(pair.slice(at + 1))
    const before = members.get(name)
    members.set(name, before === undefined ? value : `${before},${value}`)
  }
  return Object.fromEntries(members)
}

function decode(text: string): string {
  const spaced = text.replaceAll('+', ' ')
  try {
    return decodeURIComponent(spaced)
  } catch {
    return spaced
  }
}

const TEXT_TYPE = /^(?:text\/|application\/(?:json|xml|javascript|[^;]*\+(?:json|xml))(?:[\s;]|$))/i

/** Text as it is, anything else in base64: by its content type, and only where the bytes are text. */
function bodyOf({ body, fields }: UrlRequest): { body?: string; isBase64Encoded: boolean } {
  if (body.byteLength === 0) return { isBase64Encoded: false }
  const valueOf = (wanted: string): string | undefined =>
    fields.find(([name]) => name.toLowerCase() === wanted)?.[1]
  const encoding = valueOf('content-encoding')
  const plain = encoding === undefined || encoding.toLowerCase() === 'identity'
  const text =
    plain && TEXT_TYPE.test((valueOf('content-type') ?? '').trim()) ? utf8(body) : undefined
  return text === undefined
    ? { body: Buffer.from(body).toString('base64'), isBase64Encoded: true }
    : { body: text, isBase64Encoded: false }
}

function utf8(bytes: Uint8Array): string | undefined {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes)
  } catch {
    return undefined
  }
}

const MONTHS = 'Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec'.split(' ')

/** `12/Mar/2020:19:03:58 +0000` */
export function clfTime(atMs: number): string {
  const [date = '', time = ''] = toIsoTime(atMs).split('T')
  const [year, month, day] = date.split('-')
  return `${day}/${MONTHS[Number(month) - 1]}/${year}:${time.slice(0, 8)} +0000`
}
