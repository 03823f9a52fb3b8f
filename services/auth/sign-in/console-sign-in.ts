import type { Clock, Random } from '../../model/index.ts'
import type { VerifiedToken } from '../tokens/token.ts'
import { SignInFlows } from './flows.ts'
import type { Logout } from './logout-token.ts'
import { SignInProvider, type BroughtBack, type ProviderParts } from './provider.ts'

export interface ConsoleSignInParts extends ProviderParts {
  readonly clock: Clock
  readonly random: Random
}

/** Signing in to the console by an identity provider, there and back again; and being signed out by it. */
export class ConsoleSignIn {
  /** The provider, as people know it: the host of its URL. */
  readonly name: string
  readonly #flows: SignInFlows
  readonly #provider: SignInProvider

  constructor(parts: ConsoleSignInParts) {
    this.name = new URL(parts.settings.issuer.url).host
    this.#flows = new SignInFlows(parts)
    this.#provider = new SignInProvider(parts)
  }

  /**
   * @param to where the browser wants to go in the end
   * @returns where it is sent to, and what it keeps meanwhile
   * @throws PlatformError ISSUER_FAILED
   */
  async begin(
    to: string,
    redirectUri: string,
  ): Promise<{ readonly location: string; readonly cookie: string }> {
    const { cookie, ...flow } = this.#flows.begin(to)
    return { cookie, location: await this.#provider.authorizationUrl(flow, redirectUri) }
  }

  /**
   * @param cookie what the browser kept
   * @throws PlatformError ACCESS_DENIED, INVALID_PARAMETER, TOO_MANY_REQUESTS, ISSUER_FAILED
   */
  async finish(
    cookie: string | undefined,
    brought: BroughtBack & { readonly state: string },
    redirectUri: string,
  ): Promise<{ readonly token: VerifiedToken; readonly to: string }> {
    const { state, ...rest } = brought
    const flow = this.#flows.take(cookie, state)
    return { token: await this.#provider.identify(rest, flow, redirectUri), to: flow.to }
  }

  /** Whom the provider signed out, by a token that it sent. @throws PlatformError LOGOUT_REFUSED */
  async whoLeft(logoutToken: string): Promise<Logout> {
    return await this.#provider.whoLeft(logoutToken)
  }

  /** Where people sign out at the provider itself; `undefined` where it does not say. */
  async signOutUrl(): Promise<string | undefined> {
    return await this.#provider.signOutUrl()
  }
}
