import {
  limits,
  PlatformError,
  toIsoTime,
  type Clock,
  type ReleaseSpec,
  type Sha256,
} from '../model/index.ts'

import { FREEZE_DELAY_MS } from './constants.ts'
import {
  entrypointFailure, exitFailure, exitReason, failurePayload, oversizePayload, recordedErrorType,
  timeoutFailure, type Exit, type Failure,
} from './failures.ts' // prettier-ignore
import type { Isolation } from './handle.ts'
import { planLaunch, type LaunchParts } from './launch.ts'
import type { LogCapture } from './log-capture.ts'
import {
  endLine,
  initReportLine,
  initStartLine,
  reportLine,
  startLine,
  type InitOutcome,
} from './log-lines.ts'
import type { InvokeCall, InvokeOutcome } from './options.ts'
import type { PreparedTree } from './prepare/prepared-trees.ts'
import { RuntimeProcess, type ProcessEvent } from './runtime-process.ts'
import type { Answer } from './session.ts'
import { StreamedAnswer } from './streamed-answer.ts'

export interface EnvironmentParts extends LaunchParts {
  readonly isolation: Isolation
  readonly clock: Clock
  /** What a streamed answer may come to. */
  readonly streamedLimitBytes: number
}

const EMPTY_EVENT = Buffer.from('{}')

/** What an environment executes for life: exactly this, or it refuses (DESIGN §8). */
export interface Stamp {
  readonly release: Sha256
  readonly decisionId: string
  readonly codeSha256: Sha256
}

/** Why an environment is stopped for good. */
export type StopReason = 'idle' | 'retired' | 'closing' | 'failed'

/** How one invocation ended within the environment. */
interface Ending {
  readonly payload: Uint8Array
  readonly functionError: boolean
  readonly status?: 'timeout' | 'error'
  readonly errorType?: string
  /** The process is no longer fit for another invocation. */
  readonly broken: boolean
  /** Said in the log before END. */
  readonly remark?: string
}

/**
 * One environment of one release: starts, serves one invocation at a time, is frozen in between and reset after a failure.
 * A reset kills every process and keeps /tmp (SPEC A6.4).
 */
export class Environment {
  readonly spec: ReleaseSpec
  readonly stamp: Stamp
  readonly #slot: { readonly name: string; readonly logStream: string }
  readonly #parts: EnvironmentParts
  readonly #capture: LogCapture
  #process: RuntimeProcess | undefined
  #initialised = false
  #frozen = false
  #ready = false
  #freezing: NodeJS.Timeout | undefined
  #stopped: StopReason | undefined
  #startedAtMs = 0
  /** What its code is loaded from, as it was when its bytes were hashed. */
  #trees: readonly PreparedTree[] = []
  resets = 0

  constructor(
    spec: ReleaseSpec,
    slot: { name: string; logStream: string },
    parts: EnvironmentParts,
    capture: LogCapture,
  ) {
    this.spec = spec
    this.stamp = {
      release: spec.release,
      decisionId: spec.decisionId,
      codeSha256: spec.code.codeSha256,
    }
    this.#slot = slot
    this.#parts = parts
    this.#capture = capture
  }

  /** Whether it has a process, its trees mounted. */
  get running(): boolean {
    return this.#process !== undefined
  }

  get stopped(): boolean {
    return this.#stopped !== undefined
  }

  /**
   * Runs one invocation. `settled` resolves when the environment can take another: the runtime has asked for one, or is reset.
   * @throws PlatformError UNAVAILABLE, ACTIVATION_FAILED, INVALID_RUNTIME
   */
  async invoke(call: InvokeCall): Promise<{ outcome: InvokeOutcome; settled: Promise<void> }> {
    this.#wake()
    if (this.#process !== undefined) this.#capture.begin()
    const initMs = await this.#initialise()
    this.#capture.line(startLine(call.requestId, this.spec.version))
    const { clock } = this.#parts
    const startedAt = clock.monotonicMs()
    const deadline = startedAt + this.spec.timeoutSeconds * 1_000
    const streamed = new StreamedAnswer(call.answer, this.#parts.streamedLimitBytes)
    const ending = await this.#run(call, deadline, streamed)
    streamed.close()
    if (this.#stopped !== undefined) {
      throw new PlatformError('UNAVAILABLE', 'the environment was stopped while the function ran', {
        detail: { reason: this.#stopped },
      })
    }
    const durationMs = clock.monotonicMs() - startedAt
    const settled = this.#settle(ending, deadline)
    const maxMemoryMb = this.#process?.maxMemoryMb ?? 0
    // Output written before the answer lies in the kernel by now; one turn of the loop reads it.
    await new Promise((resolve) => setImmediate(resolve))
    const billedMs = Math.ceil(durationMs + (initMs ?? 0))
    const times = { durationMs, billedMs, initMs, maxMemoryMb }
    this.#report(call.requestId, ending, times)
    const logTail = call.tail ? this.#capture.tail() : new Uint8Array()
    const { payload, functionError } = ending
    const { contentType } = streamed
    return { outcome: { payload, functionError, contentType, logTail, ...times }, settled }
  }

  /** It has a process, in INIT or past it. */
  get warm(): boolean {
    return this.#process !== undefined && !this.stopped
  }

  /** Past INIT: it serves an invocation or waits for one. */
  get ready(): boolean {
    return this.warm && this.#ready
  }

  /** INIT without an invocation. @throws PlatformError ACTIVATION_FAILED where the function does not come up */
  async warmUp(): Promise<void> {
    this.#wake()
    await this.#initialise()
    if (this.#process === undefined) {
      throw new PlatformError(
        'ACTIVATION_FAILED',
        'FUNCTION_ERROR_INIT_FAILURE: the function failed while it was initialised',
      )
    }
    this.#freezeSoon()
  }

  /** Kills it for good; resolves once nothing of it is left. */
  async stop(reason: StopReason): Promise<void> {
    this.#stopped ??= reason
    clearTimeout(this.#freezing)
    await this.#process?.stop()
    await this.#parts.isolation.release(this.#slot.name)
  }

  /**
   * INIT, at most 10 s. One that fails is run again within the invocation ("suppressed init", SPEC A6.1), so its failure is
   * not the caller's yet. Later starts, after a reset, have no INIT phase.
   */
  async #initialise(): Promise<number | undefined> {
    if (this.#initialised) return undefined
    this.#initialised = true
    const { clock } = this.#parts
    this.#capture.begin()
    this.#capture.streamLine(initStartLine(`${this.spec.runtime} (lacre)`))
    const started = await this.#start()
    if (started === 'no-entrypoint') return undefined
    const startedAt = this.#startedAtMs
    const event = await started.next(limits.INIT_TIMEOUT_MS)
    const initMs = clock.monotonicMs() - startedAt
    if (event?.kind === 'ready') {
      await this.#takeReady()
      return initMs
    }
    this.#capture.line(initReportLine(initMs, 'init', initOutcome(event)))
    await this.#reset()
    return undefined
  }

  async #run(call: InvokeCall, deadline: number, streamed: StreamedAnswer): Promise<Ending> {
    const { clock } = this.#parts
    const left = (): number => deadline - clock.monotonicMs()
    if (this.#process === undefined) {
      const started = await this.#start()
      if (started === 'no-entrypoint') return failed(entrypointFailure(call.requestId))
      const event = await started.next(left())
      if (event?.kind === 'init-failed') return initFailed(event)
      if (event?.kind !== 'ready') return this.#unanswered(call.requestId, event)
      await this.#takeReady()
    }
    const process = this.#process
    if (process === undefined) return this.#unanswered(call.requestId, undefined)
    const invocation = {
      requestId: call.requestId,
      deadlineMs: Math.round(clock.nowMs() + left()),
      invokedArn: call.invokedArn,
      traceId: call.traceId,
      clientContext: call.clientContext,
      // As on AWS, where no payload is an empty object.
      payload: call.payload.byteLength === 0 ? EMPTY_EVENT : call.payload,
    }
    process.invoke(invocation, streamed)
    const event = await process.next(left())
    if (event?.kind === 'answered') return answered(event.answer, streamed)
    return this.#unanswered(call.requestId, event)
  }

  #unanswered(requestId: string, event: ProcessEvent | undefined): Ending {
    if (event?.kind === 'exited') {
      const failure = exitFailure(requestId, event.exit)
      return {
        ...failed(failure),
        remark: `RequestId: ${requestId} Error: ${exitReason(event.exit)}\n${failure.errorType}`,
      }
    }
    const { timeoutSeconds } = this.spec
    const remark = `${toIsoTime(this.#parts.clock.nowMs())} ${requestId} Task timed out after ${timeoutSeconds.toFixed(2)} seconds`
    return { ...failed(timeoutFailure(requestId, timeoutSeconds)), remark }
  }

  async #start(): Promise<RuntimeProcess | 'no-entrypoint'> {
    const { isolation } = this.#parts
    const launch = await planLaunch(this.spec, this.#slot, this.#parts)
    if (launch.kind === 'no-entrypoint') return 'no-entrypoint'
    if (this.#stopped !== undefined)
      throw new PlatformError('UNAVAILABLE', 'the environment was stopped')
    this.#trees = launch.trees
    this.#startedAtMs = this.#parts.clock.monotonicMs()
    const process = await RuntimeProcess.start(isolation, launch.request, this.#capture)
    this.#process = process
    this.#frozen = false
    if (this.#stopped !== undefined) {
      await process.stop()
      throw new PlatformError('UNAVAILABLE', 'the environment was stopped')
    }
    return process
  }

  /**
   * Its code is loaded. A package that was written to between the check before the start and now is not handed an
   * invocation (RULES, promise P1): what it was when it was read, nobody knows.
   * @throws PlatformError ACTIVATION_FAILED
   */
  async #takeReady(): Promise<void> {
    for (const tree of this.#trees) {
      if (await this.#parts.prepared.isUnchanged(tree)) continue
      throw new PlatformError(
        'ACTIVATION_FAILED',
        'the unpacked code was changed while the function started',
      )
    }
    this.#ready = true
  }

  /** After the answer: the runtime may go on until it asks for the next invocation, within the same deadline. */
  async #settle(ending: Ending, deadline: number): Promise<void> {
    const process = this.#process
    if (process === undefined) return
    if (!ending.broken) {
      const event = await process.next(deadline - this.#parts.clock.monotonicMs())
      if (event?.kind === 'ready') return this.#freezeSoon()
    }
    await this.#reset()
  }

  async #reset(): Promise<void> {
    const process = this.#process
    this.#process = undefined
    this.#ready = false
    this.resets += 1
    await process?.stop()
  }

  #freezeSoon(): void {
    if (!this.#parts.isolation.capability.freezer || this.#stopped !== undefined) return
    this.#freezing = setTimeout(() => {
      this.#frozen = true
      this.#process?.freeze()
    }, FREEZE_DELAY_MS).unref()
  }

  #wake(): void {
    clearTimeout(this.#freezing)
    if (this.#frozen) this.#process?.thaw()
    this.#frozen = false
  }

  #report(
    requestId: string,
    ending: Ending,
    times: {
      durationMs: number
      billedMs: number
      initMs: number | undefined
      maxMemoryMb: number
    },
  ): void {
    if (ending.remark !== undefined) this.#capture.line(ending.remark)
    this.#capture.line(endLine(requestId))
    const { status, errorType } = ending
    this.#capture.line(
      reportLine({ requestId, ...times, memoryMb: this.spec.memoryMb, status, errorType }),
    )
  }
}

function answered(answer: Answer, streamed: StreamedAnswer): Ending {
  if (answer.kind === 'oversize' || (answer.kind === 'streamed' && streamed.over)) {
    const errorType = 'Function.ResponseSizeTooLarge'
    const payload = Buffer.from(oversizePayload(streamed.limitBytes))
    // One that was cut may go on writing: it is ended.
    return { payload, functionError: true, status: 'error', errorType, broken: streamed.cut }
  }
  if (answer.kind === 'streamed') {
    const { error } = answer
    const payload = error?.payload ?? streamed.gathered()
    return { payload, functionError: error !== undefined, broken: false }
  }
  if (answer.kind === 'response')
    return { payload: answer.payload, functionError: false, broken: false }
  return { payload: answer.payload, functionError: true, broken: false }
}

function failed(failure: Failure): Ending {
  const { status, errorType } = failure
  return { payload: failurePayload(failure), functionError: true, status, errorType, broken: true }
}

function initFailed(event: { payload: Uint8Array; errorType: string | undefined }): Ending {
  const errorType = recordedErrorType(event.errorType ?? typeIn(event.payload))
  return { payload: event.payload, functionError: true, status: 'error', errorType, broken: true }
}

/** The error type a runtime put into its error object, where it did. */
function typeIn(payload: Uint8Array): string | undefined {
  try {
    const { errorType } = JSON.parse(Buffer.from(payload).toString('utf8')) as {
      errorType?: unknown
    }
    return typeof errorType === 'string' ? errorType : undefined
  } catch {
    return undefined
  }
}

function initOutcome(event: ProcessEvent | undefined): InitOutcome {
  if (event === undefined) return { status: 'timeout' }
  const errorType =
    event.kind === 'init-failed' ? (event.errorType ?? typeIn(event.payload)) : exitType(event)
  return { status: 'error', errorType: recordedErrorType(errorType) }
}

function exitType(event: ProcessEvent & { exit?: Exit }): string {
  return event.kind === 'exited' ? 'Runtime.ExitError' : 'Runtime.Unknown'
}
