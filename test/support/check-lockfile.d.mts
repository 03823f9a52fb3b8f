/** Every fault of a lockfile beside its package.json, in sentences. */
export function wrongInLockfile(
  lock: { lockfileVersion?: number; packages?: Record<string, Record<string, unknown>> },
  manifest: { allowScripts?: Record<string, boolean> },
): string[]
