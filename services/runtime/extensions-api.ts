import type { IncomingMessage, ServerResponse } from 'node:http'

import { EXTENSION_BODY_LIMIT_BYTES } from './constants.ts'
import type { Extension, ExtensionNotice, Extensions } from './extensions.ts'
import { accept, answer, readBody, refuse, sendJson } from './api-answers.ts'
import type { Refusal } from './session.ts'

export const EXTENSIONS_BASE = '/2020-01-01/extension'

/** What registering tells of the function. */
export interface FunctionIdentity {
  readonly functionName: string
  readonly functionVersion: string
  readonly handler: string
  readonly accountId: string
}

/** AWS's Extensions API (SPEC A8). Every refusal is a 403 with a type of its own. */
export class ExtensionsApi {
  readonly #extensions: Extensions
  readonly #identity: FunctionIdentity
  readonly #uuid: () => string

  constructor(extensions: Extensions, identity: FunctionIdentity, uuid: () => string) {
    this.#extensions = extensions
    this.#identity = identity
    this.#uuid = uuid
  }

  /** False where the path is none of this API's. */
  async route(request: IncomingMessage, response: ServerResponse, path: string): Promise<boolean> {
    switch (`${request.method} ${path.slice(EXTENSIONS_BASE.length)}`) {
      case 'POST /register':
        await this.#register(request, response)
        return true
      case 'GET /event/next':
        this.#next(request, response)
        return true
      case 'POST /init/error':
        await this.#fail(request, response, 'initError')
        return true
      case 'POST /exit/error':
        await this.#fail(request, response, 'exitError')
        return true
      default:
        return false
    }
  }

  /** Who calls, by the identifier that registering gave. */
  caller(request: IncomingMessage): Extension | Refusal {
    return this.#extensions.find(identifierOf(request))
  }

  async #register(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const body = await readBody(request, EXTENSION_BODY_LIMIT_BYTES)
    const topics = body === undefined ? undefined : topicsIn(body)
    if (topics === undefined) return answer(response, INVALID_FORMAT)
    const name = headerOf(request, 'lambda-extension-name') ?? ''
    const registered = this.#extensions.register(name, topics)
    if ('status' in registered) return answer(response, registered)
    const { accountId, ...identity } = this.#identity
    const features = headerOf(request, 'lambda-extension-accept-feature')?.split(',') ?? []
    const more = features.some((feature) => feature.trim() === 'accountId') ? { accountId } : {}
    sendJson(
      response,
      200,
      { ...identity, ...more },
      {
        'Lambda-Extension-Identifier': registered.id,
      },
    )
  }

  #next(request: IncomingMessage, response: ServerResponse): void {
    const deliver = (notice: ExtensionNotice): void =>
      sendJson(response, 200, notice, { 'Lambda-Extension-Event-Identifier': this.#uuid() })
    const refused = this.#extensions.next(identifierOf(request), deliver)
    if (refused !== undefined) refuse(request, response, refused)
  }

  async #fail(
    request: IncomingMessage,
    response: ServerResponse,
    event: 'initError' | 'exitError',
  ): Promise<void> {
    // What it says is not kept; that it says it is.
    await readBody(request, EXTENSION_BODY_LIMIT_BYTES)
    const errorType = headerOf(request, 'lambda-extension-function-error-type')
    const refused = this.#extensions.fail(identifierOf(request), event, errorType)
    if (refused !== undefined) return answer(response, refused)
    accept(response)
  }
}

const INVALID_FORMAT: Refusal = {
  status: 403,
  errorType: 'InvalidRequestFormat',
  errorMessage: 'the body is not `{"events": ["INVOKE", "SHUTDOWN"]}`',
}

const HEADER_LIMIT_CHARS = 256

function headerOf(request: IncomingMessage, name: string): string | undefined {
  const value = request.headers[name]
  return typeof value === 'string' ? value.slice(0, HEADER_LIMIT_CHARS) : undefined
}

function identifierOf(request: IncomingMessage): string | undefined {
  return headerOf(request, 'lambda-extension-identifier')
}

/** The events asked for; none where the body names none. */
function topicsIn(body: Buffer): readonly string[] | undefined {
  try {
    const parsed = JSON.parse(body.toString('utf8')) as unknown
    if (typeof parsed !== 'object' || parsed === null) return undefined
    const { events = [], configurationKeys = [] } = parsed as Record<string, unknown>
    if (!Array.isArray(events) || !Array.isArray(configurationKeys)) return undefined
    const known = configurationKeys.length === 0 && events.every((each) => typeof each === 'string')
    return known ? (events as string[]) : undefined
  } catch {
    return undefined
  }
}
