import type { SignedRequest } from '../../auth/index.ts'
import { PlatformError } from '../../model/index.ts'

/** Where the console is reached, and how. */
export interface ConsolePlace {
  /** `lacre.example.com`, with a port where it is not the scheme's own; beside those of a loopback listener. */
  readonly hosts: readonly string[]
  /** TLS here or at a named proxy: cookies are `Secure` and `__Host-`. */
  readonly secure: boolean
  /** Whether it listens on this machine alone, where it then has the names of this machine. */
  readonly loopback: boolean
}

const LOOPBACK_NAMES = ['127.0.0.1', 'localhost', '[::1]']

/** The one value of a header; `undefined` where it is not there. @throws PlatformError INVALID_PARAMETER for two */
export function oneHeader(headers: SignedRequest['headers'], wanted: string): string | undefined {
  const values = headers.filter(([name]) => name.toLowerCase() === wanted)
  if (values.length > 1) throw new PlatformError('INVALID_PARAMETER', `two headers \`${wanted}\``)
  return values[0]?.[1]
}

/**
 * The console's own origin, of a request whose `Host` is one of its names: a name that somebody else's DNS points here is
 * none (DNS rebinding, RULES §10).
 * @param port where the connection came in
 * @throws PlatformError ACCESS_DENIED
 */
export function ownOrigin(
  place: ConsolePlace,
  headers: SignedRequest['headers'],
  port: number,
): string {
  const host = oneHeader(headers, 'host')?.toLowerCase()
  const own = place.loopback ? LOOPBACK_NAMES.map((name) => `${name}:${port}`) : []
  if (host === undefined || ![...own, ...place.hosts].includes(host))
    throw new PlatformError(
      'ACCESS_DENIED',
      'the console is not reached by this host name; `lacre serve --console-host NAME` adds one',
    )
  return `${place.secure ? 'https' : 'http'}://${host}`
}

/**
 * Whether a request that changes something comes from a page of the console itself. Browsers say so in two ways; one has
 * to be there, and none may speak against it (CSRF, RULES §10). Ports are no border for cookies, but they are for these.
 * @throws PlatformError ACCESS_DENIED
 */
export function checkSameOrigin(headers: SignedRequest['headers'], own: string): void {
  const origin = oneHeader(headers, 'origin')
  const site = oneHeader(headers, 'sec-fetch-site')
  const said = [
    origin === undefined || origin === own,
    site === undefined || site === 'same-origin',
  ]
  if (said.every(Boolean) && (origin !== undefined || site !== undefined)) return
  throw new PlatformError('ACCESS_DENIED', 'this was not sent by a page of the console')
}
