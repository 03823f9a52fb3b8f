import type { Socket } from 'node:net'

/** Both ways, each end closed when the other is: after what it had to say where that one ended well, at once where not. */
export function joinSockets(one: Socket, other: Socket): void {
  for (const [from, to] of [
    [one, other],
    [other, one],
  ] as const) {
    from.on('error', () => from.destroy())
    from.pipe(to)
    from.once('close', (failed) => {
      if (failed || !from.readableEnded || to.writableFinished) to.destroy()
      else to.once('finish', () => to.destroy())
    })
  }
}
