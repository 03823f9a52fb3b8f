import { parseStrictJson, PlatformError, type Json } from '../../../services/model/index.ts'
import { quoteForeign } from './foreign-text.ts'

/** A certificate chain, a log entry with its proof, a discovery document: all far smaller. */
const ANSWER_LIMIT_BYTES = 1_048_576
/** A log answers after the next checkpoint, which takes some seconds. */
const ANSWER_TIMEOUT_MS = 30_000

export interface Exchange {
  /** `the certificate authority`, as errors name it. */
  readonly what: string
  readonly url: URL
  readonly headers?: Readonly<Record<string, string>>
  /** Sent by POST; without it, GET. */
  readonly body?: string
  readonly timeoutMs?: number
}

export interface Answer {
  readonly status: number
  readonly location: string | undefined
  readonly body: Uint8Array
}

/**
 * One request, one answer: no redirect is followed (it would carry the token elsewhere), nothing is tried again, size
 * and time are bounded. Whatever the status, it is the caller's to judge.
 * @throws PlatformError SIGNER_FAILED; never with the request in it
 */
export async function exchange({ what, url, headers, body, ...rest }: Exchange): Promise<Answer> {
  const { timeoutMs = ANSWER_TIMEOUT_MS } = rest
  const signal = AbortSignal.timeout(timeoutMs)
  try {
    const response = await fetch(url, {
      method: body === undefined ? 'GET' : 'POST',
      headers: { accept: 'application/json', ...headers },
      redirect: 'manual',
      signal,
      ...(body !== undefined && { body }),
    })
    if (response.status >= 300 && response.status < 400)
      throw failed(`${what} answers with a redirect, which is not followed`)
    return {
      status: response.status,
      location: response.headers.get('location') ?? undefined,
      body: await readBounded(response, what),
    }
  } catch (error) {
    if (error instanceof PlatformError) throw error
    if (signal.aborted) throw failed(`${what} did not answer within ${timeoutMs / 1_000} s`)
    throw failed(`${what} cannot be reached (${networkCode(error)}): \`${url.origin}\``)
  }
}

async function readBounded(response: Response, what: string): Promise<Uint8Array> {
  const chunks: Uint8Array[] = []
  let size = 0
  for await (const chunk of response.body ?? []) {
    size += chunk.byteLength
    if (size > ANSWER_LIMIT_BYTES)
      throw failed(`the answer of ${what} is larger than ${ANSWER_LIMIT_BYTES} bytes`)
    chunks.push(chunk)
  }
  return Buffer.concat(chunks)
}

/** `fetch` wraps the system's error; its own texts quote what was sent. */
function networkCode(error: unknown): string {
  const inner = error instanceof Error ? (error.cause ?? error) : error
  const code = inner instanceof Error && 'code' in inner ? inner.code : undefined
  return typeof code === 'string' && /^[A-Z0-9_]{1,64}$/.test(code) ? code : 'no connection'
}

/** The answer as a JSON object; of a refusal as much as may be told. @throws PlatformError SIGNER_FAILED */
export async function exchangeJson(request: Exchange): Promise<Readonly<Record<string, Json>>> {
  const answer = await exchange(request)
  if (answer.status < 200 || answer.status > 299) throw refusedWith(request.what, answer)
  return toJsonObject(answer, request.what)
}

/** @throws PlatformError SIGNER_FAILED */
export function toJsonObject({ body }: Answer, what: string): Readonly<Record<string, Json>> {
  const value = tryJson(body)
  if (!isObject(value)) throw failed(`the answer of ${what} is not a JSON object`)
  return value
}

/** A refusal in the caller's words with what the server said, if it said it in JSON. */
export function refusedWith(what: string, { status, body }: Answer): PlatformError {
  const value = tryJson(body)
  const said = isObject(value) ? (value['message'] ?? value['error_description']) : undefined
  const quoted = typeof said === 'string' ? quoteForeign(said) : ''
  return failed(`${what} answers ${status}${quoted === '' ? '' : `: ${quoted}`}`)
}

function tryJson(body: Uint8Array): Json | undefined {
  try {
    return parseStrictJson(body)
  } catch {
    // its message quotes the text
    return undefined
  }
}

export function isObject(value: Json | undefined): value is Readonly<Record<string, Json>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** `rule` is the one stable word for why. */
export function failed(message: string, rule?: string): PlatformError {
  return new PlatformError('SIGNER_FAILED', message, rule === undefined ? {} : { detail: { rule } })
}

/**
 * What goes there is a token or decides what is believed: TLS, or this very machine.
 * @throws PlatformError INVALID_PARAMETER
 */
export function toServiceUrl(text: string, option: string): URL {
  const url = URL.canParse(text) ? new URL(text) : undefined
  const loopback = /^(?:localhost|127(?:\.\d{1,3}){3}|\[::1\])$/
  const safe =
    url !== undefined &&
    (url.protocol === 'https:' || (url.protocol === 'http:' && loopback.test(url.hostname)))
  if (!safe || url.username !== '' || url.password !== '')
    throw new PlatformError(
      'INVALID_PARAMETER',
      `${option} is no https URL without credentials (http only to this machine)`,
    )
  return url
}

/** `path` below a base URL that may have a path of its own. */
export function below(base: URL, path: string): URL {
  return new URL(`${base.origin}${base.pathname.replace(/\/+$/, '')}${path}`)
}
