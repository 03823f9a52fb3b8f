import { PlatformError } from '../../model/index.ts'

/** What the subjects of an issuer are: people by e-mail address, or the jobs of a CI. */
export type IssuerKind = 'email' | 'github' | 'gitlab' | 'buildkite' | 'circleci'

/** An identity provider whose tokens are taken. */
export interface Issuer {
  /** Exactly the `iss` of its tokens. */
  readonly url: string
  readonly audience: string
  readonly kind: IssuerKind
  /** Where its keys are; by discovery, on its own host, where none is given. */
  readonly jwksUri: string | undefined
}

export const DEFAULT_AUDIENCE = 'sigstore'

const KINDS: readonly IssuerKind[] = ['email', 'github', 'gitlab', 'buildkite', 'circleci']

/** The public ones, by host; another installation says its kind. */
const KNOWN: Readonly<Record<string, IssuerKind>> = {
  'token.actions.githubusercontent.com': 'github',
  'gitlab.com': 'gitlab',
  'agent.buildkite.com': 'buildkite',
  'oidc.circleci.com': 'circleci',
}

export interface IssuerOptions {
  /** `URL` or `URL=AUDIENCE`. */
  readonly issuers: readonly string[]
  /** `URL=KIND`. */
  readonly kinds: readonly string[]
  /** `URL=JWKS-URL`. */
  readonly jwks: readonly string[]
  /** Issuers that may be asked without TLS. */
  readonly insecure: readonly string[]
}

/** @throws PlatformError CONFIGURATION */
export function parseIssuers(options: IssuerOptions): Issuer[] {
  const kinds = new Map(options.kinds.map((text) => splitPair(text, 'KIND')))
  const jwks = new Map(options.jwks.map((text) => splitPair(text, 'URL')))
  const issuers = options.issuers.map((text): Issuer => {
    const [url, audience] = text.includes('=')
      ? splitPair(text, 'AUDIENCE')
      : [text, DEFAULT_AUDIENCE]
    const secure = checkUrl(url, options.insecure)
    const jwksUri = jwks.get(url)
    if (jwksUri !== undefined) checkUrl(jwksUri, secure ? [] : [jwksUri])
    return { url, audience, kind: toKind(kinds.get(url), url), jwksUri }
  })
  const urls = issuers.map(({ url }) => url)
  if (urls.length === 0) throw configuration('at least one --oidc-issuer is needed')
  if (new Set(urls).size !== urls.length) throw configuration('an --oidc-issuer is named twice')
  for (const url of [...kinds.keys(), ...jwks.keys(), ...options.insecure]) {
    if (!urls.includes(url)) throw configuration(`\`${url}\` is no --oidc-issuer`)
  }
  return issuers
}

/** The first `=` behind the scheme parts them: an issuer's URL has no query. */
function splitPair(text: string, what: string): [string, string] {
  const at = text.indexOf('=')
  const [url, value] = [text.slice(0, at), text.slice(at + 1)]
  if (at < 0 || url === '' || value === '') throw configuration(`\`${text}\` is not URL=${what}`)
  return [url, value]
}

/** Whether it is an https URL; http ones must be named. */
function checkUrl(text: string, insecure: readonly string[]): boolean {
  const url = URL.canParse(text) ? new URL(text) : undefined
  const plain = url?.username === '' && url.password === '' && url.search === '' && url.hash === ''
  if (url === undefined || !plain) throw configuration(`\`${text}\` is no URL of an issuer`)
  if (url.protocol === 'https:') return true
  if (url.protocol === 'http:' && insecure.includes(text)) return false
  throw configuration(
    `\`${text}\` is not an https URL (--allow-insecure-http names issuers that may be asked without TLS)`,
  )
}

function toKind(given: string | undefined, url: string): IssuerKind {
  if (given === undefined) return KNOWN[new URL(url).host] ?? 'email'
  const kind = KINDS.find((one) => one === given)
  if (kind === undefined) throw configuration(`\`${given}\` is none of ${KINDS.join(', ')}`)
  return kind
}

function configuration(message: string): PlatformError {
  return new PlatformError('CONFIGURATION', message)
}
