import { once } from 'node:events'
import type { RequestListener } from 'node:http'
import type { AddressInfo } from 'node:net'

import type { Authenticator } from '../../auth/index.ts'
import type { Deps } from '../../operations/index.ts'
import type { Admission, DoorParts } from '../admission.ts'
import { IntakeBudget, type IntakeLimits } from '../intake-budget.ts'
import {
  checkListener,
  createListener,
  dropSilent,
  httpDefaults,
  type HttpConfig,
} from '../listener.ts'
import type { EdgeMetrics, HttpMetrics } from '../metrics.ts'
import { refuseUnreadable } from '../unreadable.ts'

import { parseUrlBase } from './address.ts'
import { clientOf, trustOf } from './client.ts'
import { toUrlAnswer } from './refusals.ts'
import { serveUrl, type UrlEdge } from './serve.ts'

export interface UrlListenerParts {
  readonly deps: Deps
  readonly config: HttpConfig
  /** Any other free port will do where the one named is taken. */
  readonly elsewhere: boolean
  /** What stands in `FunctionUrl`; where it listens, unless told. */
  readonly base: string | undefined
  readonly authenticator: Authenticator
  readonly metrics: EdgeMetrics & Pick<HttpMetrics, 'admissionRefused'>
  /** The one of all listeners. */
  readonly admission: Admission
  /** Audiences of bearer tokens for our own APIs: such tokens never reach a function. */
  readonly audiences?: readonly string[]
  readonly intakeLimits?: IntakeLimits
}

export interface UrlListener extends AsyncDisposable {
  /** Where it listens: `http://127.0.0.1:9773`. */
  readonly url: string
  /** Below what host name its URLs are: `http://localhost:9773`. */
  readonly base: string
}

/** How long answers that are under way may take once the service stops. */
const CLOSE_GRACE_MS = 5_000

/**
 * The listener of function URLs: none of our APIs answers here, and no function anywhere else (RULES §10).
 * @throws PlatformError CONFIGURATION; Error where the address is taken
 */
export async function openUrlListener(parts: UrlListenerParts): Promise<UrlListener> {
  checkListener(parts.config)
  const { deps, config } = parts
  const served = { region: deps.place.region, hostname: 'localhost' }
  const edge: UrlEdge = {
    deps,
    authenticator: parts.authenticator,
    metrics: parts.metrics,
    door: parts.admission,
    budget: new IntakeBudget(parts.intakeLimits),
    bodyIdleMs: config.bodyIdleMs ?? httpDefaults.bodyIdleMs,
    served,
    trust: trustOf(config.trustProxy),
    audiences: parts.audiences ?? [],
  }
  const handler: RequestListener = (req, res) => {
    const requestId = deps.random.uuid()
    serveUrl(edge, { req, res, requestId }).catch((cause: unknown) => {
      deps.log.error({ requestId, cause }, 'answer could not be sent')
      req.destroy()
    })
  }
  const door: DoorParts = {
    classOf: () => 'invoke',
    addressOf: (req) => clientOf(req, edge.trust).ip,
    refuse: (_req, error) => toUrlAnswer(error),
    newRequestId: () => deps.random.uuid(),
    onRefused: (kind) => parts.metrics.admissionRefused(kind),
  }
  const server = createListener(config, parts.admission.guard(door, handler))
  server.on('clientError', (error: Error & { code?: string }, socket) =>
    refuseUnreadable(deps, error, socket as Parameters<typeof refuseUnreadable>[2]),
  )
  const port = await listen(server, config, parts.elsewhere)
  const protocol = config.tls === undefined ? 'http' : 'https'
  const host = config.host.includes(':') ? `[${config.host}]` : config.host
  const base = parts.base ?? `${protocol}://localhost:${port}`
  served.hostname = parseUrlBase(base).hostname
  return {
    url: `${protocol}://${host}:${port}`,
    base,
    [Symbol.asyncDispose]: async () => {
      const closed = once(server, 'close')
      dropSilent(server)
      server.close()
      server.closeIdleConnections()
      const timer = setTimeout(() => server.closeAllConnections(), CLOSE_GRACE_MS)
      await closed
      clearTimeout(timer)
    },
  }
}

type Server = ReturnType<typeof createListener>

async function listen(
  server: Server,
  { host, port }: HttpConfig,
  elsewhere: boolean,
): Promise<number> {
  try {
    server.listen(port, host)
    await once(server, 'listening')
  } catch (error) {
    if (!elsewhere || (error as { code?: string }).code !== 'EADDRINUSE') throw error
    server.listen(0, host)
    await once(server, 'listening')
  }
  return (server.address() as AddressInfo).port
}
