import { cpSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'

import { expect, it } from 'vitest'

import {
  findHold,
  recoverLedger,
  rotateLedger,
  verifyDirectory,
} from '../../../services/audit/index.ts'
import { loadMasterKey, openKeys } from '../../../services/keys/index.ts'
import { parseEntry, parseVerifierKey } from '../../../services/ledger/index.ts'
import { systemRandom } from '../../../services/model/index.ts'
import { openStore } from '../../../services/store/index.ts'
import { FakeClock, MASTER_KEY, openState, tempDir, writeSetting } from '../../support/state.ts'
import { tamper } from '../../support/tamper.ts'

const verify = (dir: string, logKey?: string, checkpoints: readonly string[] = []) =>
  verifyDirectory({
    dataDir: dir,
    database: 'lacre.db',
    checkpoints,
    ...(logKey !== undefined && { logKey: parseVerifierKey(logKey) }),
  })

/** A ledger with a few entries; answers its key and its last checkpoint. */
async function write(dir: string, names: readonly string[]) {
  await using state = await openState(dir)
  for (const name of names) await writeSetting(state, name, `of ${name}`)
  await state.audit.checkpoint()
  const note = readFileSync(join(dir, 'checkpoints', 'latest'), 'utf8')
  return { key: state.audit.verifierKey, origin: state.audit.origin, note }
}

async function rotate(dir: string) {
  await using state = await openState(dir, { open: rotateLedger })
  return { key: state.audit.verifierKey, origin: state.audit.origin, epoch: state.audit.epoch }
}

/** As `lacre ledger new-epoch`. */
async function recover(dir: string, reason = 'restored') {
  const clock = new FakeClock()
  const store = await openStore({ path: join(dir, 'lacre.db') })
  try {
    const masterKey = loadMasterKey({ dataDir: dir, random: systemRandom, value: MASTER_KEY })
    const keys = await openKeys({ store, masterKey, clock })
    const origin = 'lacre.test/anew'
    return await recoverLedger({ store, keys, clock, dataDir: dir, origin, reason })
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
    const { nextLedger, announce } = await import('../../../services/audit/succession.ts')
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
  ['a checkpoint of it', `update past_ledger_checkpoint set note = replace(note, char(10) || '3' || char(10), char(10) || '2' || char(10))`],
  ['what is said of it', `update past_ledger set root = printf('%064d', 1)`],
  ['all of it', `delete from past_ledger_entry; delete from past_ledger_node; delete from past_ledger_checkpoint; delete from past_ledger`],
])('finds that %s was changed after a rotation', async (_, damage) => {
  using dir = tempDir()
  await write(dir.path, ['a', 'b'])
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
