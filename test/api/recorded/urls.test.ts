import {
  AddPermissionCommand,
  CreateAliasCommand,
  CreateFunctionCommand,
  CreateFunctionUrlConfigCommand,
  DeleteAliasCommand,
  DeleteFunctionUrlConfigCommand,
  GetFunctionCommand,
  GetFunctionUrlConfigCommand,
  ListFunctionUrlConfigsCommand,
  PublishVersionCommand,
  UpdateFunctionUrlConfigCommand,
  type InvokeMode,
} from '@aws-sdk/client-lambda'
import { describe, expect } from 'vitest'

import { nodePackage, zipOf } from '../../support/packages.ts'
import { recordedClass, type Run } from '../../support/recorded-scenario.ts'
import type { Command, WireAnswered } from '../../support/recorded-stage.ts'
import { askUrl, permitUrl, toOpened, type UrlReply } from '../../support/urls.ts'

const FunctionName = 'fn'
const ARN = 'arn:aws:lambda:us-east-1:000000000000:function:'

async function make(run: Run, Handler: string, Runtime: 'nodejs20.x' | 'python3.12') {
  await run.stage.send(
    new CreateFunctionCommand({
      FunctionName,
      Role: 'arn:aws:iam::000000000000:role/lambda-role',
      Runtime,
      Handler,
      Timeout: 30,
      Environment: { Variables: {} },
      Code: { ZipFile: nodePackage(1) },
    }),
  )
  await run.settle(FunctionName)
}

interface Asked {
  readonly FunctionName: string
  readonly Qualifier?: string
}

const open = (more: Partial<Asked> & { readonly InvokeMode?: InvokeMode } = {}) =>
  new CreateFunctionUrlConfigCommand({ FunctionName, AuthType: 'NONE', ...more })
const get = new GetFunctionUrlConfigCommand({ FunctionName })

describe('calls of URLs', () => {
  const { still, running, rest } = recordedClass('TestLambdaURL')
  const permit = new AddPermissionCommand({
    FunctionName,
    StatementId: 'urlPermission',
    Action: 'lambda:InvokeFunctionUrl',
    Principal: '*',
    FunctionUrlAuthType: 'NONE',
  })

  /** One request to the URL that was made. */
  async function called(run: Run, created: WireAnswered): Promise<UrlReply> {
    const { host } = toOpened(String(created.body['FunctionUrl']))
    return await askUrl(run.stage.functionUrls, host, { method: 'POST', body: '{}' })
  }

  /** The recorder kept the statement parsed. */
  async function permitted(run: Run): Promise<void> {
    const ours = await run.stage.send(permit)
    const Statement: unknown = JSON.parse(String(ours.body['Statement']))
    run.same('add_permission', { ...ours, body: { ...ours.body, Statement } })
  }

  still('test_lambda_update_function_url_config', async (run) => {
    await make(run, 'index.handler', 'nodejs20.x')
    await run.step('create_lambda_url_config', open({ InvokeMode: 'BUFFERED' }))
    await run.step('get_url_config', get)
    const modify = (InvokeMode?: InvokeMode) =>
      new UpdateFunctionUrlConfigCommand({ FunctionName, AuthType: 'NONE', InvokeMode })
    await run.step('modify_lambda_url_config', modify('RESPONSE_STREAM'))
    await run.step('get_url_config_2', get)
    await run.step('modify_lambda_url_config_none', modify())
    await run.step('get_url_config_3', get)
  })

  for (const mode of ['BUFFERED', 'RESPONSE_STREAM', undefined] as const) {
    still(`test_lambda_url_echo_invoke[${mode ?? 'None'}]`, async (run) => {
      await make(run, 'index.handler', 'nodejs20.x')
      const asked = mode === undefined ? {} : { InvokeMode: mode }
      await run.step('create_lambda_url_config', open(asked))
      await permitted(run)
    })
  }

  /** What the recorder's function returned, in Python as it was. */
  const returned = {
    boolean: 'True',
    'http-response-json': String.raw`{"statusCode": 200, "body": "{\"hello\": \"world\"}"}`,
    integer: '3',
    string: '"hello"',
  }
  for (const [answer, value] of Object.entries(returned)) {
    running(`test_lambda_url_invocation[${answer}]`, async (run) => {
      await run.stage.send(
        new CreateFunctionCommand({
          FunctionName,
          Role: 'arn:aws:iam::000000000000:role/lambda-role',
          Runtime: 'python3.12',
          Handler: 'handler.handler',
          Code: {
            ZipFile: zipOf({ 'handler.py': `def handler(event, ctx):\n    return ${value}\n` }),
          },
        }),
      )
      await run.settle(FunctionName)
      const created = await run.step('create_lambda_url_config', open())
      await permitted(run)
      const reply = await called(run, created)
      const { statuscode, content, headers } = run.theirs('lambda_url_invocation')
      run.leaveOut('lambda_url_invocation')
      const body: unknown = typeof content === 'string' ? reply.text : reply.json()
      expect({ status: reply.status, body }).toEqual({ status: statuscode, body: content })
      for (const [name, text] of Object.entries(headers as Record<string, string>))
        expect(reply.headers[name.toLowerCase()]).toBe(text)
    })
  }

  running('test_lambda_url_invocation_exception', async (run) => {
    // There is no such handler: a function that fails, as the recorder's did.
    await make(run, 'handler.handler', 'python3.12')
    await run.step('get_fn_result', new GetFunctionCommand({ FunctionName }))
    const created = await run.step('create_lambda_url_config', open())
    await permitted(run)
    const reply = await called(run, created)
    expect([reply.status, reply.text]).toEqual([502, 'Internal Server Error'])
  })

  running('test_lambda_url_persists_after_alias_delete', async (run) => {
    await make(run, 'index.handler', 'nodejs20.x')
    await run.stage.send(new PublishVersionCommand({ FunctionName }))
    await run.settle(FunctionName, '1')
    const Name = 'urlalias'
    await run.stage.send(new CreateAliasCommand({ FunctionName, Name, FunctionVersion: '1' }))
    // The recorder took the alias in the ARN for a part of the name.
    const created = await run.stage.send(open({ Qualifier: Name, InvokeMode: 'BUFFERED' }))
    run.same('create_lambda_url_config', created)
    await run.stage.send(permitUrl(FunctionName, Name))
    const before = await called(run, created)
    await run.step('delete_alias_resp', new DeleteAliasCommand({ FunctionName, Name }))
    // AWS took some minutes to come to this.
    const after = await called(run, created)
    const gone = run.theirs('invoke_deleted_alias_url_response_delayed')
    run.leaveOut('invoke_aliased_url_response')
    run.leaveOut('invoke_deleted_alias_url_response_delayed')
    expect(before.status).toBe(run.theirs('invoke_aliased_url_response')['status_code'])
    expect({ status: after.status, body: after.json() }).toEqual({
      status: gone['status_code'],
      body: gone['content'],
    })
    expect(after.headers['x-amzn-errortype']).toBe('AccessDeniedException')
  })

  rest()
})

describe('URL configs', () => {
  const { still, rest } = recordedClass('TestLambdaUrl')

  async function prepare(run: Run): Promise<void> {
    await make(run, 'lambda_handler.handler', 'nodejs20.x')
    await run.step('fn_version_result', new PublishVersionCommand({ FunctionName }))
    const alias = { FunctionName, Name: 'urlalias', FunctionVersion: '1' }
    await run.step('create_alias_result', new CreateAliasCommand(alias))
  }

  still('test_url_config_exceptions', async (run) => {
    await prepare(run)
    const none = 'doesnotexist'
    const cases: readonly (readonly [step: string, asked: Asked])[] = [
      ['name_doesnotexist', { FunctionName: none }],
      ['name_doesnotexist_qualifier', { FunctionName: none, Qualifier: '1' }],
      ['arn_doesnotexist', { FunctionName: `${ARN}${none}` }],
      ['qualifier_version', { FunctionName, Qualifier: '1' }],
      ['qualifier_version_doesnotexist', { FunctionName, Qualifier: '2' }],
      ['qualifier_alias_doesnotexist', { FunctionName, Qualifier: none }],
      ['qualifier_alias_doesnotmatch_arn', { FunctionName: `${ARN}fn:urlalias`, Qualifier: none }],
      ['qualifier_latest', { FunctionName, Qualifier: '$LATEST' }],
    ]
    const calls: readonly (readonly [verb: string, of: (asked: Asked) => Command])[] = [
      ['create', (asked) => open(asked)],
      ['get', (asked) => new GetFunctionUrlConfigCommand(asked)],
      ['update', (asked) => new UpdateFunctionUrlConfigCommand({ ...asked, AuthType: 'NONE' })],
      ['delete', (asked) => new DeleteFunctionUrlConfigCommand(asked)],
    ]
    for (const [verb, of] of calls) {
      for (const [step, asked] of cases) {
        const name = `${verb}_function_url_config_${step}`
        // AWS failed with 500 there.
        if (name === 'delete_function_url_config_qualifier_alias_doesnotmatch_arn')
          run.leaveOut(name)
        else await run.step(name, of(asked))
      }
      if (verb === 'create') continue
      await run.step(`${verb}_function_url_config_config_doesnotexist`, of({ FunctionName }))
    }
  })

  still('test_url_config_list_paging', async (run) => {
    await prepare(run)
    const list = (name: string) => new ListFunctionUrlConfigsCommand({ FunctionName: name })
    await run.step('list_function_notfound', list('doesnotexist'))
    await run.step('list_all_empty', list(FunctionName))
    await run.step('url_config_fn', open())
    await run.step('url_config_alias', open({ FunctionName: `fn:urlalias`, Qualifier: 'urlalias' }))
    await run.step('list_all', list(FunctionName))
  })

  rest()
})
