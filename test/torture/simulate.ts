// The gate and the live verifier in virtual time, under random events, beside what the rules say of them.
import { existsSync } from 'node:fs'

import { OWNER, SIGNER, openHouse, type House } from './simulate/house.ts'
import { Contradiction } from './simulate/ground.ts'
import { Life } from './simulate/life.ts'
import type { Known } from './simulate/oracle.ts'
import { Seeded } from './seeded.ts'

/** Seeds that live in one service after each other; its versions, and what was revoked of them, are the same. */
const SEEDS_OF_A_HOUSE = 50
const EVENTS = 7
const MEMORY_DISK = '/dev/shm'
const START_SPREAD_DAYS = 365
const DAY_MS = 86_400_000
/** Lines of a life told where it contradicts. */
const TRACE_TOLD = 30

/** Answers in how many seeds the service did what the rules do not say. */
export async function torture({ n, seed }: { n: number; seed: number }): Promise<number> {
  const counts = new Map<string, number>()
  let failed = 0
  // Nothing here is about disks.
  if (existsSync(MEMORY_DISK)) process.env['TMPDIR'] = MEMORY_DISK
  for (let from = 0; from < n; from += SEEDS_OF_A_HOUSE) {
    const seeds = Array.from(
      { length: Math.min(SEEDS_OF_A_HOUSE, n - from) },
      (_, at) => seed + from + at,
    )
    failed += await liveIn(seeds, counts)
  }
  const said = [...counts].toSorted(([a], [b]) => (a < b ? -1 : 1))
  for (const [what, count] of said) console.log(`  ${what.padEnd(48)} ${count}`)
  console.log(`simulate: ${n} done, ${failed} failed (seed ${seed})`)
  return failed
}

/** One house; what its service does after a contradiction says nothing, so that its last seeds go to another. */
async function liveIn(seeds: readonly number[], counts: Map<string, number>): Promise<number> {
  // The threads that judge keep nobody awake.
  const awake = setInterval(() => undefined, 1_000)
  try {
    await using house = await openHouse()
    const first = seeds[0] ?? 0
    house.api.clock.advance(new Seeded(first).integer(0, START_SPREAD_DAYS) * DAY_MS)
    let known = newKnown(house)
    for (const [at, seed] of seeds.entries()) {
      const life = new Life(house, new Seeded(seed), { name: String(seed), known })
      const isGood = await survives(life, seed)
      for (const [what, count] of life.counts) counts.set(what, (counts.get(what) ?? 0) + count)
      if (!isGood) return 1 + (await liveIn(seeds.slice(at + 1), counts))
      known = { ...newKnown(house), enforced: life.known.enforced, revoked: life.known.revoked }
    }
    return 0
  } finally {
    clearInterval(awake)
  }
}

async function survives(life: Life, seed: number): Promise<boolean> {
  try {
    await life.live(EVENTS)
    return true
  } catch (error) {
    const what = error instanceof Contradiction ? error.message : (error as Error).stack
    console.log(`FAILED seed ${seed}: ${what}`)
    for (const line of life.trace.slice(-TRACE_TOLD)) console.log(`    ${line}`)
    return false
  }
}

function newKnown({ versions }: House): Known {
  return {
    versions,
    enforced: false,
    twoApprovals: false,
    owner: OWNER,
    revoked: [],
    spans: new Map(),
    freezes: new Set(),
    windows: [],
    floors: new Map(),
    promotions: new Map(),
    requests: [],
    exceptions: [],
    signer: SIGNER,
  }
}
