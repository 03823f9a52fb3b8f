import type { Generated } from 'kysely'

/** Who is told of ledger entries, what is still to be told, and what came of it. */
export interface WebhookSchema {
  webhook: WebhookTable
  webhook_outbox: WebhookOutboxTable
  webhook_status: WebhookStatusTable
  webhook_delivery: WebhookDeliveryTable
}

export interface WebhookTable {
  id: string
  name: string
  url: string
  /** WebhookFilter of `webhooks`, canonical JSON. */
  filter: string
  state: 'enabled' | 'disabled'
  disabled_reason: string | null
  /** The HMAC secret under the master key. */
  secret_sealed: string
  /** The one before it, which signs too until `previous_until`. */
  previous_sealed: string | null
  previous_until: number | null
  created_at: number
}

/** An entry of the ledger that one webhook is still to be told of, or was not told of in the end. */
interface WebhookOutboxTable {
  webhook_id: string
  /** The number of the ledger that the entry is of. */
  epoch: number
  entry_index: number
  state: 'pending' | 'dead'
  attempts: number
  created_at: number
  first_tried_at: number | null
  run_at: number
}

interface WebhookStatusTable {
  webhook_id: string
  /** Since when nothing was delivered though it was tried. */
  failing_since: number | null
  last_delivered_at: number | null
  last_failed_at: number | null
}

/** One attempt. */
export interface WebhookDeliveryTable {
  id: Generated<number>
  webhook_id: string
  /** Both `null` for a test. */
  epoch: number | null
  entry_index: number | null
  attempt: number
  at: number
  outcome: 'delivered' | 'failed' | 'dead' | 'gone'
  /** Of the answer; `null` where none came. */
  status: number | null
  latency_ms: number
  /** The first bytes of the answer, or why none came. Escaped. */
  answer: string
}
