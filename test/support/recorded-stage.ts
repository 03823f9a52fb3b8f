import {
  LambdaClient,
  waitUntilFunctionActiveV2,
  waitUntilFunctionUpdatedV2,
  waitUntilPublishedVersionActive,
  type LambdaClientConfig,
} from '@aws-sdk/client-lambda'

import { createAccessKey, openAuthenticator } from '../../services/auth/index.ts'
import {
  buildServer,
  createMetrics,
  invokeHandler,
  lambdaHandlers,
} from '../../services/http/index.ts'
import { systemClock } from '../../services/model/index.ts'
import { startTestApp } from './app.ts'
import { lambdaClient, type AdminFile } from './client.ts'
import { adminKeys, plainBox } from './edge.ts'
import { startLambdaApi } from './lambda-api.ts'

/** An answer as it came over the wire; of an invocation, in the recorder's form. */
export interface WireAnswered {
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
  readonly body: Readonly<Record<string, unknown>>
}

/** Any of the SDK's commands. */
export interface Command {
  readonly input: object
  readonly middlewareStack: object
}

/** Where a recorded scenario is played again: the service behind HTTP, and the unmodified SDK before it. */
export interface Stage extends AsyncDisposable {
  readonly client: LambdaClient
  readonly admin: AdminFile
  /** Where function URLs answer; empty where nothing runs. */
  readonly functionUrls: string
  /** Sends with the SDK; errors come back as answers. */
  send(command: Command): Promise<WireAnswered>
  /** Lets what was changed become active. */
  settle(functionName: string, qualifier?: string): Promise<void>
}

/** Everything but the runtime: what was changed stays Pending or InProgress until the test lets it settle. */
export async function stillStage(): Promise<Stage> {
  const api = await startLambdaApi()
  const { deps } = api
  // Signatures are made at the time of this machine.
  const clock = systemClock
  await deps.store.transaction(async (tx) => {
    const principal = { id: 'usr-admin', kind: 'user', name: 'admin', roles: '["admin"]' } as const
    await tx
      .insertInto('principal')
      .values({ ...principal, created_at: 1 })
      .execute()
    await createAccessKey(tx, {
      id: adminKeys.accessKeyId,
      principalId: principal.id,
      secretSealed: plainBox.seal(adminKeys.secretAccessKey, adminKeys.accessKeyId),
      createdAtMs: 1,
    })
  })
  const { store, place, access } = deps
  const server = buildServer({
    deps,
    config: { host: '127.0.0.1', port: 0 },
    authenticator: openAuthenticator({ store, box: plainBox, clock, place, authorizer: access }),
    lambdaHandlers: lambdaHandlers(deps),
    invoke: invokeHandler(deps),
    governanceRoutes: [],
    downloads: deps,
    metrics: createMetrics(),
    ready: () => true,
  })
  const endpoint = await server.listen({ host: '127.0.0.1', port: 0 })
  const admin = { endpoint, ...place, ...adminKeys }
  const wire = openWire(admin)
  return {
    ...wire,
    admin,
    functionUrls: '',
    settle: () => api.settle(),
    [Symbol.asyncDispose]: async () => {
      wire.client.destroy()
      await server.close()
      await api[Symbol.asyncDispose]()
    },
  }
}

/** The whole service, running what it is given. */
export async function runningStage(): Promise<Stage> {
  const app = await startTestApp()
  const wire = openWire(app.admin)
  return {
    ...wire,
    admin: app.admin,
    functionUrls: app.functionUrls,
    settle: async (FunctionName, Qualifier) => {
      const waiting = { client: wire.client, maxWaitTime: 20, minDelay: 0.05, maxDelay: 0.2 }
      if (Qualifier !== undefined)
        await waitUntilPublishedVersionActive(waiting, { FunctionName, Qualifier })
      await waitUntilFunctionActiveV2(waiting, { FunctionName })
      await waitUntilFunctionUpdatedV2(waiting, { FunctionName })
    },
    [Symbol.asyncDispose]: async () => {
      wire.client.destroy()
      await app[Symbol.asyncDispose]()
    },
  }
}

interface HttpAnswer {
  readonly statusCode: number
  readonly headers: Readonly<Record<string, string>>
  body?: unknown
}

/** The SDK, with its own HTTP handler overheard. */
function openWire(admin: AdminFile): Pick<Stage, 'client' | 'send'> {
  let heard: { status: number; headers: Readonly<Record<string, string>>; bytes: Buffer }
  const plain = lambdaClient(admin)
  const inner = plain.config.requestHandler
  const { endpoint, region, accessKeyId, secretAccessKey } = admin
  const client = new LambdaClient({
    endpoint,
    region,
    maxAttempts: 1,
    credentials: { accessKeyId, secretAccessKey },
    requestHandler: {
      metadata: { handlerProtocol: 'http/1.1' },
      destroy: () => plain.destroy(),
      handle: async (...asked: Parameters<typeof inner.handle>) => {
        const answered = await inner.handle(...asked)
        const response = answered.response as unknown as HttpAnswer
        const pieces: Uint8Array[] = []
        for await (const piece of response.body as AsyncIterable<Uint8Array>) pieces.push(piece)
        const bytes = Buffer.concat(pieces)
        heard = { status: response.statusCode, headers: response.headers, bytes }
        response.body = new Uint8Array(bytes)
        return answered
      },
    } as unknown as NonNullable<LambdaClientConfig['requestHandler']>,
  })
  const send = async (command: Command): Promise<WireAnswered> => {
    let refused: Error | undefined
    try {
      await client.send(command as Parameters<typeof client.send>[0])
    } catch (error) {
      refused = error as Error
      // Nothing came over the wire: the SDK or the connection failed.
      if (!('$metadata' in refused) || heard === undefined) throw error
    }
    const { status, headers, bytes } = heard
    const type = headers['x-amzn-errortype']
    if (refused !== undefined && refused.name !== type)
      throw new Error(`the SDK reads ${refused.name}, the header says ${type}`)
    return isInvocation(command) && refused === undefined
      ? invoked(status, headers, bytes)
      : {
          status,
          headers: type === undefined ? {} : { 'x-amzn-ErrorType': type },
          body: bytes.length === 0 ? {} : (JSON.parse(bytes.toString()) as Record<string, unknown>),
        }
  }
  return { client, send }
}

function isInvocation(command: Command): boolean {
  return command.constructor.name === 'InvokeCommand'
}

/** What botocore makes of an invocation's answer. */
function invoked(
  status: number,
  headers: Readonly<Record<string, string>>,
  payload: Buffer,
): WireAnswered {
  const functionError = headers['x-amz-function-error']
  const log = headers['x-amz-log-result']
  return {
    status,
    headers: {},
    body: {
      ExecutedVersion: headers['x-amz-executed-version'],
      Payload: payload.length === 0 ? '' : (JSON.parse(payload.toString()) as unknown),
      StatusCode: status,
      ...(functionError === undefined ? {} : { FunctionError: functionError }),
      ...(log === undefined ? {} : { LogResult: Buffer.from(log, 'base64').toString() }),
    },
  }
}
