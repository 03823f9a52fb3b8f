import type { Socket } from 'node:net'

/** Both ways, each end closed when the other is. */
export function joinSockets(one: Socket, other: Socket): void {
  pipeBoth(one, other)
  one.once('close', () => other.destroy())
  other.once('close', () => one.destroy())
}

/** The same, but where one end closes well, the other closes after all that it had to say. */
export function joinWhole(one: Socket, other: Socket): void {
  pipeBoth(one, other)
  one.once('close', (failed) => endAfter(one, other, failed))
  other.once('close', (failed) => endAfter(other, one, failed))
}

function pipeBoth(one: Socket, other: Socket): void {
  one.on('error', () => one.destroy())
  other.on('error', () => other.destroy())
  one.pipe(other)
  other.pipe(one)
}

function endAfter(closed: Socket, left: Socket, failed: boolean): void {
  if (failed || !closed.readableEnded || left.writableFinished) left.destroy()
  else left.once('finish', () => left.destroy())
}
