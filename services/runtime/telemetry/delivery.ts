import { Agent, request, type ClientRequestArgs } from 'node:http'
import { Duplex } from 'node:stream'

import type { Delivery } from './subscriber.ts'
import { TELEMETRY_HOST, type Destination } from './subscription.ts'

/** A connection to a port of one environment's own network, and of no other. @throws Error */
export type ConnectInside = (port: number) => Promise<Duplex>

export function openDelivery(destination: Destination, connect: ConnectInside): Delivery {
  return destination.protocol === 'HTTP'
    ? new HttpDelivery(destination, connect)
    : new TcpDelivery(destination.port, connect)
}

/** POSTs of JSON arrays, over one connection as long as the receiver keeps it. */
class HttpDelivery implements Delivery {
  readonly #destination: Destination & { readonly protocol: 'HTTP' }
  readonly #agent: Agent

  constructor(destination: Destination & { readonly protocol: 'HTTP' }, connect: ConnectInside) {
    this.#destination = destination
    this.#agent = new InsideAgent(connect, destination.port)
  }

  send(events: readonly string[], signal: AbortSignal): Promise<void> {
    const { port, path } = this.#destination
    const body = Buffer.from(`[${events.join(',')}]`)
    const headers = { 'Content-Type': 'application/json', 'Content-Length': body.byteLength }
    return new Promise((resolve, reject) => {
      const sent = request(
        { agent: this.#agent, host: TELEMETRY_HOST, port, path, method: 'POST', headers, signal },
        (response) => {
          const status = response.statusCode ?? 0
          response.once('error', reject)
          response.once('end', () => {
            if (status >= 200 && status < 300) resolve()
            else reject(new Error(`the receiver answered ${status}`))
          })
          response.resume()
        },
      )
      sent.once('error', reject)
      sent.end(body)
    })
  }

  close(): void {
    this.#agent.destroy()
  }
}

/** Whatever host a request names, this agent's connections go to one port of one environment. */
class InsideAgent extends Agent {
  readonly #connect: ConnectInside
  readonly #port: number

  constructor(connect: ConnectInside, port: number) {
    super({ keepAlive: true, maxSockets: 1 })
    this.#connect = connect
    this.#port = port
  }

  override createConnection(
    _options: ClientRequestArgs,
    callback?: (error: Error | null, stream: Duplex) => void,
  ): undefined {
    if (callback !== undefined) void this.#open(callback)
    return undefined
  }

  async #open(callback: (error: Error | null, stream: Duplex) => void): Promise<void> {
    try {
      const stream = await this.#connect(this.#port)
      callback(null, stream)
      // It comes paused, and a client does not undo what somebody said outright.
      stream.resume()
    } catch (error) {
      callback(error as Error, NO_STREAM)
    }
  }
}

/** What stands beside an error, where nobody looks. */
const NO_STREAM = new Duplex()

/** One event a line. */
class TcpDelivery implements Delivery {
  readonly #port: number
  readonly #connect: ConnectInside
  #stream: Duplex | undefined

  constructor(port: number, connect: ConnectInside) {
    this.#port = port
    this.#connect = connect
  }

  async send(events: readonly string[], signal: AbortSignal): Promise<void> {
    const stream = this.#stream ?? (await this.#open())
    await new Promise<void>((resolve, reject) => {
      const give = (error: Error): void => {
        stream.destroy()
        reject(error)
      }
      const aborted = (): void => give(new Error('the receiver reads no more'))
      const closed = (): void => reject(new Error('the receiver closed the connection'))
      signal.addEventListener('abort', aborted, { once: true })
      stream.once('close', closed)
      stream.write(events.map((json) => `${json}\n`).join(''), (error) => {
        signal.removeEventListener('abort', aborted)
        stream.off('close', closed)
        if (error) give(error)
        else resolve()
      })
    })
  }

  close(): void {
    this.#stream?.destroy()
  }

  async #open(): Promise<Duplex> {
    const stream = await this.#connect(this.#port)
    this.#stream = stream
    stream.on('error', () => stream.destroy())
    stream.once('close', () => {
      if (this.#stream === stream) this.#stream = undefined
    })
    stream.resume()
    return stream
  }
}
