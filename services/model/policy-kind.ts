/** The two questions that policies answer, each with sets, schema and history of its own (RULES §5). */
export const POLICY_KINDS = ['admission', 'authorization'] as const
export type PolicyKind = (typeof POLICY_KINDS)[number]

/** What a change of the policies of one kind is a change of. */
export function policySetResource(kind: PolicyKind): string {
  return `lacre:policy-set/${kind}`
}
