/**
 * One file per action; the place where everything meets. Each action reads top to bottom as the list of
 * CONTRACTS "A deployment, step by step". It must not know HTTP.
 */
export type { Caller, Deps, Log } from './context.ts'
export { noMetrics, type Metrics } from './metrics.ts'
/** Opens and judges artifacts in worker threads. */
export { Examiner } from './examine.ts'
