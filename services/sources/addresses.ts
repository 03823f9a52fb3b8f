import { BlockList, isIP } from 'node:net'

import { PlatformError } from '../model/index.ts'

/** Addresses that no document is fetched from unless the configuration lists them (RULES §11). */
const INSIDE: readonly (readonly [string, number])[] = [
  ['127.0.0.0', 8],
  ['::1', 128],
  ['169.254.0.0', 16],
  ['fe80::', 10],
  ['10.0.0.0', 8],
  ['172.16.0.0', 12],
  ['192.168.0.0', 16],
  ['100.64.0.0', 10],
  ['fc00::', 7],
]
/** Addresses that are no host's, or that stand for another one. */
const NOWHERE: readonly (readonly [string, number])[] = [
  ['0.0.0.0', 8],
  ['192.0.0.0', 24],
  ['192.0.2.0', 24],
  ['198.18.0.0', 15],
  ['198.51.100.0', 24],
  ['203.0.113.0', 24],
  ['224.0.0.0', 4],
  ['240.0.0.0', 4],
  ['::', 128],
  ['64:ff9b::', 96],
  ['64:ff9b:1::', 48],
  ['100::', 64],
  ['2001::', 32],
  ['2001:db8::', 32],
  ['2002::', 16],
  ['fec0::', 10],
  ['ff00::', 8],
]

/** Decides which addresses may be connected to. */
export interface AddressRules {
  allows(address: string): boolean
  /** Whether the list names it: what is public is allowed without. */
  lists(address: string): boolean
}

/**
 * Public addresses, and those inside that are listed: addresses, or networks as `10.1.0.0/16`.
 * @throws PlatformError CONFIGURATION
 */
export function addressRules(listed: readonly string[]): AddressRules {
  const [inside, nowhere, allowed] = [new BlockList(), new BlockList(), new BlockList()]
  for (const [network, bits] of INSIDE) inside.addSubnet(network, bits, family(network))
  for (const [network, bits] of NOWHERE) nowhere.addSubnet(network, bits, family(network))
  for (const text of listed) addListed(allowed, text)
  return {
    allows: (text) => {
      const address = plainAddress(text)
      if (isIP(address) === 0) return false
      const kind = family(address)
      if (nowhere.check(address, kind)) return false
      return !inside.check(address, kind) || allowed.check(address, kind)
    },
    lists: (text) => {
      const address = plainAddress(text)
      return isIP(address) !== 0 && allowed.check(address, family(address))
    },
  }
}

function addListed(allowed: BlockList, text: string): void {
  const [network = '', bits, ...more] = text.split('/')
  const most = isIP(network) === 6 ? 128 : 32
  const length = bits === undefined ? most : Number(bits)
  const good = isIP(network) !== 0 && more.length === 0 && /^\d{1,3}$/.test(bits ?? '0')
  if (!good || length > most)
    throw new PlatformError('CONFIGURATION', `\`${text}\` is no address and no network`)
  allowed.addSubnet(network, length, family(network))
}

function family(address: string): 'ipv4' | 'ipv6' {
  return isIP(address) === 6 ? 'ipv6' : 'ipv4'
}

/** `::ffff:127.0.0.1`, however it is written, is 127.0.0.1. */
export function plainAddress(address: string): string {
  if (isIP(address) !== 6) return address
  // the one form that URL writes
  const host = new URL(`http://[${address.replace(/%.*$/, '')}]/`).hostname.slice(1, -1)
  const parts = /^::ffff:([0-9a-f]{1,4}):([0-9a-f]{1,4})$/.exec(host)
  if (parts === null) return host
  const [high, low] = [parseInt(parts[1] ?? '0', 16), parseInt(parts[2] ?? '0', 16)]
  return [high >> 8, high & 0xff, low >> 8, low & 0xff].join('.')
}
