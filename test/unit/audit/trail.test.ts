import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

import type Database from 'better-sqlite3'
import { describe, expect, it } from 'vitest'

import {
  exportLedger,
  governedTables,
  openAudit,
  verifyDirectory,
  verifyLedger,
} from '../../../services/audit/index.ts'
import { ledgerRows, rootOfRows } from '../../../services/audit/ledger-rows.ts'
import {
  EMPTY_FRONTIER,
  appendLeaf,
  isSignedBy,
  leafHash,
  nodesOver,
  noteKey,
  parseCheckpoint,
  parseEntry,
  parseVerifierKey,
  rootOf,
  verifyEntries,
} from '../../../services/ledger/index.ts'
import { fillTile, openState, tempDir, writeSetting, type State } from '../../support/state.ts'
import { tamper } from '../../support/tamper.ts'

const bodies = async (state: State): Promise<string[]> => {
  const rows = await state.store.reader.selectFrom('ledger_entry').selectAll().execute()
  return rows.map((row) => row.body)
}

const verify = (state: State) =>
  state.store.snapshot((reader) => verifyLedger(reader, { data: true }))

describe('appending', () => {
  it('writes the entry as the contract has it, canonical, with the hash of the row it touched', async () => {
    using dir = tempDir()
    await using state = await openState(dir.path)

    const index = await writeSetting(state, 'mode', 'strict')

    const entry = parseEntry((await bodies(state))[index] ?? '')
    expect(entry).toMatchObject({
      v: 1,
      type: 'setting',
      origin: state.audit.origin,
      index,
      at: state.clock.nowMs(),
      principal: { id: 'usr-1', kind: 'user', name: 'admin' },
      decision: null,
      changes: [{ table: 'setting', key: { name: 'mode' } }],
    })
    const { sha256 } = await import('../../../services/model/index.ts')
    expect(entry?.changes[0]?.sha256).toBe(sha256('{"name":"mode","value":"strict"}'))
  })

  it('keeps the tree that its entries hash to, in rows for full tiles and by their leaves after those', async () => {
    using dir = tempDir()
    await using state = await openState(dir.path)
    await fillTile(state)
    await fillTile(state)
    let frontier = EMPTY_FRONTIER
    const roots = (await bodies(state)).map((body) => {
      frontier = appendLeaf(frontier, leafHash(body)).frontier
      return rootOf(frontier)
    })
    const rows = ledgerRows(state.store.reader)

    for (const size of [1, 2, 3, 128, 255, 256, 257, 300, 511, 512, 513, roots.length])
      expect(await rootOfRows(rows, size)).toBe(roots[size - 1])
    // Two tiles with all their nodes, and the one above both.
    expect(await rows.countNodes()).toBe(2 * 511 + 1)
    expect((await verify(state)).findings).toEqual([])
  })

  it('goes on with a ledger that kept each node at once', async () => {
    using dir = tempDir()
    {
      await using state = await openState(dir.path)
      await writeSetting(state, 'a', '1')
    }
    tamper(dir.path, (db) => {
      const leaves = db.prepare('select leaf_hash from ledger_entry order by "index"').pluck().all()
      const insert = db.prepare('insert into ledger_node values (?, ?, ?)')
      for (const { level, index, hash } of nodesOver(0, leaves as string[]))
        insert.run(level, index, hash)
    })

    await using state = await openState(dir.path)
    expect((await verify(state)).findings).toEqual([])
    await fillTile(state)

    expect((await verify(state)).findings).toEqual([])
    expect(await ledgerRows(state.store.reader).countNodes()).toBe(511)
  })

  it('does not fill a tile over leaves that were changed', async () => {
    using dir = tempDir()
    await using state = await openState(dir.path)
    await writeSetting(state, 'a', '1')
    tamper(dir.path, `update ledger_entry set leaf_hash = printf('%064d', 1) where "index" = 1`)

    await expect(fillTile(state)).rejects.toMatchObject({ code: 'LEDGER_BROKEN' })
    expect(await state.store.reader.selectFrom('ledger_node').select('hash').execute()).toEqual([])
  })

  it('tells of a deleted row with null', async () => {
    using dir = tempDir()
    await using state = await openState(dir.path)
    await writeSetting(state, 'mode', 'strict')

    const { index } = await state.store.transaction(async (tx) => {
      await tx.deleteFrom('setting').execute()
      return await state.audit.append(tx, {
        ...blank(state),
        touched: [{ table: 'setting', key: { name: 'mode' } }],
      })
    })

    expect(parseEntry((await bodies(state))[index] ?? '')?.changes[0]?.sha256).toBeNull()
    expect((await verify(state)).findings).toEqual([])
  })

  it('never lets times go back', async () => {
    using dir = tempDir()
    await using state = await openState(dir.path)
    await writeSetting(state, 'a', '1')
    const before = state.clock.nowMs()

    state.clock.set(before - 86_400_000)
    const index = await writeSetting(state, 'b', '2')

    expect(parseEntry((await bodies(state))[index] ?? '')?.at).toBe(before)
  })

  it('says beforehand which index and time the entry will have', async () => {
    using dir = tempDir()
    await using state = await openState(dir.path)

    const [position, appended] = await state.store.transaction(async (tx) => [
      await state.audit.nextPosition(tx, 5),
      await state.audit.append(tx, { ...blank(state), at: 5 }),
    ])

    expect({ index: appended.index, atMs: appended.atMs }).toEqual(position)
  })

  it('caps foreign text and leaves no lone surrogate', async () => {
    using dir = tempDir()
    await using state = await openState(dir.path)

    const { index } = await state.store.transaction((tx) =>
      state.audit.append(tx, {
        ...blank(state),
        resource: '\ud800'.repeat(2_000),
        note: { list: ['x'.repeat(2_000)] },
      }),
    )

    const entry = parseEntry((await bodies(state))[index] ?? '')
    expect(entry?.resource).toBe('\ufffd'.repeat(512))
    expect(entry?.note).toEqual({ list: ['x'.repeat(512)] })
  })

  it('refuses an entry that no tile can hold, and keeps nothing of the change', async () => {
    using dir = tempDir()
    await using state = await openState(dir.path)

    const attempt = state.store.transaction(async (tx) => {
      await tx.insertInto('setting').values({ name: 'a', value: 'b' }).execute()
      const note = Array.from({ length: 200 }, () => 'x'.repeat(500))
      return await state.audit.append(tx, { ...blank(state), note })
    })

    await expect(attempt).rejects.toMatchObject({ code: 'INTERNAL' })
    expect(await state.store.reader.selectFrom('setting').selectAll().execute()).toEqual([])
  })

  it('is undone with the transaction it belongs to', async () => {
    using dir = tempDir()
    await using state = await openState(dir.path)
    const size = (await bodies(state)).length

    await state.store
      .transaction(async (tx) => {
        await state.audit.append(tx, blank(state))
        throw new Error('no')
      })
      .catch(() => undefined)

    expect(await bodies(state)).toHaveLength(size)
    expect((await verify(state)).findings).toEqual([])
  })

  it('governs every table that holds what was decided', () => {
    expect(Object.keys(governedTables)).toEqual(
      expect.arrayContaining(['publisher_version', 'decision', 'function_version', 'alias']),
    )
  })
})

describe('checkpoints', () => {
  it('are signed over what is committed, by the key that is told outside', async () => {
    using dir = tempDir()
    await using state = await openState(dir.path)
    const index = await writeSetting(state, 'a', '1')

    const checkpoint = await state.audit.checkpoint()

    expect(checkpoint?.size).toBe(index + 1)
    const kept = parseCheckpoint(readFileSync(join(dir.path, 'checkpoints', 'latest'), 'utf8'))
    expect(kept).toEqual(checkpoint)
    expect(isSignedBy(kept.note, parseVerifierKey(state.audit.verifierKey))).toBe(true)
    expect(isSignedBy(kept.note, noteKey(kept.origin, state.audit.publicKeyPem))).toBe(true)
  })

  it('follow by themselves a second after an entry, and at the end', async () => {
    using dir = tempDir()
    {
      await using state = await openState(dir.path)
      await writeSetting(state, 'a', '1')
      expect(await state.audit.checkpoint()).toMatchObject({ size: 2 })
      await writeSetting(state, 'a', '2')
      state.clock.advance(1_000)
      await expect.poll(() => checkpointSizes(state)).toEqual([2, 3])
      await writeSetting(state, 'a', '3')
    }

    await using state = await openState(dir.path)

    expect(await checkpointSizes(state)).toEqual([2, 3, 4])
  })

  it('are not signed twice for the same size', async () => {
    using dir = tempDir()
    await using state = await openState(dir.path)
    await writeSetting(state, 'a', '1')

    const checkpoints = await Promise.all([1, 2, 3].map(() => state.audit.checkpoint()))

    expect(new Set(checkpoints.map((checkpoint) => checkpoint?.size))).toEqual(new Set([2]))
    expect(await checkpointSizes(state)).toEqual([2])
  })
})

async function checkpointSizes(state: State): Promise<number[]> {
  const rows = await state.store.reader.selectFrom('ledger_checkpoint').select('size').execute()
  return rows.map((row) => row.size)
}

describe('at start', () => {
  const prepared = async (dir: string): Promise<void> => {
    await using state = await openState(dir)
    for (const value of ['1', '2', '3']) await writeSetting(state, 'a', value)
  }

  it.each([
    ['a cut-off tail', cutTail, /its end was cut off/],
    ['a head without its tail', `delete from ledger_entry where "index" = 3`, /the last one there/],
    ['a changed head', `update ledger_head set root = printf('%064d', 1)`, /does not fit itself/],
    ['a changed frontier', `update ledger_head set frontier = '[]'`, /does not fit itself/],
    ['an unreadable frontier', `update ledger_head set frontier = '{'`, /cannot be read/],
    [
      'a changed leaf',
      `update ledger_entry set leaf_hash = printf('%064d', 1) where "index" = 1`,
      /its tree/,
    ],
    ['a missing leaf', 'delete from ledger_entry where "index" = 1', /is not there/],
    [
      'a changed newest entry',
      `update ledger_entry set body = '{}' where "index" = 3`,
      /was changed/,
    ],
    ['another ledger', `update ledger_head set origin = 'other'`, /another ledger/],
  ])('refuses to go on with %s', async (_, damage, message) => {
    using dir = tempDir()
    await prepared(dir.path)
    tamper(dir.path, damage)

    await expect(openState(dir.path)).rejects.toMatchObject({
      code: 'LEDGER_BROKEN',
      message: expect.stringMatching(message),
    })
  })

  it.each([
    ['changed', `update ledger_node set hash = printf('%064d', 1) where level = 8`, /its tree/],
    ['missing', 'delete from ledger_node where level = 8', /is not there/],
  ])('refuses to go on where a node of a full tile is %s', async (_, damage, message) => {
    using dir = tempDir()
    {
      await using state = await openState(dir.path)
      await fillTile(state)
    }
    tamper(dir.path, damage)

    await expect(openState(dir.path)).rejects.toMatchObject({
      code: 'LEDGER_BROKEN',
      message: expect.stringMatching(message),
    })
  })

  it('refuses a database that is older than the checkpoint kept outside', async () => {
    using dir = tempDir()
    await prepared(dir.path)
    const old = readFileSync(join(dir.path, 'lacre.db'))
    await prepared(dir.path)
    writeFileSync(join(dir.path, 'lacre.db'), old)

    await expect(openState(dir.path)).rejects.toMatchObject({ code: 'LEDGER_BROKEN' })
  })

  it('refuses to begin anew where a ledger was before', async () => {
    using dir = tempDir()
    await prepared(dir.path)
    rmSync(join(dir.path, 'lacre.db'))

    await expect(openState(dir.path)).rejects.toMatchObject({ code: 'LEDGER_BROKEN' })
  })

  it('refuses when the checkpoint kept outside is gone, older, or none', async () => {
    using dir = tempDir()
    await prepared(dir.path)
    const latest = join(dir.path, 'checkpoints', 'latest')
    const first = readFileSync(latest, 'utf8')
    await prepared(dir.path)
    const second = readFileSync(latest, 'utf8')

    for (const note of [undefined, first, 'nothing', second.replace(/\n7\n/, '\n6\n')]) {
      rmSync(latest)
      if (note !== undefined) writeFileSync(latest, note)
      await expect(openState(dir.path)).rejects.toMatchObject({ code: 'LEDGER_BROKEN' })
      writeFileSync(latest, second)
    }

    await using state = await openState(dir.path)
    expect(await bodies(state)).toHaveLength(7)
  })

  it('keeps the origin it was made with', async () => {
    using dir = tempDir()
    await using state = await openState(dir.path)

    const again = await openAudit({
      store: state.store,
      keys: state.keys,
      clock: state.clock,
      log: state.log,
      dataDir: dir.path,
      origin: 'another',
    })

    expect(again.origin).toBe(state.audit.origin)
  })
})

function cutTail(db: Database.Database): void {
  const { leaf_hash: first } = db
    .prepare('select leaf_hash from ledger_entry where "index" = 0')
    .get() as { leaf_hash: string }
  db.exec(`delete from ledger_entry where "index" > 0; delete from ledger_checkpoint;
    delete from ledger_node where "index" > 0 or level > 0`)
  db.prepare('update ledger_head set size = 1, root = ?, frontier = ?').run(
    first,
    JSON.stringify([first]),
  )
}

describe('exporting', () => {
  it('gives lines that verify offline with the key kept outside', async () => {
    using dir = tempDir()
    await using state = await openState(dir.path)
    for (let at = 0; at < 20; at += 1) await writeSetting(state, `s${at}`, 'x')
    await state.audit.checkpoint()

    const lines = await state.store.snapshot(async (reader) => {
      const all: string[] = []
      for await (const line of exportLedger(reader)) all.push(line)
      return all
    })

    const last = JSON.parse(lines.pop() ?? '') as { checkpoint: string }
    const report = await verifyEntries(lines, {
      checkpoints: [parseCheckpoint(last.checkpoint)],
      logKey: parseVerifierKey(state.audit.verifierKey),
    })
    expect(report).toMatchObject({ size: 21, checkpointedSize: 21, authenticated: true })
  })
})

describe('verifying a data directory', () => {
  it('reads beside the running service, and is authenticated only with a key from outside', async () => {
    using dir = tempDir()
    await using state = await openState(dir.path)
    await writeSetting(state, 'a', '1')
    await state.audit.checkpoint()
    const options = { dataDir: dir.path, database: 'lacre.db' }

    const inside = await verifyDirectory(options)
    const logKey = parseVerifierKey(state.audit.verifierKey)
    const outside = await verifyDirectory({ ...options, logKey })

    expect(inside).toMatchObject({ findings: [], authenticated: false, size: 2 })
    expect(outside).toMatchObject({ findings: [], authenticated: true, checkpointedSize: 2 })
  })

  it('finds a whole ledger that was written anew, given one checkpoint from before', async () => {
    using dir = tempDir()
    using other = tempDir()
    const { note, logKey } = await (async () => {
      await using state = await openState(dir.path)
      await writeSetting(state, 'a', '1')
      await state.audit.checkpoint()
      const latest = readFileSync(join(dir.path, 'checkpoints', 'latest'), 'utf8')
      return { note: latest, logKey: parseVerifierKey(state.audit.verifierKey) }
    })()
    mkdirSync(other.path, { recursive: true })
    await (await openState(other.path))[Symbol.asyncDispose]()

    const report = await verifyDirectory({
      dataDir: other.path,
      database: 'lacre.db',
      logKey,
      checkpoints: [note],
    })

    expect(report.authenticated).toBe(false)
    expect(report.findings.map((finding) => finding.kind)).toEqual(
      expect.arrayContaining(['truncated', 'forked', 'signature']),
    )
  })

  it('says that there is none', async () => {
    using dir = tempDir()

    await expect(
      verifyDirectory({ dataDir: join(dir.path, 'x'), database: 'lacre.db' }),
    ).rejects.toMatchObject({ code: 'CONFIGURATION' })
  })
})

function blank(state: State) {
  return {
    type: 'test',
    at: state.clock.nowMs(),
    principal: { id: 'p', kind: 'user', name: 'n' },
    action: 'a',
    resource: 'r',
    decision: null,
    world: 0,
    touched: [],
  }
}
