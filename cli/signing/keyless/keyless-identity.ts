import { existsSync } from 'node:fs'

import {
  PlatformError,
  systemClock,
  systemRandom,
  type Clock,
  type Random,
} from '../../../services/model/index.ts'
import type { Environment } from '../../command.ts'
import { readSmallFile } from '../read-file.ts'
import type { SigningIdentity } from '../signing-identity.ts'
import { ambientToken } from './ambient-token.ts'
import { oneTimeKey, requestCertificate } from './certificate-authority.ts'
import { checkCertificate } from './certificate-check.ts'
import { deviceFlowToken } from './device-flow.ts'
import { IdentityToken } from './identity-token.ts'
import { needFulcio, type SigningServices } from './signing-services.ts'
import { issuersOf, type Identity } from './token-identities.ts'

/** Fulcio's client id at every issuer, and so the audience of tokens that it takes. */
const DEFAULT_CLIENT_ID = 'sigstore'

export interface KeylessOptions {
  /** A file with the token, or the token. */
  readonly identityToken?: string
  readonly oidcIssuer?: string
  readonly oidcClientId?: string
  readonly certificateIdentity?: string
}

/** What the world outside gives. */
export interface KeylessSurroundings {
  readonly environment: Environment
  readonly say: (line: string) => void
  /** Tells a person what to do; also where nothing else is told. */
  readonly prompt: (line: string) => void
  readonly clock?: Clock
  readonly random?: Random
}

/** A one-time key with a certificate for whom it signs, and who that is. */
export interface KeylessIdentity extends SigningIdentity {
  readonly name: Identity
  readonly issuer: string
}

/**
 * Gets an identity token (given, the CI job's own, or by a device flow) and a certificate for it. The token goes to the
 * certificate authority and nowhere else.
 * @throws PlatformError INVALID_PARAMETER, SIGNER_FAILED
 */
export async function keylessIdentity(
  services: SigningServices,
  options: KeylessOptions,
  surroundings: KeylessSurroundings,
): Promise<KeylessIdentity> {
  const fulcio = needFulcio(services)
  const { clock = systemClock } = surroundings
  const audience = options.oidcClientId ?? DEFAULT_CLIENT_ID
  const token = await identityToken(services, options, surroundings)
  if (options.oidcIssuer !== undefined && token.issuer !== options.oidcIssuer)
    throw new PlatformError(
      'INVALID_PARAMETER',
      `the identity token of ${token.source} is not by --oidc-issuer`,
      { detail: { rule: 'token-issuer' } },
    )
  token.check(audience, clock.nowMs())
  const key = oneTimeKey()
  const leaf = await requestCertificate(fulcio, token, key)
  const expected = { token, publicKey: key.publicKey, identity: options.certificateIdentity }
  const { name, issuer } = checkCertificate(leaf, { ...expected, nowMs: clock.nowMs() })
  return {
    ...key,
    leaf,
    intermediates: [],
    name,
    issuer: issuer ?? issuersOf(token)[0] ?? '',
  }
}

async function identityToken(
  services: SigningServices,
  options: KeylessOptions,
  { environment, say, prompt, clock = systemClock, random = systemRandom }: KeylessSurroundings,
): Promise<IdentityToken> {
  const { identityToken: given, oidcClientId: clientId = DEFAULT_CLIENT_ID } = options
  if (given !== undefined) return IdentityToken.parse(readGiven(given), '--identity-token')
  const ambient = await ambientToken(environment, clientId)
  if (ambient !== undefined) {
    say(`identity token: ${ambient.source}`)
    return ambient
  }
  const { issuer } = services
  if (issuer === undefined)
    throw new PlatformError(
      'INVALID_PARAMETER',
      'no identity token: give --identity-token, or --oidc-issuer to sign in with a browser; in a CI job, let the job have one',
    )
  return await deviceFlowToken({ issuer, clientId, clock, random, prompt })
}

/** cosign takes either; three parts between dots are a token, unless a file is called so. */
function readGiven(given: string): string {
  const isToken = /^[\w-]+\.[\w-]+\.[\w-]+$/.test(given.trim())
  if (isToken && !(given.length < 256 && existsSync(given))) return given
  try {
    return readSmallFile(given).toString('latin1')
  } catch {
    // the system's error names the path, which may be a mistyped token
    throw new PlatformError(
      'INVALID_PARAMETER',
      '--identity-token is neither a token nor a file that can be read',
    )
  }
}
