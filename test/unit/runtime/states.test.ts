import { describe, expect, test } from 'vitest'

import { RuntimeSession, type Answer } from '../../../services/runtime/session.ts'
import {
  nextState,
  refusalMessage,
  transitions,
  type RuntimeEvent,
  type RuntimeState,
} from '../../../services/runtime/states.ts'

const STATES = Object.keys(transitions) as RuntimeState[]
const EVENTS: RuntimeEvent[] = ['next', 'invocation', 'response', 'error', 'sent', 'initError']

/** Every pair that is allowed (SPEC A7); all others are refused. */
const ALLOWED: Readonly<Record<string, RuntimeState>> = {
  'Started next': 'Ready',
  'Started initError': 'InitError',
  'Ready next': 'Ready',
  'Ready invocation': 'Running',
  'Running response': 'InvocationResponse',
  'Running error': 'InvocationErrorResponse',
  'InvocationResponse sent': 'ResponseSent',
  'InvocationErrorResponse sent': 'ResponseSent',
  'ResponseSent next': 'Ready',
}

test.each(STATES.flatMap((state) => EVENTS.map((event) => [state, event] as const)))(
  '%s %s goes where the table says, or nowhere',
  (state, event) => {
    expect(nextState(state, event)).toBe(ALLOWED[`${state} ${event}`])
  },
)

test('a refusal names both states in AWS’s words', () => {
  expect(refusalMessage('Running', 'next')).toBe(
    'State transition from Running to Ready failed for runtime. Error: State transition is not allowed',
  )
})

const invocation = (requestId: string) => ({
  requestId,
  deadlineMs: 1,
  invokedArn: 'arn',
  traceId: undefined,
  clientContext: undefined,
  payload: new Uint8Array(),
})

function session() {
  const seen: string[] = []
  const answers: Answer[] = []
  const made = new RuntimeSession({
    ready: () => seen.push('ready'),
    answered: (answer) => answers.push(answer),
    initFailed: () => seen.push('initFailed'),
    streamBegun: (contentType) => seen.push(`stream ${contentType}`),
    piece: () => undefined,
  })
  return { made, seen, answers }
}

describe('a session', () => {
  test('takes an answer only for the invocation in hand', () => {
    const { made, answers } = session()
    made.next(() => undefined)
    made.invoke(invocation('a'))

    expect(made.begin('b', 'response')).toMatchObject({
      status: 400,
      errorType: 'InvalidRequestID',
    })
    expect(made.begin('a', 'response')).toBeUndefined()
    made.complete({ kind: 'response', payload: Buffer.from('1') })
    expect(made.begin('a', 'response')).toMatchObject({
      status: 403,
      errorType: 'InvalidStateTransition',
    })
    expect(answers).toHaveLength(1)
  })

  test('knows no request once the runtime has asked for the next', () => {
    const { made } = session()
    made.next(() => undefined)
    made.invoke(invocation('a'))
    made.begin('a', 'error')
    made.complete({ kind: 'error', payload: new Uint8Array() })
    made.next(() => undefined)

    expect(made.begin('a', 'response')).toMatchObject({ errorType: 'InvalidRequestID' })
  })

  test('refuses next without an answer, and init/error after next', () => {
    const { made, seen } = session()
    made.next(() => undefined)
    made.invoke(invocation('a'))

    expect(made.next(() => undefined)).toMatchObject({ status: 403 })
    expect(made.failInit(new Uint8Array(), undefined)).toMatchObject({ status: 403 })
    expect(seen).toEqual(['ready'])
  })

  test('hands an invocation to whoever asked last, once', () => {
    const { made, seen } = session()
    const got: string[] = []
    made.next(() => got.push('first connection'))
    made.next(() => got.push('second connection'))

    made.invoke(invocation('a'))

    expect(got).toEqual(['second connection'])
    expect(seen).toEqual(['ready'])
    expect(() => made.invoke(invocation('b'))).toThrow('no runtime waits')
  })
})
