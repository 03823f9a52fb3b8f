import { setImmediate } from 'node:timers/promises'

import {
  COMPLIANCE_STATES,
  openVerdicts,
  readStanding,
  stateOf,
  type ComplianceState,
  type LiveVerdict,
  type Standing,
} from '../live/index.ts'
import { type Facts, type Place, type VerdictFinding, type VerdictState } from '../model/index.ts'
import {
  authorize,
  checksOf,
  findingOf,
  isUsable,
  policySetVersion,
  remembering,
  unjudged,
  violatingSince,
  type Ask,
  type PolicyInForce,
} from '../policy/index.ts'
import type { Reader } from '../store/index.ts'
import type { ArtifactJudge } from './examine.ts'
import { readWorld, toFacts, type JudgingDeps } from './facts.ts'
import { readLiveGround, type GroundConfig, type LiveGround } from './live-ground.ts'
import { judgeGroup, underNames, type JudgedGroup } from './live-group.ts'
import { isAliasName, learnRows, openLiveIds, type LiveRowKnown } from './live-known.ts'
import { inputOf, moveOf, standing } from './live-standing.ts'
import type { Policies } from './policies-in-force.ts'
import { VerdictChanges, type VerdictChange } from './verdict-changes.ts'

/** What a look at the live set is asked. */
export interface PassAsked {
  readonly atMs: number
  /** All that is live, though no world moved: time did. */
  readonly whole: boolean
  readonly clockIsOff: boolean
}

/** What became live since the last look, where no world moved and no time ended. */
interface NewFound {
  readonly whole: false
  /** Last instant at which all this holds by itself. */
  readonly validUntilMs: number | undefined
}

/** All that is live. */
export interface WholeFound {
  readonly whole: true
  readonly world: number
  readonly policySet: string
  readonly judged: number
  /** Of these, those whose policies had to be asked. */
  readonly evaluated: number
  readonly notCompliant: number
  /** Last instant at which all this holds by itself. */
  readonly validUntilMs: number | undefined
  /** Aliases by how they stand. */
  readonly states: Readonly<Partial<Record<ComplianceState, number>>>
}

export type PassFound = NewFound | WholeFound

/** What one version behind one name comes to, in one world. */
export interface JudgedOne {
  readonly world: number
  readonly finding: VerdictFinding
}

/** The answer of policies to certain facts, for as long as neither changes. */
interface Evaluated {
  readonly key: string
  readonly finding: VerdictFinding
  readonly sinceMs: number | undefined
}

/** All that one look is made with. */
interface Look {
  readonly world: number
  readonly ground: LiveGround
  readonly policies: PolicyInForce
  readonly policySet: string
  /** Asks the set once for all in this look that it cannot tell apart. */
  readonly ask: Ask
  /** No policy reads the time: of the same facts each says the same tomorrow. */
  readonly timeless: boolean
  readonly clockIsOff: boolean
  readonly judging: JudgingDeps
  readonly groups: Map<string, Promise<JudgedGroup>>
  readonly tally: { evaluated: number; validUntilMs: number }
}

/** Between two looks at who asks. */
const ROWS_AT_ONCE = 50

export interface LiveJudgeOptions {
  readonly place: Place
  readonly isolation: Facts['isolation']
  readonly policies: Pick<Policies, 'inForce'>
  readonly examiner: ArtifactJudge
}

/**
 * Judges what is live as the gate would judge it now, in one snapshot: verdicts of seals anew each time (only their
 * mathematics is remembered), policies where the facts or the set are not those of the last look.
 */
export class LiveJudge {
  readonly #options: LiveJudgeOptions
  readonly #known = new Map<number, LiveRowKnown>()
  readonly #evaluated = new Map<number, Evaluated>()
  #last:
    { readonly world: number; readonly liveId: number; readonly clockIsOff: boolean } | undefined
  #changes = new VerdictChanges()

  constructor(options: LiveJudgeOptions) {
    this.#options = options
    this.end()
  }

  /** From here on `changes` are those of the look that comes next. */
  begin(): void {
    this.#changes = new VerdictChanges()
  }

  /** Whoever waits for changes hears that no more come, however the look ended. */
  end(): void {
    this.#changes.end()
  }

  /** Aliases first: what is reached by a version's own number reacts to nothing but `refuse`. */
  async pass(reader: Reader, asked: PassAsked): Promise<PassFound> {
    const world = await readWorld(reader)
    const last = this.#last
    const whole = asked.whole || last?.world !== world || last.clockIsOff !== asked.clockIsOff
    const ids = await openLiveIds(reader, whole ? undefined : last.liveId)
    if (!whole && ids.length === 0) return { whole, validUntilMs: undefined }
    const rows = await this.#rows(reader, ids)
    const look = await this.#look(reader, { ...asked, ...(!whole && { names: namesOf(rows) }) })
    if (whole) this.#forgetAllBut(new Set(ids))
    const stored = await openVerdicts(reader, whole ? undefined : ids)
    const found: { readonly row: LiveRowKnown; readonly state: VerdictState }[] = []
    for (const [at, row] of rows.entries()) {
      // What was found so far is handed out while the rest is judged.
      if (at % ROWS_AT_ONCE === 0) await setImmediate()
      const { finding, sinceMs } = await this.#judge(row, look)
      found.push({ row, state: finding.state })
      const before = stored.get(row.liveId)
      if (isNews(before, { row, finding, sinceMs }))
        this.#changes.add(toChange(row, { finding, sinceMs, look, before: before?.state }))
    }
    this.#last = {
      world,
      liveId: Math.max(last?.liveId ?? 0, ids.at(-1) ?? 0),
      clockIsOff: asked.clockIsOff,
    }
    const { evaluated } = look.tally
    const validUntilMs = look.tally.validUntilMs === Infinity ? undefined : look.tally.validUntilMs
    if (!whole) return { whole, validUntilMs }
    return {
      whole,
      world,
      policySet: look.policySet,
      judged: rows.length,
      evaluated,
      notCompliant: found.filter(({ state }) => state !== 'compliant').length,
      validUntilMs,
      states: countStates(found, await readStanding(reader)),
    }
  }

  /** Of the look that goes on or was the last, so many from one on, once they are found; fewer: there are no more. */
  async changes(asked: {
    readonly from: number
    readonly count: number
  }): Promise<VerdictChange[]> {
    return await this.#changes.slice(asked)
  }

  /** `undefined` where that interval is over. */
  async one(
    reader: Reader,
    asked: Omit<PassAsked, 'whole'> & { readonly liveId: number },
  ): Promise<JudgedOne | undefined> {
    const open = await reader
      .selectFrom('live_interval')
      .select('id')
      .where('id', '=', asked.liveId)
      .where('to_ms', 'is', null)
      .executeTakeFirst()
    if (open === undefined) return undefined
    const [row] = await this.#rows(reader, [asked.liveId])
    if (row === undefined) return undefined
    const look = await this.#look(reader, { ...asked, names: [row.functionName] })
    return { world: look.world, finding: (await this.#judge(row, look)).finding }
  }

  async #look(
    reader: Reader,
    asked: Omit<PassAsked, 'whole'> & { readonly names?: readonly string[] },
  ): Promise<Look> {
    const { place, policies, examiner } = this.#options
    const inForce = await policies.inForce(reader, 'admission')
    return {
      world: await readWorld(reader),
      ground: await readLiveGround(reader, place, asked),
      policies: inForce,
      policySet: policySetVersion(inForce),
      ask: remembering(authorize),
      timeless:
        isUsable(inForce.set) &&
        [...inForce.set.policies.values()].every(({ reads }) => !reads.includes('now')),
      clockIsOff: asked.clockIsOff,
      // Whatever else is read is read in this snapshot.
      judging: { place, examiner, store: { reader } },
      groups: new Map(),
      tally: { evaluated: 0, validUntilMs: Infinity },
    }
  }

  async #rows(reader: Reader, ids: readonly number[]): Promise<LiveRowKnown[]> {
    const unknown = ids.filter((id) => !this.#known.has(id))
    for (const row of await learnRows(reader, this.#options.place, unknown))
      this.#known.set(row.liveId, row)
    const rows = ids.flatMap((id) => this.#known.get(id) ?? [])
    return [
      ...rows.filter(({ alias }) => isAliasName(alias)),
      ...rows.filter(({ alias }) => !isAliasName(alias)),
    ]
  }

  #forgetAllBut(open: ReadonlySet<number>): void {
    for (const id of this.#known.keys()) if (!open.has(id)) this.#known.delete(id)
    for (const id of this.#evaluated.keys()) if (!open.has(id)) this.#evaluated.delete(id)
  }

  async #judge(row: LiveRowKnown, look: Look): Promise<Omit<Evaluated, 'key'>> {
    const { ground, tally } = look
    if (row.broken) return { finding: unjudged('its version cannot be read'), sinceMs: undefined }
    const config = ground.configs.get(row.functionName) ?? { kind: 'none' }
    const group = await this.#group(row, config, look)
    if (group.kind === 'failed') return { finding: unjudged(group.why), sinceMs: undefined }
    const { stage, move, key: placeKey, validUntilMs } = standing(row, ground)
    tally.validUntilMs = Math.min(tally.validUntilMs, validUntilMs, group.validUntilMs)
    const key = JSON.stringify([
      group.key,
      config.kind === 'config' ? config.key : null,
      placeKey,
      look.policySet,
      look.clockIsOff,
    ])
    const known = this.#evaluated.get(row.liveId)
    if (look.timeless && known?.key === key) return known
    tally.evaluated += 1
    const situation = {
      atMs: ground.atMs,
      world: look.world,
      input: inputOf(row),
      signingConfig: config.kind === 'config' ? config.config : null,
      move,
      stage,
    }
    const change = moveOf(this.#options.place, row)
    const runtime = { capability: { isolation: this.#options.isolation } }
    const facts = toFacts({ runtime }, row, change, { situation, judged: group.judged })
    const finding = findingOf(facts, checksOf(facts, look.policies, look.ask), look)
    const evaluated = { key, finding, sinceMs: violatingSince(facts, finding.causes, ground) }
    this.#evaluated.set(row.liveId, evaluated)
    return evaluated
  }

  /** The same code under the same names is judged once in a look, whichever versions and aliases it stands behind. */
  async #group(row: LiveRowKnown, config: GroundConfig, look: Look): Promise<JudgedGroup> {
    const { functionName, subjects } = row
    const key = JSON.stringify([
      functionName,
      subjects.map(({ kind, name, codeSha256 }) => [kind, name, codeSha256]),
    ])
    const known = look.groups.get(key) ?? judgeGroup(subjects, config, look)
    look.groups.set(key, known)
    const group = await known
    return group.kind === 'failed'
      ? group
      : { ...group, judged: underNames(group.judged, subjects) }
  }
}

function namesOf(rows: readonly LiveRowKnown[]): readonly string[] {
  return [...new Set(rows.map(({ functionName }) => functionName))]
}

interface Found {
  readonly row: LiveRowKnown
  readonly finding: VerdictFinding
  readonly sinceMs: number | undefined
}

/** Whether what was found is not what is stored; also where it is known now to be so since an earlier time. */
function isNews(before: LiveVerdict | undefined, { row, finding, sinceMs }: Found): boolean {
  if (before === undefined || findingText(before) !== findingText(finding)) return true
  if (finding.state !== 'violating' || sinceMs === undefined) return false
  return Math.max(row.fromMs, sinceMs) < before.effectiveFromMs
}

function findingText({ state, causes, reasons, untilMs }: VerdictFinding): string {
  return JSON.stringify([
    state,
    causes,
    untilMs,
    reasons.map(({ rule, subject }) => [rule, subject]),
  ])
}

function toChange(
  row: LiveRowKnown,
  found: {
    readonly finding: VerdictFinding
    readonly sinceMs: number | undefined
    readonly look: Look
    readonly before: VerdictState | undefined
  },
): VerdictChange {
  const { liveId, functionName, alias, slot, version } = row
  const { world, policySet } = found.look
  const { finding, sinceMs, before } = found
  return {
    ...finding,
    liveId,
    bornMs: row.fromMs,
    functionName,
    alias,
    slot,
    version,
    world,
    policySet,
    sinceMs,
    before,
  }
}

/** One state to an alias: the worst of what it serves. */
function countStates(
  found: readonly { readonly row: LiveRowKnown; readonly state: VerdictState }[],
  given: Standing,
): Readonly<Partial<Record<ComplianceState, number>>> {
  const worst = new Map<string, ComplianceState>()
  for (const { row, state } of found.filter((one) => isAliasName(one.row.alias))) {
    const place = `${row.functionName}:${row.alias}`
    const now = stateOf(row, state, given)
    const known = worst.get(place) ?? now
    const isWorse = COMPLIANCE_STATES.indexOf(now) < COMPLIANCE_STATES.indexOf(known)
    worst.set(place, isWorse ? now : known)
  }
  const counts: Partial<Record<ComplianceState, number>> = {}
  for (const state of worst.values()) counts[state] = (counts[state] ?? 0) + 1
  return counts
}
