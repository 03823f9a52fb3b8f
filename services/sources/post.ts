import { request as requestPlain, type IncomingMessage, type RequestOptions } from 'node:http'
import { request as requestTls } from 'node:https'
import { isIP } from 'node:net'

import { PlatformError } from '../model/index.ts'
import type { AddressRules } from './addresses.ts'
import { answerTo, checkedLookup, collectBody, forbidden, unreachable } from './fetch.ts'

/** What is handed over: to a URL that an operator configured (RULES §11). */
export interface PostRequest {
  readonly url: string
  readonly body: string
  readonly headers: Readonly<Record<string, string>>
  readonly timeoutMs: number
  /** How much of the answer's body is read; none unless said. */
  readonly headBytes?: number
  /** Gives up. */
  readonly signal?: AbortSignal
}

/** The answer, as far as its beginning says. */
export interface PostHead {
  readonly status: number
  /** The first bytes of the body, as far as they came at once. */
  readonly head: Uint8Array
}

/** What an answer's first bytes are waited for once its status is there: the status is what counts. */
const HEAD_TIMEOUT_MS = 1_000

/** The whole answer. */
export interface PostAnswer {
  readonly status: number
  readonly contentType: string
  readonly body: Uint8Array
}

/**
 * One document by POST, under the rules of `fetchDocument`; any 2xx means that it was taken, and the answer's body is
 * not read.
 * @throws PlatformError UNAVAILABLE
 */
export async function postDocument(post: PostRequest, rules: AddressRules): Promise<void> {
  const { status } = await postForAnswer(post, rules)
  if (status < 200 || status > 299)
    throw unreachable(post.url, `the answer is ${status}, and none is followed`)
}

/**
 * The same, for whoever looks at the answer himself, whatever its status. Nothing is followed.
 * @throws PlatformError UNAVAILABLE where none came
 */
export async function postForAnswer(post: PostRequest, rules: AddressRules): Promise<PostHead> {
  return await exchange(post, rules, async (response) => ({
    status: response.statusCode ?? 0,
    head: await readHead(response, post.headBytes ?? 0),
  }))
}

/**
 * A question by POST, under the same rules; the answer is read whatever its status, up to `maxBytes`.
 * @throws PlatformError UNAVAILABLE
 */
export async function askByPost(
  post: PostRequest & { readonly maxBytes: number },
  rules: AddressRules,
): Promise<PostAnswer> {
  return await exchange(post, rules, async (response) => ({
    status: response.statusCode ?? 0,
    contentType: response.headers['content-type'] ?? '',
    body: await collectBody(response, post),
  }))
}

async function exchange<T>(
  post: PostRequest,
  rules: AddressRules,
  read: (response: IncomingMessage) => Promise<T>,
): Promise<T> {
  const url = new URL(post.url)
  const host = url.hostname.replace(/^\[|\]$/g, '')
  // A literal address is connected to without any lookup.
  if (isIP(host) !== 0 && !rules.allows(host)) throw unreachable(post.url, forbidden(host))
  const limit = new AbortController()
  let late = false
  const timer = setTimeout(() => {
    late = true
    limit.abort()
  }, post.timeoutMs)
  // No AbortSignal.any: a signal that lives long keeps what was derived from it.
  const giveUp = (): void => limit.abort()
  post.signal?.addEventListener('abort', giveUp)
  if (post.signal?.aborted === true) giveUp()
  try {
    return await send(url, post, { rules, signal: limit.signal, read })
  } catch (error) {
    if (error instanceof PlatformError) throw error
    throw unreachable(post.url, late ? 'it took too long' : String(error), error)
  } finally {
    clearTimeout(timer)
    post.signal?.removeEventListener('abort', giveUp)
  }
}

interface Sending<T> {
  readonly rules: AddressRules
  readonly signal: AbortSignal
  readonly read: (response: IncomingMessage) => Promise<T>
}

async function send<T>(
  url: URL,
  post: PostRequest,
  { rules, signal, read }: Sending<T>,
): Promise<T> {
  const options: RequestOptions = {
    method: 'POST',
    // A connection of its own: none that was opened under other rules is taken up again.
    agent: false,
    lookup: checkedLookup(rules),
    signal,
    headers: { ...post.headers, 'content-length': Buffer.byteLength(post.body) },
  }
  const request = (url.protocol === 'https:' ? requestTls : requestPlain)(url, options)
  const answer = answerTo(request, read)
  request.end(post.body)
  return await answer
}

/** At most so many bytes; what is cut off, late or too much is not waited for, and the connection ends. */
function readHead(response: IncomingMessage, limitBytes: number): Promise<Uint8Array> {
  return new Promise((resolve) => {
    let head = Buffer.alloc(0)
    const end = (): void => {
      clearTimeout(timer)
      response.destroy()
      resolve(head)
    }
    const timer = setTimeout(end, HEAD_TIMEOUT_MS)
    response.on('error', end).on('close', end)
    if (limitBytes === 0) return end()
    response.on('end', end).on('data', (chunk: Buffer) => {
      head = Buffer.concat([head, chunk.subarray(0, limitBytes - head.byteLength)])
      if (head.byteLength >= limitBytes) end()
    })
  })
}
