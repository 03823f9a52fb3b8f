import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { Socket } from 'node:net'

import { limits } from '../model/index.ts'

import { accept, answer, readBody, refuse } from './api-answers.ts'
import { ERROR_BODY_LIMIT_BYTES } from './constants.ts'
import { EXTENSIONS_BASE, type ExtensionsApi } from './extensions-api.ts'
import type { Invocation, Refusal, RuntimeSession, StreamedError } from './session.ts'
import { TELEMETRY_PATHS, type TelemetryApi } from './telemetry/telemetry-api.ts'

const BASE = '/2018-06-01/runtime'
const ERROR_TYPE_LIMIT_CHARS = 256
const UNKNOWN: Refusal = {
  status: 404,
  errorType: 'InvalidRequest',
  errorMessage: 'no such path in the Runtime API',
}
const TOO_LARGE: Refusal = {
  status: 413,
  errorType: 'RequestEntityTooLarge',
  errorMessage: `Exceeded maximum allowed payload size (${limits.INVOKE_PAYLOAD_LIMIT_BYTES} bytes).`,
}
const BAD_MODE: Refusal = {
  status: 400,
  errorType: 'InvalidFunctionResponseMode',
  errorMessage: 'Invalid function response mode',
}

/**
 * AWS's Runtime API over the connections of one environment (SPEC A7), for runtime clients that are not ours. Sockets are
 * handed in: they come from this environment's own loopback and no other reaches them.
 */
export class RuntimeApi {
  readonly #session: RuntimeSession
  readonly #extensions: ExtensionsApi | undefined
  readonly #telemetry: TelemetryApi | undefined
  readonly #server: Server

  /** Without the others it is the runtime's alone. */
  constructor(session: RuntimeSession, extensions?: ExtensionsApi, telemetry?: TelemetryApi) {
    this.#session = session
    this.#extensions = extensions
    this.#telemetry = telemetry
    this.#server = createServer({ requestTimeout: 0, headersTimeout: 60_000, keepAliveTimeout: 0 })
    this.#server.timeout = 0
    this.#server.on('request', (request, response) => {
      this.#route(request, response).catch(() => response.destroy())
    })
    this.#server.on('clientError', (_error, socket) => socket.destroy())
  }

  serve(socket: Socket): void {
    this.#server.emit('connection', socket)
  }

  async #route(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const path = request.url?.split('?')[0] ?? ''
    if (request.method === 'GET' && path === `${BASE}/invocation/next`) return this.#next(response)
    // Kept as AWS keeps it.
    if (request.method === 'GET' && path === '/2018-06-01/ping') return void response.end('pong')
    if (request.method === 'POST' && path === `${BASE}/init/error`)
      return this.#initError(request, response)
    if (path.startsWith(EXTENSIONS_BASE)) {
      if ((await this.#extensions?.route(request, response, path)) === true) return
      return refuse(request, response, UNKNOWN)
    }
    const telemetry = TELEMETRY_PATHS.get(path.replace(/\/$/, ''))
    if (this.#telemetry !== undefined && telemetry !== undefined && request.method === 'PUT')
      return await this.#telemetry.subscribe(request, response, telemetry)
    const match = /^\/2018-06-01\/runtime\/invocation\/([^/]+)\/(response|error)$/.exec(path)
    if (request.method !== 'POST' || match === null) return refuse(request, response, UNKNOWN)
    const requestId = match[1] ?? ''
    return match[2] === 'response'
      ? this.#response(request, response, requestId)
      : this.#error(request, response, requestId)
  }

  #next(response: ServerResponse): void {
    const refusal = this.#session.next((invocation) => {
      response.writeHead(200, headersOf(invocation))
      response.end(invocation.payload)
    })
    if (refusal !== undefined) answer(response, refusal)
  }

  async #response(request: IncomingMessage, response: ServerResponse, id: string): Promise<void> {
    const mode = request.headers['lambda-runtime-function-response-mode']
    if (mode !== undefined && mode !== 'streaming') {
      const refusal = this.#session.begin(id, 'response')
      if (refusal === undefined) {
        const errorType = 'Runtime.InvalidResponseModeHeader'
        const payload = Buffer.from(
          JSON.stringify({ errorType, errorMessage: BAD_MODE.errorMessage }),
        )
        this.#session.complete({ kind: 'error', payload, errorType })
      }
      return refuse(request, response, refusal ?? BAD_MODE)
    }
    if (mode === 'streaming') return await this.#stream(request, response, id)
    const refusal = this.#session.begin(id, 'response')
    if (refusal !== undefined) return refuse(request, response, refusal)
    const body = await readBody(request, limits.INVOKE_PAYLOAD_LIMIT_BYTES)
    if (body === undefined) {
      this.#session.complete({ kind: 'oversize' })
      return answer(response, TOO_LARGE)
    }
    this.#session.complete({ kind: 'response', payload: body })
    accept(response)
  }

  /** One piece at a time; while its receiver is behind, the runtime's own writes wait. */
  async #stream(request: IncomingMessage, response: ServerResponse, id: string): Promise<void> {
    const refusal = this.#session.beginStream(id, request.headers['content-type'])
    if (refusal !== undefined) return refuse(request, response, refusal)
    try {
      for await (const piece of request as AsyncIterable<Buffer>) await this.#session.piece(piece)
    } catch {
      this.#session.complete({ kind: 'streamed', error: TRUNCATED })
      return void response.destroy()
    }
    this.#session.complete({ kind: 'streamed', error: streamedError(request) })
    accept(response)
  }

  async #error(request: IncomingMessage, response: ServerResponse, id: string): Promise<void> {
    const refusal = this.#session.begin(id, 'error')
    if (refusal !== undefined) return refuse(request, response, refusal)
    const payload = await readBody(request, ERROR_BODY_LIMIT_BYTES)
    if (payload === undefined) {
      this.#session.complete({ kind: 'oversize' })
      return answer(response, TOO_LARGE)
    }
    this.#session.complete({ kind: 'error', payload, errorType: errorTypeOf(request) })
    accept(response)
  }

  async #initError(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const payload = await readBody(request, ERROR_BODY_LIMIT_BYTES)
    if (payload === undefined) return answer(response, TOO_LARGE)
    const refusal = this.#session.failInit(payload, errorTypeOf(request))
    if (refusal !== undefined) return answer(response, refusal)
    accept(response)
  }
}

/** Empty ones are left out, as AWS does. */
function headersOf(invocation: Invocation): Record<string, string> {
  const headers: Record<string, string> = {
    'Content-Type': 'application/json',
    'Content-Length': String(invocation.payload.byteLength),
    'Lambda-Runtime-Aws-Request-Id': invocation.requestId,
    'Lambda-Runtime-Deadline-Ms': String(invocation.deadlineMs),
    'Lambda-Runtime-Invoked-Function-Arn': invocation.invokedArn,
  }
  if (invocation.traceId) headers['Lambda-Runtime-Trace-Id'] = headerText(invocation.traceId)
  if (invocation.clientContext) {
    headers['Lambda-Runtime-Client-Context'] = headerText(invocation.clientContext)
  }
  return headers
}

/** A caller's text in a header: no line ends, bytes as they are. */
function headerText(text: string): string {
  return Buffer.from(text.replace(/[\r\n\0]+/g, ' '), 'utf8').toString('latin1')
}

/** An error after the first byte of a stream comes in trailers (SPEC A7). */
function streamedError(request: IncomingMessage): StreamedError | undefined {
  const errorType = request.trailers['lambda-runtime-function-error-type']
  if (errorType === undefined) return undefined
  const body = request.trailers['lambda-runtime-function-error-body'] ?? ''
  return {
    payload: Buffer.from(body, 'base64'),
    errorType: errorType.slice(0, ERROR_TYPE_LIMIT_CHARS),
  }
}

/** The runtime's connection broke in the middle of its answer. */
const TRUNCATED: StreamedError = {
  payload: Buffer.from(
    JSON.stringify({
      errorType: 'Runtime.TruncatedResponse',
      errorMessage: 'the runtime ended its answer before it was whole',
    }),
  ),
  errorType: 'Runtime.TruncatedResponse',
}

function errorTypeOf(request: IncomingMessage): string | undefined {
  const header = request.headers['lambda-runtime-function-error-type']
  return typeof header === 'string' ? header.slice(0, ERROR_TYPE_LIMIT_CHARS) : undefined
}
