import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

import type { FastifyInstance } from 'fastify'

import {
  createAccessKey,
  openAuthenticator,
  type Authenticator,
  type SecretBox,
} from '../../services/auth/index.ts'
import { openBlobs, type BlobStore } from '../../services/blobs/index.ts'
import {
  buildServer,
  createMetrics,
  type HttpConfig,
  type HttpMetrics,
  type LambdaHandlers,
  type ServerParts,
} from '../../services/http/index.ts'
import { systemClock, systemRandom, type Clock } from '../../services/model/index.ts'
import { AccessControl } from '../../services/operations/index.ts'
import { openStore, type Store } from '../../services/store/index.ts'
import { signWithSmithy, type Ask, type Keys } from './signers.ts'

export const adminKeys: Keys = {
  accessKeyId: 'AKIAEDGETESTSEDGETES',
  secretAccessKey: 'wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY',
}

/** No master key here: sealing itself is tested with `keys`. */
export const plainBox: SecretBox = {
  seal: (plain) => `sealed ${plain}`,
  open: (sealed) => sealed.slice('sealed '.length),
}

export interface LogLine {
  readonly level: string
  readonly fields: Record<string, unknown>
  readonly message: string
}

export interface TestEdge extends AsyncDisposable {
  readonly app: FastifyInstance
  readonly store: Store
  readonly blobs: BlobStore
  readonly authenticator: Authenticator
  readonly metrics: HttpMetrics
  readonly dataDir: string
  readonly log: LogLine[]
  /** Signed by smithy and injected. */
  ask(ask: Ask): Promise<{
    status: number
    headers: Record<string, unknown>
    body: string
    json: () => Record<string, unknown>
  }>
}

export interface EdgeOptions {
  readonly handlers?: LambdaHandlers
  readonly invoke?: ServerParts['invoke']
  readonly routes?: ServerParts['governanceRoutes']
  readonly config?: Partial<HttpConfig>
  readonly clock?: Clock
  readonly dataDir?: string
  readonly intakeLimits?: ServerParts['intakeLimits']
  readonly admission?: ServerParts['admission']
}

/** The edge over a real store and real blobs in a directory of its own; operations are the test's. */
export async function openEdge(options: EdgeOptions = {}): Promise<TestEdge> {
  const dataDir = options.dataDir ?? (await mkdtemp(join(tmpdir(), 'lacre-edge-')))
  const clock = options.clock ?? systemClock
  const store = await openStore({ path: join(dataDir, 'lacre.db') })
  await seedAdmin(store)
  const blobs = openBlobs(dataDir)
  const place = { account: '000000000000', region: 'us-east-1' }
  // The built-in table of roles: which set is in force is not the edge's affair.
  const authorizer = new AccessControl({ store, place, policies: () => Promise.resolve(undefined) })
  const authenticator = openAuthenticator({ store, box: plainBox, clock, place, authorizer })
  const log: LogLine[] = []
  const at = (level: string) => (fields: object, message: string) =>
    void log.push({ level, fields: { ...fields }, message })
  const metrics = createMetrics()
  const app = buildServer({
    deps: {
      blobs,
      clock,
      random: systemRandom,
      log: { debug: at('debug'), info: at('info'), warn: at('warn'), error: at('error') },
    },
    config: { host: '127.0.0.1', port: 0, ...options.config },
    authenticator,
    lambdaHandlers: options.handlers ?? {},
    invoke: options.invoke,
    governanceRoutes: options.routes ?? [],
    metrics,
    ready: () => true,
    intakeLimits: options.intakeLimits,
    admission: options.admission,
  })
  return {
    app,
    store,
    blobs,
    authenticator,
    metrics,
    dataDir,
    log,
    ask: async (ask) => {
      const { method, url, headers, body } = await signWithSmithy(adminKeys, {
        atMs: clock.nowMs(),
        ...ask,
      })
      const answer = await app.inject({
        method: method as 'GET',
        url,
        headers,
        ...(body.length === 0
          ? {}
          : { payload: typeof body === 'string' ? body : Buffer.from(body) }),
      })
      return {
        status: answer.statusCode,
        headers: answer.headers,
        body: answer.body,
        json: () => JSON.parse(answer.body) as Record<string, unknown>,
      }
    },
    [Symbol.asyncDispose]: async () => {
      await app.close()
      await store.close()
      if (options.dataDir === undefined) await rm(dataDir, { recursive: true, force: true })
    },
  }
}

async function seedAdmin(store: Store): Promise<void> {
  await store.transaction(async (tx) => {
    await tx
      .insertInto('principal')
      .values({ id: 'usr-admin', kind: 'user', name: 'admin', roles: '["admin"]', created_at: 1 })
      .onConflict((conflict) => conflict.doNothing())
      .execute()
    const known = await tx
      .selectFrom('access_key')
      .select('id')
      .where('id', '=', adminKeys.accessKeyId)
      .executeTakeFirst()
    if (known !== undefined) return
    await createAccessKey(tx, {
      id: adminKeys.accessKeyId,
      principalId: 'usr-admin',
      secretSealed: plainBox.seal(adminKeys.secretAccessKey, adminKeys.accessKeyId),
      createdAtMs: 1,
    })
  })
}
