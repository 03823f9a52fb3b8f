import {
  CreateAliasCommand,
  CreateEventSourceMappingCommand,
  CreateFunctionCommand,
  DeleteEventSourceMappingCommand,
  DeleteFunctionCommand,
  GetEventSourceMappingCommand,
  PublishVersionCommand,
  type CreateEventSourceMappingCommandInput,
  type EventSourcePosition,
} from '@aws-sdk/client-lambda'
import { describe } from 'vitest'

import { nodePackage } from '../../support/packages.ts'
import { recordedClass, type Run } from '../../support/recorded-scenario.ts'

const FunctionName = 'fn'
const TABLE = 'arn:aws:dynamodb:us-east-1:000000000000:table/tables/stream/2026-11-22T00:00:00.000'
const STREAM = 'arn:aws:kinesis:us-east-1:000000000000:stream/streams'
const QUEUE = 'arn:aws:sqs:us-east-1:000000000000:queue'

async function make(run: Run): Promise<void> {
  await run.stage.send(
    new CreateFunctionCommand({
      FunctionName,
      Role: 'arn:aws:iam::000000000000:role/lambda-role',
      Runtime: 'nodejs20.x',
      Handler: 'index.handler',
      Code: { ZipFile: nodePackage(1) },
    }),
  )
  await run.settle(FunctionName)
}

const map = (input: Partial<CreateEventSourceMappingCommandInput>) =>
  new CreateEventSourceMappingCommand({ FunctionName, ...input })

describe('event source mappings', () => {
  const { still, rest } = recordedClass('TestLambdaEventSourceMappings')

  still('test_create_event_filter_criteria_validation', async (run) => {
    await make(run)
    const FilterCriteria = { Filters: [] }
    const mapped = map({ EventSourceArn: TABLE, StartingPosition: 'LATEST', FilterCriteria })
    await run.step('response-with-empty-filters', mapped)
  })

  still('test_create_event_source_validation_kinesis', async (run) => {
    await make(run)
    await run.step('no_starting_position', map({ EventSourceArn: STREAM }))
    const StartingPosition = 'invalid' as EventSourcePosition
    await run.step('invalid_starting_position', map({ EventSourceArn: STREAM, StartingPosition }))
  })

  still('test_event_source_mapping_lifecycle_delete_function', async (run) => {
    await make(run)
    const created = await run.step(
      'create_response',
      map({
        EventSourceArn: TABLE,
        BatchSize: 1,
        StartingPosition: 'TRIM_HORIZON',
        MaximumBatchingWindowInSeconds: 1,
        MaximumRetryAttempts: 1,
        DestinationConfig: { OnFailure: { Destination: QUEUE } },
      }),
    )
    const UUID = String(created.body['UUID'])
    const get = new GetEventSourceMappingCommand({ UUID })
    // Nothing is polled: State says so, where AWS's says Enabled.
    const honest = {
      State: 'Disabled',
      StateTransitionReason:
        'Polling event sources is not built in this version: nothing is read from it.',
    }
    const there = await run.stage.send(get)
    run.same('get_response', there, { ...run.theirs('get_response'), ...honest })
    const gone = await run.stage.send(new DeleteFunctionCommand({ FunctionName }))
    const { StatusCode: _, ...answer } = run.theirs('delete_function_response')
    run.same('delete_function_response', gone, answer)
    const after = await run.stage.send(get)
    run.same('get_response_post_delete', after, {
      ...run.theirs('get_response_post_delete'),
      ...honest,
    })
    await run.step('delete_response', new DeleteEventSourceMappingCommand({ UUID }))
    // DynamoDB's own answer.
    run.leaveOut('update_table_response')
  })

  still('test_function_name_variations', async (run) => {
    await make(run)
    await run.stage.send(new PublishVersionCommand({ FunctionName }))
    const alias = { FunctionName, Name: 'myalias', FunctionVersion: '1' }
    await run.stage.send(new CreateAliasCommand(alias))
    const partial = '000000000000:function:fn'
    const whole = `arn:aws:lambda:us-east-1:${partial}`
    const names: readonly (readonly [step: string, name: string])[] = [
      ['name_only', FunctionName],
      ['partial_arn_latest', `${partial}:$LATEST`],
      ['partial_arn_version', `${partial}:1`],
      ['partial_arn_alias', `${partial}:myalias`],
      ['full_arn_latest', `${whole}:$LATEST`],
      ['full_arn_version', `${whole}:1`],
      ['full_arn_alias', `${whole}:myalias`],
    ]
    for (const [step, name] of names) {
      const command = map({ FunctionName: name, EventSourceArn: QUEUE })
      const { body } = await run.step(`${step}_create_esm`, command)
      await run.stage.send(new DeleteEventSourceMappingCommand({ UUID: String(body['UUID']) }))
    }
  })

  rest()
})
