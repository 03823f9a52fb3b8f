import {
  CreateFunctionCommand,
  DeleteFunctionCommand,
  GetFunctionCommand,
  GetFunctionConfigurationCommand,
  InvokeCommand,
  ListFunctionsCommand,
  ListTagsCommand,
  TagResourceCommand,
  UntagResourceCommand,
  UpdateFunctionCodeCommand,
  UpdateFunctionConfigurationCommand,
  waitUntilFunctionUpdatedV2,
} from '@aws-sdk/client-lambda'
import { afterAll, describe, expect, it } from 'vitest'

import { startTestApp } from '../../support/app.ts'
import { createActive } from '../../support/functions.ts'
import { nodePackage, pythonPackage } from '../../support/packages.ts'

const app = await startTestApp()
afterAll(() => app[Symbol.asyncDispose]())
const { client } = app

async function settled(FunctionName: string): Promise<void> {
  await waitUntilFunctionUpdatedV2(
    { client, maxWaitTime: 20, minDelay: 1, maxDelay: 1 },
    { FunctionName },
  )
}

async function call(FunctionName: string): Promise<unknown> {
  const { Payload } = await client.send(new InvokeCommand({ FunctionName }))
  return JSON.parse(Buffer.from(Payload ?? []).toString()) as unknown
}

describe('a function, with the unmodified SDK and its waiters', () => {
  it('goes from Pending to Active and runs, in Node and in Python', async () => {
    await createActive(client, 'node', { Code: { ZipFile: nodePackage('n1') } })
    await createActive(client, 'python', {
      Runtime: 'python3.12',
      Handler: 'app.handler',
      Code: { ZipFile: pythonPackage('p1') },
    })

    expect(await call('node')).toEqual({ release: 'n1', event: {} })
    expect(await call('python')).toEqual({ release: 'p1', event: {} })
  })

  it('takes new code and new configuration', async () => {
    const FunctionName = 'updated'
    await createActive(client, FunctionName, { Code: { ZipFile: nodePackage('one') } })

    await client.send(new UpdateFunctionCodeCommand({ FunctionName, ZipFile: nodePackage('two') }))
    await settled(FunctionName)
    await client.send(
      new UpdateFunctionConfigurationCommand({ FunctionName, Timeout: 7, MemorySize: 256 }),
    )
    await settled(FunctionName)

    expect(await call(FunctionName)).toMatchObject({ release: 'two' })
    const config = await client.send(new GetFunctionConfigurationCommand({ FunctionName }))
    expect(config).toMatchObject({ Timeout: 7, MemorySize: 256, LastUpdateStatus: 'Successful' })
  })

  it('is gone after a delete, and can be made again', async () => {
    const FunctionName = 'deleted'
    await createActive(client, FunctionName)
    const { $metadata: deleted } = await client.send(new DeleteFunctionCommand({ FunctionName }))

    const read: unknown = await client
      .send(new GetFunctionCommand({ FunctionName }))
      .catch((error: unknown) => error)
    await createActive(client, FunctionName, { Code: { ZipFile: nodePackage('again') } })

    expect(deleted.httpStatusCode).toBe(204)
    expect(read).toMatchObject({ name: 'ResourceNotFoundException' })
    expect(await call(FunctionName)).toMatchObject({ release: 'again' })
  })

  it('carries its tags', async () => {
    const { FunctionArn: Resource } = await createActive(client, 'tagged', {
      Tags: { team: 'one' },
    })
    await client.send(new TagResourceCommand({ Resource, Tags: { team: 'two', tier: 'a' } }))
    await client.send(new UntagResourceCommand({ Resource, TagKeys: ['tier', 'other'] }))

    const { Tags } = await client.send(new ListTagsCommand({ Resource }))
    const got = await client.send(new GetFunctionCommand({ FunctionName: 'tagged' }))

    expect(Tags).toEqual({ team: 'two' })
    expect(got.Tags).toEqual({ team: 'two' })
  })

  it('is listed with the others', async () => {
    await createActive(client, 'listed')

    const { Functions = [] } = await client.send(new ListFunctionsCommand({}))

    const listed = Functions.find((one) => one.FunctionName === 'listed')
    expect(listed).toMatchObject({ Version: '$LATEST', Runtime: 'nodejs20.x' })
    expect(listed?.State).toBeUndefined()
  })
})

describe('what cannot be created', () => {
  const valid = {
    FunctionName: 'refused',
    Role: 'arn:aws:iam::000000000000:role/test',
    Runtime: 'nodejs20.x' as const,
    Handler: 'index.handler',
    Code: { ZipFile: nodePackage('refused') },
  }
  const cases: readonly (readonly [string, object, string, RegExp])[] = [
    ['a variable of the platform', { Environment: { Variables: { AWS_REGION: 'x' } } }, 'InvalidParameterValueException', /Reserved keys used in this request: AWS_REGION$/],
    ['4 KB of variables and one more byte', { Environment: { Variables: { LARGE_VAR: 'x'.repeat(4_081) } } }, 'InvalidParameterValueException', /exceeded the 4KB limit\. String measured: \{"LARGE_VAR":"x+"\}$/],
    ['a subnet, where there are none', { VpcConfig: { SubnetIds: ['subnet-1'], SecurityGroupIds: ['sg-1'] } }, 'InvalidParameterValueException', /The subnet ID 'subnet-1' does not exist$/],
    ['too long a timeout', { Timeout: 901 }, 'ValidationException', /^1 validation error detected: Value '901' at 'timeout' failed to satisfy constraint: Member must have value less than or equal to 900$/],
    ['two architectures', { Architectures: ['x86_64', 'arm64'] }, 'ValidationException', /Value '\[x86_64, arm64\]' at 'architectures' failed to satisfy constraint: Member must have length less than or equal to 1$/],
    ['a container image', { PackageType: 'Image', Code: { ImageUri: 'x' } }, 'InvalidParameterValueException', /^container images are not built in this version$/],
    ['no code', { Code: {} }, 'InvalidParameterValueException', /^Please provide a source for function code\.$/],
    ['a config that is not there', { CodeSigningConfigArn: 'arn:aws:lambda:us-east-1:000000000000:code-signing-config:csc-0123456789abcdef0' }, 'CodeSigningConfigNotFoundException', /^The code signing configuration cannot be found\./],
  ] // prettier-ignore

  it.each(cases)('refuses %s and stores nothing', async (_what, differs, name, message) => {
    const refusal: unknown = await client
      .send(new CreateFunctionCommand({ ...valid, ...differs }))
      .catch((error: unknown) => error)

    expect(refusal).toMatchObject({ name, message: expect.stringMatching(message) as string })
    const rows = await app.deps.store.reader
      .selectFrom('function_name')
      .selectAll()
      .where('name', '=', 'refused')
      .execute()
    expect(rows).toEqual([])
  })

  it('takes exactly 4 KB of variables', async () => {
    const { State } = await createActive(client, 'full', {
      Environment: { Variables: { LARGE_VAR: 'x'.repeat(4_080) } },
    })

    expect(State).toBe('Pending')
  })
})
