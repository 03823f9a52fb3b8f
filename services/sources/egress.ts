import { lookup, type LookupAddress } from 'node:dns'
import { connect, isIP, type Socket } from 'node:net'
import { networkInterfaces } from 'node:os'

import { addressRules, plainAddress, type AddressRules } from './addresses.ts'

/**
 * Addresses that no function is ever connected to, whatever is listed (RULES §11): this machine's loopback, its links, and
 * where clouds answer with a machine's credentials.
 */
const NEVER = [
  '127.0.0.0/8',
  '::1',
  '169.254.0.0/16',
  'fe80::/10',
  // Metadata: AWS, Google and Oracle over IPv6, Alibaba, Azure's wire server
  'fd00:ec2::/32',
  'fd20:ce::254',
  'fd00:c1::a9fe:a9fe',
  '100.100.100.200',
  '168.63.129.16',
] as const

/**
 * Public addresses, and networks inside that are listed. Never loopback, link-local, metadata, and none of this machine's
 * own: what listens there, this service too, is not for functions.
 * @throws PlatformError CONFIGURATION for a list that cannot be read
 */
export function egressRules(
  listed: readonly string[],
  own: () => readonly string[] = ownAddresses,
): AddressRules {
  const [rules, never] = [addressRules(listed), addressRules(NEVER)]
  return {
    allows: (text) => {
      const address = plainAddress(text)
      if (!rules.allows(address) || never.lists(address)) return false
      return !own().some((one) => plainAddress(one) === address)
    },
    lists: (text) => rules.lists(text),
  }
}

function ownAddresses(): string[] {
  return Object.values(networkInterfaces()).flatMap((one = []) => one.map(({ address }) => address))
}

/** What became of a connection. `forbidden` names the address that is not allowed, `failed` what went wrong. */
export type Dialed =
  | { readonly kind: 'connected'; readonly socket: Socket }
  | { readonly kind: 'forbidden'; readonly address: string }
  | { readonly kind: 'failed'; readonly why: string }

/** Every look-up holds one of the process's few threads, which files and hashes need as well. */
const LOOKUPS_AT_ONCE = 2

/** Connects to hosts by name, each look-up in its turn. */
export class Dialer {
  readonly #rules: AddressRules
  readonly #lookup: typeof lookup
  #running = 0
  readonly #waiting = new Set<() => void>()

  /** `look` answers for the system's own look-up. */
  constructor(rules: AddressRules, look: typeof lookup = lookup) {
    this.#rules = rules
    this.#lookup = look
  }

  /**
   * The name is looked up once; every address of it must be allowed, for one that is not makes the name somebody else's, and
   * the connection goes to the very addresses that were checked.
   */
  async dial(host: string, port: number, signal: AbortSignal): Promise<Dialed> {
    if (isIP(host) !== 0) return { kind: 'failed', why: 'it is an address, not a name' }
    const found = await this.#resolve(host, signal)
    if (typeof found === 'string') return { kind: 'failed', why: found }
    const wrong = found.find(({ address }) => !this.#rules.allows(address))
    if (wrong !== undefined) return { kind: 'forbidden', address: wrong.address }
    return await connectTo(found, port, signal)
  }

  /** Addresses, or why there are none. */
  async #resolve(host: string, signal: AbortSignal): Promise<readonly LookupAddress[] | string> {
    if (!(await this.#turn(signal))) return 'its name was not looked up in time'
    return await new Promise((resolve) => {
      const late = (): void => resolve('its name was not looked up in time')
      signal.addEventListener('abort', late, { once: true })
      this.#lookup(host, { all: true }, (error, addresses) => {
        signal.removeEventListener('abort', late)
        this.#endTurn()
        if (error === null && addresses.length > 0) resolve(addresses)
        else resolve(`its name has no address (${error?.code ?? 'ENOTFOUND'})`)
      })
    })
  }

  /** False where it did not come in time. */
  async #turn(signal: AbortSignal): Promise<boolean> {
    if (signal.aborted) return false
    if (this.#running < LOOKUPS_AT_ONCE) {
      this.#running += 1
      return true
    }
    return await new Promise((resolve) => {
      const take = (): void => {
        signal.removeEventListener('abort', late)
        resolve(true)
      }
      const late = (): void => {
        this.#waiting.delete(take)
        resolve(false)
      }
      signal.addEventListener('abort', late, { once: true })
      this.#waiting.add(take)
    })
  }

  /** To whoever waits longest. */
  #endTurn(): void {
    const [next] = this.#waiting
    if (next === undefined) {
      this.#running -= 1
      return
    }
    this.#waiting.delete(next)
    next()
  }
}

function connectTo(
  addresses: readonly LookupAddress[],
  port: number,
  signal: AbortSignal,
): Promise<Dialed> {
  return new Promise((resolve) => {
    // Answers what was checked: nothing is looked up again.
    const socket = connect({
      host: 'checked',
      port,
      lookup: (_host, { all }, answer) => {
        const [first = { address: '', family: 4 }] = addresses
        if (all === true) answer(null, [...addresses])
        else answer(null, first.address, first.family)
      },
    })
    const late = (): void => {
      socket.destroy()
      resolve({ kind: 'failed', why: 'it did not answer in time' })
    }
    if (signal.aborted) return late()
    signal.addEventListener('abort', late, { once: true })
    // Stays: whoever takes the socket hears of its end by `close`.
    socket.on('error', (error: NodeJS.ErrnoException) => {
      signal.removeEventListener('abort', late)
      resolve({ kind: 'failed', why: `no connection (${error.code ?? 'closed'})` })
    })
    socket.once('connect', () => {
      signal.removeEventListener('abort', late)
      socket.pause()
      resolve({ kind: 'connected', socket })
    })
  })
}
