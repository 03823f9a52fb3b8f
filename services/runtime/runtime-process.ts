import type { Socket } from 'node:net'

import { LineCutter, type Clock } from '../model/index.ts'

import { serveChannel } from './channel.ts'
import { LOG_SIP_PAUSE_MS } from './constants.ts'
import { EgressProxy } from './egress-proxy.ts'
import { ExtensionsApi, type FunctionIdentity } from './extensions-api.ts'
import { Extensions, type ExtensionFailure, type ShutdownReason } from './extensions.ts'
import type { Exit } from './failures.ts'
import type { EnvironmentHandle, Isolation, StartRequest } from './handle.ts'
import type { LogCapture } from './log-capture.ts'
import type { EgressDialer } from './options.ts'
import { RuntimeApi } from './runtime-api.ts'
import { RuntimeSession, type Answer, type Invocation } from './session.ts'
import { shutDown } from './shutdown.ts'
import type { StreamedAnswer } from './streamed-answer.ts'
import type { TelemetryBudget } from './telemetry/budget.ts'
import type { ConnectInside } from './telemetry/delivery.ts'
import { TelemetryApi } from './telemetry/telemetry-api.ts'
import { Telemetry } from './telemetry/telemetry.ts'

const EGRESS_CLOSED =
  '[lacre] egress: the list of the function is not opened: the service runs without --egress, or without a sandbox that holds it'

/** What a runtime process does next, in order. */
export type ProcessEvent =
  | { readonly kind: 'ready' }
  | { readonly kind: 'answered'; readonly answer: Answer }
  | {
      readonly kind: 'init-failed'
      readonly payload: Uint8Array
      readonly errorType: string | undefined
    }
  | { readonly kind: 'extension-failed'; readonly failure: ExtensionFailure }
  | { readonly kind: 'exited'; readonly exit: Exit }

export interface ProcessParts {
  readonly isolation: Isolation
  readonly clock: Clock
  readonly uuid: () => string
  readonly capture: LogCapture
  readonly identity: FunctionIdentity
  readonly budget: TelemetryBudget
  /** What the release may connect to, and by what; by nothing where that is not turned on. */
  readonly egress: { readonly list: readonly string[]; readonly dialer: EgressDialer | undefined }
}

/** What is not an event for whoever waits, but is told when it happens. */
export interface ProcessObserver {
  /** Before anything runs. */
  starting(telemetry: Telemetry): void
  /** The runtime asks for an invocation; extensions may still be at work. */
  runtimeReady(): void
}

/** One process tree running one function's code and its extensions, as a sequence of events. */
export class RuntimeProcess {
  readonly #parts: ProcessParts
  readonly #observer: ProcessObserver
  readonly #events: ProcessEvent[] = []
  #waiter: ((event: ProcessEvent) => void) | undefined
  #handle: EnvironmentHandle | undefined
  #reportedMb = 0
  /** INIT or an invocation: not every one has asked for the next yet. */
  #inPhase = true
  #runtimeStarted: boolean
  #shutdown: Promise<void> | undefined
  readonly #runtimeEnded: Promise<void>
  #endRuntime: () => void = () => undefined
  /** Where pieces of the invocation in hand go. */
  #streamed: StreamedAnswer | undefined
  readonly extensions: Extensions
  /** Only where extensions can reach their API. */
  readonly telemetry: Telemetry | undefined
  readonly #session = new RuntimeSession({
    ready: () => {
      this.#observer.runtimeReady()
      this.#progressed()
    },
    answered: (answer) => this.#emit({ kind: 'answered', answer }),
    initFailed: (payload, errorType) => this.#emit({ kind: 'init-failed', payload, errorType }),
    streamBegun: (contentType) => this.#streamed?.begin(contentType),
    piece: (bytes) => this.#piece(bytes),
  })

  private constructor(parts: ProcessParts, request: StartRequest, observer: ProcessObserver) {
    this.#parts = parts
    this.#observer = observer
    this.#runtimeStarted = request.extensions.length === 0
    this.#runtimeEnded = new Promise((resolve) => {
      this.#endRuntime = resolve
    })
    this.extensions = new Extensions(request.extensions, parts.uuid, {
      progressed: () => this.#progressed(),
      failed: (failure) => this.#emit({ kind: 'extension-failed', failure }),
    })
    if (!request.api) return
    const connect: ConnectInside = async (port) => {
      if (this.#handle === undefined) throw new Error('not started yet')
      return await this.#handle.connectInside(port)
    }
    this.telemetry = new Telemetry(parts.clock, connect, parts.budget)
  }

  /** @throws PlatformError UNAVAILABLE */
  static async start(
    parts: ProcessParts,
    request: StartRequest,
    observer: ProcessObserver,
  ): Promise<RuntimeProcess> {
    const process = new RuntimeProcess(parts, request, observer)
    await process.#start(request)
    return process
  }

  async #start(request: StartRequest): Promise<void> {
    const { capture, isolation } = this.#parts
    const { telemetry } = this
    const api = this.#api()
    const egress = this.#egress(request)
    if (telemetry !== undefined) this.#observer.starting(telemetry)
    const handle = await isolation.start(request, {
      output: (socket) => readOutput(socket, capture, lineTap(telemetry, 'function')),
      extensionOutput: (socket) =>
        readOutput(socket, wholeLines(capture), lineTap(telemetry, 'extension')),
      records: (socket) => readRecords(socket, capture, telemetry),
      api: (socket) => api.serve(socket),
      egress: (socket) => (egress === undefined ? socket.destroy() : egress.serve(socket)),
      memberEnded: (member, exit) => {
        if (member === 'runtime') this.#runtimeExited(exit)
        else this.extensions.ended(member, exit)
      },
    })
    this.#handle = handle
    if (request.wire === 'frames') this.#serveChannel(handle)
    void handle.exited.then((exit) => {
      egress?.close()
      this.#runtimeExited(exit)
    })
    this.#progressed()
  }

  #egress(request: StartRequest): EgressProxy | undefined {
    const { capture, egress } = this.#parts
    const { list, dialer } = egress
    const say = (line: string): void => capture.line(line)
    if (request.egress && dialer !== undefined) return new EgressProxy({ dialer, list, say })
    if (list.length > 0) say(EGRESS_CLOSED)
    return undefined
  }

  #api(): RuntimeApi {
    const { telemetry } = this
    if (telemetry === undefined) return new RuntimeApi(this.#session)
    const { identity, uuid } = this.#parts
    const extensions = new ExtensionsApi(this.extensions, identity, uuid)
    const subscriptions = new TelemetryApi(telemetry, (request) => extensions.caller(request))
    return new RuntimeApi(this.#session, extensions, subscriptions)
  }

  /** Starts the runtime once every extension has registered; says ready once all of them ask for the next. */
  #progressed(): void {
    const { extensions } = this
    if (!this.#runtimeStarted) {
      if (this.#handle === undefined || !extensions.launched) return
      this.#runtimeStarted = true
      this.#handle.runRuntime()
    }
    if (!this.#inPhase || this.#session.state !== 'Ready' || !extensions.idle) return
    this.#inPhase = false
    extensions.close()
    this.telemetry?.close()
    this.#emit({ kind: 'ready' })
  }

  #runtimeExited(exit: Exit): void {
    this.#endRuntime()
    this.#emit({ kind: 'exited', exit })
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
    this.#inPhase = true
    this.#session.invoke(invocation)
    if (this.extensions.all.length === 0) return
    const { requestId, deadlineMs, invokedArn, traceId } = invocation
    const tracing = { type: 'X-Amzn-Trace-Id', value: traceId ?? '' } as const
    this.extensions.invoke({
      eventType: 'INVOKE', deadlineMs, requestId, invokedFunctionArn: invokedArn, tracing,
    }) // prettier-ignore
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
    this.telemetry?.pause()
    this.#handle?.freeze()
  }

  thaw(): void {
    this.#handle?.thaw()
    this.telemetry?.resume()
  }

  /**
   * Kills it; where there is a reason to tell, after SHUTDOWN, which there is once. Without one at once, whatever goes on.
   * Resolves once nothing of it runs any more.
   */
  async stop(reason?: ShutdownReason): Promise<void> {
    if (reason !== undefined) await (this.#shutdown ??= this.#shutDown(reason))
    this.extensions.beginShutdown()
    this.#handle?.stop()
    await this.#handle?.exited
    this.telemetry?.stop()
  }

  async #shutDown(reason: ShutdownReason): Promise<void> {
    const { extensions, telemetry } = this
    const { clock } = this.#parts
    const handle = this.#handle
    if (handle === undefined || extensions.all.length === 0) return
    const runtimeEnded = this.#runtimeStarted ? this.#runtimeEnded : Promise.resolve()
    await shutDown({ reason, clock, handle, extensions, telemetry, runtimeEnded })
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

/** Where output is kept, and whether more of it is dropped. */
interface OutputKeeper {
  write(bytes: Buffer): void
  readonly flooded: boolean
}

/** Output is read as it comes until it floods, then in sips: the writer waits, we do not (LogCapture drops it anyway). */
function readOutput(
  socket: Socket,
  capture: OutputKeeper,
  tap: ((chunk: Buffer) => void) | undefined,
): void {
  socket.on('data', (chunk: Buffer) => {
    capture.write(chunk)
    tap?.(chunk)
    if (!capture.flooded || socket.readableEnded) return
    socket.pause()
    setTimeout(() => socket.resume(), LOG_SIP_PAUSE_MS)
  })
  socket.resume()
}

/** Framed records, with the same patience. */
function readRecords(socket: Socket, capture: LogCapture, telemetry: Telemetry | undefined): void {
  const framed = capture.openFramed((text, timeMs) => {
    if (telemetry?.heard === true) telemetry.emit('function', text.toString('utf8'), timeMs)
  })
  const keeper: OutputKeeper = {
    write: (bytes) => framed.push(bytes),
    get flooded() {
      return capture.flooded
    },
  }
  socket.once('end', () => framed.end())
  readOutput(socket, keeper, undefined)
}

/** Lines of output as telemetry, as long as somebody hears. */
function lineTap(
  telemetry: Telemetry | undefined,
  category: 'function' | 'extension',
): ((chunk: Buffer) => void) | undefined {
  if (telemetry === undefined) return undefined
  const lines = new LineCutter((line) => telemetry.emit(category, line))
  return (chunk) => {
    if (telemetry.heard) lines.push(chunk)
  }
}

/** Two write to one log: the second one only whole lines, so that it breaks none of the first one's. */
function wholeLines(capture: LogCapture): OutputKeeper {
  const lines = new LineCutter((line) => capture.write(Buffer.from(`${line}\n`)))
  return {
    write: (bytes) => lines.push(bytes),
    get flooded() {
      return capture.flooded
    },
  }
}
