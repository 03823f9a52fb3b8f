import {
  CreateAliasCommand,
  CreateFunctionCommand,
  GetAliasCommand,
  GetFunctionCommand,
  InvokeCommand,
  ListVersionsByFunctionCommand,
  PublishVersionCommand,
  UpdateAliasCommand,
  UpdateFunctionCodeCommand,
  UpdateFunctionConfigurationCommand,
  type CreateFunctionCommandInput,
} from '@aws-sdk/client-lambda'
import { describe } from 'vitest'

import { nodePackage, zipOf } from '../../support/packages.ts'
import { recordedClass, type Run } from '../../support/recorded-scenario.ts'

const FunctionName = 'fn'

function creation(more: Partial<CreateFunctionCommandInput> = {}) {
  return new CreateFunctionCommand({
    FunctionName,
    Role: 'arn:aws:iam::000000000000:role/lambda-role',
    Runtime: 'python3.12',
    Handler: 'index.handler',
    Code: { ZipFile: nodePackage('one') },
    ...more,
  })
}

const get = (Qualifier?: string) => new GetFunctionCommand({ FunctionName, Qualifier })
const invoke = (name = FunctionName, Qualifier?: string) =>
  new InvokeCommand({ FunctionName: name, Qualifier, Payload: '{}' })

describe('versions', () => {
  const { still, running, rest } = recordedClass('TestLambdaVersions')

  still('test_publish_version_on_create', async (run) => {
    await run.step('create_response', creation({ Publish: true }))
    await run.settle(FunctionName)
    await run.step('get_function_result', get())
    await run.step('get_function_version_result', get('1'))
    await run.step('get_function_latest_result', get('$LATEST'))
    const list = new ListVersionsByFunctionCommand({ FunctionName })
    await run.step('list_versions_result', list)
    await run.step('repeated_publish_response', new PublishVersionCommand({ FunctionName }))
    await run.step('list_versions_result_after_publish', list)
  })

  still('test_publish_with_update', async (run) => {
    await run.step('create_response', creation())
    await run.settle(FunctionName)
    await run.step('get_function_result', get())
    const update = { FunctionName, ZipFile: nodePackage('two'), Publish: true }
    await run.step('update_function_code_result', new UpdateFunctionCodeCommand(update))
    await run.step('get_function_version_result', get('1'))
    await run.step('get_function_latest_result', get('$LATEST'))
  })

  running('test_lambda_handler_update', async (run) => {
    const handlers = zipOf({
      'handler.py':
        "def handler(event, context):\n    return {'handler': 'handler'}\ndef handler_two(event, context):\n    return {'handler': 'handler_two'}\n",
    })
    const helped = { Handler: 'handler.handler', Timeout: 30, Environment: { Variables: {} } }
    await run.stage.send(creation({ ...helped, Code: { ZipFile: handlers } }))
    await run.settle(FunctionName)
    await run.step('invoke_result_handler_one', invoke())
    const Handler = 'handler.handler_two'
    await run.step(
      'update_function_configuration_result',
      new UpdateFunctionConfigurationCommand({ FunctionName, Handler }),
    )
    await run.settle(FunctionName)
    await run.step('get_function_result', get())
    await run.step('invoke_result_handler_two', invoke())
    await run.stage.send(new PublishVersionCommand({ FunctionName }))
    await run.step('invoke_result_handler_two_postpublish', invoke())
  })

  rest()
})

describe('an alias', () => {
  const { still, rest } = recordedClass('TestLambdaAlias')
  const create = creation({ Environment: { Variables: { testenv: 'staging' } } })
  const alias = (Name: string, Description?: string) =>
    new CreateAliasCommand({ FunctionName, Name, FunctionVersion: '1', Description })

  still('test_alias_naming', async (run) => {
    await run.step('create_response', create)
    await run.settle(FunctionName)
    await run.step('publish_v1', new PublishVersionCommand({ FunctionName }))
    await run.step('create_alias_number_exception', alias('2024', 'custom-alias'))
    await run.step('create_alias_date', alias('2024-01-02', 'custom-alias'))
    await run.step('get_alias_date', new GetAliasCommand({ FunctionName, Name: '2024-01-02' }))
  })

  still('test_non_existent_alias_update', async (run) => {
    await run.step('create_response', create)
    await run.settle(FunctionName)
    const Name = 'non-existent'
    await run.step('update_alias_response', new UpdateAliasCommand({ FunctionName, Name }))
  })

  rest()
})

describe('aliases', () => {
  const { running, rest } = recordedClass('TestLambdaAliases')
  const code = (version: number) =>
    zipOf({
      'handler.py': `def handler(event, context):\n    return {'version_id': 'version${version}', 'invoked_arn': context.invoked_function_arn, 'version_from_ctx': context.function_version}\n`,
    })

  running('test_lambda_alias_moving', async (run) => {
    const Description = 'No version :('
    const first = { Handler: 'handler.handler', Description, Code: { ZipFile: code(1) } }
    await run.step('create_response', creation(first))
    await run.settle(FunctionName)
    const publish = (text: string) => new PublishVersionCommand({ FunctionName, Description: text })
    await run.stage.send(publish('First version description :)'))
    const Name = 'alias1'
    const to = (FunctionVersion: string) => ({ FunctionName, Name, FunctionVersion })
    await run.step('create_alias_response', new CreateAliasCommand(to('1')))
    await run.step('invocation_result_qualifier_v1', invoke(FunctionName, Name))
    const arn = `arn:aws:lambda:us-east-1:000000000000:function:fn:${Name}`
    await run.step('invocation_result_qualifier_v1_arn', invoke(arn))
    const update = { FunctionName, ZipFile: code(2) }
    await run.step('update_lambda_response', new UpdateFunctionCodeCommand(update))
    await run.settle(FunctionName)
    await run.step('invocation_result_qualifier_v1_after_update', invoke(FunctionName, Name))
    await run.step('second_publish_response', publish('Second version description :)'))
    await run.step('invocation_result_qualifier_v1_after_publish', invoke(FunctionName, Name))
    await run.step('update_alias_response', new UpdateAliasCommand(to('2')))
    await run.step('invocation_result_qualifier_v2', invoke(FunctionName, Name))
    await run.step('invocation_exc_not_existent', invoke(FunctionName, 'non-existent-alias'))
  })

  rest()
})

describe('revisions', () => {
  const { still, rest } = recordedClass('TestLambdaRevisions')
  const helped = { Handler: 'handler.handler', Timeout: 30, Environment: { Variables: {} } }

  still('test_function_revisions_version_and_alias', async (run) => {
    const created = await run.step('create_function_response_rev1', creation(helped))
    await run.settle(FunctionName)
    const active = await run.step('get_function_active_rev2', get())
    const revision = ({ body }: { body: Readonly<Record<string, unknown>> }) =>
      String(body['RevisionId'])
    const publish = (RevisionId: string) => new PublishVersionCommand({ FunctionName, RevisionId })
    await run.step('publish_version_revision_exception', publish(revision(created)))
    const configuration = active.body['Configuration'] as Record<string, unknown>
    await run.step('publish_version_response_rev_v1', publish(String(configuration['RevisionId'])))
    await run.step('get_function_latest_rev3', get())
    await aliasSteps(run, revision)
  })

  async function aliasSteps(run: Run, revision: (answer: never) => string): Promise<void> {
    await run.step('get_function_published_version_rev_v2', get('1'))
    const Name = 'revision_alias'
    const first = await run.step(
      'create_alias_response_rev_a1',
      new CreateAliasCommand({ FunctionName, Name, FunctionVersion: '1' }),
    )
    await run.step('get_function_latest_rev4', get())
    await run.step('get_function_published_version_rev_v3', get('1'))
    const RevisionId = revision(first as never)
    const change = { FunctionName, Name, Description: 'something changed', RevisionId }
    await run.step('update_alias_response_rev_a2', new UpdateAliasCommand(change))
    await run.step('update_alias_revision_exception', new UpdateAliasCommand(change))
  }

  rest()
})
