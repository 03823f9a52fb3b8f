import { PlatformError } from '../../services/model/index.ts'
import type { Environment } from '../command.ts'
import { readSmallFile } from './read-file.ts'

/** The one place that knows which environment variables give credentials and endpoints to holders of keys. */

export interface AwsAccess {
  readonly region: string
  readonly accessKeyId: string
  readonly secretAccessKey: string
  readonly sessionToken: string | undefined
  readonly endpoint: URL
}

/**
 * `AWS_ENDPOINT_URL` is not asked: in this command it names Lacre itself, and a KMS call must not go there.
 * @throws PlatformError CONFIGURATION
 */
export function awsAccess(
  environment: Environment,
  keyId: string,
  host: string | undefined,
): AwsAccess {
  // A key lives in the region that its ARN names, whatever the environment says.
  const region =
    keyId.startsWith('arn:') && keyId.split(':')[3] !== ''
      ? keyId.split(':')[3]
      : (environment['AWS_REGION'] ?? environment['AWS_DEFAULT_REGION'])
  if (region === undefined || !/^[a-z0-9-]{1,40}$/.test(region))
    throw lacking('AWS KMS', 'AWS_REGION')
  const given = host === undefined ? environment['AWS_ENDPOINT_URL_KMS'] : `https://${host}`
  const domain = region.startsWith('cn-') ? 'amazonaws.com.cn' : 'amazonaws.com'
  return {
    region,
    accessKeyId: need(environment, 'AWS KMS', 'AWS_ACCESS_KEY_ID'),
    secretAccessKey: need(environment, 'AWS KMS', 'AWS_SECRET_ACCESS_KEY'),
    sessionToken: optional(environment, 'AWS_SESSION_TOKEN'),
    endpoint: toEndpoint(given ?? `https://kms.${region}.${domain}`, 'AWS_ENDPOINT_URL_KMS'),
  }
}

export interface GcpAccess {
  readonly endpoint: URL
  /** An access token, or the service account that gets one. */
  readonly token: string | undefined
  readonly serviceAccount: Buffer | undefined
}

/** gcloud's own names; a token stands before the service account. @throws PlatformError CONFIGURATION */
export function gcpAccess(environment: Environment): GcpAccess {
  const token =
    optional(environment, 'CLOUDSDK_AUTH_ACCESS_TOKEN') ??
    optional(environment, 'GOOGLE_OAUTH_ACCESS_TOKEN')
  const file = optional(environment, 'GOOGLE_APPLICATION_CREDENTIALS')
  if (token === undefined && file === undefined)
    throw lacking('Google Cloud KMS', 'GOOGLE_APPLICATION_CREDENTIALS')
  return {
    token,
    serviceAccount: token === undefined && file !== undefined ? readSmallFile(file) : undefined,
    endpoint: toEndpoint(
      optional(environment, 'CLOUDSDK_API_ENDPOINT_OVERRIDES_CLOUDKMS') ??
        'https://cloudkms.googleapis.com',
      'CLOUDSDK_API_ENDPOINT_OVERRIDES_CLOUDKMS',
    ),
  }
}

export interface AzureAccess {
  readonly tenant: string
  readonly clientId: string
  readonly clientSecret: string
  readonly authority: URL
  readonly endpoint: URL
  /** What the token is for. */
  readonly scope: string
}

/** Whose host names a token of that cloud may be sent to; any other host is one somebody made up. */
const AZURE_DOMAINS = [
  'vault.azure.net',
  'managedhsm.azure.net',
  'vault.azure.cn',
  'managedhsm.azure.cn',
  'vault.usgovcloudapi.net',
  'managedhsm.usgovcloudapi.net',
]

/** @throws PlatformError CONFIGURATION, INVALID_PARAMETER */
export function azureAccess(environment: Environment, vault: string): AzureAccess {
  const host = vault.includes('.') ? vault.toLowerCase() : `${vault.toLowerCase()}.vault.azure.net`
  const domain = AZURE_DOMAINS.find((one) => host.endsWith(`.${one}`))
  const own = optional(environment, 'AZURE_KEYVAULT_URL')
  if (domain === undefined && own === undefined)
    throw new PlatformError(
      'INVALID_PARAMETER',
      `\`${vault}\` is no host of Azure Key Vault: set AZURE_KEYVAULT_URL if it is yours`,
    )
  const tenant = need(environment, 'Azure Key Vault', 'AZURE_TENANT_ID')
  if (!/^[A-Za-z0-9.-]{1,255}$/.test(tenant)) throw lacking('Azure Key Vault', 'AZURE_TENANT_ID')
  return {
    tenant,
    clientId: need(environment, 'Azure Key Vault', 'AZURE_CLIENT_ID'),
    clientSecret: need(environment, 'Azure Key Vault', 'AZURE_CLIENT_SECRET'),
    authority: toEndpoint(
      optional(environment, 'AZURE_AUTHORITY_HOST') ?? 'https://login.microsoftonline.com',
      'AZURE_AUTHORITY_HOST',
    ),
    endpoint: toEndpoint(own ?? `https://${host}`, 'AZURE_KEYVAULT_URL'),
    scope: `https://${domain ?? 'vault.azure.net'}/.default`,
  }
}

export interface VaultAccess {
  readonly endpoint: URL
  readonly token: string
  readonly namespace: string | undefined
  /** Where the transit engine is mounted. */
  readonly mount: string
}

/** Vault's names, and cosign's for the mount. @throws PlatformError CONFIGURATION */
export function vaultAccess(environment: Environment): VaultAccess {
  const mount = optional(environment, 'TRANSIT_SECRET_ENGINE_PATH') ?? 'transit'
  if (!/^[\w-]+(?:\/[\w-]+)*$/.test(mount))
    throw lacking('HashiCorp Vault', 'TRANSIT_SECRET_ENGINE_PATH')
  return {
    endpoint: toEndpoint(need(environment, 'HashiCorp Vault', 'VAULT_ADDR'), 'VAULT_ADDR'),
    token: need(environment, 'HashiCorp Vault', 'VAULT_TOKEN'),
    namespace: optional(environment, 'VAULT_NAMESPACE'),
    mount,
  }
}

export interface TokenAccess {
  readonly modulePath: string | undefined
  readonly pin: string | undefined
}

/** cosign's names; what stands in the URI comes before them. */
export function tokenAccess(environment: Environment): TokenAccess {
  return {
    modulePath: optional(environment, 'COSIGN_PKCS11_MODULE_PATH'),
    pin: optional(environment, 'COSIGN_PKCS11_PIN'),
  }
}

function optional(environment: Environment, name: string): string | undefined {
  const value = environment[name]
  return value === undefined || value === '' ? undefined : value
}

function need(environment: Environment, holder: string, name: string): string {
  const value = optional(environment, name)
  // A line break would end a header and begin another.
  if (value === undefined || !/^[\x21-\x7e]{1,16384}$/.test(value)) throw lacking(holder, name)
  return value
}

function lacking(holder: string, name: string): PlatformError {
  return new PlatformError('CONFIGURATION', `${holder} wants ${name}: it is not set, or not usable`)
}

/**
 * Credentials go over TLS, or stay on this machine.
 * @throws PlatformError CONFIGURATION
 */
export function toEndpoint(text: string, name: string): URL {
  const url = URL.canParse(text) ? new URL(text) : undefined
  const loopback = ['127.0.0.1', '[::1]', 'localhost'].includes(url?.hostname ?? '')
  if (
    url === undefined ||
    !(url.protocol === 'https:' || (url.protocol === 'http:' && loopback)) ||
    url.username !== '' ||
    url.password !== '' ||
    url.search !== '' ||
    url.hash !== ''
  )
    throw new PlatformError('CONFIGURATION', `${name} is not https://HOST (http on loopback alone)`)
  return url
}
