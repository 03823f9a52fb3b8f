import type { SignedRequest } from '../../auth/index.ts'
import type {
  Authenticator,
  Authorizer,
  ConsoleSession,
  ConsoleSessions,
} from '../../auth/index.ts'
import { PlatformError, anonymousPrincipal } from '../../model/index.ts'
import { readSessionCookie } from './cookie.ts'
import { checkSameOrigin, ownOrigin, type ConsolePlace } from './guard.ts'

export interface GateParts {
  readonly sessions: ConsoleSessions
  readonly access: Pick<Authorizer, 'authorize'>
  readonly place: ConsolePlace
  readonly budget: VisitBudget
}

/** What slows down whoever asks for page after page. */
export interface VisitBudget {
  /** @throws PlatformError TOO_MANY_REQUESTS */
  take(principalId: string): void
}

/** Where a browser was let in, and by which secret: what an answer's forms are bound to. */
export interface Entered {
  secret?: string
  principal?: ConsoleSession['principal']
}

/**
 * Requests of browsers, in the pipeline's own steps: host, origin, session, authorization; and the last two once more when
 * the body is there. A session stands in no other place of the service: the APIs ask for signatures.
 */
export function sessionGate(parts: GateParts, port: number, entered: Entered): Authenticator {
  const { sessions, access, place, budget } = parts
  return {
    begin: async (request, { action, resource, changing }) => {
      guard(place, request, { port, changing })
      const secret = readSessionCookie(request.headers, place.secure)
      const session = await sessions.find(secret)
      if (session === undefined || secret === undefined) throw signedOut()
      entered.secret = secret
      entered.principal = session.principal
      budget.take(session.principal.id)
      await access.authorize(session.principal, action, resource)
      return {
        principal: session.principal,
        accessKeyId: session.accessKeyId,
        authorize: (named) => access.authorize(session.principal, action, named),
        finish: async () => {
          const now = changing ? await sessions.find(secret) : session
          if (now === undefined) throw signedOut()
          if (changing) await access.authorize(now.principal, action, resource)
          return now.principal
        },
      }
    },
    forget: () => undefined,
  }
}

/** The door itself: host and origin are asked about, nobody's name is. */
export function doorGate(place: ConsolePlace, port: number): Authenticator {
  return {
    begin: (request, { changing }) => {
      guard(place, request, { port, changing })
      return Promise.resolve({
        principal: anonymousPrincipal,
        accessKeyId: undefined,
        authorize: () => Promise.reject(signedOut()),
        finish: () => Promise.resolve(anonymousPrincipal),
      })
    },
    forget: () => undefined,
  }
}

function guard(
  place: ConsolePlace,
  { headers }: SignedRequest,
  { port, changing }: { readonly port: number; readonly changing: boolean },
): void {
  const own = ownOrigin(place, headers, port)
  if (changing) checkSameOrigin(headers, own)
}

function signedOut(): PlatformError {
  return new PlatformError('MISSING_AUTHENTICATION', 'nobody is signed in')
}
