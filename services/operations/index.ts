/**
 * One file per action; the place where everything meets. Each action reads top to bottom as the list of
 * CONTRACTS "A deployment, step by step". It must not know HTTP.
 */
export type { Caller, Deps, Log } from './context.ts'
export { noMetrics, type Metrics } from './metrics.ts'
