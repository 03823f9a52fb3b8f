import {
  COMPLIANCE_STATES,
  complianceOf,
  countStates,
  lastVerification,
  livePlaces,
  liveRowsOf,
  openVerdicts,
  readStanding,
  verdictsAt,
  type ComplianceState,
  type LivePlace,
  type OutlineAsked,
  type PlacesAsked,
} from '../live/index.ts'
import type { Reader } from '../store/index.ts'
import type { Deps } from './context.ts'
import { NOTHING_DONE, type LiveRowStanding } from './live.ts'
import { readMarker, toPage, type PageAnswer } from './page.ts'

/** Which of what is live is asked for. */
export interface LiveAsked extends OutlineAsked {
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

/**
 * A page of what is live in order of names. How each stands is counted of all, since it is searched by; why, and what was
 * decided of them, is read of the page alone.
 */
export async function readLivePage(deps: Deps, asked: LiveAsked): Promise<LivePage> {
  return await deps.store.snapshot(async (reader) => {
    const counts = await countStates(reader, asked)
    const after = placeOf(readMarker(asked.marker))
    const places = await livePlaces(reader, { ...asked, after, limit: asked.limit + 1 })
    const page = toPage(places, asked.limit, keyOf)
    return {
      items: await withRows(reader, page.items, asked.atMs),
      nextMarker: page.nextMarker,
      states: inOrder(counts),
      total:
        asked.state === undefined
          ? [...counts.values()].reduce((sum, count) => sum + count, 0)
          : (counts.get(asked.state) ?? 0),
    }
  })
}

async function withRows(
  reader: Reader,
  page: readonly LivePlace[],
  atMs: number | undefined,
): Promise<LiveRowStanding[]> {
  const liveIds = page.map(({ liveId }) => liveId)
  const rows = await liveRowsOf(reader, liveIds)
  const now = atMs === undefined
  const standing = now ? await readStanding(reader) : NOTHING_DONE
  const verdicts = now
    ? await openVerdicts(reader, liveIds)
    : await verdictsAt(reader, { atMs, liveIds })
  const verifiedWorld = now ? (await lastVerification(reader))?.world : undefined
  return page.flatMap((place) => {
    const row = rows.get(place.liveId)
    const verdict = verdicts.get(place.liveId)
    const compliance = complianceOf(place, verdict, { standing, verifiedWorld })
    return row === undefined ? [] : [{ ...row, compliance }]
  })
}

/** In the order in which they matter. */
function inOrder(counts: ReadonlyMap<ComplianceState, number>): LivePage['states'] {
  return Object.fromEntries(
    COMPLIANCE_STATES.flatMap((state) => {
      const count = counts.get(state)
      return count === undefined ? [] : [[state, count]]
    }),
  )
}

const SEPARATOR = '\n'

function keyOf({ functionName, alias, slot }: LivePlace): string {
  return [functionName, alias, slot].join(SEPARATOR)
}

function placeOf(key: string | undefined): PlacesAsked['after'] {
  if (key === undefined) return undefined
  const [functionName = '', alias = '', slot = ''] = key.split(SEPARATOR)
  return [functionName, alias, slot]
}
