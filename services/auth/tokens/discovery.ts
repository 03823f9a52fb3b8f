import { parseStrictJson, type Json } from '../../model/index.ts'
import type { TokenIssuer } from './issuers.ts'

/** Whoever fetches is handed in: size and time capped, no redirects, checked addresses (RULES §11). */
export type FetchDocument = (url: string) => Promise<Uint8Array>

export type Members = { readonly [name: string]: Json | undefined }

/**
 * What an issuer says of itself (OpenID Connect Discovery §4).
 * @throws TypeError where it is the document of another issuer, and what `fetch` throws
 */
export async function discover(fetch: FetchDocument, issuer: TokenIssuer): Promise<Members> {
  const base = issuer.url.replace(/\/$/, '')
  const document = toObject(
    parseStrictJson(await fetch(`${base}/.well-known/openid-configuration`)),
  )
  // §4.3: the issuer it names is exactly the one that was asked.
  if (document['issuer'] !== issuer.url)
    throw new TypeError('the discovery document is not of this issuer')
  return document
}

/**
 * A URL of a discovery document that the service itself asks.
 * @param option names it where it is on another host: no URL is asked that an operator did not configure (RULES §11)
 * @throws TypeError
 */
export function ownUrlOf(
  document: Members,
  name: string,
  { issuer, option }: { readonly issuer: TokenIssuer; readonly option: string },
): string {
  const url = document[name]
  if (typeof url !== 'string' || !URL.canParse(url))
    throw new TypeError(`the discovery document has no ${name}`)
  if (new URL(url).origin !== new URL(issuer.url).origin)
    throw new TypeError(`its ${name} is on another host: name it by ${option}`)
  return url
}

export function toObject(value: Json): Members {
  if (value === null || typeof value !== 'object' || Array.isArray(value))
    throw new TypeError('it is no JSON object')
  return value as Members
}
