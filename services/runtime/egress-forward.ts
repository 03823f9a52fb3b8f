import { request as send, type IncomingMessage, type ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import { pipeline } from 'node:stream/promises'

/** Of one connection and of no other (RFC 9110 §7.6.1), and what is a proxy's own; `Expect` was answered here. */
const OF_THE_HOP: ReadonlySet<string> = new Set([
  'connection', 'expect', 'keep-alive', 'proxy-authenticate', 'proxy-authorization', 'proxy-connection', 'te', 'trailer',
  'transfer-encoding', 'upgrade',
]) // prettier-ignore
const HTTP_PORT = 80

/** Where a request for an `http:` URL goes, and what is asked for there. */
export interface PlainTarget {
  /** `host:port`, as a tunnel names it. */
  readonly target: string
  /** As the URL has it. */
  readonly authority: string
  readonly path: string
}

/** Reads the absolute form of a request's target (RFC 9112 §3.2.2); nothing where it is another, or names a user. */
export function plainTargetOf(url: string): PlainTarget | undefined {
  const [, authority, rest = ''] = /^http:\/\/([^/?#@\s]+)([/?][^#\s]*)?$/i.exec(url) ?? []
  if (authority === undefined) return undefined
  const target = /:\d+$/.test(authority) ? authority : `${authority}:${HTTP_PORT}`
  return { target, authority, path: rest.startsWith('/') ? rest : `/${rest}` }
}

/** What may be told of a URL that is refused: whatever names a user, and what is asked for, may be a secret. */
export function shownUrl(url: string): string {
  return url.replace(/\/\/[^/?#]*@/, '//').replace(/[?#][^]*$/, '')
}

/**
 * Sends a request on over a connection to its host, and the answer back; both then close. The body goes as it comes.
 * @throws Error where the host does not answer, or not to the end: `response.headersSent` tells the two apart
 */
export async function forward(
  request: IncomingMessage,
  response: ServerResponse,
  to: { readonly outside: Socket; readonly asked: PlainTarget },
): Promise<void> {
  const { authority: host, path } = to.asked
  const { method, rawHeaders } = request
  const headers = { ...withoutHop(rawHeaders), host, connection: 'close' }
  const onward = send({ createConnection: () => to.outside, method, path, headers })
  const answered = new Promise<IncomingMessage>((resolve, reject) => {
    onward.once('response', resolve)
    onward.on('error', reject)
    // It was held until somebody reads.
    onward.once('socket', (socket) => socket.resume())
  })
  // An answer may come before the whole request went, and end it.
  pipeline(request, onward).catch(() => undefined)
  const answer = await answered
  const { statusCode = 502, statusMessage } = answer
  const back = { ...withoutHop(answer.rawHeaders), connection: 'close' }
  response.writeHead(statusCode, statusMessage, back)
  await pipeline(answer, response)
}

/** By names in lower case, each with its values in order; without those that the headers themselves call the hop's. */
function withoutHop(raw: readonly string[]): Record<string, string[]> {
  const headers = new Map<string, string[]>()
  for (let at = 0; at + 1 < raw.length; at += 2) {
    const name = (raw[at] ?? '').toLowerCase()
    headers.set(name, [...(headers.get(name) ?? []), raw[at + 1] ?? ''])
  }
  const named = (headers.get('connection') ?? [])
    .join()
    .toLowerCase()
    .split(/\s*,\s*/)
  const dropped = new Set([...OF_THE_HOP, ...named])
  return Object.fromEntries([...headers].filter(([name]) => !dropped.has(name)))
}
