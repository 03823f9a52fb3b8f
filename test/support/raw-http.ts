import { connect, type AddressInfo, type Socket } from 'node:net'

import type { FastifyInstance } from 'fastify'

/** Starts listening on a free port and answers it. */
export async function listen(app: FastifyInstance): Promise<number> {
  await app.listen({ host: '127.0.0.1', port: 0 })
  return (app.server.address() as AddressInfo).port
}

/** Bytes as they are over a connection of their own; everything that comes back until the other end closes. */
export class RawConnection {
  readonly socket: Socket
  readonly #closed: Promise<void>
  #text = ''

  constructor(port: number) {
    this.socket = connect(port, '127.0.0.1')
    this.socket.on('data', (chunk) => (this.#text += chunk.toString('latin1')))
    this.#closed = new Promise((resolve) => this.socket.on('close', () => resolve()))
    this.socket.on('error', () => undefined)
  }

  write(bytes: string | Uint8Array): void {
    this.socket.write(bytes)
  }

  /** Until something matches, or the connection is closed. */
  async until(pattern: RegExp): Promise<string> {
    while (!pattern.test(this.#text) && !this.socket.closed) {
      await Promise.race([
        new Promise((resolve) => this.socket.once('data', resolve)),
        this.#closed,
      ])
    }
    return this.#text
  }

  async end(): Promise<string> {
    await this.#closed
    return this.#text
  }
}

/** One request in raw text, `connection: close` included; the whole answer. */
export async function rawExchange(port: number, bytes: string | Uint8Array): Promise<string> {
  const connection = new RawConnection(port)
  connection.write(bytes)
  connection.socket.setTimeout(10_000, () => connection.socket.destroy())
  return await connection.end()
}

export const statusOf = (answer: string): number =>
  Number(/^HTTP\/1\.1 (\d{3})/.exec(answer)?.[1] ?? 0)
