import { mkdirSync } from 'node:fs'
import { join, resolve } from 'node:path'

import {
  PlatformError,
  defaultLogging,
  limits,
  toIsoTime,
  traced,
  type ReleaseSpec,
  type Sha256,
} from '../model/index.ts'

import {
  IDLE_ENVIRONMENT_MS,
  REAP_INTERVAL_MS,
  SETTLE_FULL_WAIT_MS,
  SETTLE_WAIT_MS,
} from './constants.ts'
import { Environment, type EnvironmentParts } from './environment.ts'
import type { Isolation } from './handle.ts'
import {
  findInterpreters,
  resolveRuntime,
  RUNTIME_IDS,
  runtimeFamily,
  type Interpreters,
} from './interpreters.ts'
import { openIsolation } from './isolation.ts'
import { LogCapture } from './log-capture.ts'
import type {
  Capability, InvokeCall, InvokeOutcome, Log, ResolvedRuntime, Retirement, Runtime, RuntimeOptions,
  RuntimeStats, WarmWish,
} from './options.ts' // prettier-ignore
import { Pool } from './pool.ts'
import { PreparedTrees } from './prepare/prepared-trees.ts'
import { WorkThread } from './prepare/work-thread.ts'
import { findPrograms } from './programs.ts'
import { Slots } from './slots.ts'
import { TelemetryBudget } from './telemetry/budget.ts'
import { Warmth } from './warmth.ts'

/**
 * Starts the spawner and asks it what this machine offers.
 * @throws PlatformError CONFIGURATION when that is less than was required
 */
export async function openRuntime(options: RuntimeOptions): Promise<Runtime> {
  const { random, log } = options
  // The spawner and the workers have another working directory.
  const dataDir = resolve(options.dataDir)
  const programs = findPrograms()
  mkdirSync(dataDir, { recursive: true, mode: 0o700 })
  const interpreters = await findInterpreters({
    nodePath: process.execPath,
    nodeVersion: process.version,
    runtimesDir: options.runtimesDir,
    substitute: options.substitute ?? true,
  })
  tellStandIns(interpreters, log)
  const driver = options.isolation
  const { prewarmed = 0 } = options
  const around = { programs, interpreters, random, log }
  const isolation = await openIsolation({ dataDir, driver, prewarmed, ...around })
  const { capability } = isolation
  if (options.requireIsolation && capability.isolation !== 'full') {
    await isolation[Symbol.asyncDispose]()
    const missing = capability.missing.join(', ')
    throw new PlatformError(
      'CONFIGURATION',
      `isolation is required and \`${capability.driver}\` gives \`${capability.isolation}\`: ${missing} missing`,
    )
  }
  if (capability.isolation !== 'full') {
    log.warn({ ...capability }, 'functions run without full isolation')
  }
  const unpacking = new WorkThread(programs.worker)
  const checking = new WorkThread(programs.worker)
  const dir = join(dataDir, 'prepared')
  const { blobs } = options
  const prepared = new PreparedTrees({ dir, blobs, random, log, unpacking, checking })
  const threads = [unpacking, checking]
  return new PooledRuntime({ ...options, dataDir }, { isolation, interpreters, prepared, threads })
}

interface Opened {
  readonly isolation: Isolation
  readonly interpreters: Interpreters
  readonly prepared: PreparedTrees
  readonly threads: readonly AsyncDisposable[]
}

class PooledRuntime implements Runtime {
  readonly #options: RuntimeOptions
  readonly #opened: Opened
  readonly #parts: EnvironmentParts
  readonly #pool: Pool
  readonly #slots = new Slots()
  readonly #inFlight = new Map<string, number>()
  readonly #warmth: Warmth
  readonly #reaper: NodeJS.Timeout
  readonly #waiting = new Set<{ readonly spec: ReleaseSpec; retired: boolean }>()
  #started = 0
  #resets = 0
  readonly #closing = new AbortController()
  #closed = false

  constructor(options: RuntimeOptions, opened: Opened) {
    this.#options = options
    this.#opened = opened
    this.#parts = {
      place: options.place,
      clock: options.clock,
      random: options.random,
      apiServed: opened.isolation.capability.customRuntimes,
      dialer: this.opensEgress ? options.egress : undefined,
      interpreters: opened.interpreters,
      prepared: opened.prepared,
      isolation: opened.isolation,
      budget: new TelemetryBudget(),
      onAttempt: options.onAttempt ?? (() => undefined),
      streamedLimitBytes: options.streamedAnswerLimitBytes ?? limits.STREAMED_ANSWER_LIMIT_BYTES,
    }
    const nowMs = (): number => options.clock.monotonicMs()
    this.#pool = new Pool(options.maxEnvironments, (spec) => this.#create(spec), nowMs)
    opened.prepared.onChanged = (digest) => this.#stopUsersOf(digest)
    this.#warmth = new Warmth(this.#pool, options.log)
    this.#reaper = setInterval(() => {
      this.#pool.reap(IDLE_ENVIRONMENT_MS)
      this.#warmth.tryAgain()
    }, REAP_INTERVAL_MS).unref()
  }

  get capability(): Capability {
    return this.#opened.isolation.capability
  }

  get opensEgress(): boolean {
    const { driver, customRuntimes } = this.capability
    return this.#options.egress !== undefined && driver !== 'process' && customRuntimes
  }

  async prepare(spec: ReleaseSpec): Promise<void> {
    const { prepared } = this.#opened
    await prepared.ensure(spec.code)
    const layers: string[] = []
    for (const layer of spec.layers) layers.push((await prepared.ensure(layer)).dir)
    await prepared.checkStack(layers)
  }

  verifyPrepared(): Promise<readonly string[]> {
    return this.#opened.prepared.verifyAll()
  }

  listPrepared(beforeMs: number): Sha256[] {
    return this.#opened.prepared.list(beforeMs)
  }

  async dropPrepared(codeSha256: Sha256): Promise<boolean> {
    if (this.#pool.some(({ spec }) => usesCode(spec, codeSha256))) return false
    return await this.#opened.prepared.drop(codeSha256)
  }

  resolveRuntime(id: string): ResolvedRuntime {
    const resolved = resolveRuntime(id, this.#opened.interpreters)
    const family = runtimeFamily(id)
    if ((family !== 'custom' && family !== 'java') || this.capability.customRuntimes)
      return resolved
    const reason = `runtime \`${id}\` needs its Runtime API inside the sandbox, which only root can open there`
    return { kind: 'unsupported', reason }
  }

  describeRuntimes(): Readonly<Record<string, string>> {
    return Object.fromEntries(RUNTIME_IDS.map((id) => [id, describe(this.resolveRuntime(id))]))
  }

  async invoke(spec: ReleaseSpec, call: InvokeCall): Promise<InvokeOutcome> {
    if (this.#closed) throw new PlatformError('UNAVAILABLE', 'the runtime is closed')
    call.signal.throwIfAborted()
    const runtime = this.resolveRuntime(spec.runtime)
    if (runtime.kind === 'unsupported') throw new PlatformError('INVALID_RUNTIME', runtime.reason)
    const leave = this.#enter(spec, call)
    const { tracer } = this.#options
    const running = traced(tracer, 'lease', () => this.#lease(spec)).then((environment) =>
      traced(tracer, 'function', () => this.#invoke(environment, call)),
    )
    const run = running.finally(leave)
    call.onRun?.(run)
    return await orAborted(run, call.signal)
  }

  /** Takes a place; the returned function gives it back. @throws PlatformError TOO_MANY_REQUESTS */
  #enter({ functionId, functionName, version }: ReleaseSpec, call: InvokeCall): () => void {
    const { leave, used } = this.#slots.enter(functionId, version, call.concurrency)
    this.#options.onConcurrencyUsed?.(functionName, used)
    this.#inFlight.set(functionName, (this.#inFlight.get(functionName) ?? 0) + 1)
    return () => {
      leave()
      const left = (this.#inFlight.get(functionName) ?? 1) - 1
      if (left > 0) this.#inFlight.set(functionName, left)
      else this.#inFlight.delete(functionName)
    }
  }

  async retire(functionId: string, version: string, how: Retirement = {}): Promise<void> {
    const { release, graceMs = 0 } = how
    const matches = (spec: ReleaseSpec): boolean =>
      spec.functionId === functionId &&
      spec.version === version &&
      (release === undefined || spec.release === release)
    for (const wait of this.#waiting) wait.retired ||= matches(wait.spec)
    const busy = await this.#pool.retireWhere(({ spec }) => matches(spec))
    if (graceMs > 0 && busy.length > 0) await this.#grace(graceMs)
    await Promise.all(busy.map((environment) => environment.stop('revoked')))
  }

  /** Over when the time is, or when the runtime closes. */
  async #grace(graceMs: number): Promise<void> {
    await this.#options.clock.sleep(graceMs, this.#closing.signal).catch(() => undefined)
  }

  keepWarm(wishes: readonly WarmWish[]): void {
    if (!this.#closed) this.#warmth.keep(wishes)
  }

  warm(spec: ReleaseSpec): { readonly ready: number; readonly failure?: string | undefined } {
    return this.#warmth.state(spec)
  }

  running({ functionId, version }: Pick<ReleaseSpec, 'functionId' | 'version'>): number {
    return this.#slots.count(functionId, version)
  }

  stats(): RuntimeStats {
    const { size, idle } = this.#pool
    return {
      environments: size,
      busy: size - idle,
      idle,
      started: this.#started,
      reset: this.#resets,
      inFlight: this.#inFlight,
      prewarmed: this.#opened.isolation.prewarmed,
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#closed) return
    this.#closed = true
    this.#closing.abort()
    clearInterval(this.#reaper)
    this.#warmth.keep([])
    await this.#pool.stopWhere(() => true, 'closing')
    await this.#opened.isolation[Symbol.asyncDispose]()
    for (const thread of this.#opened.threads) await thread[Symbol.asyncDispose]()
  }

  /** An environment, or the wait for one that has just answered; who waits while his version is retired gets none. */
  async #lease(spec: ReleaseSpec): Promise<Environment> {
    const wait = { spec, retired: false }
    this.#waiting.add(wait)
    // Where no other could be started, there is nothing better than to wait.
    const waitMs = this.#pool.full ? SETTLE_FULL_WAIT_MS : SETTLE_WAIT_MS
    await this.#pool.untilSettled(spec, waitMs)
    this.#waiting.delete(wait)
    if (wait.retired) {
      const detail = { notBegun: true }
      throw new PlatformError('UNAVAILABLE', 'the version was retired meanwhile', { detail })
    }
    return this.#pool.lease(spec)
  }

  async #invoke(environment: Environment, call: InvokeCall): Promise<InvokeOutcome> {
    const resets = environment.resets
    try {
      const { outcome, settled } = await environment.invoke(call)
      void this.#pool.settle(environment, settled).finally(() => {
        this.#resets += environment.resets - resets
        this.#warmth.topUp()
      })
      return outcome
    } catch (cause) {
      // It never came to run, or was stopped: nothing of it is kept.
      this.#pool.forget(environment)
      await environment.stop('failed')
      throw cause
    }
  }

  /** What runs from a tree that was changed is not what was admitted: it stops (promise P1). */
  #stopUsersOf(digest: Sha256): void {
    void this.#pool.stopWhere(({ spec, running }) => running && usesCode(spec, digest), 'revoked')
  }

  #create(spec: ReleaseSpec): Environment {
    this.#started += 1
    const { clock, random, logs } = this.#options
    const word = Buffer.from(random.bytes(16)).toString('hex')
    const date = toIsoTime(clock.nowMs()).slice(0, 10).replaceAll('-', '/')
    const slot = { name: word, logStream: `${date}/[${spec.version}]${word}` }
    const { functionName, logging = defaultLogging(functionName) } = spec
    const target = { group: logging.group, stream: slot.logStream, functionName }
    const capture = new LogCapture(logs.writerFor(target))
    return new Environment(spec, slot, this.#parts, capture)
  }
}

function describe(resolved: ResolvedRuntime): string {
  if (resolved.kind === 'unsupported') return resolved.reason
  const { interpreter, version, substitute } = resolved
  return substitute ?? [interpreter, version].join(' ').trim()
}

/** One line: what was found, and what stands in for what it is not. */
function tellStandIns(interpreters: Interpreters, log: Log): void {
  const standIns = RUNTIME_IDS.map((id) => resolveRuntime(id, interpreters)).flatMap((resolved) =>
    resolved.kind === 'ok' && resolved.substitute !== undefined ? [resolved.substitute] : [],
  )
  const found = interpreters.all.map(
    ({ language, version, path }) => `${language} ${version} ${path}`,
  )
  log.info({ found, standIns, substitute: interpreters.substitute }, 'interpreters found')
}

/** The caller may go away; the function runs on, and what it answers is dropped. */
function orAborted<T>(running: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const onAbort = (): void => reject(signal.reason as Error)
    signal.addEventListener('abort', onAbort, { once: true })
    running.then(resolve, reject).finally(() => signal.removeEventListener('abort', onAbort))
  })
}

function usesCode({ code, layers }: ReleaseSpec, digest: Sha256): boolean {
  return [code, ...layers].some(({ codeSha256 }) => codeSha256 === digest)
}
