import { afterAll, beforeAll, describe, expect, it } from 'vitest'

import { verifyLedger } from '../../../services/audit/index.ts'
import {
  startLambdaApi,
  type Answered,
  type Called,
  type LambdaApi,
} from '../../support/lambda-api.ts'
import { nodePackage } from '../../support/packages.ts'

const HERE = 'arn:aws:lambda:us-east-1:000000000000'
const FN = `${HERE}:function:fn`
const path = { FunctionName: 'fn' }
const missing = 'The resource you requested does not exist.'
const grant = {
  StatementId: 's3',
  Action: 'lambda:InvokeFunction',
  Principal: 's3.amazonaws.com',
}

const QUALIFIERS: readonly Record<string, string>[] = [
  {},
  { Qualifier: '1' },
  { Qualifier: 'live' },
]

let api: LambdaApi
beforeAll(async () => {
  api = await startLambdaApi()
  await create('fn')
  await api.call('PublishVersion', { path })
  await api.call('CreateAlias', { path, json: { Name: 'live', FunctionVersion: '1' } })
  await api.call('PublishLayerVersion', { path: { LayerName: 'layer' }, zip: nodePackage('l') })
})
afterAll(() => api[Symbol.asyncDispose]())

async function create(name: string): Promise<void> {
  const json = {
    FunctionName: name,
    Role: 'arn:aws:iam::000000000000:role/lambda-role',
    Runtime: 'python3.12',
    Handler: 'index.handler',
  }
  await api.call('CreateFunction', { json, zip: nodePackage('one') })
  await api.settle()
}

const layerGrant = { StatementId: 's1', Action: 'lambda:GetLayerVersion', Principal: '*' }
const layer = (name: string, version: string) => ({ LayerName: name, VersionNumber: version })

/** [operation, request, status, type, message] as recorded (errors of TestLambdaPermissions and TestLambdaLayer) */
// prettier-ignore
const refusals: readonly (readonly [string, Called, number, string, string])[] = [
  ['AddPermission', { path, json: { ...grant, StatementId: 'example.com' } }, 400, 'ValidationException', "1 validation error detected: Value 'example.com' at 'statementId' failed to satisfy constraint: Member must satisfy regular expression pattern: ([a-zA-Z0-9-_]+)"],
  ['AddPermission', { path: { FunctionName: `${FN}:alias-not-42` }, query: { Qualifier: '42' }, json: grant }, 400, 'InvalidParameterValueException', 'The derived qualifier from the function name does not match the specified qualifier.'],
  ['AddPermission', { path, query: { Qualifier: '$LATEST' }, json: grant }, 400, 'InvalidParameterValueException', 'We currently do not support adding policies for $LATEST.'],
  ['AddPermission', { path: { FunctionName: 'doesnotexist' }, json: grant }, 404, 'ResourceNotFoundException', `Function not found: ${HERE}:function:doesnotexist`],
  ['AddPermission', { path, query: { Qualifier: '42' }, json: grant }, 404, 'ResourceNotFoundException', `Function not found: ${FN}:42`],
  ['AddPermission', { path, query: { Qualifier: 'alias-doesnotexist' }, json: grant }, 404, 'ResourceNotFoundException', `Cannot find alias arn: ${FN}:alias-doesnotexist`],
  ['AddPermission', { path, query: { Qualifier: 'valid-with-$-but-doesnotexist' }, json: grant }, 404, 'ResourceNotFoundException', `Function not found: ${FN}:valid-with-$-but-doesnotexist`],
  ['AddPermission', { path, query: { Qualifier: 'invalid-qualifier-with-?-char' }, json: grant }, 400, 'ValidationException', "1 validation error detected: Value 'invalid-qualifier-with-?-char' at 'qualifier' failed to satisfy constraint: Member must satisfy regular expression pattern: \\$(LATEST(\\.PUBLISHED)?)|[a-zA-Z0-9-_$]+"],
  ['AddPermission', { path, json: { ...grant, Principal: 'invalid.nonaws.com' } }, 400, 'InvalidParameterValueException', 'The provided principal was invalid. Please check the principal and try again.'],
  ['AddPermission', { path, json: { ...grant, RevisionId: 'wrong' } }, 412, 'PreconditionFailedException', 'The Revision Id provided does not match the latest Revision Id. Call the GetPolicy API to retrieve the latest Revision Id'],
  ['GetPolicy', { path: { FunctionName: 'doesnotexist' } }, 404, 'ResourceNotFoundException', missing],
  ['GetPolicy', { path, query: { Qualifier: '42' } }, 404, 'ResourceNotFoundException', missing],
  ['GetPolicy', { path }, 404, 'ResourceNotFoundException', missing],
  ['RemovePermission', { path: { ...path, StatementId: 's3' } }, 404, 'ResourceNotFoundException', 'No policy is associated with the given resource.'],
  ['RemovePermission', { path: { FunctionName: 'doesnotexist', StatementId: 's3' } }, 404, 'ResourceNotFoundException', `No policy found for: ${HERE}:function:doesnotexist`],
  ['RemovePermission', { path: { ...path, StatementId: 's3' }, query: { Qualifier: 'alias-doesnotexist' } }, 404, 'ResourceNotFoundException', `Cannot find alias arn: ${FN}:alias-doesnotexist`],
  ['GetLayerVersionPolicy', { path: layer('layer', '1') }, 404, 'ResourceNotFoundException', 'No policy is associated with the given resource.'],
  ['AddLayerVersionPermission', { path: layer('layer', '1'), json: { ...layerGrant, Action: '*' } }, 400, 'ValidationException', "1 validation error detected: Value '*' at 'action' failed to satisfy constraint: Member must satisfy regular expression pattern: lambda:GetLayerVersion"],
  ['AddLayerVersionPermission', { path: layer('other', '1'), json: layerGrant }, 404, 'ResourceNotFoundException', `Layer version ${HERE}:layer:other:1 does not exist.`],
  ['GetLayerVersionPolicy', { path: layer('layer', '2') }, 404, 'ResourceNotFoundException', `Layer version ${HERE}:layer:layer:2 does not exist.`],
  ['RemoveLayerVersionPermission', { path: { ...layer('layer', '2'), StatementId: 's1' } }, 404, 'ResourceNotFoundException', `Layer version ${HERE}:layer:layer:2 does not exist.`],
]

describe('refusals', () => {
  it.each(refusals)('%s %j: %d %s', async (...[operation, called, status, type, message]) => {
    const refused = await api.call(operation, called)

    expect(refused.status).toBe(status)
    expect(refused.headers['x-amzn-ErrorType']).toBe(type)
    expect(messageOf(refused)).toBe(message)
    expect(await rows()).toBe(0)
  })
})

function textOf(answer: Answered, member: string): string {
  const text = answer.body[member]
  return typeof text === 'string' ? text : ''
}

function messageOf({ body }: Pick<Answered, 'body'>): string {
  const text = body['message'] ?? body['Message']
  return typeof text === 'string' ? text : ''
}

async function rows(): Promise<number> {
  const found = await api.deps.store.reader.selectFrom('resource_policy').selectAll().execute()
  return found.length
}

async function refusal(operation: string, called: Called): Promise<string> {
  const refused = await api.call(operation, called)
  return `${refused.status} ${messageOf(refused)}`
}

describe('a policy', () => {
  it('is the text AWS answers, member by member', async () => {
    await create('text')
    const asked = { FunctionName: 'text' }

    await api.call('AddPermission', {
      path: asked,
      json: {
        ...grant,
        SourceArn: 'arn:aws:s3:::b',
        SourceAccount: '111122223333',
        InvokedViaFunctionUrl: true,
      },
    })
    const { body } = await api.call('GetPolicy', { path: asked })

    expect(body['Policy']).toBe(
      `{"Version":"2012-10-17","Id":"default","Statement":[{"Sid":"s3","Effect":"Allow","Principal":{"Service":"s3.amazonaws.com"},"Action":"lambda:InvokeFunction","Resource":"${HERE}:function:text","Condition":{"StringEquals":{"AWS:SourceAccount":"111122223333"},"ArnLike":{"AWS:SourceArn":"arn:aws:s3:::b"},"Bool":{"lambda:InvokedViaFunctionUrl":"true"}}}]}`,
    )
  })

  it('stands apart for the function, a version and an alias, each under that one’s revision', async () => {
    await create('apart')
    const asked = { FunctionName: 'apart' }
    await api.call('PublishVersion', { path: asked })
    await api.call('CreateAlias', { path: asked, json: { Name: 'live', FunctionVersion: '1' } })
    const before = await api.call('GetAlias', { path: { ...asked, Name: 'live' } })

    const answers = []
    for (const query of QUALIFIERS)
      answers.push(await api.call('AddPermission', { path: asked, query, json: grant }))
    const alias = await api.call('GetAlias', { path: { ...asked, Name: 'live' } })
    const policy = await api.call('GetPolicy', { path: asked, query: { Qualifier: 'live' } })
    const version = await api.call('GetFunctionConfiguration', {
      path: asked,
      query: { Qualifier: '1' },
    })
    const ofVersion = await api.call('GetPolicy', { path: asked, query: { Qualifier: '1' } })

    expect(answers.map((one) => one.status)).toEqual([201, 201, 201])
    expect(alias.body['RevisionId']).not.toBe(before.body['RevisionId'])
    expect(policy.body['RevisionId']).toBe(alias.body['RevisionId'])
    expect(ofVersion.body['RevisionId']).toBe(version.body['RevisionId'])
    expect(textOf(policy, 'Policy')).toContain(`${HERE}:function:apart:live`)
  })

  it('takes a statement id once, the right revision alone, and 20 KB', async () => {
    await create('limits')
    const asked = { FunctionName: 'limits' }
    const config = await api.call('GetFunctionConfiguration', { path: asked })
    const RevisionId = textOf(config, 'RevisionId')

    const guarded = await api.call('AddPermission', { path: asked, json: { ...grant, RevisionId } })
    const again = await refusal('AddPermission', { path: asked, json: grant })
    const stale = await refusal('RemovePermission', {
      path: { ...asked, StatementId: 's3' },
      query: { RevisionId },
    })
    const large = { ...grant, StatementId: 'large', SourceArn: `arn:aws:s3:::${'b'.repeat(9_900)}` }
    await api.call('AddPermission', { path: asked, json: large })
    const tooLong = await api.call('AddPermission', {
      path: asked,
      json: { ...large, StatementId: 'larger' },
    })

    expect(guarded.status).toBe(201)
    expect(again).toBe(
      '409 The statement id (s3) provided already exists. Please provide a new statement id, or remove the existing statement.',
    )
    expect(stale).toBe(
      '412 The Revision Id provided does not match the latest Revision Id. Call the GetFunction/GetAlias API to retrieve the latest Revision Id',
    )
    expect([tooLong.status, tooLong.headers['x-amzn-ErrorType']]).toEqual([
      400,
      'PolicyLengthExceededException',
    ])
    expect(tooLong.body['message']).toMatch(
      /^The final policy size \(2\d{4}\) is bigger than the limit \(20480\)\.$/,
    )
  })

  it('is decided on over what the qualifier makes run, and written into the ledger', async () => {
    await create('judged')

    const added = await api.call('AddPermission', { path: { FunctionName: 'judged' }, json: grant })
    const id = added.headers['x-lacre-decision-id']
    const { reader } = api.deps.store
    const row = await reader
      .selectFrom('decision')
      .innerJoin('document', 'document.sha256', 'decision.facts')
      .select(['decision.action', 'document.body'])
      .where('decision.id', '=', id ?? '')
      .executeTakeFirstOrThrow()
    const entries = await reader.selectFrom('ledger_entry').select('body').execute()
    const entry = entries.find(({ body }) => body.includes(String(id)))?.body

    expect(row.action).toBe('lambda:AddPermission')
    expect(row.body).toContain(`${HERE}:function:judged:$LATEST`)
    expect(entry).toContain('resource_policy')
    expect(entry).toContain('"statement":"s3"')
  })

  it('goes with what it hangs on, and is not inherited', async () => {
    await create('gone')
    const asked = { FunctionName: 'gone' }
    const alias = { Name: 'live', FunctionVersion: '1' }
    await api.call('PublishVersion', { path: asked })
    await api.call('CreateAlias', { path: asked, json: alias })
    for (const query of QUALIFIERS)
      await api.call('AddPermission', { path: asked, query, json: grant })
    const before = await rows()

    await api.call('DeleteAlias', { path: { ...asked, Name: 'live' } })
    await api.call('CreateAlias', { path: asked, json: alias })
    const aliased = await refusal('GetPolicy', { path: asked, query: { Qualifier: 'live' } })
    await api.call('DeleteFunction', { path: asked })
    await create('gone')
    const created = await refusal('GetPolicy', { path: asked })

    expect([aliased, created]).toEqual([`404 ${missing}`, `404 ${missing}`])
    expect(await rows()).toBe(before - 3)
  })

  it('is the same one through the policy API by ARN', async () => {
    await create('whole')
    const arn = `${HERE}:function:whole`
    const asked = { FunctionName: 'whole' }
    const Policy = JSON.stringify({
      Version: '2012-10-17',
      Statement: {
        Sid: 'mine',
        Effect: 'Allow',
        Principal: { AWS: 'arn:aws:iam::111122223333:root' },
        Action: 'lambda:InvokeFunction',
        Resource: arn,
      },
    })

    const put = await api.call('PutResourcePolicy', {
      path: { ResourceArn: arn },
      json: { Policy },
    })
    await api.call('AddPermission', { path: asked, json: grant })
    const held = await api.call('GetResourcePolicy', { path: { ResourceArn: arn } })
    const stale = await refusal('DeleteResourcePolicy', {
      path: { ResourceArn: arn },
      query: { RevisionId: textOf(put, 'RevisionId') },
    })
    const gone = await api.call('DeleteResourcePolicy', {
      path: { ResourceArn: arn },
      query: { RevisionId: textOf(held, 'RevisionId') },
    })
    const after = await refusal('GetResourcePolicy', { path: { ResourceArn: arn } })

    expect(put.status).toBe(200)
    expect(put.headers['x-lacre-decision-id']).toMatch(/^dec-/)
    const { Statement } = JSON.parse(textOf(held, 'Policy')) as {
      Statement: { Sid: string }[]
    }
    expect(Statement.map((one) => one.Sid)).toEqual(['mine', 's3'])
    expect(stale).toMatch(/^412 /)
    expect(gone.status).toBe(204)
    expect(after).toBe('404 No policy is associated with the given resource.')
  })

  const statement = { Effect: 'Allow', Principal: '*', Action: 'lambda:*', Resource: FN }
  it.each([
    ['no JSON', '{'],
    ['another resource', { Statement: [{ ...statement, Resource: `${FN}:1` }] }],
    ['what is not understood', { Statement: [{ ...statement, NotPrincipal: { AWS: '*' } }] }],
    ['no principal', { Statement: [{ ...statement, Principal: undefined }] }],
    ['another service’s action', { Statement: [{ ...statement, Action: 's3:GetObject' }] }],
    ['no statement', { Statement: [] }],
    [
      'one id twice',
      {
        Statement: [
          { ...statement, Sid: 'a' },
          { ...statement, Sid: 'a' },
        ],
      },
    ],
  ])('with %s is refused', async (_what, policy) => {
    const Policy =
      typeof policy === 'string' ? policy : JSON.stringify({ Version: '2012-10-17', ...policy })

    const refused = await api.call('PutResourcePolicy', {
      path: { ResourceArn: FN },
      json: { Policy },
    })

    expect([refused.status, refused.headers['x-amzn-ErrorType']]).toEqual([
      400,
      'InvalidParameterValueException',
    ])
  })
})

it('guards a layer version’s policy by its own revision', async () => {
  const one = layer('layer', '1')
  const guard = { RevisionId: 'wrong' }
  const message =
    '412 The Revision Id provided does not match the latest Revision Id. Call the GetLayerPolicy API to retrieve the latest Revision Id'

  await api.call('AddLayerVersionPermission', { path: one, json: layerGrant })
  const again = await refusal('AddLayerVersionPermission', { path: one, json: layerGrant })
  const second = { ...layerGrant, StatementId: 's2' }
  const wrong = await refusal('AddLayerVersionPermission', {
    path: one,
    query: guard,
    json: second,
  })
  const at = { path: { ...one, StatementId: 's1' }, query: guard }
  const unremoved = await refusal('RemoveLayerVersionPermission', at)
  const unknown = await refusal('RemoveLayerVersionPermission', {
    path: { ...one, StatementId: 'doesnotexist' },
  })

  expect(again).toMatch(/^409 The statement id \(s1\) provided already exists\./)
  expect([wrong, unremoved]).toEqual([message, message])
  expect(unknown).toBe('404 Statement doesnotexist is not found in resource policy.')
})

it('lets nobody in to what the function’s config refuses, and takes a statement away all the same', async () => {
  await create('refused')
  const asked = { FunctionName: 'refused' }
  const nobody = 'arn:aws:signer:us-east-1:000000000000:/signing-profiles/nobody/aaaaaaaaaa'
  const { body } = await api.call('CreateCodeSigningConfig', {
    json: {
      AllowedPublishers: { SigningProfileVersionArns: [nobody] },
      CodeSigningPolicies: { UntrustedArtifactOnDeployment: 'Enforce' },
    },
  })
  const { CodeSigningConfigArn } = body['CodeSigningConfig'] as { CodeSigningConfigArn: string }
  await api.call('AddPermission', { path: asked, json: grant })
  await api.call('PutFunctionCodeSigningConfig', { path: asked, json: { CodeSigningConfigArn } })

  const second = { ...grant, StatementId: 'second' }
  const refused = await api.call('AddPermission', { path: asked, json: second })
  const removed = await api.call('RemovePermission', { path: { ...asked, StatementId: 's3' } })

  expect([refused.status, refused.headers['x-amzn-ErrorType']]).toEqual([
    400,
    'CodeVerificationFailedException',
  ])
  expect(removed.status).toBe(204)
})

it('is in the ledger row by row: a statement changed outside is found', async () => {
  const { store } = api.deps
  const verify = () => store.snapshot((reader) => verifyLedger(reader, { data: true }))
  const before = await verify()

  await store.transaction((tx) =>
    tx.updateTable('resource_policy').set({ document: '{}' }).where('qualifier', '=', '').execute(),
  )
  const after = await verify()

  expect(before.findings).toEqual([])
  expect(after.findings.map((one) => one.message).join()).toContain('resource_policy')
})
