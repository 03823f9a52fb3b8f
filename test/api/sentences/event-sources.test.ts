import {
  CreateEventSourceMappingCommand,
  CreateFunctionCommand,
  DeleteEventSourceMappingCommand,
  GetEventSourceMappingCommand,
  ListEventSourceMappingsCommand,
  UpdateEventSourceMappingCommand,
  type CreateEventSourceMappingCommandInput,
} from '@aws-sdk/client-lambda'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'

import { lambdaWire } from '../../support/lambda-wire.ts'
import { nodePackage } from '../../support/packages.ts'
import { stillStage, type Command, type Stage } from '../../support/recorded-stage.ts'
import { constraint, sentenceOf } from '../../support/sentences.ts'

const FunctionName = 'fn'
const arn = (service: string, resource: string) =>
  `arn:aws:${service}:us-east-1:000000000000:${resource}`
const queue = arn('sqs', 'queue')
const stream = arn('kinesis', 'stream/orders')
const table = arn('dynamodb', 'table/t/stream/2025-02-22T03:03:25.490')
const create = (more: Partial<CreateEventSourceMappingCommandInput> = {}) =>
  new CreateEventSourceMappingCommand({ FunctionName, EventSourceArn: queue, ...more })
const kafka = (servers: string[], more: Partial<CreateEventSourceMappingCommandInput> = {}) =>
  create({
    EventSourceArn: undefined,
    SelfManagedEventSource: { Endpoints: { KAFKA_BOOTSTRAP_SERVERS: servers } },
    Topics: ['topic'],
    SourceAccessConfigurations: [{ Type: 'BASIC_AUTH', URI: arn('secretsmanager', 'secret:x') }],
    ...more,
  })
const invalid = (sentence: string) => `400 InvalidParameterValueException ${sentence}`
const meaningless = (name: string) =>
  invalid(`Unsupported ${name} parameter for given event source mapping type.`)
const NOT_THERE = '404 ResourceNotFoundException The resource you requested does not exist.'
const UUID = '00000000-0000-4000-8000-000000000000'
const filters = (...patterns: string[]) => ({
  FilterCriteria: { Filters: patterns.map((Pattern) => ({ Pattern })) },
})

const REFUSED: readonly (readonly [what: string, command: Command, sentence: string])[] = [
  ['no source', create({ EventSourceArn: undefined }), invalid('Unrecognized event source.')],
  [
    'a service that is no source',
    create({ EventSourceArn: 'arn:aws:s3:::bucket' }),
    invalid('Unrecognized event source. Unsupported source arn : arn:aws:s3:::bucket'),
  ],
  [
    'a function that is not there',
    create({ FunctionName: 'nope' }),
    invalid('Function does not exist'),
  ],
  ['a mapping to read that is not there', new GetEventSourceMappingCommand({ UUID }), NOT_THERE],
  [
    'a mapping to delete that is not there',
    new DeleteEventSourceMappingCommand({ UUID }),
    NOT_THERE,
  ],
  [
    'a mapping to change that is not there',
    new UpdateEventSourceMappingCommand({ UUID, Enabled: false }),
    NOT_THERE,
  ],
  [
    'a stream without a starting position',
    create({ EventSourceArn: table }),
    invalid(
      "1 validation error detected: Value null at 'startingPosition' failed to satisfy constraint: Member must not be null.",
    ),
  ],
  [
    'a starting position that is none',
    create({ EventSourceArn: table, StartingPosition: 'invalid' as 'LATEST' }),
    constraint(
      'invalid',
      'startingPosition',
      'Member must satisfy enum value set: [LATEST, AT_TIMESTAMP, TRIM_HORIZON]',
    ),
  ],
  [
    'a time to start a table from',
    create({ EventSourceArn: table, StartingPosition: 'AT_TIMESTAMP' }),
    invalid(`Unsupported starting position for arn type: ${table}`),
  ],
  [
    'a time to start from that is not said',
    create({ EventSourceArn: stream, StartingPosition: 'AT_TIMESTAMP' }),
    invalid('Need to specify a timestamp'),
  ],
  [
    'a large batch without a window',
    create({ BatchSize: 15 }),
    invalid(
      'Maximum batch window in seconds must be greater than 0 if maximum batch size is greater than 10',
    ),
  ],
  [
    'a window for a FIFO queue',
    create({ EventSourceArn: `${queue}.fifo`, MaximumBatchingWindowInSeconds: 5 }),
    invalid('Batching window is not supported for FIFO queues.'),
  ],
  [
    'a pattern that is a list',
    create(filters('[]')),
    invalid('Invalid filter pattern definition.'),
  ],
  [
    'a pattern that is no JSON',
    create(filters('{"body": {')),
    invalid('Invalid filter pattern definition.'),
  ],
  [
    'six filters',
    create(filters(...Array.from({ length: 6 }, (_, at) => `{"body":["${at}"]}`))),
    invalid('Number of filters exceeds the limit of 5 for an event source mapping.'),
  ],
  [
    'a destination for a queue',
    create({ DestinationConfig: { OnFailure: { Destination: queue } } }),
    meaningless('DestinationConfig'),
  ],
  [
    'a destination for success',
    create({
      EventSourceArn: stream,
      StartingPosition: 'LATEST',
      DestinationConfig: { OnSuccess: { Destination: queue } },
    }),
    meaningless('DestinationConfig'),
  ],
  [
    'a position in a queue',
    create({ StartingPosition: 'LATEST' }),
    meaningless("'startingPosition'"),
  ],
  [
    'shards of a queue',
    create({ ParallelizationFactor: 2 }),
    meaningless("'parallelizationFactor'"),
  ],
  [
    'tumbling over a queue',
    create({ TumblingWindowInSeconds: 5 }),
    meaningless("'tumblingWindowInSeconds'"),
  ],
  ['topics of a queue', create({ Topics: ['topic'] }), meaningless("'topics'")],
  [
    'a cap on a stream',
    create({
      EventSourceArn: stream,
      StartingPosition: 'LATEST',
      ScalingConfig: { MaximumConcurrency: 5 },
    }),
    meaningless("'scalingConfig'"),
  ],
  [
    'a cap of one',
    create({ ScalingConfig: { MaximumConcurrency: 1 } }),
    constraint(
      '1',
      'scalingConfig.maximumConcurrency',
      'Member must have value greater than or equal to 2',
    ),
  ],
  [
    'a batch beyond the limit',
    create({ BatchSize: 10_001 }),
    constraint('10001', 'batchSize', 'Member must have value less than or equal to 10000'),
  ],
  [
    'another type of response',
    create({ FunctionResponseTypes: ['Other' as 'ReportBatchItemFailures'] }),
    constraint(
      '[Other]',
      'functionResponseTypes',
      'Member must satisfy constraint: [Member must satisfy enum value set: [ReportBatchItemFailures]]',
    ),
  ],
  [
    'Kafka without access',
    kafka(['kafka:1'], { SourceAccessConfigurations: undefined }),
    invalid("Required 'sourceAccessConfigurations' parameter is missing."),
  ],
]

describe('event source mappings', () => {
  let stage: Stage
  beforeAll(async () => {
    stage = await stillStage()
    const Code = { ZipFile: nodePackage(1) }
    const Role = 'arn:aws:iam::000000000000:role/lambda-role'
    const Runtime = 'nodejs20.x'
    const made = { FunctionName, Role, Runtime, Handler: 'index.handler', Code } as const
    await stage.send(new CreateFunctionCommand(made))
    await stage.settle(FunctionName)
  })
  afterAll(() => stage[Symbol.asyncDispose]())

  it.each(REFUSED)('refuses %s in the words of AWS', async (_what, command, sentence) => {
    expect(await sentenceOf(stage, command)).toBe(sentence)
  })

  const DOUBLES = [
    [
      'queue',
      () => create({ EventSourceArn: `${queue}-twice` }),
      (uuid: string) =>
        `An event source mapping with SQS arn (" ${queue}-twice ") and function (" fn ") already exists. Please update or delete the existing mapping with UUID ${uuid}`,
    ],
    [
      'stream',
      () => create({ EventSourceArn: stream, StartingPosition: 'TRIM_HORIZON' }),
      (uuid: string) =>
        `The event source arn (" ${stream} ") and function (" fn ") provided mapping already exists. Please update or delete the existing mapping with UUID ${uuid}`,
    ],
    [
      'table',
      () => create({ EventSourceArn: table, StartingPosition: 'LATEST' }),
      (uuid: string) =>
        `The event source arn (" ${table} ") and function (" fn ") provided mapping already exists. Please update or delete the existing mapping with UUID ${uuid}`,
    ],
    [
      'topic of Kafka',
      () => kafka(['kafka:1000', 'kafka:2000']),
      (uuid: string) =>
        `An event source mapping with event source ("kafka:1000,kafka:2000"), function ("arn:aws:lambda:us-east-1:000000000000:function:fn"), topics ("topic") already exists. Please update or delete the existing mapping with UUID ${uuid}`,
    ],
  ] as const

  it.each(DOUBLES)(
    'refuses a second mapping of one %s and names the first',
    async (_what, make, words) => {
      const first = await stage.send(make())
      expect(first.status).toBe(202)
      const second = await sentenceOf(stage, make())
      expect(second).toBe(`409 ResourceConflictException ${words(String(first.body['UUID']))}`)
    },
  )

  it('answers what is under way: enabling, disabling, any other change, deleting', async () => {
    const made = await stage.send(create({ EventSourceArn: `${queue}-states` }))
    const { UUID: uuid } = made.body as { UUID: string }
    const change = (more: object) =>
      stage.send(new UpdateEventSourceMappingCommand({ UUID: uuid, ...more }))

    const states = [
      made,
      await change({ Enabled: false }),
      await change({ Enabled: true }),
      await change({ BatchSize: 5 }),
      await stage.send(new DeleteEventSourceMappingCommand({ UUID: uuid })),
    ].map(({ status, body }) => `${status} ${String(body['State'])}`)

    expect(states).toEqual([
      '202 Creating',
      '202 Disabling',
      '202 Enabling',
      '202 Updating',
      '202 Deleting',
    ])
  })

  it('keeps what a mapping was made with, whatever an update says of it', async () => {
    const EventSourceArn = arn('kinesis', 'stream/kept')
    const made = await stage.send(create({ EventSourceArn, StartingPosition: 'TRIM_HORIZON' }))
    const { UUID: uuid } = made.body as { UUID: string }
    // The SDK would leave out the member that its model lacks.
    const update = {
      method: 'PUT',
      path: `/2015-03-31/event-source-mappings/${uuid}`,
      body: { BatchSize: 7, StartingPosition: 'LATEST' },
    } as const

    const { body } = await lambdaWire(stage.admin, update)

    expect(body).toMatchObject({ BatchSize: 7, StartingPosition: 'TRIM_HORIZON', EventSourceArn })
    const listed = new ListEventSourceMappingsCommand({ EventSourceArn })
    expect((await stage.send(listed)).body).toMatchObject({
      EventSourceMappings: [{ BatchSize: 7 }],
    })
  })
})
