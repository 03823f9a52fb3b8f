import { chmodSync } from 'node:fs'
import { createServer, type Server, type Socket } from 'node:net'
import { once } from 'node:events'

import { HELLO, HELLO_ACK, TOKEN_CHARS, type HelloKind } from './spawner/protocol.ts'

const HELLO_TIMEOUT_MS = 5_000
const KINDS = new Map<string, HelloKind>(
  Object.entries(HELLO).map(([kind, letter]): [string, HelloKind] => [letter, kind as HelloKind]),
)

/**
 * The unix socket to which the spawner connects on behalf of environments. A connection names its kind and a token of 128
 * random bits that only service and spawner know; it lies in a directory only this user can enter.
 */
export class WireListener implements AsyncDisposable {
  readonly #server: Server
  readonly #expected = new Map<string, (socket: Socket) => void>()

  private constructor(server: Server) {
    this.#server = server
    server.on('connection', (socket: Socket) => this.#greet(socket))
  }

  static async open(path: string): Promise<WireListener> {
    const server = createServer({ allowHalfOpen: true })
    server.listen(path)
    await once(server, 'listening')
    chmodSync(path, 0o600)
    return new WireListener(server)
  }

  /** Connections with this token go to `take`, until `forget`. */
  expect(kind: HelloKind, token: string, take: (socket: Socket) => void): void {
    this.#expected.set(HELLO[kind] + token, take)
  }

  /** The next connection with this token, and no other. */
  expectOne(kind: HelloKind, token: string, take: (socket: Socket) => void): void {
    this.expect(kind, token, (socket) => {
      this.forget(kind, token)
      take(socket)
    })
  }

  forget(kind: HelloKind, token: string): void {
    this.#expected.delete(HELLO[kind] + token)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.close()
  }

  #greet(socket: Socket): void {
    let hello = ''
    const timer = setTimeout(() => socket.destroy(), HELLO_TIMEOUT_MS)
    socket.on('error', () => socket.destroy())
    const read = (chunk: Buffer): void => {
      hello += chunk.toString('latin1')
      if (hello.length < 1 + TOKEN_CHARS) return
      clearTimeout(timer)
      socket.off('data', read)
      socket.pause()
      const take = KINDS.has(hello.charAt(0)) ? this.#expected.get(hello) : undefined
      if (take === undefined) return void socket.destroy()
      socket.write(Buffer.of(HELLO_ACK))
      take(socket)
    }
    socket.on('data', read)
  }
}
