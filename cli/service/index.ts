/**
 * What commands ask of a running service: Lambda's operations and the governance API, in JSON. It must not know how
 * requests are signed (`cli/client`), nor parse command lines.
 */
/** A service over a transport; throws what the transport throws, UNAVAILABLE for what is none of ours. */
export {
  Service,
  isObject,
  objects,
  text,
  type Answer,
  type JsonObject,
  type Transport,
} from './service.ts'
/** The service that options and environment name. */
export { connect, withConnection, type ConnectionOptions } from './connect.ts'
/** Lambda's paths, settling, aliases; settled throws ACTIVATION_FAILED, FUNCTION_NOT_READY. */
export { aliasMove, paths, pointAlias, settled, splitQualifier } from './functions.ts'
/** Decisions told to people. */
export { explained, narrate } from './refusals.ts'
/** A publisher as options describe it; throws INVALID_PARAMETER. */
export { publisherInput, type PublisherOptions } from './publisher-input.ts'
/** Options that describe a version of a publisher, or what is revoked; withLineage signs with the key before. */
export { withLineage, withPublisherOptions } from './publisher-options.ts'
export {
  revocationTarget,
  withRevocationTarget,
  type RevocationOptions,
} from './revocation-target.ts'
/** A change held to a plan: the option and its header; throws INVALID_PARAMETER. */
export { planHeaders, withPlan, type PlanOption } from './plan-option.ts'
/** A decision in plain sentences. */
export { decisionInWords } from './decision-words.ts'
/** People and workloads; identityInput throws INVALID_PARAMETER. */
export { Principals, identityInput } from './principals.ts'
/** Columns of text. */
export { textTable } from './text-table.ts'
/** History: every page of a list, times as options give them, and rows in words; throw INVALID_PARAMETER. */
export { everyPage } from './pages.ts'
export { instantOption, sinceOption } from './instants.ts'
export { refuseWithoutAt, showLiveAt, type LiveAtOptions } from './live-at.ts'
export { decided, doneBy, place, seals, share, span } from './history-words.ts'
