import { readSmallFile } from '../read-file.ts'
import type { Environment } from '../../command.ts'
import { exchangeJson, failed, toServiceUrl } from './exchange.ts'
import { IdentityToken } from './identity-token.ts'
import { runProgram } from './run-program.ts'

/** A place from which a workload gets its own identity token. */
interface TokenSource {
  readonly name: string
  isHere(environment: Environment): boolean
  /** @throws PlatformError SIGNER_FAILED */
  read(environment: Environment, audience: string): Promise<string>
}

const isSet = (environment: Environment, name: string): boolean => (environment[name] ?? '') !== ''

/** In this order; the first that is here is the one, and where it fails nothing else is tried. */
const SOURCES: readonly TokenSource[] = [
  {
    // GitLab: `id_tokens: { SIGSTORE_ID_TOKEN: { aud: sigstore } }`; and whoever sets it himself
    name: 'SIGSTORE_ID_TOKEN',
    isHere: (environment) => isSet(environment, 'SIGSTORE_ID_TOKEN'),
    read: (environment) => Promise.resolve(environment['SIGSTORE_ID_TOKEN'] ?? ''),
  },
  {
    name: 'GitHub Actions',
    isHere: (environment) =>
      isSet(environment, 'ACTIONS_ID_TOKEN_REQUEST_URL') ||
      environment['GITHUB_ACTIONS'] === 'true',
    read: readGitHub,
  },
  {
    name: 'Buildkite',
    isHere: (environment) => environment['BUILDKITE'] === 'true',
    read: (environment, audience) =>
      runProgram('buildkite-agent', ['oidc', 'request-token', '--audience', audience], environment),
  },
  {
    name: 'CircleCI',
    isHere: (environment) => environment['CIRCLECI'] === 'true',
    read: readCircle,
  },
  {
    // The OpenID Connect Provider plugin's credentials, bound under the names that its documentation uses
    name: 'Jenkins',
    isHere: (environment) =>
      isSet(environment, 'JENKINS_URL') &&
      (isSet(environment, 'IDTOKEN') || isSet(environment, 'ID_TOKEN_FILE')),
    read: (environment) =>
      Promise.resolve(
        environment['IDTOKEN'] ??
          readSmallFile(environment['ID_TOKEN_FILE'] ?? '').toString('latin1'),
      ),
  },
]

/**
 * The token of the CI job this runs in, if it runs in one.
 * @throws PlatformError SIGNER_FAILED, INVALID_PARAMETER
 */
export async function ambientToken(
  environment: Environment,
  audience: string,
): Promise<IdentityToken | undefined> {
  const source = SOURCES.find((one) => one.isHere(environment))
  if (source === undefined) return undefined
  return IdentityToken.parse(await source.read(environment, audience), source.name)
}

async function readGitHub(environment: Environment, audience: string): Promise<string> {
  const { ACTIONS_ID_TOKEN_REQUEST_URL: text, ACTIONS_ID_TOKEN_REQUEST_TOKEN: bearer } = environment
  if (text === undefined || bearer === undefined)
    throw failed('GitHub Actions gives this job no token: it needs `permissions: id-token: write`')
  const url = toServiceUrl(text, 'ACTIONS_ID_TOKEN_REQUEST_URL')
  url.searchParams.set('audience', audience)
  const what = 'the token service of GitHub Actions'
  const headers = { authorization: `Bearer ${bearer}` }
  const { value } = await exchangeJson({ what, url, headers })
  if (typeof value !== 'string') throw failed(`${what} answers without a token`)
  return value
}

/** The token that is there is for the organisation; one for another audience has to be asked for. */
async function readCircle(environment: Environment, audience: string): Promise<string> {
  const given = environment['CIRCLE_OIDC_TOKEN_V2']
  if (given !== undefined) {
    const { aud } = IdentityToken.parse(given, 'CircleCI').claims
    if (aud === audience) return given
  }
  const claims = JSON.stringify({ aud: audience })
  return await runProgram('circleci', ['run', 'oidc', 'get', '--claims', claims], environment)
}
