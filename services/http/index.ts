/**
 * The edge: one server, every signed request through one pipeline (authenticate, authorize, size, body hash, operation),
 * Lambda's API and our own beside each other. It knows no SQL and decides nothing.
 */
/** Builds the server; throws CONFIGURATION where it would listen beyond this machine without TLS. */
export { buildServer, type ServerParts } from './server.ts'
/** Where and how to listen; limits and timeouts have defaults. checkListener throws CONFIGURATION. */
export { checkListener, isLoopback, type HttpConfig } from './listener.ts'
/** What one process may hold of bodies being taken in. */
export { type IntakeLimits } from './intake-budget.ts'
/** Who is let in, and how many at once: one for all listeners of a service. */
export { Admission, admissionLimits } from './admission.ts'
/** A registry that operations count in and `/metrics` shows. */
export { createMetrics, type HttpMetrics } from './metrics.ts'
/** The service's log: one line of JSON per event, secrets redacted. */
export { createLogger, type LoggerOptions } from './logger.ts'
/** What handlers of Lambda's operations are. */
export type {
  InvokeAnswer,
  InvokeHandler,
  InvokeRequest,
  JsonObject,
  LambdaAnswer,
  LambdaHandler,
  LambdaHandlers,
  LambdaRequest,
} from './lambda/handler.ts'
/** Lambda's operations: those that are built, and Invoke. */
/** What of CloudWatch Logs' API is answered. */
export { cloudWatchLogs } from './cloudwatch-logs/index.ts'
export { signerHandlers } from './signer/index.ts'
export { lambdaHandlers } from './lambda/handlers.ts'
export { invokeHandler } from './lambda/invoke.ts'
/** The same operations behind AWS's request rates. */
export { withApiRates } from './lambda/rates.ts'
/** Function URLs on a listener of their own; what their host names are below. */
export { openUrlListener, type UrlListener } from './urls/listener.ts'
export { parseUrlBase } from './urls/address.ts'
/** The routes of `/api/v1`. */
export { governanceRoutes, type Route } from './governance/index.ts'
/** The routes of access keys, to be handed to the server beside `governanceRoutes`. */
export { accessKeyRoutes } from './access-key-routes.ts'
/** What runs. */
export { runtimeRoutes } from './runtime-route.ts'
/** The route that signs in to the console. */
export { consoleLinkRoutes } from './console/index.ts'
/** The same of people, workloads and roles. */
export { principalRoutes } from './principal-routes.ts'
