import { afterEach, beforeEach, describe, expect, it } from 'vitest'

import { startLambdaApi, type Answered, type LambdaApi } from '../../support/lambda-api.ts'
import { nodePackage } from '../../support/packages.ts'
import { Comparison, recorded, recordedThere, type Recorded } from '../../support/recorded.ts'

const ROLE = 'arn:aws:iam::000000000000:role/lambda-role'

let api: LambdaApi
beforeEach(async () => {
  api = await startLambdaApi()
})
afterEach(() => api[Symbol.asyncDispose]())

const path = { FunctionName: 'fn' }

function create(json: Record<string, unknown>): Promise<Answered> {
  const base = { FunctionName: 'fn', Role: ROLE, Runtime: 'python3.12', Handler: 'handler.handler' }
  return api.call('CreateFunction', { json: { ...base, ...json } as never, zip: nodePackage('x') })
}

async function configure(json: Record<string, unknown>): Promise<Answered> {
  return await api.call('UpdateFunctionConfiguration', { path, json: json as never })
}

const read = (): Promise<Answered> => api.call('GetFunctionConfiguration', { path })

/** What the recorder's helper wrapped. */
const created = (answer: Recorded): Recorded =>
  (answer as { CreateFunctionResponse: Recorded }).CreateFunctionResponse

describe.skipIf(!recordedThere)('settings as AWS recorded them', () => {
  it('two functions in a list, and all their versions', async () => {
    const answers = recorded('TestLambdaFunction', 'test_list_functions')
    const same = new Comparison()
    const settings = { Timeout: 30, Environment: { Variables: {} } }

    const first = await create({ ...settings, FunctionName: 'fn-1', Publish: true })
    const second = await create({ ...settings, FunctionName: 'fn-2' })
    await api.settle()
    const all = await api.call('ListFunctions', { query: { FunctionVersion: 'ALL' } })
    const plain = await api.call('ListFunctions')

    expect(same.differences(first, created(answers['create_response_1']!))).toEqual([])
    expect(same.differences(second, created(answers['create_response_2']!))).toEqual([])
    // The recorder's account held more: it kept the function names it knew, and no more of the answer.
    const { Functions: listed } = answers['list_all'] as { Functions: Recorded[] }
    const { Functions: shown } = answers['list_default'] as { Functions: Recorded[] }
    expect(same.differences(all, { Functions: listed })).toEqual([])
    expect(same.differences(plain, { Functions: shown })).toEqual([])
  })

  it('a switch of the log format there and back', async () => {
    const answers = recorded(
      'TestLoggingConfig',
      'test_advanced_logging_configuration_format_switch',
    )
    const same = new Comparison()

    const made = await create({ Timeout: 5, MemorySize: 256, Environment: { Variables: {} } })
    await api.settle()
    const before = await read()
    const json = await configure({ LoggingConfig: { LogFormat: 'JSON' } })
    await api.settle()
    const received = await read()
    const text = await configure({ LoggingConfig: { LogFormat: 'Text' } })
    await api.settle()
    const after = await read()

    expect(same.differences(made, created(answers['create_response']!))).toEqual([])
    expect(same.differences(before, answers['function_config']!)).toEqual([])
    expect(same.differences(json, answers['updated_config']!)).toEqual([])
    expect(same.differences(received, answers['received_config']!)).toEqual([])
    expect(same.differences(text, answers['updated_config_v2']!)).toEqual([])
    expect(same.differences(after, answers['received_config_v2']!)).toEqual([])
  })

  it('another log group, which keeps the levels', async () => {
    const answers = recorded('TestLoggingConfig', 'test_function_advanced_logging_configuration')
    const same = new Comparison()

    const made = await create({
      Timeout: 5,
      MemorySize: 256,
      Environment: { Variables: {} },
      LoggingConfig: { LogFormat: 'JSON' },
    })
    await api.settle()
    const before = await read()
    const grouped = await configure({ LoggingConfig: { LogGroup: 'cool_lambda' } })
    await api.settle()
    const received = await read()

    expect(same.differences(made, created(answers['create_response']!))).toEqual([])
    expect(same.differences(before, answers['function_config']!)).toEqual([])
    expect(same.differences(grouped, answers['updated_config']!)).toEqual([])
    expect(same.differences(received, answers['received_config']!)).toEqual([])
  })

  it('SnapStart as asked for, and off', async () => {
    const scenario = 'test_snapstart_update_function_configuration[python3.12]'
    const answers = recorded('TestLambdaSnapStart', scenario)
    const same = new Comparison()

    const made = await create({ Timeout: 5, MemorySize: 1_024 })
    await api.settle()
    const updated = await configure({ SnapStart: { ApplyOn: 'PublishedVersions' } })

    expect(same.differences(made, answers['create_function_response']!)).toEqual([])
    expect(same.differences(updated, answers['update_function_response']!)).toEqual([])
  })

  it('variables just within the limit, and beyond it', async () => {
    const scenario = 'test_lambda_envvars_near_limit_succeeds'
    const near = created(recorded('TestLambdaSizeLimits', scenario)['successful_create_fn_result']!)
    const beyond = recorded('TestLambdaSizeLimits', 'test_large_environment_fails_multiple_keys')[
      'failured_create_fn_result_multi_key'
    ]!
    const sentence = (beyond['Error'] as { Message: string }).Message
    const measured = JSON.parse(sentence.slice(sentence.indexOf('{'))) as Record<string, string>
    const { Environment, Timeout } = near as { Environment: object; Timeout: number }

    const made = await create({ Timeout, Environment })
    const refused = await create({ FunctionName: 'other', Environment: { Variables: measured } })

    expect(new Comparison().differences(made, near)).toEqual([])
    expect(new Comparison().differences(refused, beyond)).toEqual([])
  })

  it('the life of tags', async () => {
    const answers = recorded('TestLambdaTag', 'test_tag_lifecycle[lambda_function]')
    const same = new Comparison()
    const made = await create({})
    const resource = { path: { Resource: made.body['FunctionArn'] as string } }
    const steps: readonly (readonly [string, string, object])[] = [
      ['tag_single_response', 'TagResource', { json: { Tags: { A: 'tag-a' } } }],
      ['tag_multiple_response', 'TagResource', { json: { Tags: { B: 'tag-b', C: 'tag-c' } } }],
      ['tag_overlap_response', 'TagResource', { json: { Tags: { C: 'tag-c-newsuffix', D: 'tag-d' } } }],
      ['untag_single_response', 'UntagResource', { query: { tagKeys: 'A' } }],
      ['untag_multiple_response', 'UntagResource', { query: { tagKeys: ['B', 'C'] } }],
      ['untag_nonexisting_response', 'UntagResource', { query: { tagKeys: 'F' } }],
      ['untag_existing_and_nonexisting_response', 'UntagResource', { query: { tagKeys: ['D', 'F'] } }],
    ] // prettier-ignore

    for (const [step, operation, called] of steps) {
      const answer = await api.call(operation, { ...resource, ...called })
      const listed = await api.call('ListTags', resource)

      expect(same.differences(answer, answers[step]!)).toEqual([])
      expect(same.differences(listed, answers[`${step}_listtags`]!)).toEqual([])
    }
  })
})
