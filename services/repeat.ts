import type { Clock } from './model/index.ts'
import type { Log } from './operations/index.ts'

/** What the service does by itself from time to time. */
export interface Repeated {
  readonly firstMs: number
  readonly everyMs: number
  readonly work: () => Promise<void>
  /** What the log says where it failed; it is tried again at its next time. */
  readonly failed: string
}

/** Repeats until disposed of; a run under way is waited for. */
export function repeat(
  { clock, log }: { readonly clock: Clock; readonly log: Log },
  { firstMs, everyMs, work, failed }: Repeated,
): AsyncDisposable {
  const stop = new AbortController()
  const run = async (): Promise<void> => {
    let waitMs = firstMs
    while (!stop.signal.aborted) {
      try {
        await clock.sleep(waitMs, stop.signal)
        await work()
      } catch (error) {
        if (!stop.signal.aborted) log.error({ err: error }, failed)
      }
      waitMs = everyMs
    }
  }
  const running = run()
  return {
    [Symbol.asyncDispose]: async () => {
      stop.abort()
      await running
    },
  }
}
