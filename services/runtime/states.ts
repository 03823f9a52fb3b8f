/**
 * The order in which a runtime may call (SPEC A7), as one table. A pair that is not in it is refused: the default
 * refuses every transition, states name what they allow.
 */
export type RuntimeState =
  | 'Started'
  | 'InitError'
  | 'Ready'
  | 'Running'
  | 'InvocationResponse'
  | 'InvocationErrorResponse'
  | 'ResponseSent'

export type RuntimeEvent =
  /** The runtime asks for an invocation. */
  | 'next'
  /** We hand one over. */
  | 'invocation'
  /** The runtime begins an answer, or an error. */
  | 'response'
  | 'error'
  /** We have the whole of it. */
  | 'sent'
  /** The runtime says that it cannot start. */
  | 'initError'

export const transitions: Readonly<
  Record<RuntimeState, Readonly<Partial<Record<RuntimeEvent, RuntimeState>>>>
> = {
  Started: { next: 'Ready', initError: 'InitError' },
  InitError: {},
  // A client whose connection broke while it waited asks again.
  Ready: { next: 'Ready', invocation: 'Running' },
  Running: { response: 'InvocationResponse', error: 'InvocationErrorResponse' },
  InvocationResponse: { sent: 'ResponseSent' },
  InvocationErrorResponse: { sent: 'ResponseSent' },
  ResponseSent: { next: 'Ready' },
}

/** What each event aims at, for the words of a refusal. */
const target: Readonly<Record<RuntimeEvent, RuntimeState>> = {
  next: 'Ready',
  invocation: 'Running',
  response: 'InvocationResponse',
  error: 'InvocationErrorResponse',
  sent: 'ResponseSent',
  initError: 'InitError',
}

export function nextState(from: RuntimeState, event: RuntimeEvent): RuntimeState | undefined {
  return transitions[from][event]
}

/** AWS's words for a call out of order, sent with 403 InvalidStateTransition. */
export function refusalMessage(from: RuntimeState, event: RuntimeEvent): string {
  return `State transition from ${from} to ${target[event]} failed for runtime. Error: State transition is not allowed`
}
