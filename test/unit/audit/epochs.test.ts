import { execFileSync } from 'node:child_process'
import { generateKeyPairSync } from 'node:crypto'
import { cpSync, mkdirSync, readFileSync, rmSync, statfsSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

import Database from 'better-sqlite3'
import { describe, expect, it } from 'vitest'

import { append } from '../../../services/audit/append.ts'
import { beginLedger } from '../../../services/audit/epochs.ts'
import {
  checkAgainst,
  findHold,
  ledgerRows,
  recoverLedger,
  rotateLedger,
  verifyDirectory,
} from '../../../services/audit/index.ts'
import { BEGUN, announce, nextLedger, systemEntry } from '../../../services/audit/succession.ts'
import { loadMasterKey, openKeys } from '../../../services/keys/index.ts'
import {
  formatVerifierKey,
  noteKey,
  parseCheckpoint,
  parseEntry,
  parseVerifierKey,
} from '../../../services/ledger/index.ts'
import { systemRandom } from '../../../services/model/index.ts'
import { openStore, type Reader } from '../../../services/store/index.ts'
import { Outbox } from '../../../services/webhooks/index.ts'
import {
  FakeClock,
  MASTER_KEY,
  fillTile,
  openState,
  tempDir,
  writeSetting,
  type State,
} from '../../support/state.ts'
import { tamper } from '../../support/tamper.ts'

const verify = (dir: string, logKey?: string, checkpoints: readonly string[] = []) =>
  verifyDirectory({
    dataDir: dir,
    database: 'lacre.db',
    checkpoints,
    ...(logKey !== undefined && { logKey: parseVerifierKey(logKey) }),
  })

/** A ledger with a few entries; answers its key and its last checkpoint. */
async function write(
  dir: string,
  names: readonly string[],
  prepare: (state: State) => Promise<void> = () => Promise.resolve(),
) {
  await using state = await openState(dir)
  for (const name of names) await writeSetting(state, name, `of ${name}`)
  await prepare(state)
  await state.audit.checkpoint()
  const note = readFileSync(join(dir, 'checkpoints', 'latest'), 'utf8')
  return { key: state.audit.verifierKey, origin: state.audit.origin, note }
}

async function rotate(dir: string) {
  await using state = await openState(dir, { open: rotateLedger })
  return { key: state.audit.verifierKey, origin: state.audit.origin, epoch: state.audit.epoch }
}

/** As `lacre ledger new-epoch`. */
async function recover(
  dir: string,
  reason = 'restored',
  options: { readonly checkpointDir?: string; readonly origin?: string } = {},
) {
  const clock = new FakeClock()
  const store = await openStore({ path: join(dir, 'lacre.db') })
  try {
    const masterKey = loadMasterKey({ dataDir: dir, random: systemRandom, value: MASTER_KEY })
    const keys = await openKeys({ store, masterKey, clock })
    const of = { dataDir: dir, origin: 'lacre.test/anew', reason, ...options }
    return await recoverLedger({ store, keys, clock, ...of })
  } finally {
    await store.close()
  }
}

const entriesOf = async (dir: string) => {
  await using state = await openState(dir)
  const rows = await state.store.reader.selectFrom('ledger_entry').selectAll().execute()
  return rows.map(({ body }) => parseEntry(body))
}

it('rotates the key: the old ledger announces the new one, and each key authenticates both', async () => {
  using dir = tempDir()
  const first = await write(dir.path, ['a', 'b'])
  const second = await rotate(dir.path)
  const after = await write(dir.path, ['c'])
  const [begun] = await entriesOf(dir.path)

  expect(second.epoch).toBe(2)
  expect(second.key).not.toBe(first.key)
  expect(begun).toMatchObject({ type: 'ledger.begun', index: 0, origin: second.origin })
  expect(begun?.note).toMatchObject({ how: 'rotated', previous: { origin: first.origin } })
  for (const key of [first.key, second.key]) {
    const report = await verify(dir.path, key, [first.note, after.note])
    expect(report).toMatchObject({ findings: [], authenticated: true, origin: second.origin })
    expect(report.past).toMatchObject([{ epoch: 1, origin: first.origin, how: 'rotated' }])
  }
  expect((await verify(dir.path)).authenticated).toBe(false)
})

it('finishes a rotation that was announced, at the next start', async () => {
  using dir = tempDir()
  const first = await write(dir.path, ['a'])
  using announced = tempDir()
  let next = ''
  {
    await using state = await openState(dir.path)
    const named = await nextLedger(state.store, state.keys, 'lacre.test/next')
    next = named.verifierKey
    await state.store.transaction((tx) => announce(tx, named, 1))
    // Killed here: the announcement is under no checkpoint yet.
    cpSync(dir.path, announced.path, { recursive: true })
  }
  const { key, origin } = await write(announced.path, ['b'])

  expect({ key, origin }).toEqual({ key: next, origin: 'lacre.test/next' })
  expect(await verify(announced.path, first.key)).toMatchObject({
    findings: [],
    authenticated: true,
  })
})

it.each([
  ['an entry of it', `update past_ledger_entry set body = replace(body, 'setting/a', 'setting/x') where epoch = 1`],
  ['its last entry', `delete from past_ledger_entry where "index" = (select max("index") from past_ledger_entry)`],
  ['a leaf of it', `update past_ledger_entry set leaf_hash = printf('%064d', 1) where "index" = 1`],
  ['a node of it', `update past_ledger_node set hash = printf('%064d', 1) where level = 1`],
  ['a node too few of it', `delete from past_ledger_node where level = 3`],
  ['a checkpoint of it', `update past_ledger_checkpoint set note = replace(note, char(10) || '260' || char(10), char(10) || '259' || char(10))`],
  ['what is said of it', `update past_ledger set root = printf('%064d', 1)`],
  ['all of it', `delete from past_ledger_entry; delete from past_ledger_node; delete from past_ledger_checkpoint; delete from past_ledger`],
])('finds that %s was changed after a rotation', async (_, damage) => {
  using dir = tempDir()
  await write(dir.path, ['a', 'b'], fillTile)
  await rotate(dir.path)
  tamper(dir.path, damage)

  expect((await verify(dir.path)).findings).not.toEqual([])
}) // prettier-ignore

it('does not open on a copy from before the rotation', async () => {
  using dir = tempDir()
  using old = tempDir()
  await write(dir.path, ['a'])
  cpSync(join(dir.path, 'lacre.db'), join(old.path, 'lacre.db'))
  await rotate(dir.path)
  cpSync(join(dir.path, 'checkpoints'), join(old.path, 'checkpoints'), { recursive: true })

  await expect(openState(old.path)).rejects.toMatchObject({ code: 'LEDGER_BROKEN' })
})

it('begins anew where the tail is gone: quoted, told, held, and sound from then on', async () => {
  using dir = tempDir()
  const first = await write(dir.path, ['a'])
  using backup = tempDir()
  cpSync(join(dir.path, 'lacre.db'), join(backup.path, 'lacre.db'))
  const lost = await write(dir.path, ['b', 'c'])
  rmSync(join(dir.path, 'lacre.db'))
  for (const suffix of ['-wal', '-shm'])
    rmSync(join(dir.path, `lacre.db${suffix}`), { force: true })
  cpSync(join(backup.path, 'lacre.db'), join(dir.path, 'lacre.db'))

  await expect(openState(dir.path)).rejects.toMatchObject({ code: 'LEDGER_BROKEN' })
  const recovered = await recover(dir.path)
  {
    await using state = await openState(dir.path)
    expect(await findHold(state.store.reader)).toBe(2)
    expect(state.audit.epoch).toBe(2)
  }
  const [begun] = await entriesOf(dir.path)

  expect(recovered).toMatchObject({
    epoch: 2,
    previous: { origin: first.origin, checkpoint: lost.note },
  })
  expect(begun?.note).toMatchObject({
    how: 'recovered',
    reason: 'restored',
    previous: { checkpoint: lost.note },
  })
  const report = await verify(dir.path)
  expect(report).toMatchObject({ findings: [], past: [{ how: 'recovered' }] })
  // The old key does not speak for a ledger that it never announced.
  expect(await verify(dir.path, first.key)).toMatchObject({ authenticated: false })
})

it('takes over rows that were changed, by name, and finds what is changed after', async () => {
  using dir = tempDir()
  await write(dir.path, ['a', 'b'])
  tamper(
    dir.path,
    `update setting set value = 'x' where name = 'a'; insert into setting values ('sneaked', 'in')`,
  )
  const { adopted, findings } = await recover(dir.path, 'a row was edited')
  await (await openState(dir.path))[Symbol.asyncDispose]()
  const clean = await verify(dir.path)
  tamper(dir.path, `update setting set value = 'y' where name = 'a'`)

  expect(findings.map(({ kind }) => kind)).toEqual(['row', 'row'])
  expect(adopted.map(({ key }) => key)).toEqual([{ name: 'a' }, { name: 'sneaked' }])
  expect(clean.findings).toEqual([])
  expect((await verify(dir.path)).findings).toMatchObject([{ kind: 'row', key: { name: 'a' } }])
})

it('gives up an entry log that was edited, and holds what is kept of it', async () => {
  using dir = tempDir()
  await write(dir.path, ['a', 'b'])
  tamper(
    dir.path,
    `update ledger_entry set body = replace(body, '"admin"', '"nobody"') where "index" = 1;
    delete from ledger_entry where "index" = 2`,
  )
  await recover(dir.path)
  await (await openState(dir.path))[Symbol.asyncDispose]()
  const clean = await verify(dir.path)
  tamper(
    dir.path,
    `update past_ledger_entry set body = replace(body, '"nobody"', '"admin"') where "index" = 1`,
  )

  expect(clean.findings).toEqual([])
  expect((await verify(dir.path)).findings).not.toEqual([])
})

it('begins nothing anew where nothing is wrong', async () => {
  using dir = tempDir()
  await write(dir.path, ['a'])

  await expect(recover(dir.path)).rejects.toMatchObject({ code: 'RESOURCE_CONFLICT' })
})

it('keeps the last checkpoint elsewhere too, and does not open on a rolled back directory', async () => {
  using dir = tempDir()
  using elsewhere = tempDir()
  using before = tempDir()
  await write(dir.path, ['a'])
  cpSync(dir.path, before.path, { recursive: true })
  {
    await using state = await openState(dir.path, { checkpointDir: elsewhere.path })
    await writeSetting(state, 'b', 'later')
  }

  expect(readFileSync(join(elsewhere.path, 'latest'), 'utf8')).toBe(
    readFileSync(join(dir.path, 'checkpoints', 'latest'), 'utf8'),
  )
  await (await openState(before.path))[Symbol.asyncDispose]()
  await expect(openState(before.path, { checkpointDir: elsewhere.path })).rejects.toMatchObject({
    code: 'LEDGER_BROKEN',
  })
})

describe('a start', () => {
  /** Gives the ledger up as whoever can write the database would, and answers what stood in it. */
  async function forge(dir: string, how: 'rotated' | 'recovered', key: string) {
    const store = await openStore({ path: join(dir, 'lacre.db') })
    try {
      await store.transaction(async (tx) => {
        const { origin, size, root, last_at: lastAt } = await headOf(tx)
        const kept = await ledgerRows(tx).checkpoint()
        const ended = { epoch: 1, how, origin, size, root, checkpoint: kept?.note ?? null }
        await beginLedger(tx, { ...ended, ended_at: 1 }, { origin: 'lacre.test/forged', lastAt })
        const named = { origin: 'lacre.test/forged', verifierKey: key }
        const previous = { origin, size, root, checkpoint: ended.checkpoint }
        const note = { epoch: 2, how, ...named, previous }
        const entry = await systemEntry(tx, { type: BEGUN, atMs: 1, note })
        await append(tx, entry, new Outbox())
      })
    } finally {
      await store.close()
    }
  }
  const headOf = async (reader: Reader) =>
    await reader.selectFrom('ledger_head').selectAll().executeTakeFirstOrThrow()
  const foreignKey = (): { pem: string; verifierKey: string } => {
    const { publicKey } = generateKeyPairSync('ed25519')
    const pem = publicKey.export({ format: 'pem', type: 'spki' }).toString()
    return { pem, verifierKey: formatVerifierKey(noteKey('lacre.test/forged', pem)) }
  }
  const keysIn = (dir: string): unknown[] => query(dir, 'select purpose from sealed_key')
  const query = (dir: string, sql: string): unknown[] => {
    const db = new Database(join(dir, 'lacre.db'))
    try {
      return db.prepare(sql).pluck().all()
    } finally {
      db.close()
    }
  }

  it.each(['rotated', 'recovered'] as const)(
    'refuses a ledger that only the database says was %s, and makes no key for it',
    async (how) => {
      using dir = tempDir()
      await write(dir.path, ['a', 'b'])
      const before = keysIn(dir.path)
      await forge(dir.path, how, foreignKey().verifierKey)

      await expect(openState(dir.path)).rejects.toMatchObject({ code: 'LEDGER_BROKEN' })
      expect(keysIn(dir.path)).toEqual(before)
    },
  )

  it.each(['rotated', 'recovered'] as const)(
    'refuses one that was %s to a key that somebody put there',
    async (how) => {
      using dir = tempDir()
      await write(dir.path, ['a', 'b'])
      const { pem, verifierKey } = foreignKey()
      await forge(dir.path, how, verifierKey)
      tamper(
        dir.path,
        `insert into sealed_key select 'ledger.2', '${pem}', private_key_sealed, 1 from sealed_key where purpose = 'ledger'`,
      )

      await expect(openState(dir.path)).rejects.toMatchObject({ code: 'LEDGER_BROKEN' })
    },
  )

  it('ends no ledger for one whose key is not ours', async () => {
    using dir = tempDir()
    await write(dir.path, ['a'])
    const { pem, verifierKey } = foreignKey()
    const announceIt = async (): Promise<void> => {
      await using state = await openState(dir.path)
      const named = { origin: 'lacre.test/forged', verifierKey }
      await state.store.transaction((tx) => announce(tx, named, 1))
    }
    await announceIt()

    await expect(openState(dir.path)).rejects.toMatchObject({ code: 'LEDGER_BROKEN' })
    tamper(
      dir.path,
      `insert into sealed_key select 'ledger.2', '${pem}', private_key_sealed, 1 from sealed_key where purpose = 'ledger'`,
    )
    await expect(openState(dir.path)).rejects.toMatchObject({ code: 'INTERNAL' })
    expect(query(dir.path, 'select count(*) from past_ledger')).toEqual([0])
  })

  it.each([
    ['the first entry is gone', 'delete from ledger_entry where "index" = 0'],
    ['the first entry was changed', `update ledger_entry set body = replace(body, 'rotated', 'rotatep') where "index" = 0`],
    ['another root is said of the ledger before', `update past_ledger set root = printf('%064d', 1)`],
    ['another checkpoint is quoted', 'update past_ledger set checkpoint = null'],
    ['it is said to have been given up', `update past_ledger set how = 'recovered'`],
    ['another one was before', `update past_ledger set origin = 'lacre.test/other'`],
    ['the announcement is gone', 'delete from past_ledger_entry where "index" = (select max("index") from past_ledger_entry)'],
  ])('refuses a rotated ledger of which %s', async (_, damage) => {
    using dir = tempDir()
    await write(dir.path, ['a', 'b'])
    await rotate(dir.path)
    await write(dir.path, ['c'])
    tamper(dir.path, damage)

    await expect(openState(dir.path)).rejects.toMatchObject({ code: 'LEDGER_BROKEN' })
  }) // prettier-ignore

  it('holds the checkpoint elsewhere to the ledger it is of, where a rotation did not know of the place', async () => {
    using dir = tempDir()
    using elsewhere = tempDir()
    const options = { checkpointDir: elsewhere.path }
    const opened = async (): Promise<string> => {
      await using state = await openState(dir.path, options)
      await writeSetting(state, 'x', 'y')
      return state.audit.origin
    }
    await opened()
    const old = readFileSync(join(elsewhere.path, 'latest'), 'utf8')
    const { origin } = await rotate(dir.path)

    expect(await opened()).toBe(origin)
    expect(parseCheckpoint(readFileSync(join(elsewhere.path, 'latest'), 'utf8')).origin).toBe(
      origin,
    )
    // The ledger before has no other past than the one that was signed.
    const forged = old.replace(/^(\S+\n)\d+\n/, '$19\n')
    writeFileSync(join(elsewhere.path, 'latest'), forged)
    await expect(openState(dir.path, options)).rejects.toMatchObject({ code: 'LEDGER_BROKEN' })
    writeFileSync(join(elsewhere.path, 'latest'), old)
    await expect(opened()).resolves.toBe(origin)
  })

  it('accepts a checkpoint from before a rotation for a restored ledger, and none of another ledger', async () => {
    using dir = tempDir()
    using other = tempDir()
    const { note } = await write(dir.path, ['a'])
    const stranger = await write(other.path, ['a'])
    await rotate(dir.path)
    await write(dir.path, ['c'])
    const store = await openStore({ path: join(dir.path, 'lacre.db') })
    try {
      expect((await checkAgainst(store.reader, note)).note.text).toBe(
        parseCheckpoint(note).note.text,
      )
      await expect(checkAgainst(store.reader, stranger.note)).rejects.toMatchObject({
        code: 'LEDGER_BROKEN',
      })
    } finally {
      await store.close()
    }
  })
})

describe('a new beginning', () => {
  const latest = (dir: string): string => join(dir, 'checkpoints', 'latest')
  const open = async (dir: string) => {
    await using state = await openState(dir)
    await writeSetting(state, 'after', 'x')
    return state.audit.epoch
  }

  it.each([
    ['cannot be read', (dir: string) => writeFileSync(latest(dir), 'garbage')],
    ['is larger than any', (dir: string) => writeFileSync(latest(dir), 'x'.repeat(300_000))],
    ['is gone', (dir: string) => rmSync(latest(dir))],
    ['claims more than was signed', (dir: string) =>
      writeFileSync(latest(dir), readFileSync(latest(dir), 'utf8').replace(/\n\d+\n/, '\n900000\n'))],
    ['is of another ledger', (dir: string) =>
      writeFileSync(latest(dir), readFileSync(latest(dir), 'utf8').replace(/^\S+/, 'lacre.test/other'))],
  ])('opens where the last checkpoint %s', async (_, damage) => {
    using dir = tempDir()
    await write(dir.path, ['a', 'b'])
    damage(dir.path)
    await expect(openState(dir.path)).rejects.toMatchObject({ code: 'LEDGER_BROKEN' })
    await recover(dir.path)

    expect(await open(dir.path)).toBe(2)
    expect((await verify(dir.path)).findings).toEqual([])
  }) // prettier-ignore

  it('quotes no checkpoint of a ledger before, however large', async () => {
    using dir = tempDir()
    const first = await write(dir.path, ['a', 'b', 'c', 'd', 'e', 'f'])
    await rotate(dir.path)
    const second = await write(dir.path, ['g'])
    tamper(dir.path, `update setting set value = 'x' where name = 'a'`)
    using elsewhere = tempDir()
    writeFileSync(join(elsewhere.path, 'latest'), first.note)
    const { previous } = await recover(dir.path, 'edited', { checkpointDir: elsewhere.path })

    expect(previous).toMatchObject({ origin: second.origin, checkpoint: second.note })
    await using state = await openState(dir.path, { checkpointDir: elsewhere.path })
    expect(state.audit.epoch).toBe(3)
  })

  it.each([
    ['is one that was before', `update ledger_head set origin = (select origin from past_ledger)`],
    ['is no name', `update ledger_head set origin = printf('%.*c', 100000, 'x')`],
    ['is gone', 'delete from ledger_head'],
  ])('opens where the name of the ledger %s', async (_, damage) => {
    using dir = tempDir()
    await write(dir.path, ['a'])
    await rotate(dir.path)
    const { origin, note } = await write(dir.path, ['b'])
    tamper(dir.path, damage)
    const { previous } = await recover(dir.path)

    expect(previous).toMatchObject({ origin, checkpoint: note })
    expect(await open(dir.path)).toBe(3)
  })

  it('opens where rows and entries are larger than any of ours', async () => {
    using dir = tempDir()
    await write(dir.path, ['a', 'b'])
    tamper(
      dir.path,
      `insert into setting values (printf('%.*c', 100000, 'n'), 'v');
      update ledger_entry set body = body || printf('%.*c', 1000000, ' ') where "index" = 1`,
    )
    const { adopted } = await recover(dir.path)

    // The entry that wrote it tells of nothing any more.
    expect(adopted).toEqual([{ table: 'setting', key: { name: 'a' } }])
    expect(await open(dir.path)).toBe(2)
    expect((await verify(dir.path)).findings).toMatchObject([{ kind: 'row', table: 'setting' }])
  })

  it('that was cut off before its checkpoint was kept outside is run again', async () => {
    using dir = tempDir()
    await write(dir.path, ['a'])
    const old = readFileSync(latest(dir.path))
    tamper(dir.path, `update setting set value = 'x' where name = 'a'`)
    await recover(dir.path)
    writeFileSync(latest(dir.path), old)

    await expect(openState(dir.path)).rejects.toMatchObject({ code: 'LEDGER_BROKEN' })
    await recover(dir.path, 'again', { origin: 'lacre.test/third' })
    expect(await open(dir.path)).toBe(3)
  })
})

it('gives what comes after a rotation a later time, whatever the clock says', async () => {
  using dir = tempDir()
  await write(dir.path, ['a'])
  const lastAt = async () => (await entriesOf(dir.path)).at(-1)?.at ?? 0
  const before = await lastAt()
  await using state = await openState(dir.path, { open: rotateLedger, clock: new FakeClock(1_000) })
  const { at } = parseEntry(
    (await state.store.reader.selectFrom('ledger_entry').select('body').executeTakeFirstOrThrow())
      .body,
  ) ?? { at: 0 }

  expect(at).toBeGreaterThan(before)
})

it('begins no rotation that the disk has no room to finish', async (context) => {
  using dir = tempDir()
  const path = join(dir.path, 'small')
  mkdirSync(path)
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=24m', 'tmpfs', path], { stdio: 'ignore' })
  } catch {
    return context.skip('no file system can be mounted here')
  }
  try {
    const { origin } = await write(path, ['a'])
    const { bavail, bsize } = statfsSync(path)
    writeFileSync(join(path, 'ballast'), Buffer.alloc(bavail * bsize - 4_000_000))

    await expect(rotate(path)).rejects.toMatchObject({ code: 'OUT_OF_SPACE' })
    expect(await write(path, ['b'])).toMatchObject({ origin })
    expect((await entriesOf(path)).map((entry) => entry?.type)).not.toContain('ledger.succeeded')
    rmSync(join(path, 'ballast'))
    expect((await rotate(path)).epoch).toBe(2)
  } finally {
    execFileSync('umount', [path])
  }
})
