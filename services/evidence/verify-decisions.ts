import { canonicalJson, sha256, type Facts, type Json } from '../model/index.ts'
import type { LedgerEntry } from '../ledger/index.ts'
import {
  compilePolicySet,
  decide,
  factsDigest,
  type PolicyInForce,
  type PolicySet,
  type UnusableSet,
} from '../policy/index.ts'
import { cell, type EvidenceContents, type EvidenceDecision } from './contents.ts'
import type { Findings } from './findings.ts'
import { aliasIntervals, ownEntries } from './report.ts'

/** A decision and the entry that it stands in the log by. */
export interface ProvenDecision extends EvidenceDecision {
  readonly entry: LedgerEntry
}

/** Every decision that the archive must hold, bound to its entry; what does not fit is a finding. */
export function checkDecisions(contents: EvidenceContents, findings: Findings): ProvenDecision[] {
  const entries = new Map(
    [...contents.entries.values()].flatMap(({ entry }): [string, LedgerEntry][] =>
      entry.decision === null ? [] : [[entry.decision.id, entry]],
    ),
  )
  for (const id of wantedDecisions(contents)) {
    if (!contents.decisions.has(id)) findings.add('missing', `decision ${id} is not inside`)
  }
  const proven: ProvenDecision[] = []
  for (const [id, kept] of contents.decisions) {
    const entry = entries.get(id)
    if (entry === undefined) {
      findings.add('missing', `decision ${id}: the entry that names it is not inside`)
      continue
    }
    const found = { ...kept, entry }
    const fault = findings.guard('decision', `decision ${id}`, () => faultOf(id, found))
    if (fault !== undefined) findings.add('decision', `decision ${id} ${fault}`)
    else proven.push(found)
  }
  return proven
}

function wantedDecisions(contents: EvidenceContents): Set<string> {
  return new Set([
    ...ownEntries(contents).flatMap(({ decision }) => (decision === null ? [] : [decision.id])),
    ...aliasIntervals(contents).map(({ row }) => cell(row, 'decision_id')),
  ])
}

function faultOf(id: string, one: ProvenDecision): string | undefined {
  const { decision, facts, decisionBody, factsBody, entry } = one
  if (decision.id !== id || sha256(decisionBody) !== entry.decision?.digest)
    return `is not the one of entry ${entry.index}`
  if (factsDigest(facts) !== decision.factsDigest) return 'was made on other facts'
  // The digest above is of what the facts say; the file is that and nothing more.
  if (canonicalJson(facts as unknown as Json) !== factsBody) return 'has facts in another form'
  if (facts.action !== entry.action || facts.resource !== entry.resource)
    return `is about something else than entry ${entry.index}`
  return facts.principal.id === entry.principal.id
    ? undefined
    : `is of somebody else than entry ${entry.index}`
}

/** Decisions are pure functions of facts and policies: each is made again. Answers how many came out the same. */
export function replayDecisions(
  contents: EvidenceContents,
  decisions: readonly ProvenDecision[],
  findings: Findings,
): number {
  checkTexts(contents, findings)
  const sets = new PolicySets(contents)
  let replayed = 0
  for (const { decision, facts, decisionBody } of decisions) {
    const what = `decision ${decision.id}`
    const same = findings.guard('policy', what, () => {
      const again = decide(facts, decision.id, sets.of(decision, facts))
      return canonicalJson(again as unknown as Json) === decisionBody
    })
    if (same === true) replayed += 1
    else if (same === false)
      findings.add('decision', `${what} does not follow from its facts and the policies in force`)
  }
  return replayed
}

/** Texts of policies lie there for a row that is in the log. */
function checkTexts({ rows, sets, schemas }: EvidenceContents, findings: Findings): void {
  const kept = rows.filter(
    ({ table, row }) => table === 'policy_set' && row['kind'] === 'admission',
  )
  for (const [version, { body }] of sets) {
    const row = kept.find((one) => one.row['version'] === version)?.row
    if (row?.['document'] !== sha256(body))
      findings.add('policy', `the text of policy set ${version} is not what a row of the log says`)
  }
  for (const [digest, schema] of schemas) {
    const named = kept.some(({ row }) => row['schema_sha256'] === digest)
    if (!named || sha256(schema) !== digest)
      findings.add('policy', `the schema ${digest} is not what a row of the log says`)
  }
}

/** The admission sets inside, each compiled once from the text that its row names. */
class PolicySets {
  readonly #contents: EvidenceContents
  readonly #compiled = new Map<number, PolicySet>()

  constructor(contents: EvidenceContents) {
    this.#contents = contents
  }

  /** @throws Error saying what of it is not inside, or not what the log says */
  of({ policySet, checks }: EvidenceDecision['decision'], { at }: Facts): PolicyInForce {
    const { number } = policySet
    const row = this.#contents.rows.find(
      (one) =>
        one.table === 'policy_set' &&
        one.row['kind'] === 'admission' &&
        one.row['version'] === number,
    )?.row
    if (number === undefined || row === undefined)
      throw new Error(`the policy set that decided at ${at} is not inside`)
    const name = cell(row, 'name')
    // A set that could not be used only ever denies: what was wrong with it is told in the check itself.
    const unusable = checks.find(({ rule }) => rule === 'policy.set')
    if (unusable !== undefined) {
      const { got: fault, fix } = unusable
      const set: UnusableSet = { digest: cell(row, 'digest'), fault, fix }
      return { name, version: number, set }
    }
    const known = this.#compiled.get(number) ?? this.#compile(number, row)
    this.#compiled.set(number, known)
    return { name, version: number, set: known }
  }

  #compile(version: number, row: Readonly<Record<string, string | number | null>>): PolicySet {
    const { sets, schemas } = this.#contents
    const kept = sets.get(version)
    const schema = schemas.get(cell(row, 'schema_sha256'))
    if (kept === undefined || schema === undefined)
      throw new Error(`the text or the schema of policy set ${version} is not inside`)
    const sound = sha256(kept.body) === row['document'] && sha256(schema) === row['schema_sha256']
    // Validated when it was put in force: its digest is of this very text and schema.
    const set = compilePolicySet(kept.source.files, schema, cell(row, 'digest'))
    if (!sound || set.digest !== row['digest'])
      throw new Error(`policy set ${version} is not the text that its row names`)
    return set
  }
}
