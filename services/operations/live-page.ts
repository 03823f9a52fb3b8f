import {
  COMPLIANCE_STATES,
  complianceOf,
  lastVerification,
  liveOutline,
  liveRowsOf,
  openVerdicts,
  readStanding,
  stateOf,
  verdictsAt,
  type ComplianceState,
  type LivePlace,
  type OutlineAsked,
  type Standing,
} from '../live/index.ts'
import type { Reader } from '../store/index.ts'
import type { Deps } from './context.ts'
import { NOTHING_DONE, type LiveRowStanding } from './live.ts'
import { readMarker, toPage, type PageAnswer } from './page.ts'

/** Which of what is live is asked for. */
export interface LiveAsked extends OutlineAsked {
  /** An instant; what is live now where not given. */
  readonly atMs?: number | undefined
  readonly state?: ComplianceState | undefined
  readonly marker?: string | undefined
  readonly limit: number
}

export interface LivePage extends PageAnswer<LiveRowStanding> {
  /** Rows that fit all but the state, by how they stand. */
  readonly states: Readonly<Partial<Record<ComplianceState, number>>>
  /** Rows that fit. */
  readonly total: number
}

interface Placed {
  readonly place: LivePlace
  readonly state: ComplianceState
}

/**
 * A page of what is live in order of names. How each stands is known of all, since it is searched by; why, and what was
 * decided of them, is read of the page alone.
 */
export async function readLivePage(deps: Deps, asked: LiveAsked): Promise<LivePage> {
  return await deps.store.snapshot(async (reader) => {
    const { atMs } = asked
    const standing = atMs === undefined ? await readStanding(reader) : NOTHING_DONE
    const placed = (await liveOutline(reader, atMs, asked)).map((place) => ({
      place,
      state: stateOf(place, place.verdict, standing),
    }))
    const found = placed.filter(({ state }) => asked.state === undefined || state === asked.state)
    const from = readMarker(asked.marker)
    const rest = from === undefined ? found : found.slice(firstAfter(found, from))
    const page = toPage(rest.slice(0, asked.limit + 1), asked.limit, keyOf)
    return {
      items: await withRows(reader, page.items, { atMs, standing }),
      nextMarker: page.nextMarker,
      states: countsOf(placed),
      total: found.length,
    }
  })
}

async function withRows(
  reader: Reader,
  page: readonly Placed[],
  { atMs, standing }: { readonly atMs: number | undefined; readonly standing: Standing },
): Promise<LiveRowStanding[]> {
  const liveIds = page.map(({ place }) => place.liveId)
  const rows = await liveRowsOf(reader, liveIds)
  const now = atMs === undefined
  const verdicts = now
    ? await openVerdicts(reader, liveIds)
    : await verdictsAt(reader, { atMs, liveIds })
  const verifiedWorld = now ? (await lastVerification(reader))?.world : undefined
  return page.flatMap(({ place }) => {
    const row = rows.get(place.liveId)
    const verdict = verdicts.get(place.liveId)
    const compliance = complianceOf(place, verdict, { standing, verifiedWorld })
    return row === undefined ? [] : [{ ...row, compliance }]
  })
}

function countsOf(placed: readonly Placed[]): LivePage['states'] {
  const counts: Partial<Record<ComplianceState, number>> = {}
  for (const { state } of placed) counts[state] = (counts[state] ?? 0) + 1
  // In the order in which they matter.
  return Object.fromEntries(
    COMPLIANCE_STATES.flatMap((state) =>
      counts[state] === undefined ? [] : [[state, counts[state]]],
    ),
  )
}

const SEPARATOR = '\n'

function keyOf({ place: { functionName, alias, slot } }: Placed): string {
  return [functionName, alias, slot].join(SEPARATOR)
}

/** Where the page begins, although what the marker names may be gone. Names hold ASCII alone, so that order is the database's. */
function firstAfter(found: readonly Placed[], marker: string): number {
  const at = found.findIndex((one) => isAfter(keyOf(one).split(SEPARATOR), marker.split(SEPARATOR)))
  return at < 0 ? found.length : at
}

function isAfter(key: readonly string[], marker: readonly string[]): boolean {
  for (const [at, part] of key.entries()) {
    const other = marker[at] ?? ''
    if (part !== other) return part > other
  }
  return false
}
