import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

import type { WebhookFilter } from '../../services/webhooks/index.ts'
import { openState } from '../support/state.ts'
import { appendEntry, subscribe } from '../support/webhooks.ts'
import type { Figure } from './run.ts'
import { median } from './statistics.ts'

const ENTRIES = 50
const ROUNDS = 9

/** What it costs a change that somebody is told of it: one committed entry, by how many subscriptions there are. */
export async function webhooksBench(): Promise<readonly Figure[]> {
  const cases: readonly (readonly [string, number, WebhookFilter])[] = [
    ['nobody is told', 0, {}],
    ['100 subscriptions, none fits', 100, { types: ['live.*'], scopes: ['other*:prod'] }],
    ['100 subscriptions, all fit', 100, { types: ['chan*'], scopes: ['check*:p*'] }],
  ]
  const figures: Figure[] = []
  const states = []
  for (const [name, count, filter] of cases) {
    const dir = mkdtempSync(join(tmpdir(), 'lacre-bench-'))
    const state = await openState(dir)
    for (let at = 0; at < count; at += 1) await subscribe(state, { filter })
    states.push({ name, dir, state, times: [] as number[] })
  }
  // By turns, so that what else the machine does meets them alike.
  for (let round = 0; round < ROUNDS; round += 1)
    for (const { state, times } of states) {
      times.push(await timeEntries(state))
      // As if all had been delivered.
      await state.store.transaction((tx) => tx.deleteFrom('webhook_outbox').execute())
    }
  for (const { name, dir, state, times } of states) {
    const value = rounded(median(times))
    figures.push({ name: `one entry committed, ${name}`, value, unit: 'µs' })
    await state[Symbol.asyncDispose]()
    rmSync(dir, { recursive: true })
  }
  return figures
}

async function timeEntries(state: Parameters<typeof appendEntry>[0]): Promise<number> {
  const start = performance.now()
  for (let at = 0; at < ENTRIES; at += 1) await appendEntry(state)
  return ((performance.now() - start) / ENTRIES) * 1_000
}

function rounded(value: number): number {
  return Number(value.toFixed(0))
}
