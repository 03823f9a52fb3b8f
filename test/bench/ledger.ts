import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

import Database from 'better-sqlite3'

import { prepared } from '../../services/store/index.ts'
import { openState, settingEntry, writeSetting, type State } from '../support/state.ts'
import { historyBench } from './history.ts'
import type { Figure } from './run.ts'
import { median } from './statistics.ts'

/** Rounds of each, in turns, so that all meet the same disk. */
const ROUNDS = 30
const ROUND_MS = 400
/** Who waits for a commit at once, where many do. */
const WAITING = 64

/** What was live at a time, over a short and a long history; and appending beside bare transactions of one row. */
export async function ledgerBench(): Promise<readonly Figure[]> {
  return [...(await appendBench()), ...(await historyBench())]
}

/**
 * A change of one governed row with its ledger entry, and an entry alone, in the store's transaction, beside one row of the
 * entry's size written by SQLite alone in a transaction of its own, both with `synchronous = FULL` in WAL mode. Each is asked for by
 * one caller, who waits for the disk before he asks again, and by 64 at a time. Bare SQLite waits for the disk for each row
 * either way; the store lets those that wait share a commit, and answers none of them before it is on the disk.
 */
async function appendBench(): Promise<readonly Figure[]> {
  const dir = mkdtempSync(join(tmpdir(), 'lacre-bench-'))
  try {
    await using state = await openState(dir)
    const bare = bareWriter(join(dir, 'bare.db'), await entrySize(state))
    const [change, entry] = [changer(state), appender(state)]
    const works = [
      change,
      entry,
      bare.write,
      together(change),
      together(entry),
      together(bare.write),
    ] as const
    const rates = works.map((): number[] => [])
    for (let round = -1; round < ROUNDS; round += 1)
      for (const [at, work] of works.entries()) {
        const rate = await rateOf(work)
        if (round >= 0) rates[at]?.push(rate)
      }
    bare.close()
    const [one = [], entryOne = [], bareOne = [], many = [], entryMany = [], bareMany = []] = rates
    const waiting = `${WAITING} callers that wait`
    return [
      ...beside('one caller', { change: one, entry: entryOne, bare: bareOne }, 1),
      ...beside(waiting, { change: many, entry: entryMany, bare: bareMany }, WAITING),
    ]
  } finally {
    rmSync(dir, { recursive: true })
  }
}

interface Rates {
  readonly change: readonly number[]
  readonly entry: readonly number[]
  readonly bare: readonly number[]
}

function beside(who: string, { change, entry, bare }: Rates, times: number): Figure[] {
  const perSecond = (rates: readonly number[]): number => Math.round(times * median([...rates]))
  const share = (ours: readonly number[]): number =>
    Math.round(median(ours.map((rate, at) => (100 * rate) / (bare[at] ?? rate))))
  return [
    { name: `changes with their ledger entry, ${who}`, value: perSecond(change), unit: '/s' },
    { name: `ledger entries alone, ${who}`, value: perSecond(entry), unit: '/s' },
    { name: `bare transactions of one row, ${who}`, value: perSecond(bare), unit: '/s' },
    { name: `changes, of the bare rate, ${who}`, value: share(change), unit: '%' },
    { name: `entries, of the bare rate, ${who}`, value: share(entry), unit: '%' },
  ]
}

/** A setting is written and appended, as an operation does; the query of the setting is compiled once, as the bare one is. */
function changer(state: State): () => Promise<void> {
  const put = prepared<{ name: string; value: string }, unknown>((db, of) =>
    db
      .insertInto('setting')
      .values({ name: of('name'), value: of('value') })
      .onConflict((conflict) => conflict.column('name').doUpdateSet({ value: of('value') })),
  )
  let written = 0
  return async () => {
    written += 1
    const [name, value] = [`setting-${written % 100}`, `value ${written}`]
    await state.store.transaction(async (tx) => {
      await put(tx, { name, value })
      await state.audit.append(tx, settingEntry(state, name))
    })
  }
}

/** An entry that tells of an event and of no row, as activations and notices are. */
function appender(state: State): () => Promise<void> {
  let written = 0
  return async () => {
    written += 1
    const entry = { ...settingEntry(state, `setting-${written % 100}`), touched: [] }
    await state.store.transaction((tx) => state.audit.append(tx, entry))
  }
}

/** As many at once as wait together. */
function together(work: () => Promise<void>): () => Promise<void> {
  return async () => {
    await Promise.all(Array.from({ length: WAITING }, work))
  }
}

/** Bytes of what an append writes once: the body of its entry. */
async function entrySize(state: State): Promise<number> {
  const index = await writeSetting(state, 'setting-0', 'value 0')
  const { body } = await state.store.reader
    .selectFrom('ledger_entry')
    .select('body')
    .where('index', '=', index)
    .executeTakeFirstOrThrow()
  return Buffer.byteLength(body)
}

function bareWriter(path: string, sizeBytes: number) {
  const db = new Database(path)
  db.pragma('journal_mode = WAL')
  db.pragma('synchronous = FULL')
  db.exec('create table row (id integer primary key, body text not null) strict')
  const insert = db.prepare('insert into row (body) values (?)')
  const body = 'x'.repeat(sizeBytes)
  return {
    write: async (): Promise<void> => {
      insert.run(body)
    },
    close: () => db.close(),
  }
}

async function rateOf(work: () => Promise<void>): Promise<number> {
  const start = performance.now()
  let done = 0
  while (performance.now() - start < ROUND_MS) {
    await work()
    done += 1
  }
  return (1_000 * done) / (performance.now() - start)
}
