import {
  CreateFunctionCommand,
  DeleteLayerVersionCommand,
  GetFunctionCommand,
  GetFunctionConfigurationCommand,
  GetLayerVersionByArnCommand,
  GetLayerVersionCommand,
  ListLayerVersionsCommand,
  PublishLayerVersionCommand,
  UpdateFunctionConfigurationCommand,
  type CreateFunctionCommandInput,
  type UpdateFunctionConfigurationCommandInput,
} from '@aws-sdk/client-lambda'
import { describe, expect } from 'vitest'

import { lambdaWire } from '../../support/lambda-wire.ts'
import { nodePackage } from '../../support/packages.ts'
import { recordedClass, type Run } from '../../support/recorded-scenario.ts'
import { recordedNames, recordedThere } from '../../support/recorded.ts'

const FunctionName = 'fn'
const HERE = 'arn:aws:lambda:us-east-1:000000000000'
const helped = { Handler: 'handler.handler', Timeout: 30, Environment: { Variables: {} } }

function creation(more: Partial<CreateFunctionCommandInput> = {}) {
  return new CreateFunctionCommand({
    FunctionName,
    Role: 'arn:aws:iam::000000000000:role/lambda-role',
    Runtime: 'python3.12',
    Handler: 'handler.handler',
    Code: { ZipFile: nodePackage('one') },
    ...more,
  })
}

const update = (change: Partial<UpdateFunctionConfigurationCommandInput>) =>
  new UpdateFunctionConfigurationCommand({ FunctionName, ...change })
const getConfiguration = new GetFunctionConfigurationCommand({ FunctionName })
const get = new GetFunctionCommand({ FunctionName })

describe('layers', () => {
  const { still, rest } = recordedClass('TestLambdaLayer')
  const LayerName = 'layer'
  const publish = (more: object = {}) =>
    new PublishLayerVersionCommand({ LayerName, Content: { ZipFile: nodePackage('l') }, ...more })
  const numbered = (VersionNumber: number) => ({ LayerName, VersionNumber })
  const arn = (version: number, name = LayerName) => `${HERE}:layer:${name}:${version}`

  still('test_layer_function_exceptions', async (run) => {
    for (const step of ['publish_result', 'publish_result_2', 'publish_result_3'])
      await run.step(step, publish({ Description: 'a layer', ...described(run, step) }))
    await run.stage.send(creation(helped))
    await run.settle(FunctionName)
    await run.step('get_fn_result', get)
    const lists = {
      two_layer_versions_single_function_exc: [arn(1), arn(2)],
      three_layer_versions_single_function_exc: [arn(1), arn(2), arn(3)],
      two_identical_layer_versions_single_function_exc: [arn(1), arn(1)],
      add_nonexistent_layer_exc: [arn(1, 'doesnotexist')],
      add_nonexistent_layer_version_exc: [arn(9)],
      add_layer_arn_without_version_exc: [`${HERE}:layer:${LayerName}`],
    }
    for (const [step, Layers] of Object.entries(lists)) await run.step(step, update({ Layers }))
    await run.step(
      'create_function_with_layer_in_different_region',
      creation({ FunctionName: 'far', Layers: [arn(1).replace('us-east-1', 'eu-west-1')] }),
    )
  })

  still('test_layer_function_quota_exception', async (run) => {
    const Layers = [1, 2, 3, 4, 5, 6].map((n) => arn(1, `layer-${n}`))
    for (const n of [1, 2, 3, 4, 5, 6]) await run.stage.send(publish({ LayerName: `layer-${n}` }))
    await run.step('create_function_with_six_layers', creation({ Layers }))
  })

  still('test_layer_lifecycle', async (run) => {
    const layer = (step: string) => publish(described(run, step))
    await run.stage.send(creation(helped))
    await run.settle(FunctionName)
    await run.step('get_fn_result', get)
    await run.step('get_fn_config_result', getConfiguration)
    await run.step('publish_result', layer('publish_result'))
    await run.step('get_layer_ver_result', new GetLayerVersionCommand(numbered(1)))
    await run.step('get_layer_by_arn_version', new GetLayerVersionByArnCommand({ Arn: arn(1) }))
    await run.step('update_fn_config', update({ Layers: [arn(1)] }))
    await run.settle(FunctionName)
    await run.step('get_fn_config', getConfiguration)
    await run.step('publish_result_2', layer('publish_result_2'))
    const list = new ListLayerVersionsCommand({ LayerName })
    await run.step('list_layer_versions_predelete', list)
    await run.step('delete_layer_1', new DeleteLayerVersionCommand(numbered(1)))
    await run.step('delete_layer_2', new DeleteLayerVersionCommand(numbered(2)))
    await run.step('list_layer_versions_postdelete', list)
    await run.step('get_fn_config_postdelete', getConfiguration)
    await run.step('publish_result_3', layer('publish_result_3'))
  })

  rest()

  /** What a layer was described with comes back in its answer. */
  function described(run: Run, step: string): object {
    const { Description, LicenseInfo, CompatibleRuntimes, CompatibleArchitectures } =
      run.theirs(step)
    return { Description, LicenseInfo, CompatibleRuntimes, CompatibleArchitectures }
  }
})

describe('logging', () => {
  const { still, rest } = recordedClass('TestLoggingConfig')
  const settings = { ...helped, Timeout: 5, MemorySize: 256 }

  still('test_advanced_logging_configuration_format_switch', async (run) => {
    await run.step('create_response', creation(settings))
    await run.settle(FunctionName)
    await run.step('get_function_response', get)
    await run.step('function_config', getConfiguration)
    await run.step('updated_config', update({ LoggingConfig: { LogFormat: 'JSON' } }))
    await run.settle(FunctionName)
    await run.step('received_config', getConfiguration)
    await run.step('updated_config_v2', update({ LoggingConfig: { LogFormat: 'Text' } }))
    await run.settle(FunctionName)
    await run.step('received_config_v2', getConfiguration)
  })

  still('test_function_advanced_logging_configuration', async (run) => {
    await run.step(
      'create_response',
      creation({ ...settings, LoggingConfig: { LogFormat: 'JSON' } }),
    )
    await run.settle(FunctionName)
    await run.step('get_function_response', get)
    await run.step('function_config', getConfiguration)
    await run.step('updated_config', update({ LoggingConfig: { LogGroup: 'cool_lambda' } }))
    await run.settle(FunctionName)
    await run.step('received_config', getConfiguration)
  })

  rest()
})

describe('SnapStart', () => {
  const { still, together, rest } = recordedClass('TestLambdaSnapStart')

  together('test_snapstart_exceptions', async (run) => {
    const SnapStart = { ApplyOn: 'invalidOption' as 'None' }
    await run.step('create_function_invalid_snapstart_apply', creation({ SnapStart }))
  })

  for (const Runtime of ['python3.12', 'python3.13'] as const) {
    still(`test_snapstart_update_function_configuration[${Runtime}]`, async (run) => {
      const create = creation({ Runtime, Timeout: 5, MemorySize: 1_024 })
      await run.step('create_function_response', create)
      await run.settle(FunctionName)
      const on = update({ SnapStart: { ApplyOn: 'PublishedVersions' } })
      await run.step('update_function_response', on)
    })
  }

  rest()
})

describe('size limits', () => {
  const { still, together, rest } = recordedClass('TestLambdaSizeLimits')

  still('test_lambda_envvars_near_limit_succeeds', async (run) => {
    const { Environment } = run.theirs(
      'successful_create_fn_result',
    ) as unknown as CreateFunctionCommandInput
    await run.step('successful_create_fn_result', creation({ ...helped, Environment }))
  })

  together('test_large_environment_fails_multiple_keys', async (run) => {
    const step = 'failured_create_fn_result_multi_key'
    const sentence = String(run.theirs(step)['message'])
    const Variables = JSON.parse(sentence.slice(sentence.indexOf('{'))) as Record<string, string>
    await run.step(step, creation({ Environment: { Variables } }))
  })

  // A body that the SDK would have to make first.
  together('test_oversized_request_create_lambda', async (run) => {
    const reply = await lambdaWire(run.stage.admin, {
      method: 'POST',
      path: '/2015-03-31/functions',
      body: { FunctionName, Code: { ZipFile: 'A'.repeat(70_167_211) } },
    })
    const type = reply.headers.get('x-amzn-errortype') ?? ''
    const headers = { 'x-amzn-ErrorType': type }
    run.same('invalid_param_exc', { status: reply.status, headers, body: reply.body ?? {} })
  })

  rest()
})

describe('runtimes', () => {
  const { together, rest } = recordedClass('TestRuntimeValidation')
  for (const name of recordedThere ? recordedNames('TestRuntimeValidation') : []) {
    together(name, async (run) => {
      const Runtime = /\[(.+)\]/.exec(name)?.[1] as 'python3.7'
      await run.step('deprecation_error', creation({ Runtime }))
      const left = await run.stage.send(get)
      expect(left.status).toBe(404)
    })
  }

  rest()
})
