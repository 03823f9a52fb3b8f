import Fastify, { type FastifyInstance, type FastifyReply, type FastifyRequest } from 'fastify'

import type { Authenticator } from '../auth/index.ts'
import { PlatformError } from '../model/index.ts'
import type { Deps } from '../operations/index.ts'

import { classOf } from './admission-class.ts'
import { Admission, admissionLimits, type DoorParts } from './admission.ts'
import { consoleRoutes, type ConsoleParts } from './console/index.ts'
import { serveDownload, type DownloadDeps } from './download.ts'
import { toGovernanceAnswer } from './error-answer.ts'
import { artifactFace, governanceFace, unknownRouteFace } from './governance-face.ts'
import type { Route } from './governance/index.ts'
import { IntakeBudget, defaultIntakeLimits, type IntakeLimits } from './intake-budget.ts'
import type { InvokeHandler, LambdaHandlers } from './lambda/handler.ts'
import { lambdaFace } from './lambda/service.ts'
import {
  checkListener,
  createListener,
  dropSilent,
  httpDefaults,
  type HttpConfig,
} from './listener.ts'
import type { HttpMetrics } from './metrics.ts'
import { serve, type Edge, type Face } from './pipeline.ts'
import { isLogsRequest } from './cloudwatch-logs/index.ts'
import { isSignerPath, signerFace, type SignerHandlers } from './signer/index.ts'
import { TLOG_ROUTE } from './tlog-prefix.ts'
import { answerOpenTlog, tlogAnswers, tlogFace } from './tlog.ts'
import { refuseUnreadable } from './unreadable.ts'

export interface ServerParts {
  readonly deps: Pick<Deps, 'blobs' | 'clock' | 'random' | 'log' | 'tracer'>
  readonly config: HttpConfig
  readonly authenticator: Authenticator
  readonly lambdaHandlers: LambdaHandlers
  /** Left out while nothing can run. */
  readonly invoke?: InvokeHandler
  readonly governanceRoutes: readonly Route[]
  readonly signerHandlers?: SignerHandlers
  /** CloudWatch Logs; left out, it is not answered. */
  readonly cloudWatchLogs?: Face
  /** What the tiles of the ledger are cut from; left out, there are none. */
  readonly ledger?: Deps
  /** What download links are checked with and read from; left out, there are none. */
  readonly downloads?: DownloadDeps
  /** Pages for people; left out, there are none. */
  readonly console?: Omit<ConsoleParts, 'routes' | 'lambda'>
  readonly metrics: HttpMetrics
  /** What `/readyz` answers by: false while starting and while stopping. */
  readonly ready: () => boolean
  readonly intakeLimits?: IntakeLimits
  /** One for all listeners of a service; left out, one of its own. */
  readonly admission?: Admission
}

/**
 * The server, not listening yet. Fastify finds the route; from there every signed request takes the pipeline.
 * @throws PlatformError CONFIGURATION where it would listen beyond this machine without TLS
 */
export function buildServer(parts: ServerParts): FastifyInstance {
  checkListener(parts.config)
  const edge = toEdge(parts)
  const { tls, trustProxy } = parts.config
  const lambda = lambdaFace({
    edge,
    handlers: parts.lambdaHandlers,
    invoke: parts.invoke,
    tls: tls !== undefined ? 'here' : trustProxy !== undefined ? 'by proxy' : 'none',
  })
  const app = Fastify({
    serverFactory: (handler) =>
      createListener(parts.config, edge.door.guard(doorParts(parts, lambda), handler)),
    genReqId: () => parts.deps.random.uuid(),
    routerOptions: { maxParamLength: 8_192 },
    exposeHeadRoutes: false,
    forceCloseConnections: 'idle',
    clientErrorHandler: (error, socket) => refuseUnreadable(parts.deps, error, socket),
    frameworkErrors: (_error, request, reply) => hijack(edge, { request, reply }, lambda),
  })
  app.addHook('preClose', (done) => {
    dropSilent(app.server)
    done()
  })
  // Answers outside the pipeline are only to be sent, and a client may read as slowly as it likes.
  app.addHook('onSend', (request, _reply, _payload, done) => {
    edge.door.placeOf(request.raw)?.leave()
    done()
  })
  openRoutes(app, parts)
  if (parts.ledger !== undefined)
    tlogRoute(app, edge, { ledger: parts.ledger, open: parts.config.openTlog === true })
  if (parts.console !== undefined)
    consoleRoutes(app, {
      ...parts.console,
      routes: parts.governanceRoutes,
      lambda: parts.lambdaHandlers,
      edge,
      hijack,
    })
  app.register(
    (scope, _options, done) => {
      governanceScope(scope, edge, parts.governanceRoutes)
      if (parts.downloads !== undefined) downloadRoute(scope, edge, parts.downloads)
      done()
    },
    { prefix: '/api/v1' },
  )
  // AWS's paths and all that is none: tables of our own, over the raw path.
  app.addHook('onRequest', async (request, reply) => {
    if (request.is404) hijack(edge, { request, reply }, foreignFace(parts, request.raw, lambda))
    await Promise.resolve()
  })
  return app
}

/** Where nobody says how many environments there are. */
const DEFAULT_INVOCATIONS_AT_ONCE = 64

/** The API of AWS's that a request is of, by its path or, where that says nothing, its target. */
function foreignFace(parts: ServerParts, raw: FastifyRequest['raw'], lambda: Face): Face {
  if (isLogsRequest(raw) && parts.cloudWatchLogs !== undefined) return parts.cloudWatchLogs
  return isSignerPath(raw.url ?? '') ? signerFace(parts.signerHandlers ?? {}) : lambda
}

const OWN_PATH = /^\/(?:api|console|tlog)\//

function doorParts(parts: ServerParts, lambda: Face): DoorParts {
  return {
    classOf,
    addressOf: ({ socket }) => socket.remoteAddress ?? '',
    refuse: (req, error) =>
      OWN_PATH.test(req.url ?? '')
        ? toGovernanceAnswer(error)
        : foreignFace(parts, req, lambda).refuse(error),
    newRequestId: () => parts.deps.random.uuid(),
    onRefused: (kind) => parts.metrics.admissionRefused(kind),
  }
}

function toEdge(parts: ServerParts): Edge {
  const { blobs, clock, random, log, tracer } = parts.deps
  return {
    blobs,
    clock,
    random,
    log,
    tracer,
    authenticator: parts.authenticator,
    metrics: parts.metrics,
    budget: new IntakeBudget(parts.intakeLimits ?? defaultIntakeLimits),
    door: parts.admission ?? new Admission(admissionLimits(DEFAULT_INVOCATIONS_AT_ONCE)),
    bodyIdleMs: parts.config.bodyIdleMs ?? httpDefaults.bodyIdleMs,
  }
}

/** Unsigned and telling nothing but whether it works (RULES §7). */
function openRoutes(app: FastifyInstance, parts: ServerParts): void {
  app.get('/healthz', () => ({ status: 'ok' }))
  app.get('/readyz', (_request, reply) =>
    parts.ready() ? { status: 'ready' } : reply.code(503).send({ status: 'not ready' }),
  )
  app.get('/metrics', async (_request, reply) => {
    // Function names and rates tell something: opened by setting alone (RULES §7).
    if (parts.config.openMetrics !== true) return reply.code(403).send({ status: 'not open' })
    return reply.type(parts.metrics.contentType).send(await parts.metrics.text())
  })
}

/** C2SP tlog-tiles: for anybody where the setting opens it, else for whoever may read the ledger (RULES §7). */
function tlogRoute(
  app: FastifyInstance,
  edge: Edge,
  { ledger, open }: { readonly ledger: Deps; readonly open: boolean },
): void {
  const tlog = tlogAnswers(ledger)
  const signed = takeOver(edge, (request) => tlogFace(tlog, request.params))
  app.get(TLOG_ROUTE, {
    ...(!open && { onRequest: signed }),
    handler: open ? (request, reply) => answerOpenTlog(tlog, request, reply) : unreachable,
  })
}

function governanceScope(scope: FastifyInstance, edge: Edge, routes: readonly Route[]): void {
  for (const route of routes) {
    scope.route({
      method: route.method,
      url: route.path,
      onRequest: takeOver(edge, (request) => governanceFace(route, request.params)),
      handler: unreachable,
    })
  }
  scope.route<{ Params: { sha256: string } }>({
    method: 'PUT',
    url: '/artifacts/:sha256',
    onRequest: takeOver(edge, (request) => artifactFace(edge, sha256Of(request.params))),
    handler: unreachable,
  })
  scope.all('/*', { onRequest: takeOver(edge, () => unknownRouteFace) }, unreachable)
}

/** Outside the pipeline: no access key signs it, and it can do nothing but read one artifact. */
function downloadRoute(scope: FastifyInstance, edge: Edge, deps: DownloadDeps): void {
  scope.get('/artifacts/:sha256', {
    onRequest: async (request, reply) => {
      reply.hijack()
      const startedMs = edge.clock.monotonicMs()
      const exchange = { req: request.raw, res: reply.raw, requestId: request.id }
      // It reads one file as fast as the client takes it.
      edge.door.placeOf(request.raw)?.leave()
      const status = await serveDownload(deps, exchange, edge.bodyIdleMs)
      const durationMs = edge.clock.monotonicMs() - startedMs
      edge.metrics.request('governance', {
        operation: 'GET /artifacts/:sha256',
        status,
        durationMs,
      })
    },
    handler: unreachable,
  })
}

function sha256Of(params: unknown): string {
  const found = typeof params === 'object' && params !== null && 'sha256' in params
  return found ? String(params.sha256) : ''
}

/** A hook that takes the request out of Fastify's hands before its body is touched. */
function takeOver(
  edge: Edge,
  face: (request: FastifyRequest) => Face,
): (request: FastifyRequest, reply: FastifyReply) => Promise<void> {
  return async (request, reply) => {
    hijack(edge, { request, reply }, face(request))
    await Promise.resolve()
  }
}

function hijack(
  edge: Edge,
  { request, reply }: { request: FastifyRequest; reply: FastifyReply },
  face: Face,
): void {
  reply.hijack()
  const exchange = { req: request.raw, res: reply.raw, requestId: request.id }
  void serve(edge, exchange, face).catch((cause: unknown) => {
    edge.log.error({ requestId: request.id, cause }, 'answer could not be sent')
    request.raw.destroy()
  })
}

function unreachable(): never {
  throw new PlatformError('INTERNAL', 'a request that was taken over came back')
}
