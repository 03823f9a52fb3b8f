import type { IncomingMessage } from 'node:http'
import { BlockList, isIP } from 'node:net'
import type { TLSSocket } from 'node:tls'

import { PlatformError } from '../../model/index.ts'
import { isLoopback } from '../listener.ts'
import type { UrlClient } from './event.ts'

const DEFAULT_PORTS: Readonly<Record<string, string>> = { http: '80', https: '443' }

/** Whose `X-Forwarded-*` are believed, by the address of the connection. */
export type Trust = (peer: string) => boolean

/**
 * Of the proxy named at start: its addresses and networks, separated by commas; a name that is neither is a proxy on this
 * machine. Everybody else who reaches the listener speaks for himself. @throws PlatformError CONFIGURATION
 */
export function trustOf(proxy: string | undefined): Trust {
  if (proxy === undefined) return () => false
  const parts = proxy.split(',').map((part) => part.trim())
  if (parts.every((part) => isIP(part.split('/')[0] ?? '') === 0)) return isLoopback
  const peers = new BlockList()
  for (const part of parts) addPeers(peers, part)
  return (peer) => isIP(peer) !== 0 && peers.check(peer, familyOf(peer))
}

function addPeers(peers: BlockList, part: string): void {
  const [address = '', prefix, ...rest] = part.split('/')
  const bits = prefix === undefined || /^\d{1,3}$/.test(prefix) ? Number(prefix) : -1
  const most = isIP(address) === 4 ? 32 : 128
  if (isIP(address) === 0 || rest.length > 0 || bits < 0 || bits > most)
    throw new PlatformError('CONFIGURATION', `\`${part}\` is no address or network of a proxy`)
  if (prefix === undefined) peers.addAddress(address, familyOf(address))
  else peers.addSubnet(address, bits, familyOf(address))
}

function familyOf(address: string): 'ipv4' | 'ipv6' {
  return isIP(address) === 4 ? 'ipv4' : 'ipv6'
}

/** The host name a request is for. Several `X-Forwarded-Host` are joined by Node, and then name nothing. */
export function hostOf(req: IncomingMessage, trust: Trust): string {
  const forwarded = trust(peerOf(req)) ? single(req, 'x-forwarded-host') : undefined
  return forwarded ?? req.headers.host ?? ''
}

/** Of the connection; of a proxy's client the address that the proxy itself saw, the last in its list. */
export function clientOf(req: IncomingMessage, trust: Trust): UrlClient {
  const { localPort } = req.socket
  const ip = peerOf(req)
  const here = (req.socket as Partial<TLSSocket>).encrypted === true ? 'https' : 'http'
  if (!trust(ip))
    return { ip, forwardedFor: ip, protocol: here, port: String(localPort ?? DEFAULT_PORTS[here]) }
  const forwardedFor = single(req, 'x-forwarded-for') ?? ip
  const said = single(req, 'x-forwarded-proto')
  const protocol = said === 'http' || said === 'https' ? said : here
  const port = single(req, 'x-forwarded-port')
  return {
    ip: forwardedFor.split(',').at(-1)?.trim() ?? ip,
    forwardedFor,
    protocol,
    port: port !== undefined && /^\d{1,5}$/.test(port) ? port : (DEFAULT_PORTS[protocol] ?? ''),
  }
}

function peerOf({ socket: { remoteAddress = '' } }: IncomingMessage): string {
  return remoteAddress.replace(/^::ffff:/, '')
}

function single(req: IncomingMessage, name: string): string | undefined {
  const value = req.headers[name]
  return typeof value === 'string' && value !== '' ? value : undefined
}
