import { createHash } from 'node:crypto'

import type { Clock, Json, Random } from '../../../services/model/index.ts'
import { exchange, failed, refusedWith, toJsonObject, toServiceUrl } from './exchange.ts'
import { IdentityToken } from './identity-token.ts'
import { discoverIssuer, type Issuer } from './oidc-discovery.ts'

const DEVICE_GRANT = 'urn:ietf:params:oauth:grant-type:device_code'
/** RFC 8628 §3.2: where the issuer names none. */
const DEFAULT_INTERVAL_S = 5
/** RFC 8628 §3.5: what `slow_down` adds. */
const SLOW_DOWN_S = 5
const INTERVAL_MAX_S = 60
const LIFETIME_MAX_S = 1_800
const VERIFIER_BYTES = 32

export interface DeviceFlow {
  readonly issuer: URL
  readonly clientId: string
  readonly clock: Clock
  readonly random: Random
  /** Tells the person where to go and what to type. */
  readonly prompt: (line: string) => void
}

interface Authorization {
  readonly deviceCode: string
  readonly intervalS: number
  readonly lifetimeS: number
}

/**
 * OAuth 2.0 device authorization grant (RFC 8628) for a person, who confirms in a browser anywhere; with PKCE
 * (RFC 7636) where the issuer has it, so that a stolen device code is of no use.
 * @throws PlatformError SIGNER_FAILED
 */
export async function deviceFlowToken(flow: DeviceFlow): Promise<IdentityToken> {
  const issuer = await discoverIssuer(flow.issuer)
  const verifier = Buffer.from(flow.random.bytes(VERIFIER_BYTES)).toString('base64url')
  const authorization = await authorize(flow, issuer, verifier)
  const token = await poll(flow, issuer, authorization, verifier)
  return IdentityToken.parse(token, `the issuer \`${flow.issuer.origin}\``)
}

async function authorize(
  flow: DeviceFlow,
  { deviceEndpoint, pkce }: Issuer,
  verifier: string,
): Promise<Authorization> {
  const what = `the issuer \`${flow.issuer.origin}\``
  const challenge = createHash('sha256').update(verifier).digest('base64url')
  const answer = await post(what, deviceEndpoint, {
    client_id: flow.clientId,
    scope: 'openid email',
    ...(pkce && { code_challenge: challenge, code_challenge_method: 'S256' }),
  })
  if (answer.status !== 200) throw refusedWith(what, answer)
  const members = toJsonObject(answer, what)
  const { device_code: deviceCode, user_code: userCode, verification_uri: uri } = members
  if (typeof deviceCode !== 'string' || typeof userCode !== 'string' || typeof uri !== 'string')
    throw failed(`${what} answers the device request without code or address`)
  const { href } = toServiceUrl(uri, `the address that ${what} gives`)
  flow.prompt(`open ${href} and enter the code ${userCode}`)
  return {
    deviceCode,
    intervalS: seconds(members['interval'], DEFAULT_INTERVAL_S, INTERVAL_MAX_S),
    lifetimeS: seconds(members['expires_in'], LIFETIME_MAX_S, LIFETIME_MAX_S),
  }
}

async function poll(
  flow: DeviceFlow,
  { tokenEndpoint, pkce }: Issuer,
  authorization: Authorization,
  verifier: string,
): Promise<string> {
  const what = `the issuer \`${flow.issuer.origin}\``
  const { clock } = flow
  const endMs = clock.monotonicMs() + authorization.lifetimeS * 1_000
  const form = {
    grant_type: DEVICE_GRANT,
    device_code: authorization.deviceCode,
    client_id: flow.clientId,
    ...(pkce && { code_verifier: verifier }),
  }
  for (let { intervalS } = authorization; clock.monotonicMs() < endMs;) {
    await clock.sleep(intervalS * 1_000)
    const answer = await post(what, tokenEndpoint, form)
    const members = toJsonObject(answer, what)
    if (answer.status === 200) return idTokenOf(members, what)
    const { error } = members
    if (error === 'slow_down') intervalS = Math.min(intervalS + SLOW_DOWN_S, INTERVAL_MAX_S)
    else if (error !== 'authorization_pending') throw refusal(error, what, answer)
  }
  throw failed(`nobody confirmed the code in time`, 'device-code-expired')
}

function refusal(error: Json | undefined, what: string, answer: Parameters<typeof refusedWith>[1]) {
  if (error === 'access_denied') return failed('the sign-in was declined', 'access-denied')
  if (error === 'expired_token')
    return failed('nobody confirmed the code in time', 'device-code-expired')
  return refusedWith(what, answer)
}

function idTokenOf(members: Readonly<Record<string, Json>>, what: string): string {
  const { id_token: token } = members
  if (typeof token !== 'string') throw failed(`${what} answers without an \`id_token\``)
  return token
}

async function post(what: string, url: URL, form: Readonly<Record<string, string>>) {
  const headers = { 'content-type': 'application/x-www-form-urlencoded' }
  return await exchange({ what, url, headers, body: new URLSearchParams(form).toString() })
}

function seconds(value: Json | undefined, otherwise: number, most: number): number {
  return typeof value === 'number' && value >= 1 ? Math.min(value, most) : otherwise
}
