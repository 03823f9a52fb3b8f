import { lookup } from 'node:dns/promises'
import { get as httpGet, type IncomingMessage, type RequestOptions } from 'node:http'
import { get as httpsGet } from 'node:https'
import { BlockList, isIP } from 'node:net'

import type { FetchDocument } from '../../auth/index.ts'
import { PlatformError } from '../../model/index.ts'

const SIZE_LIMIT_BYTES = 262_144
const TIME_LIMIT_MS = 5_000

/** What is not the public internet: RFC 6890 and its like, for IPv4 and IPv6. */
const NOT_PUBLIC: readonly (readonly [string, number, 'ipv4' | 'ipv6'])[] = [
  ['0.0.0.0', 8, 'ipv4'],
  ['10.0.0.0', 8, 'ipv4'],
  ['100.64.0.0', 10, 'ipv4'],
  ['127.0.0.0', 8, 'ipv4'],
  ['169.254.0.0', 16, 'ipv4'],
  ['172.16.0.0', 12, 'ipv4'],
  ['192.0.0.0', 24, 'ipv4'],
  ['192.168.0.0', 16, 'ipv4'],
  ['198.18.0.0', 15, 'ipv4'],
  ['224.0.0.0', 3, 'ipv4'],
  ['::', 96, 'ipv6'],
  ['::ffff:0:0', 96, 'ipv6'],
  ['64:ff9b::', 96, 'ipv6'],
  ['fc00::', 7, 'ipv6'],
  ['fe80::', 10, 'ipv6'],
  ['ff00::', 8, 'ipv6'],
]

/**
 * GETs a JSON document of a configured issuer (RULES §11): no redirect is followed, size and time are capped, the
 * resolved address is checked and the checked one used. Hosts in `privateHosts` may lie in a private network.
 */
export function documentFetcher(privateHosts: ReadonlySet<string>): FetchDocument {
  const blocked = new BlockList()
  for (const [network, prefix, family] of NOT_PUBLIC) blocked.addSubnet(network, prefix, family)
  return async (text) => {
    const url = new URL(text)
    const host = url.hostname.replace(/^\[|\]$/g, '')
    const { address, family } = await lookup(host)
    const isPublic = !blocked.check(address, family === 6 ? 'ipv6' : 'ipv4')
    if (!isPublic && !privateHosts.has(url.host))
      throw failed(`\`${url.host}\` has an address that is not public`)
    return await request(url, { address, servername: isIP(host) === 0 ? host : undefined })
  }
}

/** Connects to the checked address, and speaks to the host by its name. */
async function request(
  url: URL,
  to: { readonly address: string; readonly servername: string | undefined },
): Promise<Uint8Array> {
  const options: RequestOptions & { servername?: string } = {
    host: to.address,
    path: url.pathname + url.search,
    headers: { host: url.host, accept: 'application/json' },
    signal: AbortSignal.timeout(TIME_LIMIT_MS),
    agent: false,
    ...(url.port === '' ? {} : { port: url.port }),
    ...(to.servername === undefined ? {} : { servername: to.servername }),
  }
  const get = url.protocol === 'https:' ? httpsGet : httpGet
  const response = await new Promise<IncomingMessage>((resolve, reject) => {
    get(options, resolve).once('error', reject)
  })
  try {
    if (response.statusCode !== 200)
      throw failed(`\`${url.host}\` answered with status ${response.statusCode}`)
    return await readCapped(response, url)
  } finally {
    response.destroy()
  }
}

async function readCapped(response: IncomingMessage, url: URL): Promise<Uint8Array> {
  const chunks: Uint8Array[] = []
  let size = 0
  for await (const chunk of response as AsyncIterable<Uint8Array>) {
    size += chunk.byteLength
    if (size > SIZE_LIMIT_BYTES) throw failed(`\`${url.host}\` answered with too much`)
    chunks.push(chunk)
  }
  return Buffer.concat(chunks)
}

function failed(message: string): PlatformError {
  return new PlatformError('UNAVAILABLE', message)
}
