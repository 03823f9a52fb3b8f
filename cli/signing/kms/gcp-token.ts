import { createPrivateKey, sign, type KeyObject } from 'node:crypto'

import { PlatformError, parseStrictJson, type Clock } from '../../../services/model/index.ts'
import { toEndpoint, type GcpAccess } from '../key-environment.ts'
import { askHolder, failed, type Members } from './exchange.ts'

const HOLDER = "Google's token endpoint"
const SCOPE = 'https://www.googleapis.com/auth/cloudkms'
const GRANT_TYPE = 'urn:ietf:params:oauth:grant-type:jwt-bearer'
/** Long enough for two calls; Google takes up to an hour. */
const ASSERTION_SECONDS = 300

interface ServiceAccount {
  readonly email: string
  readonly keyId: string
  readonly key: KeyObject
  readonly tokenUri: URL
}

/**
 * The access token given, or one for the service account by a signed assertion (RFC 7523).
 * @throws PlatformError CONFIGURATION, SIGNER_FAILED
 */
export async function gcpToken(
  access: GcpAccess,
  clock: Clock,
  timeoutMs?: number,
): Promise<string> {
  if (access.token !== undefined) return toToken(access.token)
  const account = readAccount(access.serviceAccount ?? Buffer.alloc(0))
  const assertion = makeAssertion(account, Math.floor(clock.nowMs() / 1_000))
  const answer = await askHolder({
    holder: HOLDER,
    method: 'POST',
    url: account.tokenUri,
    headers: { 'content-type': 'application/x-www-form-urlencoded' },
    body: new URLSearchParams({ grant_type: GRANT_TYPE, assertion }).toString(),
    timeoutMs,
  })
  return toToken(answer['access_token'])
}

/** A token that can stand in a header. */
export function toToken(value: unknown): string {
  if (typeof value !== 'string' || !/^[\x21-\x7e]{1,16384}$/.test(value))
    throw failed({ holder: HOLDER }, 'gives no usable access token', 'no-token')
  return value
}

function makeAssertion(
  { email, keyId, key, tokenUri }: ServiceAccount,
  nowSeconds: number,
): string {
  const encode = (value: object): string => Buffer.from(JSON.stringify(value)).toString('base64url')
  const head = encode({ alg: 'RS256', typ: 'JWT', kid: keyId })
  const claims = encode({
    iss: email,
    scope: SCOPE,
    aud: tokenUri.href,
    iat: nowSeconds,
    exp: nowSeconds + ASSERTION_SECONDS,
  })
  const signature = sign('sha256', Buffer.from(`${head}.${claims}`), key)
  return `${head}.${claims}.${signature.toString('base64url')}`
}

function readAccount(file: Buffer): ServiceAccount {
  let members: Members
  try {
    members = parseStrictJson(file) as Members
  } catch {
    throw refuse('is not JSON')
  }
  if (members?.['type'] !== 'service_account') throw refuse('is not of a service account')
  const text = (name: string): string => {
    const value = members[name]
    if (typeof value !== 'string' || value === '') throw refuse(`has no \`${name}\``)
    return value
  }
  return {
    email: text('client_email'),
    keyId: text('private_key_id'),
    key: toRsaKey(text('private_key')),
    tokenUri: toEndpoint(text('token_uri'), 'token_uri of GOOGLE_APPLICATION_CREDENTIALS'),
  }
}

function toRsaKey(pem: string): KeyObject {
  try {
    const key = createPrivateKey(pem)
    if (key.asymmetricKeyType === 'rsa') return key
  } catch {
    // Said below, without what was read.
  }
  throw refuse('has no RSA key in `private_key`')
}

function refuse(what: string): PlatformError {
  return new PlatformError('CONFIGURATION', `the file of GOOGLE_APPLICATION_CREDENTIALS ${what}`)
}
