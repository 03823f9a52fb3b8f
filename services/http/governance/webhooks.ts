import { Type } from 'typebox'

import { toIsoTime, type Json } from '../../model/index.ts'
import {
  createWebhook,
  deleteWebhook,
  disableWebhook,
  enableWebhook,
  listWebhookDeliveries,
  listWebhooks,
  redeliver,
  rotateWebhookSecret,
  showWebhook,
  shownUrl,
  testWebhook,
  type Deps,
  type WebhookShown,
} from '../../operations/index.ts'
import { parseCount } from './instants.ts'
import { route, type Route } from './route.ts'
import { CountText, InstantText, Nothing, Outcome } from './schemas.ts'

const strict = { additionalProperties: false } as const
const PAGE = { min: 1, max: 500, otherwise: 50 }

const Name = Type.String({ pattern: '^[a-zA-Z0-9-_]{1,64}$' })
const NameParams = Type.Object({ name: Name }, strict)
const Patterns = Type.Array(Type.String({ minLength: 1, maxLength: 300 }), {
  minItems: 1,
  maxItems: 32,
})
const Filter = Type.Object(
  {
    types: Type.Optional(Patterns),
    actions: Type.Optional(Patterns),
    scopes: Type.Optional(Patterns),
    outcomes: Type.Optional(Type.Array(Outcome, { minItems: 1, maxItems: 3 })),
  },
  strict,
)
const maybe = <T extends Parameters<typeof Type.Union>[0][number]>(schema: T) =>
  Type.Union([schema, Type.Null()])
const State = Type.Union([Type.Literal('enabled'), Type.Literal('disabled')])

const webhookMembers = {
  id: Type.String(),
  name: Name,
  /** Without path and query. */
  url: Type.String(),
  filter: Filter,
  state: State,
  disabledReason: maybe(Type.String()),
  createdAt: InstantText,
  /** Until when the secret before signs too. */
  previousSecretUntil: maybe(InstantText),
}
const ChangedAnswer = Type.Object({ webhook: Type.Object(webhookMembers) })
const SecretAnswer = Type.Object({ webhook: Type.Object(webhookMembers), secret: Type.String() })
const WebhookAnswer = Type.Object({
  ...webhookMembers,
  pending: Type.Integer(),
  dead: Type.Integer(),
  failingSince: maybe(InstantText),
  lastDeliveredAt: maybe(InstantText),
  lastFailedAt: maybe(InstantText),
})
const DeliveryAnswer = Type.Object({
  id: Type.Integer(),
  epoch: maybe(Type.Integer()),
  index: maybe(Type.Integer()),
  attempt: Type.Integer(),
  at: InstantText,
  outcome: Type.Union(['delivered', 'failed', 'dead', 'gone'].map((one) => Type.Literal(one))),
  status: maybe(Type.Integer()),
  latencyMs: Type.Integer(),
  answer: Type.String(),
})

/** Who is told of ledger entries, and what came of it. */
export function webhookRoutes(deps: Deps): Route[] {
  return [
    ...readingRoutes(deps),
    ...secretRoutes(deps),
    ...switchingRoutes(deps),
    ...sendingRoutes(deps),
  ]
}

function readingRoutes(deps: Deps): Route[] {
  const base = { method: 'GET', body: Nothing, status: 200 } as const
  return [
    route({
      ...base,
      path: '/webhooks',
      summary:
        'Webhooks by name, and how each fares; never their secrets, nor the paths of their URLs',
      params: Nothing,
      query: Nothing,
      answer: Type.Object({ webhooks: Type.Array(WebhookAnswer) }),
      handle: async () => ({ body: { webhooks: (await listWebhooks(deps)).map(shownBody) } }),
    }),
    route({
      ...base,
      path: '/webhooks/:name',
      summary: 'One webhook, and how it fares',
      params: NameParams,
      query: Nothing,
      answer: Type.Object({ webhook: WebhookAnswer }),
      handle: async ({ params }) => ({
        body: { webhook: shownBody(await showWebhook(deps, params.name)) },
      }),
    }),
    route({
      ...base,
      path: '/webhooks/:name/deliveries',
      summary: 'Attempts of the last 30 days, the last 1,000 at most, newest first',
      params: NameParams,
      query: Type.Object(
        { limit: Type.Optional(CountText), before: Type.Optional(CountText) },
        strict,
      ),
      answer: Type.Object({ deliveries: Type.Array(DeliveryAnswer) }),
      handle: async ({ params, query }) => {
        const limit = parseCount('limit', query.limit, PAGE)
        const before = query.before === undefined ? undefined : Number(query.before)
        const deliveries = await listWebhookDeliveries(deps, { ...params, limit, before })
        return { body: { deliveries: deliveries.map(deliveryBody) } }
      },
    }),
  ]
}

function secretRoutes(deps: Deps): Route[] {
  return [
    route({
      method: 'POST',
      path: '/webhooks',
      summary: 'A new webhook; its secret is in this answer alone',
      params: Nothing,
      query: Nothing,
      body: Type.Object(
        { name: Name, url: Type.String({ maxLength: 2_048 }), filter: Type.Optional(Filter) },
        strict,
      ),
      status: 201,
      answer: SecretAnswer,
      handle: async ({ caller, body }) => {
        const { name, url, filter = {} } = body
        const made = await createWebhook(deps, caller, { name, url, filter })
        const { webhook, secret, decision } = made
        return { body: { webhook: webhookBody(webhook), secret }, decision }
      },
    }),
    route({
      method: 'POST',
      path: '/webhooks/:name/rotate-secret',
      summary:
        'A new secret, in this answer alone; the one before signs too for a day, or as long as is said',
      params: NameParams,
      query: Nothing,
      body: Type.Object({ overlapMs: Type.Optional(Type.Integer({ minimum: 0 })) }, strict),
      status: 200,
      answer: SecretAnswer,
      handle: async ({ caller, params, body }) => {
        const rotated = await rotateWebhookSecret(deps, caller, { ...params, ...body })
        const { webhook, secret, decision } = rotated
        return { body: { webhook: webhookBody(webhook), secret }, decision }
      },
    }),
  ]
}

function switchingRoutes(deps: Deps): Route[] {
  const base = {
    method: 'POST',
    params: NameParams,
    query: Nothing,
    body: Nothing,
    status: 200,
  } as const
  return [
    route({
      ...base,
      path: '/webhooks/:name/disable',
      summary: 'Nothing is told any more; what waits is kept 30 days',
      answer: ChangedAnswer,
      handle: async ({ caller, params }) => {
        const { webhook, decision } = await disableWebhook(deps, caller, params.name)
        return { body: { webhook: webhookBody(webhook) }, decision }
      },
    }),
    route({
      ...base,
      path: '/webhooks/:name/enable',
      summary: 'It is told of entries again, and of those that waited first',
      answer: ChangedAnswer,
      handle: async ({ caller, params }) => {
        const { webhook, decision } = await enableWebhook(deps, caller, params.name)
        return { body: { webhook: webhookBody(webhook) }, decision }
      },
    }),
    route({
      ...base,
      path: '/webhooks/:name/delete',
      summary: 'The webhook, what waits for it and its deliveries are gone',
      answer: Nothing,
      handle: async ({ caller, params }) => {
        const { decision } = await deleteWebhook(deps, caller, params.name)
        return { body: {}, decision }
      },
    }),
  ]
}

function sendingRoutes(deps: Deps): Route[] {
  const base = { method: 'POST', params: NameParams, query: Nothing, status: 200 } as const
  return [
    route({
      ...base,
      path: '/webhooks/:name/test',
      summary: 'One event that tells of nothing is sent now, and its answer shown',
      body: Nothing,
      answer: Type.Object({
        delivered: Type.Boolean(),
        status: maybe(Type.Integer()),
        latencyMs: Type.Integer(),
        answer: Type.String(),
      }),
      handle: async ({ params }) => {
        const { status, latencyMs, answer, delivered } = await testWebhook(deps, params.name)
        return { body: { delivered, status: status ?? null, latencyMs, answer } }
      },
    }),
    route({
      ...base,
      path: '/webhooks/:name/redeliver',
      summary: 'One entry by its index, or without one all that are dead, are told again',
      body: Type.Object({ index: Type.Optional(Type.Integer({ minimum: 0 })) }, strict),
      answer: Type.Object({ entries: Type.Integer() }),
      handle: async ({ caller, params, body }) => ({
        body: { entries: await redeliver(deps, caller, { ...params, ...body }) },
      }),
    }),
  ]
}

function webhookBody({ id, name, url, filter, state, ...more }: WebhookShown['webhook']) {
  return {
    id,
    name,
    url: shownUrl(url),
    filter: { ...filter } as Json,
    state,
    disabledReason: more.disabledReason ?? null,
    createdAt: toIsoTime(more.createdAtMs),
    previousSecretUntil: timeOrNull(more.previous?.untilMs),
  }
}

function shownBody({ webhook, status }: WebhookShown): Json {
  return {
    ...webhookBody(webhook),
    pending: status.pending,
    dead: status.dead,
    failingSince: timeOrNull(status.failingSinceMs),
    lastDeliveredAt: timeOrNull(status.lastDeliveredAtMs),
    lastFailedAt: timeOrNull(status.lastFailedAtMs),
  }
}

type Delivery = Awaited<ReturnType<typeof listWebhookDeliveries>>[number]

function deliveryBody({ epoch, entryIndex, atMs, status, ...delivery }: Delivery): Json {
  return {
    ...delivery,
    epoch: epoch ?? null,
    index: entryIndex ?? null,
    at: toIsoTime(atMs),
    status: status ?? null,
  }
}

function timeOrNull(ms: number | undefined): string | null {
  return ms === undefined ? null : toIsoTime(ms)
}
