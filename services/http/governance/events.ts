import { Type } from 'typebox'

import { toIsoTime, type Json } from '../../model/index.ts'
import {
  deleteQueueMessages,
  listEvents,
  listQueueMessages,
  listQueues,
  purgeEvents,
  replayEvents,
  showEvent,
  type Deps,
} from '../../operations/index.ts'
import { parseCount } from './instants.ts'
import { route, type Route } from './route.ts'
import { CountText, InstantText, Nothing } from './schemas.ts'

const strict = { additionalProperties: false } as const
const PAGE = { min: 1, max: 500, otherwise: 50 }
/** Bodies of up to some megabytes stand in a page of messages. */
const MESSAGES_PAGE = { min: 1, max: 100, otherwise: 10 }

const EventId = Type.String({
  pattern: '^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$',
})
const FunctionName = Type.String({ pattern: '^[a-zA-Z0-9-_]{1,64}$' })
const Queue = Type.String({ minLength: 1, maxLength: 512 })
const MessageId = Type.String({ pattern: '^msg-[0-9A-Z]{26}$' })
const State = Type.Union([Type.Literal('ready'), Type.Literal('leased'), Type.Literal('dead')])
const EventParams = Type.Object({ id: EventId }, strict)
const Chosen = Type.Object({ functionName: Type.Optional(FunctionName) }, strict)

const eventMembers = {
  id: EventId,
  functionName: Type.String(),
  qualifier: Type.Optional(Type.String()),
  state: State,
  acceptedAt: InstantText,
  runAt: InstantText,
  approximateInvokeCount: Type.Integer(),
  functionErrors: Type.Integer(),
  hops: Type.Integer(),
  condition: Type.Optional(Type.String()),
  lastError: Type.Optional(Type.String()),
}
const EventAnswer = Type.Object(eventMembers)
const MessageAnswer = Type.Object({
  id: MessageId,
  queue: Queue,
  kind: Type.Union([Type.Literal('destination'), Type.Literal('dead-letter')]),
  requestId: EventId,
  functionName: Type.String(),
  body: Type.String(),
  attributes: Type.Record(Type.String(), Type.String()),
  sentAt: InstantText,
  tries: Type.Integer(),
  lastError: Type.Optional(Type.String()),
})

/** Asynchronous events, and what destinations and dead letter queues hold. */
export function eventRoutes(deps: Deps): Route[] {
  return [...readingRoutes(deps), ...deadRoutes(deps), ...queueRoutes(deps)]
}

function readingRoutes(deps: Deps): Route[] {
  return [
    route({
      method: 'GET',
      path: '/events',
      summary: 'Events that wait, run or are dead, oldest first; what has run well is not kept',
      params: Nothing,
      query: Type.Object(
        {
          state: Type.Optional(State),
          functionName: Type.Optional(FunctionName),
          after: Type.Optional(EventId),
          limit: Type.Optional(CountText),
        },
        strict,
      ),
      body: Nothing,
      status: 200,
      answer: Type.Object({ events: Type.Array(EventAnswer) }),
      handle: async ({ query }) => {
        const events = await listEvents(deps, {
          ...query,
          limit: parseCount('limit', query.limit, PAGE),
        })
        return { body: { events: events.map(eventBody) } }
      },
    }),
    route({
      method: 'GET',
      path: '/events/:id',
      summary: 'One event with its payload',
      params: EventParams,
      query: Nothing,
      body: Nothing,
      status: 200,
      answer: Type.Object({ event: Type.Object({ ...eventMembers, payload: Type.String() }) }),
      handle: async ({ params }) => {
        const { payload, ...summary } = await showEvent(deps, params.id)
        return { body: { event: { ...eventBody(summary), payload } } }
      },
    }),
  ]
}

function deadRoutes(deps: Deps): Route[] {
  const Count = Type.Object({ events: Type.Integer() })
  const base = { method: 'POST', query: Nothing, status: 200, answer: Count } as const
  return [
    route({
      ...base,
      path: '/events/replay',
      summary: 'All dead events, or those of a function, run again',
      params: Nothing,
      body: Chosen,
      handle: async ({ caller, body }) => ({
        body: { events: await replayEvents(deps, caller, body) },
      }),
    }),
    route({
      ...base,
      path: '/events/purge',
      summary: 'All dead events, or those of a function, are forgotten',
      params: Nothing,
      body: Chosen,
      handle: async ({ caller, body }) => ({
        body: { events: await purgeEvents(deps, caller, body) },
      }),
    }),
    route({
      ...base,
      path: '/events/:id/replay',
      summary: 'A dead event runs again under its request id',
      params: EventParams,
      body: Nothing,
      handle: async ({ caller, params }) => ({
        body: { events: await replayEvents(deps, caller, params) },
      }),
    }),
    route({
      ...base,
      path: '/events/:id/purge',
      summary: 'A dead event is forgotten',
      params: EventParams,
      body: Nothing,
      handle: async ({ caller, params }) => ({
        body: { events: await purgeEvents(deps, caller, params) },
      }),
    }),
  ]
}

function queueRoutes(deps: Deps): Route[] {
  return [
    route({
      method: 'GET',
      path: '/event-queues',
      summary: 'Queues that hold messages, by the ARN of the destination or dead letter config',
      params: Nothing,
      query: Nothing,
      body: Nothing,
      status: 200,
      answer: Type.Object({
        queues: Type.Array(
          Type.Object({ queue: Queue, messages: Type.Integer(), oldestAt: InstantText }),
        ),
      }),
      handle: async () => {
        const queues = await listQueues(deps)
        const bodies = queues.map(({ oldestAtMs, ...rest }) => ({
          ...rest,
          oldestAt: toIsoTime(oldestAtMs),
        }))
        return { body: { queues: bodies } }
      },
    }),
    route({
      method: 'GET',
      path: '/event-queues/messages',
      summary: 'Messages of one queue, oldest first; reading takes nothing away',
      params: Nothing,
      query: Type.Object(
        { queue: Queue, after: Type.Optional(MessageId), limit: Type.Optional(CountText) },
        strict,
      ),
      body: Nothing,
      status: 200,
      answer: Type.Object({ messages: Type.Array(MessageAnswer) }),
      handle: async ({ query }) => {
        const limit = parseCount('limit', query.limit, MESSAGES_PAGE)
        const messages = await listQueueMessages(deps, { ...query, limit })
        const bodies = messages.map(({ sentAtMs, lastError, ...rest }) => ({
          ...rest,
          attributes: { ...rest.attributes },
          sentAt: toIsoTime(sentAtMs),
          ...(lastError === undefined ? {} : { lastError }),
        }))
        return { body: { messages: bodies } }
      },
    }),
    route({
      method: 'POST',
      path: '/event-queues/messages/delete',
      summary: 'Messages that were taken care of leave their queue',
      params: Nothing,
      query: Nothing,
      body: Type.Object(
        { queue: Queue, ids: Type.Array(MessageId, { minItems: 1, maxItems: 100 }) },
        strict,
      ),
      status: 200,
      answer: Type.Object({ messages: Type.Integer() }),
      handle: async ({ body }) => ({ body: { messages: await deleteQueueMessages(deps, body) } }),
    }),
  ]
}

function eventBody(event: Awaited<ReturnType<typeof listEvents>>[number]): {
  [name: string]: Json
} {
  const { qualifier, condition, lastError } = event
  return {
    id: event.id,
    functionName: event.functionName,
    ...(qualifier === undefined ? {} : { qualifier }),
    state: event.state,
    acceptedAt: toIsoTime(event.acceptedAtMs),
    runAt: toIsoTime(event.runAtMs),
    approximateInvokeCount: event.attempts,
    functionErrors: event.failures,
    hops: event.hops,
    ...(condition === undefined ? {} : { condition }),
    ...(lastError === undefined ? {} : { lastError }),
  }
}
