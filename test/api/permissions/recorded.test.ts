import { afterEach, beforeEach, describe, expect, it } from 'vitest'

import {
  startLambdaApi,
  type Answered,
  type Called,
  type LambdaApi,
} from '../../support/lambda-api.ts'
import { nodePackage } from '../../support/packages.ts'
import { Comparison, recorded, recordedThere } from '../../support/recorded.ts'

const path = { FunctionName: 'fn' }
const ACCOUNT = '000000000000'
/** The recorder's own account: where it is a value of the request, it comes back as it was sent. */
const SOURCE = '111111111111'

let api: LambdaApi
beforeEach(async () => {
  api = await startLambdaApi()
})
afterEach(() => api[Symbol.asyncDispose]())

async function create(): Promise<Answered> {
  const created = await api.call('CreateFunction', {
    json: {
      FunctionName: 'fn',
      Role: `arn:aws:iam::${ACCOUNT}:role/lambda-role`,
      Runtime: 'python3.12',
      Handler: 'handler.handler',
      Timeout: 30,
      Environment: { Variables: {} },
    },
    zip: nodePackage('one'),
  })
  await api.settle()
  return created
}

/** The recorder parsed the JSON inside the JSON, and so does this. */
async function call(operation: string, called: Called): Promise<Answered> {
  const answer = await api.call(operation, called)
  const body = { ...answer.body }
  for (const member of ['Statement', 'Policy'] as const) {
    const text = body[member]
    if (typeof text === 'string') body[member] = JSON.parse(text)
  }
  return { ...answer, body }
}

const add = (json: Record<string, unknown>): Promise<Answered> =>
  call('AddPermission', {
    path,
    json: { Action: 'lambda:InvokeFunction', ...json } as never,
  })

describe.skipIf(!recordedThere)('answers as AWS recorded them', () => {
  it('a statement, and the policy with it', async () => {
    const answers = recorded('TestLambdaPermissions', 'test_add_lambda_permission_aws')
    const same = new Comparison()
    const first = (answers['create_lambda'] as { CreateFunctionResponse: object })
      .CreateFunctionResponse as never

    const created = await create()
    const added = await add({
      StatementId: 's3',
      Principal: 's3.amazonaws.com',
      SourceArn: 'arn:aws:s3:::bucket',
    })
    const policy = await call('GetPolicy', { path })

    expect(same.differences(created, first)).toEqual([])
    expect(same.differences(added, answers['add_permission']!)).toEqual([])
    expect(same.differences(policy, answers['get_policy']!)).toEqual([])
  })

  it('every kind of principal, and every condition', async () => {
    const answers = recorded('TestLambdaPermissions', 'test_add_lambda_permission_fields')
    const same = new Comparison()
    await create()
    const user = `arn:aws:iam::${ACCOUNT}:user/somebody`
    const cases: Record<string, Record<string, unknown>> = {
      wildcard: { StatementId: 'wilcard', Principal: '*', SourceAccount: SOURCE },
      service: { StatementId: 'lambda', Principal: 'lambda.amazonaws.com', SourceAccount: SOURCE },
      account: { StatementId: 'account-id', Principal: ACCOUNT },
      arn: { StatementId: 'user-arn', Principal: user, SourceAccount: SOURCE },
    }

    for (const [kind, json] of Object.entries(cases)) {
      const added = await add(json)
      expect(same.differences(added, answers[`add_permission_principal_${kind}`]!)).toEqual([])
    }
    const optional = await add({
      StatementId: 'urlPermission',
      Action: 'lambda:InvokeFunctionUrl',
      Principal: '*',
      SourceArn: 'arn:aws:s3:::bucket',
      SourceAccount: SOURCE,
      PrincipalOrgID: 'o-1234567890',
      FunctionUrlAuthType: 'NONE',
    })
    const alexa = await add({
      StatementId: 'alexaSkill',
      Principal: '*',
      EventSourceToken: 'amzn1.ask.skill.xxxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx',
    })

    expect(same.differences(optional, answers['add_permission_optional_fields']!)).toEqual([])
    expect(same.differences(alexa, answers['add_permission_alexa_skill']!)).toEqual([])
  })

  it('two statements, removed one by one, and the policy that goes with the last', async () => {
    const answers = recorded('TestLambdaPermissions', 'test_remove_multi_permissions')
    const same = new Comparison()
    const remove = (StatementId: string, revision?: unknown) =>
      call('RemovePermission', {
        path: { ...path, StatementId },
        ...(typeof revision === 'string' ? { query: { RevisionId: revision } } : {}),
      })
    await create()

    const first = await add({ StatementId: 's3', Principal: 's3.amazonaws.com' })
    const second = await add({
      StatementId: 'sqs',
      Principal: 'sqs.amazonaws.com',
      SourceArn: 'arn:aws:s3:::bucket',
    })
    const both = await call('GetPolicy', { path })
    const missed = await remove('non-existent')
    const removed = await remove('sqs')
    const one = await call('GetPolicy', { path })
    const again = await remove('sqs')
    const still = await call('GetPolicy', { path })
    const last = await remove('s3', still.body['RevisionId'])
    const none = await call('GetPolicy', { path })

    expect(same.differences(first, answers['add_permission_1']!)).toEqual([])
    expect(same.differences(second, answers['add_permission_2']!)).toEqual([])
    expect(same.differences(both, answers['policy_after_2_add']!)).toEqual([])
    expect(
      same.differences(missed, answers['remove_permission_exception_nonexisting_sid']!),
    ).toEqual([])
    expect([removed.status, again.status, last.status]).toEqual([204, 404, 204])
    expect(same.differences(one, answers['policy_after_removal']!)).toEqual([])
    expect(same.differences(still, answers['policy_after_removal_attempt']!)).toEqual([])
    expect(same.differences(none, answers['get_policy_exception_removed_all']!)).toEqual([])
  })

  it('the life of a layer version’s policy', async () => {
    const answers = recorded('TestLambdaLayer', 'test_layer_policy_lifecycle')
    const same = new Comparison()
    const layer = { LayerName: 'layer' }
    const one = { ...layer, VersionNumber: '1' }
    const addTo = (StatementId: string, revision?: unknown) =>
      call('AddLayerVersionPermission', {
        path: one,
        json: { StatementId, Action: 'lambda:GetLayerVersion', Principal: '*' },
        ...(typeof revision === 'string' ? { query: { RevisionId: revision } } : {}),
      })

    const published = await call('PublishLayerVersion', {
      path: layer,
      json: { CompatibleRuntimes: ['python3.12'], CompatibleArchitectures: ['x86_64'] },
      zip: nodePackage('layer'),
    })
    const first = await addTo('s1')
    const policy = await call('GetLayerVersionPolicy', { path: one })
    const second = await addTo('s2', first.body['RevisionId'])
    const both = await call('GetLayerVersionPolicy', { path: one })
    const removed = await call('RemoveLayerVersionPermission', {
      path: { ...one, StatementId: 's2' },
      query: { RevisionId: second.body['RevisionId'] as string },
    })
    const after = await call('GetLayerVersionPolicy', { path: one })

    expect(same.differences(published, answers['publish_result']!)).toEqual([])
    expect(same.differences(first, answers['add_policy_s1']!)).toEqual([])
    expect(same.differences(policy, answers['get_layer_version_policy']!)).toEqual([])
    expect(same.differences(second, answers['add_policy_s2']!)).toEqual([])
    expect(same.differences(both, answers['get_layer_version_policy_postadd2']!)).toEqual([])
    expect(same.differences(removed, answers['remove_s2']!)).toEqual([])
    expect(same.differences(after, answers['get_layer_version_policy_postdeletes2']!)).toEqual([])
  })
})
