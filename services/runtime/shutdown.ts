import type { Clock } from '../model/index.ts'

import { SHUTDOWN_EXTERNAL_MS, SHUTDOWN_INTERNAL_MS, SHUTDOWN_RUNTIME_SHARE } from './constants.ts'
import type { Extensions, ShutdownReason } from './extensions.ts'
import type { EnvironmentHandle } from './handle.ts'
import type { Telemetry } from './telemetry/telemetry.ts'

export interface Shutdown {
  readonly reason: ShutdownReason
  readonly clock: Clock
  readonly handle: EnvironmentHandle
  readonly extensions: Extensions
  readonly telemetry: Telemetry | undefined
  /** Resolves once the runtime's process is gone, or at once where it was never started. */
  readonly runtimeEnded: Promise<unknown>
}

/**
 * SHUTDOWN (SPEC A6.3): first the runtime has a moment to end, then the extensions that asked for it. Without a registered
 * extension nobody has any. What is left afterwards is the caller's to kill.
 */
export async function shutDown(shutdown: Shutdown): Promise<void> {
  const { handle, extensions, telemetry, clock } = shutdown
  extensions.beginShutdown()
  const registered = extensions.all.filter(({ state }) => state !== 'Started')
  if (registered.length === 0) return
  const budgetMs = extensions.hasExternal ? SHUTDOWN_EXTERNAL_MS : SHUTDOWN_INTERNAL_MS
  const runtimeMs = extensions.hasExternal ? budgetMs * SHUTDOWN_RUNTIME_SHARE : budgetMs
  const end = clock.monotonicMs() + budgetMs
  handle.signal('runtime', 'SIGTERM')
  await within(runtimeMs, shutdown.runtimeEnded)
  if (!extensions.hasExternal) return
  handle.signal('runtime', 'SIGKILL')
  for (const { index, topics } of registered)
    if (index !== undefined && !topics.has('SHUTDOWN')) handle.signal(index, 'SIGKILL')
  const leftMs = end - clock.monotonicMs()
  void telemetry?.flush()
  extensions.shutdown({
    eventType: 'SHUTDOWN',
    shutdownReason: shutdown.reason,
    deadlineMs: Math.round(clock.nowMs() + leftMs),
  })
  await within(leftMs, Promise.race([extensions.untilGone(), handle.exited]))
}

async function within(ms: number, done: Promise<unknown>): Promise<void> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise((resolve) => {
    timer = setTimeout(resolve, Math.max(0, ms))
  })
  await Promise.race([done, late])
  clearTimeout(timer)
}
