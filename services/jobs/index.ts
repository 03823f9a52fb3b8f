/**
 * Work that must happen although the process dies: rows with a lease and a fence, written in the transaction that
 * makes the work necessary. It knows rows and time, and nothing of what a job does.
 */
/** Writes a job in the caller's transaction, at most one to a (kind, key) at a time. */
export { enqueue, type Enqueued, type NewJob } from './enqueue.ts'
/** Runs jobs: `wake()` after a commit, timers behind it. */
export {
  JobRunner,
  type JobHandler,
  type JobRunnerOptions,
  type HandlerOptions,
  type RunningJob,
} from './runner.ts'
