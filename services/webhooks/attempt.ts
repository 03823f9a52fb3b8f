import { PlatformError, escapeUnsafe } from '../model/index.ts'
import type { DeliveryParts, WebhookWork } from './ports.ts'
import type { Webhook } from './rows.ts'
import { signatureHeaders } from './signature.ts'

/** Standard Webhooks: 15 to 30 s, or less; a receiver answers first and works then. */
const POST_TIMEOUT_MS = 10_000
/** What of an answer is read, and kept. */
const ANSWER_HEAD_BYTES = 256
const ANSWER_LIMIT_CHARS = 512

/** A CloudEvent to be sent to one webhook. */
export interface Message {
  readonly webhook: Webhook
  readonly id: string
  readonly body: string
}

export interface AttemptResult {
  /** Undefined where no answer came. */
  readonly status: number | undefined
  readonly latencyMs: number
  /** The first bytes of the answer, or why there is none; escaped. */
  readonly answer: string
}

/** One post, signed at this instant. Rejects only where `signal` was aborted, by its reason, or the secret cannot be opened. */
export async function attempt(
  parts: DeliveryParts,
  work: WebhookWork,
  { message, signal }: { readonly message: Message; readonly signal: AbortSignal },
): Promise<AttemptResult> {
  const { webhook, id, body } = message
  const timestamp = Math.floor(parts.clock.nowMs() / 1_000)
  const headers = {
    'content-type': 'application/cloudevents+json; charset=utf-8',
    'user-agent': 'lacre-webhooks',
    ...signatureHeaders({ id, timestamp, body }, secretsOf(parts, webhook)),
  }
  const startedMs = parts.clock.monotonicMs()
  const latencyMs = (): number => Math.round(parts.clock.monotonicMs() - startedMs)
  const limits = { timeoutMs: POST_TIMEOUT_MS, headBytes: ANSWER_HEAD_BYTES }
  try {
    const { status, head } = await work.post({ url: webhook.url, body, headers, ...limits, signal })
    return { status, latencyMs: latencyMs(), answer: shown(Buffer.from(head).toString('utf8')) }
  } catch (error) {
    // Not the error itself: it names the URL.
    signal.throwIfAborted()
    return { status: undefined, latencyMs: latencyMs(), answer: shown(whyOf(error)) }
  }
}

/** The one in force first; while a rotation lasts the one before it too. */
function secretsOf({ clock, secrets }: DeliveryParts, webhook: Webhook): string[] {
  const { id, secretSealed, previous } = webhook
  const both = previous !== undefined && clock.nowMs() < previous.untilMs
  return [secretSealed, ...(both ? [previous.secretSealed] : [])].map((sealed) =>
    secrets.open(sealed, id),
  )
}

/** Messages of errors name the URL, which may be a secret; the reason alone is kept. */
function whyOf(error: unknown): string {
  const why = error instanceof PlatformError ? error.detail['why'] : undefined
  return typeof why === 'string' ? why : 'it cannot be reached'
}

function shown(text: string): string {
  return escapeUnsafe(text, '').slice(0, ANSWER_LIMIT_CHARS)
}
