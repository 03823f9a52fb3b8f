import { newestFirst, type Moment } from '../live/index.ts'
import {
  parseFunctionReference,
  parseIsoTime,
  restOf,
  sameWeight,
  type ApprovalFacts,
  type ExceptionFacts,
  type Facts,
  type MoveFacts,
  type Principal,
  type Share,
  type Sha256,
  type SignerIdentity,
  type SignerOwnerFacts,
  type SubjectFacts,
} from '../model/index.ts'
import type { Reader } from '../store/index.ts'
import type { ChangeFactsInput } from './change.ts'
import { exceptionsBehind } from './excepted.ts'
import type { PlaceReads } from './place-reads.ts'

/** The service's way back at the end of an exception: it waits for no approval, and uses none. */
const RETURN = 'lacre:EndBreakGlass'
const MOVES: ReadonlySet<string> = new Set(['lambda:CreateAlias', 'lambda:UpdateAlias', RETURN])

/** What the gate knows of a move beside its subjects: read in the snapshot of the decision. */
export interface MoveSituation {
  readonly move: MoveFacts
  readonly approvals: readonly ApprovalFacts[]
  readonly exceptions: readonly ExceptionFacts[]
  readonly owners: readonly { readonly signer: string; readonly owner: string }[]
}

/** `undefined` for everything that moves no alias. */
export async function readMove(
  reader: Reader,
  change: { readonly action: string; readonly resource: string },
  state: {
    readonly input: ChangeFactsInput
    readonly principal: Principal
    readonly atMs: number
  },
  places: PlaceReads,
): Promise<MoveSituation | undefined> {
  const { name, qualifier: alias } = parseFunctionReference(change.resource) ?? {}
  const { shares } = state.input
  if (!MOVES.has(change.action) || shares === undefined) return undefined
  if (name === undefined || alias === undefined) return undefined
  const of = { functionName: name, alias }
  const reaches = oneToARelease(shares)
  const exceptions = await places.exceptions(reader, of)
  const had = await readShares(reader, of, exceptions)
  const raises = reaches.filter(({ release, weight }) => isMore(weight, had.most.get(release) ?? 0))
  const move: MoveFacts = {
    ...of,
    reaches,
    raises,
    leaves: [...had.now].filter((release) => reaches.every((one) => one.release !== release)),
  }
  const requests =
    change.action === RETURN
      ? []
      : await places.approvals(reader, { ...of, requester: state.principal.id }, state.atMs)
  return {
    move,
    approvals: requests.filter((request) => isFor(request, reaches)),
    exceptions: exceptions.filter(({ release }) => reaches.some((one) => one.release === release)),
    owners: await places.signerOwners(reader),
  }
}

/** Two versions may be one release: it gets what both get. */
function oneToARelease(shares: readonly Share[]): Share[] {
  const found = new Map<Sha256, Share>()
  for (const share of shares) {
    const other = found.get(share.release)
    const weight = restOf(1 - (other?.weight ?? 0) - share.weight)
    found.set(share.release, other === undefined ? share : { ...other, weight })
  }
  return [...found.values()]
}

/** An approval names release and weight: what the move makes of the release, and nothing near it (RULES §5). */
function isFor(request: ApprovalFacts, reaches: readonly Share[]): boolean {
  return reaches.some(
    ({ release, weight }) => release === request.release && sameWeight(weight, request.weight),
  )
}

function isMore(weight: number, than: number): boolean {
  return weight > than && !sameWeight(weight, than)
}

/**
 * What releases have had of the alias's calls since they last came into it: one that has not left may go back to the
 * share it had (a canary that is taken back). What an exception gave does not count.
 */
async function readShares(
  reader: Reader,
  of: { readonly functionName: string; readonly alias: string },
  exceptions: readonly ExceptionFacts[],
): Promise<{ readonly now: ReadonlySet<Sha256>; readonly most: ReadonlyMap<Sha256, number> }> {
  const rows = await reader
    .selectFrom('live_interval')
    .select(['release', 'weight', 'decision_id', 'from_ms', 'from_index', 'to_ms', 'to_index'])
    .where('function_name', '=', of.functionName)
    .where('alias', '=', of.alias)
    .orderBy('id', 'desc')
    .execute()
  const now = new Set<Sha256>()
  const most = new Map<Sha256, number>()
  // Where the unbroken time of a release begins, walking back. Each ledger counts from 0, and its times come after.
  const begins = new Map<Sha256, Moment>()
  for (const row of rows) {
    const release = row.release as Sha256
    const began = { atMs: row.from_ms, index: row.from_index }
    const known = begins.get(release)
    if (row.to_ms === null || row.to_index === null) now.add(release)
    else if (known === undefined || isBefore({ atMs: row.to_ms, index: row.to_index }, known))
      continue
    begins.set(release, known === undefined || isBefore(began, known) ? began : known)
    const excepted =
      exceptions.some((one) => one.release === release) &&
      (await exceptionsBehind(reader, row.decision_id)).size > 0
    if (!excepted) most.set(release, Math.max(row.weight, most.get(release) ?? 0))
  }
  return { now, most }
}

function isBefore(one: Moment, other: Moment): boolean {
  return newestFirst(one, other) > 0
}

/** The members of `Facts` that are about the move. */
export function toMoveFacts(
  situation: MoveSituation | undefined,
  subjects: readonly SubjectFacts[],
): Pick<Facts, 'move' | 'approvals' | 'exceptions' | 'signerOwners'> {
  if (situation === undefined) return {}
  const { move, approvals, exceptions, owners } = situation
  return {
    move,
    approvals,
    exceptions,
    signerOwners: subjects.flatMap((subject) => signersOf(subject, owners)),
  }
}

/** Everybody behind a subject whose seal counts, with whom the key, the identity or the publisher was said to be. */
function signersOf(
  { arn, verdict }: SubjectFacts,
  owners: MoveSituation['owners'],
): SignerOwnerFacts[] {
  const found = new Map<string, SignerOwnerFacts>()
  for (const { outcome, signer, publisher } of verdict.seals) {
    if (outcome !== 'trusted' || signer === undefined) continue
    const names = namesOf(signer, publisher?.name)
    const mapped = owners.filter((one) => names.includes(one.signer)).map(({ owner }) => owner)
    const before = found.get(signer.id)?.owners ?? []
    found.set(signer.id, {
      subject: arn,
      signer: signer.id,
      owners: [...new Set([...before, ...mapped])].toSorted(),
    })
  }
  return [...found.values()]
}

function namesOf(signer: SignerIdentity, publisher: string | undefined): string[] {
  const names = [signer.id, `key:${signer.spkiSha256}`]
  return publisher === undefined ? names : [...names, `publisher:${publisher}`]
}

/** Last instants at which the approvals that fit and the exceptions in force still hold, milliseconds. */
export function moveValidUntil(situation: MoveSituation | undefined, atMs: number): number[] {
  if (situation === undefined) return []
  const ends = [
    ...situation.approvals.map((request) => parseIsoTime(request.expiresAt) ?? atMs),
    ...situation.exceptions.flatMap(({ untilMs, endedAtMs }) =>
      untilMs === null || endedAtMs !== null ? [] : [untilMs],
    ),
  ]
  return ends.filter((endMs) => endMs > atMs).map((endMs) => endMs - 1)
}
