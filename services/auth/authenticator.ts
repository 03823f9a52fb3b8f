import {
  PlatformError,
  type Clock,
  type Place,
  type Principal,
  type ResourceRef,
} from '../model/index.ts'
import type { Store } from '../store/index.ts'

import type { SecretBox } from './access-keys.ts'
import type { Authorizer } from './authorizer.ts'
import { Credentials } from './credentials.ts'
import { ReplayGuard } from './replay.ts'
import { bearerToken, type BearerTokens } from './tokens/bearer.ts'
import { beginVerification, type SignedRequest } from './verifier.ts'

export interface AuthenticatorOptions {
  readonly store: Store
  readonly box: SecretBox
  readonly clock: Clock
  readonly place: Place
  readonly authorizer: Authorizer
  /** Tokens of OIDC issuers; left out, none is taken. */
  readonly tokens?: BearerTokens | undefined
  /** TLS, a named proxy that ends it, or loopback: whoever reads a token off the wire is its owner (RULES §7). */
  readonly secureListener?: boolean
}

export interface Expectation {
  /** Services the signature may be scoped to: `lambda`; for our own API `lacre` or `lambda`. */
  readonly services: readonly string[]
  /** `lambda:UpdateAlias`: authorized before the body is read. */
  readonly action: string
  /** What it is done to; `undefined` where only the body names it: `Admission.authorize` must follow. */
  readonly resource: ResourceRef | undefined
  /** Whether a repeated signature is refused: every change, but neither reads nor Invoke (RULES §7). */
  readonly changing: boolean
}

/** Authenticated as far as that goes without the body, and authorized. */
export interface Admission {
  readonly principal: Principal
  /** `undefined` where a token came. */
  readonly accessKeyId: string | undefined
  /** @throws PlatformError INVALID_SIGNATURE, REPLAYED_REQUEST */
  finish(bodySha256: string): Promise<Principal>
  /** The same action on what the body names. @throws PlatformError ACCESS_DENIED */
  authorize(resource: ResourceRef): Promise<void>
}

export interface Authenticator {
  /** @throws PlatformError MISSING_AUTHENTICATION, INVALID_SIGNATURE, SIGNATURE_EXPIRED, UNKNOWN_ACCESS_KEY, INVALID_TOKEN, TOKEN_EXPIRED, ACCESS_DENIED */
  begin(request: SignedRequest, expectation: Expectation): Promise<Admission>
  /** To be called after every commit that touched an access key or a principal. */
  forget(): void
}

export function openAuthenticator(options: AuthenticatorOptions): Authenticator {
  const { store, box, clock, place, authorizer } = options
  const credentials = new Credentials(store, box)
  const replays = new ReplayGuard(store, clock)
  const forget = (): void => {
    credentials.forget()
    options.tokens?.forget()
  }
  authorizer.onForget(forget)
  return {
    begin: async (request, expectation) => {
      const { services, action, resource, changing } = expectation
      const token = tokenOf(request)
      if (token !== undefined) {
        const principal = await bearers(options).principalOf(token)
        await authorizer.authorize(principal, action, resource)
        return {
          principal,
          accessKeyId: undefined,
          authorize: (named) => authorizer.authorize(principal, action, named),
          // A token says nothing of the body, and may come again while it lives.
          finish: async () => {
            // The body may have taken minutes: whoever was disabled or lost a role meanwhile does nothing more.
            const now = await bearers(options).principalOf(token)
            await authorizer.authorize(now, action, resource)
            return now
          },
        }
      }
      const rules = { place, services, nowMs: clock.nowMs() }
      const begun = await beginVerification(request, rules, (id) => credentials.get(id))
      await authorizer.authorize(begun.principal, action, resource)
      return {
        principal: begun.principal,
        accessKeyId: begun.accessKeyId,
        authorize: (named) => authorizer.authorize(begun.principal, action, named),
        finish: async (bodySha256) => {
          begun.finish(bodySha256)
          const { principal } = await credentials.get(begun.accessKeyId)
          await authorizer.authorize(principal, action, resource)
          if (changing) await replays.admit(begun.signature)
          return principal
        },
      }
    },
    forget,
  }
}

/** One header and no other: two readers could each believe another one. */
function tokenOf({ headers }: SignedRequest): string | undefined {
  const values = headers.filter(([name]) => name.toLowerCase() === 'authorization')
  const [only] = values
  return values.length === 1 ? bearerToken(only?.[1]) : undefined
}

/** @throws PlatformError INVALID_TOKEN where none is taken */
function bearers({ tokens, secureListener }: AuthenticatorOptions): BearerTokens {
  if (secureListener === false)
    throw new PlatformError('INVALID_TOKEN', 'bearer tokens are taken over TLS or loopback alone')
  if (tokens === undefined)
    throw new PlatformError('INVALID_TOKEN', 'no issuer is configured whose tokens are taken')
  return tokens
}
