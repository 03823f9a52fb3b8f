import { describe, expect, test } from 'vitest'

import { parseSha256, type ReleaseSpec } from '../../../services/model/index.ts'
import type { Environment } from '../../../services/runtime/environment.ts'
import { Pool } from '../../../services/runtime/pool.ts'

const digest = (char: string) => parseSha256(char.repeat(64))
const specOf = (functionId: string, release = 'a', decisionId = 'dec-1'): ReleaseSpec => ({
  functionId,
  functionName: functionId,
  functionArn: 'arn',
  version: '1',
  release: digest(release),
  decisionId,
  code: { codeSha256: digest(release), tree: digest(release) },
  layers: [],
  runtime: 'nodejs20.x',
  handler: 'i.h',
  memoryMb: 128,
  timeoutSeconds: 3,
  ephemeralMb: 512,
  environment: {},
})

/** The pool looks at spec, stamp and `stopped`, and calls `stop`. */
class FakeEnvironment {
  readonly told: string[] = []
  /** Until then it takes its time to go. */
  gone: Promise<void> = Promise.resolve()
  readonly spec: ReleaseSpec
  readonly stamp: Environment['stamp']
  readonly name: number
  stoppedFor: string | undefined

  constructor(spec: ReleaseSpec, name: number) {
    this.spec = spec
    this.name = name
    this.stamp = {
      release: spec.release,
      decisionId: spec.decisionId,
      codeSha256: spec.code.codeSha256,
    }
  }

  get stopped(): boolean {
    return this.stoppedFor !== undefined
  }

  stop(reason: string): Promise<void> {
    this.stoppedFor ??= reason
    this.told.push(reason)
    return this.gone
  }
}

function poolOf(limit: number) {
  const made: FakeEnvironment[] = []
  let now = 0
  const create = (spec: ReleaseSpec): Environment => {
    const fake = new FakeEnvironment(spec, made.length)
    made.push(fake)
    return fake as unknown as Environment
  }
  const pool = new Pool(limit, create, () => now)
  const give = (environment: Environment): Promise<void> =>
    pool.settle(environment, Promise.resolve())
  return { pool, made, give, tick: (ms: number) => (now += ms) }
}

describe('the pool', () => {
  test('gives the most recently used idle environment', async () => {
    const { pool, give } = poolOf(4)
    const [one, two] = [pool.lease(specOf('f')), pool.lease(specOf('f'))]
    await give(one)
    await give(two)

    expect(pool.lease(specOf('f'))).toBe(two)
    expect(pool.lease(specOf('f'))).toBe(one)
  })

  test('never gives an environment to another function, version or release', async () => {
    const { pool, give, made } = poolOf(8)
    await give(pool.lease(specOf('f', 'a')))

    pool.lease(specOf('g', 'a'))
    pool.lease({ ...specOf('f', 'a'), version: '2' })
    pool.lease(specOf('f', 'b'))

    expect(made).toHaveLength(4)
    // What ran before an update is not kept beside it.
    expect(made[0]?.stoppedFor).toBe('retired')
  })

  test('stops an environment whose decision is not the one asked for', async () => {
    const { pool, give, made } = poolOf(8)
    await give(pool.lease(specOf('f', 'a', 'dec-1')))

    pool.lease(specOf('f', 'a', 'dec-2'))

    expect(made.map(({ stoppedFor }) => stoppedFor)).toEqual(['retired', undefined])
  })

  test('refuses when every place is busy, and gives up the longest idle one otherwise', async () => {
    const { pool, give, made, tick } = poolOf(2)
    await give(pool.lease(specOf('old')))
    tick(1)
    await give(pool.lease(specOf('young')))

    pool.lease(specOf('new'))
    pool.lease(specOf('newer'))

    expect(made.slice(0, 2).map(({ stoppedFor }) => stoppedFor)).toEqual(['idle', 'idle'])
    expect(() => pool.lease(specOf('newest'))).toThrow('Rate Exceeded.')
  })

  test('reaps what was idle for long enough, and only that', async () => {
    const { pool, give, made, tick } = poolOf(4)
    await give(pool.lease(specOf('a')))
    tick(100)
    await give(pool.lease(specOf('b')))
    pool.lease(specOf('busy'))

    pool.reap(100)

    expect(made.map(({ stoppedFor }) => stoppedFor)).toEqual(['idle', undefined, undefined])
    expect([pool.size, pool.idle]).toEqual([2, 1])
  })

  test('stopWhere stops busy and idle alike, and takes none of them back', async () => {
    const { pool, give, made } = poolOf(4)
    const idle = pool.lease(specOf('f'))
    const busy = pool.lease(specOf('f'))
    await give(idle)

    await pool.stopWhere(({ spec }) => spec.functionId === 'f', 'revoked')
    await give(busy)

    expect(made.map(({ stoppedFor }) => stoppedFor)).toEqual(['revoked', 'revoked'])
    expect([pool.size, pool.idle]).toEqual([0, 0])
  })

  test('a caller waits for an environment that has just answered, one caller for each', async () => {
    const { pool } = poolOf(4)
    const environment = pool.lease(specOf('f'))
    let finish: () => void = () => undefined
    const settled = pool.settle(environment, new Promise((resolve) => (finish = resolve)))
    const first = pool.untilSettled(specOf('f'), 60_000)

    // The second has nothing to wait for.
    await pool.untilSettled(specOf('f'), 60_000)
    finish()
    await Promise.all([first, settled])

    expect(pool.lease(specOf('f'))).toBe(environment)
  })

  test('an environment that could not settle is forgotten', async () => {
    const { pool } = poolOf(1)
    const environment = pool.lease(specOf('f'))

    await pool.settle(environment, Promise.reject(new Error('gone')))

    expect(pool.size).toBe(0)
  })
})

test('what was given up and has not gone is told of what must stop at once, and is forgotten when it went', async () => {
  const { pool, made } = poolOf(1)
  const leaving = pool.lease(specOf('a')) as unknown as FakeEnvironment
  let resolve = (): void => undefined
  leaving.gone = new Promise((done) => (resolve = done))
  await pool.settle(leaving as unknown as Environment, Promise.resolve())
  pool.lease(specOf('b'))

  const stopping = pool.stopWhere(({ spec }) => spec.functionId === 'a', 'revoked')

  expect(leaving.told).toEqual(['idle', 'revoked'])
  expect(pool.some(({ spec }) => spec.functionId === 'a')).toBe(true)
  resolve()
  await stopping
  await new Promise(setImmediate)
  expect(pool.some(({ spec }) => spec.functionId === 'a')).toBe(false)
  expect(made).toHaveLength(2)
})
