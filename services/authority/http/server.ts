import { createServer, type RequestListener, type Server as HttpServer } from 'node:http'
import { createServer as createTlsServer } from 'node:https'

import Fastify, { type FastifyInstance, type FastifyReply, type FastifyRequest } from 'fastify'

import { cutTile, parseTilePath } from '../../ledger/index.ts'
import { PlatformError, parseStrictJson, type Json, type Random } from '../../model/index.ts'
import { encodePem } from '../../seal/index.ts'
import type { Authority } from '../authority.ts'
import { parseEntryRequest, type NewLogEntry } from '../log/entries.ts'
import type { Included } from '../log/log.ts'
import { tileRows } from '../log/rows.ts'
import { toErrorAnswer } from './answers.ts'

/** Tokens, keys and digests are small; an envelope holds its payload. */
const SMALL_BODY_LIMIT_BYTES = 65_536
const ENTRY_BODY_LIMIT_BYTES = 4_194_304
const REQUEST_TIMEOUT_MS = 30_000
const HEADERS_TIMEOUT_MS = 20_000
const KEEP_ALIVE_MS = 65_000
const CONNECTIONS_LIMIT = 1_024

const JSON_TYPE = 'application/json'
const QUERY_TYPE = 'application/timestamp-query'

export interface AuthorityLog {
  debug(fields: object, message: string): void
  info(fields: object, message: string): void
  warn(fields: object, message: string): void
  error(fields: object, message: string): void
}

export interface AuthorityServerParts {
  readonly authority: Authority
  readonly random: Random
  readonly log: AuthorityLog
  /** PEM; with it the listener speaks TLS. */
  readonly tls: { readonly cert: string; readonly key: string } | undefined
}

/** The APIs of Fulcio, Rekor v2 and Sigstore's timestamp authority on one listener, not listening yet. */
export function buildAuthorityServer(parts: AuthorityServerParts): FastifyInstance {
  const app = Fastify({
    serverFactory: (handler) => createListener(parts, handler),
    bodyLimit: SMALL_BODY_LIMIT_BYTES,
    genReqId: () => parts.random.uuid(),
    forceCloseConnections: 'idle',
    exposeHeadRoutes: false,
  })
  app.removeAllContentTypeParsers()
  app.addContentTypeParser([JSON_TYPE, QUERY_TYPE], { parseAs: 'buffer' }, (_request, body, done) =>
    done(null, body),
  )
  app.setErrorHandler((error, request, reply) => answerError(parts.log, { error, request, reply }))
  app.setNotFoundHandler((request, reply) => {
    const error = new PlatformError('UNKNOWN_OPERATION', 'there is no such operation')
    return answerError(parts.log, { error, request, reply })
  })
  app.addHook('onResponse', async (request, reply) => {
    const { method } = request
    const fields = { requestId: request.id, method, route: request.routeOptions.url ?? '' }
    parts.log.debug(
      { ...fields, status: reply.statusCode, durationMs: reply.elapsedTime },
      'answered',
    )
    await Promise.resolve()
  })
  app.get('/healthz', () => ({ status: 'ok' }))
  fulcioRoutes(app, parts)
  timestampRoutes(app, parts.authority)
  logRoutes(app, parts.authority)
  return app
}

function createListener({ tls }: AuthorityServerParts, handler: RequestListener): HttpServer {
  const options = {
    headersTimeout: HEADERS_TIMEOUT_MS,
    requestTimeout: REQUEST_TIMEOUT_MS,
    keepAliveTimeout: KEEP_ALIVE_MS,
    connectionsCheckingInterval: 1_000,
  }
  const server =
    tls === undefined
      ? createServer(options, handler)
      : createTlsServer({ ...options, ...tls, minVersion: 'TLSv1.2' }, handler)
  server.maxConnections = CONNECTIONS_LIMIT
  return server
}

function fulcioRoutes(app: FastifyInstance, { authority, log }: AuthorityServerParts): void {
  app.post('/api/v2/signingCert', async (request) => {
    const { chain, serial } = await authority.certificates.create(jsonBody(request))
    log.info({ requestId: request.id, serial }, 'certificate issued')
    return { signedCertificateEmbeddedSct: { chain: { certificates: chain } } }
  })
  app.get('/api/v2/trustBundle', () => ({
    chains: [{ certificates: authority.certificates.trustBundle() }],
  }))
  app.get('/api/v2/configuration', () => ({
    issuers: authority.issuers.map(({ url, audience, kind }) => ({
      issuerUrl: url,
      audience,
      challengeClaim: kind === 'email' ? 'email' : 'sub',
      spiffeTrustDomain: '',
    })),
  }))
}

function timestampRoutes(app: FastifyInstance, authority: Authority): void {
  app.post('/api/v1/timestamp', async (request, reply) => {
    const bytes = bodyOf(request)
    const query = contentType(request) === QUERY_TYPE
    const answer = query
      ? await authority.timestamps.answerQuery(bytes)
      : await authority.timestamps.answerJson(bytes)
    // RFC 3161 §3.4 knows no other status than 200; Sigstore's clients are told 201.
    return reply
      .code(query ? 200 : 201)
      .type('application/timestamp-reply')
      .send(Buffer.from(answer))
  })
  app.get('/api/v1/timestamp/certchain', (_request, reply) =>
    reply
      .type('application/pem-certificate-chain')
      .send(authority.timestampChain.map((der) => encodePem('CERTIFICATE', der)).join('')),
  )
}

function logRoutes(app: FastifyInstance, { log }: Authority): void {
  app.post('/api/v2/log/entries', { bodyLimit: ENTRY_BODY_LIMIT_BYTES }, async (request, reply) => {
    const entry = parseEntryRequest(jsonBody(request))
    const included = await log.add(entry.canonicalBody)
    return reply.code(201).send(toTransparencyLogEntry(log.logId, entry, included))
  })
  app.get('/api/v2/checkpoint', (_request, reply) => {
    const head = log.checkpoint
    if (head === undefined) throw notFound()
    return reply
      .type('text/plain; charset=utf-8')
      .header('cache-control', 'no-cache')
      .send(head.note)
  })
  app.get<{ Params: { '*': string } }>('/api/v2/tile/*', async (request, reply) => {
    const place = parseTilePath(request.params['*'])
    const size = log.checkpoint?.size ?? 0
    const tile = place && (await cutTile(tileRows(log.reader), place, size))
    if (tile === undefined) throw notFound()
    return reply
      .type('application/octet-stream')
      .header('cache-control', 'public, max-age=31536000, immutable')
      .send(tile)
  })
}

/** Protobuf's JSON of a TransparencyLogEntry: whole numbers as text, no time, for Rekor v2 gives none. */
function toTransparencyLogEntry(logId: Buffer, entry: NewLogEntry, included: Included): Json {
  const encode = (hex: string): string => Buffer.from(hex, 'hex').toString('base64')
  return {
    logIndex: String(included.index),
    logId: { keyId: logId.toString('base64') },
    kindVersion: { kind: entry.kind, version: entry.version },
    integratedTime: '0',
    inclusionProof: {
      logIndex: String(included.index),
      rootHash: encode(included.root),
      treeSize: String(included.size),
      hashes: included.proof.map(encode),
      checkpoint: { envelope: included.checkpoint },
    },
    canonicalizedBody: Buffer.from(entry.canonicalBody).toString('base64'),
  }
}

function contentType(request: FastifyRequest): string {
  return (request.headers['content-type'] ?? '').split(';')[0]?.trim().toLowerCase() ?? ''
}

function bodyOf(request: FastifyRequest): Uint8Array {
  if (Buffer.isBuffer(request.body)) return request.body
  throw new PlatformError('UNSUPPORTED_MEDIA_TYPE', 'the request has no body of an accepted type')
}

function jsonBody(request: FastifyRequest): Json {
  const bytes = bodyOf(request)
  if (contentType(request) !== JSON_TYPE)
    throw new PlatformError('UNSUPPORTED_MEDIA_TYPE', 'the content type is not accepted here')
  return parseStrictJson(bytes)
}

function notFound(): PlatformError {
  return new PlatformError('RESOURCE_NOT_FOUND', 'the log has nothing there')
}

/** What failed is logged by its reason and code: bodies, tokens and others' messages never are. */
function answerError(
  log: AuthorityLog,
  { error, request, reply }: { error: unknown; request: FastifyRequest; reply: FastifyReply },
): FastifyReply {
  const { status, reason, headers, body } = toErrorAnswer(error)
  const fields = { requestId: request.id, route: request.routeOptions.url ?? '', status, reason }
  if (status === 500) log.error({ ...fields, name: nameOf(error) }, 'request failed')
  else if (status === 503)
    log.error({ ...fields, cause: nameOf(error) }, 'request could not be served')
  else log.info(fields, 'request refused')
  return reply
    .code(status)
    .headers({ ...headers })
    .type(JSON_TYPE)
    .send(body)
}

/** Name, code and place of what was thrown, down to its cause; its message may hold what came in. */
function nameOf(error: unknown): string {
  if (!(error instanceof Error)) return typeof error
  const code = 'code' in error ? ` ${String(error.code)}` : ''
  const at =
    error.stack
      ?.split('\n')
      .find((line) => line.startsWith('    at '))
      ?.trim() ?? ''
  const cause = error.cause === undefined ? '' : ` < ${nameOf(error.cause)}`
  return `${error.name}${code} ${at}${cause}`
}
