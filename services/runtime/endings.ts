import {
  failurePayload,
  oversizePayload,
  recordedErrorType,
  type Exit,
  type Failure,
} from './failures.ts'
import type { InitOutcome } from './log-lines.ts'
import type { ProcessEvent } from './runtime-process.ts'
import type { Answer } from './session.ts'
import type { StreamedAnswer } from './streamed-answer.ts'

/** How one invocation ended within the environment. */
export interface Ending {
  readonly payload: Uint8Array
  readonly functionError: boolean
  readonly status?: 'timeout' | 'error'
  readonly errorType?: string
  /** The process is no longer fit for another invocation. */
  readonly broken: boolean
  /** Said in the log before END. */
  readonly remark?: string
}

export function answered(answer: Answer, streamed: StreamedAnswer): Ending {
  if (answer.kind === 'oversize' || (answer.kind === 'streamed' && streamed.over)) {
    const errorType = 'Function.ResponseSizeTooLarge'
    const payload = Buffer.from(oversizePayload(streamed.limitBytes))
    // One that was cut may go on writing: it is ended.
    return { payload, functionError: true, status: 'error', errorType, broken: streamed.cut }
  }
  if (answer.kind === 'streamed') {
    const { error } = answer
    const payload = error?.payload ?? streamed.gathered()
    return { payload, functionError: error !== undefined, broken: false }
  }
  if (answer.kind === 'response')
    return { payload: answer.payload, functionError: false, broken: false }
  return { payload: answer.payload, functionError: true, broken: false }
}

export function failed(failure: Failure): Ending {
  const { status, errorType } = failure
  return { payload: failurePayload(failure), functionError: true, status, errorType, broken: true }
}

export function initFailed(event: { payload: Uint8Array; errorType: string | undefined }): Ending {
  const errorType = recordedErrorType(event.errorType ?? typeIn(event.payload))
  return { payload: event.payload, functionError: true, status: 'error', errorType, broken: true }
}

/** The error type a runtime put into its error object, where it did. */
function typeIn(payload: Uint8Array): string | undefined {
  try {
    const { errorType } = JSON.parse(Buffer.from(payload).toString('utf8')) as {
      errorType?: unknown
    }
    return typeof errorType === 'string' ? errorType : undefined
  } catch {
    return undefined
  }
}

export function initOutcome(event: ProcessEvent | undefined): InitOutcome {
  if (event === undefined) return { status: 'timeout' }
  if (event.kind === 'extension-failed')
    return { status: 'error', errorType: event.failure.errorType }
  const errorType =
    event.kind === 'init-failed' ? (event.errorType ?? typeIn(event.payload)) : exitType(event)
  return { status: 'error', errorType: recordedErrorType(errorType) }
}

function exitType(event: ProcessEvent & { exit?: Exit }): string {
  return event.kind === 'exited' ? 'Runtime.ExitError' : 'Runtime.Unknown'
}
