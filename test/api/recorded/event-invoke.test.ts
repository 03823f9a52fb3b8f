import {
  CreateAliasCommand,
  CreateFunctionCommand,
  DeleteFunctionEventInvokeConfigCommand,
  GetFunctionEventInvokeConfigCommand,
  ListFunctionEventInvokeConfigsCommand,
  PublishVersionCommand,
  PutFunctionEventInvokeConfigCommand,
  UpdateFunctionEventInvokeConfigCommand,
  type PutFunctionEventInvokeConfigCommandInput,
} from '@aws-sdk/client-lambda'
import { describe } from 'vitest'

import { nodePackage } from '../../support/packages.ts'
import { recordedClass, type Run } from '../../support/recorded-scenario.ts'

const FunctionName = 'fn'
const ARN = 'arn:aws:lambda:us-east-1:000000000000:function:'
const alias = 'eventinvokealias'
const none = 'doesnotexist'

async function make(run: Run, name: string): Promise<void> {
  await run.stage.send(
    new CreateFunctionCommand({
      FunctionName: name,
      Role: 'arn:aws:iam::000000000000:role/lambda-role',
      Runtime: 'python3.12',
      Handler: 'handler.handler',
      Timeout: 30,
      Environment: { Variables: {} },
      Code: { ZipFile: nodePackage(1) },
    }),
  )
  await run.settle(name)
}

const put = (input: Partial<PutFunctionEventInvokeConfigCommandInput>) =>
  new PutFunctionEventInvokeConfigCommand({ FunctionName, ...input })
const once = (name = FunctionName, Qualifier?: string) =>
  put({ FunctionName: name, Qualifier, MaximumRetryAttempts: 1 })
const success = (Destination?: string) =>
  put({ DestinationConfig: { OnSuccess: { Destination } as { Destination: string } } })
const failure = (Destination?: string) =>
  put({ DestinationConfig: { OnFailure: { Destination } as { Destination: string } } })
const get = (Qualifier?: string, name = FunctionName) =>
  new GetFunctionEventInvokeConfigCommand({ FunctionName: name, Qualifier })
const update = (more: { Qualifier?: string } = {}, name = FunctionName) =>
  new UpdateFunctionEventInvokeConfigCommand({
    FunctionName: name,
    MaximumRetryAttempts: 0,
    ...more,
  })
const list = (name = FunctionName) =>
  new ListFunctionEventInvokeConfigsCommand({ FunctionName: name })
const remove = (Qualifier?: string, name = FunctionName) =>
  new DeleteFunctionEventInvokeConfigCommand({ FunctionName: name, Qualifier })

describe('event invoke configs', () => {
  const { still, rest } = recordedClass('TestLambdaEventInvokeConfig')

  still('test_lambda_eventinvokeconfig_exceptions', async (run) => {
    await make(run, FunctionName)
    await make(run, 'other')
    await run.step('fn_version_result', new PublishVersionCommand({ FunctionName }))
    const named = { FunctionName, Name: alias, FunctionVersion: '1' }
    await run.step('fn_alias_result', new CreateAliasCommand(named))

    await refusals(run)
    await destinations(run)
    await qualifiers(run)
    await lifecycle(run)
  })

  async function refusals(run: Run): Promise<void> {
    await run.step('get_function_doesnotexist', get(undefined, none))
    await run.step('get_qualifier_doesnotexist', get(none))
    await run.step('get_eventinvokeconfig_doesnotexist', get(alias))
    await run.step('list_function_doesnotexist', list(none))
    await run.step('update_eventinvokeconfig_function_doesnotexist', update({}, none))
    const missing = 'update_eventinvokeconfig_config_doesnotexist'
    await run.step(`${missing}_without_qualifier`, update())
    await run.step(`${missing}_with_qualifier`, update({ Qualifier: alias }))
    await run.step('delete_function_doesnotexist', remove(undefined, none))
    await run.step('delete_function_not_found', remove())
    await run.step('put_functionname_name_notfound', once(none))
    await run.step('put_functionname_arn_notfound', once(`${ARN}${none}`))
    await run.step('put_functionname_nootherargs', put({}))
  }

  async function destinations(run: Run): Promise<void> {
    const own = `${ARN}${FunctionName}`
    const odd = own.replace(':lambda:', ':_-/!lambda:')
    await run.step('put_destination_invalid_arn_pattern', failure(odd))
    await run.step('put_destination_recursive', success(own))
    await run.step('put_destination_lambda_doesntexist', success(`${ARN}${none}`))
    await run.step('put_destination_other_lambda', success(`${ARN}other`))
    const identity = own.replace(':lambda:', ':iam:')
    await run.step('put_destination_invalid_service_arn', success(identity))
    await run.step('put_destination_success_no_destination_arn', success())
    await run.step('put_destination_failure_no_destination_arn', failure())
  }

  async function qualifiers(run: Run): Promise<void> {
    await run.step('put_destination_latest', once())
    await run.step('put_destination_latest_explicit_qualifier', once(FunctionName, '$LATEST'))
    await run.step('put_destination_version', once(FunctionName, '1'))
    await run.step('put_alias_functionname_qualifier', once(FunctionName, alias))
    await run.step('put_alias_doesnotexist', once(FunctionName, none))
    await run.step('put_alias_qualifiedarn', once(`${ARN}fn:${alias}`))
    await run.step('put_alias_qualifiedarn_qualifier', once(`${ARN}fn:${alias}`, alias))
    await run.step('put_alias_qualifiedarn_qualifierconflict', once(`${ARN}fn:${alias}`, none))
    await run.step('put_alias_shorthand', once(`fn:${alias}`))
    await run.step('put_alias_shorthand_qualifier', once(`fn:${alias}`, alias))
    await run.step('put_alias_shorthand_qualifierconflict', once(`fn:${alias}`, none))
    await run.step('put_version_shorthand', once('fn:1'))
    await run.step('put_shorthand_qualifier_match', once('fn:$LATEST', '$LATEST'))
    await run.step('put_shorthand_qualifier_mismatch_1', once('fn:$LATEST', '1'))
    await run.step('put_shorthand_qualifier_mismatch_2', once('fn:1', '$LATEST'))
    await run.step('put_shorthand_qualifier_mismatch_3', once('fn:1', alias))
  }

  async function lifecycle(run: Run): Promise<void> {
    const oldest = put({ MaximumRetryAttempts: 2, MaximumEventAgeInSeconds: 21_600 })
    await run.step('put_maxevent_maxvalue_result', oldest)
    const first = { MaximumRetryAttempts: 2, MaximumEventAgeInSeconds: 60 }
    await run.step('put_pre_overwrite', put(first))
    await run.step('put_post_overwrite', put({ MaximumRetryAttempts: 0 }))
    await run.step('get_post_overwrite', get())
    await run.step('second_overwrite_existing_response', put({ MaximumRetryAttempts: 0 }))
    await run.step('pre_update_response', put(first))
    await run.step('update_response', update())
    await run.step('update_response_existing', update())
    await run.step('list_configs', list())
    await run.step('delete_latest', remove())
    await run.step('delete_version', remove('1'))
    await run.step('delete_alias', remove(alias))
    await run.step('list_configs_postdelete', list())
  }

  rest()
})
