import type * as OpenId from 'openid-client'

import { PlatformError, type Clock } from '../../model/index.ts'
import { Asked } from '../tokens/asked.ts'
import { discover, ownUrlOf, type FetchDocument, type Members } from '../tokens/discovery.ts'
import type { IssuerKeys } from '../tokens/jwks.ts'
import {
  SKEW_SECONDS,
  TOKEN_ALGORITHMS,
  verifyToken,
  type TokenRules,
  type VerifiedToken,
} from '../tokens/token.ts'
import type { Flow } from './flows.ts'
import { verifyLogoutToken, type Logout } from './logout-token.ts'
import type { SignInSettings } from './settings.ts'
import { issuerFailed, toLogoutError, toSignInError } from './sign-in-error.ts'

/** How an identity provider is asked: handed in, size and time capped, no redirects, checked addresses (RULES §11). */
export interface ProviderHttp {
  readonly get: FetchDocument
  readonly post: (
    url: string,
    form: string,
    headers: Readonly<Record<string, string>>,
  ) => Promise<{
    readonly status: number
    readonly contentType: string
    readonly body: Uint8Array
  }>
}

export interface ProviderParts {
  readonly settings: SignInSettings
  readonly http: ProviderHttp
  readonly keys: Pick<IssuerKeys, 'of'>
  readonly clock: Clock
}

/** What the browser brought back from the identity provider. */
export interface BroughtBack {
  readonly code: string | undefined
  readonly error: string | undefined
  /** Who answers, RFC 9207. */
  readonly iss: string | undefined
}

/** A discovery document is asked for again after this. */
const FRESH_MS = 10 * 60_000
/** Codes that are exchanged at a time: a slow provider holds no more connections than these. */
const EXCHANGES_LIMIT = 32

/** The identity provider by which people sign in: authorization code flow with PKCE (OpenID Connect Core §3.1). */
export class SignInProvider {
  readonly #parts: ProviderParts
  readonly #metadata: Asked<Members>
  #exchanges = 0

  constructor(parts: ProviderParts) {
    this.#parts = parts
    const { issuer } = parts.settings
    this.#metadata = new Asked(() => discover(parts.http.get, issuer), parts.clock)
  }

  /** Where the browser is sent to. @throws PlatformError ISSUER_FAILED */
  async authorizationUrl(flow: Flow, redirectUri: string): Promise<string> {
    const { settings } = this.#parts
    try {
      const openid = await import('openid-client')
      const url = openid.buildAuthorizationUrl(await this.#configuration(openid), {
        redirect_uri: redirectUri,
        scope: settings.scopes.join(' '),
        state: flow.state,
        nonce: flow.nonce,
        code_challenge: await openid.calculatePKCECodeChallenge(flow.verifier),
        code_challenge_method: 'S256',
      })
      return url.href
    } catch (error) {
      throw toSignInError(error, settings.issuer.url)
    }
  }

  /**
   * Who the provider says it is, from a code that is exchanged once: by an ID token under the rules of every token.
   * @throws PlatformError ACCESS_DENIED, INVALID_PARAMETER, TOO_MANY_REQUESTS, ISSUER_FAILED
   */
  async identify(brought: BroughtBack, flow: Flow, redirectUri: string): Promise<VerifiedToken> {
    const { issuer } = this.#parts.settings
    const { code, error, iss } = brought
    // RFC 9207 §2.4: who is asked and who answers are the same.
    if (iss !== undefined && iss !== issuer.url)
      throw new PlatformError('ACCESS_DENIED', 'another identity provider answered than was asked')
    if (code === undefined && error === undefined)
      throw new PlatformError('INVALID_PARAMETER', 'the identity provider sent no code')
    if (this.#exchanges >= EXCHANGES_LIMIT)
      throw new PlatformError('TOO_MANY_REQUESTS', 'too many sign-ins at once: wait a moment')
    this.#exchanges += 1
    try {
      const token = await this.#exchange(brought, flow, redirectUri)
      return await verifyToken(token, { ...this.#rules(), nonce: flow.nonce })
    } catch (failure) {
      throw toSignInError(failure, issuer.url)
    } finally {
      this.#exchanges -= 1
    }
  }

  /** Whom it signed out, by a token that it sent. @throws PlatformError LOGOUT_REFUSED */
  async whoLeft(logoutToken: string): Promise<Logout> {
    try {
      return await verifyLogoutToken(logoutToken, this.#rules())
    } catch (error) {
      throw toLogoutError(error)
    }
  }

  /**
   * Where people sign out at the provider itself (OpenID Connect RP-Initiated Logout 1.0 §2); `undefined` where it names no
   * such page, or nothing at all. Without an ID token, which is not kept, it asks them there.
   */
  async signOutUrl(): Promise<string | undefined> {
    const { clientId, insecure } = this.#parts.settings
    const document = await this.#document().catch(() => undefined)
    const page = document?.['end_session_endpoint']
    if (typeof page !== 'string' || !URL.canParse(page)) return undefined
    const url = new URL(page)
    if (url.protocol !== 'https:' && !(url.protocol === 'http:' && insecure)) return undefined
    url.searchParams.set('client_id', clientId)
    return url.href
  }

  #rules(): Omit<TokenRules, 'nonce'> {
    const { settings, keys, clock } = this.#parts
    const { issuer, clientId } = settings
    return { settings: { issuers: [issuer], audience: clientId }, keys, nowMs: clock.nowMs() }
  }

  /** @returns the ID token, not believed yet; whatever else came is dropped here */
  async #exchange(brought: BroughtBack, flow: Flow, redirectUri: string): Promise<string> {
    const openid = await import('openid-client')
    const url = new URL(redirectUri)
    url.searchParams.set('state', flow.state)
    for (const [name, value] of Object.entries(brought))
      if (typeof value === 'string') url.searchParams.set(name, value)
    const answer = await openid.authorizationCodeGrant(await this.#configuration(openid), url, {
      pkceCodeVerifier: flow.verifier,
      expectedState: flow.state,
      expectedNonce: flow.nonce,
      idTokenExpected: true,
    })
    if (answer.id_token === undefined)
      throw issuerFailed(this.#parts.settings.issuer.url, 'sent no ID token')
    return answer.id_token
  }

  async #configuration(openid: typeof OpenId): Promise<OpenId.Configuration> {
    const { settings, http } = this.#parts
    const { clientId, clientSecret, insecure } = settings
    const { methods, server } = await this.#server()
    const authentication = byPost(methods)
      ? openid.ClientSecretPost(clientSecret)
      : openid.ClientSecretBasic(clientSecret)
    const metadata = { [openid.clockTolerance]: SKEW_SECONDS }
    const configuration = new openid.Configuration(server, clientId, metadata, authentication)
    configuration[openid.customFetch] = fetchBy(http)
    if (insecure) openid.allowInsecureRequests(configuration)
    return configuration
  }

  async #document(): Promise<Members> {
    return await this.#metadata.get((_, ageMs) => ageMs < FRESH_MS)
  }

  /** @throws PlatformError ISSUER_FAILED */
  async #server(): Promise<{
    readonly methods: unknown
    readonly server: OpenId.ServerMetadata
  }> {
    const { issuer, tokenUrl } = this.#parts.settings
    try {
      const document = await this.#document()
      const option = '--console-oidc-token-url'
      const server = {
        issuer: issuer.url,
        authorization_endpoint: authorizationUrlOf(document),
        token_endpoint: tokenUrl ?? ownUrlOf(document, 'token_endpoint', { issuer, option }),
        authorization_response_iss_parameter_supported:
          document['authorization_response_iss_parameter_supported'] === true,
        id_token_signing_alg_values_supported: TOKEN_ALGORITHMS,
      }
      return { methods: document['token_endpoint_auth_methods_supported'], server }
    } catch (error) {
      throw issuerFailed(issuer.url, `cannot be asked: ${unreadable(error)}`)
    }
  }
}

/** A sound URL to send browsers to; that it is by TLS is looked at where it is used. @throws TypeError */
function authorizationUrlOf(document: Members): string {
  const url = document['authorization_endpoint']
  if (typeof url === 'string' && URL.canParse(url)) return url
  throw new TypeError('the discovery document has no authorization_endpoint')
}

/** Without a list it is Basic (OpenID Connect Discovery §3), which is taken wherever it may be. */
function byPost(methods: unknown): boolean {
  if (!Array.isArray(methods)) return false
  return !methods.includes('client_secret_basic') && methods.includes('client_secret_post')
}

/** The one request that the client makes is the exchange of a code. */
function fetchBy({ post }: ProviderHttp): OpenId.CustomFetch {
  return async (url, { method, body, headers }) => {
    if (method !== 'POST' || !(body instanceof URLSearchParams))
      throw new TypeError('nothing else is asked of an identity provider')
    const form = 'application/x-www-form-urlencoded'
    const answer = await post(url, body.toString(), { ...headers, 'content-type': form })
    const said = { status: answer.status, headers: { 'content-type': answer.contentType } }
    // A `Response` takes no other; nothing of them is believed.
    if (answer.status < 200 || answer.status > 599) throw new TypeError('that is no answer')
    return new Response(Buffer.from(answer.body), said)
  }
}

/** What a parser says of a document quotes it. */
function unreadable(error: unknown): string {
  if (error instanceof PlatformError && error.code !== 'UNAVAILABLE')
    return 'its discovery document cannot be read'
  return error instanceof Error ? error.message : 'unknown'
}
