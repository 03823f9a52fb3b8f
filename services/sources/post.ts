import { request as requestPlain, type IncomingMessage, type RequestOptions } from 'node:http'
import { request as requestTls } from 'node:https'
import { isIP } from 'node:net'

import { PlatformError } from '../model/index.ts'
import type { AddressRules } from './addresses.ts'
import { checkedLookup, forbidden, unreachable } from './fetch.ts'

/** What is handed over: to a URL that an operator configured (RULES §11). */
export interface PostRequest {
  readonly url: string
  readonly body: string
  readonly headers: Readonly<Record<string, string>>
  readonly timeoutMs: number
}

/**
 * One document by POST, under the rules of `fetchDocument`; any 2xx means that it was taken, and the answer's body is
 * not read.
 * @throws PlatformError UNAVAILABLE
 */
export async function postDocument(post: PostRequest, rules: AddressRules): Promise<void> {
  const url = new URL(post.url)
  const host = url.hostname.replace(/^\[|\]$/g, '')
  // A literal address is connected to without any lookup.
  if (isIP(host) !== 0 && !rules.allows(host)) throw unreachable(post.url, forbidden(host))
  const signal = AbortSignal.timeout(post.timeoutMs)
  try {
    const status = await send(url, post, { rules, signal })
    if (status < 200 || status > 299)
      throw unreachable(post.url, `the answer is ${status}, and none is followed`)
  } catch (error) {
    if (error instanceof PlatformError) throw error
    throw unreachable(post.url, signal.aborted ? 'it took too long' : String(error), error)
  }
}

function send(
  url: URL,
  post: PostRequest,
  { rules, signal }: { readonly rules: AddressRules; readonly signal: AbortSignal },
): Promise<number> {
  return new Promise((resolve, reject) => {
    const options: RequestOptions = {
      method: 'POST',
      // A connection of its own: none that was opened under other rules is taken up again.
      agent: false,
      lookup: checkedLookup(rules),
      signal,
      headers: { ...post.headers, 'content-length': Buffer.byteLength(post.body) },
    }
    const onAnswer = (response: IncomingMessage): void => {
      response.destroy()
      resolve(response.statusCode ?? 0)
    }
    const request = (url.protocol === 'https:' ? requestTls : requestPlain)(url, options, onAnswer)
    request.on('error', reject)
    request.end(post.body)
  })
}
