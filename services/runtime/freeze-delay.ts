import { FREEZE_DELAY_LIMIT_MS, FREEZE_DELAY_MS } from './constants.ts'

/** How long an environment stays thawed that waited so long for the invocation which it has just answered. */
export function freezeDelayMs(waitedMs: number): number {
  const wanted = 2 * waitedMs
  return wanted > FREEZE_DELAY_LIMIT_MS ? FREEZE_DELAY_MS : Math.max(wanted, FREEZE_DELAY_MS)
}
