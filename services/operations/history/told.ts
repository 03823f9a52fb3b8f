import { publishersBehind, type HeldInterval } from '../../live/index.ts'
import type { Decision, Facts, ReleaseLayer, Sha256, SubjectFacts } from '../../model/index.ts'
import { objectsNamed } from '../access/readable.ts'
import type { ResourceRef } from '../../model/index.ts'
import type { DecisionsById } from '../decisions.ts'

/** A decision in the few words that history needs; `withheld` where it names what the reader may not read. */
export type ToldDecision =
  | { readonly id: string; readonly withheld: true }
  | {
      readonly id: string
      readonly withheld: false
      readonly at: string
      readonly outcome: Decision['outcome']
      readonly action: string
      readonly resource: string
      readonly principal: { readonly id: string; readonly kind: string; readonly name: string }
      /** The admission set that it was made by. */
      readonly policySet: { readonly version: string; readonly number?: number }
      /** Requests for approval that it was made on, with who had said yes. */
      readonly approvals: readonly {
        readonly id: string
        readonly requester: string
        readonly approvers: readonly string[]
      }[]
      /** Ids of the break-glass exceptions that it was let through by. */
      readonly exceptions: readonly string[]
    }

/** What stood in a slot, and by which decision; `part` is absent where that is withheld. */
export interface ToldInterval {
  readonly functionName: string
  readonly alias: string
  readonly slot: 'primary' | 'weighted'
  readonly version: string
  readonly weight: number
  readonly codeSha256: string
  readonly release: string
  readonly fromMs: number
  readonly toMs: number | null
  readonly fromIndex: number
  readonly toIndex: number | null
  readonly decision: ToldDecision
  readonly seals: ToldSeals | undefined
}

/** What the seals said when it was decided, and whose they were; of layers, which there were. */
export interface ToldSeals {
  readonly layers: readonly ReleaseLayer[]
  /** Of the code; `unknown` where the decision judged no code. */
  readonly verdict: string
  readonly publishers: readonly string[]
}

/** What a reader must be able to read to be told of the decision; nothing is said of one that is not there. */
export function namedBy(known: DecisionsById, id: string): readonly ResourceRef[] {
  const found = known.get(id)
  return found === undefined ? [] : objectsNamed(found.facts)
}

export function tellDecision(known: DecisionsById, id: string, mayRead: boolean): ToldDecision {
  const found = known.get(id)
  if (found === undefined || !mayRead) return { id, withheld: true }
  const { decision, facts } = found
  const { principal, action, resource } = facts
  return {
    id,
    withheld: false,
    at: decision.at,
    outcome: decision.outcome,
    action,
    resource,
    principal: { id: principal.id, kind: principal.kind, name: principal.name },
    policySet: {
      version: decision.policySet.version,
      ...(decision.policySet.number !== undefined && { number: decision.policySet.number }),
    },
    approvals: (facts.approvals ?? []).map((one) => ({
      id: one.id,
      requester: one.requester,
      approvers: one.approvers.map((approver) => approver.principal),
    })),
    exceptions: [...new Set(decision.checks.flatMap((check) => check.exceptions ?? []))].toSorted(),
  }
}

export function tellInterval(
  known: DecisionsById,
  held: HeldInterval,
  mayRead: boolean,
): ToldInterval {
  const { functionName, alias, slot, version, weight, codeSha256, release } = held
  const { fromMs, toMs, fromIndex, toIndex, decisionId } = held
  const facts = mayRead ? known.get(decisionId)?.facts : undefined
  return {
    functionName, alias, slot, version, weight, codeSha256, release, fromMs, toMs, fromIndex, toIndex,
    decision: tellDecision(known, decisionId, mayRead),
    seals: facts && {
      layers: held.layers,
      verdict: codeOf(facts, codeSha256)?.verdict.kind ?? 'unknown',
      publishers: publishersBehind(facts, held),
    },
  } // prettier-ignore
}

function codeOf(facts: Facts, codeSha256: string): SubjectFacts | undefined {
  return facts.subjects.find(
    (subject) => subject.kind === 'function' && subject.codeSha256 === (codeSha256 as Sha256),
  )
}
