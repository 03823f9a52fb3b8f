import type { ConsoleSessions, ConsoleSignIn, SignedRequest } from '../../auth/index.ts'
import { EVERYTHING } from '../../model/index.ts'
import type { Edge, Face } from '../pipeline.ts'
import { awsErrorOf } from '../error-answer.ts'
import type { WireAnswer } from '../wire.ts'
import { htmlAnswer, seeOther } from './answers.ts'
import { readCookie, sessionCookie, signInCookie, readSessionCookie } from './cookie.ts'
import { consolePlan } from './door.tsx'
import { readQueryMembers } from './form.ts'
import { ownOrigin } from './guard.ts'
import { Document } from './layout.tsx'
import { Notice, Text } from './parts.tsx'
import { SIGN_IN_PATH } from './link-route.ts'
import { returnPath } from './return-path.ts'
import type { GateParts } from './session-gate.ts'
import { OtherWays, ProviderLink, type Doorway } from './sign-in-help.tsx'
import { h } from './markup.ts'

/** From here browsers are sent to the identity provider … */
export const OIDC_PATH = '/console/sign-in/oidc'
/** … and here they come back: the one address that is registered with it. */
export const OIDC_CALLBACK_PATH = '/console/sign-in/oidc/callback'

/** From here they are sent to it to sign out there, too. */
export const OIDC_SIGN_OUT_PATH = '/console/sign-out/oidc'

export interface OidcDoorParts extends Omit<GateParts, 'sessions'> {
  readonly signIn: ConsoleSignIn
  readonly sessions: ConsoleSessions
  readonly doorway: Doorway
  readonly log: Edge['log']
}

/** Who has not signed in yet has no name: all of them share one budget. */
const VISITORS = '(signing in)'

/**
 * Sends a browser to the identity provider. It is a link that leads here and no form: the policy of our pages would not let
 * a form's answer lead elsewhere. What the browser is signed in as until now ends.
 */
export function leavingForProviderFace(parts: OidcDoorParts, port: number): Face {
  const { signIn, sessions, place, budget } = parts
  return doorFace(parts, ({ query, headers }) => async () => {
    budget.take(VISITORS)
    const { to } = readQueryMembers(query)
    const redirectUri = ownOrigin(place, headers, port) + OIDC_CALLBACK_PATH
    const { location, cookie } = await signIn.begin(returnPath(to), redirectUri)
    const before = readSessionCookie(headers, place.secure)
    if (before !== undefined) await sessions.end(before)
    return seeOther(location, { 'set-cookie': signInCookie(cookie, place.secure) })
  })
}

/**
 * Takes a browser back. It comes from another site, and a `Strict` cookie is not sent with what such a site began, redirects
 * included: so a page of ours goes on from here.
 */
export function backFromProviderFace(parts: OidcDoorParts, port: number): Face {
  const { signIn, sessions, place, budget, access, doorway } = parts
  return doorFace(parts, ({ query, headers }) => async () => {
    budget.take(VISITORS)
    const { state = '', code, error, iss } = readQueryMembers(query)
    const redirectUri = ownOrigin(place, headers, port) + OIDC_CALLBACK_PATH
    const kept = readCookie(headers, 'sign-in', place.secure)
    const { token, to } = await signIn.finish(kept, { state, code, error, iss }, redirectUri)
    const principal = await sessions.whoseToken(token)
    await access.authorize(principal, 'lacre:OpenConsole', EVERYTHING)
    const session = await sessions.signInBy(token)
    parts.log.info({ principal: principal.id, issuer: token.issuer }, 'signed in to the console')
    const onward = returnPath(to)
    return htmlAnswer(
      <Document assets={doorway.assets} title="Signed in">
        <p>
          You are signed in as{' '}
          <strong>
            <Text>{principal.name}</Text>
          </strong>
          .
        </p>
        <p>
          <a class="button" href={onward}>
            Go on
          </a>
        </p>
      </Document>,
      {
        headers: { refresh: `0;url=${onward}`, 'set-cookie': sessionCookie(session, place.secure) },
      },
    )
  })
}

/** Sends a browser to where the provider signs people out. Here nothing ends by it: anybody's link may lead to it. */
export function leavingProviderFace(parts: OidcDoorParts): Face {
  return doorFace(parts, () => async () => {
    parts.budget.take(VISITORS)
    return seeOther((await parts.signIn.signOutUrl()) ?? SIGN_IN_PATH)
  })
}

function doorFace(
  { doorway }: OidcDoorParts,
  run: (request: SignedRequest) => ReturnType<Face['plan']>['run'],
): Face {
  return {
    name: 'console',
    refuse: (error) => notSignedIn(doorway, error),
    plan: (request) => ({
      ...consolePlan('sign-in by OIDC', false),
      action: '',
      resource: undefined,
      run: run(request),
    }),
  }
}

/** Why nobody was signed in, and how else it goes: whatever failed, there is a link. */
function notSignedIn(doorway: Doorway, error: Parameters<Face['refuse']>[0]): WireAnswer {
  const { status } = awsErrorOf(error)
  const said = status === 500 ? 'The service encountered an internal error.' : error.publicMessage
  return htmlAnswer(
    <Document assets={doorway.assets} title="Not signed in">
      <Notice tone="bad">
        <p>
          <Text>{said}</Text>
        </p>
        <p>
          <code>{error.code}</code>; nobody was signed in.
        </p>
      </Notice>
      <ProviderLink doorway={doorway} again={true} />
      <OtherWays />
    </Document>,
    { status },
  )
}
