import { expect, test } from 'vitest'

import {
  exitFailure,
  exitReason,
  failurePayload,
  recordedErrorType,
  timeoutFailure,
} from '../../../services/runtime/failures.ts'
import { exitOfWrapper } from '../../../services/runtime/spawner/exits.ts'

const exit = (code: number | undefined, signal?: string, oom = false) => ({ code, signal, oom })

test.each([
  [exit(1), 'Runtime exited with error: exit status 1'],
  [exit(127), 'Runtime exited with error: exit status 127'],
  [exit(0), 'Runtime exited without providing a reason'],
  [exit(undefined, 'SIGKILL'), 'Runtime exited with error: signal: killed'],
  [exit(undefined, 'SIGSEGV'), 'Runtime exited with error: signal: segmentation fault'],
  [exit(undefined, 'SIGXCPU'), 'Runtime exited with error: signal: xcpu'],
  [exit(134, undefined, true), 'Runtime exited with error: signal: killed'],
])('%j is told as AWS tells it', (ended, reason) => {
  expect(exitReason(ended)).toBe(reason)
})

test('payloads have AWS’s members in AWS’s order', () => {
  expect(Buffer.from(failurePayload(timeoutFailure('r', 3))).toString()).toBe(
    '{"errorType":"Sandbox.Timedout","errorMessage":"RequestId: r Error: Task timed out after 3.00 seconds"}',
  )
  expect(Buffer.from(failurePayload(exitFailure('r', exit(2)))).toString()).toBe(
    '{"errorType":"Runtime.ExitError","errorMessage":"RequestId: r Error: Runtime exited with error: exit status 2"}',
  )
})

test.each([
  ['Runtime.ImportModuleError', 'Runtime.ImportModuleError'],
  ['Function.Whatever', 'Function.Whatever'],
  ['Function.what ever', 'Function.Unknown'],
  ['TypeError', 'Runtime.Unknown'],
  ['Runtime.Evil\nline', 'Runtime.Unknown'],
  [undefined, 'Function.Unknown'],
])('error type %j is recorded as %s', (given, recorded) => {
  expect(recordedErrorType(given)).toBe(recorded)
})

test.each([
  [0, null, exit(0)],
  [129, null, exit(129)],
  [128, null, exit(128)],
  [137, null, exit(undefined, 'SIGKILL')],
  [134, null, exit(undefined, 'SIGABRT')],
  [139, null, exit(undefined, 'SIGSEGV')],
  [null, 'SIGKILL', exit(undefined, 'SIGKILL')],
] as const)('bwrap’s exit %j %j is read as %j', (code, signal, expected) => {
  expect(exitOfWrapper(code, signal, false)).toEqual(expected)
})
