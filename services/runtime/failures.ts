/** What ended a process. `oom`: the kernel, or our watch, killed it for its memory. */
export interface Exit {
  readonly code: number | undefined
  readonly signal: string | undefined
  readonly oom: boolean
}

/** An invocation that failed without the function's own words (SPEC A6). */
export interface Failure {
  readonly errorType: string
  readonly errorMessage: string
  /** Status in the REPORT line. */
  readonly status: 'timeout' | 'error'
}

/** Names as AWS words them: "signal: killed". */
const SIGNAL_WORDS: Readonly<Record<string, string>> = {
  SIGKILL: 'killed',
  SIGTERM: 'terminated',
  SIGABRT: 'aborted',
  SIGSEGV: 'segmentation fault',
  SIGBUS: 'bus error',
  SIGILL: 'illegal instruction',
  SIGFPE: 'floating point exception',
  SIGHUP: 'hangup',
  SIGINT: 'interrupt',
}

export function timeoutFailure(requestId: string, timeoutSeconds: number): Failure {
  return {
    errorType: 'Sandbox.Timedout',
    errorMessage: `RequestId: ${requestId} Error: Task timed out after ${timeoutSeconds.toFixed(2)} seconds`,
    status: 'timeout',
  }
}

export function exitFailure(requestId: string, exit: Exit): Failure {
  return {
    errorType: 'Runtime.ExitError',
    errorMessage: `RequestId: ${requestId} Error: ${exitReason(exit)}`,
    status: 'error',
  }
}

/** AWS's words for how a runtime ended. */
export function exitReason(exit: Exit): string {
  const silent = !exit.oom && exit.signal === undefined && (exit.code ?? 0) === 0
  if (silent) return 'Runtime exited without providing a reason'
  return `Runtime exited with error: ${exitWords(exit)}`
}

/** The end of any process in AWS's words. */
export function exitWords(exit: Exit): string {
  if (exit.oom) return 'signal: killed'
  if (exit.signal !== undefined) {
    const word = SIGNAL_WORDS[exit.signal] ?? exit.signal.replace(/^SIG/, '').toLowerCase()
    return `signal: ${word}`
  }
  const code = exit.code ?? 0
  return code === 0 ? 'exit code 0' : `exit status ${code}`
}

/** An extension that failed takes the invocation with it. */
export function extensionFailure(
  requestId: string,
  { errorType, reason }: { readonly errorType: string; readonly reason: string },
): Failure {
  return { errorType, errorMessage: `RequestId: ${requestId} Error: ${reason}`, status: 'error' }
}

export function entrypointFailure(requestId: string): Failure {
  return {
    errorType: 'Runtime.InvalidEntrypoint',
    errorMessage: `RequestId: ${requestId} Error: Couldn't find valid bootstrap(s): [/var/task/bootstrap /opt/bootstrap]`,
    status: 'error',
  }
}

/** Recorded from AWS, member order and all. */
export function oversizePayload(limitBytes: number): string {
  return JSON.stringify({
    errorMessage: `Response payload size exceeded maximum allowed payload size (${limitBytes} bytes).`,
    errorType: 'Function.ResponseSizeTooLarge',
  })
}

export function failurePayload(failure: Failure): Uint8Array {
  const { errorType, errorMessage } = failure
  return Buffer.from(JSON.stringify({ errorType, errorMessage }))
}

/**
 * The error type kept in our own lines: what is not `Runtime.Xxx` or `Function.Xxx` is called Unknown there,
 * while the payload passes through as it is (SPEC A6).
 */
export function recordedErrorType(errorType: string | undefined): string {
  if (errorType === undefined) return 'Function.Unknown'
  if (/^(Runtime|Function)\.[A-Z][a-zA-Z]+$/.test(errorType)) return errorType
  return errorType.startsWith('Function.') ? 'Function.Unknown' : 'Runtime.Unknown'
}
