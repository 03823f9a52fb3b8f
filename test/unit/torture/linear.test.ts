import { describe, expect, it } from 'vitest'

import { checkLinearizable, type Call } from '../../torture/linear/checker.ts'
import type { Answer, Operation } from '../../torture/linear/calls.ts'
import { functionModel } from '../../torture/linear/model.ts'

type History = readonly Call<Operation, Answer>[]

/** From one instant to another; without an answer it never came. */
function call(sentAt: number, answeredAt: number, operation: Operation, answer?: Answer) {
  return { operation, answer, sentAt, answeredAt: answer === undefined ? Infinity : answeredAt }
}

const kindOf = (calls: History) => checkLinearizable(calls, functionModel).kind

function shown(version: string, code: string, revision: string, settled = true): Answer {
  return { kind: 'version', shown: { version, code, revision, settled } }
}

const refused = (why: Extract<Answer, { kind: 'refused' }>['why']): Answer => ({
  kind: 'refused',
  why,
})
const create = (code: string): Operation => ({ kind: 'create', code, publish: false })
const update = (code: string, revision?: string): Operation => ({
  kind: 'update',
  code,
  publish: false,
  ...(revision !== undefined && { revision }),
})
const get: Operation = { kind: 'get' }
const publish: Operation = { kind: 'publish' }
const target = (version: string) => ({ version, second: null })
const alias = (version: string, revision: string): Answer => ({
  kind: 'alias',
  shown: { ...target(version), revision },
})
const createAlias = (version: string): Operation => ({
  kind: 'create-alias',
  alias: 'prod',
  target: target(version),
})
const updateAlias = (version: string, revision?: string): Operation => ({
  kind: 'update-alias',
  alias: 'prod',
  target: target(version),
  ...(revision !== undefined && { revision }),
})
const getAlias: Operation = { kind: 'get-alias', alias: 'prod' }

/** A function with code `a`, active; then version 1 of it. */
const begun: History = [
  call(1, 2, create('a'), shown('$LATEST', 'a', 'r1', false)),
  call(3, 4, get, shown('$LATEST', 'a', 'r2')),
]
const withVersion: History = [...begun, call(5, 6, publish, shown('1', 'a', 'v1'))]
const withTwo: History = [
  ...withVersion,
  call(7, 8, update('b'), shown('$LATEST', 'b', 'r3', false)),
  call(9, 10, get, shown('$LATEST', 'b', 'r4')),
  call(11, 12, publish, shown('2', 'b', 'v2')),
]

describe('what came of one call after the other', () => {
  it('accepts nothing at all', () => {
    expect(kindOf([])).toBe('linearizable')
  })

  it('accepts a sequence, with states that settle by themselves', () => {
    expect(kindOf(withTwo)).toBe('linearizable')
  })

  it('gives an order in which every call has its place', () => {
    const found = checkLinearizable(withTwo, functionModel)

    expect(found).toMatchObject({ kind: 'linearizable', order: withTwo })
  })

  it('accepts calls that overlap, in whichever order they took effect', () => {
    const reads = [
      call(21, 25, createAlias('1'), alias('1', 'a1')),
      call(20, 30, updateAlias('2'), alias('2', 'a2')),
      call(26, 27, getAlias, alias('2', 'a2')),
    ]

    expect(kindOf([...withTwo, ...reads])).toBe('linearizable')
  })

  it('accepts a read that overlaps a change, before and after it', () => {
    const change = call(20, 30, update('c'), shown('$LATEST', 'c', 'r6', false))
    const before = call(21, 22, get, shown('$LATEST', 'b', 'r5'))
    const after = call(21, 22, get, shown('$LATEST', 'c', 'r6', false))

    expect(kindOf([...withTwo, change, before])).toBe('linearizable')
    expect(kindOf([...withTwo, change, after])).toBe('linearizable')
  })

  it('accepts a call without an answer that took effect much later', () => {
    const calls = [
      ...withTwo,
      call(20, 0, createAlias('1')),
      call(21, 22, getAlias, refused('absent')),
      call(30, 31, getAlias, alias('1', 'a1')),
    ]

    expect(kindOf(calls)).toBe('linearizable')
  })

  it('accepts a call without an answer that never took effect', () => {
    const calls = [
      ...withTwo,
      call(20, 0, createAlias('1')),
      call(30, 31, getAlias, refused('absent')),
    ]

    expect(kindOf(calls)).toBe('linearizable')
  })

  it('accepts the numbers of a name that go on after its function was deleted', () => {
    const again = [
      call(20, 21, { kind: 'delete' }, { kind: 'gone' }),
      call(22, 23, { kind: 'create', code: 'a', publish: true }, shown('3', 'a', 'v3', false)),
    ]

    expect(kindOf([...withTwo, ...again])).toBe('linearizable')
  })

  it('accepts either version of a weighted alias as what ran', () => {
    const second = { version: '2', weight: 0.25 }
    const weighted: Operation = {
      kind: 'create-alias',
      alias: 'prod',
      target: { version: '1', second },
    }
    const calls = [
      ...withTwo,
      call(20, 21, weighted, {
        kind: 'alias',
        shown: { version: '1', second, revision: 'a1' },
      }),
      call(22, 23, { kind: 'invoke', qualifier: 'prod' }, { kind: 'ran', version: '2', code: 'b' }),
      call(24, 25, { kind: 'invoke', qualifier: 'prod' }, { kind: 'ran', version: '1', code: 'a' }),
    ]

    expect(kindOf(calls)).toBe('linearizable')
  })
})

describe('what could not have come of one call after the other', () => {
  const moved = [
    call(20, 21, createAlias('1'), alias('1', 'a1')),
    call(22, 23, updateAlias('2'), alias('2', 'a2')),
  ]
  const bad: Readonly<Record<string, History>> = {
    'a stale read of an alias': [...withTwo, ...moved, call(24, 25, getAlias, alias('1', 'a1'))],
    'a stale invocation': [
      ...withTwo,
      ...moved,
      call(24, 25, { kind: 'invoke', qualifier: 'prod' }, { kind: 'ran', version: '1', code: 'a' }),
    ],
    'two reads that see a change come and go': [
      ...withTwo,
      call(20, 40, createAlias('1'), alias('1', 'a1')),
      call(21, 22, getAlias, alias('1', 'a1')),
      call(23, 24, getAlias, refused('absent')),
    ],
    'a lost update': [
      ...withTwo,
      ...moved,
      call(24, 30, updateAlias('1', 'a2'), alias('1', 'a3')),
      call(25, 31, updateAlias('2', 'a2'), alias('2', 'a4')),
    ],
    'a lost acknowledged change': [
      ...begun,
      call(20, 21, update('b'), shown('$LATEST', 'b', 'r3', false)),
      call(22, 23, get, shown('$LATEST', 'a', 'r2')),
    ],
    'a version number that was given twice': [
      ...withVersion,
      call(7, 8, update('b'), shown('$LATEST', 'b', 'r3', false)),
      call(9, 10, get, shown('$LATEST', 'b', 'r4')),
      call(11, 12, publish, shown('1', 'b', 'v2')),
    ],
    'a version number that was given again after a deletion': [
      ...withVersion,
      call(7, 8, { kind: 'delete-version', version: '1' }, { kind: 'gone' }),
      call(9, 10, publish, shown('1', 'a', 'v2')),
    ],
    'a number again after the function was deleted': [
      ...withVersion,
      call(7, 8, { kind: 'delete' }, { kind: 'gone' }),
      call(9, 10, { kind: 'create', code: 'a', publish: true }, shown('1', 'a', 'v2', false)),
    ],
    'a version number that was left out': [...begun, call(5, 6, publish, shown('2', 'a', 'v2'))],
    'a conditional update that was refused and took effect': [
      ...withTwo,
      ...moved,
      call(24, 25, updateAlias('1', 'a1'), refused('mismatch')),
      call(26, 27, { kind: 'get', qualifier: 'prod' }, shown('1', 'a', 'v1')),
    ],
    'a conditional update that was let through with an old revision': [
      ...withTwo,
      ...moved,
      call(24, 25, updateAlias('1', 'a1'), alias('1', 'a3')),
    ],
    'a conditional update that was refused with the newest revision': [
      ...withTwo,
      ...moved,
      call(24, 25, updateAlias('1', 'a2'), refused('mismatch')),
    ],
    'a revision that comes again': [
      ...withTwo,
      ...moved,
      call(24, 25, updateAlias('1'), alias('1', 'a1')),
    ],
    'a version that was deleted under an alias': [
      ...withTwo,
      ...moved,
      call(24, 25, { kind: 'delete-version', version: '2' }, { kind: 'gone' }),
    ],
    'an alias to what was never there': [
      ...withTwo,
      call(20, 21, createAlias('7'), alias('7', 'a1')),
    ],
    'code that serves before it was prepared': [
      call(1, 2, create('a'), shown('$LATEST', 'a', 'r1', false)),
      call(3, 4, { kind: 'invoke' }, { kind: 'ran', version: '$LATEST', code: 'b' }),
    ],
    'a version that a list leaves out': [
      ...withTwo,
      call(
        20,
        21,
        { kind: 'list-versions' },
        {
          kind: 'versions',
          shown: [
            { version: '$LATEST', code: 'b', revision: 'r5' },
            { version: '2', code: 'b', revision: 'v2' },
          ],
        },
      ),
    ],
    'an unanswered call that is seen before it was sent': [
      ...withTwo,
      call(20, 21, getAlias, alias('1', 'a1')),
      call(22, 0, createAlias('1')),
    ],
  }

  it.each(Object.entries(bad))('refuses %s', (_, calls) => {
    expect(kindOf(calls)).toBe('not-linearizable')
  })

  it('tells the longest order that holds, and what could not follow', () => {
    const stale = call(24, 25, getAlias, alias('1', 'a1'))
    const found = checkLinearizable([...withTwo, ...moved, stale], functionModel)

    expect(found).toMatchObject({ order: [...withTwo, ...moved], stuck: [stale] })
  })

  it('says so where there is more to look at than its limit', () => {
    expect(checkLinearizable(withTwo, functionModel, 3).kind).toBe('undecided')
  })
})
