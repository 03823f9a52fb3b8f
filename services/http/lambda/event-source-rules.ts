import type { SettingDocument } from '../../catalog/index.ts'
import { PlatformError, type Json } from '../../model/index.ts'

/** Who events come from; `self-managed` is Kafka that AWS does not run. */
type Source = 'sqs' | 'kinesis' | 'dynamodb' | 'kafka' | 'mq' | 'rds' | 'self-managed'

const STREAMS: readonly Source[] = ['kinesis', 'dynamodb']
const KAFKA: readonly Source[] = ['kafka', 'self-managed']

/** AWS's API reference: which kinds of source a member is for. Those not named are for all. */
const MEANT_FOR: Readonly<Record<string, readonly Source[]>> = {
  AmazonManagedKafkaEventSourceConfig: ['kafka'],
  BisectBatchOnFunctionError: [...STREAMS, ...KAFKA],
  DestinationConfig: [...STREAMS, ...KAFKA],
  DocumentDBEventSourceConfig: ['rds'],
  FunctionResponseTypes: [...STREAMS, ...KAFKA, 'sqs'],
  MaximumRecordAgeInSeconds: [...STREAMS, ...KAFKA],
  MaximumRetryAttempts: [...STREAMS, ...KAFKA],
  ParallelizationFactor: STREAMS,
  ProvisionedPollerConfig: [...KAFKA, 'sqs'],
  Queues: ['mq'],
  ScalingConfig: ['sqs'],
  SelfManagedKafkaEventSourceConfig: ['self-managed'],
  SourceAccessConfigurations: [...KAFKA, 'mq', 'rds'],
  StartingPosition: [...STREAMS, ...KAFKA, 'rds'],
  Topics: KAFKA,
  TumblingWindowInSeconds: STREAMS,
}

const FILTERS_MAX = 5
const UNBATCHED_MAX = 10

/** Members that were given and mean nothing for this source. @throws PlatformError INVALID_PARAMETER */
export function checkMeant(service: string, members: SettingDocument): void {
  const source = toSource(service, members)
  for (const [name, sources] of Object.entries(MEANT_FOR)) {
    if (!isGiven(members[name]) || sources.includes(source)) continue
    // Recorded: this one is written as it is in the request, and without quotes.
    const shown = name === 'DestinationConfig' ? name : `'${camel(name)}'`
    throw unsupported(shown)
  }
  const destinations = members['DestinationConfig']
  if (destinations !== null && typeof destinations === 'object' && 'OnSuccess' in destinations)
    throw unsupported('DestinationConfig')
}

/** What holds between members, of what is to be stored. @throws PlatformError INVALID_PARAMETER */
export function checkTogether(
  service: string,
  document: SettingDocument,
  eventSourceArn: string | undefined,
): void {
  const filters = (document['FilterCriteria'] as { readonly Filters?: Json } | undefined)?.Filters
  if (Array.isArray(filters) && filters.length > FILTERS_MAX)
    throw invalid(
      `Number of filters exceeds the limit of ${FILTERS_MAX} for an event source mapping.`,
    )
  const position = document['StartingPosition']
  if (
    service === 'kinesis' &&
    position === 'AT_TIMESTAMP' &&
    !isGiven(document['StartingPositionTimestamp'])
  )
    throw invalid('Need to specify a timestamp')
  if (service === 'sqs') checkQueueWindow(document, eventSourceArn ?? '')
}

function checkQueueWindow(document: SettingDocument, arn: string): void {
  const size = Number(document['BatchSize'] ?? UNBATCHED_MAX)
  const window = Number(document['MaximumBatchingWindowInSeconds'] ?? 0)
  if (arn.endsWith('.fifo') && window > 0)
    throw invalid('Batching window is not supported for FIFO queues.')
  if (size > UNBATCHED_MAX && window === 0) {
    throw invalid(
      'Maximum batch window in seconds must be greater than 0 if maximum batch size is greater than 10',
    )
  }
}

function toSource(service: string, members: SettingDocument): Source {
  const selfManaged = service === 'kafka' && isGiven(members['SelfManagedEventSource'])
  return selfManaged ? 'self-managed' : (service as Source)
}

/** An empty list or object asks for nothing. */
function isGiven(value: SettingDocument[string]): boolean {
  if (value === undefined || value === null) return false
  return typeof value !== 'object' || Object.keys(value).length > 0
}

function camel(name: string): string {
  return name.charAt(0).toLowerCase() + name.slice(1)
}

function unsupported(shown: string): PlatformError {
  return invalid(`Unsupported ${shown} parameter for given event source mapping type.`)
}

function invalid(message: string): PlatformError {
  return new PlatformError('INVALID_PARAMETER', message)
}
