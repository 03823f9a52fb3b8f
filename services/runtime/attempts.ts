import type { AttemptRecord, ReleaseSpec } from '../model/index.ts'

import type { Ending } from './endings.ts'
import { rounded } from './log-lines.ts'
import type { InvokeCall, InvokeOutcome } from './options.ts'

/** What an invocation took. */
export type Times = Pick<InvokeOutcome, 'durationMs' | 'billedMs' | 'maxMemoryMb'> & {
  readonly initMs: number | undefined
}

/** It was taken out of use, or could not be started again, while the function ran. */
export const STOPPED: Ending = {
  payload: Buffer.alloc(0),
  functionError: true,
  status: 'error',
  errorType: 'Sandbox.Stopped',
  broken: true,
}

/** The record of one attempt, of the numbers that its REPORT line tells. */
export function attemptOf(
  { functionName, version, memoryMb }: ReleaseSpec,
  { requestId, attempt = 1 }: InvokeCall,
  end: { readonly ending: Ending; readonly times: Times; readonly endedAtMs: number },
): AttemptRecord {
  const { durationMs, billedMs, maxMemoryMb, initMs } = end.times
  return {
    endedAtMs: end.endedAtMs,
    requestId,
    functionName,
    version,
    attempt,
    outcome: outcomeOf(end.ending),
    durationMs: rounded(durationMs),
    billedMs,
    memoryMb,
    maxMemoryMb,
    initMs: initMs === undefined ? undefined : rounded(initMs),
  }
}

function outcomeOf(ending: Ending): AttemptRecord['outcome'] {
  if (ending === STOPPED) return 'stopped'
  if (ending.status === 'timeout') return 'timeout'
  return ending.functionError ? 'error' : 'success'
}
