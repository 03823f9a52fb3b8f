import { lookup } from 'node:dns'
import {
  request as requestPlain,
  type ClientRequest,
  type IncomingMessage,
  type RequestOptions,
} from 'node:http'
import { request as requestTls } from 'node:https'
import { isIP, type LookupFunction } from 'node:net'

import { PlatformError } from '../model/index.ts'
import type { AddressRules } from './addresses.ts'

/** What is fetched: a URL that an operator configured, never one found in what is judged (RULES §11). */
export interface FetchRequest {
  readonly url: string
  readonly maxBytes: number
  readonly timeoutMs: number
  /** As in `application/pkix-crl`. */
  readonly accept: string
}

/**
 * One document by GET: http or https, no redirect, both caps, and the connection goes to the very address that was
 * checked, so that a name which resolves otherwise a moment later leads nowhere else.
 * @throws PlatformError UNAVAILABLE
 */
export async function fetchDocument(fetch: FetchRequest, rules: AddressRules): Promise<Uint8Array> {
  const url = new URL(fetch.url)
  const host = url.hostname.replace(/^\[|\]$/g, '')
  // a literal address is connected to without any lookup
  if (isIP(host) !== 0 && !rules.allows(host)) throw unreachable(fetch.url, forbidden(host))
  const signal = AbortSignal.timeout(fetch.timeoutMs)
  try {
    return await get(url, fetch, { rules, signal })
  } catch (error) {
    if (error instanceof PlatformError) throw error
    throw unreachable(fetch.url, signal.aborted ? 'it took too long' : String(error), error)
  }
}

export function unreachable(url: string, why: string, cause?: unknown): PlatformError {
  const message = `\`${url.slice(0, 200)}\` cannot be fetched: ${why.slice(0, 200)}`
  return new PlatformError('UNAVAILABLE', message, { cause, detail: { why: why.slice(0, 200) } })
}

export function forbidden(address: string): string {
  return `the address ${address} is not one that the configuration allows`
}

async function get(
  url: URL,
  fetch: FetchRequest,
  { rules, signal }: { readonly rules: AddressRules; readonly signal: AbortSignal },
): Promise<Uint8Array> {
  const options: RequestOptions = {
    method: 'GET',
    // a connection of its own: none that was opened under other rules is taken up again
    agent: false,
    lookup: checkedLookup(rules),
    signal,
    headers: { accept: fetch.accept, 'accept-encoding': 'identity' },
  }
  const request = (url.protocol === 'https:' ? requestTls : requestPlain)(url, options)
  const answer = answerTo(request, (response) => collect(response, fetch))
  request.end()
  return await answer
}

/** What `read` makes of the answer. A connection that ends without one, as Node ends it after `101`, is a failure. */
export function answerTo<T>(
  request: ClientRequest,
  read: (response: IncomingMessage) => Promise<T>,
): Promise<T> {
  return new Promise((resolve, reject) => {
    const onClose = (): void => reject(new Error('the connection ended without an answer'))
    request.on('error', reject).on('close', onClose)
    // Read in this very step: nobody would hear of an error of the answer that comes before it is read.
    request.on('response', (response) => {
      request.off('close', onClose)
      // Node takes a `101` that names no other protocol for an answer.
      if (response.statusCode === 101) {
        response.destroy()
        return reject(new Error('the other side wants another protocol'))
      }
      read(response).then(resolve, reject)
    })
  })
}

async function collect(response: IncomingMessage, fetch: FetchRequest): Promise<Uint8Array> {
  if (response.statusCode === 200) return await collectBody(response, fetch)
  response.destroy()
  throw unreachable(fetch.url, `the answer is ${response.statusCode ?? 0}, and none is followed`)
}

/** The whole body, up to its limit. @throws PlatformError UNAVAILABLE */
export async function collectBody(
  response: IncomingMessage,
  fetch: Pick<FetchRequest, 'url' | 'maxBytes'>,
): Promise<Uint8Array> {
  try {
    const chunks: Uint8Array[] = []
    let size = 0
    for await (const chunk of response as AsyncIterable<Uint8Array>) {
      size += chunk.byteLength
      if (size > fetch.maxBytes)
        throw unreachable(fetch.url, `the answer is larger than ${fetch.maxBytes} bytes`)
      chunks.push(chunk)
    }
    if (!response.complete) throw unreachable(fetch.url, 'the answer is cut short')
    return Buffer.concat(chunks)
  } finally {
    response.destroy()
  }
}

/** Every address of a name must be allowed: one that is not makes the name somebody else's. */
export function checkedLookup(rules: AddressRules): LookupFunction {
  return (hostname, options, callback) => {
    lookup(hostname, { ...options, all: true }, (error, addresses) => {
      if (error !== null) return callback(error, '')
      const wrong = addresses.find(({ address }) => !rules.allows(address))
      const [first] = addresses
      if (wrong !== undefined || first === undefined)
        return callback(new Error(forbidden(wrong?.address ?? 'of nothing')), '')
      if (options.all === true) callback(null, addresses)
      else callback(null, first.address, first.family)
    })
  }
}
