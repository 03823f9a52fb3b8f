import {
  CreateFunctionCommand,
  DeleteFunctionConcurrencyCommand,
  DeleteProvisionedConcurrencyConfigCommand,
  GetFunctionCommand,
  GetFunctionConcurrencyCommand,
  GetFunctionRecursionConfigCommand,
  GetProvisionedConcurrencyConfigCommand,
  InvokeCommand,
  ListProvisionedConcurrencyConfigsCommand,
  PublishVersionCommand,
  PutFunctionConcurrencyCommand,
  PutFunctionRecursionConfigCommand,
  PutProvisionedConcurrencyConfigCommand,
  UpdateFunctionConfigurationCommand,
  type RecursiveLoop,
} from '@aws-sdk/client-lambda'
import { describe, expect, vi } from 'vitest'

import { zipOf } from '../../support/packages.ts'
import { recordedClass, type Run } from '../../support/recorded-scenario.ts'

const FunctionName = 'fn'
const POLL = { timeout: 20_000, interval: 50 }

/** As the recorder's helper made it. */
async function create(run: Run): Promise<void> {
  await run.stage.send(
    new CreateFunctionCommand({
      FunctionName,
      Role: 'arn:aws:iam::000000000000:role/lambda-role',
      Runtime: 'python3.12',
      Handler: 'handler.handler',
      Timeout: 30,
      Environment: { Variables: {} },
      Code: { ZipFile: zipOf({ 'handler.py': 'def handler(event, context):\n    return {}\n' }) },
    }),
  )
  await run.settle(FunctionName)
}

async function publish(run: Run): Promise<void> {
  await run.stage.send(new PublishVersionCommand({ FunctionName }))
  await run.settle(FunctionName, '1')
}

const reserve = (count: number) =>
  new PutFunctionConcurrencyCommand({ FunctionName, ReservedConcurrentExecutions: count })
const provision = (count: number, Qualifier = '1', name = FunctionName) =>
  new PutProvisionedConcurrencyConfigCommand({
    FunctionName: name,
    Qualifier,
    ProvisionedConcurrentExecutions: count,
  })
const provisioned = (Qualifier = '1', name = FunctionName) =>
  new GetProvisionedConcurrencyConfigCommand({ FunctionName: name, Qualifier })
const withdraw = (Qualifier = '1', name = FunctionName) =>
  new DeleteProvisionedConcurrencyConfigCommand({ FunctionName: name, Qualifier })

async function untilReady(run: Run): Promise<void> {
  await vi.waitFor(async () => {
    expect((await run.stage.send(provisioned())).body).toMatchObject({ Status: 'READY' })
  }, POLL)
}

describe('concurrency', () => {
  const { still, running, rest } = recordedClass('TestLambdaConcurrency')

  still('test_lambda_concurrency_update', async (run) => {
    await create(run)
    await run.step('put_function_concurrency', reserve(3))
    const get = new GetFunctionConcurrencyCommand({ FunctionName })
    await run.step('get_function_concurrency_updated', get)
    await run.step('get_function_concurrency_info', new GetFunctionCommand({ FunctionName }))
    await run.stage.send(new DeleteFunctionConcurrencyCommand({ FunctionName }))
    await run.step('get_function_concurrency_deleted', get)
  })

  running('test_provisioned_concurrency', async (run) => {
    await create(run)
    await publish(run)
    await run.step('put_provisioned_5', provision(5))
    await run.step('get_provisioned_prewait', provisioned())
    await untilReady(run)
    await run.step('get_provisioned_postwait', provisioned())
  })

  running('test_lambda_provisioned_concurrency_scheduling', async (run) => {
    await create(run)
    await publish(run)
    await run.stage.send(provision(1))
    await untilReady(run)
    await run.step('get_provisioned_postwait', provisioned())
  })

  running('test_reserved_provisioned_overlap', async (run) => {
    await create(run)
    await publish(run)
    await run.step('put_provisioned_5', provision(2))
    await run.step('get_provisioned_prewait', provisioned())
    await untilReady(run)
    await run.step('get_provisioned_postwait', provisioned())
    await run.step('reserved_lower_than_provisioned_exc', reserve(1))
    await run.stage.send(reserve(2))
    const get = new GetFunctionConcurrencyCommand({ FunctionName })
    await run.step('get_concurrency', get)
    const invoke = new InvokeCommand({ FunctionName })
    await run.step('reserved_equals_provisioned_latest_invoke_exc', invoke)
    await run.step('reserved_equals_provisioned_increase_provisioned_exc', provision(3))
    const update = new UpdateFunctionConfigurationCommand({ FunctionName, Timeout: 15 })
    await run.step('update_func_config', update)
    await run.settle(FunctionName)
    await run.stage.send(new PublishVersionCommand({ FunctionName }))
    await run.settle(FunctionName, '2')
    await run.step('reserved_equals_provisioned_another_provisioned_exc', provision(1, '2'))
  })

  rest()
})

describe('reserved concurrency', () => {
  const { still, rest } = recordedClass('TestLambdaReservedConcurrency')

  still('test_function_concurrency_limits', async (run) => {
    await create(run)
    await run.step('put_function_concurrency_account_limit_exceeded', reserve(1_001))
    await run.step('put_function_concurrency_below_unreserved_min_value', reserve(901))
  })

  rest()
})

describe('provisioned concurrency', () => {
  const { still, rest } = recordedClass('TestLambdaProvisionedConcurrency')

  still('test_provisioned_concurrency_exceptions', async (run) => {
    await create(run)
    await run.step('publish_version_result', new PublishVersionCommand({ FunctionName }))
    const none = 'doesnotexist'

    await run.step('get_provisioned_functionname_doesnotexist', provisioned('noalias', none))
    await run.step('get_provisioned_qualifier_doesnotexist', provisioned('noalias'))
    await run.step('get_provisioned_version_doesnotexist', provisioned('10'))
    await run.step('get_provisioned_config_doesnotexist', provisioned())
    await run.step('get_provisioned_latest', provisioned('$LATEST'))

    const list = (name: string) =>
      new ListProvisionedConcurrencyConfigsCommand({ FunctionName: name })
    await run.step('list_provisioned_noconfigs', list(FunctionName))
    await run.step('list_provisioned_functionname_doesnotexist', list(none))

    await run.step('delete_provisioned_functionname_doesnotexist', withdraw('1', none))
    await run.step('delete_provisioned_qualifier_doesnotexist', withdraw('noalias'))
    await run.step('delete_provisioned_version_doesnotexist', withdraw('10'))
    await run.step('delete_provisioned_config_doesnotexist', withdraw())
    await run.step('delete_provisioned_latest', withdraw('$LATEST'))

    await run.step('put_provisioned_invalid_param_0', provision(0))
    await run.step('put_provisioned_functionname_doesnotexist_alias', provision(1, 'noalias', none))
    await run.step('put_provisioned_functionname_doesnotexist_version', provision(1, '1', none))
    await run.step('put_provisioned_version_doesnotexist', provision(1, '10'))
    await run.step('put_provisioned_qualifier_doesnotexist', provision(1, 'doesnotexist'))
    await run.step('put_provisioned_latest', provision(1, '$LATEST'))
  })

  rest()
})

describe('recursion', () => {
  const { still, rest } = recordedClass('TestLambdaRecursion')
  const get = new GetFunctionRecursionConfigCommand({ FunctionName })
  const put = (loop: RecursiveLoop) =>
    new PutFunctionRecursionConfigCommand({ FunctionName, RecursiveLoop: loop })

  still('test_put_function_recursion_config_default_terminate', async (run) => {
    await create(run)
    await run.step('get_recursion_default_terminate_response', get)
  })

  still('test_put_function_recursion_config_allow', async (run) => {
    await create(run)
    await run.step('put_recursion_config_response', put('Allow'))
    await run.step('get_recursion_config_response', get)
  })

  rest()
})
