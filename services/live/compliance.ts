import type { VerdictReason, VerdictState, ViolationCause } from '../model/index.ts'
import type { Reader } from '../store/index.ts'
import type { LiveVerdict } from './verdicts.ts'

/** How something that is live stands, in one word. */
export type ComplianceState = VerdictState | 'frozen' | 'reverted' | 'refused' | 'unjudged'

export const COMPLIANCE_STATES: readonly ComplianceState[] = [
  'refused',
  'frozen',
  'violating',
  'indeterminate',
  'unjudged',
  'excepted',
  'reverted',
  'compliant',
]

export interface Compliance {
  readonly state: ComplianceState
  /** What was found, whatever was done about it. */
  readonly verdict: VerdictState | 'unjudged'
  readonly reasons: readonly VerdictReason[]
  readonly causes: readonly ViolationCause[]
  /** Since when the verdict holds, milliseconds; null where there is none. */
  readonly sinceMs: number | null
  /** The end of an exception. */
  readonly untilMs: number | null
  /** The latest world in which this was found. */
  readonly world: number | null
}

/** What besides verdicts decides how a place stands: read once for many. */
export interface Standing {
  readonly frozen: ReadonlySet<string>
  readonly refused: ReadonlySet<string>
  readonly reverts: ReadonlySet<string>
}

/** An open live interval, as far as its standing depends on it. */
export interface StandingPlace {
  readonly functionName: string
  readonly alias: string
  readonly version: string
  readonly release: string
  readonly decisionId: string
}

export async function readStanding(reader: Reader): Promise<Standing> {
  const freezes = await reader.selectFrom('freeze').select('scope').execute()
  const refusals = await reader.selectFrom('version_refusal').selectAll().execute()
  const reverts = await reader
    .selectFrom('reaction')
    .select('decision_id')
    .where('done', '=', 'revert')
    .execute()
  return {
    frozen: new Set(freezes.map(({ scope }) => scope)),
    refused: new Set(
      refusals.map((row) => refusalKey(row.function_name, row.version, row.release)),
    ),
    reverts: new Set(reverts.map((row) => row.decision_id)),
  }
}

export function refusalKey(functionName: string, version: string, release: string): string {
  return `${functionName} ${version} ${release}`
}

export function stateOf(
  place: StandingPlace,
  verdict: VerdictState | 'unjudged',
  { frozen, refused, reverts }: Standing,
): ComplianceState {
  const { functionName, alias, version, release, decisionId } = place
  if (refused.has(refusalKey(functionName, version, release))) return 'refused'
  if (frozen.has(`${functionName}:${alias}`) || frozen.has(functionName)) return 'frozen'
  if (verdict === 'compliant' && reverts.has(decisionId)) return 'reverted'
  return verdict
}

export function complianceOf(
  place: StandingPlace,
  verdict: LiveVerdict | undefined,
  given: { readonly standing: Standing; readonly verifiedWorld: number | undefined },
): Compliance {
  const { standing, verifiedWorld } = given
  const found = verdict?.state ?? 'unjudged'
  return {
    state: stateOf(place, found, standing),
    verdict: found,
    reasons: verdict?.reasons ?? [],
    causes: verdict?.causes ?? [],
    sinceMs: verdict?.effectiveFromMs ?? null,
    untilMs: verdict?.untilMs ?? null,
    world: verdict === undefined ? null : Math.max(verdict.world, verifiedWorld ?? 0),
  }
}
