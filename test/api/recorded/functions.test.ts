import {
  CreateFunctionCommand,
  DeleteFunctionCommand,
  GetFunctionCommand,
  GetFunctionCodeSigningConfigCommand,
  InvokeCommand,
  ListFunctionsCommand,
  UpdateFunctionCodeCommand,
  UpdateFunctionConfigurationCommand,
  type CreateFunctionCommandInput,
} from '@aws-sdk/client-lambda'
import { expect } from 'vitest'

import { nodePackage } from '../../support/packages.ts'
import { recordedClass, type Run } from '../../support/recorded-scenario.ts'
import { recordedNames, recordedThere } from '../../support/recorded.ts'

const HERE = 'arn:aws:lambda:us-east-1:000000000000'
const { still, together, rest } = recordedClass('TestLambdaFunction')

function creation(name: string, more: Partial<CreateFunctionCommandInput> = {}) {
  return new CreateFunctionCommand({
    FunctionName: name,
    Role: 'arn:aws:iam::000000000000:role/lambda-role',
    Runtime: 'python3.12',
    Handler: 'index.handler',
    Code: { ZipFile: nodePackage('one') },
    ...more,
  })
}

/** What the recorder's helper gives a function. */
const helped = { Handler: 'handler.handler', Timeout: 30, Environment: { Variables: {} } }

together('test_delete_on_nonexisting_version', async (run) => {
  const FunctionName = 'i-dont-exist'
  await run.step(
    'delete_function_response_non_existent',
    new DeleteFunctionCommand({ FunctionName }),
  )
  await run.step(
    'delete_function_response_non_existent_with_qualifier',
    new DeleteFunctionCommand({ FunctionName, Qualifier: '1' }),
  )
})

still('test_function_arns', async (run) => {
  await run.step('create-function-arn-response', creation(`${HERE}:function:by-arn`, helped))
  const partial = creation('000000000000:function:by-partial-arn', {
    ...helped,
    Code: { ZipFile: nodePackage('two') },
  })
  await run.step('create-function-partial-arn-response', partial)
  await run.step(
    'function_arn_other_region_exc',
    new GetFunctionCommand({
      FunctionName: 'arn:aws:lambda:ap-southeast-1:000000000000:function:by-arn',
    }),
  )
  await run.step(
    'function_arn_other_account_exc',
    new GetFunctionCommand({
      FunctionName: 'arn:aws:lambda:us-east-1:123456789012:function:by-arn',
    }),
  )
  await run.step('long_function_arn_exc', creation(`${HERE}:function:${'a'.repeat(200)}`))
  await run.step('long_function_name_exc', creation('a'.repeat(65)))
  await run.step('invalid_function_name_exc', creation('invalid:function:name'))
})

for (const [operation, command] of [
  ['get_function_code_signing_config', GetFunctionCodeSigningConfigCommand],
  ['invoke', InvokeCommand],
] as const) {
  together(`test_get_function_wrong_region[${operation}]`, async (run) => {
    const FunctionName = 'arn:aws:lambda:eu-west-3:000000000000:function:fn'
    await run.step('wrong_region_exception', new command({ FunctionName }))
  })
}

together('test_invalid_invoke', async (run) => {
  const FunctionName = 'arn:aws:lambda:us-east-1:123400000000@function:myfn'
  await run.step('invoke_function_name_pattern_exc', new InvokeCommand({ FunctionName }))
})

still('test_lambda_code_location_zipfile', async (run) => {
  const FunctionName = 'fn'
  await run.step('create-response-zip-file', creation(FunctionName))
  await run.settle(FunctionName)
  await run.step('get-function-response', new GetFunctionCommand({ FunctionName }))
  await run.step(
    'update-function-response',
    new UpdateFunctionCodeCommand({ FunctionName, ZipFile: nodePackage('two') }),
  )
  await run.step('get-function-response-updated', new GetFunctionCommand({ FunctionName }))
})

still('test_list_functions', async (run) => {
  await run.step('create_response_1', creation('fn-1', { ...helped, Publish: true }))
  const other = { ...helped, Code: { ZipFile: nodePackage('two') } }
  await run.step('create_response_2', creation('fn-2', other))
  await run.settle('fn-1')
  // The recorder's account held more functions: it kept the list alone, of those it knew.
  const lists = [
    ['list_all', new ListFunctionsCommand({ FunctionVersion: 'ALL' })],
    ['list_default', new ListFunctionsCommand({})],
  ] as const
  for (const [step, command] of lists) {
    const { body, ...answer } = await run.stage.send(command)
    run.same(step, { ...answer, body: { Functions: body['Functions'] } })
    expect(Object.keys(body)).toEqual(['Functions'])
  }
  const invalid = new ListFunctionsCommand({ FunctionVersion: 'invalid' as 'ALL' })
  await run.step('list_functions_invalid_functionversion', invalid)
})

together('test_ops_on_nonexisting_fn[get_function]', async (run) => {
  await run.step('not_found_exception', new GetFunctionCommand({ FunctionName: 'nope' }))
})

still('test_update_lambda_exceptions', async (run) => {
  const FunctionName = 'fn'
  await run.stage.send(creation(FunctionName))
  await run.settle(FunctionName)
  const changes = {
    invalid_role_arn_exc: { Role: 'r1' },
    invalid_runtime_exc: { Runtime: 'non-existent-runtime' as 'nodejs20.x' },
    uppercase_runtime_exc: { Runtime: 'PYTHON3.9' as 'nodejs20.x' },
  }
  for (const [step, change] of Object.entries(changes))
    await run.step(step, new UpdateFunctionConfigurationCommand({ FunctionName, ...change }))
})

interface Refused {
  readonly Code: string
  readonly Message?: string
  readonly Count?: number
  readonly Errors?: readonly string[]
}

/** Names of which AWS tells what they are, and no more: what was asked with cannot be read off its answer. */
const ASKED: Record<string, { readonly name: string; readonly qualifier?: string }> = {
  incomplete_arn: { name: 'arn:aws:lambda:us-east-1:000000000000:function' },
  lowercase_latest_qualifier: { name: 'my-function', qualifier: '$latest' },
  latest_version_with_additional_qualifier: {
    name: `${HERE}:function:my-function:$LATEST`,
    qualifier: '1',
  },
}

async function askByName(run: Run, scenario: string, operation: string): Promise<void> {
  const step = `${operation}_exception`
  const theirs = run.theirs(step) as unknown as Refused
  const sentence = inWords(theirs)
  const quoted = (at: string) => new RegExp(`Value '([^']*)' at '${at}'`).exec(sentence)?.[1]
  const asked =
    theirs.Errors === undefined
      ? ASKED[scenario]
      : { name: quoted('functionName') ?? 'my-function', qualifier: quoted('qualifier') }
  if (asked === undefined) throw new Error(`what does ${scenario} ask with?`)
  const named = { FunctionName: asked.name, Qualifier: asked.qualifier }
  const command = {
    create_function: () => creation(asked.name),
    get_function: () => new GetFunctionCommand(named),
    delete_function: () => new DeleteFunctionCommand(named),
    invoke: () => new InvokeCommand(named),
  }[operation]
  if (command === undefined) throw new Error(`${operation} is no operation with a name`)

  const ours = await run.stage.send(command())

  run.leaveOut(step)
  expect({
    Code: ours.headers['x-amzn-ErrorType'],
    Message: ours.body['message'] ?? ours.body['Message'],
  }).toEqual({ Code: theirs.Code, Message: sentence })
}

/** The sentence, which the recorder took apart to sort its errors, with the values of this place. */
function inWords({ Message, Count, Errors }: Refused): string {
  const sentence =
    Errors === undefined
      ? String(Message)
      : `${Count} validation error${Count === 1 ? '' : 's'} detected: ${Errors.join('; ')}`
  return sentence
    .replaceAll('<partition>', 'aws')
    .replaceAll('<region>', 'us-east-1')
    .replaceAll('111111111111', '000000000000')
    .replaceAll(/<a:len\((\d+)\)>/g, (_, length) => 'a'.repeat(Number(length)))
}

for (const name of recordedThere ? recordedNames('TestLambdaFunction') : []) {
  const match = /^test_function_name_and_qualifier_validation\[(.+)-(\w+)\]$/.exec(name)
  if (match === null) continue
  together(name, (run) => askByName(run, match[1] ?? '', match[2] ?? ''))
}

rest()
