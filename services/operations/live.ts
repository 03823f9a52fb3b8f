import {
  complianceOf,
  lastVerification,
  openVerdicts,
  readStanding,
  verdictsAt,
  type Compliance,
  type LiveRow,
  type Verification,
} from '../live/index.ts'
import type { Deps, VerifierStatus } from './context.ts'
import { readWorld } from './facts.ts'

export interface LiveRowStanding extends LiveRow {
  readonly compliance: Compliance
}

/** What can be invoked, and how it stands: now, or what is known now of an instant. */
export async function readLive(deps: Deps, atMs: number | undefined): Promise<LiveRowStanding[]> {
  return await deps.store.snapshot(async (reader) => {
    const rows =
      atMs === undefined ? await deps.live.table(reader) : await deps.live.at(reader, atMs)
    const verdicts =
      atMs === undefined ? await openVerdicts(reader) : await verdictsAt(reader, { atMs })
    // Freezes and refusals of then are in the ledger alone: of an instant the verdict is told.
    const standing = atMs === undefined ? await readStanding(reader) : NOTHING_DONE
    const verifiedWorld = atMs === undefined ? (await lastVerification(reader))?.world : undefined
    return rows.map((row) => ({
      ...row,
      compliance: complianceOf(row, verdicts.get(row.liveId), { standing, verifiedWorld }),
    }))
  })
}

const NONE: ReadonlySet<string> = new Set()
export const NOTHING_DONE = { frozen: NONE, refused: NONE, reverts: NONE }

/** Everything that was ever live in one alias (or version), oldest first. */
export async function readLiveHistory(
  deps: Deps,
  input: { readonly functionName: string; readonly alias: string },
): Promise<LiveRow[]> {
  return await deps.store.snapshot(
    async (reader) => await deps.live.history(reader, input.functionName, input.alias),
  )
}

/** How far what is live was judged. */
export interface VerificationShown extends Partial<VerifierStatus> {
  /** As it is now: what was verified in an earlier one is being judged again. */
  readonly world: number
  /** As the ledger has it. */
  readonly recorded: Verification | null
}

export async function readVerification(deps: Deps): Promise<VerificationShown> {
  const { world, recorded } = await deps.store.snapshot(async (reader) => ({
    world: await readWorld(reader),
    recorded: (await lastVerification(reader)) ?? null,
  }))
  return { ...deps.verifier?.status(), world, recorded }
}
