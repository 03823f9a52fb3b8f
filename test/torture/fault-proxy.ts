import { once } from 'node:events'
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'

type Side = 'request' | 'response'

/** What a network does to those who rely on it. */
export type NetworkFault =
  /** Everything comes later. */
  | { readonly kind: 'latency'; readonly ms: number }
  /** Everything comes in small pieces. */
  | { readonly kind: 'slices'; readonly bytes: number; readonly everyMs: number }
  /** Everything comes slowly. */
  | { readonly kind: 'limit'; readonly bytesPerSecond: number }
  /** A connection is reset after so many bytes of a side. */
  | { readonly kind: 'reset'; readonly side: Side; readonly afterBytes: number }
  /** After so many bytes of a side nothing comes any more, and nobody says so. */
  | { readonly kind: 'silence'; readonly side: Side; readonly afterBytes: number }
  /** Nobody listens. */
  | { readonly kind: 'refusal' }

const PIECES_PER_SECOND = 20

interface Pair {
  readonly client: Socket
  readonly upstream: Socket
  /** Bytes that went by since the fault began. */
  readonly carried: Record<Side, number>
  silenced: boolean
}

/** Stands between clients and a service, and is a sound network until a fault begins. */
export class FaultProxy implements AsyncDisposable {
  /** How often the fault met somebody. */
  met = 0
  #port: number
  #fault: NetworkFault | undefined
  readonly #server: Server
  readonly #pairs = new Set<Pair>()

  private constructor(port: number, server: Server) {
    this.#port = port
    this.#server = server
    server.on('connection', (client) => this.#accept(client))
  }

  static async to(url: string): Promise<FaultProxy> {
    const server = createServer().listen(0, '127.0.0.1')
    await once(server, 'listening')
    return new FaultProxy(Number(new URL(url).port), server)
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`
  }

  /** New connections go there. */
  lead(url: string): void {
    this.#port = Number(new URL(url).port)
  }

  begin(fault: NetworkFault): void {
    this.met = 0
    for (const pair of this.#pairs) Object.assign(pair.carried, { request: 0, response: 0 })
    this.#fault = fault
    if (fault.kind === 'refusal') for (const pair of this.#pairs) this.#reset(pair)
  }

  /** What a fault holds on to does not come back: its connections end. */
  heal(): void {
    this.#fault = undefined
    for (const pair of this.#pairs) if (pair.silenced) reset(pair)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const pair of this.#pairs) reset(pair)
    this.#server.close()
    await once(this.#server, 'close')
  }

  #accept(client: Socket): void {
    if (this.#fault?.kind === 'refusal') {
      this.met += 1
      client.resetAndDestroy()
      return
    }
    const upstream = connect(this.#port, '127.0.0.1')
    const carried = { request: 0, response: 0 }
    const pair: Pair = { client, upstream, carried, silenced: false }
    this.#pairs.add(pair)
    for (const socket of [client, upstream]) {
      socket.setNoDelay()
      socket.on('error', () => reset(pair))
      socket.on('close', () => {
        this.#pairs.delete(pair)
        if (!pair.silenced) reset(pair)
      })
    }
    void this.#carry(pair, 'request')
    void this.#carry(pair, 'response')
  }

  async #carry(pair: Pair, side: Side): Promise<void> {
    const [from, to] =
      side === 'request' ? [pair.client, pair.upstream] : [pair.upstream, pair.client]
    try {
      for await (const chunk of from) await this.#pass(pair, side, { bytes: chunk as Buffer, to })
      if (!pair.silenced) to.end()
    } catch {
      reset(pair)
    }
  }

  async #pass(
    pair: Pair,
    side: Side,
    { bytes, to }: { readonly bytes: Buffer; readonly to: Socket },
  ): Promise<void> {
    const fault = this.#fault
    if (pair.silenced) return
    if (fault === undefined || fault.kind === 'refusal') return await send(to, bytes)
    if (fault.kind === 'latency') {
      this.met += 1
      await sleep(fault.ms)
      return await send(to, bytes)
    }
    if (fault.kind === 'slices' || fault.kind === 'limit') {
      this.met += 1
      const [size, everyMs] =
        fault.kind === 'slices'
          ? [fault.bytes, fault.everyMs]
          : [Math.ceil(fault.bytesPerSecond / PIECES_PER_SECOND), 1_000 / PIECES_PER_SECOND]
      return await this.#sendSlowly(to, bytes, { size, everyMs })
    }
    const left = fault.side === side ? fault.afterBytes - pair.carried[side] : bytes.length
    pair.carried[side] += bytes.length
    if (left >= bytes.length) return await send(to, bytes)
    await send(to, bytes.subarray(0, Math.max(0, left)))
    if (fault.kind === 'reset') return this.#reset(pair)
    this.met += 1
    pair.silenced = true
  }

  /** Until the fault is over: the rest then comes at once. */
  async #sendSlowly(
    to: Socket,
    bytes: Buffer,
    { size, everyMs }: { readonly size: number; readonly everyMs: number },
  ): Promise<void> {
    let at = 0
    for (; at < bytes.length && this.#fault !== undefined; at += size) {
      await send(to, bytes.subarray(at, at + size))
      await sleep(everyMs)
    }
    if (at < bytes.length) await send(to, bytes.subarray(at))
  }

  #reset(pair: Pair): void {
    this.met += 1
    reset(pair)
  }
}

function reset({ client, upstream }: Pair): void {
  for (const socket of [client, upstream]) if (!socket.destroyed) socket.resetAndDestroy()
}

async function send(to: Socket, bytes: Buffer): Promise<void> {
  if (bytes.length === 0 || to.destroyed || to.write(bytes)) return
  await Promise.race([once(to, 'drain'), once(to, 'close')])
}
