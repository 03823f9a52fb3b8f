/** What one attempt to run a function came to, as its REPORT line says it. */
export interface AttemptRecord {
  /** When it ended, milliseconds since the epoch. */
  readonly endedAtMs: number
  readonly requestId: string
  readonly functionName: string
  /** `$LATEST` or digits. */
  readonly version: string
  /** 1, and more for an event that is tried again. */
  readonly attempt: number
  /** `error`: the function's own, or that of its process; `stopped`: its environment was taken out of use. */
  readonly outcome: 'success' | 'error' | 'timeout' | 'stopped'
  readonly durationMs: number
  /** Duration and INIT, rounded up to a millisecond. */
  readonly billedMs: number
  readonly memoryMb: number
  readonly maxMemoryMb: number
  /** Where it started its environment. */
  readonly initMs?: number | undefined
}
