import { trustedPublishers, revocations } from '../catalog/index.ts'
import {
  PlatformError,
  parseIsoTime,
  type Facts,
  type Revocation,
  type SigningConfigFacts,
  type TrustedPublisher,
} from '../model/index.ts'
import type { Reader } from '../store/index.ts'
import type { Deps } from './context.ts'
import {
  fetchedLists,
  judgeSubjects,
  ownReads,
  readSituation,
  toFacts,
  type JudgedSubject,
  type SharedReads,
  type Situation,
} from './facts.ts'
import { moveTo, readLiveTargets, type LiveRole, type LiveTarget } from './live-targets.ts'
import { allPlaces } from './place-reads.ts'

/** What is supposed beside what is kept. */
export interface Hypothesis {
  /** As if it were then. */
  readonly atMs?: number
  /** As if these were recorded. */
  readonly revocations?: readonly Revocation[]
  /** As if the publishers were these. */
  readonly publishers?: (known: readonly TrustedPublisher[]) => readonly TrustedPublisher[]
}

/**
 * A run over much of the live set: what all judgements share is read once, and of what is the same (the same subjects,
 * config and publishers, in one world) the verdict is made once. It is good for one world and one run.
 */
export interface LiveRun {
  readonly reads: SharedReads
  readonly verdicts: Map<string, Promise<readonly JudgedSubject[]>>
  /** Takes the verdicts that a decision of this very world was made by, while they hold. */
  readonly keepsVerdicts: boolean
}

/** A target with all that its judgement is read from. */
export interface LiveSituation {
  readonly target: LiveTarget
  readonly situation: Situation
}

export function liveRun(deps: Deps, supposed?: Hypothesis): LiveRun {
  return {
    reads: sharedReads(deps, supposed ?? {}),
    verdicts: new Map(),
    keepsVerdicts: supposed === undefined,
  }
}

/**
 * The facts of an alias's "move" to what it serves already: what the gate would be asked, were it made now, by whoever
 * made it. `undefined` where nothing is live there.
 */
export async function liveFacts(
  deps: Deps,
  reader: Reader,
  of: { readonly functionName: string; readonly alias: string; readonly role: LiveRole },
  run: LiveRun = liveRun(deps),
): Promise<Facts | undefined> {
  const { targets } = await readLiveTargets(reader, { name: of.functionName, limit: 1 })
  const target = targets.find(({ alias, role }) => alias === of.alias && role === of.role)
  if (target === undefined) return undefined
  return await judgeLive(deps, await readLiveSituation(deps, reader, target, run), run)
}

/** Inside the snapshot that the target was read in. */
export async function readLiveSituation(
  deps: Deps,
  reader: Reader,
  target: LiveTarget,
  run: LiveRun,
): Promise<LiveSituation> {
  const reads = {
    ...run.reads,
    snapshot: <T>(work: (reader: Reader) => Promise<T>) => work(reader),
  }
  const { principal } = target.inForce.facts
  const change = moveTo(deps.place, target)
  return { target, situation: await readSituation(deps, { principal }, change, reads) }
}

/** Seals judged in worker threads, off any snapshot. */
export async function judgeLive(
  deps: Deps,
  { target, situation }: LiveSituation,
  run: LiveRun,
): Promise<Facts> {
  const kept = run.keepsVerdicts ? keptVerdicts(target, situation) : undefined
  const judged = kept ?? (await sharedVerdicts(deps, situation, run))
  const { principal } = target.inForce.facts
  return toFacts(deps, { principal }, moveTo(deps.place, target), { situation, judged })
}

/** Whether the decision in force was made in this world, by facts that still hold. */
export function isCurrent({ facts }: LiveTarget['inForce'], situation: Situation): boolean {
  const untilMs = facts.validUntil === null ? Infinity : (parseIsoTime(facts.validUntil) ?? 0)
  return facts.world === situation.world && untilMs >= situation.atMs
}

function keptVerdicts(
  { inForce }: LiveTarget,
  situation: Situation,
): readonly JudgedSubject[] | undefined {
  if (!isCurrent(inForce, situation)) return undefined
  const known = new Map(inForce.facts.subjects.map((facts) => [facts.arn, facts]))
  const judged: JudgedSubject[] = []
  for (const subject of situation.input.subjects) {
    const facts = known.get(subject.arn)
    if (facts?.codeSha256 !== subject.codeSha256) return undefined
    const prefix = `${subject.arn}: `
    const noteworthyPaths = inForce.facts.noteworthyPaths.flatMap((path) =>
      path.startsWith(prefix) ? [path.slice(prefix.length)] : [],
    )
    judged.push({ subject, examined: { noteworthyPaths }, facts })
  }
  return judged
}

async function sharedVerdicts(
  deps: Deps,
  situation: Situation,
  { verdicts }: LiveRun,
): Promise<readonly JudgedSubject[]> {
  const { subjects, codeSigningConfigId } = situation.input
  const key = JSON.stringify([
    codeSigningConfigId,
    situation.world,
    subjects.map(({ arn, codeSha256 }) => [arn, codeSha256]),
  ])
  const known = verdicts.get(key) ?? judgeSubjects(deps, situation)
  verdicts.set(key, known)
  return await known
}

/** @throws PlatformError CODE_SIGNING_CONFIG_NOT_FOUND */
function sharedReads(deps: Deps, supposed: Hypothesis): SharedReads {
  const own = ownReads(deps)
  const configs = new Map<string, Promise<SigningConfigFacts | null>>()
  let publishers: Promise<readonly TrustedPublisher[]> | undefined
  let revoked: Promise<readonly Revocation[]> | undefined
  let lists: ReturnType<typeof fetchedLists> | undefined
  const all = async (reader: Reader): Promise<readonly TrustedPublisher[]> => {
    const known = await trustedPublishers(reader, deps.place, 'all')
    return supposed.publishers?.(known) ?? known
  }
  return {
    ...own,
    atMs: supposed.atMs ?? own.atMs,
    snapshot: () => {
      throw new PlatformError(
        'INTERNAL',
        'a run over the live set reads in the snapshot it is given',
      )
    },
    signingConfig: (reader, id) => {
      const known = configs.get(id ?? '') ?? own.signingConfig(reader, id)
      configs.set(id ?? '', known)
      return known
    },
    publishers: async (reader, allowed) => {
      publishers ??= all(reader)
      return (await publishers).map((one) => ({
        ...one,
        allowed: allowed === 'all' || allowed.has(one.arn),
      }))
    },
    revocations: (reader) => {
      revoked ??= revocations(reader).then((known) => [...known, ...(supposed.revocations ?? [])])
      return revoked
    },
    revocationLists: (reader, among) => {
      lists ??= fetchedLists(reader, among)
      return lists
    },
    places: allPlaces(deps),
  }
}
