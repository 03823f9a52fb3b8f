import { once } from 'node:events'

import { PlatformError, compiledUrl } from '../model/index.ts'
import type { AskedBy, CheckedSet, PolicySetDiff, PolicySetSource } from '../policy/index.ts'
import { Offload } from './offload.ts'

/** A set whose validation and cases take longer is refused. */
const CHECK_LIMIT_MS = 60_000
/** Checks that wait for the one that runs; more are turned away, so that each waiter knows soon. */
const WAITING_LIMIT = 16

export interface CheckTask extends AskedBy {
  readonly source: PolicySetSource
}

export interface DiffTask extends AskedBy {
  readonly before: PolicySetSource
  readonly after: PolicySetSource
}

/**
 * Validates sets and runs their cases, each in a thread of its own, one after the other: a large set takes seconds, and
 * callers must not feel it.
 */
export class PolicyChecker implements AsyncDisposable {
  #running: Offload | undefined
  #last: Promise<unknown> = Promise.resolve()
  #waiting = 0
  #closed = false

  /** @throws PlatformError INVALID_PARAMETER as `checkPolicySet`, or where it takes too long; TOO_MANY_REQUESTS */
  async check(task: CheckTask): Promise<CheckedSet> {
    return (await this.#next('check', task)) as CheckedSet
  }

  /** @throws PlatformError INVALID_PARAMETER as `diffPolicySets`, or where it takes too long; TOO_MANY_REQUESTS */
  async diff(task: DiffTask): Promise<PolicySetDiff> {
    return (await this.#next('diff', task)) as PolicySetDiff
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closed = true
    await this.#running?.[Symbol.asyncDispose]()
  }

  async #next(name: string, task: CheckTask | DiffTask): Promise<unknown> {
    if (this.#waiting > WAITING_LIMIT)
      throw new PlatformError(
        'TOO_MANY_REQUESTS',
        `${WAITING_LIMIT} policy sets wait to be checked; ask again when they are`,
      )
    this.#waiting += 1
    const turn = this.#last.then(() => this.#run(name, task))
    this.#last = turn.catch(() => undefined)
    try {
      return await turn
    } finally {
      this.#waiting -= 1
    }
  }

  async #run(name: string, task: CheckTask | DiffTask): Promise<unknown> {
    if (this.#closed) throw new PlatformError('UNAVAILABLE', 'the service is stopping')
    const offload = new Offload(compiledUrl(import.meta.url, './policy-worker.js'), 1)
    this.#running = offload
    try {
      return await Promise.race([offload.run(name, task), tooLong()])
    } finally {
      this.#running = undefined
      await offload[Symbol.asyncDispose]()
    }
  }
}

async function tooLong(): Promise<never> {
  await once(AbortSignal.timeout(CHECK_LIMIT_MS), 'abort')
  throw new PlatformError(
    'INVALID_PARAMETER',
    `validating the policy set and running its cases takes more than ${CHECK_LIMIT_MS / 1_000} s`,
  )
}
