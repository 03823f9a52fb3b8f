import {
  defaultLogging,
  functionArn,
  type LoggingSpec,
  type Place,
  type ReleaseLayer,
  type ReleaseSpec,
  type Sha256,
} from '../model/index.ts'

/** The columns a release is made of; `tree` comes from the artifact's row. */
export interface ReleaseRow {
  readonly functionId: string
  readonly functionName: string
  readonly version: string
  /** function_version.configuration */
  readonly configuration: string
  readonly codeSha256: string
  readonly tree: string
  /** function_version.layers */
  readonly layers: string
  readonly release: string
  readonly decisionId: string
}

interface ConfigurationMembers {
  readonly Runtime?: string
  readonly Handler?: string
  readonly MemorySize?: number
  readonly Timeout?: number
  readonly EphemeralStorage?: { readonly Size?: number }
  readonly DeadLetterConfig?: { readonly TargetArn?: string }
  readonly LoggingConfig?: {
    readonly LogFormat?: string
    readonly LogGroup?: string
    readonly ApplicationLogLevel?: string
    readonly SystemLogLevel?: string
  }
  readonly Egress?: readonly string[]
  readonly Environment?: { readonly Variables?: Readonly<Record<string, string>> }
}

/** What the runtime is to execute for a committed row; deeply frozen, since the warm path shares it. */
export function toReleaseSpec(place: Place, row: ReleaseRow): ReleaseSpec {
  const configuration = JSON.parse(row.configuration) as ConfigurationMembers
  const layers = JSON.parse(row.layers) as ReleaseLayer[]
  const deadLetterArn = configuration.DeadLetterConfig?.TargetArn ?? ''
  return Object.freeze({
    functionId: row.functionId,
    functionName: row.functionName,
    functionArn: functionArn(place, row.functionName),
    version: row.version,
    release: row.release as Sha256,
    decisionId: row.decisionId,
    code: Object.freeze({ codeSha256: row.codeSha256 as Sha256, tree: row.tree as Sha256 }),
    layers: Object.freeze(layers.map((layer) => Object.freeze(layer))),
    runtime: configuration.Runtime ?? '',
    handler: configuration.Handler ?? '',
    memoryMb: configuration.MemorySize ?? 128,
    timeoutSeconds: configuration.Timeout ?? 3,
    ephemeralMb: configuration.EphemeralStorage?.Size ?? 512,
    environment: Object.freeze({ ...configuration.Environment?.Variables }),
    ...(deadLetterArn === '' ? {} : { deadLetterArn }),
    ...(configuration.Egress === undefined ? {} : { egress: Object.freeze(configuration.Egress) }),
    logging: Object.freeze(toLogging(row.functionName, configuration.LoggingConfig)),
  })
}

function toLogging(
  functionName: string,
  config: ConfigurationMembers['LoggingConfig'] = {},
): LoggingSpec {
  const { group: defaultGroup } = defaultLogging(functionName)
  const group = config.LogGroup ?? defaultGroup
  if (config.LogFormat !== 'JSON') return { format: 'Text', group }
  const { ApplicationLogLevel = 'INFO', SystemLogLevel = 'INFO' } = config
  return {
    format: 'JSON',
    group,
    applicationLevel: ApplicationLogLevel,
    systemLevel: SystemLogLevel,
  }
}
