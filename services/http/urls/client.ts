import type { IncomingMessage } from 'node:http'
import type { TLSSocket } from 'node:tls'

import type { UrlClient } from './event.ts'

const DEFAULT_PORTS: Readonly<Record<string, string>> = { http: '80', https: '443' }

/** Whether what a proxy says of its client is believed: where one was named at start, and there alone. */
export interface Trust {
  readonly proxy: boolean
}

/** The host name a request is for. Several `X-Forwarded-Host` are joined by Node, and then name nothing. */
export function hostOf(req: IncomingMessage, trust: Trust): string {
  const forwarded = trust.proxy ? single(req, 'x-forwarded-host') : undefined
  return forwarded ?? req.headers.host ?? ''
}

/** Of the connection; of a proxy's client the address that the proxy itself saw, the last in its list. */
export function clientOf(req: IncomingMessage, trust: Trust): UrlClient {
  const { remoteAddress = '', localPort } = req.socket
  const ip = remoteAddress.replace(/^::ffff:/, '')
  const here = (req.socket as Partial<TLSSocket>).encrypted === true ? 'https' : 'http'
  if (!trust.proxy)
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

function single(req: IncomingMessage, name: string): string | undefined {
  const value = req.headers[name]
  return typeof value === 'string' && value !== '' ? value : undefined
}
