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

/** One extension, as the Extensions API sees it (SPEC A8). */
export type ExtensionState =
  | 'Started'
  | 'Registered'
  | 'Ready'
  | 'Running'
  | 'InitError'
  | 'ExitError'
  | 'LaunchError'
  | 'Exited'

export type ExtensionEvent =
  | 'register'
  /** It asks for its next event. */
  | 'next'
  /** We hand one over. */
  | 'event'
  /** It says that it cannot start, or go on. */
  | 'initError'
  | 'exitError'
  /** Its program could not be started. */
  | 'launchError'
  /** Its process is gone. */
  | 'exit'

export const extensionTransitions: Readonly<
  Record<ExtensionState, Readonly<Partial<Record<ExtensionEvent, ExtensionState>>>>
> = {
  Started: { register: 'Registered', launchError: 'LaunchError', exit: 'Exited' },
  Registered: { next: 'Ready', initError: 'InitError', exitError: 'ExitError', exit: 'Exited' },
  // A client whose connection broke while it waited asks again.
  Ready: { next: 'Ready', event: 'Running', exitError: 'ExitError', exit: 'Exited' },
  Running: { next: 'Ready', exitError: 'ExitError', exit: 'Exited' },
  // As AWS: what was said may be said again.
  InitError: { initError: 'InitError', exit: 'Exited' },
  ExitError: { exitError: 'ExitError', exit: 'Exited' },
  LaunchError: {},
  Exited: {},
}

const extensionTarget: Readonly<Record<ExtensionEvent, ExtensionState>> = {
  register: 'Registered',
  next: 'Ready',
  event: 'Running',
  initError: 'InitError',
  exitError: 'ExitError',
  launchError: 'LaunchError',
  exit: 'Exited',
}

export function nextExtensionState(
  from: ExtensionState,
  event: ExtensionEvent,
): ExtensionState | undefined {
  return extensionTransitions[from][event]
}

/** AWS's words, sent with 403 Extension.InvalidExtensionState. */
export function extensionRefusalMessage(
  from: ExtensionState,
  event: ExtensionEvent,
  name: string,
): string {
  return `State transition from ${from} to ${extensionTarget[event]} failed for extension ${name}. Error: State transition is not allowed`
}

/** An environment from its start to its end (SPEC A6). */
export type EnvironmentState =
  /** No process: not started yet, or reset. /tmp and globals: the one kept, the other not. */
  | 'Cold'
  /** INIT, in its own phase or within an invocation. */
  | 'Starting'
  | 'Ready'
  | 'Frozen'
  /** An invocation is not answered yet. */
  | 'Busy'
  /** Answered; runtime or extensions still have to ask for the next. */
  | 'Settling'
  | 'Stopped'

export type EnvironmentEvent =
  | 'start'
  /** Runtime and extensions all ask for the next. */
  | 'ready'
  | 'invoke'
  | 'answer'
  /** Failed, timed out or ended: everything is killed, for a new start. */
  | 'reset'
  | 'freeze'
  | 'thaw'
  | 'stop'

export const environmentTransitions: Readonly<
  Record<EnvironmentState, Readonly<Partial<Record<EnvironmentEvent, EnvironmentState>>>>
> = {
  // Nothing to start from, or what failed to start: reset again.
  Cold: { start: 'Starting', reset: 'Cold', stop: 'Stopped' },
  Starting: { ready: 'Ready', reset: 'Cold', stop: 'Stopped' },
  Ready: { invoke: 'Busy', freeze: 'Frozen', stop: 'Stopped' },
  Frozen: { thaw: 'Ready', stop: 'Stopped' },
  Busy: { answer: 'Settling', reset: 'Cold', stop: 'Stopped' },
  Settling: { ready: 'Ready', reset: 'Cold', stop: 'Stopped' },
  Stopped: { stop: 'Stopped' },
}

export function nextEnvironmentState(
  from: EnvironmentState,
  event: EnvironmentEvent,
): EnvironmentState | undefined {
  return environmentTransitions[from][event]
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
