import {
  ConsoleSignIn,
  IssuerKeys,
  openBearerTokens,
  type BearerTokens,
  type ProviderHttp,
} from './auth/index.ts'
import type { Config } from './config.ts'
import type { Deps } from './operations/index.ts'
import { addressRules, askByPost, fetchDocument, type AddressRules } from './sources/index.ts'

/** A discovery document or a set of keys: some kilobytes. */
const DOCUMENT_LIMIT_BYTES = 262_144
const FETCH_TIMEOUT_MS = 10_000
/** An answer with tokens in it. */
const TOKENS_LIMIT_BYTES = 65_536

type Asking = Pick<Config, 'allowedSources'>

/** By whose tokens somebody may come, to the APIs or to the console. */
export function issuersOf({ tokens, signIn }: Pick<Config, 'tokens' | 'signIn'>): string[] {
  const all = [...(tokens?.issuers ?? []), ...(signIn === undefined ? [] : [signIn.issuer])]
  return all.map(({ url }) => url)
}

/** Tokens of the issuers that are configured, their keys fetched as everything is (RULES §11); none without an issuer. */
export function bearerTokens(
  config: Asking & Pick<Config, 'tokens'>,
  { store, clock }: Pick<Deps, 'store' | 'clock'>,
): BearerTokens | undefined {
  if (config.tokens === undefined) return undefined
  const keys = new IssuerKeys(getBy(addressRules(config.allowedSources)), clock)
  return openBearerTokens({ store, clock, settings: config.tokens, keys })
}

/** How people sign in to the console by an identity provider; absent where none is configured. */
export function consoleSignIn(
  config: Asking & Pick<Config, 'signIn'>,
  { clock, random }: Pick<Deps, 'clock' | 'random'>,
  timeoutMs = FETCH_TIMEOUT_MS,
): ConsoleSignIn | undefined {
  const { signIn: settings } = config
  if (settings === undefined) return undefined
  const rules = addressRules(config.allowedSources)
  const get = getBy(rules, timeoutMs)
  const http: ProviderHttp = {
    get,
    post: async (url, body, headers) =>
      await askByPost({ url, body, headers, maxBytes: TOKENS_LIMIT_BYTES, timeoutMs }, rules),
  }
  return new ConsoleSignIn({ settings, http, keys: new IssuerKeys(get, clock), clock, random })
}

function getBy(
  rules: AddressRules,
  timeoutMs = FETCH_TIMEOUT_MS,
): (url: string) => Promise<Uint8Array> {
  const how = { maxBytes: DOCUMENT_LIMIT_BYTES, timeoutMs, accept: 'application/json' }
  return async (url) => await fetchDocument({ url, ...how }, rules)
}
