/**
 * The governance API under `/api/v1`: publishers, revocations, seals, decisions, the live set, the ledger. A table of
 * routes that the server registers; it must not know how a request was authenticated or its body taken in.
 */
import type { Deps } from '../../operations/index.ts'
import { approvalRoutes } from './approvals.ts'
import { breakGlassRoutes } from './break-glass.ts'
import { egressRoutes } from './egress.ts'
import { eventRoutes } from './events.ts'
import { attestationRoutes } from './attestations.ts'
import { evidenceArchiveRoutes } from './evidence-archive.ts'
import { evidenceRoutes } from './evidence.ts'
import { historyRoutes } from './history.ts'
import { ledgerRoutes } from './ledger.ts'
import { openApiRoute } from './openapi.ts'
import { logRoutes } from './logs.ts'
import { managedRoutes } from './managed.ts'
import { planRoutes } from './plans.ts'
import { policySetRoutes } from './policy-sets.ts'
import { publisherRoutes } from './publishers.ts'
import { reactionRoutes } from './reactions.ts'
import type { Route } from './route.ts'
import { sealRoutes } from './seals.ts'
import { stageRoutes } from './stages.ts'
import { usageRoutes } from './usage.ts'
import { webhookRoutes } from './webhooks.ts'
import { upkeepRoutes } from './upkeep.ts'

export { routeAction, routeBodyResource } from './route-actions.ts'
export type { GovernanceAnswer, GovernanceRequest, Route } from './route.ts'

/**
 * Every route, with those of others beside them; `path` is below `/api/v1`, with `:name` for what varies. Handlers throw
 * PlatformError.
 */
export function governanceRoutes(deps: Deps, others: readonly Route[] = []): readonly Route[] {
  const routes = [
    ...publisherRoutes(deps),
    ...managedRoutes(deps),
    ...policySetRoutes(deps),
    ...sealRoutes(deps),
    ...approvalRoutes(deps),
    ...breakGlassRoutes(deps),
    ...planRoutes(deps),
    ...stageRoutes(deps),
    ...egressRoutes(deps),
    ...reactionRoutes(deps),
    ...eventRoutes(deps),
    ...logRoutes(deps),
    ...usageRoutes(deps),
    ...webhookRoutes(deps),
    ...attestationRoutes(deps),
    ...evidenceRoutes(deps),
    ...evidenceArchiveRoutes(deps),
    ...historyRoutes(deps),
    ...ledgerRoutes(deps),
    ...upkeepRoutes(deps),
    ...others,
  ]
  return [...routes, openApiRoute(routes)]
}
