import { afterEach, beforeEach, describe, expect, it } from 'vitest'

import { startLambdaApi, type Answered, type LambdaApi } from '../../support/lambda-api.ts'
import { nodePackage } from '../../support/packages.ts'
import { Comparison, recorded, recordedThere } from '../../support/recorded.ts'

const ROLE = 'arn:aws:iam::000000000000:role/lambda-role'

let api: LambdaApi
beforeEach(async () => {
  api = await startLambdaApi()
})
afterEach(() => api[Symbol.asyncDispose]())

const path = { FunctionName: 'fn' }

function create(json: Record<string, unknown> = {}, release = 'one'): Promise<Answered> {
  const base = { FunctionName: 'fn', Role: ROLE, Runtime: 'python3.12', Handler: 'index.handler' }
  return api.call('CreateFunction', {
    json: { ...base, ...json } as never,
    zip: nodePackage(release),
  })
}

describe.skipIf(!recordedThere)('answers as AWS recorded them', () => {
  it('create with publish, get, list and publish again', async () => {
    const answers = recorded('TestLambdaVersions', 'test_publish_version_on_create')
    const same = new Comparison()

    const created = await create({ Publish: true })
    await api.settle()
    const unqualified = await api.call('GetFunction', { path })
    const version = await api.call('GetFunction', { path, query: { Qualifier: '1' } })
    const latest = await api.call('GetFunction', { path, query: { Qualifier: '$LATEST' } })
    const listed = await api.call('ListVersionsByFunction', { path })
    const repeated = await api.call('PublishVersion', { path })
    const relisted = await api.call('ListVersionsByFunction', { path })

    expect(same.differences(created, answers['create_response']!)).toEqual([])
    expect(same.differences(unqualified, answers['get_function_result']!)).toEqual([])
    expect(same.differences(version, answers['get_function_version_result']!)).toEqual([])
    expect(same.differences(latest, answers['get_function_latest_result']!)).toEqual([])
    expect(same.differences(listed, answers['list_versions_result']!)).toEqual([])
    expect(same.differences(repeated, answers['repeated_publish_response']!)).toEqual([])
    expect(same.differences(relisted, answers['list_versions_result_after_publish']!)).toEqual([])
  })

  it('update of code with publish, while it is in progress', async () => {
    const answers = recorded('TestLambdaVersions', 'test_publish_with_update')
    const same = new Comparison()

    const created = await create()
    await api.settle()
    const active = await api.call('GetFunction', { path })
    const updated = await api.call('UpdateFunctionCode', {
      path,
      json: { Publish: true },
      zip: nodePackage('two'),
    })
    const version = await api.call('GetFunction', { path, query: { Qualifier: '1' } })
    const latest = await api.call('GetFunction', { path, query: { Qualifier: '$LATEST' } })

    expect(same.differences(created, answers['create_response']!)).toEqual([])
    expect(same.differences(active, answers['get_function_result']!)).toEqual([])
    expect(same.differences(updated, answers['update_function_code_result']!)).toEqual([])
    expect(same.differences(version, answers['get_function_version_result']!)).toEqual([])
    expect(same.differences(latest, answers['get_function_latest_result']!)).toEqual([])
  })

  it('revisions of function, version and alias', async () => {
    const answers = recorded('TestLambdaRevisions', 'test_function_revisions_version_and_alias')
    const same = new Comparison()
    const first = (answers['create_function_response_rev1'] as { CreateFunctionResponse: object })
      .CreateFunctionResponse as never

    const created = await create({
      Handler: 'handler.handler',
      Timeout: 30,
      Environment: { Variables: {} },
    })
    await api.settle()
    const active = await api.call('GetFunction', { path })
    const { RevisionId: rev1 } = created.body
    const refused = await api.call('PublishVersion', { path, json: { RevisionId: rev1! } })
    const { RevisionId: rev2 } = active.body['Configuration'] as { RevisionId: string }
    const published = await api.call('PublishVersion', { path, json: { RevisionId: rev2 } })
    const version = await api.call('GetFunction', { path, query: { Qualifier: '1' } })
    const aliased = await api.call('CreateAlias', {
      path,
      json: { Name: 'revision_alias', FunctionVersion: '1' },
    })
    const moved = await api.call('UpdateAlias', {
      path: { ...path, Name: 'revision_alias' },
      json: { Description: 'something changed', RevisionId: aliased.body['RevisionId']! },
    })
    const stale = await api.call('UpdateAlias', {
      path: { ...path, Name: 'revision_alias' },
      json: { Description: 'again', RevisionId: aliased.body['RevisionId']! },
    })

    expect(same.differences(created, first)).toEqual([])
    expect(same.differences(active, answers['get_function_active_rev2']!)).toEqual([])
    expect(same.differences(refused, answers['publish_version_revision_exception']!)).toEqual([])
    expect(same.differences(published, answers['publish_version_response_rev_v1']!)).toEqual([])
    expect(same.differences(version, answers['get_function_published_version_rev_v2']!)).toEqual([])
    expect(same.differences(aliased, answers['create_alias_response_rev_a1']!)).toEqual([])
    expect(same.differences(moved, answers['update_alias_response_rev_a2']!)).toEqual([])
    expect(same.differences(stale, answers['update_alias_revision_exception']!)).toEqual([])
  })

  it('aliases, also one with a number for a name and one that is not there', async () => {
    const naming = recorded('TestLambdaAlias', 'test_alias_naming')
    const missing = recorded('TestLambdaAlias', 'test_non_existent_alias_update')
    const same = new Comparison()

    const created = await create({ Environment: { Variables: { testenv: 'staging' } } })
    await api.settle()
    const published = await api.call('PublishVersion', { path })
    const number = await api.call('CreateAlias', {
      path,
      json: { Name: '2024', FunctionVersion: '1' },
    })
    const dated = await api.call('CreateAlias', {
      path,
      json: { Name: '2024-01-02', FunctionVersion: '1', Description: 'custom-alias' },
    })
    const read = await api.call('GetAlias', { path: { ...path, Name: '2024-01-02' } })
    const absent = await api.call('UpdateAlias', {
      path: { ...path, Name: 'non-existent' },
      json: { Description: 'x' },
    })

    expect(same.differences(created, naming['create_response']!)).toEqual([])
    expect(same.differences(published, naming['publish_v1']!)).toEqual([])
    expect(same.differences(number, naming['create_alias_number_exception']!)).toEqual([])
    expect(same.differences(dated, naming['create_alias_date']!)).toEqual([])
    expect(same.differences(read, naming['get_alias_date']!)).toEqual([])
    expect(same.differences(absent, missing['update_alias_response']!)).toEqual([])
  })

  it('the life of a layer, and the function that keeps a deleted one', async () => {
    const answers = recorded('TestLambdaLayer', 'test_layer_lifecycle')
    const same = new Comparison()
    const layer = { LayerName: 'layer' }
    const publishLayer = () =>
      api.call('PublishLayerVersion', {
        path: layer,
        json: {
          Description: 'a layer',
          LicenseInfo: 'MIT',
          CompatibleRuntimes: ['python3.12'],
          CompatibleArchitectures: ['x86_64'],
        },
        zip: nodePackage('layer'),
      })
    const numbered = (n: number) => ({ ...layer, VersionNumber: String(n) })

    await create({ Handler: 'handler.handler', Timeout: 30, Environment: { Variables: {} } })
    await api.settle()
    const config = await api.call('GetFunctionConfiguration', { path })
    const published = await publishLayer()
    const read = await api.call('GetLayerVersion', { path: numbered(1) })
    const { LayerVersionArn: arn } = published.body
    const byArn = await api.call('GetLayerVersionByArn', { query: { Arn: arn as string } })
    const updated = await api.call('UpdateFunctionConfiguration', {
      path,
      json: { Layers: [arn!] },
    })
    await api.settle()
    const attached = await api.call('GetFunctionConfiguration', { path })
    const second = await publishLayer()
    const before = await api.call('ListLayerVersions', { path: layer })
    const gone = await api.call('DeleteLayerVersion', { path: numbered(1) })
    const again = await api.call('DeleteLayerVersion', { path: numbered(2) })
    const after = await api.call('ListLayerVersions', { path: layer })
    const kept = await api.call('GetFunctionConfiguration', { path })
    const third = await publishLayer()

    expect(same.differences(config, answers['get_fn_config_result']!)).toEqual([])
    expect(same.differences(published, answers['publish_result']!)).toEqual([])
    expect(same.differences(read, answers['get_layer_ver_result']!)).toEqual([])
    expect(same.differences(byArn, answers['get_layer_by_arn_version']!)).toEqual([])
    expect(same.differences(updated, answers['update_fn_config']!)).toEqual([])
    expect(same.differences(attached, answers['get_fn_config']!)).toEqual([])
    expect(same.differences(second, answers['publish_result_2']!)).toEqual([])
    expect(same.differences(before, answers['list_layer_versions_predelete']!)).toEqual([])
    expect([gone.status, again.status]).toEqual([204, 204])
    expect(same.differences(after, answers['list_layer_versions_postdelete']!)).toEqual([])
    expect(same.differences(kept, answers['get_fn_config_postdelete']!)).toEqual([])
    expect(same.differences(third, answers['publish_result_3']!)).toEqual([])
  })
})
