import type { ConsoleSessions } from '../../auth/index.ts'
import { PlatformError } from '../../model/index.ts'
import type { Face, Plan, TakenRequest } from '../pipeline.ts'
import type { WireAnswer } from '../wire.ts'
import { htmlAnswer, seeOther } from './answers.ts'
import { readSessionCookie, sessionCookie } from './cookie.ts'
import { errorPage } from './error-page.tsx'
import { FORM_LIMIT_BYTES, readMembers, readQueryMembers } from './form.ts'
import { Document } from './layout.tsx'
import { SIGN_IN_PATH } from './link-route.ts'
import { Text } from './parts.tsx'
import { HOME_PATH } from './return-path.ts'
import { SignInHelp, type Doorway } from './sign-in-help.tsx'
import { h } from './markup.ts'

interface DoorParts {
  readonly sessions: ConsoleSessions
  readonly doorway: Doorway
  readonly secure: boolean
}

export const FORM_TYPE = /^application\/x-www-form-urlencoded(?:;.*)?$/i

/** What plans of the console have in common. */
export function consolePlan(
  operation: string,
  changing: boolean,
): Omit<Plan, 'action' | 'resource' | 'run'> {
  return {
    operation: `console ${operation}`,
    services: [],
    changing,
    limitBytes: FORM_LIMIT_BYTES,
    tooLarge: () => new PlatformError('REQUEST_TOO_LARGE', 'the form is too large'),
    inMemory: true,
    mediaTypes: FORM_TYPE,
  }
}

/** The page that a link leads to: it says who would be signed in, and uses nothing up. */
export function askingFace(parts: DoorParts): Face {
  return doorFace(parts, (query) => async () => {
    const { link } = readQueryMembers(query)
    if (link === undefined) return htmlAnswer(<SignInHelp doorway={parts.doorway} />)
    const principal = await parts.sessions.whoseLink(link)
    if (principal === undefined) throw spent()
    return htmlAnswer(
      <Document assets={parts.doorway.assets} title="Sign in">
        <p>
          This link signs you in as{' '}
          <strong>
            <Text>{principal.name}</Text>
          </strong>
          . Go on only if you asked for it yourself.
        </p>
        <form method="post" action={SIGN_IN_PATH}>
          <input type="hidden" name="link" value={link} />
          <button type="submit" class="first">
            {'Sign in as '}
            <Text>{principal.name}</Text>
          </button>
        </form>
      </Document>,
    )
  })
}

/** Exchanges a link for a session that nobody had before. */
export function enteringFace(parts: DoorParts): Face {
  return doorFace(parts, (_query, headers) => async (taken) => {
    const { link = '' } = readMembers(Buffer.from(taken.body.bytes()).toString('utf8'))
    const before = readSessionCookie(headers, parts.secure)
    const session = await parts.sessions.signIn(link, before)
    if (session === undefined) throw spent()
    return seeOther(HOME_PATH, { 'set-cookie': sessionCookie(session, parts.secure) })
  })
}

/** What anybody may have: a page that is not there. */
export function missingFace(parts: Pick<DoorParts, 'doorway'>): Face {
  return doorFace(parts, () => () => {
    throw new PlatformError('RESOURCE_NOT_FOUND', 'there is no such page in the console')
  })
}

type Run = (taken: TakenRequest) => Promise<WireAnswer>

function doorFace(
  parts: Pick<DoorParts, 'doorway'>,
  run: (query: string, headers: Parameters<typeof readSessionCookie>[0]) => Run,
): Face {
  return {
    name: 'console',
    refuse: (error) => errorPage(parts.doorway, error),
    plan: ({ method, query, headers }) => ({
      ...consolePlan('sign-in', method !== 'GET'),
      action: '',
      resource: undefined,
      run: run(query, headers),
    }),
  }
}

function spent(): PlatformError {
  return new PlatformError('ACCESS_DENIED', 'the link was used, or its minute is over')
}
