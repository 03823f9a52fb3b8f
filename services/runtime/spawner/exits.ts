import { constants } from 'node:os'

import type { Exit } from '../failures.ts'

const DEADLY = [
  'SIGKILL',
  'SIGSEGV',
  'SIGABRT',
  'SIGBUS',
  'SIGILL',
  'SIGFPE',
  'SIGTERM',
  'SIGTRAP',
  'SIGSYS',
] as const

/**
 * bwrap and shells report a death by signal N as exit status 128 + N. A function may exit with such a number itself
 * (AWS's Node client uses 128 and 129), so only the numbers of deadly signals are read as signals.
 */
export function exitOfWrapper(
  code: number | null,
  signal: NodeJS.Signals | null,
  oom: boolean,
): Exit {
  if (signal !== null) return { code: undefined, signal, oom }
  const name = DEADLY.find((each) => code === 128 + constants.signals[each])
  if (name !== undefined) return { code: undefined, signal: name, oom }
  return { code: code ?? undefined, signal: undefined, oom }
}
