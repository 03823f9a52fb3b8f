import type { Socket } from 'node:net'

import type {
  AttemptRecord,
  ByteSource,
  Clock,
  ConcurrencyCap,
  Place,
  Random,
  ReleaseSpec,
  Sha256,
  Tracer,
} from '../model/index.ts'
import type { RecordFacts } from './framed-logs.ts'
import type { ConcurrencyUsed } from './slots.ts'

/** What the runtime needs of the blob store: bytes by digest, with the path they lie at. */
export interface BlobReader {
  open(digest: Sha256): ByteSource & { readonly path: string; [Symbol.dispose](): void }
}

export interface Log {
  debug(fields: object, message: string): void
  info(fields: object, message: string): void
  warn(fields: object, message: string): void
  error(fields: object, message: string): void
}

export interface RuntimeOptions {
  readonly dataDir: string
  readonly blobs: BlobReader
  readonly clock: Clock
  readonly random: Random
  readonly isolation: 'auto' | DriverName
  /** Refuse to run anything unless isolation is `full` (RULES §8). */
  readonly requireIsolation: boolean
  readonly place: Place
  readonly maxEnvironments: number
  /** How many environments without code wait for each kind of start that is asked for; none unless told. */
  readonly prewarmed?: number
  /** Whether the nearest version of a language stands in where the exact one is missing; it does unless told. */
  readonly substitute?: boolean
  /** Connects functions to the hosts of their lists; absent where the operator did not turn that on. */
  readonly egress?: EgressDialer | undefined
  /** A folder with more interpreters. */
  readonly runtimesDir?: string | undefined
  readonly log: Log
  /** Absent where nobody watches. */
  readonly tracer?: Tracer | undefined
  /** What a streamed answer may come to; AWS's 200 MB unless told. */
  readonly streamedAnswerLimitBytes?: number
  readonly logs: LogSink
  /** What every attempt came to: with its REPORT line, never without. Must not throw. */
  readonly onAttempt?: (record: AttemptRecord) => void
  /** Of each invocation that is let in. Must not throw. */
  readonly onConcurrencyUsed?: (functionName: string, used: ConcurrencyUsed) => void
}

/** Connects to a host by its name once all of its addresses were found to be allowed, and to one of those. */
export interface EgressDialer {
  dial(host: string, port: number, signal: AbortSignal): Promise<EgressDialed>
}

export type EgressDialed =
  | { readonly kind: 'connected'; readonly socket: Socket }
  /** An address of it is not allowed. */
  | { readonly kind: 'forbidden'; readonly address: string }
  | { readonly kind: 'failed'; readonly why: string }

/** Where environments write; taking bytes costs memory alone. */
export interface LogSink {
  writerFor(target: {
    readonly group: string
    readonly stream: string
    readonly functionName: string
  }): LogWriter
}

/** Bytes as they came, and the invocation that they came in; with `record` they are one event, of several lines or none. */
export type LogWriter = (
  bytes: Uint8Array,
  requestId: string | undefined,
  record?: RecordFacts,
) => void

export type DriverName = 'bubblewrap' | 'crun' | 'process'

/**
 * What the machine lets us promise. `full`: namespaces AND seccomp AND enforced memory and pids limits (RULES §8);
 * `partial`: a sandbox lacking one of them; `none`: no sandbox. `missing` says which.
 */
export interface Capability {
  readonly driver: DriverName
  readonly isolation: 'full' | 'partial' | 'none'
  readonly missing: readonly string[]
  /** Whether environments can be frozen between invocations. */
  readonly freezer: boolean
  /** Whether runtimes that bring their own client (`provided.*`) can be given their Runtime API. */
  readonly customRuntimes: boolean
  /** Whether environments can be started before their code is known. */
  readonly prewarming: boolean
}

export interface InvokeCall {
  readonly requestId: string
  readonly payload: Uint8Array
  /** The ARN as invoked, alias included. */
  readonly invokedArn: string
  /** JSON text, as decoded from X-Amz-Client-Context. */
  readonly clientContext?: string
  readonly traceId?: string
  readonly tail: boolean
  /** Which try of an event it is; 1 where it is none. */
  readonly attempt?: number
  /** Takes an answer piece by piece as the function streams it; without one all of it is gathered. */
  readonly answer?: AnswerSink | undefined
  /** Enforced where given: what of the function may be in flight at once. */
  readonly concurrency?: ConcurrencyCap | undefined
  /** The caller went away: `invoke` rejects, the function runs to its end, as on AWS. */
  readonly signal: AbortSignal
  /** Told of what settles when the function has ended, whether anybody waits for it or not. */
  readonly onRun?: ((run: Promise<unknown>) => void) | undefined
}

/** Where an answer goes that the function streams. Neither of the two may throw. */
export interface AnswerSink {
  /** Called once, before the first piece; the content type is the runtime's word for it. */
  begin(contentType: string | undefined): void
  /** Resolves when the next piece may come: until then the function's own writes wait. */
  write(piece: Uint8Array): Promise<void>
}

export interface InvokeOutcome {
  /**
   * Byte-exact: what the function answered, or the error object of SPEC A6. Of an answer that went to a sink, nothing,
   * or the error that ended it.
   */
  readonly payload: Uint8Array
  readonly functionError: boolean
  /** Of an answer that the function streamed, whoever took it. */
  readonly contentType?: string | undefined
  /** The last 4 KB of log; empty unless asked for. */
  readonly logTail: Uint8Array
  readonly durationMs: number
  readonly billedMs: number
  /** Only for an invocation that started its environment. */
  readonly initMs?: number
  readonly maxMemoryMb: number
}

export type ResolvedRuntime =
  | {
      readonly kind: 'ok'
      readonly interpreter: string
      readonly version?: string
      /** Said where the machine's interpreter stands in for AWS's. */
      readonly substitute?: string
    }
  | { readonly kind: 'unsupported'; readonly reason: string }

export interface RuntimeStats {
  readonly environments: number
  readonly busy: number
  readonly idle: number
  readonly started: number
  readonly reset: number
  /** Invocations that run now, by function. */
  readonly inFlight: ReadonlyMap<string, number>
  readonly prewarmed: PrewarmedStats
}

/** Environments without code: how many wait, how many are still to come, how many became somebody's. */
export interface PrewarmedStats {
  readonly ready: number
  readonly missing: number
  readonly assigned: number
}

/** So many environments of a release are started beforehand and kept. */
export interface WarmWish {
  readonly spec: ReleaseSpec
  readonly count: number
}

/** What of a version is taken out of use, and what its running invocations have left. */
export interface Retirement {
  readonly release?: Sha256
  readonly graceMs?: number
}

export interface Runtime extends AsyncDisposable {
  readonly capability: Capability
  /** Whether what the lists of functions name is opened: it was turned on, and this machine holds them to it. */
  readonly opensEgress: boolean
  /**
   * Re-hashes the blobs, unpacks each once, and compares the trees with the spec's.
   * @throws PlatformError ACTIVATION_FAILED
   */
  prepare(spec: ReleaseSpec): Promise<void>
  /**
   * Re-hashes every prepared tree; a changed one is moved aside and prepared again when next needed.
   * Returns the digests of the changed ones.
   */
  verifyPrepared(): Promise<readonly string[]>
  /** Digests of the packages that are prepared, and were before that instant. */
  listPrepared(beforeMs: number): Sha256[]
  /** Takes a prepared tree away, which is prepared again when needed; false where an environment uses it now. */
  dropPrepared(codeSha256: Sha256): Promise<boolean>
  resolveRuntime(id: string): ResolvedRuntime
  /** For every runtime id, what serves it here or why nothing does: for people. */
  describeRuntimes(): Readonly<Record<string, string>>
  /** @throws PlatformError TOO_MANY_REQUESTS, ACTIVATION_FAILED, INVALID_RUNTIME, UNAVAILABLE */
  invoke(spec: ReleaseSpec, call: InvokeCall): Promise<InvokeOutcome>
  /**
   * Kills the environments of that version, or of one release of it; running invocations are rejected with UNAVAILABLE, at
   * once or when their grace is over, and nothing new comes to them. Whoever waits for one is told `notBegun`.
   */
  retire(functionId: string, version: string, how?: Retirement): Promise<void>
  /** From now on these are kept warm, and no others; starts what is missing, and again what ends. */
  keepWarm(wishes: readonly WarmWish[]): void
  /** How many environments of a release are past INIT, and why there are not more where a start failed. */
  warm(spec: ReleaseSpec): { readonly ready: number; readonly failure?: string | undefined }
  stats(): RuntimeStats
  /** Invocations of a version that run now. */
  running(spec: Pick<ReleaseSpec, 'functionId' | 'version'>): number
}
