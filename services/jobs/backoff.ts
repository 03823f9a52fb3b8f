import type { Random } from '../model/index.ts'

const FIRST_MS = 500
const LONGEST_MS = 300_000

/** Twice as long after each failure, up to five minutes, spread by half so that failures do not march in step. */
export function backoffMs(attempt: number, random: Random): number {
  const full = Math.min(FIRST_MS * 2 ** (attempt - 1), LONGEST_MS)
  return Math.round(full / 2 + (full / 2) * random.fraction())
}
