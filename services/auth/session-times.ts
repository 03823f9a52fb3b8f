/** Without a request. */
export const SESSION_IDLE_MS = 30 * 60_000
/** However busy. */
export const SESSION_LIFETIME_MS = 12 * 3_600_000
/** Sessions of one principal; the oldest ends where there would be more. */
export const SESSIONS_LIMIT = 16

/** A clock that was set back makes nothing younger than it is. */
export function isOver(
  { beganAtMs, seenAtMs }: { readonly beganAtMs: number; readonly seenAtMs: number },
  nowMs: number,
): boolean {
  return (
    nowMs < beganAtMs ||
    nowMs - seenAtMs >= SESSION_IDLE_MS ||
    nowMs - beganAtMs >= SESSION_LIFETIME_MS
  )
}
