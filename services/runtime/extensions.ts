import { basename } from 'node:path'

import { EXTENSION_LIMIT } from './constants.ts'
import { exitWords, type Exit } from './failures.ts'
import type { Refusal } from './session.ts'
import {
  extensionRefusalMessage,
  nextExtensionState,
  type ExtensionEvent,
  type ExtensionState,
} from './states.ts'

export type ExtensionTopic = 'INVOKE' | 'SHUTDOWN'
export type ShutdownReason = 'SPINDOWN' | 'TIMEOUT' | 'FAILURE'

/** What an extension gets from event/next (SPEC A8). */
export type ExtensionNotice =
  | {
      readonly eventType: 'INVOKE'
      readonly deadlineMs: number
      readonly requestId: string
      readonly invokedFunctionArn: string
      readonly tracing: { readonly type: 'X-Amzn-Trace-Id'; readonly value: string }
    }
  | {
      readonly eventType: 'SHUTDOWN'
      readonly shutdownReason: ShutdownReason
      readonly deadlineMs: number
    }

/** An extension's failure is the environment's: it is reset. */
export interface ExtensionFailure {
  readonly errorType:
    'Extension.Crash' | 'Extension.LaunchError' | 'Extension.InitError' | 'Extension.ExitError'
  readonly name: string
  readonly reason: string
}

export interface Extension {
  readonly id: string
  readonly name: string
  /** Its place among the programs started; `undefined` for one within the runtime's process. */
  readonly index: number | undefined
  readonly state: ExtensionState
  readonly topics: ReadonlySet<ExtensionTopic>
  /** Its own word for what went wrong. */
  readonly errorType: string | undefined
}

type Entry = { -readonly [Key in keyof Extension]: Extension[Key] } & {
  deliver: ((notice: ExtensionNotice) => void) | undefined
}

export interface ExtensionsListener {
  /** One more has registered, or waits for its next event. */
  progressed(): void
  failed(failure: ExtensionFailure): void
}

/** `exec` as a shell tells it: not found, or not to be run. */
const LAUNCH_FAILURES = new Map([
  [126, 'permission denied'],
  [127, 'no such file or directory'],
])

/**
 * The extensions of one start of an environment, whichever way they call: their order and identifiers are judged here alone.
 * External ones are known by their file's name before they register; any other name is one within the runtime's process.
 */
export class Extensions {
  readonly #listener: ExtensionsListener
  readonly #uuid: () => string
  readonly #all: Entry[]
  #open = true
  #ending = false
  /** For those that were still at work when it was sent. */
  #last: ExtensionNotice | undefined
  #onEnd = (): void => undefined

  constructor(paths: readonly string[], uuid: () => string, listener: ExtensionsListener) {
    this.#listener = listener
    this.#uuid = uuid
    this.#all = paths.map((path, index) => this.#entry(basename(path), index))
  }

  get all(): readonly Extension[] {
    return this.#all
  }

  get hasExternal(): boolean {
    return this.#all[0]?.index !== undefined
  }

  /** Whether every program that was started has registered: the runtime may start. */
  get launched(): boolean {
    return this.#all.every(({ state, index }) => index === undefined || state !== 'Started')
  }

  /** Whether every one waits for its next event. */
  get idle(): boolean {
    return this.#all.every(({ state }) => state === 'Ready')
  }

  /** INIT is over: who has not registered cannot any more. */
  close(): void {
    this.#open = false
  }

  register(name: string, topics: readonly string[]): Extension | Refusal {
    if (name === '') return refusal('Extension.InvalidExtensionName', 'Empty extension name')
    const external = this.#all.find((each) => each.name === name && each.index !== undefined)
    for (const topic of topics) {
      if (topic === 'INVOKE' || (topic === 'SHUTDOWN' && external !== undefined)) continue
      const message = `${topic}: ${external === undefined ? 'internal extensions take INVOKE alone' : 'no such event'}`
      return refusal('Extension.InvalidEventType', message)
    }
    const entry = external ?? this.#internal(name)
    if (!('deliver' in entry)) return entry
    const refused = this.#step(entry, 'register')
    if (refused !== undefined) return refused
    entry.topics = new Set(topics as readonly ExtensionTopic[])
    this.#listener.progressed()
    return entry
  }

  /** By the identifier that registering gave. */
  find(id: string | undefined): Extension | Refusal {
    return this.#find(id)
  }

  /** `deliver` is called once, when there is an event. */
  next(id: string | undefined, deliver: (notice: ExtensionNotice) => void): Refusal | undefined {
    const entry = this.#find(id)
    if (!('deliver' in entry)) return entry
    const refused = this.#step(entry, 'next')
    if (refused !== undefined) return refused
    entry.deliver = deliver
    if (this.#last !== undefined && entry.topics.has('SHUTDOWN')) this.#deliver(entry, this.#last)
    else this.#listener.progressed()
    return undefined
  }

  /** It says itself that it fails. */
  fail(
    id: string | undefined,
    event: 'initError' | 'exitError',
    errorType: string | undefined,
  ): Refusal | undefined {
    const entry = this.#find(id)
    if (!('deliver' in entry)) return entry
    if (errorType === undefined || errorType === '') {
      const message = 'Lambda-Extension-Function-Error-Type not found'
      return refusal('Extension.MissingHeader', message)
    }
    const before = entry.state
    const refused = this.#step(entry, event)
    if (refused !== undefined) return refused
    if (entry.state === before) return undefined
    entry.errorType = errorType
    const type = event === 'initError' ? 'Extension.InitError' : 'Extension.ExitError'
    this.#failed(entry, type, errorType)
    return undefined
  }

  /** The process of one that was started is gone. */
  ended(index: number, exit: Exit): void {
    const entry = this.#all.find((each) => each.index === index)
    if (entry === undefined) return
    const why = entry.state === 'Started' ? LAUNCH_FAILURES.get(exit.code ?? 0) : undefined
    const told = entry.state === 'InitError' || entry.state === 'ExitError'
    if (this.#step(entry, why === undefined ? 'exit' : 'launchError') !== undefined) return
    entry.deliver = undefined
    this.#onEnd()
    if (told) return
    if (why === undefined) this.#failed(entry, 'Extension.Crash', exitWords(exit))
    else
      this.#failed(
        entry,
        'Extension.LaunchError',
        `fork/exec /opt/extensions/${entry.name}: ${why}`,
      )
  }

  /** To all that take INVOKE. */
  invoke(notice: ExtensionNotice): void {
    for (const entry of this.#all) if (entry.topics.has('INVOKE')) this.#deliver(entry, notice)
  }

  /** Resolves once every program that takes SHUTDOWN has ended. */
  async untilGone(): Promise<void> {
    const there = ({ topics, index, state }: Entry): boolean =>
      topics.has('SHUTDOWN') && index !== undefined && state !== 'Exited'
    while (this.#all.some(there)) await new Promise<void>((resolve) => (this.#onEnd = resolve))
  }

  /** From now on whoever ends has not failed. */
  beginShutdown(): void {
    this.#ending = true
  }

  /** To all that take SHUTDOWN and wait for an event, or ask for one before they end. */
  shutdown(notice: ExtensionNotice): void {
    for (const entry of this.#all) {
      if (!entry.topics.has('SHUTDOWN')) continue
      this.#last = notice
      this.#deliver(entry, notice)
    }
  }

  #deliver(entry: Entry, notice: ExtensionNotice): void {
    if (this.#step(entry, 'event') !== undefined) return
    const { deliver } = entry
    entry.deliver = undefined
    deliver?.(notice)
  }

  #internal(name: string): Entry | Refusal {
    if (!this.#open)
      return refusal('Extension.RegistrationClosed', 'Extension registration closed already')
    if (this.#all.some((each) => each.name === name))
      return refusal(
        'Extension.InvalidExtensionState',
        'Extension with this name already registered',
      )
    if (this.#all.length >= EXTENSION_LIMIT)
      return refusal('Extension.TooManyExtensions', `Extension limit (${EXTENSION_LIMIT}) reached`)
    const entry = this.#entry(name, undefined)
    this.#all.push(entry)
    return entry
  }

  #entry(name: string, index: number | undefined): Entry {
    return {
      id: this.#uuid(),
      name,
      index,
      state: 'Started',
      topics: new Set(),
      errorType: undefined,
      deliver: undefined,
    }
  }

  #find(id: string | undefined): Entry | Refusal {
    if (id === undefined || id === '')
      return refusal(
        'Extension.MissingExtensionIdentifier',
        'Missing Lambda-Extension-Identifier header',
      )
    if (!/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i.test(id))
      return refusal('Extension.InvalidExtensionIdentifier', 'Invalid Lambda-Extension-Identifier')
    const entry = this.#all.find((each) => each.id === id.toLowerCase())
    if (entry === undefined || entry.state === 'Started')
      return refusal('Extension.UnknownExtensionIdentifier', `Unknown extension ${id}`)
    return entry
  }

  #failed(entry: Entry, errorType: ExtensionFailure['errorType'], reason: string): void {
    if (!this.#ending) this.#listener.failed({ errorType, name: entry.name, reason })
  }

  #step(entry: Entry, event: ExtensionEvent): Refusal | undefined {
    const to = nextExtensionState(entry.state, event)
    if (to === undefined) {
      const message = extensionRefusalMessage(entry.state, event, entry.name)
      return refusal('Extension.InvalidExtensionState', message)
    }
    entry.state = to
    return undefined
  }
}

function refusal(errorType: string, errorMessage: string): Refusal {
  return { status: 403, errorType, errorMessage }
}
