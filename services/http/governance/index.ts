/**
 * The governance API under `/api/v1`: publishers, revocations, seals, decisions, the live set, the ledger. A table of
 * routes that the server registers; it must not know how a request was authenticated or its body taken in.
 */
import type { Deps } from '../../operations/index.ts'
import { attestationRoutes } from './attestations.ts'
import { evidenceRoutes } from './evidence.ts'
import { ledgerRoutes } from './ledger.ts'
import { openApiRoute } from './openapi.ts'
import { managedRoutes } from './managed.ts'
import { publisherRoutes } from './publishers.ts'
import type { Route } from './route.ts'
import { sealRoutes } from './seals.ts'

export type { GovernanceAnswer, GovernanceRequest, Route } from './route.ts'

/**
 * Every route, with those of others beside them; `path` is below `/api/v1`, with `:name` for what varies. Handlers throw
 * PlatformError.
 */
export function governanceRoutes(deps: Deps, others: readonly Route[] = []): readonly Route[] {
  const routes = [
    ...publisherRoutes(deps),
    ...managedRoutes(deps),
    ...sealRoutes(deps),
    ...attestationRoutes(deps),
    ...evidenceRoutes(deps),
    ...ledgerRoutes(deps),
    ...others,
  ]
  return [...routes, openApiRoute(routes)]
}
