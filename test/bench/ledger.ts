import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

import Database from 'better-sqlite3'

import { openState, writeSetting, type State } from '../support/state.ts'
import { historyBench } from './history.ts'
import type { Figure } from './run.ts'
import { median } from './statistics.ts'

/** Rounds of each, in turns, so that both meet the same disk. */
const ROUNDS = 30
const ROUND_MS = 400

/** What was live at a time, over a short and a long history; and appending beside bare transactions of one row. */
export async function ledgerBench(): Promise<readonly Figure[]> {
  return [...(await appendBench()), ...(await historyBench())]
}

/**
 * A change of one governed row with its ledger entry, in the store's transaction, beside one row of the entry's size
 * written by SQLite alone, both with `synchronous = FULL` in WAL mode: each waits for the disk once.
 */
async function appendBench(): Promise<readonly Figure[]> {
  const dir = mkdtempSync(join(tmpdir(), 'lacre-bench-'))
  try {
    await using state = await openState(join(dir))
    const bare = bareWriter(join(dir, 'bare.db'), await entrySize(state))
    let written = 0
    const append = async (): Promise<void> => {
      written += 1
      await writeSetting(state, `setting-${written % 100}`, `value ${written}`)
    }
    const rates = { ours: [] as number[], bare: [] as number[] }
    for (let round = -1; round < ROUNDS; round += 1) {
      const [ours, alone] = [await rateOf(append), await rateOf(bare.write)]
      if (round < 0) continue
      rates.ours.push(ours)
      rates.bare.push(alone)
    }
    bare.close()
    const [ours, alone] = [Math.round(median(rates.ours)), Math.round(median(rates.bare))]
    const ratios = rates.ours.map((rate, at) => (100 * rate) / (rates.bare[at] ?? rate))
    return [
      { name: 'ledger appends with fsync, one after the other', value: ours, unit: '/s' },
      { name: 'bare transactions of one row of that size', value: alone, unit: '/s' },
      { name: 'of the bare rate', value: Math.round(median(ratios)), unit: '%' },
    ]
  } finally {
    rmSync(dir, { recursive: true })
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
