import { createHash } from 'node:crypto'
import type { IncomingHttpHeaders } from 'node:http'
import { isIP } from 'node:net'

/** Callers who proved who they are, remembered; the longest unseen goes first. */
const PROVED_LIMIT = 10_000

/**
 * Who a request counts for before its signature is looked at. What it claims to be counts only where the same claim was
 * proved from the same address before; else it is one of all that come from there, so that made-up names win nothing and
 * nobody spends another's share from elsewhere.
 */
export class Callers {
  readonly #proved = new Map<string, string>()

  /** A principal's id, or the network that it comes from. */
  callerOf(address: string, headers: IncomingHttpHeaders): string {
    const network = networkOf(address)
    const claim = claimOf(headers.authorization)
    if (claim === undefined) return network
    const key = `${network} ${claim}`
    const principal = this.#proved.get(key)
    if (principal === undefined) return network
    // Seen again: the last to be forgotten.
    this.#proved.delete(key)
    this.#proved.set(key, principal)
    return principal
  }

  /** Its signature or token held. */
  prove(address: string, headers: IncomingHttpHeaders, principalId: string): void {
    const claim = claimOf(headers.authorization)
    if (claim === undefined) return
    this.#proved.set(`${networkOf(address)} ${claim}`, principalId)
    const oldest = this.#proved.keys().next()
    if (this.#proved.size > PROVED_LIMIT && !oldest.done) this.#proved.delete(oldest.value)
  }
}

const ACCESS_KEY = /\bCredential=([A-Za-z0-9]{16,128})\//
const BEARER = /^Bearer /i

/** The access key that is said to sign, or a token's digest. */
function claimOf(authorization: string | undefined): string | undefined {
  if (authorization === undefined) return undefined
  if (BEARER.test(authorization)) return createHash('sha256').update(authorization).digest('base64')
  return ACCESS_KEY.exec(authorization)?.[1]
}

const IPV6_SITE_GROUPS = 4

/** One address, or the 64 bits of IPv6 that one customer has: he has the others for nothing. */
export function networkOf(address: string): string {
  if (isIP(address) !== 6) return address
  const mapped = /^::ffff:(\d[\d.]+)$/i.exec(address)?.[1]
  if (mapped !== undefined) return mapped
  const [head = '', tail] = (address.split('%')[0] ?? '').split('::')
  const groups = head === '' ? [] : head.split(':')
  const after = tail === undefined || tail === '' ? [] : tail.split(':')
  const zeros = tail === undefined ? 0 : 8 - groups.length - after.length
  return [...groups, ...Array.from({ length: zeros }, () => '0'), ...after]
    .slice(0, IPV6_SITE_GROUPS)
    .join(':')
}
