import { canonicalJson } from './canonical-json.ts'
import { sha256, type Sha256 } from './digest.ts'

export interface ReleaseLayer {
  readonly arn: string
  readonly codeSha256: Sha256
  readonly sha256: Sha256
  readonly tree: Sha256
}

/** What would run, environment values as HMACs so that the digest can be shown (RULES, Words). */
export interface ReleaseParts {
  readonly artifact: Sha256
  readonly layers: readonly Sha256[]
  readonly runtime: string
  readonly handler: string
  readonly architecture: string
  readonly wrapper: string | null
  readonly environment: Readonly<Record<string, string>>
  readonly egress: readonly string[]
}

/** SHA-256 over a domain tag and the canonical JSON of the parts. */
export function releaseDigest(parts: ReleaseParts): Sha256 {
  return sha256('lacre release v1\0', canonicalJson({ ...parts }))
}

/**
 * What the runtime executes, and nothing else: made by `live` from committed rows, frozen. `release` and
 * `decisionId` are the stamp that an environment carries for life.
 */
export interface ReleaseSpec {
  readonly functionId: string
  readonly functionName: string
  /** Unqualified ARN. */
  readonly functionArn: string
  /** `$LATEST` or digits. */
  readonly version: string
  readonly release: Sha256
  readonly decisionId: string
  readonly code: { readonly codeSha256: Sha256; readonly tree: Sha256 }
  /** In list order: later overwrites earlier under /opt. */
  readonly layers: readonly ReleaseLayer[]
  readonly runtime: string
  readonly handler: string
  readonly memoryMb: number
  readonly timeoutSeconds: number
  readonly ephemeralMb: number
  readonly environment: Readonly<Record<string, string>>
  /** Where events go that it fails for good; published with a version, and no part of the release. */
  readonly deadLetterArn?: string
  /** What it may connect to beyond its sandbox, as `parseEgressList` gives it; nothing where absent. */
  readonly egress?: readonly string[]
  /** AWS's default where absent; no part of the release. */
  readonly logging?: LoggingSpec
}

/** Where and how a function's output is kept (AWS's LoggingConfig). Levels are those of the format `JSON` alone. */
export interface LoggingSpec {
  readonly format: 'Text' | 'JSON'
  readonly group: string
  readonly applicationLevel?: string
  readonly systemLevel?: string
}

/** AWS's default. */
export function defaultLogging(functionName: string): LoggingSpec {
  return { format: 'Text', group: `/aws/lambda/${functionName}` }
}

/**
 * Environment variables that make an interpreter load code (RULES §8). Recorded as the fact `loaderVariables`,
 * and set only in the child that runs the function.
 */
const LOADER_VARIABLES = new Set([
  'NODE_OPTIONS',
  'NODE_PATH',
  'NODE_REPL_EXTERNAL_MODULE',
  'NODE_EXTRA_CA_CERTS',
  'PYTHONPATH',
  'PYTHONHOME',
  'PYTHONSTARTUP',
  'PYTHONINSPECT',
  'PYTHONUSERBASE',
  'PYTHONBREAKPOINT',
  'PYTHONWARNINGS',
  'LD_PRELOAD',
  'LD_LIBRARY_PATH',
  'LD_AUDIT',
  'LD_DEBUG_OUTPUT',
  'LD_ORIGIN_PATH',
  'GCONV_PATH',
  'LOCPATH',
  'GLIBC_TUNABLES',
  'PATH',
  'BASH_ENV',
  'ENV',
  'SHELLOPTS',
  'PERL5LIB',
  'PERL5OPT',
  'RUBYLIB',
  'RUBYOPT',
  'GEM_PATH',
  'GEM_HOME',
  'JAVA_TOOL_OPTIONS',
  '_JAVA_OPTIONS',
  'JDK_JAVA_OPTIONS',
  'CLASSPATH',
  'OPENSSL_CONF',
  'OPENSSL_MODULES',
  'OPENSSL_ENGINES',
  'AWS_LAMBDA_EXEC_WRAPPER',
  'DOTNET_STARTUP_HOOKS',
])

/** The names among these that load code, sorted. */
export function loaderVariables(names: Iterable<string>): string[] {
  return [...names].filter((name) => LOADER_VARIABLES.has(name)).sort()
}

/** What a function may have in flight at once (SPEC A15). */
export interface ConcurrencyCap {
  /** All of it, provisioned included; `undefined` where nothing is reserved. */
  readonly reserved: number | undefined
  /** Set aside for a version's own invocations, by version. */
  readonly provisioned: ReadonlyMap<string, number>
}
