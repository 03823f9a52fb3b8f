import { dirname, join } from 'node:path'

import Database from 'better-sqlite3'
import { describe, expect, it, onTestFinished, vi } from 'vitest'

import {
  openEvents,
  type Attempt,
  type EventRunner,
  type Events,
  type EventsOptions,
  type LeasedEvent,
  type NewEvent,
  type Post,
  type Terms,
} from '../../../services/events/index.ts'
import { systemRandom } from '../../../services/model/index.ts'
import { noMetrics } from '../../../services/operations/index.ts'
import { openStore } from '../../../services/store/index.ts'
import { eventually } from '../../support/eventually.ts'
import { FakeClock, MemoryLog, tempDir } from '../../support/state.ts'
import { tamper } from '../../support/tamper.ts'

const ok: Attempt = {
  kind: 'ran',
  ran: { payload: Buffer.from('null'), functionError: false, executedVersion: '1' },
}
const failing: Attempt = {
  kind: 'ran',
  ran: { payload: Buffer.from('{"errorMessage":"no"}'), functionError: true, executedVersion: '1' },
}
const QUEUE = 'arn:aws:sqs:us-east-1:000000000000:q'

/** Runs what it is told to, and remembers what ran. */
class FakeRunner implements EventRunner {
  readonly ran: LeasedEvent[] = []
  running = 0
  most = 0
  answer: (event: LeasedEvent, signal: AbortSignal) => Attempt | Promise<Attempt> = () => ok
  terms: Partial<Terms> = {}
  roomFor = Infinity

  prepare(event: LeasedEvent) {
    const terms = {
      functionArn: event.functionName,
      maxRetries: 2,
      maxAgeMs: 21_600_000,
      ...this.terms,
    }
    return Promise.resolve({
      terms,
      run: async (signal: AbortSignal) => {
        this.ran.push(event)
        this.running += 1
        this.most = Math.max(this.most, this.running)
        try {
          return await this.answer(event, signal)
        } finally {
          this.running -= 1
        }
      },
    })
  }

  room(): number {
    return this.roomFor
  }

  get names(): string[] {
    return this.ran.map((event) => event.functionName)
  }
}

interface Bench extends AsyncDisposable {
  readonly path: string
  readonly events: Events
  readonly runner: FakeRunner
  readonly clock: FakeClock
  readonly log: MemoryLog
  start(post?: Post): Promise<void>
  add(more?: Partial<NewEvent>): Promise<string>
}

async function openBench(dir: string, options: Partial<EventsOptions> = {}): Promise<Bench> {
  const [clock, log, runner] = [new FakeClock(), new MemoryLog(), new FakeRunner()]
  const path = join(dir, 'events.db')
  const events = await openEvents({
    path, clock, log, random: systemRandom, metrics: noMetrics, concurrency: 4,
    place: { account: '000000000000', region: 'us-east-1' }, ...options,
  }) // prettier-ignore
  return {
    path,
    events,
    runner,
    clock,
    log,
    start: (post = () => Promise.resolve()) => events.start({ runner, post }),
    async add(more = {}) {
      const id = systemRandom.uuid()
      await events.accept({
        id, functionId: 'fn-a', functionName: 'a', payload: '{}', acceptedAtMs: clock.nowMs(), hops: 0,
        ...more,
      }) // prettier-ignore
      return id
    },
    // Whatever runs is let go: a stop waits for it.
    [Symbol.asyncDispose]: async () => {
      const closing = events[Symbol.asyncDispose]()
      await eventually(async () => {
        clock.advance(10_000)
        return await Promise.race([closing.then(() => 'closed'), turn().then(() => 'open')])
      }).toBe('closed')
    },
  }
}

const damage = (path: string, sql: string): void => tamper(dirname(path), sql, 'events.db')
const turn = () => new Promise((resolve) => setTimeout(resolve, 5))

/** A promise and what ends it. */
function gate(): { readonly opened: Promise<void>; open(): void } {
  let open = (): void => undefined
  const opened = new Promise<void>((resolve) => (open = resolve))
  return { opened, open: () => open() }
}

describe('accepting', () => {
  it('shares commits among events that come together', async () => {
    // What comes later than 20 ms has a commit of its own, and a slow machine is slower than that.
    vi.useFakeTimers({ toFake: ['performance'] })
    onTestFinished(() => void vi.useRealTimers())
    using dir = tempDir()
    await using bench = await openBench(dir.path)

    await Promise.all(Array.from({ length: 200 }, () => bench.add()))

    expect(await bench.events.list({ limit: 500 })).toHaveLength(200)
    expect(bench.events.commits).toBeLessThanOrEqual(2)
  })

  it('refuses what cannot be written and keeps what came with it', async () => {
    using dir = tempDir()
    await using bench = await openBench(dir.path)
    const id = await bench.add()

    const [again, other] = await Promise.allSettled([bench.add({ id }), bench.add()])

    expect([again?.status, other?.status]).toEqual(['rejected', 'fulfilled'])
    expect(await bench.events.list({ limit: 9 })).toHaveLength(2)
  })

  it('commits with the data on the disk before it resolves', async () => {
    using dir = tempDir()
    await using bench = await openBench(dir.path)
    const id = await bench.add()

    await using second = await openStore({ path: bench.path, kind: 'events' })
    expect(await second.reader.selectFrom('event').select('id').execute()).toEqual([{ id }])
  })
})

describe('running', () => {
  it('forgets what has run well', async () => {
    using dir = tempDir()
    await using bench = await openBench(dir.path)
    await bench.start()
    const id = await bench.add()

    await eventually(() => bench.runner.ran.map((event) => event.id)).toEqual([id])
    await eventually(async () => await bench.events.list({ limit: 9 })).toEqual([])
  })

  it('gives each function its turn, however long the queue of another is', async () => {
    using dir = tempDir()
    await using bench = await openBench(dir.path, { concurrency: 1 })
    for (let count = 0; count < 20; count += 1) await bench.add()
    await bench.add({ functionId: 'fn-b', functionName: 'b' })
    await bench.add({ functionId: 'fn-c', functionName: 'c' })
    await bench.start()

    await eventually(() => bench.runner.ran.length).toBe(22)
    expect(bench.runner.names.slice(0, 4)).toEqual(['a', 'b', 'c', 'a'])
  })

  it.each([
    ['half of all to one function', Infinity, 2],
    ['no more than is reserved for it', 1, 1],
  ])('gives at once %s', async (_what, roomFor, most) => {
    using dir = tempDir()
    await using bench = await openBench(dir.path)
    bench.runner.roomFor = roomFor
    bench.runner.answer = async () => {
      await turn()
      return ok
    }
    for (let count = 0; count < 12; count += 1) await bench.add()
    await bench.start()

    await eventually(() => bench.runner.ran.length).toBe(12)
    expect(bench.runner.most).toBe(most)
  })

  it('runs others while one function takes its time', async () => {
    using dir = tempDir()
    await using bench = await openBench(dir.path)
    const slow = gate()
    bench.runner.answer = async (event) => {
      if (event.functionName === 'a') await slow.opened
      return ok
    }
    for (let count = 0; count < 6; count += 1) await bench.add()
    await bench.add({ functionId: 'fn-b', functionName: 'b' })
    await bench.start()

    await eventually(() => bench.runner.names).toContain('b')
    expect(bench.runner.names.filter((name) => name === 'a')).toHaveLength(2)
    slow.open()
    await eventually(() => bench.runner.ran.length).toBe(7)
  })

  it('puts off what is throttled without using up a retry', async () => {
    using dir = tempDir()
    await using bench = await openBench(dir.path)
    bench.runner.answer = () =>
      bench.runner.ran.length <= 5
        ? { kind: 'deferred', began: false, status: 429, message: 'Rate Exceeded.' }
        : failing
    await bench.start()
    const id = await bench.add()

    await eventually(async () => {
      bench.clock.advance(30_000)
      return await bench.events.show(id)
    }).toMatchObject({ state: 'dead', condition: 'RetriesExhausted', attempts: 3, failures: 3 })
    expect(bench.runner.ran).toHaveLength(8)
  })

  it('bears a configuration that cannot be read for a while', async () => {
    using dir = tempDir()
    await using bench = await openBench(dir.path)
    const { runner } = bench
    let broken = true
    const prepare = runner.prepare.bind(runner)
    runner.prepare = (event) => (broken ? Promise.reject(new Error('no database')) : prepare(event))
    await bench.start()
    const id = await bench.add()
    await eventually(async () => (await bench.events.show(id)).lastError).toBe('no database')
    broken = false

    await eventually(() => {
      bench.clock.advance(1_000)
      return runner.ran.length
    }).toBe(1)
  })

  it('does not run what became too old in the queue', async () => {
    using dir = tempDir()
    await using bench = await openBench(dir.path)
    const id = await bench.add()
    bench.clock.advance(21_600_001)
    await bench.start()

    await eventually(async () => await bench.events.show(id)).toMatchObject({
      condition: 'EventAgeExceeded',
      attempts: 0,
    })
    expect(bench.runner.ran).toEqual([])
  })

  it('does not run a payload that was changed in the database', async () => {
    using dir = tempDir()
    await using bench = await openBench(dir.path)
    const id = await bench.add()
    damage(bench.path, `update event set payload = '{"evil":1}'`)
    await bench.start()

    await eventually(async () => (await bench.events.show(id)).condition).toBe('PayloadDamaged')
    expect(bench.runner.ran).toEqual([])
  })
})

describe('leases', () => {
  it('starts with what a process left that is gone, and counts the try that was cut off', async () => {
    using dir = tempDir()
    await using bench = await openBench(dir.path)
    const id = await bench.add()
    damage(
      bench.path,
      `update event set state = 'leased', fence = 1, attempts = 1, run_at = run_at + 60000`,
    )
    await bench.start()

    await eventually(() => bench.runner.ran).toEqual([
      expect.objectContaining({ id, attempts: 2, fence: 2 }),
    ])
  })

  it.each([
    ['success', ok],
    ['failure', failing],
  ])('settles no %s once somebody else has taken over', async (_what, answer) => {
    using dir = tempDir()
    await using bench = await openBench(dir.path)
    const slow = gate()
    bench.runner.terms = { onSuccess: { kind: 'queue', arn: QUEUE } }
    bench.runner.answer = async () => {
      await slow.opened
      return answer
    }
    await bench.start()
    const id = await bench.add()
    await eventually(() => bench.runner.ran.length).toBe(1)
    damage(bench.path, 'update event set fence = fence + 1')
    slow.open()

    await eventually(() => bench.log.lines.map((line) => line.message)).toContain(
      'an event was run and settled by somebody else',
    )
    expect(await bench.events.show(id)).toMatchObject({ state: 'leased' })
    expect(await bench.events.messages({ queue: QUEUE, limit: 9 })).toEqual([])
  })

  it('gives back at a stop what has not ended in time', async () => {
    using dir = tempDir()
    {
      await using bench = await openBench(dir.path)
      bench.runner.answer = (_event, signal) =>
        new Promise((_resolve, reject) => {
          signal.addEventListener('abort', () => reject(signal.reason as Error))
        })
      await bench.start()
      await bench.add()
      await eventually(() => bench.runner.ran.length).toBe(1)
    }
    await using again = await openBench(dir.path)

    expect(await again.events.list({ limit: 9 })).toMatchObject([{ state: 'ready', attempts: 1 }])
  })
})

describe('a database that cannot be written for a while', () => {
  it('costs no event a second run', async () => {
    using dir = tempDir()
    await using bench = await openBench(dir.path)
    const hand = new Database(bench.path)
    hand.exec(`create trigger stuck before delete on event begin select raise(abort, 'full'); end`)
    await bench.start()
    const id = await bench.add()
    await eventually(() => bench.log.lines.map((line) => line.message)).toContain(
      'the end of an event could not be written and is tried again',
    )
    // Longer than its lease, which cannot be held meanwhile either.
    bench.clock.set(bench.clock.nowMs() + 120_000)
    await bench.add({ functionId: 'fn-b', functionName: 'b' })
    await eventually(() => bench.runner.names).toContain('b')
    hand.exec('drop trigger stuck')
    hand.close()

    await eventually(async () => {
      bench.clock.advance(1_000)
      return (await bench.events.list({ limit: 9 })).length
    }).toBe(0)
    expect(bench.runner.ran.filter((event) => event.id === id)).toHaveLength(1)
  })
})

describe('destinations', () => {
  it('hold one message for an event that ended, and functions get an event of their own', async () => {
    using dir = tempDir()
    await using bench = await openBench(dir.path)
    bench.runner.answer = (event) => (event.functionName === 'b' ? ok : failing)
    bench.runner.terms = {
      maxRetries: 0,
      onFailure: {
        kind: 'function',
        arn: 'arn',
        functionId: 'fn-b',
        functionName: 'b',
        qualifier: 'live',
      },
      deadLetter: { kind: 'queue', arn: QUEUE },
    }
    await bench.start()
    const id = await bench.add()

    await eventually(() => bench.runner.names).toEqual(['a', 'b'])
    expect(bench.runner.ran[1]).toMatchObject({ functionId: 'fn-b', qualifier: 'live', hops: 1 })
    expect(bench.runner.ran[1]?.id).not.toBe(id)
    expect(await bench.events.messages({ queue: QUEUE, limit: 9 })).toMatchObject([
      { requestId: id, kind: 'dead-letter', body: '{}' },
    ])
  })

  it('lose messages by request alone', async () => {
    using dir = tempDir()
    await using bench = await openBench(dir.path)
    bench.runner.terms = { onSuccess: { kind: 'queue', arn: QUEUE } }
    await bench.start()
    for (let count = 0; count < 3; count += 1) await bench.add()
    await eventually(async () => (await bench.events.queues())[0]?.messages).toBe(3)
    const [first, second] = await bench.events.messages({ queue: QUEUE, limit: 2 })

    expect(await bench.events.messages({ queue: QUEUE, limit: 9, after: second?.id })).toHaveLength(
      1,
    )
    expect(await bench.events.deleteMessages({ queue: 'another', ids: [first?.id ?? ''] })).toBe(0)
    expect(await bench.events.deleteMessages({ queue: QUEUE, ids: [first?.id ?? ''] })).toBe(1)
    expect(await bench.events.queues()).toMatchObject([{ queue: QUEUE, messages: 2 }])
  })
})

describe('webhooks', () => {
  const webhooks = new Map([[QUEUE, 'https://hooks.example/q']])

  it('are posted to until they take a message, which then leaves the queue', async () => {
    using dir = tempDir()
    await using bench = await openBench(dir.path, { webhooks })
    bench.runner.terms = { onSuccess: { kind: 'queue', arn: QUEUE } }
    const posted: string[] = []
    await bench.start((url, message) => {
      posted.push(`${url} ${message.request_id}`)
      return posted.length < 3 ? Promise.reject(new Error('the answer is 503')) : Promise.resolve()
    })
    const id = await bench.add()

    await eventually(async () => {
      bench.clock.advance(1_000)
      return [posted.length, (await bench.events.queues()).length]
    }).toEqual([3, 0])
    expect(new Set(posted)).toEqual(new Set([`https://hooks.example/q ${id}`]))
  })

  it('are given up after ten tries, and the message stays to be read', async () => {
    using dir = tempDir()
    await using bench = await openBench(dir.path, { webhooks })
    bench.runner.terms = { onSuccess: { kind: 'queue', arn: QUEUE } }
    let posted = 0
    await bench.start(() => {
      posted += 1
      return Promise.reject(new Error('the answer is 500'))
    })
    await bench.add()

    await eventually(() => {
      bench.clock.advance(30_000)
      return bench.log.lines.map((line) => line.message)
    }).toContain('a message stays in its queue')
    expect(posted).toBe(10)
    expect(await bench.events.messages({ queue: QUEUE, limit: 9 })).toMatchObject([
      { tries: 10, lastError: 'the answer is 500' },
    ])
  })
})

describe('dead events', () => {
  async function withDead(bench: Bench): Promise<string> {
    bench.runner.terms = { maxRetries: 0 }
    bench.runner.answer = () => failing
    await bench.start()
    const id = await bench.add()
    await eventually(async () => (await bench.events.show(id)).state).toBe('dead')
    return id
  }

  it('run again under their id when they are replayed, with a new age', async () => {
    using dir = tempDir()
    await using bench = await openBench(dir.path)
    const id = await withDead(bench)
    bench.clock.advance(21_600_001)
    bench.runner.answer = () => ok

    expect(await bench.events.replay({ functionName: 'other' })).toBe(0)
    expect(await bench.events.replay({ id })).toBe(1)
    await eventually(() => bench.runner.ran.map((event) => [event.id, event.attempts])).toEqual([
      [id, 1],
      [id, 1],
    ])
  })

  it('are purged, one or all, and nothing else is', async () => {
    using dir = tempDir()
    await using bench = await openBench(dir.path)
    const id = await withDead(bench)
    bench.runner.terms = { maxRetries: 2 }
    const waiting = await bench.add({ functionId: 'fn-b', functionName: 'b' })
    await eventually(async () => (await bench.events.show(waiting)).failures).toBe(1)

    await expect(bench.events.purge({ id: waiting })).rejects.toMatchObject({
      code: 'RESOURCE_CONFLICT',
    })
    await expect(bench.events.replay({ id: 'none' })).rejects.toMatchObject({
      code: 'RESOURCE_NOT_FOUND',
    })
    expect(await bench.events.purge({})).toBe(1)
    await expect(bench.events.show(id)).rejects.toMatchObject({ code: 'RESOURCE_NOT_FOUND' })
    expect(await bench.events.list({ limit: 9 })).toMatchObject([{ id: waiting, state: 'ready' }])
  })

  it('are replayed and purged by the thousand', async () => {
    using dir = tempDir()
    await using bench = await openBench(dir.path)
    await Promise.all(Array.from({ length: 1_200 }, () => bench.add()))
    damage(bench.path, `update event set state = 'dead', condition = 'RetriesExhausted'`)

    expect(await bench.events.replay({})).toBe(1_200)
    damage(bench.path, `update event set state = 'dead', condition = 'RetriesExhausted'`)
    expect(await bench.events.purge({})).toBe(1_200)
  })

  it('are listed by state and function, page by page', async () => {
    using dir = tempDir()
    await using bench = await openBench(dir.path)
    const ids: string[] = []
    for (let count = 0; count < 5; count += 1) {
      ids.push(await bench.add())
      bench.clock.advance(1)
    }
    await bench.add({ functionId: 'fn-b', functionName: 'b' })

    const first = await bench.events.list({ functionName: 'a', state: 'ready', limit: 2 })
    const rest = await bench.events.list({ functionName: 'a', after: first[1]?.id, limit: 9 })

    expect([...first, ...rest].map((event) => event.id)).toEqual(ids)
    expect(await bench.events.list({ state: 'dead', limit: 9 })).toEqual([])
  })

  it('and messages are forgotten after two weeks', async () => {
    using dir = tempDir()
    await using bench = await openBench(dir.path)
    bench.runner.terms = { deadLetter: { kind: 'queue', arn: QUEUE }, maxRetries: 0 }
    bench.runner.answer = () => failing
    await bench.start()
    await bench.add()
    await eventually(async () => (await bench.events.queues()).length).toBe(1)

    await eventually(async () => {
      bench.clock.advance(14 * 24 * 3_600_000 + 1)
      return [(await bench.events.list({ limit: 9 })).length, (await bench.events.queues()).length]
    }).toEqual([0, 0])
  })
})
