import { join } from 'node:path'

import { openBlobs } from '../../services/blobs/index.ts'
import { toAwsAnswer } from '../../services/http/error-answer.ts'
import { lambdaHandlers } from '../../services/http/lambda/handlers.ts'
import type { JsonObject } from '../../services/http/lambda/handler.ts'
import { openEvents } from '../../services/events/index.ts'
import { JobRunner } from '../../services/jobs/index.ts'
import { LiveSet } from '../../services/live/index.ts'
import {
  PlatformError,
  parsePlace,
  systemClock,
  systemRandom,
  type Json,
  type ReleaseSpec,
} from '../../services/model/index.ts'
import {
  ACTIVATE,
  AccessControl,
  Examiner,
  Policies,
  RefusalBudget,
  activationHandler,
  activationOptions,
  noMetrics,
  settlePolicies,
  type Caller,
  type Deps,
} from '../../services/operations/index.ts'
import type {
  InvokeCall,
  InvokeOutcome,
  Retirement,
  Runtime,
  WarmWish,
} from '../../services/runtime/index.ts'
import { webhookSecretBox } from '../../services/keys/index.ts'
import { addressRules } from '../../services/sources/index.ts'
import { Webhooks } from '../../services/webhooks/index.ts'
import { shippedPolicies } from '../../services/shipped-policies.ts'
import { openState, tempDir, type FakeClock } from './state.ts'

/** Stands in for the runtime: prepares at once, later, or not at all, and answers what it was asked to run. */
export class FakeRuntime implements Runtime {
  readonly capability = {
    driver: 'process',
    isolation: 'none',
    missing: [],
    freezer: false,
    customRuntimes: true,
    prewarming: false,
  } as const
  readonly opensEgress = false
  readonly prepared: ReleaseSpec[] = []
  readonly retired: string[] = []
  wishes: readonly WarmWish[] = []
  warmed = false
  /** Thrown by the next preparations. */
  failure: Error | undefined
  #gate: Promise<void> = Promise.resolve()

  /** Preparations wait until the returned function is called. */
  hold(): () => void {
    let release = (): void => undefined
    this.#gate = new Promise((resolve) => (release = resolve))
    return release
  }

  async prepare(spec: ReleaseSpec): Promise<void> {
    await this.#gate
    if (this.failure !== undefined) throw this.failure
    this.prepared.push(spec)
  }

  verifyPrepared(): Promise<readonly string[]> {
    return Promise.resolve([])
  }

  listPrepared(): [] {
    return []
  }

  dropPrepared(): Promise<boolean> {
    return Promise.resolve(false)
  }

  resolveRuntime(id: string): ReturnType<Runtime['resolveRuntime']> {
    if (id.startsWith('java'))
      return { kind: 'unsupported', reason: `runtime \`${id}\` is not served here` }
    const found = { kind: 'ok', interpreter: '/usr/bin/true' } as const
    return id === 'nodejs26.x' ? { ...found, substitute: `Node 20 stands in for ${id}` } : found
  }

  describeRuntimes(): Readonly<Record<string, string>> {
    return { 'nodejs20.x': '/usr/bin/true' }
  }

  invoke(spec: ReleaseSpec, call: InvokeCall): Promise<InvokeOutcome> {
    const ran = { version: spec.version, arn: call.invokedArn, release: spec.release }
    return Promise.resolve({
      payload: Buffer.from(JSON.stringify(ran)),
      functionError: false,
      logTail: new Uint8Array(),
      durationMs: 1,
      billedMs: 1,
      maxMemoryMb: 1,
    })
  }

  retire(functionId: string, version: string, how?: Retirement): Promise<void> {
    const { release } = how ?? {}
    this.retired.push([functionId, version, ...(release === undefined ? [] : [release])].join(' '))
    return Promise.resolve()
  }

  keepWarm(wishes: readonly WarmWish[]): void {
    this.wishes = wishes
  }

  /** What was wished for is there once the test says so. */
  warm(spec: ReleaseSpec): ReturnType<Runtime['warm']> {
    const wish = this.wishes.find((one) => one.spec.decisionId === spec.decisionId)
    return { ready: this.warmed ? (wish?.count ?? 0) : 0 }
  }

  running(): number {
    return 0
  }
  stats(): ReturnType<Runtime['stats']> {
    return {
      environments: 0,
      busy: 0,
      idle: 0,
      started: 0,
      reset: 0,
      inFlight: new Map(),
      prewarmed: { ready: 0, missing: 0, assigned: 0 },
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {}
}

export interface Called {
  readonly path?: Readonly<Record<string, string>>
  readonly query?: Readonly<Record<string, string | readonly string[]>>
  readonly json?: JsonObject
  readonly zip?: Uint8Array
}

export interface Answered {
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
  /** Parsed from the JSON that would go over the wire. */
  readonly body: JsonObject
}

export interface LambdaApi extends AsyncDisposable {
  readonly deps: Deps
  readonly runtime: FakeRuntime
  readonly clock: FakeClock
  /** One operation by AWS's name, below the edge: handler, operation, gate, store. */
  call(operation: string, called?: Called): Promise<Answered>
  /** Runs what waits to be activated. */
  settle(): Promise<void>
}

export const CALLER: Caller = {
  principal: { id: 'usr-admin', kind: 'user', name: 'admin', roles: ['admin'], claims: {} },
  requestId: '00000000-0000-4000-8000-000000000000',
}

/** Everything real but the runtime and the wall clock. */
export async function startLambdaApi(): Promise<LambdaApi> {
  const dir = tempDir()
  const state = await openState(dir.path)
  const { store, keys, audit, clock, log } = state
  const place = parsePlace('000000000000', 'us-east-1')
  const blobs = openBlobs(join(dir.path, 'data'))
  const examiner = new Examiner(blobs)
  const live = new LiveSet({ store, place })
  const jobs = new JobRunner({ store, clock: systemClock, random: systemRandom, log })
  const runtime = new FakeRuntime()
  const events = await openEvents({
    path: join(dir.path, 'events.db'),
    clock,
    random: systemRandom,
    log,
    place,
    metrics: noMetrics,
    concurrency: 4,
  })
  const webhooks = new Webhooks({
    store,
    outbox: state.outbox,
    clock,
    random: systemRandom,
    log,
    metrics: noMetrics,
    secrets: webhookSecretBox(keys),
    reachable: addressRules([]),
  })
  const deps: Deps = {
    place, clock, random: systemRandom, log, store, blobs, keys, jobs, events, webhooks, live, runtime, examiner,
    metrics: noMetrics, audit, refusals: new RefusalBudget(clock),
    policies: new Policies(shippedPolicies()),
    access: new AccessControl({ store, place, policies: () => Promise.resolve(undefined) }),
  } // prettier-ignore
  await settlePolicies(deps)
  const handlers = lambdaHandlers(deps)
  const activate = activationHandler(deps)
  return {
    deps,
    runtime,
    clock,
    call: async (operation, called = {}) => {
      const handler = handlers[operation]
      if (handler === undefined) throw new Error(`${operation} has no handler`)
      await using zip = called.zip === undefined ? undefined : await blobs.createTemp()
      await zip?.write(called.zip ?? new Uint8Array())
      try {
        const answer = await handler({
          caller: CALLER,
          path: called.path ?? {},
          query: called.query ?? {},
          headers: { host: 'localhost' },
          json: called.json ?? {},
          zip: zip ?? undefined,
          signal: new AbortController().signal,
        })
        return toAnswered(answer.status, answer.headers ?? {}, JSON.stringify(answer.body ?? {}))
      } catch (error) {
        if (!(error instanceof PlatformError)) throw error
        const { status, headers, body } = toAwsAnswer(error)
        return toAnswered(status, headers ?? {}, String(body))
      }
    },
    settle: async () => {
      const rows = await store.reader
        .selectFrom('jobs')
        .selectAll()
        .where('state', '=', 'ready')
        .execute()
      for (const row of rows) {
        const job = { id: row.id, kind: ACTIVATE, key: row.key, attempt: 1, fence: 1 }
        const payload = JSON.parse(row.payload) as Json
        try {
          await activate(payload, job, new AbortController().signal)
        } catch (error) {
          await activationOptions(deps).onDead?.(payload, job, error)
        }
        await store.transaction((tx) =>
          tx.updateTable('jobs').set({ state: 'done' }).where('id', '=', row.id).execute(),
        )
      }
    },
    [Symbol.asyncDispose]: async () => {
      await examiner[Symbol.asyncDispose]()
      await deps.policies[Symbol.asyncDispose]()
      await events[Symbol.asyncDispose]()
      await state[Symbol.asyncDispose]()
      dir[Symbol.dispose]()
    },
  }
}

function toAnswered(
  status: number,
  headers: Readonly<Record<string, string>>,
  text: string,
): Answered {
  return { status, headers, body: JSON.parse(text) as JsonObject }
}
