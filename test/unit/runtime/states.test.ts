import { describe, expect, test } from 'vitest'

import { RuntimeSession, type Answer } from '../../../services/runtime/session.ts'
import {
  environmentTransitions,
  extensionRefusalMessage,
  extensionTransitions,
  nextEnvironmentState,
  nextExtensionState,
  nextState,
  refusalMessage,
  transitions,
  type EnvironmentEvent,
  type EnvironmentState,
  type ExtensionEvent,
  type ExtensionState,
  type RuntimeEvent,
  type RuntimeState,
} from '../../../services/runtime/states.ts'

interface Machine {
  readonly states: readonly string[]
  readonly events: readonly string[]
  readonly next: (state: string, event: string) => string | undefined
  /** Every pair that is allowed; all others are refused. */
  readonly allowed: Readonly<Record<string, string>>
}

const RUNTIME_EVENTS: readonly RuntimeEvent[] = [
  'next', 'invocation', 'response', 'error', 'sent', 'initError',
] // prettier-ignore
const EXTENSION_EVENTS: readonly ExtensionEvent[] = [
  'register', 'next', 'event', 'initError', 'exitError', 'launchError', 'exit',
] // prettier-ignore
const ENVIRONMENT_EVENTS: readonly EnvironmentEvent[] = [
  'start', 'ready', 'invoke', 'answer', 'reset', 'freeze', 'thaw', 'stop',
] // prettier-ignore

const MACHINES: Readonly<Record<string, Machine>> = {
  runtime: {
    states: Object.keys(transitions),
    events: RUNTIME_EVENTS,
    next: (state, event) => nextState(state as RuntimeState, event as RuntimeEvent),
    // SPEC A7
    allowed: {
      'Started next': 'Ready',
      'Started initError': 'InitError',
      'Ready next': 'Ready',
      'Ready invocation': 'Running',
      'Running response': 'InvocationResponse',
      'Running error': 'InvocationErrorResponse',
      'InvocationResponse sent': 'ResponseSent',
      'InvocationErrorResponse sent': 'ResponseSent',
      'ResponseSent next': 'Ready',
    },
  },
  extension: {
    states: Object.keys(extensionTransitions),
    events: EXTENSION_EVENTS,
    next: (state, event) => nextExtensionState(state as ExtensionState, event as ExtensionEvent),
    // SPEC A8
    allowed: {
      'Started register': 'Registered',
      'Started launchError': 'LaunchError',
      'Started exit': 'Exited',
      'Registered next': 'Ready',
      'Registered initError': 'InitError',
      'Registered exitError': 'ExitError',
      'Registered exit': 'Exited',
      'Ready next': 'Ready',
      'Ready event': 'Running',
      'Ready exitError': 'ExitError',
      'Ready exit': 'Exited',
      'Running next': 'Ready',
      'Running exitError': 'ExitError',
      'Running exit': 'Exited',
      'InitError initError': 'InitError',
      'InitError exit': 'Exited',
      'ExitError exitError': 'ExitError',
      'ExitError exit': 'Exited',
    },
  },
  environment: {
    states: Object.keys(environmentTransitions),
    events: ENVIRONMENT_EVENTS,
    next: (state, event) =>
      nextEnvironmentState(state as EnvironmentState, event as EnvironmentEvent),
    // SPEC A6
    allowed: {
      'Cold start': 'Starting',
      'Cold reset': 'Cold',
      'Cold stop': 'Stopped',
      'Starting ready': 'Ready',
      'Starting reset': 'Cold',
      'Starting stop': 'Stopped',
      'Ready invoke': 'Busy',
      'Ready freeze': 'Frozen',
      'Ready stop': 'Stopped',
      'Frozen thaw': 'Ready',
      'Frozen stop': 'Stopped',
      'Busy answer': 'Settling',
      'Busy reset': 'Cold',
      'Busy stop': 'Stopped',
      'Settling ready': 'Ready',
      'Settling reset': 'Cold',
      'Settling stop': 'Stopped',
      'Stopped stop': 'Stopped',
    },
  },
}

for (const [name, { states, events, next, allowed }] of Object.entries(MACHINES)) {
  describe(`the table of one ${name}`, () => {
    test.each(states.flatMap((state) => events.map((event) => [state, event] as const)))(
      '%s %s goes where it says, or nowhere',
      (state, event) => {
        expect(next(state, event)).toBe(allowed[`${state} ${event}`])
      },
    )

    test('every state can be reached, and every event leads somewhere', () => {
      const reached = new Set([states[0], ...Object.values(allowed)])
      const used = new Set(Object.keys(allowed).map((pair) => pair.split(' ')[1]))

      expect(reached).toEqual(new Set(states))
      expect(used).toEqual(new Set(events))
    })
  })
}

test('a refused extension is told both states and its name', () => {
  expect(extensionRefusalMessage('Ready', 'register', 'sh')).toBe(
    'State transition from Ready to Registered failed for extension sh. Error: State transition is not allowed',
  )
})

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
