import {
  PlatformError,
  systemClock,
  type PublisherDocument,
  type SealFormat,
} from '../services/model/index.ts'
import type { Environment } from './command.ts'
import { secretPrompt } from './prompt.ts'
import {
  asksServices,
  isKeyless,
  loadIdentity,
  type IdentityFiles,
  type OnlineOptions,
  type SealMaker,
  type SigningIdentity,
} from './signing/index.ts'
import { inline, type Terminal } from './terminal.ts'

/** What signing works with. */
export interface SigningTools {
  readonly terminal: Terminal
  readonly environment: Environment
}

/** Who signs and who vouches for it; for a keyless signature, in whose name. */
export interface Maker extends SealMaker {
  readonly keyless?: { readonly identity: string; readonly issuer: string }
  /** Whom the signature has to satisfy at once. */
  readonly expected?: PublisherDocument
}

/**
 * Whoever the options name: a key, or an identity token. What asks services is loaded only where something of it is wanted.
 * @throws PlatformError INVALID_PARAMETER, CONFIGURATION, SIGNER_FAILED
 */
export async function openMaker(
  options: IdentityFiles & OnlineOptions,
  tools: SigningTools,
  format?: SealFormat,
): Promise<Maker> {
  const keyless = isKeyless(options)
  if (!keyless && !asksServices(options)) return { identity: await ownIdentity(options, tools) }
  const online = await import('./signing/keyless/index.ts')
  online.checkTrustedRoot(options)
  const services = online.chooseServices(options, systemClock.nowMs())
  const witness = online.witnessOf(services)
  const withWitness = witness === undefined ? {} : { witness }
  if (!keyless) {
    const identity = await ownIdentity(options, tools)
    return { identity, ...withWitness, ...online.expectKey(options, services, identity) }
  }
  if (format === 'cms')
    throw new PlatformError('INVALID_PARAMETER', 'a keyless seal is a bundle: leave --format away')
  const { terminal, environment } = tools
  const identity = await online.keylessIdentity(services, options, {
    environment,
    say: (line) => terminal.say(inline(line)),
    prompt: (line) => terminal.prompt(inline(line)),
  })
  const { name, issuer } = identity
  const names = { identity: name.value, issuer }
  return { identity, ...withWitness, keyless: names, ...online.expectKeyless(options, identity) }
}

async function ownIdentity(
  options: IdentityFiles,
  { environment }: SigningTools,
): Promise<SigningIdentity> {
  return await loadIdentity(options, { environment, prompt: secretPrompt(environment) })
}
