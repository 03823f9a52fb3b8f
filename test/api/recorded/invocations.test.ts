import {
  CreateFunctionCommand,
  InvokeCommand,
  type CreateFunctionCommandInput,
} from '@aws-sdk/client-lambda'
import { describe } from 'vitest'

import { zipOf } from '../../support/packages.ts'
import { recordedClass, type Run } from '../../support/recorded-scenario.ts'

const FunctionName = 'fn'

async function create(run: Run, code: string, more: Partial<CreateFunctionCommandInput> = {}) {
  await run.stage.send(
    new CreateFunctionCommand({
      FunctionName,
      Role: 'arn:aws:iam::000000000000:role/lambda-role',
      Runtime: 'python3.12',
      Handler: 'handler.handler',
      Timeout: 30,
      Code: { ZipFile: zipOf({ 'handler.py': code }) },
      ...more,
    }),
  )
  await run.settle(FunctionName)
}

function linesOf(log: string): readonly string[] {
  const lines = log.replaceAll(/[\d.]+ ms/g, '<duration> ms').match(/[^\n]*\n/g) ?? []
  return lines.map((line) => line.replace(/^\d{4}-\d\d-\d\dT[\d:.]+Z\t/, 'date\t'))
}

describe('errors', () => {
  const { running, rest } = recordedClass('TestLambdaErrors')

  running('test_lambda_handler_exit', async (run) => {
    await create(run, 'import sys\ndef handler(event, context):\n    sys.exit(0)\n')
    await run.step('invocation_error', new InvokeCommand({ FunctionName, Payload: '{}' }))
  })

  running('test_lambda_runtime_wrapper_not_found', async (run) => {
    const Variables = { AWS_LAMBDA_EXEC_WRAPPER: '/idontexist.sh' }
    await create(run, 'def handler(event, context):\n    pass\n', { Environment: { Variables } })
    await run.step('invocation_error', new InvokeCommand({ FunctionName, Payload: '{}' }))
  })

  rest()
})

describe('features', () => {
  const { together, running, rest } = recordedClass('TestLambdaFeatures')

  together('test_invoke_exceptions', async (run) => {
    const missing = new InvokeCommand({ FunctionName: 'doesnotexist', Payload: '{}' })
    await run.step('invoke_function_doesnotexist', missing)
  })

  running('test_invocation_with_logs[python3.10]', async (run) => {
    await create(run, 'def handler(event, context):\n    print(event)\n    return event\n', {
      Runtime: 'python3.10',
    })
    const invoke = new InvokeCommand({ FunctionName, Payload: '{}', LogType: 'Tail' })
    const { status, headers, body } = await run.stage.send(invoke)
    run.same('invoke', { status, headers, body: { ...body, LogResult: 'log-result' } })
    run.same('logs', {
      status: 200,
      headers: {},
      body: { logs: linesOf(String(body['LogResult'])) },
    })
  })

  running('test_invocation_with_logs[nodejs16.x]', async (run) => {
    const Code = {
      ZipFile: zipOf({
        'index.js':
          'exports.handler = async (event) => { console.log(JSON.stringify(event)); return event }\n',
      }),
    }
    await create(run, '', { Runtime: 'nodejs16.x', Handler: 'index.handler', Code })
    const invoke = new InvokeCommand({ FunctionName, Payload: '{}', LogType: 'Tail' })
    const { status, headers, body } = await run.stage.send(invoke)
    run.same('invoke', { status, headers, body: { ...body, LogResult: 'log-result' } })
    run.same('logs', {
      status: 200,
      headers: {},
      body: { logs: linesOf(String(body['LogResult'])) },
    })
  })

  rest()
})

// Without an answer: the recorder compared the payloads by itself.
describe('without answers', () => {
  for (const file of ['TestLambdaBaseFeatures', 'TestPartialARNMatching'])
    recordedClass(file).rest()
})
