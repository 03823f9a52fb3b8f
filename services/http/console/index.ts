/**
 * The console under `/console`: pages for people, rendered here and whole without script. It knows no database and no
 * operation: pages read and change by the routes of the APIs (`api.ts`), as their own clients do.
 */
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'

import type { ConsoleSessions, ConsoleSignIn } from '../../auth/index.ts'
import { networkOf } from '../admission-caller.ts'
import { governanceFace } from '../governance-face.ts'
import type { Edge, Face } from '../pipeline.ts'
import type { WireAnswer } from '../wire.ts'
import { PAGE_HEADERS } from './answers.ts'
import type { ApiParts } from './api.ts'
import { Assets } from './assets.ts'
import { askingFace, enteringFace, missingFace } from './door.tsx'
import type { Members } from './form.ts'
import type { ConsolePlace } from './guard.ts'
import { SIGN_IN_PATH } from './link-route.ts'
import { FOLLOW_PATH, followFace } from './follow.ts'
import { Followers } from './followers.ts'
import { LOGOUT_PATH, logoutFace, openLogoutBudget, type LogoutDoorParts } from './logout-door.ts'
import {
  OIDC_CALLBACK_PATH,
  OIDC_PATH,
  OIDC_SIGN_OUT_PATH,
  backFromProviderFace,
  leavingForProviderFace,
  leavingProviderFace,
  type OidcDoorParts,
} from './oidc-door.tsx'
import { leavingFace, pageFace } from './page-face.tsx'
import { PAGES } from './pages/index.ts'
import { doorGate, sessionGate, type Entered } from './session-gate.ts'
import { openVisitBudget } from './visit-budget.ts'

export { consoleLinkRoutes } from './link-route.ts'
export type { ConsolePlace } from './guard.ts'

export interface ConsoleParts extends ApiParts {
  readonly sessions: ConsoleSessions
  /** By an identity provider; left out, there are links alone. */
  readonly signIn?: ConsoleSignIn | undefined
  readonly place: ConsolePlace
  /** Aborted when the service stops: nothing is followed then. */
  readonly stopping: AbortSignal
}

/** Takes a request out of Fastify's hands. */
type Hijack = (
  edge: Edge,
  taken: { request: FastifyRequest; reply: FastifyReply },
  face: Face,
) => void

/** What answers a request, and whether it is open to whoever is not signed in. */
type Answering = (request: FastifyRequest, entered: Entered) => { face: Face; open: boolean }
type AddRoute = (method: 'GET' | 'POST', url: string, answer: Answering) => void

/** Registers everything under `/console`. */
export function consoleRoutes(
  app: FastifyInstance,
  parts: ConsoleParts & { readonly edge: Edge; readonly hijack: Hijack },
): void {
  const { edge, hijack, place, sessions, access, signIn } = parts
  const assets = new Assets()
  const budget = openVisitBudget(edge.clock)
  const provider = signIn && {
    name: signIn.name,
    path: OIDC_PATH,
    signOutPath: OIDC_SIGN_OUT_PATH,
  }
  const doorway = { assets, provider }
  const pageParts = { ...parts, doorway, clock: edge.clock }
  const door = { sessions, signIn, doorway, secure: place.secure }
  const onRequest =
    (answer: Answering) =>
    async (request: FastifyRequest, reply: FastifyReply): Promise<void> => {
      const entered: Entered = {}
      const { face, open } = answer(request, entered)
      const port = request.raw.socket.localPort ?? 0
      const authenticator = open
        ? doorGate(place, port)
        : sessionGate({ sessions, access, place, budget }, port, entered)
      hijack({ ...edge, authenticator }, { request, reply }, face)
      await Promise.resolve()
    }
  const add: AddRoute = (method, url, answer) => {
    app.route({ method, url, onRequest: onRequest(answer), handler: () => undefined })
  }
  const atDoor = (face: Face) => () => ({ face, open: true })
  add('GET', SIGN_IN_PATH, atDoor(askingFace(door)))
  add('POST', SIGN_IN_PATH, atDoor(enteringFace(door)))
  if (signIn !== undefined) {
    const { log, clock } = edge
    addProviderDoor(add, { signIn, sessions, access, place, budget, doorway, log })
    addLogoutDoor(add, { signIn, sessions, log, budget: openLogoutBudget(clock) })
  }
  add('POST', '/console/sign-out', (_request, entered) => ({
    face: leavingFace(door, entered),
    open: false,
  }))
  for (const page of PAGES) {
    add(page.method, `/console${page.path}`, ({ params, url }, entered) => ({
      face: pageFace(pageParts, page, { params: textsOf(params), entered, url }),
      open: false,
    }))
  }
  const followParts = { ...pageParts, followers: new Followers() }
  add('GET', FOLLOW_PATH, (_request, entered) => ({
    face: followFace(followParts, entered),
    open: false,
  }))
  for (const route of parts.routes.filter(({ method }) => method === 'GET')) {
    add('GET', `/console/api/v1${route.path}`, ({ params }) => ({
      face: withPageHeaders(governanceFace(route, params)),
      open: false,
    }))
  }
  assetRoute(app, assets)
  add('GET', '/console/*', atDoor(missingFace(door)))
  add('POST', '/console/*', atDoor(missingFace(door)))
}

/** Where the identity provider says whom it signed out; no browser comes here. */
function addLogoutDoor(add: AddRoute, parts: LogoutDoorParts): void {
  add('POST', LOGOUT_PATH, ({ raw }) => ({
    face: logoutFace(parts, networkOf(raw.socket.remoteAddress ?? '')),
    open: true,
  }))
}

/** To the identity provider, and back from it. */
function addProviderDoor(add: AddRoute, parts: OidcDoorParts): void {
  const portOf = ({ raw }: FastifyRequest): number => raw.socket.localPort ?? 0
  add('GET', OIDC_PATH, (request) => ({
    face: leavingForProviderFace(parts, portOf(request)),
    open: true,
  }))
  add('GET', OIDC_CALLBACK_PATH, (request) => ({
    face: backFromProviderFace(parts, portOf(request)),
    open: true,
  }))
  add('GET', OIDC_SIGN_OUT_PATH, () => ({ face: leavingProviderFace(parts), open: true }))
}

/** What the pages' JSON is read by: a session, and no signature. */
function withPageHeaders(face: Face): Face {
  const dressed = (answer: WireAnswer): WireAnswer => ({
    ...answer,
    headers: { ...PAGE_HEADERS, ...answer.headers },
  })
  return {
    ...face,
    refuse: (error) => dressed(face.refuse(error)),
    plan: (request) => {
      const plan = face.plan(request)
      const run: typeof plan.run = async (taken) => dressed(await plan.run(taken))
      return { ...plan, run }
    },
  }
}

function assetRoute(app: FastifyInstance, assets: Assets): void {
  app.get<{ Params: { name: string } }>('/console/static/:name', (request, reply) => {
    const asset = assets.find(request.params.name)
    if (asset === undefined) return reply.code(404).send({ status: 'not found' })
    return reply
      .headers({ ...PAGE_HEADERS, 'cache-control': 'public, max-age=31536000, immutable' })
      .type(asset.type)
      .send(asset.body)
  })
}

function textsOf(params: unknown): Members {
  return typeof params === 'object' && params !== null ? { ...(params as Members) } : {}
}
