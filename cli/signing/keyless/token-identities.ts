import { isObject } from './exchange.ts'
import type { Claims, IdentityToken } from './identity-token.ts'

/** A subjectAltName as a certificate carries it. */
export interface Identity {
  readonly type: 'uri' | 'email' | 'dns'
  readonly value: string
}

/**
 * The names under which a Fulcio may certify this token: which of them is a matter of how it has the issuer configured
 * (docs/oidc.md and config/identity/config.yaml of sigstore/fulcio), but it is one of these or not our identity.
 */
export function identitiesOf({ claims, issuer, subject }: IdentityToken): readonly Identity[] {
  const uris = [
    claims['sub'],
    ...gitHubUris(claims, issuer),
    joined`https://${claims['ci_config_ref_uri']}`,
    joined`https://buildkite.com/${claims['organization_slug']}/${claims['pipeline_slug']}`,
    joined`https://circleci.com/api/v2/projects/${claims['oidc.circleci.com/project-id']}/pipeline-definitions/${claims['oidc.circleci.com/pipeline-definition-id']}`,
    kubernetesUri(claims),
  ].filter((uri) => typeof uri === 'string')
  return [
    ...(subject === claims['email'] ? [{ type: 'email' as const, value: subject }] : []),
    ...uris.map((value) => ({ type: 'uri' as const, value })),
  ]
}

/** The issuers that a certificate may name for this token: Dex, in between, is left out by Fulcio. */
export function issuersOf({ claims, issuer }: IdentityToken): readonly string[] {
  const federated = claims['federated_claims']
  const connector = isObject(federated) ? federated['connector_id'] : undefined
  return typeof connector === 'string' ? [issuer, connector] : [issuer]
}

/** github.com, or the host of an Enterprise Server, whose issuer is `https://HOST/_services/token`. */
function gitHubUris(claims: Claims, issuer: string): readonly (string | undefined)[] {
  const workflow = claims['job_workflow_ref']
  if (typeof workflow !== 'string' || !URL.canParse(issuer)) return []
  const host = new URL(issuer).host.replace(/^token\.actions\./, '')
  const server = host === 'githubusercontent.com' ? 'github.com' : host
  return [joined`https://${server}/${workflow}`]
}

function kubernetesUri(claims: Claims): string | undefined {
  const inner = claims['kubernetes.io']
  const account = isObject(inner) ? inner['serviceaccount'] : undefined
  if (!isObject(inner) || !isObject(account)) return undefined
  return joined`https://kubernetes.io/namespaces/${inner['namespace']}/serviceaccounts/${account['name']}`
}

/** The text with its values, or nothing where one of them is no text. */
function joined(parts: TemplateStringsArray, ...values: readonly unknown[]): string | undefined {
  if (values.some((value) => typeof value !== 'string' || value === '')) return undefined
  return parts.map((part, at) => `${part}${(values[at] as string | undefined) ?? ''}`).join('')
}
