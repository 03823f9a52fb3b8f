import { readFileSync } from 'node:fs'

import { parseSignInSettings, readJwksOption, type SignInSettings } from './auth/index.ts'
import { PlatformError } from './model/index.ts'

interface SignInServeOptions {
  readonly consoleOidcIssuer?: string
  readonly consoleOidcClientId?: string
  readonly consoleOidcClientSecretFile?: string
  readonly consoleOidcScope?: readonly string[]
  readonly consoleOidcTokenUrl?: string
  readonly oidcAudience?: string
  readonly oidcJwks?: readonly string[]
  readonly oidcInsecure?: readonly string[]
}

/** By which identity provider people sign in to the console; `undefined` for none. @throws PlatformError CONFIGURATION */
export function readSignIn(options: SignInServeOptions): SignInSettings | undefined {
  const { consoleOidcIssuer: issuer, consoleOidcClientSecretFile: file } = options
  return parseSignInSettings({
    issuer,
    clientId: options.consoleOidcClientId,
    clientSecret: file === undefined ? undefined : readSecret(file),
    scopes: options.consoleOidcScope ?? [],
    tokenUrl: options.consoleOidcTokenUrl,
    jwksUri: readJwksOption(options.oidcJwks ?? []).get(issuer ?? ''),
    insecure: (options.oidcInsecure ?? []).includes(issuer ?? ''),
    audience: options.oidcAudience,
  })
}

/** Without the end of line that editors leave. */
function readSecret(file: string): string {
  try {
    return readFileSync(file, 'utf8').replace(/\r?\n$/, '')
  } catch (cause) {
    const message = `the client secret \`${file}\` cannot be read`
    throw new PlatformError('CONFIGURATION', message, { cause })
  }
}
