import { logoutRefused, type ConsoleSessions, type ConsoleSignIn } from '../../auth/index.ts'
import type { Clock, PlatformError } from '../../model/index.ts'
import { toGovernanceAnswer } from '../error-answer.ts'
import type { Edge, Face } from '../pipeline.ts'
import { consolePlan } from './door.tsx'
import { readMembers } from './form.ts'
import type { VisitBudget } from './session-gate.ts'
import { openVisitBudget } from './visit-budget.ts'

/** The `backchannel_logout_uri` that is registered with the identity provider. */
export const LOGOUT_PATH = '/console/back-channel-logout'
/** Messages of one network at once, as when everybody is signed out … */
const LOGOUTS_AT_ONCE = 500
/** … and in a second from then on: a signature is checked for each. */
const LOGOUTS_PER_SECOND = 20
/** Nothing of it is a page, and nobody keeps it (Back-Channel Logout §2.8). */
const HEADERS = { 'cache-control': 'no-store', 'x-content-type-options': 'nosniff' } as const

export interface LogoutDoorParts {
  readonly signIn: Pick<ConsoleSignIn, 'whoLeft'>
  readonly sessions: Pick<ConsoleSessions, 'signOutBy'>
  readonly budget: VisitBudget
  readonly log: Edge['log']
}

/** By network and not by caller, who has no name before his signature is checked. */
export function openLogoutBudget(clock: Pick<Clock, 'monotonicMs'>): VisitBudget {
  return openVisitBudget(clock, { burst: LOGOUTS_AT_ONCE, perSecond: LOGOUTS_PER_SECOND })
}

/**
 * OpenID Connect Back-Channel Logout 1.0: the identity provider says whom it signed out. Its signature is what is believed:
 * no cookie is read, so that no origin is asked for. 200 also where that ended no session here; 400 LOGOUT_REFUSED else.
 * @param network that it comes from
 */
export function logoutFace(parts: LogoutDoorParts, network: string): Face {
  const { signIn, sessions, budget, log } = parts
  return {
    name: 'console',
    refuse,
    plan: () => ({
      ...consolePlan('back-channel logout', false),
      action: '',
      resource: undefined,
      run: async ({ body }) => {
        budget.take(network)
        const form = body.sizeBytes === 0 ? '' : Buffer.from(body.bytes()).toString('utf8')
        const { logout_token: token } = readMembers(form)
        if (token === undefined) throw logoutRefused('there is none in `logout_token`')
        const logout = await signIn.whoLeft(token)
        const ended = sessions.signOutBy(logout)
        log.info({ issuer: logout.issuer, ended }, 'signed out by the identity provider')
        return { status: 200, headers: HEADERS }
      },
    }),
  }
}

function refuse(error: PlatformError): ReturnType<Face['refuse']> {
  const answer = toGovernanceAnswer(error)
  return { ...answer, headers: { ...answer.headers, ...HEADERS } }
}
