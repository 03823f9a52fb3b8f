import {
  createServer,
  STATUS_CODES,
  type IncomingMessage,
  type Server,
  type ServerResponse,
} from 'node:http'
import { isIP, type Socket } from 'node:net'

import { egressAllows } from '../model/index.ts'

import {
  EGRESS_CONNECTION_LIMIT,
  EGRESS_CONNECT_MS,
  EGRESS_HEAD_LIMIT_BYTES,
  EGRESS_HEAD_MS,
  EGRESS_IDLE_MS,
  EGRESS_LOG_LIMIT_LINES,
} from './constants.ts'
import { forward, plainTargetOf, shownUrl } from './egress-forward.ts'
import { joinWhole } from './join-sockets.ts'
import type { EgressDialer } from './options.ts'

const TARGET_SHOWN_CHARS = 300

export interface EgressParts {
  readonly dialer: EgressDialer
  /** Of the release, as `parseEgressList` gives it. */
  readonly list: readonly string[]
  /** A line for the log stream of the function. */
  say(line: string): void
}

interface Target {
  readonly host: string
  readonly port: number
}

/** Why there is no connection: 403 where it is not allowed, 502 where it failed. */
interface Refusal {
  readonly status: 403 | 502
  /** For the function. */
  readonly sentence: string
  /** For its log alone. */
  readonly detail?: string
}

/**
 * The only way out of an environment: an HTTP proxy that opens tunnels (CONNECT) to the hosts of the release's list, sends
 * requests for `http:` URLs on to them, and to no other (RULES §11). Sockets are handed in: they come from this environment's own loopback. Whatever they say comes from the
 * function.
 */
export class EgressProxy {
  readonly #parts: EgressParts
  readonly #server: Server
  /** Every connection, with the timer that ends its time to send a whole head. */
  readonly #open = new Map<Socket, NodeJS.Timeout>()
  /** Those that are joined with a host, and what ends the waiting for one. */
  readonly #joined = new Set<Socket>()
  readonly #dialing = new Set<AbortController>()
  #refusals = 0

  constructor(parts: EgressParts) {
    this.#parts = parts
    this.#server = createServer({
      maxHeaderSize: EGRESS_HEAD_LIMIT_BYTES,
      keepAliveTimeout: 0,
      // A body may take its time; one that stands still ends with the idle connection to its host.
      requestTimeout: 0,
    })
    this.#server.on('connect', ({ url = '' }, inside: Socket, head) => {
      clearTimeout(this.#open.get(inside))
      this.#connect(url, inside, head).catch(() => inside.destroy())
    })
    // One connection inside is one outside, so that the limit holds for both.
    this.#server.maxRequestsPerSocket = 1
    this.#server.on('request', (request, response) => {
      const { socket } = request
      clearTimeout(this.#open.get(socket))
      this.#forward(request, response).catch(() => socket.destroy())
    })
    this.#server.on('clientError', (_error, socket) => socket.destroy())
  }

  serve(inside: Socket): void {
    this.#open.set(
      inside,
      setTimeout(() => inside.destroy(), EGRESS_HEAD_MS),
    )
    inside.on('error', () => inside.destroy())
    inside.once('close', () => {
      clearTimeout(this.#open.get(inside))
      this.#open.delete(inside)
      this.#joined.delete(inside)
    })
    this.#server.emit('connection', inside)
  }

  /** Ends every connection, those on their way too, and tells how many refusals were not told. */
  close(): void {
    for (const limit of this.#dialing) limit.abort()
    for (const socket of this.#open.keys()) socket.destroy()
    const untold = this.#refusals - EGRESS_LOG_LIMIT_LINES
    if (untold > 0) this.#parts.say(`[lacre] egress: ${untold} more refusals`)
  }

  async #connect(url: string, inside: Socket, head: Buffer): Promise<void> {
    const outside = await this.#reach(url, inside)
    if (outside === undefined) return
    inside.write('HTTP/1.1 200 Connection established\r\n\r\n')
    outside.write(head)
    joinWhole(inside, outside)
  }

  async #forward(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { url = '', socket } = request
    const asked = plainTargetOf(url)
    if (asked === undefined) {
      const sentence = 'CONNECT host:port opens a tunnel, as for https URLs; else http URLs alone'
      return this.#refuse(socket, shownUrl(url), { status: 403, sentence })
    }
    const outside = await this.#reach(asked.target, socket)
    if (outside === undefined) return
    socket.once('close', () => outside.destroy())
    try {
      await forward(request, response, { outside, asked })
    } catch {
      outside.destroy()
      if (response.headersSent || socket.destroyed) return void socket.destroy()
      const sentence = 'the host cannot be reached: it closed without an answer'
      this.#refuse(socket, asked.target, { status: 502, sentence })
    }
  }

  /** A connection to what is asked for; nothing where that was refused, or nobody waits for it any more. */
  async #reach(asked: string, inside: Socket): Promise<Socket | undefined> {
    const target = this.#permitted(asked)
    const outside = 'sentence' in target ? target : await this.#dial(target)
    if ('sentence' in outside) {
      // Whoever went meanwhile is told nothing.
      if (!inside.destroyed) this.#refuse(inside, asked, outside)
      return undefined
    }
    if (inside.destroyed) return void outside.destroy()
    this.#joined.add(inside)
    outside.setTimeout(EGRESS_IDLE_MS, () => outside.destroy())
    return outside
  }

  /** By the list, and by what is open. */
  #permitted(url: string): Target | Refusal {
    const [, host = '', digits = ''] = /^([^:/@[\]]+):([1-9]\d{0,4})$/.exec(url) ?? []
    const port = Number(digits)
    const refused = (sentence: string): Refusal => ({ status: 403, sentence })
    if (isIP(url.replace(/:\d*$/, '').replace(/^\[|\]$/g, '')) !== 0)
      return refused('hosts are connected to by the names on the list, never by an address')
    if (!egressAllows(this.#parts.list, host, port))
      return refused('this host and port are not on the list that the function was released with')
    if (this.#joined.size + this.#dialing.size >= EGRESS_CONNECTION_LIMIT)
      return refused(`${EGRESS_CONNECTION_LIMIT} connections are open, and that is the limit`)
    return { host: host.toLowerCase(), port }
  }

  async #dial({ host, port }: Target): Promise<Socket | Refusal> {
    const limit = new AbortController()
    const timer = setTimeout(() => limit.abort(), EGRESS_CONNECT_MS)
    this.#dialing.add(limit)
    const dialed = await this.#parts.dialer.dial(host, port, limit.signal).finally(() => {
      clearTimeout(timer)
      this.#dialing.delete(limit)
    })
    if (dialed.kind === 'connected') return dialed.socket
    if (dialed.kind === 'failed')
      return { status: 502, sentence: `the host cannot be reached: ${dialed.why}` }
    const sentence = 'the name has an address that functions are not connected to here'
    return { status: 403, sentence, detail: dialed.address }
  }

  #refuse(inside: Socket, url: string, { status, sentence, detail }: Refusal): void {
    this.#refusals += 1
    const more = detail === undefined ? '' : ` (${detail})`
    // What the function asked for is its own text: quoted, so that it makes no line of its own.
    const asked = JSON.stringify(url.slice(0, TARGET_SHOWN_CHARS))
    if (this.#refusals <= EGRESS_LOG_LIMIT_LINES)
      this.#parts.say(`[lacre] egress to ${asked} refused: ${sentence}${more}`)
    const body = `${sentence}\n`
    const head = [
      `HTTP/1.1 ${status} ${STATUS_CODES[status] ?? ''}`,
      'Content-Type: text/plain; charset=utf-8',
      `Content-Length: ${Buffer.byteLength(body)}`,
      'Connection: close',
    ]
    inside.setTimeout(EGRESS_HEAD_MS, () => inside.destroy())
    inside.end(`${head.join('\r\n')}\r\n\r\n${body}`)
    // Read on, so that its end is heard of.
    inside.resume()
  }
}
