import {
  CreateFunctionCommand,
  GetFunctionCommand,
  InvokeCommand,
  LambdaClient,
  LambdaServiceException,
  TooManyRequestsException,
} from '@aws-sdk/client-lambda'
import aws4 from 'aws4'
import { describe, expect, it } from 'vitest'

import type { LambdaRequest } from '../../../services/http/index.ts'
import { PlatformError } from '../../../services/model/index.ts'
import { adminKeys, openEdge } from '../../support/edge.ts'
import { listen } from '../../support/raw-http.ts'

const clientOf = (port: number, keys = adminKeys, region = 'us-east-1') =>
  new LambdaClient({
    endpoint: `http://127.0.0.1:${port}`,
    region,
    maxAttempts: 1,
    credentials: keys,
  })

describe('the unmodified AWS SDK', () => {
  it('is verified with awkward names, and its bytes arrive', async () => {
    const seen: LambdaRequest[] = []
    await using edge = await openEdge({
      handlers: {
        GetFunction: async (request) => {
          seen.push(request)
          return { status: 200, body: { Configuration: { FunctionName: 'f' } } }
        },
        CreateFunction: async (request) => ({
          status: 201,
          body: { CodeSize: request.zip?.sizeBytes ?? -1 },
        }),
      },
      invoke: async (request) => ({
        status: 200,
        headers: { 'x-amz-executed-version': request.qualifier ?? '' },
        payload: request.payload,
      }),
    })
    const client = clientOf(await listen(edge.app))
    const name = 'arn:aws:lambda:us-east-1:000000000000:function:f'

    await client.send(new GetFunctionCommand({ FunctionName: name, Qualifier: '$LATEST' }))
    const created = await client.send(
      new CreateFunctionCommand({
        FunctionName: 'f',
        Role: 'r',
        Code: { ZipFile: Buffer.alloc(1_234, 7) },
      }),
    )
    const invoked = await client.send(
      new InvokeCommand({
        FunctionName: name,
        Qualifier: 'prod',
        Payload: '{"é":"+/= %"}',
        LogType: 'Tail',
      }),
    )

    expect(seen[0]?.path).toEqual({ FunctionName: name })
    expect(seen[0]?.query).toEqual({ Qualifier: '$LATEST' })
    expect(seen[0]?.caller.principal.id).toBe('usr-admin')
    expect(created.CodeSize).toBe(1_234)
    expect(invoked.ExecutedVersion).toBe('prod')
    expect(Buffer.from(invoked.Payload ?? []).toString()).toBe('{"é":"+/= %"}')
  })

  it.each([
    [
      'an unknown key',
      { accessKeyId: 'AKIANOBODYNOBODYNOBO', secretAccessKey: 'x' },
      'us-east-1',
      'UnrecognizedClientException',
    ],
    [
      'a wrong secret',
      { ...adminKeys, secretAccessKey: 'wrong' },
      'us-east-1',
      'InvalidSignatureException',
    ],
    ['another region', adminKeys, 'eu-west-1', 'InvalidSignatureException'],
  ])('is told with %s what AWS would tell it', async (_name, keys, region, type) => {
    await using edge = await openEdge()
    const client = clientOf(await listen(edge.app), keys, region)

    const error = await client
      .send(new GetFunctionCommand({ FunctionName: 'f' }))
      .catch((e: unknown) => e)

    expect(error).toBeInstanceOf(LambdaServiceException)
    expect((error as LambdaServiceException).name).toBe(type)
    expect((error as LambdaServiceException).$metadata.httpStatusCode).toBe(403)
    expect((error as LambdaServiceException).$metadata.requestId).toMatch(/^[0-9a-f-]{36}$/)
  })

  it('reads our errors as the classes it knows, with all their members', async () => {
    await using edge = await openEdge({
      handlers: {
        GetFunction: async () => {
          throw new PlatformError('TOO_MANY_REQUESTS', 'Rate Exceeded.', {
            detail: { reason: 'CallerRateLimitExceeded', retryAfterSeconds: 3 },
          })
        },
      },
    })
    const client = clientOf(await listen(edge.app))

    const error = await client
      .send(new GetFunctionCommand({ FunctionName: 'f' }))
      .catch((e: unknown) => e)

    expect(error).toBeInstanceOf(TooManyRequestsException)
    expect(error).toMatchObject({
      Reason: 'CallerRateLimitExceeded',
      Type: 'User',
      message: 'Rate Exceeded.',
      retryAfterSeconds: '3',
    })
  })

  it('corrects its clock by our answer and succeeds', async () => {
    await using edge = await openEdge({
      handlers: { GetFunction: async () => ({ status: 200, body: {} }) },
    })
    const port = await listen(edge.app)
    const client = new LambdaClient({
      endpoint: `http://127.0.0.1:${port}`,
      region: 'us-east-1',
      credentials: adminKeys,
      maxAttempts: 2,
      systemClockOffset: -3_600_000,
    })

    await expect(client.send(new GetFunctionCommand({ FunctionName: 'f' }))).resolves.toBeDefined()
  })
})

it('takes aws4’s requests, which name no body hash', async () => {
  await using edge = await openEdge({
    handlers: { PublishVersion: async () => ({ status: 201, body: {} }) },
  })
  const port = await listen(edge.app)
  const body = '{"Description":"x"}'
  const signed = aws4.sign(
    {
      host: `127.0.0.1:${port}`,
      method: 'POST',
      path: '/2015-03-31/functions/f/versions',
      service: 'lambda',
      region: 'us-east-1',
      body,
      headers: { 'Content-Type': 'application/json' },
    },
    adminKeys,
  )
  const send = async (text: string) =>
    await fetch(`http://127.0.0.1:${port}/2015-03-31/functions/f/versions`, {
      method: 'POST',
      headers: signed.headers as Record<string, string>,
      body: text,
    })

  expect((await send(body)).status).toBe(201)
  expect((await send('{"Description":"y"}')).status).toBe(403)
})

it('hides what went wrong inside, and logs it', async () => {
  await using edge = await openEdge({
    handlers: {
      PublishVersion: async () => {
        throw new TypeError('a secret detail')
      },
    },
  })

  const answer = await edge.ask({ path: '/2015-03-31/functions/f/versions', body: '{}' })

  expect(answer.status).toBe(500)
  expect(answer.headers['x-amzn-errortype']).toBe('ServiceException')
  expect(answer.body).not.toContain('secret')
  expect(edge.log.filter((line) => line.level === 'error')).toHaveLength(1)
})
