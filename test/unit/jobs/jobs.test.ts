import { join } from 'node:path'

import { describe, expect, it } from 'vitest'

import { JobRunner, enqueue, type NewJob } from '../../../services/jobs/index.ts'
import { systemRandom } from '../../../services/model/index.ts'
import { openStore, type Store } from '../../../services/store/index.ts'
import { FakeClock, MemoryLog, tempDir } from '../../support/state.ts'
import { tamper } from '../../support/tamper.ts'

interface Bench extends AsyncDisposable {
  readonly dir: string
  readonly store: Store
  readonly clock: FakeClock
  readonly log: MemoryLog
  runner(): JobRunner
  add(job?: Partial<NewJob>): Promise<boolean>
  rows(): Promise<{ state: string; attempts: number; fence: number; last_error: string | null }[]>
}

async function openBench(dir: string): Promise<Bench> {
  const store = await openStore({ path: join(dir, 'lacre.db') })
  const clock = new FakeClock()
  const log = new MemoryLog()
  const runners: JobRunner[] = []
  return {
    dir,
    store,
    clock,
    log,
    runner() {
      const runner = new JobRunner({ store, clock, random: systemRandom, log })
      runners.push(runner)
      return runner
    },
    async add(job = {}) {
      const whole = { kind: 'k', key: 'a', payload: {}, runAtMs: clock.nowMs(), ...job }
      return (await store.transaction((tx) => enqueue(tx, whole))).created
    },
    rows: () =>
      store.reader
        .selectFrom('jobs')
        .select(['state', 'attempts', 'fence', 'last_error'])
        .orderBy('key')
        .execute(),
    async [Symbol.asyncDispose]() {
      for (const runner of runners) await runner[Symbol.asyncDispose]()
      await store.close()
    },
  }
}

describe('enqueueing', () => {
  it('keeps one job to a kind and key, and replaces it once done', async () => {
    using dir = tempDir()
    await using bench = await openBench(dir.path)
    const done: unknown[] = []
    const runner = bench.runner()
    runner.handle('k', (payload) => Promise.resolve(void done.push(payload)))

    expect(await bench.add({ payload: 1 })).toBe(true)
    expect(await bench.add({ payload: 2 })).toBe(false)
    expect(await bench.add({ payload: 3, key: 'b' })).toBe(true)
    await runner.start()
    await runner.drain()
    expect(await bench.add({ payload: 4 })).toBe(true)
    await runner.drain()

    expect(done).toEqual([1, 3, 4])
    expect((await bench.rows()).map((row) => [row.state, row.attempts, row.fence])).toEqual([
      ['done', 1, 2],
      ['done', 1, 1],
    ])
  })

  it('leaves nothing where the transaction was undone', async () => {
    using dir = tempDir()
    await using bench = await openBench(dir.path)

    await bench.store
      .transaction(async (tx) => {
        await enqueue(tx, { kind: 'k', key: 'a', payload: {}, runAtMs: 0 })
        throw new Error('no')
      })
      .catch(() => undefined)

    expect(await bench.rows()).toEqual([])
  })
})

describe('running', () => {
  it('does what is due, not what is later, and that when its time comes', async () => {
    using dir = tempDir()
    await using bench = await openBench(dir.path)
    const runner = bench.runner()
    const done: string[] = []
    runner.handle('k', (_, job) => Promise.resolve(void done.push(job.key)))
    await bench.add({ key: 'later', runAtMs: bench.clock.nowMs() + 5_000 })
    await bench.add({ key: 'now' })
    await runner.start()
    await runner.drain()
    expect(done).toEqual(['now'])

    bench.clock.advance(5_000)

    await expect.poll(() => done).toEqual(['now', 'later'])
  })

  it('tries again after a failure, each time later, and gives up in the end', async () => {
    using dir = tempDir()
    await using bench = await openBench(dir.path)
    const runner = bench.runner()
    const dead: string[] = []
    const attempts: number[] = []
    runner.handle(
      'k',
      (_, job) => {
        attempts.push(job.attempt)
        return Promise.reject(new Error('x'.repeat(1_000)))
      },
      { maxAttempts: 3, onDead: (_, job) => Promise.resolve(void dead.push(job.key)) },
    )
    await bench.add()
    await runner.start()
    for (const waitMs of [500, 1_000]) {
      await runner.drain()
      bench.clock.advance(waitMs / 2 - 1)
      await runner.drain()
      bench.clock.advance(waitMs)
    }
    await runner.drain()

    expect(attempts).toEqual([1, 2, 3])
    expect(dead).toEqual(['a'])
    const [row] = await bench.rows()
    expect(row).toMatchObject({ state: 'dead', attempts: 3, last_error: 'x'.repeat(512) })
    expect(await bench.add()).toBe(true)
  })

  it('takes over at once what a process that died had taken', async () => {
    using dir = tempDir()
    await using bench = await openBench(dir.path)
    await bench.add()
    await bench.store.transaction((tx) =>
      tx
        .updateTable('jobs')
        .set({ state: 'leased', lease_until: bench.clock.nowMs() + 30_000, fence: 1, attempts: 1 })
        .execute(),
    )
    const runner = bench.runner()
    const fences: number[] = []
    runner.handle('k', (_, job) => Promise.resolve(void fences.push(job.fence)))

    await runner.start()
    await runner.drain()

    expect(fences).toEqual([2])
    expect(await bench.rows()).toMatchObject([{ state: 'done', attempts: 2 }])
  })

  it('lets a worker that was overtaken settle nothing', async () => {
    using dir = tempDir()
    await using bench = await openBench(dir.path)
    await bench.add()
    const runner = bench.runner()
    runner.handle('k', async () => {
      await bench.store.transaction((tx) => tx.updateTable('jobs').set({ fence: 99 }).execute())
    })

    await runner.start()
    await runner.drain()

    expect(await bench.rows()).toMatchObject([{ state: 'leased', fence: 99 }])
  })

  it('renews the lease of a long job, and stops it once it is lost', async () => {
    using dir = tempDir()
    await using bench = await openBench(dir.path)
    await bench.add()
    const runner = bench.runner()
    let reason: unknown
    runner.handle('k', async (_, __, signal) => {
      await new Promise((resolve) => signal.addEventListener('abort', resolve))
      reason = signal.reason
    })
    await runner.start()
    const lease = async () =>
      (await bench.store.reader.selectFrom('jobs').select('lease_until').executeTakeFirst())
        ?.lease_until
    await expect.poll(lease).toBe(bench.clock.nowMs() + 30_000)

    bench.clock.advance(10_000)
    await expect.poll(lease).toBe(bench.clock.nowMs() + 30_000)
    await bench.store.transaction((tx) => tx.updateTable('jobs').set({ fence: 99 }).execute())
    bench.clock.advance(10_000)

    await expect.poll(() => reason).toMatchObject({ code: 'UNAVAILABLE' })
    await runner.drain()
  })

  it('never does a job whose payload was changed', async () => {
    using dir = tempDir()
    {
      await using bench = await openBench(dir.path)
      await bench.add({ payload: { safe: true } })
    }
    tamper(dir.path, `update jobs set payload = '{"safe":false}'`)
    await using bench = await openBench(dir.path)
    const runner = bench.runner()
    const done: unknown[] = []
    runner.handle('k', (payload) => Promise.resolve(void done.push(payload)))

    await runner.start()
    await runner.drain()

    expect(done).toEqual([])
    expect(await bench.rows()).toMatchObject([{ state: 'dead' }])
  })

  it('gives a job back when the service stops, without counting the try', async () => {
    using dir = tempDir()
    await using bench = await openBench(dir.path)
    await bench.add()
    const runner = bench.runner()
    const started = new Promise<void>((resolve) => {
      runner.handle('k', async (_, __, signal) => {
        resolve()
        await bench.clock.sleep(60_000, signal)
      })
    })
    await runner.start()
    await started

    await runner[Symbol.asyncDispose]()

    expect(await bench.rows()).toMatchObject([{ state: 'ready', attempts: 0 }])
  })

  it('does many at a time and every one once', async () => {
    using dir = tempDir()
    await using bench = await openBench(dir.path)
    const runner = bench.runner()
    const done: string[] = []
    runner.handle('k', (_, job) => Promise.resolve(void done.push(job.key)))
    const keys = Array.from({ length: 60 }, (_, at) => `job ${at}`)
    for (const key of keys) await bench.add({ key })

    await runner.start()
    await runner.drain()

    expect(done.toSorted()).toEqual(keys.toSorted())
  })

  it('leaves jobs alone that nobody here knows how to do', async () => {
    using dir = tempDir()
    await using bench = await openBench(dir.path)
    const runner = bench.runner()
    await bench.add({ kind: 'unknown' })

    await runner.start()
    await runner.drain()

    expect(await bench.rows()).toMatchObject([{ state: 'ready', attempts: 0 }])
  })
})
