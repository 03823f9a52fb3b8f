import type { Clock, Random } from '../model/index.ts'
import type { Store } from '../store/index.ts'
import type { Outbox } from './outbox.ts'
import type { DisabledReason } from './rows.ts'

/** What one attempt sends. */
export interface WebhookPost {
  readonly url: string
  readonly body: string
  readonly headers: Readonly<Record<string, string>>
  readonly timeoutMs: number
  readonly headBytes: number
  readonly signal: AbortSignal
}

export interface WebhookAnswer {
  readonly status: number
  readonly head: Uint8Array
}

/** Who does what is not rows: found by whoever composes the service. */
export interface WebhookWork {
  /** @throws PlatformError UNAVAILABLE where no answer came; `detail.why` says it without the URL */
  post(post: WebhookPost): Promise<WebhookAnswer>
  /** Switches a webhook off, with an entry in the ledger; one that is off or gone is left as it is. */
  disable(id: string, reason: DisabledReason): Promise<void>
}

/** The secrets of webhooks, as they lie in their rows. */
export interface WebhookSecrets {
  seal(secret: string, webhookId: string): string
  /** @throws PlatformError CONFIGURATION (another master key), INTERNAL (changed) */
  open(sealed: string, webhookId: string): string
}

export type AttemptOutcome = 'delivered' | 'failed' | 'dead' | 'gone'

export interface WebhookMetrics {
  webhookDelivery(outcome: AttemptOutcome): void
}

/** What waits, over all webhooks. */
export interface OutboxGauges {
  readonly pending: number
  readonly dead: number
  /** How long the oldest that waits has been waiting; 0 where none does. */
  readonly oldestPendingMs: number
}

export interface DeliveryParts {
  readonly store: Store
  readonly outbox: Outbox
  readonly clock: Clock
  readonly random: Random
  readonly secrets: WebhookSecrets
  readonly metrics: WebhookMetrics
  readonly log: {
    warn(fields: object, message: string): void
    error(fields: object, message: string): void
  }
}
