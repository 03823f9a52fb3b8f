import type { CedarValueJson } from '@cedar-policy/cedar-wasm/nodejs'

import { parseIsoTime, type ApprovalFacts, type ApproverFacts, type Facts } from '../model/index.ts'
import { exceptionsInForce } from './break-glass.ts'

/** How many owners stand behind a move, counted in the ways that a policy may ask for. */
export interface ApprovalCounts {
  readonly count: number
  /** Of them, those who do not make the move. */
  readonly apartFromDeployer: number
  /** Those who sealed none of it; absent where some signer is nobody's. */
  readonly apartFromSigner?: number
  /** Those who neither make the move nor sealed any of it; absent likewise. */
  readonly apartFromBoth?: number
}

/**
 * Whether an approval counts (RULES §5): a person's, made while the request was open, by an owner who was there and had
 * a role that approves before it was opened. What happened in the same millisecond is not known to be before.
 */
export function counts(request: ApprovalFacts, approver: ApproverFacts): boolean {
  const openedAt = parseIsoTime(request.openedAt)
  const approvedAt = parseIsoTime(approver.approvedAt)
  const createdAt = parseIsoTime(approver.createdAt)
  const roleSince = approver.roleSince === null ? undefined : parseIsoTime(approver.roleSince)
  if (openedAt === undefined || approvedAt === undefined) return false
  if (createdAt === undefined || roleSince === undefined) return false
  return (
    approver.kind === 'user' &&
    createdAt < openedAt &&
    roleSince < openedAt &&
    approvedAt >= openedAt
  )
}

/** Owners of the signers behind every subject; `undefined` where one is unsigned or a signer is nobody's. */
export function signerOwners(facts: Facts): ReadonlySet<string> | undefined {
  const known = facts.signerOwners ?? []
  if (facts.subjects.length === 0) return undefined
  const owners = new Set<string>()
  for (const { arn } of facts.subjects) {
    const signers = known.filter(({ subject }) => subject === arn)
    if (signers.length === 0 || signers.some((one) => one.owners.length === 0)) return undefined
    for (const owner of signers.flatMap((one) => one.owners)) owners.add(owner)
  }
  return owners
}

/** The fewest that any release has which the move gives more calls; none where it gives none. */
export function approvalCounts(facts: Facts): ApprovalCounts {
  const signers = signerOwners(facts)
  const raises = facts.move?.raises ?? []
  const approving = raises.map(({ release }) => approversOf(facts, release))
  const fewest = (keep: (owner: string) => boolean): number =>
    approving.length === 0 ? 0 : Math.min(...approving.map((owners) => owners.filter(keep).length))
  const { id: deployer } = facts.principal
  return {
    count: fewest(() => true),
    apartFromDeployer: fewest((owner) => owner !== deployer),
    ...(signers !== undefined && {
      apartFromSigner: fewest((owner) => !signers.has(owner)),
      apartFromBoth: fewest((owner) => owner !== deployer && !signers.has(owner)),
    }),
  }
}

/** Distinct owners, over every request that names the release. */
function approversOf(facts: Facts, release: string): string[] {
  const requests = (facts.approvals ?? []).filter((request) => request.release === release)
  const owners = requests.flatMap((request) =>
    request.approvers.filter((one) => counts(request, one)).map(({ principal }) => principal),
  )
  return [...new Set(owners)]
}

/** What the schema calls `approvals`, `breakGlass` and `principalIsSigner`. */
export function approvalContext(facts: Facts): Record<string, CedarValueJson> {
  const signers = signerOwners(facts)
  // An upload under an alias on $LATEST is no move of its own: what rises there counts as one would.
  const gains =
    facts.move?.raises.map(({ weight }) => weight) ??
    facts.stage?.rising.map((one) => one.share) ??
    []
  const share = Math.max(0, ...gains)
  return {
    approvals: { ...approvalCounts(facts), share: decimal(share) },
    breakGlass: exceptionsInForce(facts) !== undefined,
    ...(signers !== undefined && { principalIsSigner: signers.has(facts.principal.id) }),
  }
}

const TEN_THOUSANDTHS = 10_000
/** Less than this above a ten-thousandth is how binary fractions are, no larger share. */
const ROUNDING = 1e-6

/** Cedar's decimals have four places: a share is never told smaller than it is. */
function decimal(share: number): CedarValueJson {
  const told = Math.ceil(share * TEN_THOUSANDTHS - ROUNDING) / TEN_THOUSANDTHS
  return { __extn: { fn: 'decimal', arg: told.toFixed(4) } }
}
