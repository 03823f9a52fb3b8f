import {
  CreateFunctionCommand,
  waitUntilFunctionActiveV2,
  type CreateFunctionCommandInput,
} from '@aws-sdk/client-lambda'

import type { TestApp } from './app.ts'
import { nodePackage } from './packages.ts'

/** A function that is Active: Node, `index.handler`, with what differs. */
export async function createFunction(
  app: Pick<TestApp, 'client'>,
  name: string,
  differs: Partial<CreateFunctionCommandInput> = {},
): Promise<string> {
  const made = await app.client.send(
    new CreateFunctionCommand({
      FunctionName: name,
      Runtime: 'nodejs20.x',
      Handler: 'index.handler',
      Role: 'arn:aws:iam::000000000000:role/test',
      Code: { ZipFile: nodePackage(name) },
      ...differs,
    }),
  )
  await waitUntilFunctionActiveV2(
    { client: app.client, maxWaitTime: 20, minDelay: 1, maxDelay: 1 },
    { FunctionName: name },
  )
  return made.FunctionArn ?? ''
}
