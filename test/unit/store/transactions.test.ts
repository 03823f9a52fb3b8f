import { AsyncLocalStorage } from 'node:async_hooks'
import { join } from 'node:path'

import Database from 'better-sqlite3'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'

import { PlatformError } from '../../../services/model/index.ts'
import { openStore, prepared, type Store, type Writer } from '../../../services/store/index.ts'
import { tempDir } from '../../support/state.ts'

const put = prepared<{ name: string; value: string }, unknown>((db, of) =>
  db.insertInto('setting').values({ name: of('name'), value: of('value') }),
)

/** Writes one setting; what is asked for in one turn shares a commit. */
const write = (store: Store, name: string): Promise<string> =>
  store.transaction(async (tx) => {
    await put(tx, { name, value: 'x' })
    return name
  })

const refused = (store: Store, name: string): Promise<never> =>
  store.transaction(async (tx) => {
    await put(tx, { name, value: 'x' })
    throw new Error(`no to ${name}`)
  })

const namesIn = async (store: Store): Promise<string[]> =>
  (await store.reader.selectFrom('setting').select('name').orderBy('name').execute()).map(
    ({ name }) => name,
  )

/** What SQLite does by itself on a full disk, or a statement that no piece should run. */
const raw = async (tx: Writer, sql: string): Promise<void> => {
  await tx.executeQuery({ ...tx.selectFrom('world').selectAll().compile(), sql })
}

describe('transactions that wait together', () => {
  // What joins a commit goes by time: here no more of it passes than is said.
  beforeEach(() => void vi.useFakeTimers({ toFake: ['performance'] }))
  afterEach(() => void vi.useRealTimers())

  it('share a commit, and none is answered before it', async () => {
    using dir = tempDir()
    await using store = await openStore({ path: join(dir.path, 'lacre.db') })
    const before = store.commits
    const seen: (readonly string[])[] = []

    const all = ['a', 'b', 'c'].map(async (name) => {
      await write(store, name)
      seen.push(await namesIn(store))
    })
    await Promise.all(all)

    expect(store.commits - before).toBe(1)
    expect(seen).toEqual([1, 2, 3].map(() => ['a', 'b', 'c']))
  })

  it('share a commit though each comes with an event of its own', async () => {
    using dir = tempDir()
    await using store = await openStore({ path: join(dir.path, 'lacre.db') })
    const before = store.commits

    const come = (name: string): Promise<string> =>
      new Promise((resolve) => setImmediate(() => resolve(write(store, name))))
    await Promise.all(['a', 'b', 'c'].map(come))

    expect(store.commits - before).toBe(1)
  })

  it('leave to the next commit what comes behind 256 of them', async () => {
    using dir = tempDir()
    await using store = await openStore({ path: join(dir.path, 'lacre.db') })
    const before = store.commits
    const asked = Array.from({ length: 257 }, (_, at) => write(store, String(at)))

    await asked[255]
    expect(store.commits - before).toBe(1)
    await Promise.all(asked)
    expect(store.commits - before).toBe(2)
  })

  it.each([
    [20, 1],
    [21, 2],
  ])('share a commit for 20 ms: after %i it is one of %i', async (ms, commits) => {
    using dir = tempDir()
    await using store = await openStore({ path: join(dir.path, 'lacre.db') })
    const before = store.commits
    const long = store.transaction((tx) => {
      vi.advanceTimersByTime(ms)
      return put(tx, { name: 'long', value: 'x' })
    })

    await Promise.all([long, write(store, 'a')])

    expect(store.commits - before).toBe(commits)
  })

  it('are each done in what is around their caller', async () => {
    using dir = tempDir()
    await using store = await openStore({ path: join(dir.path, 'lacre.db') })
    const around = new AsyncLocalStorage<string>()
    const see = (name: string): Promise<string | undefined> =>
      around.run(name, () => store.transaction(() => Promise.resolve(around.getStore())))

    expect(await Promise.all(['a', 'b', 'c'].map(see))).toEqual(['a', 'b', 'c'])
  })

  it('take nobody along where one is refused, whichever it is', async () => {
    for (const place of [0, 1, 2]) {
      using dir = tempDir()
      await using store = await openStore({ path: join(dir.path, 'lacre.db') })

      const told = await Promise.allSettled(
        ['a', 'b', 'c'].map((name, at) =>
          at === place ? refused(store, name) : write(store, name),
        ),
      )

      const wanted = ['a', 'b', 'c'].filter((_, at) => at !== place)
      expect(told.map(({ status }) => status === 'fulfilled')).toEqual(
        [0, 1, 2].map((at) => at !== place),
      )
      expect(await namesIn(store)).toEqual(wanted)
    }
  })

  it('tell a refusal once what it may be for is there', async () => {
    using dir = tempDir()
    await using store = await openStore({ path: join(dir.path, 'lacre.db') })
    const first = write(store, 'a')

    const second = write(store, 'a').catch(async () => await namesIn(store))

    expect(await Promise.all([first, second])).toEqual(['a', ['a']])
  })

  it('are all told that nothing of them is there, where the commit fails', async () => {
    using dir = tempDir()
    await using store = await openStore({ path: join(dir.path, 'lacre.db') })
    // A reference that is looked at when the commit comes.
    const dangling = store.transaction(async (tx) => {
      const key = { id: 'AKIA1', principal_id: 'usr-none', secret_sealed: 'x' }
      const row = { ...key, status: 'Active' as const, created_at: 1 }
      await tx.insertInto('access_key').values(row).execute()
    })
    const told = await Promise.allSettled([write(store, 'a'), dangling, write(store, 'b')])

    expect(told).toMatchObject(
      [1, 2, 3].map(() => ({ status: 'rejected', reason: { code: 'UNAVAILABLE' } })),
    )
    expect(await namesIn(store)).toEqual([])
    expect(await write(store, 'c')).toBe('c')
  })

  it('are all told a full disk, and go on when there is room', async () => {
    using dir = tempDir()
    const path = join(dir.path, 'lacre.db')
    await using store = await openStore({ path })
    const setPages = (count: number): Promise<void> =>
      store.transaction(async (tx) => {
        await raw(tx, `pragma max_page_count = ${count}`)
      })
    await setPages(1)

    const large = (name: string): Promise<void> =>
      store.transaction(async (tx) => {
        await put(tx, { name, value: 'x'.repeat(2_000_000) })
      })
    const told = await Promise.allSettled([write(store, 'a'), large('b'), write(store, 'c')])

    const reasons = told.map((one) => (one.status === 'rejected' ? one.reason : undefined))
    expect(reasons[1]).toMatchObject({ code: 'OUT_OF_SPACE' })
    // Whoever was answered is there, and nobody else.
    const answered = ['a', 'b', 'c'].filter((_, at) => told[at]?.status === 'fulfilled')
    expect(await namesIn(store)).toEqual(answered)
    await setPages(1_000_000)
    expect(await write(store, 'd')).toBe('d')
  })

  it.each([
    ['throws', 'UNAVAILABLE', () => Promise.reject(new PlatformError('RESOURCE_CONFLICT', 'own'))],
    ['goes on', 'OUT_OF_SPACE', () => Promise.resolve()],
  ])('are all told where the disk undid them and one %s', async (_, code, end) => {
    using dir = tempDir()
    await using store = await openStore({ path: join(dir.path, 'lacre.db') })
    const undoing = () =>
      store.transaction(async (tx) => {
        await raw(tx, 'rollback')
        await end()
      })

    const told = await Promise.allSettled([write(store, 'a'), undoing(), write(store, 'b')])

    expect(told).toMatchObject([{ reason: { code } }, { reason: { code } }, { value: 'b' }])
    expect(await namesIn(store)).toEqual(['b'])
  })

  it('are all told where one cannot be undone by itself', async () => {
    using dir = tempDir()
    await using store = await openStore({ path: join(dir.path, 'lacre.db') })
    const spoilt = () =>
      store.transaction(async (tx) => {
        await raw(tx, 'release piece')
        throw new Error('refused')
      })

    const told = await Promise.allSettled([write(store, 'a'), spoilt(), write(store, 'b')])

    const lost = { reason: { code: 'UNAVAILABLE' } }
    expect(told).toMatchObject([lost, lost, { value: 'b' }])
    expect(await namesIn(store)).toEqual(['b'])
  })

  it('are refused while a statement is left open, and written again once it is closed', async () => {
    using dir = tempDir()
    await using store = await openStore({ path: join(dir.path, 'lacre.db') })
    let rows: AsyncIterableIterator<unknown> | undefined
    const leaving = store.transaction(async (tx) => {
      await put(tx, { name: 'left', value: 'x' })
      rows = tx.selectFrom('world').selectAll().stream()
      await rows.next()
    })

    await expect(leaving).rejects.toThrow(/busy/)
    await expect(write(store, 'a')).rejects.toThrow(/busy/)
    await rows?.return?.()

    expect(await write(store, 'b')).toBe('b')
    expect(await namesIn(store)).toEqual(['b'])
  })

  it('are all told at once where another process keeps the lock, and none waits for it after another', async () => {
    using dir = tempDir()
    await using store = await openStore({ path: join(dir.path, 'lacre.db') })
    await store.transaction((tx) => raw(tx, 'pragma busy_timeout = 1'))
    const other = new Database(store.path)
    other.exec('begin immediate')

    const first = write(store, 'a').finally(() => other.close())
    const told = await Promise.allSettled([first, write(store, 'b'), write(store, 'c')])

    expect(told).toMatchObject([1, 2, 3].map(() => ({ reason: { code: 'UNAVAILABLE' } })))
    expect(await write(store, 'd')).toBe('d')
    expect(await namesIn(store)).toEqual(['d'])
  })

  it('let no query in that nobody waited for', async () => {
    using dir = tempDir()
    await using store = await openStore({ path: join(dir.path, 'lacre.db') })
    let kept: Writer | undefined
    await store.transaction((tx) => Promise.resolve((kept = tx)))

    const late = async (): Promise<void> => {
      if (kept !== undefined) await put(kept, { name: 'late', value: 'x' })
    }

    await expect(late()).rejects.toThrow('after the end of its transaction')
    expect(await namesIn(store)).toEqual([])
  })

  it('are finished before the store is closed', async () => {
    using dir = tempDir()
    const path = join(dir.path, 'lacre.db')
    {
      await using store = await openStore({ path })
      void write(store, 'a')
      void write(store, 'b')
    }

    await using store = await openStore({ path })
    expect(await namesIn(store)).toEqual(['a', 'b'])
  })
})
