import type { ReleaseSpec } from '../../model/index.ts'

import type { Extension } from '../extensions.ts'
import { runtimeVersion, type InitOutcome } from '../log-lines.ts'
import type { Telemetry } from './telemetry.ts'

type Phase = 'init' | 'invoke'

/** How an invocation ended, as its REPORT says. */
interface Reported {
  readonly durationMs: number
  readonly billedMs: number
  readonly initMs: number | undefined
  readonly maxMemoryMb: number
  readonly status?: 'timeout' | 'error' | undefined
  readonly errorType?: string | undefined
}

const INITIALIZATION = 'on-demand'
const BYTES_PER_MB = 1_048_576

/** One invocation on its way; times are monotonic milliseconds. */
interface Invocation {
  readonly requestId: string
  readonly traceId: string | undefined
  readonly startedAtMs: number
  answered?: { readonly atMs: number; readonly producedBytes: number }
  runtimeReadyAtMs?: number
  runtimeDone?: true
  report?: Reported
  over?: true
}

/**
 * What the platform tells of one environment (SPEC A9), from start to start; nothing where no extension can hear it. Of an
 * invocation, in this order: that it began, that the runtime is done with it, and the report once extensions are, too.
 */
export class EnvironmentTelemetry {
  readonly #spec: ReleaseSpec
  readonly #instanceId: string
  #to: Telemetry | undefined
  #phase: Phase = 'init'
  #runtimeInitialised = false
  #invocation: Invocation | undefined

  constructor(spec: ReleaseSpec, instanceId: string) {
    this.#spec = spec
    this.#instanceId = instanceId
  }

  starting(telemetry: Telemetry, phase: Phase): void {
    this.#to = telemetry
    this.#phase = phase
    this.#runtimeInitialised = false
    telemetry.emit('platform.initStart', {
      initializationType: INITIALIZATION,
      phase,
      runtimeVersion: runtimeVersion(this.#spec),
      functionName: this.#spec.functionName,
      functionVersion: this.#spec.version,
      instanceId: this.#instanceId,
      instanceMaxMemory: this.#spec.memoryMb * BYTES_PER_MB,
    })
    // A start within an invocation: nobody was there to hear that it began.
    this.#tellStart()
  }

  /** INIT of all is over. */
  initialised(
    extensions: readonly Extension[],
    init: { readonly durationMs: number; readonly outcome: InitOutcome | undefined },
  ): void {
    const { outcome } = init
    for (const { name, state, topics, errorType } of extensions)
      this.#to?.emit('platform.extension', { name, state, events: [...topics], errorType })
    if (outcome !== undefined) this.#tellRuntimeInitialised(outcome)
    const metrics = { durationMs: rounded(init.durationMs) }
    this.#to?.emit('platform.initReport', { ...this.#initOf(outcome), metrics })
  }

  started(requestId: string, traceId: string | undefined, atMs: number): void {
    this.#invocation = { requestId, traceId, startedAtMs: atMs }
    this.#tellStart()
  }

  answered(atMs: number, producedBytes: number): void {
    if (this.#invocation === undefined) return
    this.#invocation.answered = { atMs, producedBytes }
    this.#tellRuntimeDone()
  }

  /** The runtime asks for its next invocation, or for its first. */
  runtimeReady(atMs: number): void {
    if (!this.#runtimeInitialised) return this.#tellRuntimeInitialised(undefined)
    if (this.#invocation === undefined) return
    this.#invocation.runtimeReadyAtMs = atMs
    this.#tellRuntimeDone()
  }

  reported(report: Reported): void {
    if (this.#invocation === undefined) return
    this.#invocation.report = report
    if (report.status !== undefined || this.#invocation.over === true) this.#tellReport()
  }

  /** All ask for the next, or time is up. */
  settled(status?: 'timeout' | 'error'): void {
    const invocation = this.#invocation
    if (invocation === undefined) return
    invocation.over = true
    if (invocation.report === undefined) return
    if (status !== undefined) invocation.report = { ...invocation.report, status }
    this.#tellReport()
  }

  #tellStart(): void {
    if (this.#to === undefined || this.#invocation === undefined) return
    const { requestId, traceId } = this.#invocation
    const { version } = this.#spec
    const tracing =
      traceId === undefined ? {} : { tracing: { type: 'X-Amzn-Trace-Id', value: traceId } }
    this.#to.emit('platform.start', { requestId, version, ...tracing })
  }

  #tellRuntimeInitialised(outcome: InitOutcome | undefined): void {
    if (this.#runtimeInitialised) return
    this.#runtimeInitialised = true
    this.#to?.emit('platform.initRuntimeDone', this.#initOf(outcome))
  }

  #initOf(outcome: InitOutcome | undefined): object {
    const { status = 'success' } = outcome ?? {}
    const errorType = outcome?.status === 'error' ? { errorType: outcome.errorType } : {}
    return { initializationType: INITIALIZATION, phase: this.#phase, status, ...errorType }
  }

  /** Well done: answered, and ready for the next. */
  #tellRuntimeDone(): void {
    const invocation = this.#invocation
    if (invocation?.answered === undefined || invocation.runtimeReadyAtMs === undefined) return
    if (invocation.runtimeDone === true) return
    invocation.runtimeDone = true
    const { requestId, startedAtMs, answered, runtimeReadyAtMs } = invocation
    const { producedBytes } = answered
    // The next request may have come in one piece with the answer, which is looked at later.
    const answeredAtMs = Math.min(answered.atMs, runtimeReadyAtMs)
    this.#to?.emit('platform.runtimeDone', {
      requestId,
      status: 'success',
      metrics: { durationMs: rounded(runtimeReadyAtMs - startedAtMs), producedBytes },
      spans: [
        this.#span('responseLatency', startedAtMs, answeredAtMs - startedAtMs),
        this.#span('responseDuration', answeredAtMs, 0),
        this.#span('runtimeOverhead', answeredAtMs, runtimeReadyAtMs - answeredAtMs),
      ],
    })
  }

  #tellReport(): void {
    const { requestId, runtimeDone, answered, report } = this.#invocation ?? {}
    this.#invocation = undefined
    if (report === undefined) return
    const { status = 'success', errorType } = report
    const how = errorType === undefined ? { status } : { status, errorType }
    const durationMs = rounded(report.durationMs)
    if (runtimeDone !== true) {
      const { producedBytes = 0 } = answered ?? {}
      const metrics = { durationMs, producedBytes }
      this.#to?.emit('platform.runtimeDone', { requestId, ...how, metrics })
    }
    const init = report.initMs === undefined ? {} : { initDurationMs: rounded(report.initMs) }
    this.#to?.emit('platform.report', {
      requestId,
      ...how,
      metrics: {
        durationMs,
        billedDurationMs: report.billedMs,
        memorySizeMB: this.#spec.memoryMb,
        maxMemoryUsedMB: report.maxMemoryMb,
        ...init,
      },
    })
  }

  #span(name: string, fromMs: number, durationMs: number): object {
    return { name, start: this.#to?.timeOf(fromMs), durationMs: rounded(durationMs) }
  }
}

/** As AWS: three decimals of a millisecond. */
function rounded(ms: number): number {
  return Math.round(ms * 1_000) / 1_000
}
