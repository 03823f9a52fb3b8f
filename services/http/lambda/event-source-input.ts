import type { SettingDocument } from '../../catalog/index.ts'
import { PlatformError, type Json, type Random } from '../../model/index.ts'
import { checkMeant } from './event-source-rules.ts'
import { anchored } from './function-name.ts'
import type { JsonObject } from './handler.ts'
import { booleanMember, integerMember, objectMember, textMember, textsMember } from './members.ts'
import type { ConstraintCheck } from './validation.ts'

const SOURCE_ARN =
  'arn:(aws[a-zA-Z0-9-]*):([a-zA-Z0-9\\-])+:((eusc-)?[a-z]{2}((-gov)|(-iso([a-z]?)))?-[a-z]+-\\d{1})?:(\\d{12})?:(.*)'

export function checkSourceArn(check: ConstraintCheck, arn: string | undefined): void {
  check.length('eventSourceArn', arn, { max: 10_000 })
  check.pattern('eventSourceArn', arn, anchored(SOURCE_ARN), SOURCE_ARN)
}

const KMS_KEY = '(arn:(aws[a-zA-Z-]*)?:[a-z0-9-.]+:.*)|()'

/** AWS's ranges (operations-detail: CreateEventSourceMapping). */
const NUMBERS = {
  BatchSize: { min: 1, max: 10_000 },
  MaximumBatchingWindowInSeconds: { min: 0, max: 300 },
  ParallelizationFactor: { min: 1, max: 10 },
  MaximumRecordAgeInSeconds: { min: -1, max: 604_800 },
  MaximumRetryAttempts: { min: -1, max: 10_000 },
  TumblingWindowInSeconds: { min: 0, max: 900 },
} as const

const LISTS = {
  Topics: { min: 1, max: 1 },
  Queues: { min: 1, max: 1 },
  FunctionResponseTypes: { min: 0, max: 1 },
} as const

/** Kept and answered as given: what they hold is looked at once something polls. */
const DOCUMENTS = [
  'MetricsConfig',
  'LoggingConfig',
  'ScalingConfig',
  'DestinationConfig',
  'SelfManagedEventSource',
  'AmazonManagedKafkaEventSourceConfig',
  'SelfManagedKafkaEventSourceConfig',
  'DocumentDBEventSourceConfig',
  'ProvisionedPollerConfig',
] as const

/** Members that were given, checked one by one. */
export function readMappingMembers(check: ConstraintCheck, json: JsonObject): SettingDocument {
  const members: Record<string, Json | undefined> = {}
  for (const [name, bounds] of Object.entries(NUMBERS)) {
    const value = integerMember(json, name)
    check.range(memberPath(name), value, bounds)
    if (value !== undefined) members[name] = value
  }
  for (const [name, bounds] of Object.entries(LISTS)) {
    const list = textsMember(json, name)
    check.length(memberPath(name), list, bounds)
    if (list !== undefined) members[name] = list
  }
  for (const name of DOCUMENTS) {
    const value = objectMember(json, name)
    if (value !== undefined) members[name] = value as Json
  }
  checkDocuments(check, json)
  if (json['BisectBatchOnFunctionError'] !== undefined)
    members['BisectBatchOnFunctionError'] = booleanMember(json, 'BisectBatchOnFunctionError')
  const key = textMember(json, 'KMSKeyArn')
  check.pattern('kMSKeyArn', key, anchored(KMS_KEY), KMS_KEY)
  if (key !== undefined) members['KMSKeyArn'] = key
  const position = textMember(json, 'StartingPosition')
  check.oneOf('startingPosition', position, ['LATEST', 'AT_TIMESTAMP', 'TRIM_HORIZON'])
  if (position !== undefined) members['StartingPosition'] = position
  const at = json['StartingPositionTimestamp'] ?? undefined
  if (typeof at === 'number') members['StartingPositionTimestamp'] = at
  const access = json['SourceAccessConfigurations'] ?? undefined
  if (Array.isArray(access)) members['SourceAccessConfigurations'] = access
  return { ...members, ...readFilters(json) }
}

/** What the structures hold, as far as AWS's model bounds it. */
function checkDocuments(check: ConstraintCheck, json: JsonObject): void {
  const number = (holder: string, name: string, bounds: { min: number; max: number }): void => {
    const value = integerMember(objectMember(json, holder) ?? {}, name)
    check.range(`${memberPath(holder)}.${memberPath(name)}`, value, bounds)
  }
  number('ScalingConfig', 'MaximumConcurrency', { min: 2, max: 1_000 })
  number('ProvisionedPollerConfig', 'MinimumPollers', { min: 1, max: 200 })
  number('ProvisionedPollerConfig', 'MaximumPollers', { min: 1, max: 2_000 })
  listOf(check, textsMember(json, 'FunctionResponseTypes'), {
    at: 'functionResponseTypes',
    allowed: ['ReportBatchItemFailures'],
  })
  listOf(check, textsMember(objectMember(json, 'MetricsConfig') ?? {}, 'Metrics'), {
    at: 'metricsConfig.metrics',
    allowed: ['EventCount', 'ErrorCount', 'KafkaMetrics'],
  })
}

function listOf(
  check: ConstraintCheck,
  list: readonly string[] | undefined,
  { at, allowed }: { readonly at: string; readonly allowed: readonly string[] },
): void {
  if (list?.every((one) => allowed.includes(one)) !== false) return
  const words = `Member must satisfy enum value set: [${allowed.join(', ')}]`
  check.fail(at, list, `Member must satisfy constraint: [${words}]`)
}

export function readEnabled(json: JsonObject): boolean | undefined {
  return (json['Enabled'] ?? undefined) === undefined ? undefined : booleanMember(json, 'Enabled')
}

function memberPath(name: string): string {
  return `${name.charAt(0).toLowerCase()}${name.slice(1)}`
}

/** Recorded: a criteria without filters is answered as none. @throws PlatformError INVALID_PARAMETER */
function readFilters(json: JsonObject): SettingDocument {
  const criteria = objectMember(json, 'FilterCriteria')
  if (criteria === undefined) return {}
  const filters = criteria['Filters'] ?? []
  if (!Array.isArray(filters) || filters.length === 0) return { FilterCriteria: undefined }
  for (const filter of filters as readonly Json[]) {
    const pattern =
      filter !== null && typeof filter === 'object' && !Array.isArray(filter)
        ? (filter as JsonObject)['Pattern']
        : undefined
    if (typeof pattern !== 'string' || !isEventPattern(pattern))
      throw invalid('Invalid filter pattern definition.')
  }
  return { FilterCriteria: { Filters: filters as Json } }
}

/** EventBridge's form: an object whose leaves are lists of values and matchers. */
function isEventPattern(text: string): boolean {
  try {
    const pattern = JSON.parse(text) as Json
    return isPatternNode(pattern) && Object.keys(pattern as object).length > 0
  } catch {
    return false
  }
}

function isPatternNode(node: Json): boolean {
  if (node === null || typeof node !== 'object' || Array.isArray(node)) return false
  return Object.values(node).every((value: Json | undefined) =>
    Array.isArray(value) ? value.length > 0 : isPatternNode(value ?? null),
  )
}

/** Who the events come from, by ARN or by what is given instead. @throws PlatformError INVALID_PARAMETER */
export function serviceOf(arn: string | undefined, members: SettingDocument): string {
  if (arn === undefined) {
    if (members['SelfManagedEventSource'] !== undefined) return 'kafka'
    throw invalid('Unrecognized event source.')
  }
  const service = arn.split(':')[2] ?? ''
  if (!['sqs', 'kinesis', 'dynamodb', 'kafka', 'mq', 'rds'].includes(service))
    throw invalid(`Unrecognized event source. Unsupported source arn : ${arn}`)
  return service
}

/**
 * What AWS fills in (recorded, per service), after the checks that depend on the service.
 * @throws PlatformError INVALID_PARAMETER
 */
export function withDefaults(
  service: string,
  members: SettingDocument,
  source: { readonly eventSourceArn: string | undefined; readonly random: Random },
): SettingDocument {
  checkMeant(service, members)
  if (service === 'sqs')
    return {
      BatchSize: 10,
      FunctionResponseTypes: [],
      MaximumBatchingWindowInSeconds: 0,
      ...members,
    }
  if (service === 'kinesis' || service === 'dynamodb') {
    checkStartingPosition(service, members, source.eventSourceArn ?? '')
    return {
      BatchSize: 100,
      BisectBatchOnFunctionError: false,
      FunctionResponseTypes: [],
      LastProcessingResult: 'No records processed',
      MaximumBatchingWindowInSeconds: 0,
      MaximumRecordAgeInSeconds: -1,
      MaximumRetryAttempts: -1,
      ParallelizationFactor: 1,
      TumblingWindowInSeconds: 0,
      ...members,
      DestinationConfig: { OnFailure: {}, ...(members['DestinationConfig'] as object | undefined) },
    }
  }
  if (source.eventSourceArn !== undefined) return { BatchSize: 100, ...members }
  if (members['SourceAccessConfigurations'] === undefined)
    throw invalid("Required 'sourceAccessConfigurations' parameter is missing.")
  return {
    BatchSize: 100,
    DestinationConfig: { OnFailure: {} },
    LastProcessingResult: 'No records processed',
    SelfManagedKafkaEventSourceConfig: { ConsumerGroupId: source.random.uuid() },
    StartingPosition: 'TRIM_HORIZON',
    ...members,
  }
}

function checkStartingPosition(service: string, members: SettingDocument, arn: string): void {
  const position = members['StartingPosition']
  if (position === undefined) {
    // Recorded, under this error type and with the full stop.
    throw invalid(
      "1 validation error detected: Value null at 'startingPosition' failed to satisfy constraint: Member must not be null.",
    )
  }
  if (service === 'dynamodb' && position === 'AT_TIMESTAMP')
    throw invalid(`Unsupported starting position for arn type: ${arn}`)
}

function invalid(message: string): PlatformError {
  return new PlatformError('INVALID_PARAMETER', message)
}
