import type { Json } from '../../model/index.ts'
import { isFieldName, isFieldValue, isHopByHop } from './fields.ts'
import { isOwnCookie } from './own-credentials.ts'

/** What a function's result means in HTTP. */
export interface UrlAnswer {
  readonly status: number
  /** Lower-case names. */
  readonly headers: ReadonlyMap<string, string>
  readonly cookies: readonly string[]
  readonly body: Uint8Array
}

/** The head of an answer whose body is streamed. */
export type UrlAnswerHead = Omit<UrlAnswer, 'body'>

/** The result is none that HTTP could carry: a 502, and a line in the log. */
export class MalformedAnswer extends Error {
  override readonly name = 'MalformedAnswer'
}

type Members = { readonly [member: string]: Json | undefined }

/** Set by the service, or not a function's to say. */
const NOT_THE_FUNCTIONS = /^(?:content-length$|x-amzn-|x-lacre-)/
/** Members of a header block together, names and values. */
const HEAD_LIMIT_BYTES = 65_536

/**
 * An object with `statusCode` says all of it; anything else is a body in JSON, text its own (recorded: TestLambdaURL).
 * @throws MalformedAnswer
 */
export function toAnswer(payload: Uint8Array): UrlAnswer {
  const result = parse(payload)
  if (isMembers(result) && result['statusCode'] !== undefined && result['statusCode'] !== null)
    return { ...toAnswerHead(result), body: bodyOf(result) }
  const body = typeof result === 'string' ? Buffer.from(result) : payload
  return { ...plainHead('application/json'), body }
}

/** 200, and nothing said but what the body is. */
export function plainHead(contentType: string): UrlAnswerHead {
  return { status: 200, headers: new Map([['content-type', contentType]]), cookies: [] }
}

/** Status, headers and cookies of a result or of a stream's prelude. @throws MalformedAnswer */
export function toAnswerHead(result: Members, contentType = 'application/json'): UrlAnswerHead {
  const status = statusOf(result['statusCode'])
  const headers = new Map<string, string>()
  const cookies = cookiesOf(result['cookies'])
  let sizeBytes = 0
  for (const [written, value] of Object.entries(membersOf(result['headers'], 'headers'))) {
    const name = written.toLowerCase()
    const text = textOf(value)
    if (!isFieldName(name) || text === undefined || !isFieldValue(text))
      throw new MalformedAnswer('a header is none that HTTP can carry')
    sizeBytes += name.length + text.length
    if (name === 'set-cookie') cookies.push(text)
    else if (!isHopByHop(name) && !NOT_THE_FUNCTIONS.test(name)) headers.set(name, text)
  }
  sizeBytes += cookies.reduce((sum, cookie) => sum + cookie.length, 0)
  if (sizeBytes > HEAD_LIMIT_BYTES) throw new MalformedAnswer('the headers are too large')
  if (!headers.has('content-type')) headers.set('content-type', contentType)
  return { status, headers, cookies: cookies.flatMap(hostOnly) }
}

/** AWS takes text that is a number, too (recorded by its users); only final statuses are one. */
function statusOf(value: Json | undefined): number {
  if (value === undefined || value === null) return 200
  const status = typeof value === 'string' && /^\d{3}$/.test(value) ? Number(value) : value
  if (typeof status === 'number' && Number.isInteger(status) && status >= 200 && status <= 599)
    return status
  throw new MalformedAnswer('the status code is no final status of HTTP')
}

function bodyOf(result: Members): Uint8Array {
  const { body, isBase64Encoded: encoded } = result
  if (body === undefined || body === null) return new Uint8Array()
  if (typeof body !== 'string') return Buffer.from(JSON.stringify(body))
  if (encoded !== true) return Buffer.from(body)
  const bytes = Buffer.from(body, 'base64')
  // Decoding takes anything for base64: what does not come back the same was none.
  const same = (text: string): string => text.replace(/[\s=]/g, '')
  if (same(bytes.toString('base64')) === same(body)) return bytes
  throw new MalformedAnswer('the body is not in base64')
}

function cookiesOf(value: Json | undefined): string[] {
  if (value === undefined || value === null) return []
  const list = Array.isArray(value) ? (value as readonly Json[]) : undefined
  const cookies = list?.filter((one) => typeof one === 'string' && isFieldValue(one))
  if (list === undefined || cookies?.length !== list.length)
    throw new MalformedAnswer('the cookies are no list of texts')
  return cookies as string[]
}

/** RULES §10: a cookie is its host's alone, and never one of the console's. */
function hostOnly(cookie: string): string[] {
  if (isOwnCookie(cookie)) return []
  const [pair = '', ...attributes] = cookie.split(';')
  const kept = attributes.filter((attribute) => !/^\s*domain\s*(?:=|$)/i.test(attribute))
  return [[pair, ...kept].join(';')]
}

/** What would act on more than the function where all functions share one host: by the path form. */
const HOST_WIDE = new Set([
  'clear-site-data', 'strict-transport-security', 'service-worker-allowed', 'alt-svc', 'nel',
  'report-to', 'reporting-endpoints', 'origin-agent-cluster',
]) // prettier-ignore

/** The same for a URL named by its path: nothing of it reaches beyond that path. */
export function withinPath(answer: UrlAnswerHead, prefix: string): UrlAnswerHead {
  if (prefix === '') return answer
  const headers = new Map([...answer.headers].filter(([name]) => !HOST_WIDE.has(name)))
  const cookies = answer.cookies.map((cookie) => {
    const [pair = '', ...attributes] = cookie.split(';')
    const kept = attributes.filter((attribute) => !/^\s*path\s*(?:=|$)/i.test(attribute))
    return [pair, ...kept, ` Path=${prefix}/`].join(';')
  })
  return { ...answer, headers, cookies }
}

function parse(payload: Uint8Array): Json {
  try {
    return JSON.parse(Buffer.from(payload).toString('utf8')) as Json
  } catch (cause) {
    throw new MalformedAnswer('the answer is no JSON', { cause })
  }
}

function membersOf(value: Json | undefined, name: string): Members {
  if (value === undefined || value === null) return {}
  if (isMembers(value)) return value
  throw new MalformedAnswer(`\`${name}\` is no object`)
}

function textOf(value: Json | undefined): string | undefined {
  if (typeof value === 'string') return value
  return typeof value === 'number' || typeof value === 'boolean' ? String(value) : undefined
}

function isMembers(value: Json | undefined): value is Members {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
