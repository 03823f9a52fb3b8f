import type { SignatureScheme } from '../../../services/seal/index.ts'
import type { AzureAccess } from '../key-environment.ts'
import type { Signer } from '../signer.ts'
import { askHolder, bytesOf, failed, membersOf, textOf, type Members } from './exchange.ts'
import { cannotSign, digestOfBytes, ecdsaFromRaw, publicKeyOfJwk } from './held-key.ts'

const HOLDER = 'Azure Key Vault'
const TOKEN_HOLDER = "Azure's token endpoint"
const API_VERSION = '7.4'

export interface AzureKey {
  readonly access: AzureAccess
  readonly key: string
  /** The current one where absent; it is then kept for the signature. */
  readonly version: string | undefined
  readonly timeoutMs?: number
}

/** A key of Azure Key Vault or Managed HSM. @throws PlatformError SIGNER_FAILED, INVALID_SEAL */
export async function openAzureKey(key: AzureKey): Promise<Signer> {
  const token = await azureToken(key)
  const wanted = key.version === undefined ? '' : `/${key.version}`
  const answer = membersOf(await callAzure(key, token, wanted), 'key', HOLDER)
  const version = versionOf(answer, key)
  const operations = answer['key_ops']
  if (Array.isArray(operations) && !operations.includes('sign'))
    throw failed({ holder: HOLDER }, 'says that the key is not for signing', 'not-for-signing')
  return {
    publicKey: publicKeyOfJwk(toJwk(answer), HOLDER),
    sign: async (scheme, bytes) => {
      const algorithm = algorithmOf(scheme)
      if (scheme.kind === 'ed25519' || algorithm === undefined) throw cannotSign(HOLDER, scheme)
      const value = digestOfBytes(scheme.hash, bytes).toString('base64url')
      const body = JSON.stringify({ alg: algorithm, value })
      const signed = await callAzure(key, token, `/${version}/sign`, body)
      if (versionOf(signed, key) !== version)
        throw failed({ holder: HOLDER }, 'signs with another key', 'other-key')
      const signature = bytesOf(signed, 'value', HOLDER, 'base64url')
      return scheme.kind === 'ecdsa' ? ecdsaFromRaw(signature, HOLDER) : signature
    },
  }
}

function algorithmOf(scheme: SignatureScheme): string | undefined {
  if (scheme.kind === 'ed25519') return undefined
  const family = { ecdsa: 'ES', 'rsa-pkcs1': 'RS', 'rsa-pss': 'PS' }[scheme.kind]
  return `${family}${scheme.hash.slice(3)}`
}

/** The last part of `kid`; its host is not looked at, since nothing is fetched from what an answer names. */
export function versionOf(answer: Members, { key, version }: AzureKey): string {
  const [, name, found] =
    /\/keys\/([A-Za-z0-9-]{1,127})\/([0-9a-f]{32})$/.exec(textOf(answer, 'kid', HOLDER)) ?? []
  if (found === undefined || name?.toLowerCase() !== key.toLowerCase())
    throw failed({ holder: HOLDER }, 'answers for another key', 'other-key')
  if (version !== undefined && found !== version)
    throw failed({ holder: HOLDER }, 'answers for another version of the key', 'other-key')
  return found
}

/** Keys in hardware carry `-HSM`; otherwise it is a JSON Web Key. */
function toJwk(answer: Members): Record<string, string | undefined> {
  const kty = textOf(answer, 'kty', HOLDER).replace(/-HSM$/, '')
  const member = (name: string): string => textOf(answer, name, HOLDER)
  if (kty === 'EC') return { kty, crv: member('crv'), x: member('x'), y: member('y') }
  return { kty, n: member('n'), e: member('e') }
}

/** @throws PlatformError SIGNER_FAILED */
export async function azureToken({ access, timeoutMs }: AzureKey): Promise<string> {
  const answer = await askHolder({
    holder: TOKEN_HOLDER,
    method: 'POST',
    url: new URL(`/${access.tenant}/oauth2/v2.0/token`, access.authority),
    headers: { 'content-type': 'application/x-www-form-urlencoded' },
    body: new URLSearchParams({
      grant_type: 'client_credentials',
      client_id: access.clientId,
      client_secret: access.clientSecret,
      scope: access.scope,
    }).toString(),
    timeoutMs,
  })
  const token = answer['access_token']
  if (typeof token !== 'string' || !/^[\x21-\x7e]{1,16384}$/.test(token))
    throw failed({ holder: TOKEN_HOLDER }, 'gives no usable access token', 'no-token')
  return token
}

/** @throws PlatformError SIGNER_FAILED */
export async function callAzure(
  { access, key, timeoutMs }: AzureKey,
  token: string,
  suffix: string,
  body?: string,
): Promise<Members> {
  return await askHolder({
    holder: HOLDER,
    method: body === undefined ? 'GET' : 'POST',
    url: new URL(`/keys/${key}${suffix}?api-version=${API_VERSION}`, access.endpoint),
    headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
    body,
    timeoutMs,
  })
}
