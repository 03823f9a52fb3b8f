import {
  PlatformError,
  canonicalJson,
  newId,
  toIsoTime,
  type Decision,
  type Json,
} from '../model/index.ts'
import type { RowRef } from '../audit/index.ts'
import { postForAnswer, type AddressRules } from '../sources/index.ts'
import type { Reader, Writer } from '../store/index.ts'
import {
  changeWebhook,
  checkFilter,
  deleteWebhook as deleteRow,
  findWebhook,
  insertWebhook,
  listDeliveries,
  listWebhooks as selectWebhooks,
  newWebhookSecret,
  parseWebhookUrl,
  readStatuses,
  redeliverDead,
  redeliverEntry,
  resumeWebhook,
  webhookResource,
  type Delivery,
  type DisabledReason,
  type Webhook,
  type WebhookFilter,
  type WebhookStatus,
  type WebhookWork,
} from '../webhooks/index.ts'
import { record } from './commit.ts'
import type { Caller, Deps } from './context.ts'
import { govern } from './gate.ts'
import { trustChange } from './publishers.ts'

/** Each has a connection of its own while it is told something. */
const WEBHOOKS_LIMIT = 100
/** How long both secrets sign after a rotation, where nothing else is said, and at most. */
const OVERLAP_MS = 24 * 3_600_000
const OVERLAP_LIMIT_MS = 7 * 24 * 3_600_000

/** A webhook and how it fares. */
export interface WebhookShown {
  readonly webhook: Webhook
  readonly status: WebhookStatus
}

export interface WebhookChange {
  readonly webhook: Webhook
  readonly decision: Decision
}

/** How entries are told: posted under the rules of all outgoing requests. */
export function webhookWork(deps: Deps, rules: AddressRules): WebhookWork {
  return {
    post: (post) => postForAnswer(post, rules),
    disable: (id, reason) => disableBySelf(deps, id, reason),
  }
}

/**
 * A new subscription; its secret is in this answer and nowhere else.
 * @throws PlatformError INVALID_PARAMETER, RESOURCE_CONFLICT (the name is taken), QUOTA_EXCEEDED
 */
export async function createWebhook(
  deps: Deps,
  caller: Caller,
  input: { readonly name: string; readonly url: string; readonly filter: WebhookFilter },
): Promise<WebhookChange & { readonly secret: string }> {
  const { name, filter } = input
  const url = parseWebhookUrl(input.url, deps.webhooks.reachable)
  checkFilter(filter)
  const id = newId('whk', deps.clock, deps.random)
  const secret = newWebhookSecret(deps.random)
  const secretSealed = deps.webhooks.secrets.seal(secret, id)
  const check = async (reader: Reader): Promise<void> => {
    if ((await findWebhook(reader, { name })) !== undefined)
      throw new PlatformError('RESOURCE_CONFLICT', `there is a webhook \`${name}\` already`)
    if ((await selectWebhooks(reader)).length >= WEBHOOKS_LIMIT)
      throw new PlatformError('QUOTA_EXCEEDED', `at most ${WEBHOOKS_LIMIT} webhooks`)
  }
  const { host } = new URL(url)
  const { result, decision } = await govern(deps, caller, {
    action: 'lacre:CreateWebhook',
    resource: webhookResource(name),
    raisesWorld: false,
    read: async (reader) => {
      await check(reader)
      return trustChange(null, host)
    },
    commit: async (tx, _admitted, createdAtMs) => {
      await check(tx)
      const webhook: Webhook = {
        id,
        name,
        url,
        filter,
        state: 'enabled',
        disabledReason: undefined,
        secretSealed,
        previous: undefined,
        createdAtMs,
      }
      await insertWebhook(tx, webhook)
      return { result: webhook, touched: [rowOf(id)] }
    },
    // Not the path: it may be a secret.
    note: () => ({ host, filter: canonicalJson(filter as unknown as Json) }),
  })
  return { webhook: result, decision, secret }
}

/** Nothing is told any more; what waits, waits. @throws PlatformError RESOURCE_NOT_FOUND, RESOURCE_CONFLICT (off already) */
export async function disableWebhook(
  deps: Deps,
  caller: Caller,
  name: string,
): Promise<WebhookChange> {
  return await changeByName(deps, caller, {
    name,
    action: 'lacre:DisableWebhook',
    change: (webhook) => {
      refuseState(webhook, 'disabled')
      return { ...webhook, state: 'disabled', disabledReason: 'by-hand' }
    },
  })
}

/** What waited is told first. @throws PlatformError RESOURCE_NOT_FOUND, RESOURCE_CONFLICT (on already) */
export async function enableWebhook(
  deps: Deps,
  caller: Caller,
  name: string,
): Promise<WebhookChange> {
  const changed = await changeByName(deps, caller, {
    name,
    action: 'lacre:EnableWebhook',
    change: (webhook) => {
      refuseState(webhook, 'enabled')
      return { ...webhook, state: 'enabled', disabledReason: undefined }
    },
    besides: (tx, { id }, atMs) => resumeWebhook(tx, id, atMs),
  })
  deps.webhooks.wake(changed.webhook.id)
  return changed
}

/**
 * A new secret, in this answer and nowhere else; the one before signs beside it for a while, and one before that no more.
 * @throws PlatformError RESOURCE_NOT_FOUND, INVALID_PARAMETER
 */
export async function rotateWebhookSecret(
  deps: Deps,
  caller: Caller,
  {
    name,
    overlapMs = OVERLAP_MS,
  }: { readonly name: string; readonly overlapMs?: number | undefined },
): Promise<WebhookChange & { readonly secret: string }> {
  if (overlapMs < 0 || overlapMs > OVERLAP_LIMIT_MS)
    throw new PlatformError(
      'INVALID_PARAMETER',
      `both secrets sign for 0 to ${OVERLAP_LIMIT_MS} ms`,
    )
  const secret = newWebhookSecret(deps.random)
  const changed = await changeByName(deps, caller, {
    name,
    action: 'lacre:RotateWebhookSecret',
    change: (webhook, atMs) => ({
      ...webhook,
      secretSealed: deps.webhooks.secrets.seal(secret, webhook.id),
      previous:
        overlapMs === 0
          ? undefined
          : { secretSealed: webhook.secretSealed, untilMs: atMs + overlapMs },
    }),
    note: { overlapMs },
  })
  return { ...changed, secret }
}

/** With all that it was still to be told. @throws PlatformError RESOURCE_NOT_FOUND */
export async function deleteWebhook(
  deps: Deps,
  caller: Caller,
  name: string,
): Promise<{ readonly decision: Decision }> {
  const { decision } = await govern(deps, caller, {
    action: 'lacre:DeleteWebhook',
    resource: webhookResource(name),
    raisesWorld: false,
    read: async (reader) => {
      const { url } = await getWebhook(reader, name)
      return trustChange(new URL(url).host, null)
    },
    commit: async (tx) => {
      const { id } = await getWebhook(tx, name)
      await deleteRow(tx, id)
      return { result: undefined, touched: [rowOf(id)] }
    },
  })
  return { decision }
}

export async function listWebhooks(deps: Deps): Promise<WebhookShown[]> {
  return await deps.store.snapshot(async (reader) => {
    const statusOf = await readStatuses(reader)
    const webhooks = await selectWebhooks(reader)
    return webhooks.map((webhook) => ({ webhook, status: statusOf(webhook.id) }))
  })
}

/** @throws PlatformError RESOURCE_NOT_FOUND */
export async function showWebhook(deps: Deps, name: string): Promise<WebhookShown> {
  return await deps.store.snapshot(async (reader) => {
    const webhook = await getWebhook(reader, name)
    return { webhook, status: (await readStatuses(reader))(webhook.id) }
  })
}

/** Attempts, newest first. @throws PlatformError RESOURCE_NOT_FOUND */
export async function listWebhookDeliveries(
  deps: Deps,
  asked: { readonly name: string; readonly limit: number; readonly before?: number | undefined },
): Promise<Delivery[]> {
  return await deps.store.snapshot(async (reader) => {
    const { id } = await getWebhook(reader, asked.name)
    return await listDeliveries(reader, id, asked)
  })
}

/** One event that tells of nothing, sent now, also to one that is off. @throws PlatformError RESOURCE_NOT_FOUND, TOO_MANY_REQUESTS */
export async function testWebhook(deps: Deps, name: string) {
  const webhook = await getWebhook(deps.store.reader, name)
  return await deps.webhooks.test(webhook, deps.audit.origin)
}

/**
 * One entry that it was or is to be told of, or all that are dead, are told again; how many there are.
 * @throws PlatformError RESOURCE_NOT_FOUND
 */
export async function redeliver(
  deps: Deps,
  caller: Caller,
  { name, index }: { readonly name: string; readonly index?: number | undefined },
): Promise<number> {
  const event = {
    type: 'webhook.redelivery',
    action: 'lacre:RedeliverWebhook',
    resource: webhookResource(name),
    principal: caller.principal,
    note: index === undefined ? { dead: true } : { index },
  }
  const done = await record(deps, event, async (tx, atMs) => {
    const { id } = await getWebhook(tx, name)
    const count =
      index === undefined
        ? await redeliverDead(tx, id, atMs)
        : Number(await redeliverEntry(tx, { webhookId: id, entryIndex: index }, atMs))
    if (count === 0)
      throw new PlatformError(
        'RESOURCE_NOT_FOUND',
        index === undefined
          ? `\`${name}\` has no dead entries`
          : `\`${name}\` was never to be told of entry ${index}, as far as that is kept`,
      )
    return { result: { id, count }, touched: [] }
  })
  if (done !== undefined) deps.webhooks.wake(done.id)
  return done?.count ?? 0
}

async function changeByName(
  deps: Deps,
  caller: Caller,
  of: {
    readonly name: string
    readonly action: string
    /** Throws where there is nothing to change; asked before the decision and in the transaction. */
    change(webhook: Webhook, atMs: number): Webhook
    besides?(tx: Writer, webhook: Webhook, atMs: number): Promise<void>
    readonly note?: Json
  },
): Promise<WebhookChange> {
  const { note } = of
  const { result, decision } = await govern(deps, caller, {
    action: of.action,
    resource: webhookResource(of.name),
    raisesWorld: false,
    read: async (reader, atMs) => {
      const before = await getWebhook(reader, of.name)
      return trustChange(before.state, of.change(before, atMs).state)
    },
    commit: async (tx, _admitted, atMs) => {
      const webhook = of.change(await getWebhook(tx, of.name), atMs)
      await changeWebhook(tx, webhook)
      await of.besides?.(tx, webhook, atMs)
      return { result: webhook, touched: [rowOf(webhook.id)] }
    },
    ...(note === undefined ? {} : { note: () => note }),
  })
  return { webhook: result, decision }
}

async function disableBySelf(deps: Deps, id: string, reason: DisabledReason): Promise<void> {
  const webhook = await findWebhook(deps.store.reader, { id })
  if (webhook === undefined) return
  const resource = webhookResource(webhook.name)
  const event = {
    type: 'webhook.disabled',
    action: 'lacre:DisableWebhook',
    resource,
    note: { reason },
  }
  const done = await record(deps, event, async (tx, atMs) => {
    const now = await findWebhook(tx, { id })
    if (now === undefined || now.state === 'disabled') return undefined
    await changeWebhook(tx, { ...now, state: 'disabled', disabledReason: reason })
    return { result: toIsoTime(atMs), touched: [rowOf(id)] }
  })
  if (done === undefined) return
  deps.log.error({ webhook: webhook.name, reason, at: done }, 'a webhook was switched off')
}

/** @throws PlatformError RESOURCE_NOT_FOUND */
async function getWebhook(reader: Reader, name: string): Promise<Webhook> {
  const webhook = await findWebhook(reader, { name })
  if (webhook !== undefined) return webhook
  throw new PlatformError('RESOURCE_NOT_FOUND', `there is no webhook \`${name}\``)
}

function refuseState({ name, state }: Webhook, refused: Webhook['state']): void {
  if (state === refused)
    throw new PlatformError('RESOURCE_CONFLICT', `\`${name}\` is ${refused} already`)
}

function rowOf(id: string): RowRef {
  return { table: 'webhook', key: { id } }
}
