import type { SignInIssuer } from './sign-in-issuer.ts'

/** What a browser has after it was sent to the identity provider. */
export interface Begun {
  readonly status: number
  /** `name=value`. */
  readonly cookie: string
  readonly setCookie: string
  /** Where it was sent to; `undefined` where it stays. */
  readonly location: URL | undefined
  readonly page: string
}

export interface Ended {
  readonly status: number
  readonly page: string
  readonly headers: Headers
  /** The session, `name=value`; empty where nobody was signed in. */
  readonly session: string
}

/** Somebody who signs in to the console of `app`, step by step and without a browser. */
export class OidcVisitor {
  readonly #url: string
  readonly #issuer: SignInIssuer

  constructor(app: { readonly url: string }, issuer: SignInIssuer) {
    this.#url = app.url
    this.#issuer = issuer
    issuer.redirectUris.add(`${app.url}/console/sign-in/oidc/callback`)
  }

  async begin(to?: string, cookie = ''): Promise<Begun> {
    const query = to === undefined ? '' : `?to=${encodeURIComponent(to)}`
    const answer = await this.get(`/console/sign-in/oidc${query}`, cookie)
    const setCookie = answer.headers.getSetCookie().join()
    const location = answer.headers.get('location')
    return {
      status: answer.status,
      setCookie,
      cookie: setCookie.split(';')[0] ?? '',
      location: location === null ? undefined : new URL(location),
      page: await answer.text(),
    }
  }

  /** Says at the provider who he is; where that sends him back to. */
  async authorize({ location }: Pick<Begun, 'location'>): Promise<string> {
    const form = location?.searchParams ?? new URLSearchParams()
    const answer = await fetch(`${this.#issuer.url}/authorize`, {
      method: 'POST',
      redirect: 'manual',
      body: new URLSearchParams(form),
    })
    return answer.headers.get('location') ?? ''
  }

  /** @param back a URL of the console, or its path */
  async comeBack(back: string, cookie: string): Promise<Ended> {
    const answer = await this.get(back.replace(this.#url, ''), cookie)
    const session = answer.headers.getSetCookie().find((one) => one.includes('SameSite=Strict'))
    return {
      status: answer.status,
      headers: answer.headers,
      page: await answer.text(),
      session: session?.split(';')[0] ?? '',
    }
  }

  async signIn(to?: string): Promise<Ended> {
    const begun = await this.begin(to)
    return await this.comeBack(await this.authorize(begun), begun.cookie)
  }

  async get(path: string, cookie = ''): Promise<Response> {
    return await fetch(this.#url + path, { redirect: 'manual', headers: { cookie } })
  }
}
