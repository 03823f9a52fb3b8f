import type { IncomingMessage, ServerResponse } from 'node:http'

import { answer, readBody, refuse, sendJson } from '../api-answers.ts'
import { EXTENSION_BODY_LIMIT_BYTES } from '../constants.ts'
import type { Extension } from '../extensions.ts'
import type { Refusal } from '../session.ts'
import { InvalidSubscription, parseSubscription, type TelemetryVersion } from './subscription.ts'
import type { Telemetry } from './telemetry.ts'

export const TELEMETRY_PATHS: ReadonlyMap<string, TelemetryVersion> = new Map([
  ['/2022-07-01/telemetry', 'telemetry'],
  ['/2020-08-15/logs', 'logs'],
])

/** AWS's Telemetry API, and the Logs API before it (SPEC A9): an extension subscribes, in INIT. */
export class TelemetryApi {
  readonly #telemetry: Telemetry
  readonly #caller: (request: IncomingMessage) => Extension | Refusal

  constructor(telemetry: Telemetry, caller: (request: IncomingMessage) => Extension | Refusal) {
    this.#telemetry = telemetry
    this.#caller = caller
  }

  async subscribe(
    request: IncomingMessage,
    response: ServerResponse,
    version: TelemetryVersion,
  ): Promise<void> {
    const caller = this.#caller(request)
    if ('status' in caller) return refuse(request, response, caller)
    if (!this.#telemetry.open) return refuse(request, response, closed(version))
    const body = await readBody(request, EXTENSION_BODY_LIMIT_BYTES)
    try {
      if (body === undefined) throw new InvalidSubscription('the body is too large')
      const subscription = parseSubscription(body.toString('utf8'), version)
      // INIT may have ended while the body came.
      if (!this.#telemetry.open) return answer(response, closed(version))
      this.#telemetry.subscribe(caller.name, subscription)
      sendJson(response, 200, 'OK')
    } catch (error) {
      if (!(error instanceof InvalidSubscription)) throw error
      answer(response, {
        status: 400,
        errorType: 'ValidationError',
        errorMessage: error.message,
      })
    }
  }
}

function closed(version: TelemetryVersion): Refusal {
  const api = version === 'telemetry' ? 'Telemetry' : 'Logs'
  return {
    status: 403,
    errorType: `${api}.SubscriptionClosed`,
    errorMessage: `${api} API subscription is closed`,
  }
}
