import type { Random } from './random.ts'

export interface BackoffBounds {
  readonly firstMs: number
  readonly longestMs: number
}

/** Twice as long after each failure, spread by half so that failures do not march in step. */
export function backoffMs(attempt: number, bounds: BackoffBounds, random: Random): number {
  const full = Math.min(bounds.firstMs * 2 ** (attempt - 1), bounds.longestMs)
  return Math.round(full / 2 + (full / 2) * random.fraction())
}
