import {
  COMPLIANCE_STATES,
  complianceOf,
  lastVerification,
  liveOutline,
  liveRowsOf,
  openVerdicts,
  readStanding,
  verdictsAt,
  type Compliance,
  type ComplianceState,
  type LivePlace,
  type LiveVerdict,
  type Standing,
} from '../live/index.ts'
import { LATEST } from '../model/index.ts'
import type { Reader } from '../store/index.ts'
import type { Deps } from './context.ts'
import { NOTHING_DONE, type LiveRowStanding } from './live.ts'
import { readMarker, toPage, type PageAnswer } from './page.ts'

/** Which of what is live is asked for. */
export interface LiveAsked {
  /** An instant; what is live now where not given. */
  readonly atMs?: number | undefined
  /** Part of `function:alias`, whatever its case. */
  readonly search?: string | undefined
  readonly functionName?: string | undefined
  readonly state?: ComplianceState | undefined
  /** `aliases`: without versions by number and `$LATEST`. */
  readonly names?: 'aliases' | 'all' | undefined
  readonly marker?: string | undefined
  readonly limit: number
}

export interface LivePage extends PageAnswer<LiveRowStanding> {
  /** Rows that fit all but the state, by how they stand. */
  readonly states: Readonly<Partial<Record<ComplianceState, number>>>
  /** Rows that fit. */
  readonly total: number
}

interface Judged {
  readonly place: LivePlace
  readonly compliance: Compliance
}

/**
 * A page of what is live in order of names. How each stands is known of all, since it is searched by; what was decided of
 * them is read of the page alone.
 */
export async function readLivePage(deps: Deps, asked: LiveAsked): Promise<LivePage> {
  return await deps.store.snapshot(async (reader) => {
    const { atMs } = asked
    const places = (await liveOutline(reader, atMs)).filter((place) => fits(place, asked))
    const judge = await readJudge(reader, atMs)
    const judged = places.map((place) => ({ place, compliance: judge(place) }))
    const found = judged.filter(
      ({ compliance }) => asked.state === undefined || compliance.state === asked.state,
    )
    const from = readMarker(asked.marker)
    const rest = from === undefined ? found : found.slice(firstAfter(found, from))
    const page = toPage(rest.slice(0, asked.limit + 1), asked.limit, keyOf)
    return {
      items: await withRows(reader, page.items),
      nextMarker: page.nextMarker,
      states: countsOf(judged),
      total: found.length,
    }
  })
}

function fits({ functionName, alias }: LivePlace, asked: LiveAsked): boolean {
  const { search, names, functionName: wanted } = asked
  if (wanted !== undefined && functionName !== wanted) return false
  if (names === 'aliases' && (alias === LATEST || /^[0-9]+$/.test(alias))) return false
  return (
    search === undefined || `${functionName}:${alias}`.toLowerCase().includes(search.toLowerCase())
  )
}

async function readJudge(
  reader: Reader,
  atMs: number | undefined,
): Promise<(place: LivePlace) => Compliance> {
  const now = atMs === undefined
  const verdicts: ReadonlyMap<number, LiveVerdict> = now
    ? await openVerdicts(reader)
    : await verdictsAt(reader, { atMs })
  const standing: Standing = now ? await readStanding(reader) : NOTHING_DONE
  const verifiedWorld = now ? (await lastVerification(reader))?.world : undefined
  return (place) => complianceOf(place, verdicts.get(place.liveId), { standing, verifiedWorld })
}

async function withRows(reader: Reader, page: readonly Judged[]): Promise<LiveRowStanding[]> {
  const rows = await liveRowsOf(
    reader,
    page.map(({ place }) => place.liveId),
  )
  return page.flatMap(({ place, compliance }) => {
    const row = rows.get(place.liveId)
    return row === undefined ? [] : [{ ...row, compliance }]
  })
}

function countsOf(judged: readonly Judged[]): LivePage['states'] {
  const counts: Partial<Record<ComplianceState, number>> = {}
  for (const { compliance } of judged)
    counts[compliance.state] = (counts[compliance.state] ?? 0) + 1
  // In the order in which they matter.
  return Object.fromEntries(
    COMPLIANCE_STATES.flatMap((state) =>
      counts[state] === undefined ? [] : [[state, counts[state]]],
    ),
  )
}

const SEPARATOR = '\n'

function keyOf({ place: { functionName, alias, slot } }: Judged): string {
  return [functionName, alias, slot].join(SEPARATOR)
}

/** Where the page begins, although what the marker names may be gone. Names hold ASCII alone, so that order is the database's. */
function firstAfter(found: readonly Judged[], marker: string): number {
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
