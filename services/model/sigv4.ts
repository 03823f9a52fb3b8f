import { createHash, createHmac } from 'node:crypto'

import { parseIsoTime, toIsoTime } from './clock.ts'

/**
 * AWS Signature Version 4, the pure half that the signer (cli/client) and the verifier (auth) share: both sides
 * canonicalize in this one place. For every service but S3: the path is normalized and encoded a second time.
 */
export const SIGV4_ALGORITHM = 'AWS4-HMAC-SHA256'

export interface SigV4Scope {
  /** YYYYMMDD */
  readonly date: string
  readonly region: string
  readonly service: string
}

export interface SigV4Request {
  readonly method: string
  /** As on the wire, percent-encoded once, without the query. */
  readonly path: string
  /** As on the wire, without the question mark. */
  readonly query: string
  /** Names in any case; equal names in the order they came. */
  readonly headers: readonly (readonly [name: string, value: string])[]
  /** Lower-case, sorted. */
  readonly signedHeaders: readonly string[]
  /** Lower-case hex. */
  readonly bodySha256: string
}

/** @throws URIError where the query holds a percent sign that encodes nothing */
export function canonicalRequest(request: SigV4Request): string {
  const values = joinedValues(request.headers)
  const lines = request.signedHeaders.map((name) => `${name}:${values.get(name) ?? ''}\n`)
  return [
    request.method,
    canonicalPath(request.path),
    canonicalQuery(request.query),
    lines.join(''),
    request.signedHeaders.join(';'),
    request.bodySha256,
  ].join('\n')
}

export function scopeText(scope: SigV4Scope): string {
  return `${scope.date}/${scope.region}/${scope.service}/aws4_request`
}

export function stringToSign(amzDate: string, scope: SigV4Scope, canonical: string): string {
  const digest = createHash('sha256').update(canonical).digest('hex')
  return `${SIGV4_ALGORITHM}\n${amzDate}\n${scopeText(scope)}\n${digest}`
}

/** The key that one secret has for one scope; it may be kept for the day. */
export function signingKey(secret: string, scope: SigV4Scope): Buffer {
  const dated = hmac(`AWS4${secret}`, scope.date)
  return hmac(hmac(hmac(dated, scope.region), scope.service), 'aws4_request')
}

/** 32 bytes; on the wire lower-case hex. */
export function signature(key: Uint8Array, text: string): Buffer {
  return hmac(key, text)
}

/** `20150830T123600Z` */
export function toAmzDate(ms: number): string {
  return toIsoTime(ms).replace(/[-:]|\.\d{3}/g, '')
}

/** Milliseconds since the epoch, or `undefined` where the text is no such time. */
export function parseAmzDate(text: string): number | undefined {
  const match = /^(\d{4})(\d{2})(\d{2})T(\d{2})(\d{2})(\d{2})Z$/.exec(text)
  if (match === null) return undefined
  const [, year, month, day, hour, minute, second] = match
  const ms = parseIsoTime(`${year}-${month}-${day}T${hour}:${minute}:${second}Z`)
  // 31 February is taken for 3 March; such a text is no time.
  return ms === undefined || toAmzDate(ms) !== text ? undefined : ms
}

/** RFC 3986: everything but the unreserved characters, upper-case hex. */
export function percentEncode(text: string): string {
  return encodeURIComponent(text).replace(
    /[!'()*]/g,
    (char) => `%${char.charCodeAt(0).toString(16).toUpperCase()}`,
  )
}

/** Name and value pairs as sent, decoded once; a plus sign is a plus sign. @throws URIError */
export function parseQuery(query: string): (readonly [name: string, value: string])[] {
  return query
    .split('&')
    .filter((pair) => pair !== '')
    .map((pair) => {
      const at = pair.indexOf('=')
      const name = at === -1 ? pair : pair.slice(0, at)
      return [decodeURIComponent(name), at === -1 ? '' : decodeURIComponent(pair.slice(at + 1))]
    })
}

function canonicalPath(path: string): string {
  const kept: string[] = []
  for (const segment of path.split('/')) {
    if (segment === '..') kept.pop()
    else if (segment !== '' && segment !== '.') kept.push(percentEncode(segment))
  }
  const trailing = kept.length > 0 && path.endsWith('/') ? '/' : ''
  return `/${kept.join('/')}${trailing}`
}

function canonicalQuery(query: string): string {
  if (query === '') return ''
  return parseQuery(query)
    .map(([name, value]) => [percentEncode(name), percentEncode(value)] as const)
    .sort((a, b) => compare(a[0], b[0]) || compare(a[1], b[1]))
    .map(([name, value]) => `${name}=${value}`)
    .join('&')
}

function joinedValues(headers: SigV4Request['headers']): Map<string, string> {
  const values = new Map<string, string>()
  for (const [name, value] of headers) {
    const key = name.toLowerCase()
    const trimmed = value.replace(/[ \t\r\n]+/g, ' ').trim()
    const before = values.get(key)
    values.set(key, before === undefined ? trimmed : `${before},${trimmed}`)
  }
  return values
}

function compare(a: string, b: string): number {
  return a < b ? -1 : Number(a > b)
}

function hmac(key: string | Uint8Array, text: string): Buffer {
  return createHmac('sha256', key).update(text).digest()
}
