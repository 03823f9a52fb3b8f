import { request as requestPlain, type IncomingMessage, type RequestOptions } from 'node:http'
import { request as requestTls } from 'node:https'
import { isIP } from 'node:net'

import { PlatformError } from '../model/index.ts'
import type { AddressRules } from './addresses.ts'
import { checkedLookup, collectBody, forbidden, unreachable } from './fetch.ts'

/** What is handed over: to a URL that an operator configured (RULES §11). */
export interface PostRequest {
  readonly url: string
  readonly body: string
  readonly headers: Readonly<Record<string, string>>
  readonly timeoutMs: number
}

/** What came back. */
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
  const { status } = await exchange(post, rules, (response) => {
    response.destroy()
    return Promise.resolve({ status: response.statusCode ?? 0 })
  })
  if (status < 200 || status > 299)
    throw unreachable(post.url, `the answer is ${status}, and none is followed`)
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
  const signal = AbortSignal.timeout(post.timeoutMs)
  try {
    return await send(url, post, { rules, signal, read })
  } catch (error) {
    if (error instanceof PlatformError) throw error
    throw unreachable(post.url, signal.aborted ? 'it took too long' : String(error), error)
  }
}

interface Sending<T> {
  readonly rules: AddressRules
  readonly signal: AbortSignal
  readonly read: (response: IncomingMessage) => Promise<T>
}

function send<T>(url: URL, post: PostRequest, { rules, signal, read }: Sending<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    const options: RequestOptions = {
      method: 'POST',
      // A connection of its own: none that was opened under other rules is taken up again.
      agent: false,
      lookup: checkedLookup(rules),
      signal,
      headers: { ...post.headers, 'content-length': Buffer.byteLength(post.body) },
    }
    const onAnswer = (response: IncomingMessage): void => void read(response).then(resolve, reject)
    const request = (url.protocol === 'https:' ? requestTls : requestPlain)(url, options, onAnswer)
    request.on('error', reject)
    request.end(post.body)
  })
}
