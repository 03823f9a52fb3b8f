import type { Socket } from 'node:net'

import { serveChannel } from './channel.ts'
import { LOG_SIP_PAUSE_MS } from './constants.ts'
import type { Exit } from './failures.ts'
import type { EnvironmentHandle, Isolation, StartRequest } from './handle.ts'
import type { LogCapture } from './log-capture.ts'
import { RuntimeApi } from './runtime-api.ts'
import { RuntimeSession, type Answer, type Invocation } from './session.ts'
import type { StreamedAnswer } from './streamed-answer.ts'

/** What a runtime process does next, in order. */
export type ProcessEvent =
  | { readonly kind: 'ready' }
  | { readonly kind: 'answered'; readonly answer: Answer }
  | {
      readonly kind: 'init-failed'
      readonly payload: Uint8Array
      readonly errorType: string | undefined
    }
  | { readonly kind: 'exited'; readonly exit: Exit }

/** One process tree running one function's code, as a sequence of events. */
export class RuntimeProcess {
  readonly #events: ProcessEvent[] = []
  #waiter: ((event: ProcessEvent) => void) | undefined
  #handle: EnvironmentHandle | undefined
  #reportedMb = 0
  /** Where pieces of the invocation in hand go. */
  #streamed: StreamedAnswer | undefined
  readonly #session = new RuntimeSession({
    ready: () => this.#emit({ kind: 'ready' }),
    answered: (answer) => this.#emit({ kind: 'answered', answer }),
    initFailed: (payload, errorType) => this.#emit({ kind: 'init-failed', payload, errorType }),
    streamBegun: (contentType) => this.#streamed?.begin(contentType),
    piece: (bytes) => this.#piece(bytes),
  })

  /** @throws PlatformError UNAVAILABLE */
  static async start(
    isolation: Isolation,
    request: StartRequest,
    capture: LogCapture,
  ): Promise<RuntimeProcess> {
    const process = new RuntimeProcess()
    const api = new RuntimeApi(process.#session)
    const handle = await isolation.start(request, {
      output: (socket) => readOutput(socket, capture),
      api: (socket) => api.serve(socket),
    })
    process.#handle = handle
    if (request.wire === 'frames') process.#serveChannel(handle)
    void handle.exited.then((exit) => process.#emit({ kind: 'exited', exit }))
    return process
  }

  get maxMemoryMb(): number {
    return Math.max(this.#reportedMb, this.#handle?.stats.maxMemoryMb ?? 0)
  }

  /** Resolves with the next event, or with `undefined` at the deadline. Once it exited it says so for ever. */
  next(waitMs: number): Promise<ProcessEvent | undefined> {
    const event = this.#events[0]
    if (event !== undefined) {
      if (event.kind !== 'exited') this.#events.shift()
      return Promise.resolve(event)
    }
    return new Promise((resolve) => {
      const timer = setTimeout(
        () => {
          this.#waiter = undefined
          resolve(undefined)
        },
        Math.max(0, waitMs),
      )
      this.#waiter = (arrived) => {
        clearTimeout(timer)
        this.#waiter = undefined
        resolve(arrived)
      }
    })
  }

  invoke(invocation: Invocation, streamed: StreamedAnswer): void {
    this.#streamed = streamed
    this.#session.invoke(invocation)
  }

  /** An answer over its limit is cut there: whoever waits for it waits no longer. */
  #piece(bytes: Uint8Array): Promise<void> | undefined {
    const streamed = this.#streamed
    const wasCut = streamed?.cut
    const room = streamed?.piece(bytes)
    if (streamed?.cut === true && wasCut === false)
      this.#emit({ kind: 'answered', answer: { kind: 'oversize' } })
    return room
  }

  freeze(): void {
    this.#handle?.freeze()
  }

  thaw(): void {
    this.#handle?.thaw()
  }

  /** Kills it; resolves once nothing of it runs any more. */
  async stop(): Promise<void> {
    this.#handle?.stop()
    await this.#handle?.exited
  }

  #serveChannel(handle: EnvironmentHandle): void {
    serveChannel(handle.connect(), this.#session, {
      violated: () => handle.stop(),
      memory: (memoryMb) => {
        this.#reportedMb = Math.max(this.#reportedMb, memoryMb)
      },
    })
  }

  #emit(event: ProcessEvent): void {
    const waiter = this.#waiter
    if (waiter === undefined || event.kind === 'exited') this.#events.push(event)
    waiter?.(event)
  }
}

/** Output is read as it comes until it floods, then in sips: the writer waits, we do not (LogCapture drops it anyway). */
function readOutput(socket: Socket, capture: LogCapture): void {
  socket.on('data', (chunk: Buffer) => {
    capture.write(chunk)
    if (!capture.flooded || socket.readableEnded) return
    socket.pause()
    setTimeout(() => socket.resume(), LOG_SIP_PAUSE_MS)
  })
  socket.resume()
}
