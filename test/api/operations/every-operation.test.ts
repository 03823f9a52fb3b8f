import * as sdk from '@aws-sdk/client-lambda'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'

import { OPERATIONS } from '../../../services/http/lambda/operations-table.ts'
import { nodePackage } from '../../support/packages.ts'
import { stillStage, type Command, type Stage } from '../../support/recorded-stage.ts'

const FunctionName = 'fn'
const ACCOUNT = 'us-east-1:000000000000'
const role = 'arn:aws:iam::000000000000:role/lambda-role'

/** Something for every member that a request cannot be sent without. */
const INPUT: Readonly<Record<string, unknown>> = {
  FunctionName,
  Action: 'lambda:InvokeFunction',
  AuthType: 'NONE',
  AllowedPublishers: {
    SigningProfileVersionArns: [`arn:aws:signer:${ACCOUNT}:/signing-profiles/p/0123456789`],
  },
  Arn: `arn:aws:lambda:${ACCOUNT}:layer:layer:1`,
  CallbackId: 'callback',
  CapacityProviderName: 'provider',
  CheckpointToken: 'token',
  Code: { ZipFile: nodePackage(1) },
  CodeSigningConfigArn: `arn:aws:lambda:${ACCOUNT}:code-signing-config:csc-0123456789abcdef0`,
  Content: { ZipFile: nodePackage(1) },
  DurableExecutionArn: `arn:aws:lambda:${ACCOUNT}:function:fn:1/durable-execution/e/1`,
  EventSourceArn: `arn:aws:sqs:${ACCOUNT}:queue`,
  FunctionVersion: '1',
  Handler: 'index.handler',
  InvokeArgs: '{}',
  LayerName: 'layer',
  MaximumRetryAttempts: 1,
  Name: 'live',
  PermissionsConfig: { CapacityProviderOperatorRoleArn: role },
  Policy: '{"Version":"2012-10-17","Statement":[]}',
  Principal: '*',
  ProvisionedConcurrentExecutions: 1,
  Qualifier: '1',
  RecursiveLoop: 'Allow',
  ReservedConcurrentExecutions: 1,
  Resource: `arn:aws:lambda:${ACCOUNT}:function:fn`,
  ResourceArn: `arn:aws:lambda:${ACCOUNT}:function:fn`,
  Role: role,
  Runtime: 'nodejs20.x',
  StatementId: 'statement',
  TagKeys: ['key'],
  Tags: { key: 'value' },
  UUID: '00000000-0000-4000-8000-000000000000',
  UpdateRuntimeOn: 'Auto',
  VersionNumber: 1,
  VpcConfig: { SubnetIds: ['subnet-0'], SecurityGroupIds: ['sg-0'] },
}

/** What this version answers with a sentence that says what is missing. */
const NOT_BUILT = new Set(
  OPERATIONS.map(([name]) => name).filter((name) =>
    /CapacityProvider|Durable|^InvokeAsync$/.test(name),
  ),
)
/** Errors of Lambda's model, and those that every AWS service has. */
const UNMODELLED = new Set(['ValidationException', 'AccessDeniedException'])
const modelled = new Set(Object.keys(sdk).filter((name) => name.endsWith('Exception')))

/** What removes comes last, and of the function the function itself. */
const order = (name: string): number =>
  name === 'DeleteFunction'
    ? 3
    : /^(?:Delete|Remove|Untag)/.test(name)
      ? 2
      : name === 'CreateFunction'
        ? 0
        : 1

describe('every operation of the SDK', () => {
  let stage: Stage
  beforeAll(async () => {
    stage = await stillStage()
  })
  afterAll(() => stage[Symbol.asyncDispose]())

  it('stands in the table, and nothing else does', () => {
    const commands = Object.keys(sdk)
      .filter((name) => /^[A-Z]\w+Command$/.test(name))
      .map((name) => name.slice(0, -'Command'.length))

    expect(commands.toSorted()).toEqual(OPERATIONS.map(([name]) => name).toSorted())
    expect(OPERATIONS).toHaveLength(88)
  })

  const rows = OPERATIONS.toSorted((one, other) => order(one[0]) - order(other[0]))
  for (const [name, , , status] of rows) {
    it(`answers ${name} in its model's words`, async () => {
      const known = sdk as unknown as Record<string, new (input: unknown) => Command>
      const Operation = known[`${name}Command`]!

      const answer = await stage.send(new Operation(INPUT))
      if (name === 'CreateFunction') {
        await stage.settle(FunctionName)
        await stage.send(new sdk.PublishVersionCommand({ FunctionName }))
      }

      if (answer.status < 300) {
        expect(answer.status).toBe(name === 'DeleteFunction' ? 204 : status)
        expect(NOT_BUILT.has(name)).toBe(false)
        return
      }
      const type = answer.headers['x-amzn-errortype'] ?? answer.headers['x-amzn-ErrorType'] ?? ''
      expect(answer.status, JSON.stringify(answer.body)).toBeLessThan(500)
      expect(modelled.has(type) || UNMODELLED.has(type), type).toBe(true)
      if (!NOT_BUILT.has(name)) return
      expect([answer.status, type]).toEqual([400, 'InvalidParameterValueException'])
      expect(answer.body['message']).toMatch(/is not built in this version: [a-z]/)
    })
  }
})
