import { afterAll, beforeAll, describe, expect, it } from 'vitest'

import { startLambdaApi, type Called, type LambdaApi } from '../../support/lambda-api.ts'
import { nodePackage } from '../../support/packages.ts'
import { Comparison, recorded, recordedThere } from '../../support/recorded.ts'

const ROLE = 'arn:aws:iam::000000000000:role/lambda-role'
const HERE = 'arn:aws:lambda:us-east-1:000000000000'
const settings = { Role: ROLE, Runtime: 'python3.12', Handler: 'index.handler' }

let api: LambdaApi
beforeAll(async () => {
  api = await startLambdaApi()
  await api.call('CreateFunction', { json: { FunctionName: 'fn', ...settings }, zip: zip() })
  await api.settle()
  for (let n = 1; n <= 3; n += 1)
    await api.call('PublishLayerVersion', { path: { LayerName: 'layer' }, zip: zip() })
})
afterAll(() => api[Symbol.asyncDispose]())

function zip(): Buffer {
  return nodePackage('one')
}

const layer = (n: number): string => `${HERE}:layer:layer:${n}`

/** [operation, request, file, scenario, step] */
const cases: readonly (readonly [string, Called, string, string, string])[] = [
  ['GetFunction', { path: { FunctionName: 'arn:aws:lambda:ap-southeast-1:000000000000:function:fn' } }, 'TestLambdaFunction', 'test_function_arns', 'function_arn_other_region_exc'],
  ['CreateFunction', { json: { ...settings, FunctionName: 'a'.repeat(65) }, zip: zip() }, 'TestLambdaFunction', 'test_function_arns', 'long_function_name_exc'],
  ['CreateFunction', { json: { ...settings, FunctionName: 'invalid:function:name' }, zip: zip() }, 'TestLambdaFunction', 'test_function_arns', 'invalid_function_name_exc'],
  ['DeleteFunction', { path: { FunctionName: 'i-dont-exist' } }, 'TestLambdaFunction', 'test_delete_on_nonexisting_version', 'delete_function_response_non_existent'],
  ['DeleteFunction', { path: { FunctionName: 'i-dont-exist' }, query: { Qualifier: '1' } }, 'TestLambdaFunction', 'test_delete_on_nonexisting_version', 'delete_function_response_non_existent_with_qualifier'],
  ['GetFunction', { path: { FunctionName: 'nope' } }, 'TestLambdaFunction', 'test_ops_on_nonexisting_fn[get_function]', 'not_found_exception'],
  ['ListFunctions', { query: { FunctionVersion: 'invalid' } }, 'TestLambdaFunction', 'test_list_functions', 'list_functions_invalid_functionversion'],
  ['UpdateFunctionConfiguration', { path: { FunctionName: 'fn' }, json: { Role: 'r1' } }, 'TestLambdaFunction', 'test_update_lambda_exceptions', 'invalid_role_arn_exc'],
  ['UpdateFunctionConfiguration', { path: { FunctionName: 'fn' }, json: { Runtime: 'non-existent-runtime' } }, 'TestLambdaFunction', 'test_update_lambda_exceptions', 'invalid_runtime_exc'],
  ['UpdateFunctionConfiguration', { path: { FunctionName: 'fn' }, json: { Runtime: 'PYTHON3.9' } }, 'TestLambdaFunction', 'test_update_lambda_exceptions', 'uppercase_runtime_exc'],
  ['CreateFunction', { json: { ...settings, FunctionName: 'new', Runtime: 'python3.7' }, zip: zip() }, 'TestRuntimeValidation', 'test_create_deprecated_function_runtime_with_validation_enabled[python3.7]', 'deprecation_error'],
  ['CreateFunction', { json: { ...settings, FunctionName: 'new', SnapStart: { ApplyOn: 'invalidOption' } }, zip: zip() }, 'TestLambdaSnapStart', 'test_snapstart_exceptions', 'create_function_invalid_snapstart_apply'],
  ['UpdateFunctionConfiguration', { path: { FunctionName: 'fn' }, json: { Layers: [`${HERE}:layer:layer`] } }, 'TestLambdaLayer', 'test_layer_function_exceptions', 'add_layer_arn_without_version_exc'],
  ['UpdateFunctionConfiguration', { path: { FunctionName: 'fn' }, json: { Layers: [`${HERE}:layer:doesnotexist:1`] } }, 'TestLambdaLayer', 'test_layer_function_exceptions', 'add_nonexistent_layer_exc'],
  ['UpdateFunctionConfiguration', { path: { FunctionName: 'fn' }, json: { Layers: [layer(9)] } }, 'TestLambdaLayer', 'test_layer_function_exceptions', 'add_nonexistent_layer_version_exc'],
  ['CreateFunction', { json: { ...settings, FunctionName: 'new', Layers: ['arn:aws:lambda:eu-west-1:000000000000:layer:layer:1'] }, zip: zip() }, 'TestLambdaLayer', 'test_layer_function_exceptions', 'create_function_with_layer_in_different_region'],
  ['UpdateFunctionConfiguration', { path: { FunctionName: 'fn' }, json: { Layers: [layer(1), layer(1)] } }, 'TestLambdaLayer', 'test_layer_function_exceptions', 'two_identical_layer_versions_single_function_exc'],
  ['UpdateFunctionConfiguration', { path: { FunctionName: 'fn' }, json: { Layers: [layer(1), layer(2)] } }, 'TestLambdaLayer', 'test_layer_function_exceptions', 'two_layer_versions_single_function_exc'],
  ['UpdateFunctionConfiguration', { path: { FunctionName: 'fn' }, json: { Layers: [layer(1), layer(2), layer(3)] } }, 'TestLambdaLayer', 'test_layer_function_exceptions', 'three_layer_versions_single_function_exc'],
  ['CreateFunction', { json: { ...settings, FunctionName: 'new', Layers: [1, 2, 3, 4, 5, 6].map(layer) }, zip: zip() }, 'TestLambdaLayer', 'test_layer_function_quota_exception', 'create_function_with_six_layers'],
  ['TagResource', { path: { Resource: `${HERE}:function:doesnotexist` }, json: { Tags: { a: 'b' } } }, 'TestLambdaTags', 'test_tag_exceptions', 'tag_lambda_doesnotexist'],
  ['TagResource', { path: { Resource: 'arn:aws:something' }, json: { Tags: { a: 'b' } } }, 'TestLambdaTags', 'test_tag_exceptions', 'tag_lambda_invalidarn'],
  ['TagResource', { path: { Resource: `${HERE}:function:fn:1` }, json: { Tags: { a: 'b' } } }, 'TestLambdaTags', 'test_tag_exceptions', 'tag_lambda_qualifier_doesnotexist'],
  ['TagResource', { path: { Resource: `${HERE}:function:fn` }, json: { Tags: {} } }, 'TestLambdaTags', 'test_tag_exceptions', 'tag_empty_tags'],
  ['UntagResource', { path: { Resource: `${HERE}:function:fn` } }, 'TestLambdaTags', 'test_tag_exceptions', 'untag_empty_keys'],
  ['TagResource', { path: { Resource: `${HERE}:function:fn:$LATEST` }, json: { Tags: { a: 'b' } } }, 'TestLambdaTags', 'test_tag_versions', 'tag_resource_latest_exception'],
] // prettier-ignore

describe.skipIf(!recordedThere)('refuses as AWS recorded it', () => {
  it.each(cases)('%s %j: %s %s %s', async (...[operation, called, file, scenario, step]) => {
    const before = await stored()

    const refused = await api.call(operation, called)

    const same = new Comparison()
    const theirs = recorded(file, scenario)[step]!
    expect(same.differences(refused, theirs)).toEqual([])
    expect(await stored()).toEqual(before)
  })

  const validation = Object.entries(recordedThere ? nameCases() : {})

  it.each(validation)('%s', async (_name, { operation, called, code, message }) => {
    const refused = await api.call(operation, called)

    expect(refused.headers['x-amzn-ErrorType']).toBe(code)
    expect(refused.body['message'] ?? refused.body['Message']).toBe(message)
  })
})

/** Names and qualifiers that AWS refused, with its sentences, by scenario. */
function nameCases() {
  const found: Record<
    string,
    { operation: string; called: Called; code: string; message: string }
  > = {}
  const asked: Record<string, { name: string; qualifier?: string }> = {
    latest_version_with_additional_qualifier: { name: `${HERE}:function:my-function:$LATEST:1` },
    missing_account_id_in_arn: { name: 'arn:aws:lambda:us-east-1::function:my-function' },
    missing_region_in_arn: { name: 'arn:aws:lambda::000000000000:function:my-function' },
    misspelled_latest_in_arn: { name: `${HERE}:function:my-function:$LATES` },
    non_lambda_arn: { name: 'arn:aws:ec2:us-east-1:000000000000:instance:i-1234567890abcdef0' },
    partial_arn_with_extra_qualifier: { name: 'function:my-function:$LATEST:extra' },
    invalid_characters_in_function_name: { name: 'my-function!' },
    invalid_characters_in_qualifier: { name: 'my-function', qualifier: 'invalid!' },
    function_name_is_single_invalid: { name: '*' },
    invalid_account_id_in_partial_arn: { name: 'invalid-account:function:my-function' },
  }
  for (const [scenario, { name, qualifier }] of Object.entries(asked)) {
    for (const [suffix, operation] of [
      ['get_function', 'GetFunction'],
      ['delete_function', 'DeleteFunction'],
      ['create_function', 'CreateFunction'],
    ] as const) {
      const answers = tryRecorded(
        `test_function_name_and_qualifier_validation[${scenario}-${suffix}]`,
      )
      const theirs = answers?.[`${suffix}_exception`] as {
        Code: string
        Count?: number
        Errors?: string[]
      }
      if (theirs?.Errors === undefined) continue
      const called: Called =
        operation === 'CreateFunction'
          ? { json: { ...settings, FunctionName: name }, zip: zip() }
          : { path: { FunctionName: name }, ...(qualifier && { query: { Qualifier: qualifier } }) }
      const errors = theirs.Errors.join('; ')
        .replaceAll('<partition>', 'aws')
        .replaceAll('<region>', 'us-east-1')
        .replaceAll('111111111111', '000000000000')
      const message = `${theirs.Count} validation error${theirs.Count === 1 ? '' : 's'} detected: ${errors}`
      found[`${operation} ${scenario}`] = { operation, called, code: theirs.Code, message }
    }
  }
  return found
}

function tryRecorded(scenario: string) {
  try {
    return recorded('TestLambdaFunction', scenario)
  } catch {
    return undefined
  }
}

/** A refusal leaves nothing but its decision. */
async function stored(): Promise<unknown> {
  const { reader } = api.deps.store
  const count = async (
    table: 'function' | 'function_version' | 'alias' | 'artifact' | 'layer_version',
  ) => (await reader.selectFrom(table).selectAll().execute()).length
  return [
    await count('function'),
    await count('function_version'),
    await count('alias'),
    await count('artifact'),
    await count('layer_version'),
    (await reader.selectFrom('function').select('tags').execute()).map((row) => row.tags),
  ]
}
