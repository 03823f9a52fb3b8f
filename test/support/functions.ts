import {
  CreateFunctionCommand,
  InvokeCommand,
  UpdateFunctionCodeCommand,
  waitUntilFunctionActiveV2,
  waitUntilFunctionUpdatedV2,
  type CreateFunctionCommandInput,
  type LambdaClient,
} from '@aws-sdk/client-lambda'

import { nodePackage } from './packages.ts'

export const ROLE = 'arn:aws:iam::000000000000:role/lambda'
const WAIT_SECONDS = 20

/** Creates a function (Node, `nodePackage(1)` unless told otherwise) and waits until it is Active. */
export async function createActive(
  client: LambdaClient,
  name: string,
  input: Partial<CreateFunctionCommandInput> = {},
) {
  const created = await client.send(
    new CreateFunctionCommand({
      FunctionName: name,
      Runtime: 'nodejs20.x',
      Handler: 'index.handler',
      Role: ROLE,
      Code: { ZipFile: nodePackage(1) },
      ...input,
    }),
  )
  await waitUntilFunctionActiveV2({ client, maxWaitTime: WAIT_SECONDS }, { FunctionName: name })
  return created
}

/** New code, and the wait until it serves. */
export async function updateAndWait(client: LambdaClient, name: string, zip: Uint8Array) {
  const updated = await client.send(
    new UpdateFunctionCodeCommand({ FunctionName: name, ZipFile: zip }),
  )
  await waitUntilFunctionUpdatedV2({ client, maxWaitTime: WAIT_SECONDS }, { FunctionName: name })
  return updated
}

export interface Invoked {
  readonly payload: unknown
  readonly functionError: string | undefined
  readonly version: string | undefined
  readonly log: string
}

/** Invokes and parses; the log tail comes with it. */
export async function invoke(
  client: LambdaClient,
  name: string,
  event: unknown = {},
  qualifier?: string,
): Promise<Invoked> {
  const answer = await client.send(
    new InvokeCommand({
      FunctionName: name,
      Payload: JSON.stringify(event),
      LogType: 'Tail',
      Qualifier: qualifier,
    }),
  )
  return {
    payload: JSON.parse(Buffer.from(answer.Payload ?? []).toString('utf8')) as unknown,
    functionError: answer.FunctionError,
    version: answer.ExecutedVersion,
    log: Buffer.from(answer.LogResult ?? '', 'base64').toString('utf8'),
  }
}

/** What a call was refused with; throws where it was not. */
export async function refusalOf(call: Promise<unknown>): Promise<{
  readonly name: string
  readonly status: number | undefined
  readonly message: string
  readonly decisionId: string | undefined
}> {
  try {
    await call
  } catch (error) {
    const refused = error as Error & {
      $metadata?: { httpStatusCode?: number }
      $response?: { headers?: Record<string, string> }
      Message?: string
    }
    return {
      name: refused.name,
      status: refused.$metadata?.httpStatusCode,
      message: refused.Message ?? refused.message,
      decisionId: refused.$response?.headers?.['x-lacre-decision-id'],
    }
  }
  throw new Error('it was not refused')
}
