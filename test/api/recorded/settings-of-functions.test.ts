import {
  GetFunctionConcurrencyCommand,
  GetFunctionEventInvokeConfigCommand,
  GetFunctionUrlConfigCommand,
} from '@aws-sdk/client-lambda'

import { recordedClass } from '../../support/recorded-scenario.ts'

const { together } = recordedClass('TestLambdaFunction')
const elsewhere = { FunctionName: 'arn:aws:lambda:ap-southeast-1:000000000000:function:fn' }
const nowhere = { FunctionName: 'i-dont-exist' }

together('test_get_function_wrong_region[get_function_concurrency]', async (run) => {
  await run.step('wrong_region_exception', new GetFunctionConcurrencyCommand(elsewhere))
})

together('test_get_function_wrong_region[get_function_event_invoke_config]', async (run) => {
  await run.step('wrong_region_exception', new GetFunctionEventInvokeConfigCommand(elsewhere))
})

together('test_ops_on_nonexisting_fn[get_function_event_invoke_config]', async (run) => {
  await run.step('not_found_exception', new GetFunctionEventInvokeConfigCommand(nowhere))
})

together('test_ops_on_nonexisting_fn[get_function_url_config]', async (run) => {
  await run.step('not_found_exception', new GetFunctionUrlConfigCommand(nowhere))
})
