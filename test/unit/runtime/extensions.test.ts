import { randomUUID } from 'node:crypto'

import { beforeEach, describe, expect, test } from 'vitest'

import {
  Extensions,
  type Extension,
  type ExtensionFailure,
  type ExtensionNotice,
} from '../../../services/runtime/extensions.ts'
import type { Refusal } from '../../../services/runtime/session.ts'
import {
  extensionTransitions,
  type ExtensionEvent,
  type ExtensionState,
} from '../../../services/runtime/states.ts'

let failures: ExtensionFailure[]
let progress: number

beforeEach(() => {
  failures = []
  progress = 0
})

function open(...names: string[]): Extensions {
  const paths = names.map((name) => `/opt/extensions/${name}`)
  return new Extensions(paths, randomUUID, {
    progressed: () => (progress += 1),
    failed: (failure) => failures.push(failure),
  })
}

function registered(extensions: Extensions, name: string, topics = ['INVOKE', 'SHUTDOWN']) {
  const found = extensions.register(name, topics)
  if ('status' in found) throw new Error(found.errorType)
  return found
}

const typeOf = (answer: Extension | Refusal | undefined): string | undefined =>
  answer !== undefined && 'status' in answer ? `${answer.status} ${answer.errorType}` : undefined

const exit = (code: number) => ({ code, signal: undefined, oom: false })
const invoke: ExtensionNotice = {
  eventType: 'INVOKE',
  deadlineMs: 1,
  requestId: 'r',
  invokedFunctionArn: 'arn',
  tracing: { type: 'X-Amzn-Trace-Id', value: '' },
}
const shutdown: ExtensionNotice = {
  eventType: 'SHUTDOWN',
  shutdownReason: 'SPINDOWN',
  deadlineMs: 1,
}

/** How each event is brought about from outside; `event` and `launchError` are the platform's own. */
const CAUSES: Readonly<
  Record<
    ExtensionEvent,
    (extensions: Extensions, one: Extension) => Refusal | Extension | undefined
  >
> = {
  register: (extensions, one) => extensions.register(one.name, ['INVOKE', 'SHUTDOWN']),
  next: (extensions, one) => extensions.next(one.id, () => undefined),
  event: (extensions) => {
    extensions.invoke(invoke)
    return undefined
  },
  initError: (extensions, one) => extensions.fail(one.id, 'initError', 'Sh.Broken'),
  exitError: (extensions, one) => extensions.fail(one.id, 'exitError', 'Sh.Broken'),
  launchError: (extensions) => {
    extensions.ended(0, exit(127))
    return undefined
  },
  exit: (extensions) => {
    extensions.ended(0, exit(1))
    return undefined
  },
}

/** The shortest way to each state. */
const WAYS: Readonly<Record<ExtensionState, readonly ExtensionEvent[]>> = {
  Started: [],
  Registered: ['register'],
  Ready: ['register', 'next'],
  Running: ['register', 'next', 'event'],
  InitError: ['register', 'initError'],
  ExitError: ['register', 'exitError'],
  LaunchError: ['launchError'],
  Exited: ['exit'],
}

describe('every call in every state', () => {
  const calls: readonly ExtensionEvent[] = ['register', 'next', 'initError', 'exitError']
  const pairs = (Object.keys(WAYS) as ExtensionState[]).flatMap((state) =>
    calls.map((event) => [state, event] as const),
  )

  test.each(pairs)('%s %s', (state, event) => {
    const extensions = open('sh')
    const one = (): Extension => extensions.all[0] as Extension
    for (const step of WAYS[state]) CAUSES[step](extensions, one())
    expect(one().state).toBe(state)
    const to = extensionTransitions[state][event]

    const answer = CAUSES[event](extensions, one())

    if (to !== undefined) expect(typeOf(answer)).toBeUndefined()
    else if (state === 'Started')
      expect(typeOf(answer)).toBe('403 Extension.UnknownExtensionIdentifier')
    else expect(typeOf(answer)).toBe('403 Extension.InvalidExtensionState')
    expect(one().state).toBe(to ?? state)
  })
})

describe('registering', () => {
  test('an external one is known by its file, any other name is an internal one', () => {
    const extensions = open('sh')

    expect(registered(extensions, 'sh').index).toBe(0)
    expect(registered(extensions, 'inner', ['INVOKE']).index).toBeUndefined()
  })

  test('a false name, an empty one and one that is taken are refused', () => {
    const extensions = open('sh')
    registered(extensions, 'inner', [])

    expect(typeOf(extensions.register('', []))).toBe('403 Extension.InvalidExtensionName')
    expect(typeOf(extensions.register('inner', []))).toBe('403 Extension.InvalidExtensionState')
  })

  test('an internal one takes INVOKE alone, and nobody what there is not', () => {
    const extensions = open('sh')

    expect(typeOf(extensions.register('inner', ['SHUTDOWN']))).toBe(
      '403 Extension.InvalidEventType',
    )
    expect(typeOf(extensions.register('sh', ['invoke']))).toBe('403 Extension.InvalidEventType')
    expect(extensions.all.map(({ name }) => name)).toEqual(['sh'])
  })

  test('there are ten, external and internal together', () => {
    const extensions = open('sh')
    for (let count = 1; count < 10; count += 1) registered(extensions, `inner${count}`, [])

    expect(typeOf(extensions.register('one more', []))).toBe('403 Extension.TooManyExtensions')
  })

  test('it is over with INIT', () => {
    const extensions = open()
    extensions.close()

    expect(typeOf(extensions.register('inner', []))).toBe('403 Extension.RegistrationClosed')
  })
})

test('an identifier is asked for, has a form, and is one that was given', () => {
  const extensions = open('sh')
  registered(extensions, 'sh')

  expect(typeOf(extensions.find(undefined))).toBe('403 Extension.MissingExtensionIdentifier')
  expect(typeOf(extensions.find('1'))).toBe('403 Extension.InvalidExtensionIdentifier')
  expect(typeOf(extensions.find(randomUUID()))).toBe('403 Extension.UnknownExtensionIdentifier')
})

test('an error without its type is refused and changes nothing', () => {
  const extensions = open('sh')
  const { id } = registered(extensions, 'sh')

  expect(typeOf(extensions.fail(id, 'initError', undefined))).toBe('403 Extension.MissingHeader')
  expect(failures).toEqual([])
})

test('INVOKE goes to those that asked for it, and all are awaited', () => {
  const extensions = open('a', 'b')
  const seen: string[] = []
  const ids = ['a', 'b'].map(
    (name) => registered(extensions, name, name === 'a' ? ['INVOKE'] : []).id,
  )
  expect(extensions.idle).toBe(false)
  for (const [index, id] of ids.entries())
    extensions.next(id, ({ eventType }) => seen.push(`${index} ${eventType}`))
  expect(extensions.idle).toBe(true)

  extensions.invoke(invoke)

  expect(seen).toEqual(['0 INVOKE'])
  expect(extensions.idle).toBe(false)
})

test('an event goes to whoever asked last, once', () => {
  const extensions = open('a')
  const seen: string[] = []
  const { id } = registered(extensions, 'a')
  extensions.next(id, () => seen.push('first connection'))
  extensions.next(id, () => seen.push('second connection'))

  extensions.invoke(invoke)
  extensions.invoke(invoke)

  expect(seen).toEqual(['second connection'])
})

test('SHUTDOWN comes to one at work when it asks for its next event', async () => {
  const extensions = open('a')
  const seen: string[] = []
  const { id } = registered(extensions, 'a')
  extensions.next(id, () => undefined)
  extensions.invoke(invoke)
  extensions.beginShutdown()
  extensions.shutdown(shutdown)

  extensions.next(id, ({ eventType }) => seen.push(eventType))
  expect(seen).toEqual(['SHUTDOWN'])

  const gone = extensions.untilGone()
  extensions.ended(0, exit(0))
  await gone
  expect(failures).toEqual([])
})

test.each([
  [
    'Extension.LaunchError',
    [] as const,
    exit(126),
    'fork/exec /opt/extensions/a: permission denied',
  ],
  [
    'Extension.LaunchError',
    [] as const,
    exit(127),
    'fork/exec /opt/extensions/a: no such file or directory',
  ],
  ['Extension.Crash', [] as const, exit(0), 'exit code 0'],
  ['Extension.Crash', ['register'] as const, exit(127), 'exit status 127'],
  [
    'Extension.Crash',
    ['register', 'next'] as const,
    { ...exit(0), signal: 'SIGSEGV' },
    'signal: segmentation fault',
  ],
])('an end is %s after %j', (errorType, way, how, reason) => {
  const extensions = open('a')
  for (const step of way) CAUSES[step](extensions, extensions.all[0] as Extension)

  extensions.ended(0, how)

  expect(failures).toEqual([{ errorType, name: 'a', reason }])
})

test.each(['initError', 'exitError'] as const)('%s is told once, its end then is not', (event) => {
  const extensions = open('a')
  const { id } = registered(extensions, 'a')

  extensions.fail(id, event, 'Sh.Broken')
  extensions.fail(id, event, 'Sh.Broken')
  extensions.ended(0, exit(1))

  const errorType = event === 'initError' ? 'Extension.InitError' : 'Extension.ExitError'
  expect(failures).toEqual([{ errorType, name: 'a', reason: 'Sh.Broken' }])
})

test('the runtime starts once all that were started have registered', () => {
  const extensions = open('a', 'b')

  registered(extensions, 'a')
  expect(extensions.launched).toBe(false)
  registered(extensions, 'b')
  expect([extensions.launched, progress]).toEqual([true, 2])
})
