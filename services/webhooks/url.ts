import { isIP } from 'node:net'

import { PlatformError } from '../model/index.ts'

/** Which addresses the configuration lets the service connect to. */
export interface Reachable {
  allows(address: string): boolean
  /** Whether it names the address itself, and not only lets public ones be. */
  lists(address: string): boolean
}

const URL_LIMIT_CHARS = 2_048

/**
 * The URL as it will be asked: https, or http to an address (or `localhost`) that the configuration lists. Names are
 * resolved, and their addresses checked, at each delivery.
 * @throws PlatformError INVALID_PARAMETER
 */
export function parseWebhookUrl(text: string, reachable: Reachable): string {
  // The parser drops line breaks and tabs in silence: what is stored is what was given.
  if (text.length > URL_LIMIT_CHARS || !/^[\x21-\x7e]+$/.test(text) || !URL.canParse(text))
    throw refused(text, `is no URL of at most ${URL_LIMIT_CHARS} plain characters`)
  const url = new URL(text)
  if (url.protocol !== 'https:' && url.protocol !== 'http:') throw refused(text, 'is not https')
  if (url.username + url.password + url.hash !== '' || url.hostname === '')
    throw refused(text, 'has a user, a password or a fragment, or no host')
  const host = url.hostname.replace(/^\[|\]$/g, '')
  const address = host === 'localhost' ? '127.0.0.1' : host
  if (isIP(address) !== 0 && !reachable.allows(address))
    throw refused(text, 'leads to an address that --allow-source does not list')
  if (url.protocol === 'http:' && !(isIP(address) !== 0 && reachable.lists(address)))
    throw refused(text, 'is not https, and no address that --allow-source lists')
  return url.href
}

/** What may be shown to whoever may read: paths and queries of webhooks are often secrets themselves. */
export function shownUrl(text: string): string {
  const { protocol, host, pathname, search } = new URL(text)
  const origin = `${protocol}//${host}`
  return pathname === '/' && search === '' ? `${origin}/` : `${origin}/…`
}

/** Of what is refused no more is told than of what is kept: a password or a secret path would stand in logs and terminals. */
function refused(text: string, why: string): PlatformError {
  const shown = URL.canParse(text) ? ` \`${shownUrl(text).slice(0, 200)}\`` : ''
  return new PlatformError('INVALID_PARAMETER', `the URL${shown} ${why}`)
}
