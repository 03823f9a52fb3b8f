import { IssuerKeys, openBearerTokens, type BearerTokens } from './auth/index.ts'
import type { Config } from './config.ts'
import type { Deps } from './operations/index.ts'
import { addressRules, fetchDocument } from './sources/index.ts'

/** A discovery document or a set of keys: some kilobytes. */
const DOCUMENT_LIMIT_BYTES = 262_144
const FETCH_TIMEOUT_MS = 10_000

/** Tokens of the issuers that are configured, their keys fetched as everything is (RULES §11); none without an issuer. */
export function bearerTokens(
  config: Pick<Config, 'tokens' | 'allowedSources'>,
  { store, clock }: Pick<Deps, 'store' | 'clock'>,
): BearerTokens | undefined {
  if (config.tokens === undefined) return undefined
  const rules = addressRules(config.allowedSources)
  const fetch = (url: string): Promise<Uint8Array> =>
    fetchDocument(
      {
        url,
        maxBytes: DOCUMENT_LIMIT_BYTES,
        timeoutMs: FETCH_TIMEOUT_MS,
        accept: 'application/json',
      },
      rules,
    )
  return openBearerTokens({
    store,
    clock,
    settings: config.tokens,
    keys: new IssuerKeys(fetch, clock),
  })
}
