import { readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'

import { readBytes, readKeptLimits, type KeptLimits } from './byte-limits.ts'
import { parseTokenSettings, type SignInSettings, type TokenSettings } from './auth/index.ts'
import { parseUrlBase } from './http/index.ts'
import type { WitnessConfig } from './audit/index.ts'
import type { MasterKeyOptions } from './keys/index.ts'
import { readEgress, type EgressConfig, type EgressOptions } from './egress-config.ts'
import { parseConsoleHost, parseOtlpEndpoint, parsePublicUrl } from './host-names.ts'
import { parseWitness, readCheckpointDir } from './ledger-config.ts'
import { BREAK_GLASS_LIMIT_MS, PlatformError, parsePlace, type Place } from './model/index.ts'
import type { BreakGlassSettings, ReactionLimits } from './operations/index.ts'
import { parseScale, parseWebhooks } from './events-config.ts'
import { readReactionLimits } from './reaction-limits.ts'
import {
  ISOLATIONS,
  parseMaxEnvironments,
  parsePrewarmed,
  readRuntimes,
  type Isolation,
  type RuntimeOptions,
  type RuntimesConfig,
} from './runtimes-config.ts'
import { readSignIn } from './sign-in-config.ts'
import { POLICY_SETS, type PolicySetName } from './shipped-policies.ts'

/** As `lacre serve` takes them: `--name value` without the dashes. */
export interface ServeOptions extends EgressOptions, RuntimeOptions {
  readonly data: string
  readonly listen?: string
  readonly urlListen?: string
  readonly urlBase?: string
  readonly tlsCert?: string
  readonly tlsKey?: string
  readonly trustProxy?: string
  readonly account?: string
  readonly region?: string
  readonly isolation?: string
  readonly requireIsolation?: boolean
  readonly masterKeyFile?: string
  /** Base64, where a KMS unwrapped it; instead of the file. */
  readonly masterKey?: string
  readonly maxEnvironments?: string
  readonly prewarmed?: string
  readonly openMetrics?: boolean
  readonly openTlog?: boolean
  readonly consoleHost?: readonly string[]
  readonly checkpointDir?: string
  readonly witness?: readonly string[]
  readonly policySet?: string
  readonly breakGlassMaxTtl?: string
  readonly breakGlassQuorum?: string
  readonly reactionsMaxAliases?: string
  readonly reactionsGrace?: string
  readonly allowSource?: readonly string[]
  readonly eventWebhook?: readonly string[]
  readonly eventDelayScale?: string
  readonly oidcIssuer?: readonly string[]
  readonly oidcAudience?: string
  readonly oidcJwks?: readonly string[]
  readonly oidcInsecure?: readonly string[]
  readonly otlpEndpoint?: string
  readonly consoleOidcIssuer?: string
  readonly consoleOidcClientId?: string
  readonly consoleOidcClientSecretFile?: string
  readonly consoleOidcScope?: readonly string[]
  readonly consoleOidcTokenUrl?: string
}

/** Everything that can be set, checked once; nobody else reads the environment. */
export interface Config {
  readonly dataDir: string
  readonly host: string
  readonly port: number
  /** Where function URLs answer, apart from everything else; `undefined` where they are off. */
  readonly urls: UrlConfig | undefined
  readonly tls: { readonly cert: string; readonly key: string } | undefined
  /** The proxy in front that ends TLS, by name: a listener beyond loopback then needs no certificate of ours. */
  readonly trustProxy: string | undefined
  readonly place: Place
  readonly isolation: Isolation
  readonly requireIsolation: boolean
  /** Where the key that encrypts secrets at rest comes from (RULES §9). */
  readonly masterKey:
    | { readonly from: 'file'; readonly path: string }
    | { readonly from: 'environment' | 'kms'; readonly base64: string }
    | undefined
  readonly maxEnvironments: number
  /** Environments without code that wait for each kind of start. */
  readonly prewarmed: number
  readonly runtimes: RuntimesConfig
  /** Functions are let out to nothing where undefined. */
  readonly egress: EgressConfig | undefined
  readonly openMetrics: boolean
  /** The tiles of the ledger are for anybody. */
  readonly openTlog: boolean
  /** Names of the console beside those of a loopback listener: `lacre.example.com`, with a port where it needs one. */
  readonly consoleHosts: readonly string[]
  /** A second place for the ledger's last checkpoint, outside the data directory. */
  readonly checkpointDir: string | undefined
  /** Who is asked to cosign checkpoints. */
  readonly witnesses: readonly WitnessConfig[]
  /** The shipped admission set that the operator names; without one what was in force stays. */
  readonly policySet: PolicySetName | undefined
  /** How long an exception lasts at most, and how many persons it takes. */
  readonly breakGlass: BreakGlassSettings
  /** How much is reacted to at once without a person, and what running calls have left. */
  readonly reactions: ReactionLimits
  /** Addresses and networks inside that configured URLs may lead to; public ones need no list. */
  readonly allowedSources: readonly string[]
  /** URLs that messages of a queue are posted to, by its ARN. */
  readonly eventWebhooks: ReadonlyMap<string, string>
  /** What AWS's delays of asynchronous events are multiplied by: 1 but where a test cannot wait. */
  readonly eventDelayScale: number
  /** Whose tokens are taken, and for which audience; nobody's where undefined. */
  readonly tokens: TokenSettings | undefined
  /** The identity provider by which people sign in to the console. */
  readonly signIn: SignInSettings | undefined
  /** Below it, spans are handed over; nothing is traced where undefined. */
  readonly otlpEndpoint: string | undefined
  /** AWS's quotas where this installation sets its own; request rates are off unless asked for. */
  readonly quotas: { readonly codeStorageBytes?: number | undefined }
  readonly kept: KeptLimits
  readonly apiRates: boolean
  readonly logLevel: 'debug' | 'info' | 'warn' | 'error'
}

export interface UrlConfig {
  readonly host: string
  readonly port: number
  /** The port is a default: any free one does where it is taken. */
  readonly elsewhere: boolean
  /** `https://functions.example.com`: what stands in `FunctionUrl`, where that is not where it listens. */
  readonly base: string | undefined
}

const DEFAULT_PORT = 9_771
const DEFAULT_URL_PORT = 9_773

/**
 * Options first, then `LACRE_*` variables, then defaults. `LACRE_MASTER_KEY` is taken out of the environment,
 * so that no child and no dump holds it.
 * @throws PlatformError CONFIGURATION, INVALID_PARAMETER
 */
export function readConfig(options: ServeOptions, env: NodeJS.ProcessEnv = process.env): Config {
  const { host, port } = parseListen(options.listen ?? env['LACRE_LISTEN'])
  const config: Config = {
    dataDir: resolve(options.data),
    host,
    port,
    urls: readUrls(options, env, port),
    tls: readTls(options),
    trustProxy: options.trustProxy,
    place: parsePlace(
      options.account ?? env['LACRE_ACCOUNT'] ?? '000000000000',
      options.region ?? env['LACRE_REGION'] ?? 'us-east-1',
    ),
    isolation: oneOf('isolation', options.isolation ?? 'auto', ISOLATIONS),
    requireIsolation: options.requireIsolation ?? false,
    masterKey: readMasterKey(options, env),
    maxEnvironments: parseMaxEnvironments(options.maxEnvironments),
    prewarmed: parsePrewarmed(options.prewarmed),
    runtimes: readRuntimes({
      runtimesDir: options.runtimesDir ?? env['LACRE_RUNTIMES_DIR'],
      runtimeSubstitute: options.runtimeSubstitute ?? env['LACRE_RUNTIME_SUBSTITUTE'],
    }),
    egress: readEgress(options),
    openMetrics: options.openMetrics ?? false,
    openTlog: options.openTlog ?? false,
    consoleHosts: (options.consoleHost ?? []).map(parseConsoleHost),
    checkpointDir: readCheckpointDir(options, env),
    witnesses: (options.witness ?? []).map(parseWitness),
    policySet: readPolicySet(options.policySet ?? env['LACRE_POLICY_SET']),
    breakGlass: readBreakGlass(options, env),
    reactions: readReactionLimits({
      maxAliases: options.reactionsMaxAliases ?? env['LACRE_REACTIONS_MAX_ALIASES'],
      graceSeconds: options.reactionsGrace ?? env['LACRE_REACTIONS_GRACE'],
    }),
    allowedSources: options.allowSource ?? [],
    eventWebhooks: parseWebhooks(options.eventWebhook ?? []),
    eventDelayScale: parseScale(options.eventDelayScale ?? env['LACRE_EVENT_DELAY_SCALE']),
    tokens: parseTokenSettings({
      issuers: options.oidcIssuer ?? [],
      audience: options.oidcAudience,
      jwks: options.oidcJwks ?? [],
      insecure: options.oidcInsecure ?? [],
      signIn: options.consoleOidcIssuer,
    }),
    signIn: readSignIn(options),
    otlpEndpoint: parseOtlpEndpoint(options.otlpEndpoint ?? env['OTEL_EXPORTER_OTLP_ENDPOINT']),
    quotas: { codeStorageBytes: readBytes(env, 'LACRE_CODE_STORAGE_BYTES') },
    kept: readKeptLimits(env),
    apiRates: oneOf('LACRE_API_RATES', env['LACRE_API_RATES'] ?? 'off', ['on', 'off']) === 'on',
    logLevel: readLogLevel(env),
  }
  return Object.freeze(config)
}

/** What works on a data directory with the service stopped. */
export function readOfflineConfig(
  options: Pick<ServeOptions, 'data' | 'masterKeyFile' | 'masterKey' | 'checkpointDir'>,
  env: NodeJS.ProcessEnv = process.env,
): Pick<Config, 'dataDir' | 'masterKey' | 'logLevel' | 'checkpointDir'> {
  return {
    dataDir: resolve(options.data),
    checkpointDir: readCheckpointDir(options, env),
    masterKey: readMasterKey(options, env),
    logLevel: readLogLevel(env),
  }
}

/** As `lacre authority serve` takes them. */
export interface AuthorityServeOptions {
  readonly data: string
  readonly listen?: string
  readonly publicUrl?: string
  readonly tlsCert?: string
  readonly tlsKey?: string
  readonly trustProxy?: string
  readonly masterKeyFile?: string
  readonly masterKey?: string
  readonly oidcIssuer?: readonly string[]
  readonly oidcKind?: readonly string[]
  readonly oidcJwks?: readonly string[]
  readonly allowInsecureHttp?: readonly string[]
  readonly allowPrivateNetwork?: readonly string[]
}

export interface AuthorityConfig extends Pick<
  Config,
  'dataDir' | 'host' | 'port' | 'tls' | 'trustProxy' | 'masterKey' | 'logLevel'
> {
  /** Where clients reach it, where that is not where it listens. */
  readonly publicUrl: string | undefined
  readonly issuers: {
    readonly issuers: readonly string[]
    readonly kinds: readonly string[]
    readonly jwks: readonly string[]
    readonly insecure: readonly string[]
  }
  /** Issuers whose hosts may have addresses that are not public. */
  readonly privateIssuers: readonly string[]
}

const DEFAULT_AUTHORITY_PORT = 9_772

/** As `readConfig`, for the private authority. @throws PlatformError CONFIGURATION */
export function readAuthorityConfig(
  options: AuthorityServeOptions,
  env: NodeJS.ProcessEnv = process.env,
): AuthorityConfig {
  const listen = options.listen ?? `127.0.0.1:${DEFAULT_AUTHORITY_PORT}`
  const insecure = options.allowInsecureHttp ?? []
  return Object.freeze({
    dataDir: resolve(options.data),
    ...parseListen(listen),
    tls: readTls(options),
    trustProxy: options.trustProxy,
    masterKey: readMasterKey(options, env),
    logLevel: readLogLevel(env),
    publicUrl: options.publicUrl === undefined ? undefined : parsePublicUrl(options.publicUrl),
    issuers: {
      issuers: options.oidcIssuer ?? [],
      kinds: options.oidcKind ?? [],
      jwks: options.oidcJwks ?? [],
      insecure,
    },
    privateIssuers: [...insecure, ...(options.allowPrivateNetwork ?? [])],
  })
}

/** The master key of a stopped authority's directory, for `rotate`. */
export function readAuthorityKeyConfig(
  options: Pick<AuthorityServeOptions, 'data' | 'masterKeyFile' | 'masterKey'>,
  env: NodeJS.ProcessEnv = process.env,
): Pick<AuthorityConfig, 'dataDir' | 'masterKey'> {
  return { dataDir: resolve(options.data), masterKey: readMasterKey(options, env) }
}

function readBreakGlass(
  options: Pick<ServeOptions, 'breakGlassMaxTtl' | 'breakGlassQuorum'>,
  env: NodeJS.ProcessEnv,
): BreakGlassSettings {
  const seconds = options.breakGlassMaxTtl ?? env['LACRE_BREAK_GLASS_MAX_TTL']
  const maxTtlMs = seconds === undefined ? BREAK_GLASS_LIMIT_MS : Number(seconds) * 1_000
  if (!(Number.isInteger(maxTtlMs) && maxTtlMs > 0 && maxTtlMs <= BREAK_GLASS_LIMIT_MS))
    throw new PlatformError(
      'CONFIGURATION',
      `the longest break-glass \`${seconds ?? ''}\` is not 1 to ${BREAK_GLASS_LIMIT_MS / 1_000} seconds`,
    )
  const quorum = options.breakGlassQuorum ?? env['LACRE_BREAK_GLASS_QUORUM'] ?? '2'
  return {
    maxTtlMs,
    quorum: oneOf('the quorum of break-glass', quorum, ['1', '2']) === '1' ? 1 : 2,
  }
}

function readPolicySet(text: string | undefined): PolicySetName | undefined {
  return text === undefined ? undefined : oneOf('the policy set', text, POLICY_SETS)
}

export function readLogLevel(env: NodeJS.ProcessEnv = process.env): Config['logLevel'] {
  const level = env['LACRE_LOG_LEVEL'] ?? 'info'
  return oneOf('LACRE_LOG_LEVEL', level, ['debug', 'info', 'warn', 'error'])
}

export function parseListen(text: string | undefined): { host: string; port: number } {
  if (text === undefined) return { host: '127.0.0.1', port: DEFAULT_PORT }
  const match = /^(?:\[([0-9a-fA-F:]+)\]|([^:\s]+)):(\d{1,5})$/.exec(text)
  const host = match?.[1] ?? match?.[2]
  const port = Number(match?.[3])
  if (host === undefined || !(port <= 65_535)) {
    throw new PlatformError('CONFIGURATION', `\`${text}\` is not HOST:PORT`)
  }
  return { host, port }
}

/** Without a word on this machine alone: on a port of its own beside the default one, any free one beside another. */
function readUrls(
  options: Pick<ServeOptions, 'urlListen' | 'urlBase'>,
  env: NodeJS.ProcessEnv,
  apiPort: number,
): UrlConfig | undefined {
  const listen = options.urlListen ?? env['LACRE_URL_LISTEN']
  if (listen === 'off') return undefined
  const base = options.urlBase ?? env['LACRE_URL_BASE']
  if (base !== undefined) checkUrlBase(base)
  if (listen !== undefined) return { ...parseListen(listen), elsewhere: false, base }
  const port = apiPort === DEFAULT_PORT ? DEFAULT_URL_PORT : 0
  return { host: '127.0.0.1', port, elsewhere: true, base }
}

function checkUrlBase(text: string): void {
  try {
    parseUrlBase(text)
  } catch (cause) {
    const message = `--url-base \`${text}\` is no http(s)://host[:port]`
    throw new PlatformError('CONFIGURATION', message, { cause })
  }
}

export function readTls(options: Pick<ServeOptions, 'tlsCert' | 'tlsKey'>): Config['tls'] {
  const { tlsCert, tlsKey } = options
  if (tlsCert === undefined && tlsKey === undefined) return undefined
  if (tlsCert === undefined || tlsKey === undefined) {
    throw new PlatformError('CONFIGURATION', '--tls-cert and --tls-key go together')
  }
  try {
    return { cert: readFileSync(tlsCert, 'utf8'), key: readFileSync(tlsKey, 'utf8') }
  } catch (cause) {
    throw new PlatformError('CONFIGURATION', 'the TLS certificate or key cannot be read', { cause })
  }
}

export function readMasterKey(
  options: Pick<ServeOptions, 'masterKeyFile' | 'masterKey'>,
  env: NodeJS.ProcessEnv = process.env,
): Config['masterKey'] {
  const base64 = env['LACRE_MASTER_KEY']
  delete env['LACRE_MASTER_KEY']
  if (options.masterKey !== undefined) return { from: 'kms', base64: options.masterKey }
  const path = options.masterKeyFile ?? env['LACRE_MASTER_KEY_FILE']
  if (path !== undefined) return { from: 'file', path: resolve(path) }
  return base64 === undefined ? undefined : { from: 'environment', base64 }
}

/** As `keys` takes it. */
export function masterKeyOptions({
  masterKey,
}: Pick<Config, 'masterKey'>): Pick<MasterKeyOptions, 'file' | 'value' | 'valueFrom'> {
  if (masterKey === undefined) return {}
  return masterKey.from === 'file'
    ? { file: masterKey.path }
    : { value: masterKey.base64, valueFrom: masterKey.from }
}

function oneOf<T extends string>(name: string, value: string, allowed: readonly T[]): T {
  const found = allowed.find((one) => one === value)
  if (found !== undefined) return found
  throw new PlatformError('CONFIGURATION', `${name} \`${value}\` is none of ${allowed.join(', ')}`)
}

/** The database file and the like, by name. */
export function dataPaths(dataDir: string) {
  return {
    database: join(dataDir, 'lacre.db'),
    events: join(dataDir, 'events.db'),
    logs: join(dataDir, 'logs'),
    metering: join(dataDir, 'metering'),
    admin: join(dataDir, 'admin.json'),
    checkpoints: join(dataDir, 'checkpoints'),
  } as const
}
