import { createHash, randomBytes } from 'node:crypto'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { createServer as createTlsServer } from 'node:https'
import type { AddressInfo } from 'node:net'

import { TestIssuer, type Claims } from './authority.ts'

export interface Person {
  readonly sub: string
  readonly claims?: Claims
}

/** What a code stands for. */
interface Granted {
  readonly redirectUri: string
  readonly challenge: string
  readonly nonce: string
  readonly person: Person
}

/** Where it lies, or breaks: everything left out is as it should be. */
export interface Hostile {
  /** Members of the discovery document. */
  readonly discovery?: Claims
  /** Claims of the ID token; `undefined` takes one out. */
  readonly claims?: Claims
  /** Another token in the place of the one that would be right. */
  readonly idToken?: (claims: Claims) => string | Promise<string>
  /** Members of the answer to a code. */
  readonly answer?: Claims
  /** Parameters of the redirect back; `undefined` takes one out. */
  readonly back?: Readonly<Record<string, string | undefined>>
  /** The client says who it is in the form, and not in a header. */
  readonly postOnly?: true
  /** Answers a path itself, where it gives `true`. */
  readonly take?: (path: string, response: ServerResponse) => boolean
}

/** PEM: with it the provider is reached by TLS alone. */
export interface Tls {
  readonly cert: string
  readonly key: string
}

export const CLIENT_ID = 'lacre-console'

/**
 * A whole identity provider on this machine: discovery, keys, a page to sign in on, and an exchange that checks the client,
 * the redirect URI and PKCE as RFC 6749 and 7636 have it. A code is for once.
 */
export class SignInIssuer implements AsyncDisposable {
  url = ''
  readonly clientSecret = `secret/${randomBytes(16).toString('base64')}`
  /** Registered redirect URIs. */
  readonly redirectUris = new Set<string>()
  hostile: Hostile = {}
  person: Person = { sub: 'ada' }
  /** Everything that a client did wrong. */
  readonly faults: string[] = []
  /** Secrets that were handed out or came in. */
  readonly secrets: string[] = []
  readonly #tokens: TestIssuer
  readonly #granted = new Map<string, Granted>()
  readonly #server

  private constructor(tokens: TestIssuer, tls: Tls | undefined) {
    this.#tokens = tokens
    const answer = (request: IncomingMessage, response: ServerResponse): void => {
      this.#serve(request, response).catch((error: unknown) => response.destroy(error as Error))
    }
    this.#server = tls === undefined ? createServer(answer) : createTlsServer({ ...tls }, answer)
  }

  static async start(tls?: Tls): Promise<SignInIssuer> {
    const issuer = new SignInIssuer(await TestIssuer.start(), tls)
    await new Promise<void>((resolve) => issuer.#server.listen(0, '127.0.0.1', resolve))
    issuer.url = `${tls === undefined ? 'http' : 'https'}://127.0.0.1:${(issuer.#server.address() as AddressInfo).port}`
    return issuer
  }

  /** As `lacre serve` takes it. */
  serveOptions(secretFile: string) {
    return {
      consoleOidcIssuer: this.url,
      consoleOidcClientId: CLIENT_ID,
      consoleOidcClientSecretFile: secretFile,
      oidcInsecure: [this.url],
      allowSource: ['127.0.0.1'],
    }
  }

  get publicKeys(): readonly Claims[] {
    return this.#tokens.server.issuer.keys.toJSON()
  }

  /** Signed by its key, the first unless another is named. */
  async sign(claims: Claims, kid = String(this.publicKeys[0]?.['kid'])): Promise<string> {
    const all = { email: undefined, email_verified: undefined, ...claims }
    return await this.#tokens.token(all, kid)
  }

  /**
   * Says whom it signed out, by `sub`, `sid` or both; `undefined` takes a claim out. A second ago: who signs in again at
   * once is not meant.
   */
  async logoutToken(claims: Claims, header: Claims = { typ: 'logout+jwt' }): Promise<string> {
    const now = Math.floor(Date.now() / 1_000)
    const all = {
      iss: this.url,
      aud: CLIENT_ID,
      sub: undefined,
      jti: randomBytes(16).toString('base64url'),
      iat: now - 1,
      nbf: undefined,
      exp: now + 120,
      email: undefined,
      email_verified: undefined,
      events: { 'http://schemas.openid.net/event/backchannel-logout': {} },
      ...claims,
    }
    return await this.#tokens.token(all, String(this.publicKeys[0]?.['kid']), header)
  }

  /** One key more; its name. */
  async newKey(): Promise<string> {
    return (await this.#tokens.server.issuer.keys.generate('RS256')).kid
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.closeAllConnections()
    await new Promise((resolve) => this.#server.close(resolve))
    await this.#tokens[Symbol.asyncDispose]()
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { pathname, searchParams } = new URL(request.url ?? '', this.url)
    if (this.hostile.take?.(pathname, response) === true) return
    switch (`${request.method} ${pathname}`) {
      case 'GET /.well-known/openid-configuration':
        return json(response, 200, this.#discovery())
      case 'GET /keys':
        return json(response, 200, { keys: this.publicKeys })
      case 'GET /authorize':
        return this.#ask(searchParams, response)
      case 'POST /authorize':
        return this.#sendBack(new URLSearchParams(await read(request)), response)
      case 'GET /sign-out':
        return page(response, `<p>${searchParams.get('client_id')} asks you to sign out`)
      case 'POST /token':
        return await this.#exchange(request, response)
      default:
        json(response, 404, {})
    }
  }

  #discovery(): Claims {
    return {
      issuer: this.url,
      authorization_endpoint: `${this.url}/authorize`,
      token_endpoint: `${this.url}/token`,
      jwks_uri: `${this.url}/keys`,
      response_types_supported: ['code'],
      subject_types_supported: ['public'],
      id_token_signing_alg_values_supported: ['RS256'],
      code_challenge_methods_supported: ['S256'],
      authorization_response_iss_parameter_supported: true,
      ...this.hostile.discovery,
    }
  }

  /** The page on which people say who they are. */
  #ask(asked: URLSearchParams, response: ServerResponse): void {
    const fault = this.#wrongIn(asked)
    if (fault !== undefined) return this.#refuse(response, fault)
    const hidden = [...asked].map(
      ([name, value]) =>
        `<input type="hidden" name="${name}" value="${value.replaceAll('&', '&amp;').replaceAll('"', '&quot;')}">`,
    )
    page(
      response,
      `<form method="post" action="/authorize">${hidden.join('')}<button>I am ${this.person.sub}</button></form>`,
    )
  }

  #sendBack(asked: URLSearchParams, response: ServerResponse): void {
    const fault = this.#wrongIn(asked)
    if (fault !== undefined) return this.#refuse(response, fault)
    const code = randomBytes(24).toString('base64url')
    const redirectUri = asked.get('redirect_uri') ?? ''
    this.#granted.set(code, {
      redirectUri,
      challenge: asked.get('code_challenge') ?? '',
      nonce: asked.get('nonce') ?? '',
      person: this.person,
    })
    const back = new URL(redirectUri)
    const said = { code, state: asked.get('state') ?? '', iss: this.url, ...this.hostile.back }
    for (const [name, value] of Object.entries(said))
      if (value !== undefined) back.searchParams.set(name, value)
    this.secrets.push(code, said.state, asked.get('nonce') ?? '')
    response.writeHead(303, { location: back.href }).end()
  }

  #wrongIn(asked: URLSearchParams): string | undefined {
    if (asked.get('client_id') !== CLIENT_ID) return 'unknown client'
    if (!this.redirectUris.has(asked.get('redirect_uri') ?? '')) return 'unknown redirect URI'
    if (asked.get('response_type') !== 'code') return 'another response type'
    if (!asked.get('scope')?.split(' ').includes('openid')) return 'no openid'
    if (asked.get('code_challenge_method') !== 'S256') return 'no PKCE'
    const texts = ['code_challenge', 'state', 'nonce'].map((name) => asked.get(name) ?? '')
    return texts.every((text) => /^[\w-]{43}$/.test(text)) ? undefined : 'too little entropy'
  }

  #refuse(response: ServerResponse, fault: string): void {
    this.faults.push(fault)
    json(response, 400, { error: 'invalid_request' })
  }

  async #exchange(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const form = new URLSearchParams(await read(request))
    if (this.#clientOf(request, form) !== `${CLIENT_ID}:${this.clientSecret}`) {
      this.faults.push('client authentication')
      return json(response, 401, { error: 'invalid_client' })
    }
    const code = form.get('code') ?? ''
    const granted = this.#granted.get(code)
    this.#granted.delete(code)
    const verifier = form.get('code_verifier') ?? ''
    this.secrets.push(verifier)
    const challenge = createHash('sha256').update(verifier).digest('base64url')
    const fault =
      granted === undefined
        ? 'unknown code'
        : granted.redirectUri !== form.get('redirect_uri')
          ? 'another redirect URI'
          : granted.challenge !== challenge
            ? 'another PKCE verifier'
            : form.get('grant_type') !== 'authorization_code'
              ? 'another grant'
              : undefined
    if (granted === undefined || fault !== undefined) {
      this.faults.push(fault ?? '')
      return json(response, 400, { error: 'invalid_grant' })
    }
    json(response, 200, await this.#answer(granted))
  }

  /** RFC 6749 §2.3.1. */
  #clientOf({ headers: { authorization } }: IncomingMessage, form: URLSearchParams): string {
    if (this.hostile.postOnly === true)
      return authorization === undefined
        ? `${form.get('client_id')}:${form.get('client_secret')}`
        : 'both forms'
    const basic = Buffer.from((authorization ?? '').replace(/^Basic /, ''), 'base64').toString()
    const parts = basic.split(':').map((part) => decodeURIComponent(part.replaceAll('+', '%20')))
    return form.has('client_secret') ? 'both forms' : parts.join(':')
  }

  async #answer({ person, nonce }: Granted): Promise<Claims> {
    const now = Math.floor(Date.now() / 1_000)
    const claims = {
      iss: this.url,
      aud: CLIENT_ID,
      sub: person.sub,
      nonce,
      iat: now,
      nbf: now,
      exp: now + 300,
      ...person.claims,
      ...this.hostile.claims,
    }
    const idToken = await (this.hostile.idToken ?? ((all) => this.sign(all)))(claims)
    const accessToken = `access-${randomBytes(24).toString('base64url')}`
    const refreshToken = `refresh-${randomBytes(24).toString('base64url')}`
    this.secrets.push(idToken.split('.').at(-1) ?? '', accessToken, refreshToken)
    return {
      access_token: accessToken,
      refresh_token: refreshToken,
      id_token: idToken,
      token_type: 'Bearer',
      expires_in: 300,
      ...this.hostile.answer,
    }
  }
}

function json(response: ServerResponse, status: number, body: Claims): void {
  const headers = { 'content-type': 'application/json', 'cache-control': 'no-store' }
  response.writeHead(status, headers).end(JSON.stringify(body))
}

function page(response: ServerResponse, markup: string): void {
  response
    .writeHead(200, { 'content-type': 'text/html; charset=utf-8' })
    .end(`<!doctype html><html lang="en"><title>Identity provider</title>${markup}</html>`)
}

async function read(request: IncomingMessage): Promise<string> {
  let text = ''
  for await (const part of request.setEncoding('utf8')) text += String(part)
  return text
}
