import { Type } from 'typebox'

import { toIsoTime, type Json } from '../../model/index.ts'
import {
  readLiveDiff,
  readLiveThen,
  readTimeline,
  readWhere,
  type Deps,
  type ExceptionThen,
  type LiveThen,
  type RevocationThen,
  type Sighting,
  type SlotDiff,
  type TimelineEvent,
  type ToldInterval,
} from '../../operations/index.ts'
import {
  ExceptionThenAnswer,
  IntervalAnswer,
  PackageAnswer,
  PolicySetThenAnswer,
  RevocationThenAnswer,
  SlotDiffAnswer,
  TimelineEventAnswer,
} from './history-schemas.ts'
import { parseCount, parseInstant } from './instants.ts'
import { route, type Route } from './route.ts'
import { CountText, InstantText, Nothing } from './schemas.ts'

const strict = { additionalProperties: false } as const
const PAGE = { min: 1, max: 500, otherwise: 100 }

const FunctionName = Type.String({ pattern: '^[a-zA-Z0-9-_]{1,64}$' })
const AliasName = Type.String({ pattern: '^(\\$LATEST|[a-zA-Z0-9-_]{1,128})$' })
const Page = {
  marker: Type.Optional(Type.String({ maxLength: 1024 })),
  limit: Type.Optional(CountText),
}
const Scope = { functionName: Type.Optional(FunctionName), alias: Type.Optional(AliasName) }
const NextMarker = Type.Optional(Type.String())

/** What was live, what changed, by whom, and where a thing is or was. Pages may hold fewer than were asked for. */
export function historyRoutes(deps: Deps): Route[] {
  return [liveRoute(deps), diffRoute(deps), timelineRoute(deps), whereRoute(deps)]
}

function liveRoute(deps: Deps): Route {
  return route({
    method: 'GET',
    path: '/history/live',
    summary: 'What could be invoked `at` an instant, as the records of `knownAt` say',
    params: Nothing,
    query: Type.Object(
      { at: InstantText, knownAt: Type.Optional(InstantText), ...Scope, ...Page },
      strict,
    ),
    body: Nothing,
    status: 200,
    answer: Type.Object({
      at: InstantText,
      knownAt: InstantText,
      policySets: Type.Object({
        admission: PolicySetThenAnswer,
        authorization: PolicySetThenAnswer,
      }),
      live: Type.Array(
        Type.Intersect([
          IntervalAnswer,
          Type.Object({
            revocations: Type.Optional(Type.Array(RevocationThenAnswer)),
            exceptions: Type.Array(ExceptionThenAnswer),
          }),
        ]),
      ),
      nextMarker: NextMarker,
    }),
    handle: async ({ caller, query }) => {
      const { functionName, alias, marker, limit, knownAt } = query
      const found = await readLiveThen(deps, caller, {
        atMs: parseInstant('at', query.at),
        knownAtMs: knownAt === undefined ? undefined : parseInstant('knownAt', knownAt),
        functionName,
        alias,
        marker,
        limit: parseCount('limit', limit, PAGE),
      })
      const { policySets, nextMarker } = found
      return {
        body: {
          at: toIsoTime(found.atMs),
          knownAt: toIsoTime(found.knownAtMs),
          policySets: {
            admission: policySets.admission && { ...policySets.admission },
            authorization: policySets.authorization && { ...policySets.authorization },
          },
          live: found.live.map(liveBody),
          ...(nextMarker !== undefined && { nextMarker }),
        },
      }
    },
  })
}

function diffRoute(deps: Deps): Route {
  return route({
    method: 'GET',
    path: '/history/diff',
    summary: 'What is live at `to` and was not at `from`, or otherwise, and by whose decision',
    params: Nothing,
    query: Type.Object({ from: InstantText, to: InstantText, ...Scope, ...Page }, strict),
    body: Nothing,
    status: 200,
    answer: Type.Object({
      from: InstantText,
      to: InstantText,
      changes: Type.Array(SlotDiffAnswer),
      nextMarker: NextMarker,
    }),
    handle: async ({ caller, query }) => {
      const { functionName, alias, marker, limit } = query
      const found = await readLiveDiff(deps, caller, {
        fromMs: parseInstant('from', query.from),
        toMs: parseInstant('to', query.to),
        functionName,
        alias,
        marker,
        limit: parseCount('limit', limit, PAGE),
      })
      const { nextMarker } = found
      return {
        body: {
          from: toIsoTime(found.fromMs),
          to: toIsoTime(found.toMs),
          changes: found.changes.map(diffBody),
          ...(nextMarker !== undefined && { nextMarker }),
        },
      }
    },
  })
}

function timelineRoute(deps: Deps): Route {
  return route({
    method: 'GET',
    path: '/history/functions/:functionName',
    summary:
      'Who changed what of a function (or of one alias) is live, newest first, with refusals',
    params: Type.Object({ functionName: FunctionName }, strict),
    query: Type.Object({ alias: Type.Optional(AliasName), ...Page }, strict),
    body: Nothing,
    status: 200,
    answer: Type.Object({
      functionName: FunctionName,
      alias: Type.Union([AliasName, Type.Null()]),
      events: Type.Array(TimelineEventAnswer),
      nextMarker: NextMarker,
    }),
    handle: async ({ caller, params, query }) => {
      const { alias, marker, limit } = query
      const { functionName } = params
      const found = await readTimeline(deps, caller, {
        functionName,
        alias,
        marker,
        limit: parseCount('limit', limit, PAGE),
      })
      const { nextMarker } = found
      return {
        body: {
          functionName,
          alias: alias ?? null,
          events: found.events.map(eventBody),
          ...(nextMarker !== undefined && { nextMarker }),
        },
      }
    },
  })
}

function whereRoute(deps: Deps): Route {
  const Kind = Type.Union([
    Type.Literal('digest'),
    Type.Literal('publisher'),
    Type.Literal('layer'),
    Type.Literal('package'),
  ])
  return route({
    method: 'GET',
    path: '/history/where',
    summary: 'Where a digest, publisher, layer or package is live, or was',
    params: Nothing,
    query: Type.Object(
      {
        kind: Kind,
        value: Type.String({ minLength: 1, maxLength: 2048 }),
        /** `true`: what is live now alone. */
        live: Type.Optional(Type.Union([Type.Literal('true'), Type.Literal('false')])),
        ...Page,
      },
      strict,
    ),
    body: Nothing,
    status: 200,
    answer: Type.Object({
      kind: Kind,
      value: Type.String(),
      sightings: Type.Array(
        Type.Intersect([
          IntervalAnswer,
          Type.Object({ packages: Type.Optional(Type.Array(PackageAnswer)) }),
        ]),
      ),
      nextMarker: NextMarker,
    }),
    handle: async ({ caller, query }) => {
      const { kind, value, live, marker, limit } = query
      const { sightings, nextMarker } = await readWhere(deps, caller, {
        kind,
        value,
        open: live === 'true',
        marker,
        limit: parseCount('limit', limit, PAGE),
      })
      return {
        body: {
          kind,
          value,
          sightings: sightings.map(sightingBody),
          ...(nextMarker !== undefined && { nextMarker }),
        },
      }
    },
  })
}

type Body = { readonly [name: string]: Json }

function instant(ms: number | null): string | null {
  return ms === null ? null : toIsoTime(ms)
}

function intervalBody({ fromMs, toMs, seals, decision, ...rest }: ToldInterval): Body {
  return {
    ...rest,
    from: toIsoTime(fromMs),
    to: instant(toMs),
    decision: { ...decision } as Json,
    ...(seals && {
      layers: seals.layers.map((layer) => ({ ...layer })),
      verdict: seals.verdict,
      publishers: [...seals.publishers],
    }),
  }
}

function liveBody({ revocations, exceptions, ...told }: LiveThen): Body {
  return {
    ...intervalBody(told),
    ...(revocations && { revocations: revocations.map(revocationBody) }),
    exceptions: exceptions.map(exceptionBody),
  }
}

function revocationBody({ effectiveAtMs, recordedAtMs, ...rest }: RevocationThen): Body {
  return { ...rest, effectiveAt: toIsoTime(effectiveAtMs), recordedAt: toIsoTime(recordedAtMs) }
}

function exceptionBody(one: ExceptionThen): Body {
  const { id, release, grantedAtMs, untilMs, endedAtMs, reviewedAtMs } = one
  return {
    id,
    release,
    grantedAt: instant(grantedAtMs),
    until: instant(untilMs),
    endedAt: instant(endedAtMs),
    reviewedAt: instant(reviewedAtMs),
  }
}

function diffBody({ before, after, by, ...rest }: SlotDiff): Body {
  const { atMs, ...how } = by
  return {
    ...rest,
    before: before && intervalBody(before),
    after: after && intervalBody(after),
    by: { ...(how as unknown as Body), at: toIsoTime(atMs) },
  }
}

function eventBody({ atMs, ...rest }: TimelineEvent): Body {
  return { ...(rest as unknown as Body), at: toIsoTime(atMs) }
}

function sightingBody({ packages, ...told }: Sighting): Body {
  return {
    ...intervalBody(told),
    ...(packages && { packages: packages.map((one) => ({ ...one })) }),
  }
}
