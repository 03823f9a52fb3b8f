/**
 * Webhooks: who is told of ledger entries, by which the telling follows the ledger. An outbox row is written in the
 * transaction of the entry; posts are made after the commit, in the order of the ledger, until they are taken. It knows
 * entries and rows; who may subscribe, and how a URL is reached, is for others to say.
 */
/** Which entries; checkFilter throws INVALID_PARAMETER. */
export { checkFilter, type WebhookFilter, type WebhookOutcome } from './filter.ts'
/** The URL as it will be asked, and as it may be shown; parseWebhookUrl throws INVALID_PARAMETER. */
export { parseWebhookUrl, shownUrl, type Reachable } from './url.ts'
export { newWebhookSecret } from './signature.ts'
/** Written by the ledger itself, for every entry. */
export { Outbox } from './outbox.ts'
/** The subscriptions. */
export {
  changeWebhook,
  deleteWebhook,
  findWebhook,
  insertWebhook,
  listWebhooks,
  webhookResource,
  type DisabledReason,
  type Webhook,
} from './rows.ts'
/** What is to be told, and what came of it. */
export {
  listDeliveries,
  readStatuses,
  redeliverDead,
  redeliverEntry,
  resumeWebhook,
  type Delivery,
  type WebhookStatus,
} from './queue.ts'
/** Delivers what the outbox holds. */
export { Webhooks, type WebhooksOptions } from './webhooks.ts'
export type { OutboxGauges, WebhookMetrics, WebhookWork } from './ports.ts'
