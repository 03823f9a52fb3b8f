import { rmSync } from 'node:fs'
import { join } from 'node:path'

import Database from 'better-sqlite3'
import { describe, expect, it } from 'vitest'

import {
  rotateLedger,
  verifyDirectory,
  verifyLedger,
  type VerifyDirectoryOptions,
} from '../../../services/audit/index.ts'
import {
  hasItsKey,
  keyOf,
  readRow,
  readRows,
  type GovernedRef,
} from '../../../services/audit/governed.ts'
import { findSuccession } from '../../../services/audit/succession.ts'
import { parseVerifierKey } from '../../../services/ledger/index.ts'
import { sha256 } from '../../../services/model/index.ts'
import { openStore } from '../../../services/store/index.ts'
import { openState, settingEntry, tempDir, writeSetting, type State } from '../../support/state.ts'
import { tamper } from '../../support/tamper.ts'

/** A ledger of three entries: its key, and two settings; answers the key of the ledger. */
async function write(dir: string, prepare?: (state: State) => Promise<unknown>): Promise<string> {
  await using state = await openState(dir)
  for (const name of ['a', 'b']) await writeSetting(state, name, `of ${name}`)
  await prepare?.(state)
  await state.audit.checkpoint()
  return state.audit.verifierKey
}

const verify = (dir: string, more: Partial<VerifyDirectoryOptions> = {}) =>
  verifyDirectory({ dataDir: dir, database: 'lacre.db', ...more })

const found = async (dir: string): Promise<string[]> =>
  (await verify(dir)).findings.map(({ kind, message }) => `${kind}: ${message}`)

/** Once of the checkpoint in the database, once of the one outside. */
const UNSIGNED = `signature: the checkpoint of size 3 is not by the log's key`
const DIGEST = 'ab'.repeat(32)

describe('verifying the ledger in force', () => {
  it.each<[string, string, readonly string[]]>([
    ['a row that was edited', `update setting set value = 'x' where name = 'a'`,
      ['row: setting {"name":"a"} was changed after entry 1']],
    ['a row that nothing tells of', `insert into setting values ('c', 'x')`,
      ['row: setting {"name":"c"} is in no entry of the ledger']],
    ['a row that is gone', `delete from setting where name = 'b'`,
      ['row: setting {"name":"b"} is gone, entry 2 left it there']],
    ['a head that is gone', 'delete from ledger_head',
      ['edited: the head of the ledger is not there', UNSIGNED, UNSIGNED]],
    ['a head that says more', 'update ledger_head set size = 9',
      ['truncated: the head says 9 entries, 3 are there']],
    ['a head that says less', 'update ledger_head set size = 2',
      ['edited: the head says 2 entries, 3 are there']],
    ['another root in the head', `update ledger_head set root = '${DIGEST}'`,
      ['edited: the head of the ledger is not what its entries hash to']],
    ['another frontier in the head', `update ledger_head set frontier = '[]'`,
      ['edited: the head of the ledger is not what its entries hash to']],
    ['another time in the head', 'update ledger_head set last_at = last_at + 1',
      ['edited: the head of the ledger has another time than the newest entry']],
    ['another name in the head', `update ledger_head set origin = 'other'`,
      ['forked: the head of the ledger names another ledger', UNSIGNED, UNSIGNED]],
    ['another leaf', `update ledger_entry set leaf_hash = '${DIGEST}' where "index" = 1`,
      ['edited: entry 1 does not hash to its leaf']],
    ['a row of an entry under another number', 'update ledger_entry set "index" = 7 where "index" = 2',
      ['dropped: the row of entry 2 is not there']],
    ['a node of no tile', `insert into ledger_node values (4, 0, '${DIGEST}')`,
      ['edited: the tree of the ledger has nodes too many']],
    ['a node of the open tile that is another', `insert into ledger_node values (1, 0, '${DIGEST}')`,
      ['edited: node 0 of level 1 is not what its entries hash to']],
    ['a checkpoint that is none', `update ledger_checkpoint set note = 'x'`,
      ['malformed: the checkpoint of size 3 cannot be read']],
    ['a checkpoint under another size', `update ledger_checkpoint set size = 2`,
      ['edited: the checkpoint kept for size 2 is of size 3']],
    ['a document that is another', `insert into document values ('${DIGEST}', 'x')`,
      [`row: document ${DIGEST} does not hash to its name`]],
  ])('finds %s', async (_, damage, findings) => {
    using dir = tempDir()
    await write(dir.path)
    tamper(dir.path, damage)

    expect(await found(dir.path)).toEqual(findings)
  }) // prettier-ignore

  it('finds an entry of a world that was not reached, or is gone', async () => {
    using dir = tempDir()
    await write(dir.path, (state) =>
      state.store.transaction((tx) =>
        state.audit.append(tx, { ...settingEntry(state, 'a'), world: 5 }),
      ),
    )
    const message = 'row: the world stands at 0, an entry was of 5'

    expect(await found(dir.path)).toEqual([message])
    tamper(dir.path, 'delete from world')
    expect(await found(dir.path)).toEqual([message])
  })

  it('finds a row that was deleted and is back, and not one that stays away', async () => {
    using dir = tempDir()
    await write(dir.path, (state) =>
      state.store.transaction(async (tx) => {
        await tx.deleteFrom('setting').where('name', '=', 'a').execute()
        await state.audit.append(tx, settingEntry(state, 'a'))
      }),
    )

    expect(await found(dir.path)).toEqual([])
    tamper(dir.path, `insert into setting values ('a', 'of a')`)
    expect(await found(dir.path)).toEqual([
      'row: setting {"name":"a"} is there, entry 3 deleted it',
    ])
  })

  it('finds a row that holds what no row of ours can', async () => {
    using dir = tempDir()
    await write(dir.path)
    tamper(
      dir.path,
      `create table loose (name, value); insert into loose select * from setting;
      drop table setting; alter table loose rename to setting;
      update setting set value = 9e999 where name = 'a'`,
    )

    expect(await found(dir.path)).toContain('row: setting {"name":"a"} was changed after entry 1')
  })

  it('passes documents that hash to their names', async () => {
    using dir = tempDir()
    await write(dir.path)
    tamper(dir.path, (db) => {
      db.prepare('insert into document values (?, ?)').run(sha256('x'), 'x')
    })

    expect(await found(dir.path)).toEqual([])
  })

  it('finds nothing in a database without a ledger', async () => {
    using dir = tempDir()
    const store = await openStore({ path: join(dir.path, 'lacre.db') })
    try {
      const report = await store.snapshot((reader) => verifyLedger(reader, { data: true }))

      expect(report).toMatchObject({ size: 0, findings: [], authenticated: false, past: [] })
    } finally {
      await store.close()
    }
  })

  it('says nothing of rows where it is not asked for them', async () => {
    using dir = tempDir()
    await using state = await openState(dir.path)
    await writeSetting(state, 'a', '1')
    tamper(dir.path, `update setting set value = 'x'`)

    const of = (data: boolean) => state.store.snapshot((reader) => verifyLedger(reader, { data }))

    expect((await of(false)).findings).toEqual([])
    expect((await of(true)).findings).toMatchObject([{ kind: 'row', key: { name: 'a' } }])
  })

  it('finds that a checkpoint kept elsewhere is none, or of more', async () => {
    using dir = tempDir()
    const logKey = parseVerifierKey(await write(dir.path))
    using later = tempDir()
    await write(later.path)

    const report = await verify(dir.path, { logKey, checkpoints: ['x'] })

    expect(report).toMatchObject({ authenticated: false, size: 3 })
    expect(report.findings).toEqual([
      { kind: 'malformed', message: 'the checkpoint kept outside cannot be read' },
    ])
  })

  it('needs no checkpoint beside the database', async () => {
    using dir = tempDir()
    const logKey = parseVerifierKey(await write(dir.path))
    rmSync(join(dir.path, 'checkpoints'), { recursive: true })

    expect(await verify(dir.path, { logKey })).toMatchObject({ findings: [], authenticated: true })
  })
})

describe('a database that is damaged', () => {
  it('is not authenticated, whatever its entries say', async () => {
    using dir = tempDir()
    const logKey = parseVerifierKey(await write(dir.path))
    tamper(dir.path, 'create table other (x); create index more on setting (value)')

    const report = await verify(dir.path, { logKey })

    expect(report.authenticated).toBe(false)
    expect(report.findings.map(({ kind, message }) => [kind, message])).toEqual([
      ['malformed', 'table other was added'],
      ['malformed', 'index more was added'],
    ])
  })

  it('is told of where its schema is that of no version', async () => {
    using dir = tempDir()
    await write(dir.path)
    tamper(dir.path, `update kysely_migration set name = '9999_x' where name like '0001%'`)

    expect(await found(dir.path)).toEqual([
      expect.stringMatching(/^malformed: the schema cannot be read: ./),
    ])
  })

  it('is the answer where its entries cannot be read', async () => {
    using dir = tempDir()
    await write(dir.path)
    const db = new Database(join(dir.path, 'lacre.db'))
    db.exec('drop table ledger_cosignature')
    db.close()

    await expect(verify(dir.path)).rejects.toMatchObject({
      code: 'LEDGER_BROKEN',
      message: expect.stringMatching(/^the database is damaged: /) as string,
    })
  })

  it.each(['', 'create table other (x)'])(
    'says that the key of its ledger is none, damaged elsewhere or not: %j',
    async (damage) => {
      using dir = tempDir()
      await write(dir.path)
      const pem = `update sealed_key set public_key_pem = 'x' where purpose = 'ledger'`
      tamper(dir.path, `${pem}; ${damage}`)

      await expect(verify(dir.path)).rejects.toMatchObject({
        code: 'LEDGER_BROKEN',
        message: 'the key of ledger 1 cannot be read',
      })
    },
  )
})

describe('verifying a ledger that was rotated away', () => {
  it.each<[string, string, readonly string[]]>([
    ['its last checkpoint gone', 'update past_ledger set checkpoint = null',
      ['malformed: ledger 1: the last checkpoint cannot be read',
        'signature: ledger 1: the end is under no checkpoint']],
    ['fewer entries', 'update past_ledger set size = 9',
      ['signature: ledger 1: the end is under no checkpoint',
        'truncated: ledger 1: 9 entries were kept, 5 are there']],
    ['more entries', 'update past_ledger set size = 4',
      ['signature: ledger 1: the end is under no checkpoint',
        'edited: ledger 1: 4 entries were kept, 5 are there']],
    ['other entries', `update past_ledger set root = '${DIGEST}'`,
      ['edited: ledger 1: the entries are not those that were kept']],
    ['a node too many', `insert into past_ledger_node values (1, 4, 0, '${DIGEST}')`,
      ['edited: ledger 1: the tree of the ledger has nodes too many']],
  ])('finds %s', async (_, damage, findings) => {
    using dir = tempDir()
    await write(dir.path)
    await (await openState(dir.path, { open: rotateLedger }))[Symbol.asyncDispose]()
    expect(await found(dir.path)).toEqual([])

    tamper(dir.path, damage)

    expect(await found(dir.path)).toEqual(expect.arrayContaining([...findings]))
  }) // prettier-ignore

  it('reads a succession from the newest entry alone', async () => {
    using dir = tempDir()
    await using state = await openState(dir.path)
    await writeSetting(state, 'a', '1')
    const { reader } = state.store

    expect(await findSuccession(reader)).toBeUndefined()
    tamper(dir.path, 'delete from ledger_entry')
    expect(await findSuccession(reader)).toBeUndefined()
  })
})

describe('governed rows', () => {
  it('are read by their keys, one or many, of one column or several', async () => {
    using dir = tempDir()
    await using state = await openState(dir.path)
    await writeSetting(state, 'a', '1')
    await writeSetting(state, 'b', '2')
    const { reader } = state.store
    const setting = (name: string): GovernedRef => ({ table: 'setting', key: { name } })
    const grant: GovernedRef = { table: 'role_grant', key: { principal_id: 'p', role: 'r' } }

    expect([
      ...(await readRows(reader, [setting('b'), setting('x'), setting('a'), grant])),
    ]).toEqual([
      ['setting {"name":"a"}', { name: 'a', value: '1' }],
      ['setting {"name":"b"}', { name: 'b', value: '2' }],
    ])
    expect((await readRows(reader, [setting('a')])).size).toBe(1)
    expect((await readRows(reader, [{ table: 'setting', key: {} }, setting('a')])).size).toBe(1)
  })

  it('are none of a table that is not governed', async () => {
    using dir = tempDir()
    await using state = await openState(dir.path)

    expect(await readRow(state.store.reader, { table: 'world', key: { id: 1 } })).toBeUndefined()
  })

  it('have every column of their key, and an empty one where a row lacks it', () => {
    const ref = (key: GovernedRef['key']): GovernedRef => ({ table: 'role_grant', key })

    expect(hasItsKey(ref({ principal_id: 'p', role: 'r' }))).toBe(true)
    expect(hasItsKey(ref({ principal_id: 'p' }))).toBe(false)
    expect(hasItsKey(ref({ principal_id: 'p', other: 'r' }))).toBe(false)
    expect(hasItsKey(ref({ principal_id: 'p', role: 'r', other: 'x' }))).toBe(false)
    expect(keyOf('role_grant', { principal_id: 'p', role: null })).toEqual({
      principal_id: 'p',
      role: '',
    })
  })
})
