import * as sdk from '@aws-sdk/client-lambda'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'

import { nodePackage } from '../../support/packages.ts'
import { stillStage, type Command, type Stage } from '../../support/recorded-stage.ts'
import { constraint, sentenceOf } from '../../support/sentences.ts'

const FunctionName = 'fn'
const HERE = 'arn:aws:lambda:us-east-1:000000000000'
const fn = `${HERE}:function:fn`
const Role = 'arn:aws:iam::000000000000:role/lambda-role'
const code = { ZipFile: nodePackage(1) }

type Row = readonly [what: string, command: Command, sentence: string]

const invalid = (sentence: string) => `400 InvalidParameterValueException ${sentence}`
const missing = (sentence: string) => `404 ResourceNotFoundException ${sentence}`
const conflict = (sentence: string) => `409 ResourceConflictException ${sentence}`
const stale = (of: string) =>
  `412 PreconditionFailedException The Revision Id provided does not match the latest Revision Id. Call the ${of} API to retrieve the latest Revision Id`
const noFunction = (arn: string) => missing(`Function not found: ${arn}`)
const THE_RESOURCE = missing('The resource you requested does not exist.')
const ONLY_FUNCTIONS = invalid(
  'This operation is permitted on Lambda functions only. Aliases and versions do not support this operation. Please specify either a function name or an unqualified function ARN.',
)
const MISMATCH = invalid(
  'The derived qualifier from the function name does not match the specified qualifier.',
)

const make = (more: Partial<sdk.CreateFunctionCommandInput> = {}) =>
  new sdk.CreateFunctionCommand({
    FunctionName: 'other',
    Role,
    Runtime: 'nodejs20.x',
    Handler: 'index.handler',
    Code: code,
    ...more,
  })
const alias = (
  more: Partial<sdk.CreateAliasCommandInput>,
  AdditionalVersionWeights?: Record<string, number>,
) =>
  new sdk.CreateAliasCommand({
    FunctionName,
    Name: 'other',
    FunctionVersion: '1',
    ...(AdditionalVersionWeights && { RoutingConfig: { AdditionalVersionWeights } }),
    ...more,
  })
const grant = (more: Partial<sdk.AddPermissionCommandInput>) =>
  new sdk.AddPermissionCommand({
    FunctionName,
    Action: 'lambda:InvokeFunction',
    StatementId: 'other',
    Principal: 's3.amazonaws.com',
    ...more,
  })
const revoke = (more: Partial<sdk.RemovePermissionCommandInput>) =>
  new sdk.RemovePermissionCommand({ FunctionName, StatementId: 's3', ...more })
const share = (more: Partial<sdk.AddLayerVersionPermissionCommandInput>) =>
  new sdk.AddLayerVersionPermissionCommand({
    LayerName: 'layer',
    VersionNumber: 1,
    Action: 'lambda:GetLayerVersion',
    Principal: '*',
    StatementId: 'other',
    ...more,
  })
const unshare = (more: Partial<sdk.RemoveLayerVersionPermissionCommandInput>) =>
  new sdk.RemoveLayerVersionPermissionCommand({
    LayerName: 'layer',
    VersionNumber: 1,
    StatementId: 's1',
    ...more,
  })
const layer = (more: Partial<sdk.PublishLayerVersionCommandInput> = {}) =>
  new sdk.PublishLayerVersionCommand({ LayerName: 'layer', Content: code, ...more })
const tags = (count: number) =>
  Object.fromEntries(Array.from({ length: count }, (_, at) => [`${at}_key`, `${at}_value`]))
const tag = (Resource: string, Tags: Record<string, string> = { a: 'b' }) =>
  new sdk.TagResourceCommand({ Resource, Tags })

const RUNTIMES =
  'nodejs20.x, python3.14, provided.al2023, python3.12, python3.13, nodejs24.x, nodejs22.x, java25, python3.10, python3.11, java21, ruby3.3, ruby3.4, ruby3.2, python3.8, python3.9, java17, nodejs16.x, dotnet10, dotnet8, java11, dotnet6, nodejs18.x, provided.al2, java8.al2'
const FILTER_RUNTIMES =
  'ruby3.5, ruby2.6, dotnetcore1.0, python3.7, nodejs8.10, nasa, ruby2.7, python2.7-greengrass, dotnetcore2.0, python3.8, java21, dotnet6, dotnetcore2.1, python3.9, java11, nodejs6.10, provided, dotnetcore3.1, dotnet8, java25, java17, nodejs, nodejs4.3, java8.al2, go1.x, dotnet10, nodejs20.x, go1.9, byol, nodejs10.x, provided.al2023, nodejs22.x, python3.10, java8, nodejs12.x, python3.11, nodejs24.x, nodejs8.x, python3.12, nodejs14.x, nodejs8.9, nodejs26.x, python3.13, python3.14, nodejs16.x, python3.15, provided.al2, nodejs4.3-edge, nodejs18.x, ruby3.2, python3.4, ruby3.3, ruby3.4, ruby2.5, python3.6, python2.7'
const ROLE_PATTERN = String.raw`Member must satisfy regular expression pattern: arn:(aws[a-zA-Z-]*)?:iam::\d{12}:role/?[a-zA-Z_0-9+=,.@\-_/]+`
const ids = (pattern: string) =>
  `Member must satisfy constraint: [Member must have length less than or equal to 1024, Member must have length greater than or equal to 0, Member must satisfy regular expression pattern: ${pattern}]`
const noBucket =
  'Error occurred while GetObject. S3 Error Code: NoSuchBucket. S3 Error Message: The specified bucket does not exist'
const weights = (value: string, words: string) =>
  constraint(value, 'routingConfig.additionalVersionWeights', words)

const FUNCTIONS: readonly Row[] = [
  ['a function that is there', make({ FunctionName }), conflict('Function already exist: fn')],
  ['a role that is no ARN', make({ Role: 'r1' }), constraint('r1', 'role', ROLE_PATTERN)],
  [
    'an unknown runtime',
    make({ Runtime: 'PYTHON3.9' as 'python3.9' }),
    invalid(
      `Value PYTHON3.9 at 'runtime' failed to satisfy constraint: Member must satisfy enum value set: [${RUNTIMES}] or be a valid ARN`,
    ),
  ],
  [
    'an architecture in capitals',
    make({ Architectures: ['X86_64' as 'x86_64'] }),
    constraint(
      '[X86_64]',
      'architectures',
      'Member must satisfy constraint: [Member must satisfy enum value set: [x86_64, arm64], Member must not be null]',
    ),
  ],
  [
    'two architectures',
    make({ Architectures: ['x86_64', 'arm64'] }),
    constraint(
      '[x86_64, arm64]',
      'architectures',
      'Member must have length less than or equal to 1',
    ),
  ],
  [
    'a subnet that is not there',
    make({ VpcConfig: { SubnetIds: ['subnet-1'], SecurityGroupIds: ['sg-1'] } }),
    invalid(
      "Error occurred while DescribeSubnets. EC2 Error Code: InvalidSubnetID.NotFound. EC2 Error Message: The subnet ID 'subnet-1' does not exist",
    ),
  ],
  [
    'a subnet that is none',
    make({ VpcConfig: { SubnetIds: ['bad'], SecurityGroupIds: ['sg-1'] } }),
    constraint('[bad]', 'vpcConfig.subnetIds', ids('subnet-[0-9a-z]*')),
  ],
  [
    'a security group that is none',
    make({ VpcConfig: { SubnetIds: ['subnet-1'], SecurityGroupIds: ['bad'] } }),
    constraint('[bad]', 'vpcConfig.securityGroupIds', ids('sg-[0-9a-zA-Z]*')),
  ],
  [
    'a bucket that is not there',
    make({ Code: { S3Bucket: 'no-such-bucket', S3Key: 'key' } }),
    invalid(noBucket),
  ],
  [
    'new code from a bucket that is not there',
    new sdk.UpdateFunctionCodeCommand({ FunctionName, S3Bucket: 'no-such-bucket', S3Key: 'key' }),
    invalid(noBucket),
  ],
  [
    'an image for a zip',
    new sdk.UpdateFunctionCodeCommand({ FunctionName, ImageUri: 'image' }),
    invalid("Please don't provide ImageUri when updating a function with packageType Zip."),
  ],
  [
    'SnapStart where there are no snapshots',
    make({ Runtime: 'nodejs22.x', SnapStart: { ApplyOn: 'PublishedVersions' } }),
    invalid('nodejs22.x is not supported for SnapStart enabled functions.'),
  ],
  [
    'a region that is none in a list',
    new sdk.ListFunctionsCommand({ MasterRegion: 'nowhere' }),
    constraint(
      'nowhere',
      'masterRegion',
      String.raw`Member must satisfy regular expression pattern: ALL|(eusc-)?[a-z]{2}((-gov)|(-iso([a-z]?)))?-[a-z]+-\d{1}`,
    ),
  ],
  [
    'code under an old revision',
    new sdk.UpdateFunctionCodeCommand({ FunctionName, ZipFile: code.ZipFile, RevisionId: 'old' }),
    stale('GetFunction/GetAlias'),
  ],
  [
    'a configuration under an old revision',
    new sdk.UpdateFunctionConfigurationCommand({ FunctionName, Timeout: 5, RevisionId: 'old' }),
    stale('GetFunction/GetAlias'),
  ],
  [
    'a version under an old revision',
    new sdk.PublishVersionCommand({ FunctionName, RevisionId: 'old' }),
    stale('GetFunction/GetAlias'),
  ],
  [
    'a version that is not there',
    new sdk.GetFunctionCommand({ FunctionName, Qualifier: '1221' }),
    noFunction(`${fn}:1221`),
  ],
  ['a policy of it', new sdk.GetPolicyCommand({ FunctionName, Qualifier: '1221' }), THE_RESOURCE],
  [
    'two qualifiers that differ',
    new sdk.GetFunctionCommand({ FunctionName: `${fn}:1`, Qualifier: '$LATEST' }),
    MISMATCH,
  ],
  [
    'the deletion of $LATEST alone',
    new sdk.DeleteFunctionCommand({ FunctionName: `${fn}:$LATEST`, Qualifier: '$LATEST' }),
    invalid('$LATEST version cannot be deleted without deleting the function.'),
  ],
  [
    'the deletion of a version that an alias points to',
    new sdk.DeleteFunctionCommand({ FunctionName, Qualifier: '1' }),
    conflict('Unable to delete version because the following aliases reference it: [custom]'),
  ],
]

const ALIASES: readonly Row[] = [
  [
    'an alias that is not there',
    new sdk.GetAliasCommand({ FunctionName, Name: 'nope' }),
    missing(`Cannot find alias arn: ${fn}:nope`),
  ],
  [
    'an alias that is there',
    alias({ Name: 'custom' }),
    conflict(`Alias already exists: ${fn}:custom`),
  ],
  [
    'two weights',
    alias({}, { 1: 0.5, 2: 0.5 }),
    invalid('Number of items in AdditionalVersionWeights cannot be greater than 1'),
  ],
  [
    'a weight above one',
    alias({}, { 2: 2 }),
    weights(
      '{2=2.0}',
      'Map value must satisfy constraint: [Member must have value less than or equal to 1.0, Member must have value greater than or equal to 0.0, Member must not be null]',
    ),
  ],
  [
    'a weight of $LATEST',
    alias({}, { $LATEST: 0.5 }),
    weights(
      '{$LATEST=0.5}',
      'Map keys must satisfy constraint: [Member must have length less than or equal to 1024, Member must have length greater than or equal to 1, Member must satisfy regular expression pattern: [0-9]+]',
    ),
  ],
  [
    'the same version twice',
    alias({}, { 1: 0.5 }),
    invalid(
      'Invalid function version 1. Function version 1 is already included in routing configuration.',
    ),
  ],
  [
    '$LATEST beside another',
    alias({ FunctionVersion: '$LATEST' }, { 1: 0.5 }),
    invalid('$LATEST is not supported for an alias pointing to more than 1 version'),
  ],
  ['a version that is not there', alias({ FunctionVersion: '10' }), noFunction(`${fn}:10`)],
  ['a weight of one that is not there', alias({}, { 10: 0.5 }), noFunction(`${fn}:10`)],
  [
    'an alias of no function',
    alias({ FunctionName: 'nope' }, { 2: 0.5 }),
    noFunction(`${HERE}:function:nope:1`),
  ],
]

const LAYERS: readonly Row[] = [
  [
    'a runtime and an architecture that are none',
    layer({
      CompatibleRuntimes: ['invalidruntime' as 'nodejs20.x'],
      CompatibleArchitectures: ['invalidarch' as 'x86_64'],
    }),
    `400 ValidationException 2 validation errors detected: Value '[invalidruntime]' at 'compatibleRuntimes' failed to satisfy constraint: Member must satisfy enum value set: [${RUNTIMES}]; Value '[invalidarch]' at 'compatibleArchitectures' failed to satisfy constraint: Member must satisfy constraint: [Member must satisfy enum value set: [x86_64, arm64], Member must not be null]`,
  ],
  [
    'a filter by a runtime that is none',
    new sdk.ListLayersCommand({ CompatibleRuntime: 'runtimedoesnotexist' as 'nodejs20.x' }),
    constraint(
      'runtimedoesnotexist',
      'compatibleRuntime',
      `Member must satisfy enum value set: [${FILTER_RUNTIMES}]`,
    ),
  ],
  [
    'a filter by an architecture that is none',
    new sdk.ListLayersCommand({ CompatibleArchitecture: 'archdoesnotexist' as 'x86_64' }),
    constraint(
      'archdoesnotexist',
      'compatibleArchitecture',
      'Member must satisfy enum value set: [x86_64, arm64]',
    ),
  ],
  [
    'version 0',
    new sdk.GetLayerVersionCommand({ LayerName: 'layer', VersionNumber: 0 }),
    invalid('Layer Version Cannot be less than 1'),
  ],
  [
    'the deletion of version -1',
    new sdk.DeleteLayerVersionCommand({ LayerName: 'layer', VersionNumber: -1 }),
    invalid('Layer Version Cannot be less than 1'),
  ],
  [
    'a version that is not there',
    new sdk.GetLayerVersionCommand({ LayerName: 'layer', VersionNumber: 9 }),
    THE_RESOURCE,
  ],
  ['a statement that is there', share({ StatementId: 's1' }), taken('s1')],
  [
    'any other action',
    share({ Action: '*' }),
    constraint(
      '*',
      'action',
      'Member must satisfy regular expression pattern: lambda:GetLayerVersion',
    ),
  ],
  [
    'a statement on a version that is not there',
    share({ VersionNumber: 9 }),
    missing(`Layer version ${HERE}:layer:layer:9 does not exist.`),
  ],
  ['a statement under an old revision', share({ RevisionId: 'old' }), stale('GetLayerPolicy')],
  ['its removal under one', unshare({ RevisionId: 'old' }), stale('GetLayerPolicy')],
  [
    'the removal of a statement that is not there',
    unshare({ StatementId: 'nope' }),
    missing('Statement nope is not found in resource policy.'),
  ],
  [
    'the policy of a version without one',
    new sdk.GetLayerVersionPolicyCommand({ LayerName: 'layer', VersionNumber: 2 }),
    missing('No policy is associated with the given resource.'),
  ],
]

const POLICIES: readonly Row[] = [
  [
    'a statement id with a dot',
    grant({ StatementId: 'example.com' }),
    constraint(
      'example.com',
      'statementId',
      'Member must satisfy regular expression pattern: ([a-zA-Z0-9-_]+)',
    ),
  ],
  ['two qualifiers that differ', grant({ FunctionName: 'fn:other', Qualifier: '42' }), MISMATCH],
  [
    '$LATEST',
    grant({ FunctionName: 'fn:$LATEST', Qualifier: '$LATEST' }),
    invalid('We currently do not support adding policies for $LATEST.'),
  ],
  [
    'a principal that is none',
    grant({ Principal: 'invalid.nonaws.com' }),
    invalid('The provided principal was invalid. Please check the principal and try again.'),
  ],
  [
    'a function that is not there',
    grant({ FunctionName: 'nope' }),
    noFunction(`${HERE}:function:nope`),
  ],
  [
    'an alias that is not there',
    grant({ FunctionName: 'fn:nope' }),
    missing(`Cannot find alias arn: ${fn}:nope`),
  ],
  ['a version that is not there', grant({ Qualifier: '42' }), noFunction(`${fn}:42`)],
  [
    'a qualifier that can be no alias',
    grant({ Qualifier: 'valid-with-$' }),
    noFunction(`${fn}:valid-with-$`),
  ],
  ['a statement that is there', grant({ StatementId: 's3' }), taken('s3')],
  [
    'a first statement under an old revision',
    grant({ Qualifier: '2', RevisionId: 'old' }),
    stale('GetPolicy'),
  ],
  [
    'a further one under an old revision',
    grant({ RevisionId: 'old' }),
    stale('GetFunction/GetAlias'),
  ],
  ['a removal under an old revision', revoke({ RevisionId: 'old' }), stale('GetFunction/GetAlias')],
  [
    'a removal from no function',
    revoke({ FunctionName: 'nope' }),
    missing(`No policy found for: ${HERE}:function:nope`),
  ],
  [
    'a removal where there is no policy',
    revoke({ Qualifier: '2' }),
    missing('No policy is associated with the given resource.'),
  ],
  ['the policy of no function', new sdk.GetPolicyCommand({ FunctionName: 'nope' }), THE_RESOURCE],
]

const reserve = (name: string, count: number) =>
  new sdk.PutFunctionConcurrencyCommand({ FunctionName: name, ReservedConcurrentExecutions: count })
const provision = (Qualifier: string, count: number) =>
  new sdk.PutProvisionedConcurrencyConfigCommand({
    FunctionName,
    Qualifier,
    ProvisionedConcurrentExecutions: count,
  })

const SETTINGS: readonly Row[] = [
  ['a cap on no function', reserve('nope', 0), noFunction(`${HERE}:function:nope:$LATEST`)],
  ['a cap on $LATEST', reserve(`${fn}:$LATEST`, 0), ONLY_FUNCTIONS],
  [
    'more than there is',
    provision('1', 1_001),
    invalid(
      "Specified ConcurrentExecutions for function is greater than account's unreserved concurrency [1000].",
    ),
  ],
  [
    'so much that too little is left',
    provision('1', 901),
    invalid(
      "Specified ConcurrentExecutions for function decreases account's UnreservedConcurrentExecution below its minimum value of [100].",
    ),
  ],
  [
    'a recursion that is none',
    new sdk.PutFunctionRecursionConfigCommand({
      FunctionName,
      RecursiveLoop: 'InvalidValue' as 'Allow',
    }),
    constraint(
      'InvalidValue',
      'recursiveLoop',
      'Member must satisfy enum value set: [Terminate, Allow]',
    ),
  ],
  [
    'a mode of invocation that is none',
    new sdk.CreateFunctionUrlConfigCommand({
      FunctionName,
      AuthType: 'NONE',
      InvokeMode: 'UNKNOWN' as 'BUFFERED',
    }),
    constraint(
      'UNKNOWN',
      'invokeMode',
      'Member must satisfy enum value set: [RESPONSE_STREAM, BUFFERED]',
    ),
  ],
  [
    'a second URL',
    new sdk.CreateFunctionUrlConfigCommand({ FunctionName, AuthType: 'NONE' }),
    conflict(
      `Failed to create function url config for [functionArn = ${fn}]. Error message:  FunctionUrlConfig exists for this Lambda function`,
    ),
  ],
  ['more tags than fit', tag(fn, tags(51)), invalid('Number of tags exceeds resource tag limit.')],
  [
    'a function with more tags than fit',
    make({ Tags: tags(51) }),
    invalid('Number of tags exceeds resource tag limit.'),
  ],
  [
    'tags of an alias',
    tag(`${fn}:custom`),
    invalid(
      'Tags on function aliases and versions are not supported. Please specify a function ARN.',
    ),
  ],
  [
    'tags of no mapping',
    tag(`${HERE}:event-source-mapping:00000000-0000-4000-8000-000000000000`),
    missing(
      `Event source mapping not found: ${HERE}:event-source-mapping:00000000-0000-4000-8000-000000000000`,
    ),
  ],
  [
    'tags of no capacity provider',
    tag(`${HERE}:capacity-provider:nope`),
    missing(`Capacity provider not found: ${HERE}:capacity-provider:nope`),
  ],
]

function taken(id: string): string {
  return conflict(
    `The statement id (${id}) provided already exists. Please provide a new statement id, or remove the existing statement.`,
  )
}

let stage: Stage
beforeAll(async () => {
  stage = await stillStage()
  const send = async (command: Command): Promise<void> => {
    const { status, body } = await stage.send(command)
    expect(status, JSON.stringify(body)).toBeLessThan(300)
  }
  await send(make({ FunctionName }))
  await stage.settle(FunctionName)
  await send(new sdk.PublishVersionCommand({ FunctionName }))
  await send(new sdk.UpdateFunctionConfigurationCommand({ FunctionName, Timeout: 4 }))
  await stage.settle(FunctionName)
  await send(new sdk.PublishVersionCommand({ FunctionName }))
  await stage.settle(FunctionName)
  await send(alias({ Name: 'custom' }))
  await send(grant({ StatementId: 's3' }))
  await send(layer())
  await send(layer())
  await send(share({ StatementId: 's1' }))
  await send(new sdk.CreateFunctionUrlConfigCommand({ FunctionName, AuthType: 'NONE' }))
})
afterAll(() => stage[Symbol.asyncDispose]())

describe.each([
  ['functions', FUNCTIONS],
  ['aliases', ALIASES],
  ['layers', LAYERS],
  ['policies', POLICIES],
  ['settings and tags', SETTINGS],
])('of %s', (_of, rows) => {
  it.each(rows)('refuses %s in the words of AWS', async (_what, command, sentence) => {
    expect(await sentenceOf(stage, command)).toBe(sentence)
  })
})
