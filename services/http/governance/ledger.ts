import { Type } from 'typebox'

import {
  readCheckpoint,
  readConsistency,
  readHold,
  readInclusion,
  readLedgerEntries,
  releaseHold,
  type Deps,
  type LedgerHold,
} from '../../operations/index.ts'
import { toIsoTime } from '../../model/index.ts'
import { tlogPrefix } from '../tlog-prefix.ts'
import { parseCount } from './instants.ts'
import { route, type Route } from './route.ts'
import { CountText, Nothing, Sha256Text } from './schemas.ts'

/** A tile's worth. */
const ENTRIES_PAGE = { min: 1, max: 256, otherwise: 100 }

const Hold = Type.Object({
  held: Type.Boolean(),
  revocations: Type.Array(
    Type.Object({
      id: Type.String(),
      kind: Type.String(),
      target: Type.String(),
      effectiveAt: Type.String(),
      reason: Type.String(),
    }),
  ),
  revocationsDigest: Sha256Text,
  judged: Type.Integer(),
  refused: Type.Array(
    Type.Object({ functionName: Type.String(), alias: Type.String(), version: Type.String() }),
  ),
})

function toHold(hold: LedgerHold) {
  return {
    ...hold,
    revocations: hold.revocations.map(({ id, targetKind, target, effectiveAtMs, reason }) => ({
      id,
      kind: targetKind,
      target,
      effectiveAt: toIsoTime(effectiveAtMs),
      reason,
    })),
    refused: hold.refused.map((one) => ({ ...one })),
  }
}

const SignedRoot = Type.Object({ size: Type.Integer(), root: Sha256Text, note: Type.String() })

/** The ledger for auditors: checkpoints to keep outside, and the entries they are over. */
export function ledgerRoutes(deps: Deps): Route[] {
  return [...readingRoutes(deps), ...proofRoutes(deps), ...holdRoutes(deps)]
}

function readingRoutes(deps: Deps): Route[] {
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
        epoch: Type.Integer(),
        tlog: Type.String(),
        witnesses: Type.Array(
          Type.Object({
            name: Type.String(),
            cosignedSize: Type.Integer(),
            fault: Type.Union([Type.String(), Type.Null()]),
          }),
        ),
      }),
      handle: async () => {
        const checkpoint = await readCheckpoint(deps)
        const witnesses = checkpoint.witnesses.map((one) => ({ ...one }))
        return { body: { ...checkpoint, witnesses, tlog: tlogPrefix(checkpoint.epoch) } }
      },
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

function proofRoutes(deps: Deps): Route[] {
  return [
    route({
      method: 'GET',
      path: '/ledger/proofs/consistency',
      summary:
        'That the tree of a checkpoint (the newest, or that of `to` entries) begins with one of `from` entries',
      params: Nothing,
      query: Type.Object(
        { from: CountText, to: Type.Optional(CountText) },
        { additionalProperties: false },
      ),
      body: Nothing,
      status: 200,
      answer: Type.Object({
        from: Type.Object({ size: Type.Integer(), root: Sha256Text }),
        to: SignedRoot,
        proof: Type.Array(Sha256Text),
      }),
      handle: async ({ query }) => {
        const { from, to } = query
        const sizes = { from: Number(from), ...(to !== undefined && { to: Number(to) }) }
        const answer = await readConsistency(deps, sizes)
        const proof = [...answer.proof]
        return { body: { from: { ...answer.from }, to: { ...answer.to }, proof } }
      },
    }),
    route({
      method: 'GET',
      path: '/ledger/proofs/inclusion',
      summary:
        'That an entry lies in the tree of a checkpoint: of the newest, or of the one of `size` entries',
      params: Nothing,
      query: Type.Object(
        { index: CountText, size: Type.Optional(CountText) },
        { additionalProperties: false },
      ),
      body: Nothing,
      status: 200,
      answer: Type.Object({
        index: Type.Integer(),
        body: Type.String(),
        checkpoint: SignedRoot,
        proof: Type.Array(Sha256Text),
      }),
      handle: async ({ query }) => {
        const { index, size } = query
        const entry = { index: Number(index), ...(size !== undefined && { size: Number(size) }) }
        const { body, checkpoint, proof } = await readInclusion(deps, entry)
        const { index: at } = entry
        return { body: { index: at, body, checkpoint: { ...checkpoint }, proof: [...proof] } }
      },
    }),
  ]
}

function holdRoutes(deps: Deps): Route[] {
  return [
    route({
      method: 'GET',
      path: '/ledger/hold',
      summary: 'Whether invocations wait for the ledger, with what is live and would be refused',
      params: Nothing,
      query: Nothing,
      body: Nothing,
      status: 200,
      answer: Hold,
      handle: async () => ({ body: toHold(await readHold(deps)) }),
    }),
    route({
      method: 'POST',
      path: '/ledger/hold/release',
      summary:
        'Lets what is live be invoked again, once it was judged and the revocations are confirmed',
      params: Nothing,
      query: Nothing,
      body: Type.Object({ revocations: Sha256Text }, { additionalProperties: false }),
      status: 200,
      answer: Hold,
      handle: async ({ caller, body }) => {
        const { result, decision } = await releaseHold(deps, caller, body.revocations)
        return { body: toHold(result), decision }
      },
    }),
  ]
}
