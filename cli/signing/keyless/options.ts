import { Option, type Command } from 'commander'

import { PlatformError } from '../../../services/model/index.ts'
import type { KeylessOptions } from './keyless-identity.ts'
import type { ServiceOptions } from './signing-services.ts'

/** What `lacre sign` takes for signing without a key and for logs, under cosign's names. */
export interface OnlineOptions extends ServiceOptions, KeylessOptions {
  readonly keyless?: boolean
  readonly trustedRoot?: string
}

/** What belongs to a key of one's own. */
interface KeyOptions {
  readonly key?: string
  readonly cert?: string
  readonly chain?: string
  readonly p12?: string
}

/** Nothing of it has a default: no service is asked that was not named. */
export function withOnlineOptions(command: Command): Command {
  const several = (value: string, before: readonly string[] = []) => [...before, value]
  return command
    .option('--keyless', 'sign with a one-time key in the name of an identity token')
    .option('--fulcio-url <url>', 'keyless: the certificate authority')
    .option('--identity-token <file|jwt>', 'keyless: the token, instead of the CI job’s own')
    .option('--oidc-issuer <url>', 'keyless: issuer of the token; people sign in there')
    .option('--oidc-client-id <id>', 'keyless: client and audience; `sigstore` where not given')
    .option('--certificate-identity <id>', 'keyless: the name the certificate has to carry')
    .option('--rekor-url <url>', 'enter the signature in this log; may be repeated', several)
    .addOption(new Option('--rekor-api-version <n>', 'of --rekor-url').choices(['1', '2']))
    .addOption(
      new Option('--rekor-entry-type <type>', 'kind of log entry; `dsse` where not given').choices([
        'dsse',
        'intoto',
        'hashedrekord',
      ]),
    )
    .option('--signing-config <file>', 'a Sigstore SigningConfig, for what is not named above')
    .option(
      '--trusted-root <file>',
      'judge the seal by this Sigstore TrustedRoot before it is written',
    )
}

/** @throws PlatformError INVALID_PARAMETER where it is asked for beside a key */
export function isKeyless(options: OnlineOptions & KeyOptions): boolean {
  const { key, p12, cert, chain, signingConfig } = options
  const ownKey = key !== undefined || p12 !== undefined
  const { keyless, fulcioUrl, identityToken, oidcIssuer, oidcClientId, certificateIdentity } =
    options
  const named = [fulcioUrl, identityToken, oidcIssuer, oidcClientId, certificateIdentity]
  const asked = keyless === true || named.some((value) => value !== undefined)
  if (asked && (ownKey || cert !== undefined || chain !== undefined))
    throw new PlatformError(
      'INVALID_PARAMETER',
      'a key of your own and keyless signing exclude each other: give either --key or --p12, or the keyless options',
    )
  return asked || (signingConfig !== undefined && !ownKey)
}

/** Whether a service is to be asked at all, so that a plain key loads nothing of it. */
export function asksServices(options: OnlineOptions): boolean {
  const { rekorUrl, signingConfig, timestampServerUrl, trustedRoot } = options
  const asked = [rekorUrl, signingConfig, timestampServerUrl, trustedRoot]
  return asked.some((value) => value !== undefined)
}
