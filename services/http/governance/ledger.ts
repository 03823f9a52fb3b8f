import { Type } from 'typebox'

import { readCheckpoint, readLedgerEntries, type Deps } from '../../operations/index.ts'
import { parseCount } from './instants.ts'
import { route, type Route } from './route.ts'
import { CountText, Nothing, Sha256Text } from './schemas.ts'

/** A tile's worth. */
const ENTRIES_PAGE = { min: 1, max: 256, otherwise: 100 }

/** The ledger for auditors: checkpoints to keep outside, and the entries they are over. */
export function ledgerRoutes(deps: Deps): Route[] {
  return [
    route({
      method: 'GET',
      path: '/ledger/checkpoint',
      summary: 'A signed checkpoint of what is committed now, a C2SP signed note',
      params: Nothing,
      query: Nothing,
      body: Nothing,
      status: 200,
      answer: Type.Object({
        size: Type.Integer(),
        note: Type.String(),
        verifierKey: Type.String(),
      }),
      handle: async () => ({ body: { ...(await readCheckpoint(deps)) } }),
    }),
    route({
      method: 'GET',
      path: '/ledger/entries',
      summary: 'Entries from an index on; each body is the leaf, byte for byte',
      params: Nothing,
      query: Type.Object(
        { from: Type.Optional(CountText), limit: Type.Optional(CountText) },
        { additionalProperties: false },
      ),
      body: Nothing,
      status: 200,
      answer: Type.Object({
        entries: Type.Array(
          Type.Object({ index: Type.Integer(), leafHash: Sha256Text, body: Type.String() }),
        ),
      }),
      handle: async ({ query }) => {
        const limit = parseCount('limit', query.limit, ENTRIES_PAGE)
        const from = parseCount('from', query.from, {
          min: 0,
          max: Number.MAX_SAFE_INTEGER,
          otherwise: 0,
        })
        const entries = await readLedgerEntries(deps, { from, limit })
        return { body: { entries: entries.map((entry) => ({ ...entry })) } }
      },
    }),
  ]
}
