/**
 * Runs admitted code: prepares trees from blobs, starts environments through the spawner, speaks the Runtime API with them.
 * It executes the release it is handed, stamped, or refuses; it knows no database, no signature and no policy.
 */

/** Starts the spawner and opens the pools; CONFIGURATION when required isolation is not to be had. */
export { openRuntime } from './runtime.ts'
/** What a caller is told when reserved concurrency is used up; whether it always is. */
export { isSwitchedOff, reservedUsedUp, type ConcurrencyUsed } from './slots.ts'
/** What the runtime is opened with, answers and promises. */
export type {
  AnswerSink,
  BlobReader,
  Capability,
  DriverName,
  EgressDialer,
  InvokeCall,
  InvokeOutcome,
  Log,
  LogSink,
  LogWriter,
  ResolvedRuntime,
  Retirement,
  Runtime,
  RuntimeOptions,
  RuntimeStats,
  WarmWish,
} from './options.ts'
/** Prepared trees that were changed, under the data directory of a stopped service. */
export { findChangedTrees } from './prepare/prepared-trees.ts'
