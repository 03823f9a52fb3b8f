import { existsSync, statSync } from 'node:fs'
import { join } from 'node:path'

import Database from 'better-sqlite3'
import { describe, expect, it } from 'vitest'

import { isConstraintError, openReader, openStore } from '../../../services/store/index.ts'
import { tempDir } from '../../support/state.ts'

const raise = (counter: number) => ({ counter })

describe('transactions', () => {
  it('keeps what is committed and nothing of what is not', async () => {
    using dir = tempDir()
    const path = join(dir.path, 'lacre.db')
    {
      await using store = await openStore({ path })
      await store.transaction((tx) => tx.updateTable('world').set(raise(1)).execute())
      const failing = store.transaction(async (tx) => {
        await tx.updateTable('world').set(raise(2)).execute()
        throw new Error('no')
      })
      await expect(failing).rejects.toThrow('no')
    }

    await using store = await openStore({ path })

    expect(store.uncleanShutdown).toBe(false)
    expect(await store.reader.selectFrom('world').selectAll().execute()).toEqual([
      { id: 1, counter: 1 },
    ])
  })

  it('runs one at a time, in the order they were asked for', async () => {
    using dir = tempDir()
    await using store = await openStore({ path: join(dir.path, 'lacre.db') })
    const seen: number[] = []

    await Promise.all(
      Array.from({ length: 20 }, () =>
        store.transaction(async (tx) => {
          const { counter } = await tx
            .selectFrom('world')
            .select('counter')
            .executeTakeFirstOrThrow()
          await tx
            .updateTable('world')
            .set(raise(counter + 1))
            .execute()
          seen.push(counter)
        }),
      ),
    )

    expect(seen).toEqual(Array.from({ length: 20 }, (_, at) => at))
  })

  it('gives a snapshot one state, whatever is committed meanwhile', async () => {
    using dir = tempDir()
    await using store = await openStore({ path: join(dir.path, 'lacre.db') })

    const [before, after] = await store.snapshot(async (reader) => {
      const read = () => reader.selectFrom('world').select('counter').executeTakeFirstOrThrow()
      const first = await read()
      await store.transaction((tx) => tx.updateTable('world').set(raise(7)).execute())
      return [first.counter, (await read()).counter]
    })

    expect([before, after]).toEqual([0, 0])
    expect(await store.reader.selectFrom('world').select('counter').execute()).toEqual([raise(7)])
  })

  it('takes the snapshot when it begins, not when it is first read', async () => {
    using dir = tempDir()
    await using store = await openStore({ path: join(dir.path, 'lacre.db') })

    const seen = await store.snapshot(async (reader) => {
      await store.transaction((tx) => tx.updateTable('world').set(raise(7)).execute())
      return await reader.selectFrom('world').select('counter').executeTakeFirstOrThrow()
    })

    expect(seen.counter).toBe(0)
  })

  it('lets several snapshots stand side by side', async () => {
    using dir = tempDir()
    await using store = await openStore({ path: join(dir.path, 'lacre.db') })
    let arrived = 0
    const together = withResolvers()

    await Promise.all(
      [1, 2, 3].map(() =>
        store.snapshot(async (reader) => {
          await reader.selectFrom('world').selectAll().execute()
          if (++arrived === 3) together.resolve(undefined)
          await together.promise
        }),
      ),
    )

    expect(arrived).toBe(3)
  })

  it('writes nothing through a reader', async () => {
    using dir = tempDir()
    await using store = await openStore({ path: join(dir.path, 'lacre.db') })

    await expect(store.reader.updateTable('world').set(raise(1)).execute()).rejects.toThrow(
      /readonly/,
    )
  })
})

function withResolvers() {
  let resolve: (value: unknown) => void = () => {}
  const promise = new Promise((done) => {
    resolve = done
  })
  return { promise, resolve }
}

describe('the file', () => {
  it('is sound, of its owner alone, and folds its journal in at the end', async () => {
    using dir = tempDir()
    const path = join(dir.path, 'lacre.db')
    const store = await openStore({ path })
    await store.transaction((tx) => tx.updateTable('world').set(raise(1)).execute())

    expect(store.integrity()).toEqual([])
    expect(statSync(path).mode & 0o777).toBe(0o600)
    expect(statSync(`${path}-wal`).mode & 0o777).toBe(0o600)
    await store.close()
    expect(existsSync(`${path}-wal`)).toBe(false)
  })

  it('holds every handle to full durability and checks', async () => {
    using dir = tempDir()
    const path = join(dir.path, 'lacre.db')
    await using store = await openStore({ path })
    const { sql } = await import('kysely')
    const read = async (name: string) => {
      const pragma = sql<Record<string, unknown>>`${sql.raw(`pragma ${name}`)}`
      const ofReader = await pragma.execute(store.reader)
      const ofWriter = await store.transaction((tx) => pragma.execute(tx))
      return [ofReader, ofWriter].map(({ rows }) => Object.values(rows[0] ?? {})[0])
    }

    expect(await read('journal_mode')).toEqual(['wal', 'wal'])
    expect(await read('synchronous')).toEqual([2, 2])
    expect(await read('foreign_keys')).toEqual([1, 1])
    expect(await read('trusted_schema')).toEqual([0, 0])
    expect(await read('cell_size_check')).toEqual([1, 1])
    expect(await read('recursive_triggers')).toEqual([1, 1])
  })

  it('is refused when a newer version wrote it, and stays as it was', async () => {
    using dir = tempDir()
    const path = join(dir.path, 'lacre.db')
    await (await openStore({ path })).close()
    const db = new Database(path)
    db.exec(`insert into kysely_migration (name, timestamp) values ('0099_future', '2030')`)
    db.close()

    await expect(openStore({ path })).rejects.toMatchObject({
      code: 'CONFIGURATION',
      message: expect.stringContaining('0099_future'),
    })
  })

  it('is refused when it is no database', async () => {
    using dir = tempDir()
    const path = join(dir.path, 'lacre.db')
    const { writeFileSync } = await import('node:fs')
    writeFileSync(path, 'x'.repeat(8192))

    await expect(openStore({ path })).rejects.toMatchObject({ code: 'LEDGER_BROKEN' })
  })

  it('is not made by whoever only reads', () => {
    using dir = tempDir()

    expect(() => openReader(join(dir.path, 'none.db'))).toThrow(/no database/)
  })
})

describe('the schema', () => {
  const document = { sha256: 'a'.repeat(64), body: '{}' }
  const publisher = { id: 'pub-1', kind: 'key', name: 'acme', created_at: 1 } as const

  it.each([
    ['a document', 'update document set body = 1'],
    ['a document', 'delete from document'],
    ['a document', `insert or replace into document values ('${'a'.repeat(64)}', 'other')`],
    ['a publisher', `update publisher set name = 'other'`],
    ['a publisher', 'delete from publisher'],
    ['a counter that rises', 'update world set counter = counter - 1'],
    ['the world', 'delete from world'],
  ])('refuses to change %s: %s', async (_, statement) => {
    using dir = tempDir()
    await using store = await openStore({ path: join(dir.path, 'lacre.db') })
    await store.transaction(async (tx) => {
      await tx.insertInto('document').values(document).execute()
      await tx.insertInto('publisher').values(publisher).execute()
      await tx.updateTable('world').set(raise(3)).execute()
    })
    const { sql } = await import('kysely')

    const attempt = store.transaction((tx) => sql.raw(statement).execute(tx))

    await expect(attempt).rejects.toSatisfy(isConstraintError)
    expect(await store.reader.selectFrom('document').selectAll().execute()).toEqual([document])
    expect(await store.reader.selectFrom('publisher').selectAll().execute()).toEqual([publisher])
  })

  it('gives a publisher name once', async () => {
    using dir = tempDir()
    await using store = await openStore({ path: join(dir.path, 'lacre.db') })
    await store.transaction((tx) => tx.insertInto('publisher').values(publisher).execute())

    const again = store.transaction((tx) =>
      tx
        .insertInto('publisher')
        .values({ ...publisher, id: 'pub-2' })
        .execute(),
    )

    await expect(again).rejects.toSatisfy(isConstraintError)
  })

  it('checks references when a transaction ends, in whatever order rows were written', async () => {
    using dir = tempDir()
    await using store = await openStore({ path: join(dir.path, 'lacre.db') })
    const version = {
      publisher_id: publisher.id,
      version: 'abcdefghij',
      document: '{}',
      digest: 'b'.repeat(64),
      status: 'Active',
      created_at: 1,
    } as const

    const dangling = store.transaction((tx) =>
      tx.insertInto('publisher_version').values(version).execute(),
    )
    await expect(dangling).rejects.toSatisfy(isConstraintError)
    await store.transaction(async (tx) => {
      await tx.insertInto('publisher_version').values(version).execute()
      await tx.insertInto('publisher').values(publisher).execute()
    })

    expect(store.integrity()).toEqual([])
  })

  it('keeps a revoked publisher version revoked', async () => {
    using dir = tempDir()
    await using store = await openStore({ path: join(dir.path, 'lacre.db') })
    await store.transaction(async (tx) => {
      await tx.insertInto('publisher').values(publisher).execute()
      await tx
        .insertInto('publisher_version')
        .values({
          publisher_id: 'pub-1',
          version: 'abcdefghij',
          document: '{}',
          created_at: 1,
          digest: 'b'.repeat(64),
          status: 'Revoked' as const,
        })
        .execute()
    })

    const back = store.transaction((tx) =>
      tx.updateTable('publisher_version').set({ status: 'Active' }).execute(),
    )

    await expect(back).rejects.toThrow(/a revocation is final/)
  })
})
