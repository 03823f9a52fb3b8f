import { canonicalJson, type Json } from '../model/index.ts'
import type { Reader, WebhookTable, Writer } from '../store/index.ts'
import type { WebhookFilter } from './filter.ts'

/** By hand, or since the receiver said 410, nothing was taken for days, or too much waits. */
export type DisabledReason = 'by-hand' | 'gone' | 'failing' | 'backlog'

export interface Webhook {
  readonly id: string
  readonly name: string
  readonly url: string
  readonly filter: WebhookFilter
  readonly state: 'enabled' | 'disabled'
  readonly disabledReason: DisabledReason | undefined
  readonly secretSealed: string
  /** The secret before this one, and until when it signs too. */
  readonly previous: { readonly secretSealed: string; readonly untilMs: number } | undefined
  readonly createdAtMs: number
}

/** What ledger entries about it name. */
export function webhookResource(name: string): string {
  return `lacre:webhook/${name}`
}

export async function listWebhooks(reader: Reader): Promise<Webhook[]> {
  const rows = await reader.selectFrom('webhook').selectAll().orderBy('name').execute()
  return rows.map(toWebhook)
}

export async function findWebhook(
  reader: Reader,
  by: { readonly name: string } | { readonly id: string },
): Promise<Webhook | undefined> {
  const query = reader.selectFrom('webhook').selectAll()
  const row = await (
    'id' in by ? query.where('id', '=', by.id) : query.where('name', '=', by.name)
  ).executeTakeFirst()
  return row && toWebhook(row)
}

export async function insertWebhook(tx: Writer, webhook: Webhook): Promise<void> {
  await tx.insertInto('webhook').values(toRow(webhook)).execute()
}

export async function changeWebhook(tx: Writer, webhook: Webhook): Promise<void> {
  await tx.updateTable('webhook').set(toRow(webhook)).where('id', '=', webhook.id).execute()
}

/** With all that was still to be told, and the traces of what was. */
export async function deleteWebhook(tx: Writer, id: string): Promise<void> {
  await tx.deleteFrom('webhook').where('id', '=', id).execute()
  await tx.deleteFrom('webhook_outbox').where('webhook_id', '=', id).execute()
  await tx.deleteFrom('webhook_status').where('webhook_id', '=', id).execute()
  await tx.deleteFrom('webhook_delivery').where('webhook_id', '=', id).execute()
}

function toRow(webhook: Webhook): WebhookTable {
  const { id, name, url, filter, state, disabledReason, previous } = webhook
  return {
    id,
    name,
    url,
    filter: canonicalJson(filter as unknown as Json),
    state,
    disabled_reason: disabledReason ?? null,
    secret_sealed: webhook.secretSealed,
    previous_sealed: previous?.secretSealed ?? null,
    previous_until: previous?.untilMs ?? null,
    created_at: webhook.createdAtMs,
  }
}

function toWebhook(row: WebhookTable): Webhook {
  const { previous_sealed, previous_until } = row
  return {
    id: row.id,
    name: row.name,
    url: row.url,
    filter: JSON.parse(row.filter) as WebhookFilter,
    state: row.state,
    disabledReason: (row.disabled_reason ?? undefined) as DisabledReason | undefined,
    secretSealed: row.secret_sealed,
    previous:
      previous_sealed === null || previous_until === null
        ? undefined
        : { secretSealed: previous_sealed, untilMs: previous_until },
    createdAtMs: row.created_at,
  }
}
