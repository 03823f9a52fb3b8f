import { createConnection, type Socket } from 'node:net'

import { HELLO, HELLO_ACK, type HelloKind } from './protocol.ts'

/**
 * A connection to the service, known there by kind and token. Resolves once the service has said yes, before which neither
 * side has sent anything else: the descriptor can be handed to a child with nothing lost in a buffer here.
 */
export function connectTo(path: string, kind: HelloKind, token: string): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = createConnection({ path })
    socket.on('error', reject)
    socket.once('close', () => reject(new Error('the service refused the connection')))
    socket.once('connect', () => socket.write(HELLO[kind] + token))
    socket.once('data', (answer: Buffer) => {
      socket.pause()
      if (answer.byteLength === 1 && answer[0] === HELLO_ACK) resolve(socket)
      else socket.destroy()
    })
  })
}

/** Makes writes wait where there is no room, for whoever inherits the descriptor: Node does so by itself up to descriptor 2. */
export function setBlocking(socket: Socket): void {
  const { _handle: handle } = socket as unknown as {
    readonly _handle?: { setBlocking(blocking: boolean): number } | null
  }
  if (handle?.setBlocking(true) !== 0) throw new Error('the descriptor cannot be made to wait')
}
