import { copyFileSync } from 'node:fs'
import { join } from 'node:path'

import Database from 'better-sqlite3'
import fc from 'fast-check'
import { expect, it } from 'vitest'

import { countStates, livePlaces, readStanding, stateOf } from '../../../services/live/index.ts'
import { openReader, openStore } from '../../../services/store/index.ts'
import { tempDir } from '../../support/state.ts'

const RELEASES = ['a', 'b'].map((letter) => letter.repeat(64))
const VERDICTS = ['compliant', 'violating', 'excepted', 'indeterminate', undefined] as const

const place = fc.record({
  functionName: fc.constantFrom('cart', 'shop'),
  alias: fc.constantFrom('prod', 'test', '$LATEST', '7'),
  slot: fc.constantFrom('primary' as const, 'weighted' as const),
  version: fc.constantFrom('1', '2'),
  release: fc.constantFrom(...RELEASES),
  decisionId: fc.constantFrom('dec-1', 'dec-2'),
  verdict: fc.constantFrom(...VERDICTS),
})
const done = fc.record({
  freezes: fc.uniqueArray(fc.constantFrom('cart', 'cart:prod', 'shop:test', 'other:prod')),
  refusals: fc.uniqueArray(
    fc.tuple(
      fc.constantFrom('cart', 'shop'),
      fc.constantFrom('1', '2'),
      fc.constantFrom(...RELEASES),
    ),
    { maxLength: 2, selector: String },
  ),
  reverts: fc.uniqueArray(fc.constantFrom('dec-1', 'dec-2')),
})

it('counts and filters places by the state that each is said to be in', async () => {
  using dir = tempDir()
  const empty = join(dir.path, 'empty.db')
  await (await openStore({ path: empty })).close()
  const path = join(dir.path, 'lacre.db')
  await fc.assert(
    fc.asyncProperty(
      fc.uniqueArray(place, {
        selector: ({ functionName, alias, slot }) => `${functionName}:${alias}:${slot}`,
      }),
      done,
      async (places, { freezes, refusals, reverts }) => {
        copyFileSync(empty, path)
        fill(path, { places, freezes, refusals, reverts })
        await using reader = openReader(path)
        const standing = await readStanding(reader)
        const expected = places.map((one) => stateOf(one, one.verdict ?? 'unjudged', standing))

        const counts = await countStates(reader, {})

        expect(Object.fromEntries(counts)).toEqual(countBy(expected))
        for (const state of counts.keys()) {
          const found = await livePlaces(reader, { state, limit: 100 })
          expect(found.map(nameOf).toSorted()).toEqual(
            places
              .filter((_, at) => expected[at] === state)
              .map(nameOf)
              .toSorted(),
          )
        }
      },
    ),
    { numRuns: 25 },
  )
})

interface Rows {
  readonly places: readonly {
    readonly functionName: string
    readonly alias: string
    readonly slot: string
    readonly version: string
    readonly release: string
    readonly decisionId: string
    readonly verdict: string | undefined
  }[]
  readonly freezes: readonly string[]
  readonly refusals: readonly (readonly [string, string, string])[]
  readonly reverts: readonly string[]
}

/** Rows as the service leaves them, without the decisions that they name. */
function fill(path: string, { places, freezes, refusals, reverts }: Rows): void {
  const db = new Database(path)
  db.pragma('foreign_keys = OFF')
  const interval = db.prepare(
    `insert into live_interval (id, function_name, alias, slot, version, weight, layers, code_sha256, release, decision_id,
     from_ms, from_index) values (?, ?, ?, ?, ?, 1, '[]', 'c', ?, ?, 1, 1)`,
  )
  const verdict = db.prepare(
    `insert into live_verdict (live_id, state, reasons, causes, policy_set, world, effective_from, recorded_from)
     values (?, ?, '[]', '[]', 'p', 1, 1, 1)`,
  )
  for (const [at, one] of places.entries()) {
    const { functionName, alias, slot, version, release, decisionId } = one
    interval.run(at + 1, functionName, alias, slot, version, release, decisionId)
    if (one.verdict !== undefined) verdict.run(at + 1, one.verdict)
  }
  const freeze = db.prepare(`insert into freeze values (?, 'r', 1, 'me')`)
  for (const scope of freezes) freeze.run(scope)
  const refusal = db.prepare(`insert into version_refusal values (?, ?, ?, 'r', 1)`)
  for (const one of refusals) refusal.run(one)
  const reaction = db.prepare(`insert into reaction values (?, 'revert', 'revert', ?, 1)`)
  for (const [at, decisionId] of reverts.entries()) reaction.run(1_000 + at, decisionId)
  db.close()
}

function nameOf(one: { readonly functionName: string; alias: string; slot: string }): string {
  return `${one.functionName}:${one.alias}:${one.slot}`
}

function countBy(states: readonly string[]): Record<string, number> {
  const counts: Record<string, number> = {}
  for (const state of states) counts[state] = (counts[state] ?? 0) + 1
  return counts
}
