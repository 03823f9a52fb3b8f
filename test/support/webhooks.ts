import { randomUUID } from 'node:crypto'

import { webhookSecretBox } from '../../services/keys/index.ts'
import { newId, systemRandom, type Random } from '../../services/model/index.ts'
import { addressRules } from '../../services/sources/index.ts'
import type { Writer } from '../../services/store/index.ts'
import {
  Webhooks,
  insertWebhook,
  newWebhookSecret,
  webhookResource,
  type Webhook,
  type WebhookFilter,
} from '../../services/webhooks/index.ts'
import type { State } from './state.ts'

/** What delivers, over a state; it must be started by the test. */
export function openWebhooks(state: State, random: Random = systemRandom): Webhooks {
  const { store, outbox, clock, log, keys } = state
  return new Webhooks({
    store,
    outbox,
    clock,
    random,
    log,
    metrics: { webhookDelivery: () => undefined },
    secrets: webhookSecretBox(keys),
    reachable: addressRules(['127.0.0.0/8']),
  })
}

/** An entry that touches a setting; returns its index. */
export async function appendEntry(
  state: State,
  of: {
    readonly type?: string
    readonly resource?: string
    readonly decision?: string
    /** In the same transaction, before the entry. */
    readonly work?: (tx: Writer) => Promise<void>
    readonly touchesWebhook?: string
  } = {},
): Promise<number> {
  const { index } = await state.store.transaction(async (tx) => {
    await of.work?.(tx)
    const id = of.touchesWebhook
    return await state.audit.append(tx, {
      type: of.type ?? 'change',
      at: state.clock.nowMs(),
      principal: { id: 'usr-1', kind: 'user', name: 'admin' },
      action: 'lambda:UpdateAlias',
      resource: of.resource ?? 'arn:aws:lambda:us-east-1:000000000000:function:checkout:prod',
      decision: of.decision === undefined ? null : { id: of.decision, digest: '0'.repeat(64) },
      world: 0,
      touched: id === undefined ? [] : [{ table: 'webhook', key: { id } }],
    })
  })
  state.audit.wake()
  return index
}

/** A subscription, made as an operation does: its row and its entry in one transaction. */
export async function subscribe(
  state: State,
  of: { readonly name?: string; readonly url?: string; readonly filter?: WebhookFilter } = {},
): Promise<Webhook> {
  const id = newId('whk', state.clock, systemRandom)
  const webhook: Webhook = {
    id,
    name: of.name ?? `hook-${randomUUID().slice(0, 8)}`,
    url: of.url ?? 'http://127.0.0.1:9/',
    filter: of.filter ?? {},
    state: 'enabled',
    disabledReason: undefined,
    secretSealed: webhookSecretBox(state.keys).seal(newWebhookSecret(systemRandom), id),
    previous: undefined,
    createdAtMs: state.clock.nowMs(),
  }
  await appendEntry(state, {
    type: 'webhook',
    resource: webhookResource(webhook.name),
    work: (tx) => insertWebhook(tx, webhook),
    touchesWebhook: id,
  })
  return webhook
}

/** What is to be told, as rows. */
export async function outboxRows(state: State) {
  return await state.store.reader
    .selectFrom('webhook_outbox')
    .selectAll()
    .orderBy('webhook_id')
    .orderBy('entry_index')
    .execute()
}
