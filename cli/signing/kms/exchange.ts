import { once } from 'node:events'
import { request as httpRequest, type IncomingMessage } from 'node:http'
import { request as httpsRequest } from 'node:https'

import { PlatformError, parseStrictJson, type Json } from '../../../services/model/index.ts'

/** Answers are a key or a signature in JSON. */
const ANSWER_LIMIT_BYTES = 262_144
/** The whole exchange, from connecting to the last byte. */
export const EXCHANGE_LIMIT_MS = 15_000

export interface Ask {
  /** How messages call who is asked. */
  readonly holder: string
  readonly method: 'GET' | 'POST'
  readonly url: URL
  readonly headers: Readonly<Record<string, string>>
  readonly body?: string
  readonly timeoutMs?: number
}

export type Members = Readonly<Record<string, Json | undefined>>

/**
 * Asks a holder of a key once: no redirect is followed (it would carry the credentials elsewhere), size and time are
 * capped, and the answer is a JSON object. Messages hold the status and a word of the holder's own for it, never
 * headers or bodies: those may repeat a secret.
 * @throws PlatformError SIGNER_FAILED
 */
export async function askHolder(ask: Ask): Promise<Members> {
  const { status, body } = await exchange(ask)
  const answer = toObject(body)
  if (status !== 200) {
    const word = answer === undefined ? undefined : errorWord(answer)
    const reason = status >= 300 && status < 400 ? 'redirect' : 'refused'
    throw failed(ask, `answers ${status}${word === undefined ? '' : ` ${word}`}`, reason)
  }
  if (answer === undefined) throw failed(ask, 'answers with something other than JSON', 'not-json')
  return answer
}

async function exchange(ask: Ask): Promise<{ status: number; body: Buffer }> {
  const limitMs = ask.timeoutMs ?? EXCHANGE_LIMIT_MS
  const signal = AbortSignal.timeout(limitMs)
  const body = Buffer.from(ask.body ?? '', 'utf8')
  const start = ask.url.protocol === 'https:' ? httpsRequest : httpRequest
  const request = start(ask.url, {
    method: ask.method,
    headers: { ...ask.headers, 'content-length': String(body.byteLength) },
    agent: false,
    signal,
  })
  try {
    const answered = once(request, 'response') as Promise<[IncomingMessage]>
    request.end(body)
    const [response] = await answered
    return { status: response.statusCode ?? 0, body: await readAnswer(response, ask) }
  } catch (cause) {
    if (cause instanceof PlatformError) throw cause
    if (signal.aborted) throw failed(ask, `does not answer within ${limitMs} ms`, 'timeout')
    throw failed(ask, `cannot be reached at \`${ask.url.host}\`${codeOf(cause)}`, 'unreachable')
  } finally {
    request.destroy()
  }
}

async function readAnswer(response: IncomingMessage, ask: Ask): Promise<Buffer> {
  const chunks: Uint8Array[] = []
  let sizeBytes = 0
  for await (const chunk of response as AsyncIterable<Uint8Array>) {
    sizeBytes += chunk.byteLength
    if (sizeBytes > ANSWER_LIMIT_BYTES)
      throw failed(ask, `answers with more than ${ANSWER_LIMIT_BYTES} bytes`, 'too-large')
    chunks.push(chunk)
  }
  return Buffer.concat(chunks)
}

function codeOf(cause: unknown): string {
  const code = (cause as NodeJS.ErrnoException).code
  return typeof code === 'string' ? ` (${code})` : ''
}

function toObject(body: Buffer): Members | undefined {
  try {
    const value = parseStrictJson(body)
    return typeof value === 'object' && value !== null && !Array.isArray(value)
      ? (value as Members)
      : undefined
  } catch {
    return undefined
  }
}

/** AWS: `__type`, after its name space; Google: `error.status`; Azure: `error.code`, and `error` of its tokens. */
function errorWord(answer: Members): string | undefined {
  const { __type: type, error } = answer
  const inner = typeof error === 'object' && error !== null && !Array.isArray(error) ? error : {}
  const { status, code } = inner as Members
  const words = [typeof type === 'string' ? type.split('#').at(-1) : type, status, code, error]
  // Letters alone: whatever an answer repeats of a credential has digits or signs in it.
  return words.find(
    (word): word is string => typeof word === 'string' && /^[A-Za-z_]{1,60}$/.test(word),
  )
}

/** @returns the error to throw, with its one stable word */
export function failed(
  { holder }: Pick<Ask, 'holder'>,
  message: string,
  rule: string,
): PlatformError {
  return new PlatformError('SIGNER_FAILED', `${holder} ${message}`, { detail: { rule } })
}

/** A text member of an answer. @throws PlatformError SIGNER_FAILED */
export function textOf(answer: Members, name: string, holder: string): string {
  const value = answer[name]
  if (typeof value !== 'string' || value === '')
    throw failed({ holder }, `answers without \`${name}\``, 'malformed-answer')
  return value
}

/** A member in base64 (or base64url without padding). @throws PlatformError SIGNER_FAILED */
export function bytesOf(
  answer: Members,
  name: string,
  holder: string,
  encoding: 'base64' | 'base64url' = 'base64',
): Buffer {
  const text = textOf(answer, name, holder)
  const bytes = Buffer.from(text, encoding)
  if (bytes.toString(encoding) !== text)
    throw failed(
      { holder },
      `answers with a \`${name}\` that is not ${encoding}`,
      'malformed-answer',
    )
  return bytes
}

/** An object member. @throws PlatformError SIGNER_FAILED */
export function membersOf(answer: Members, name: string, holder: string): Members {
  const value = answer[name]
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw failed({ holder }, `answers without \`${name}\``, 'malformed-answer')
  return value as Members
}
