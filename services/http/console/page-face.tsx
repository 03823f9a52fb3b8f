import type { ConsoleSessions, ConsoleSignIn } from '../../auth/index.ts'
import { EVERYTHING, type Clock } from '../../model/index.ts'
import type { Face, TakenRequest } from '../pipeline.ts'
import type { WireAnswer } from '../wire.ts'
import { PAGE_HEADERS, htmlAnswer, seeOther } from './answers.ts'
import { ConsoleApi, type ApiParts } from './api.ts'
import type { Assets } from './assets.ts'
import { sessionCookie } from './cookie.ts'
import { consolePlan } from './door.tsx'
import { errorPage } from './error-page.tsx'
import { checkCsrf, csrfToken, readMembers, readQueryMembers, type Members } from './form.ts'
import { Document } from './layout.tsx'
import { SIGN_IN_PATH } from './link-route.ts'
import type { Page, PageAnswer } from './page.ts'
import type { Entered } from './session-gate.ts'
import { SignedOut, type Doorway } from './sign-in-help.tsx'
import { h } from './markup.ts'

export interface PageParts extends ApiParts {
  readonly doorway: Doorway
  readonly clock: Pick<Clock, 'nowMs'>
}

/**
 * One page as a face of the pipeline. Whoever may open the console may open a page; what it shows and does is asked about
 * again, each by its own action (`ConsoleApi`).
 */
export function pageFace(
  parts: PageParts,
  page: Page,
  by: { readonly params: Members; readonly entered: Entered; readonly url: string },
): Face {
  const { doorway } = parts
  const { entered, params } = by
  return {
    name: 'console',
    refuse: (error) =>
      errorPage(doorway, error, {
        who: whoOf(entered),
        // A form is not sent again by signing in.
        to: page.method === 'GET' ? by.url : undefined,
      }),
    plan: (request) => ({
      ...consolePlan(`${page.method} ${page.path}`, page.method === 'POST'),
      action: 'lacre:OpenConsole',
      resource: EVERYTHING,
      run: async (taken) => {
        const form = page.method === 'GET' ? {} : readForm(taken, entered)
        const answer = await page.visit({
          api: new ConsoleApi(parts, taken.caller),
          params,
          query: readQueryMembers(request.query),
          form,
          nowMs: parts.clock.nowMs(),
          csrf: csrfToken(entered.secret ?? ''),
        })
        return toWire(doorway.assets, answer, { entered, path: request.path })
      },
    }),
  }
}

/** Ends the session that asks for it; whom a provider signed in is told that it would do so again. */
export function leavingFace(
  parts: {
    readonly doorway: Doorway
    readonly sessions: ConsoleSessions
    readonly signIn?: Pick<ConsoleSignIn, 'signOutUrl'> | undefined
    readonly secure: boolean
  },
  entered: Entered,
): Face {
  const { doorway, sessions, signIn, secure } = parts
  return {
    name: 'console',
    refuse: (error) => errorPage(doorway, error, { who: whoOf(entered) }),
    plan: () => ({
      ...consolePlan('POST /sign-out', true),
      action: 'lacre:OpenConsole',
      resource: EVERYTHING,
      run: async (taken) => {
        readForm(taken, entered)
        await sessions.end(entered.secret ?? '')
        const headers = { 'set-cookie': sessionCookie(undefined, secure) }
        const byProvider = taken.caller.accessKeyId === undefined
        return byProvider && (await signIn?.signOutUrl()) !== undefined
          ? htmlAnswer(<SignedOut doorway={doorway} />, { headers })
          : seeOther(SIGN_IN_PATH, headers)
      },
    }),
  }
}

function readForm({ body }: TakenRequest, { secret }: Entered): Members {
  const form = readMembers(body.sizeBytes === 0 ? '' : Buffer.from(body.bytes()).toString('utf8'))
  checkCsrf(form, secret ?? '')
  return form
}

function toWire(
  assets: Assets,
  answer: PageAnswer,
  { entered, path }: { readonly entered: Entered; readonly path: string },
): WireAnswer {
  switch (answer.kind) {
    case 'moved':
      return seeOther(answer.to)
    case 'file': {
      const { sizeBytes, name, stream } = answer.file
      const headers = {
        ...PAGE_HEADERS,
        'content-type': answer.type,
        'content-length': String(sizeBytes),
        'content-disposition': `attachment; filename="${name}"`,
      }
      return { status: 200, headers, stream }
    }
    case 'page': {
      const { title, body, elsewhere, scripts } = answer
      const about = { assets, title, path, elsewhere, scripts, who: whoOf(entered) }
      return htmlAnswer(<Document {...about}>{body}</Document>)
    }
  }
}

function whoOf({ principal, secret }: Entered) {
  return principal === undefined || secret === undefined
    ? undefined
    : { principal, csrf: csrfToken(secret) }
}
