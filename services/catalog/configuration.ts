import type { Json, Sha256 } from '../model/index.ts'

export type LoggingConfig = {
  readonly LogFormat: string
  readonly LogGroup: string
  readonly ApplicationLogLevel?: string
  readonly SystemLogLevel?: string
}

export type DurableConfig = {
  readonly RetentionPeriodInDays?: number
  readonly ExecutionTimeout?: number
}

export type VpcConfig = {
  readonly SubnetIds: readonly string[]
  readonly SecurityGroupIds: readonly string[]
}

/**
 * What a version is configured with, by AWS's own member names: the column function_version.configuration, as
 * canonical JSON. Values of environment variables stand here and nowhere else.
 */
export type FunctionConfigurationDocument = {
  readonly Runtime: string
  readonly Role: string
  readonly Handler: string
  readonly Description: string
  readonly Timeout: number
  readonly MemorySize: number
  readonly Architectures: readonly string[]
  readonly PackageType: 'Zip'
  readonly EphemeralStorage: { readonly Size: number }
  readonly LoggingConfig: LoggingConfig
  readonly TracingConfig: { readonly Mode: string }
  readonly SnapStart: { readonly ApplyOn: string }
  readonly Environment?: { readonly Variables: Readonly<Record<string, string>> }
  readonly DeadLetterConfig?: { readonly TargetArn: string }
  readonly KMSKeyArn?: string
  readonly VpcConfig?: VpcConfig
  readonly DurableConfig?: DurableConfig
  /** Ours, and set by our own API alone: the hosts that it may connect to, as `parseEgressList` gives them; never empty. */
  readonly Egress?: readonly string[]
  /**
   * Of a published version: the digest of what it was published from. A description given to PublishVersion
   * changes the copy alone, so equality with `$LATEST` cannot be read off the copy (SPEC A3).
   */
  readonly PublishedFrom?: Sha256
}

/** What a caller may give; what is left out keeps its value, or takes AWS's default. */
export interface ConfigurationInput {
  readonly Runtime?: string
  readonly Role?: string
  readonly Handler?: string
  readonly Description?: string
  readonly Timeout?: number
  readonly MemorySize?: number
  readonly Architectures?: readonly string[]
  readonly EphemeralStorage?: { readonly Size: number }
  readonly LoggingConfig?: Partial<LoggingConfig>
  readonly TracingConfig?: { readonly Mode?: string }
  readonly SnapStart?: { readonly ApplyOn?: string }
  readonly Environment?: { readonly Variables?: Readonly<Record<string, string>> }
  readonly DeadLetterConfig?: { readonly TargetArn?: string }
  readonly KMSKeyArn?: string
  readonly VpcConfig?: Partial<VpcConfig>
  readonly DurableConfig?: DurableConfig
}

/** AWS's defaults (SPEC A2). */
export function defaultConfiguration(functionName: string): FunctionConfigurationDocument {
  return {
    Runtime: '',
    Role: '',
    Handler: '',
    Description: '',
    Timeout: 3,
    MemorySize: 128,
    Architectures: ['x86_64'],
    PackageType: 'Zip',
    EphemeralStorage: { Size: 512 },
    LoggingConfig: { LogFormat: 'Text', LogGroup: `/aws/lambda/${functionName}` },
    TracingConfig: { Mode: 'PassThrough' },
    SnapStart: { ApplyOn: 'None' },
  }
}

/** The configuration with what was given laid over it; environments are replaced whole, as AWS does. */
export function withConfiguration(
  before: FunctionConfigurationDocument,
  given: ConfigurationInput,
): FunctionConfigurationDocument {
  return {
    Runtime: given.Runtime ?? before.Runtime,
    Role: given.Role ?? before.Role,
    Handler: given.Handler ?? before.Handler,
    Description: given.Description ?? before.Description,
    Timeout: given.Timeout ?? before.Timeout,
    MemorySize: given.MemorySize ?? before.MemorySize,
    Architectures: given.Architectures ?? before.Architectures,
    PackageType: 'Zip',
    EphemeralStorage: given.EphemeralStorage ?? before.EphemeralStorage,
    LoggingConfig: mergeLogging(before.LoggingConfig, given.LoggingConfig),
    TracingConfig: { Mode: given.TracingConfig?.Mode ?? before.TracingConfig.Mode },
    SnapStart: { ApplyOn: given.SnapStart?.ApplyOn ?? before.SnapStart.ApplyOn },
    ...optional(
      'Environment',
      given.Environment === undefined
        ? before.Environment
        : { Variables: given.Environment.Variables ?? {} },
    ),
    ...optional('DeadLetterConfig', mergeDeadLetter(before, given)),
    ...optional('KMSKeyArn', (given.KMSKeyArn ?? before.KMSKeyArn) || undefined),
    ...optional('VpcConfig', mergeVpc(before, given)),
    ...optional('DurableConfig', mergeDurable(before, given)),
    ...optional('Egress', before.Egress),
  }
}

/** The configuration with another list of hosts. */
export function withEgress(
  before: FunctionConfigurationDocument,
  egress: readonly string[],
): FunctionConfigurationDocument {
  const { Egress: _before, ...others } = before
  return { ...others, ...optional('Egress', egress.length === 0 ? undefined : egress) }
}

function optional<K extends string, V>(name: K, value: V | undefined): { readonly [k in K]?: V } {
  return (value === undefined ? {} : { [name]: value }) as { readonly [k in K]?: V }
}

/** Levels exist in JSON format alone and are INFO unless said otherwise (recorded: TestLoggingConfig). */
function mergeLogging(
  before: LoggingConfig,
  given: Partial<LoggingConfig> | undefined,
): LoggingConfig {
  const merged = { ...before, ...withoutUndefined(given ?? {}) }
  const { LogFormat, LogGroup } = merged
  if (LogFormat !== 'JSON') return { LogFormat, LogGroup }
  return {
    LogFormat,
    LogGroup,
    ApplicationLogLevel: merged.ApplicationLogLevel ?? 'INFO',
    SystemLogLevel: merged.SystemLogLevel ?? 'INFO',
  }
}

function withoutUndefined<T extends object>(value: T): Partial<T> {
  return Object.fromEntries(
    Object.entries(value).filter(([, member]) => member !== undefined),
  ) as Partial<T>
}

/** An empty TargetArn takes the configuration away. */
function mergeDeadLetter(
  before: FunctionConfigurationDocument,
  given: ConfigurationInput,
): { readonly TargetArn: string } | undefined {
  if (given.DeadLetterConfig === undefined) return before.DeadLetterConfig
  const target = given.DeadLetterConfig.TargetArn ?? ''
  return target === '' ? undefined : { TargetArn: target }
}

function mergeVpc(
  before: FunctionConfigurationDocument,
  given: ConfigurationInput,
): VpcConfig | undefined {
  if (given.VpcConfig === undefined) return before.VpcConfig
  return {
    SubnetIds: given.VpcConfig.SubnetIds ?? before.VpcConfig?.SubnetIds ?? [],
    SecurityGroupIds: given.VpcConfig.SecurityGroupIds ?? before.VpcConfig?.SecurityGroupIds ?? [],
  }
}

/** AWS keeps what a durable execution did for 14 days unless told otherwise. */
function mergeDurable(
  before: FunctionConfigurationDocument,
  given: ConfigurationInput,
): DurableConfig | undefined {
  if (given.DurableConfig === undefined) return before.DurableConfig
  return {
    RetentionPeriodInDays: 14,
    ...before.DurableConfig,
    ...withoutUndefined(given.DurableConfig),
  }
}

/** The members of the document as they are answered; what is ours alone stays inside. */
export function answeredConfiguration(
  document: FunctionConfigurationDocument,
): Record<string, Json | undefined> {
  const { PublishedFrom: _from, Egress: _egress, SnapStart, VpcConfig: vpc, ...members } = document
  return {
    ...members,
    SnapStart: { ApplyOn: SnapStart.ApplyOn, OptimizationStatus: 'Off' },
    ...(vpc === undefined
      ? {}
      : { VpcConfig: { ...vpc, VpcId: '', Ipv6AllowedForDualStack: false } }),
  }
}
