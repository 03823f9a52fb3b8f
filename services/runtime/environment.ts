import assert from 'node:assert/strict'

import {
  limits,
  PlatformError,
  toIsoTime,
  type AttemptRecord,
  type Random,
  type ReleaseSpec,
  type Sha256,
} from '../model/index.ts'

import { attemptOf, STOPPED, type Times } from './attempts.ts'
import { FreezeTimer } from './freeze-timer.ts'
import { answered, failed, initFailed, initOutcome, type Ending } from './endings.ts'
import type { ShutdownReason } from './extensions.ts'
import { exitFailure, exitReason, extensionFailure, timeoutFailure } from './failures.ts'
import { planLaunch, type Launch, type LaunchParts } from './launch.ts'
import type { LogCapture } from './log-capture.ts'
import { platformLines, runtimeVersion, type InitOutcome, type PlatformLines } from './log-lines.ts'
import type { InvokeCall, InvokeOutcome } from './options.ts'
import type { PreparedTree } from './prepare/prepared-trees.ts'
import { RuntimeProcess, type ProcessEvent, type ProcessParts } from './runtime-process.ts'
import { nextEnvironmentState, type EnvironmentEvent, type EnvironmentState } from './states.ts'
import { StreamedAnswer } from './streamed-answer.ts'
import { EnvironmentTelemetry } from './telemetry/environment-telemetry.ts'

export interface EnvironmentParts
  extends LaunchParts, Pick<ProcessParts, 'isolation' | 'clock' | 'budget'> {
  readonly random: Random
  /** What a streamed answer may come to. */
  readonly streamedLimitBytes: number
  readonly onAttempt: (record: AttemptRecord) => void
}

type Started = RuntimeProcess | (Launch & { readonly kind: 'refused' })

const noop = (): void => undefined
const EMPTY_EVENT = Buffer.from('{}')

/** What an environment executes for life: exactly this, or it refuses (DESIGN §8). */
export interface Stamp {
  readonly release: Sha256
  readonly decisionId: string
  readonly codeSha256: Sha256
}

/** Why an environment is stopped for good. */
export type StopReason = 'idle' | 'retired' | 'closing' | 'failed' | 'revoked'

/** What extensions are told of it. What was revoked runs no moment longer, theirs included. */
const SHUTDOWN_REASONS: Readonly<Record<StopReason, ShutdownReason | undefined>> = {
  idle: 'SPINDOWN',
  retired: 'SPINDOWN',
  closing: 'SPINDOWN',
  failed: 'FAILURE',
  revoked: undefined,
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
  readonly #lines: PlatformLines
  #process: RuntimeProcess | undefined
  readonly #telemetry: EnvironmentTelemetry
  #state: EnvironmentState = 'Cold'
  #starting: Promise<void> | undefined
  /** On its way out, in a reset. */
  #ending: RuntimeProcess | undefined
  #initialised = false
  readonly #freezing = new FreezeTimer()
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
    this.#telemetry = new EnvironmentTelemetry(spec, slot.logStream)
    this.#lines = platformLines(spec.logging, () => parts.clock.nowMs())
  }

  /** Whether it has a process, its trees mounted. */
  get running(): boolean {
    return this.#process !== undefined || this.#ending !== undefined
  }

  get stopped(): boolean {
    return this.#stopped !== undefined
  }

  /**
   * Runs one invocation. `settled` resolves when the environment can take another: the runtime has asked for one, or is reset.
   * @throws PlatformError UNAVAILABLE, ACTIVATION_FAILED, INVALID_RUNTIME
   */
  async invoke(call: InvokeCall): Promise<{ outcome: InvokeOutcome; settled: Promise<void> }> {
    this.#freezing.called(this.#parts.clock.monotonicMs())
    this.#wake()
    // After a reset too: what an earlier invocation wrote is not this one's.
    if (this.#initialised) this.#capture.begin(call.requestId)
    const initMs = await this.#initialise(call.requestId)
    this.#say(this.#lines.start(call.requestId, this.spec.version))
    const { clock } = this.#parts
    const startedAt = clock.monotonicMs()
    this.#telemetry.started(call.requestId, call.traceId, startedAt)
    const deadline = startedAt + this.spec.timeoutSeconds * 1_000
    const streamed = new StreamedAnswer(call.answer, this.#parts.streamedLimitBytes)
    const times = (): Times => {
      const durationMs = clock.monotonicMs() - startedAt
      const maxMemoryMb = this.#process?.maxMemoryMb ?? 0
      return { durationMs, billedMs: Math.ceil(durationMs + (initMs ?? 0)), initMs, maxMemoryMb }
    }
    const ending = await this.#run(call, deadline, streamed).catch((cause: unknown) => {
      this.#report(call, STOPPED, times())
      throw cause
    })
    streamed.close()
    if (this.#stopped !== undefined) {
      this.#report(call, STOPPED, times())
      throw new PlatformError('UNAVAILABLE', 'the environment was stopped while the function ran', {
        detail: { reason: this.#stopped },
      })
    }
    const taken = times()
    const answered = ending.broken ? undefined : this.#settle(call.requestId, deadline)
    // Output written before the answer lies in the kernel by now; one turn of the loop reads it.
    await new Promise((resolve) => setImmediate(resolve))
    this.#report(call, ending, taken)
    const settled = answered ?? this.#reset(ending.status === 'timeout' ? 'TIMEOUT' : 'FAILURE')
    const logTail = call.tail ? this.#capture.tail() : new Uint8Array()
    const { payload, functionError } = ending
    const { contentType } = streamed
    return { outcome: { payload, functionError, contentType, logTail, ...taken }, settled }
  }

  /** It has a process, in INIT or past it. */
  get warm(): boolean {
    return this.#process !== undefined && !this.stopped
  }

  /** Past INIT: it serves an invocation or waits for one. */
  get ready(): boolean {
    return this.warm && this.#state !== 'Starting'
  }

  /** INIT without an invocation. @throws PlatformError ACTIVATION_FAILED where the function does not come up */
  async warmUp(): Promise<void> {
    this.#wake()
    await this.#initialise(undefined)
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
    const told = SHUTDOWN_REASONS[reason]
    this.#freezing.cancel()
    // SHUTDOWN is for those who can hear it; nobody else runs again for it.
    if (told !== undefined && (this.#process?.extensions.all.length ?? 0) > 0) this.#wake()
    this.#advance('stop')
    await Promise.all([this.#process?.stop(told), this.#ending?.stop(told)])
    // What is being started sees that it is stopped, and ends by itself.
    await this.#starting
    this.#capture.close()
    await this.#parts.isolation.release(this.#slot.name)
  }

  /**
   * INIT, at most 10 s. One that fails is run again within the invocation ("suppressed init", SPEC A6.1), so its failure is
   * not the caller's yet. Later starts, after a reset, have no INIT phase.
   */
  async #initialise(requestId: string | undefined): Promise<number | undefined> {
    if (this.#initialised) return undefined
    this.#initialised = true
    const { clock } = this.#parts
    this.#capture.begin(requestId)
    this.#sayInStream(this.#lines.initStart(runtimeVersion(this.spec), this.spec))
    const started = await this.#start('init')
    if (!(started instanceof RuntimeProcess)) return undefined
    const startedAt = this.#startedAtMs
    const event = await started.next(limits.INIT_TIMEOUT_MS)
    const initMs = clock.monotonicMs() - startedAt
    if (event?.kind === 'ready') await this.#refuseChanged()
    const outcome = event?.kind === 'ready' ? undefined : initOutcome(event)
    this.#initialisedOnce(initMs, outcome)
    if (outcome === undefined) return initMs
    this.#say(this.#lines.initReport(initMs, 'init', outcome))
    await this.#reset(event === undefined ? 'TIMEOUT' : 'FAILURE')
    return undefined
  }

  /** INIT is over, well or not: said of the extensions and to them. */
  #initialisedOnce(durationMs: number, outcome: InitOutcome | undefined): void {
    const extensions = this.#process?.extensions.all ?? []
    for (const extension of extensions) this.#sayInStream(this.#lines.extension(extension))
    this.#telemetry.initialised(extensions, { durationMs, outcome })
    if (outcome === undefined) this.#advance('ready')
  }

  async #run(call: InvokeCall, deadline: number, streamed: StreamedAnswer): Promise<Ending> {
    const { clock } = this.#parts
    const left = (): number => deadline - clock.monotonicMs()
    if (this.#process === undefined) {
      const started = await this.#start('invoke')
      if (!(started instanceof RuntimeProcess)) return failed(started.failure(call.requestId))
      const event = await started.next(left())
      const initMs = clock.monotonicMs() - this.#startedAtMs
      if (event?.kind === 'ready') await this.#refuseChanged()
      const outcome = event?.kind === 'ready' ? undefined : initOutcome(event)
      this.#initialisedOnce(initMs, outcome)
      if (event?.kind === 'init-failed') return initFailed(event)
      if (event?.kind !== 'ready') return this.#unanswered(call.requestId, event)
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
    this.#advance('invoke')
    process.invoke(invocation, streamed)
    const event = await process.next(left())
    if (event?.kind === 'answered') {
      this.#advance('answer')
      const ending = answered(event.answer, streamed)
      this.#telemetry.answered(clock.monotonicMs(), ending.payload.byteLength)
      return ending
    }
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
    if (event?.kind === 'extension-failed') {
      const failure = extensionFailure(requestId, event.failure)
      return { ...failed(failure), remark: `${failure.errorMessage}\n${failure.errorType}` }
    }
    const { timeoutSeconds } = this.spec
    const remark = `${toIsoTime(this.#parts.clock.nowMs())} ${requestId} Task timed out after ${timeoutSeconds.toFixed(2)} seconds`
    return { ...failed(timeoutFailure(requestId, timeoutSeconds)), remark }
  }

  #start(phase: 'init' | 'invoke'): Promise<Started> {
    const started = this.#startNow(phase)
    this.#starting = started.then(noop, noop)
    return started
  }

  async #startNow(phase: 'init' | 'invoke'): Promise<Started> {
    const launch = await planLaunch(this.spec, this.#slot, this.#parts)
    if (launch.kind === 'refused') return launch
    if (this.#stopped !== undefined)
      throw new PlatformError('UNAVAILABLE', 'the environment was stopped')
    this.#trees = launch.trees
    this.#startedAtMs = this.#parts.clock.monotonicMs()
    this.#advance('start')
    const { clock, random, place, dialer } = this.#parts
    const { functionName, version, handler, egress: list = [] } = this.spec
    const { account: accountId } = place
    const identity = { functionName, functionVersion: version, handler, accountId }
    const [capture, egress] = [this.#capture, { list, dialer }]
    const parts = { ...this.#parts, uuid: () => random.uuid(), capture, identity, egress }
    const process = await RuntimeProcess.start(parts, launch.request, {
      starting: (telemetry) => this.#telemetry.starting(telemetry, phase),
      runtimeReady: () => this.#telemetry.runtimeReady(clock.monotonicMs()),
    })
    this.#process = process
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
  async #refuseChanged(): Promise<void> {
    for (const tree of this.#trees) {
      if (await this.#parts.prepared.isUnchanged(tree)) continue
      // At once: nobody hears of the end, for what would hear is of the same trees.
      await this.stop('revoked')
      throw new PlatformError(
        'ACTIVATION_FAILED',
        'the unpacked code was changed while the function started',
      )
    }
  }

  /** After the answer: runtime and extensions may go on until all ask for the next invocation, within the same deadline. */
  async #settle(requestId: string, deadline: number): Promise<void> {
    const process = this.#process
    if (process === undefined) return
    const event = await process.next(deadline - this.#parts.clock.monotonicMs())
    if (event?.kind === 'ready') {
      this.#advance('ready')
      this.#telemetry.settled()
      return this.#freezeSoon()
    }
    if (this.#stopped !== undefined) return
    const { remark, status } = this.#unanswered(requestId, event)
    this.#telemetry.settled(status)
    if (process.extensions.all.length > 0 && remark !== undefined) this.#capture.line(remark)
    await this.#reset(event === undefined ? 'TIMEOUT' : 'FAILURE')
  }

  async #reset(reason: ShutdownReason): Promise<void> {
    const process = this.#process
    this.#process = undefined
    this.#ending = process
    this.#advance('reset')
    this.resets += 1
    await process?.stop(reason)
    this.#ending = undefined
  }

  /** Where an event is not allowed the environment was stopped meanwhile: it stays so. */
  #advance(event: EnvironmentEvent): void {
    const to = nextEnvironmentState(this.#state, event)
    assert(to !== undefined || this.#state === 'Stopped', `${event} while ${this.#state}`)
    this.#state = to ?? this.#state
  }

  #freezeSoon(): void {
    if (!this.#parts.isolation.capability.freezer || this.#stopped !== undefined) return
    this.#freezing.start(this.#parts.clock.monotonicMs(), () => {
      this.#advance('freeze')
      this.#process?.freeze()
    })
  }

  #wake(): void {
    this.#freezing.cancel()
    if (this.#state !== 'Frozen') return
    this.#process?.thaw()
    this.#advance('thaw')
  }

  /** The last lines of an invocation and its record, of the same numbers. */
  #report(call: InvokeCall, ending: Ending, times: Times): void {
    const { requestId } = call
    const { memoryMb } = this.spec
    const { status, errorType } = ending
    this.#say(this.#lines.end({ requestId, ...times, memoryMb, ...ending }))
    this.#telemetry.reported({ ...times, status, errorType })
    this.#parts.onAttempt(
      attemptOf(this.spec, call, { ending, times, endedAtMs: this.#parts.clock.nowMs() }),
    )
  }

  #say(lines: readonly string[]): void {
    for (const line of lines) this.#capture.line(line)
  }

  #sayInStream(lines: readonly string[]): void {
    for (const line of lines) this.#capture.streamLine(line)
  }
}
