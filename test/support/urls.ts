import { request as httpRequest, type IncomingHttpHeaders } from 'node:http'

import {
  AddPermissionCommand,
  CreateFunctionUrlConfigCommand,
  type CreateFunctionUrlConfigCommandInput,
  type LambdaClient,
} from '@aws-sdk/client-lambda'

import { createActive } from './functions.ts'
import { zipOf } from './packages.ts'

/** A function URL that was made, and where it answers. */
export interface OpenedUrl {
  readonly id: string
  readonly functionUrl: string
  /** As a client would name it: `<id>.lambda-url.us-east-1.localhost:PORT`. */
  readonly host: string
}

export interface UrlReply {
  readonly status: number
  readonly headers: IncomingHttpHeaders
  readonly body: Buffer
  readonly text: string
  json(): Record<string, unknown>
}

export interface UrlAsk {
  readonly method?: string
  readonly path?: string
  /** A repeated name: the array of its values. */
  readonly headers?: Readonly<Record<string, string | readonly string[]>>
  readonly body?: string | Uint8Array
}

/** A function of one handler file, in Node. */
export async function createNode(
  client: LambdaClient,
  name: string,
  code: string,
  more: Parameters<typeof createActive>[2] = {},
): Promise<void> {
  await createActive(client, name, { Code: { ZipFile: zipOf({ 'index.js': code }) }, ...more })
}

/** Creates the URL and, where it asks for no signature, lets everybody in. */
export async function openUrl(
  client: LambdaClient,
  name: string,
  input: Partial<CreateFunctionUrlConfigCommandInput> & { readonly closed?: boolean } = {},
): Promise<OpenedUrl> {
  const { closed, ...config } = input
  const made = await client.send(
    new CreateFunctionUrlConfigCommand({ FunctionName: name, AuthType: 'NONE', ...config }),
  )
  if ((config.AuthType ?? 'NONE') === 'NONE' && closed !== true)
    await client.send(permitUrl(name, config.Qualifier))
  return toOpened(made.FunctionUrl ?? '')
}

export function permitUrl(name: string, qualifier?: string): AddPermissionCommand {
  return new AddPermissionCommand({
    FunctionName: name,
    StatementId: 'urlPermission',
    Action: 'lambda:InvokeFunctionUrl',
    Principal: '*',
    FunctionUrlAuthType: 'NONE',
    Qualifier: qualifier,
  })
}

export function toOpened(functionUrl: string): OpenedUrl {
  const { host } = new URL(functionUrl)
  return { functionUrl, host, id: host.split('.')[0] ?? '' }
}

/** One request to the listener of function URLs; the host name is sent, not looked up. */
export async function askUrl(
  listener: string,
  host: string,
  { method = 'GET', path = '/', headers = {}, body }: UrlAsk = {},
): Promise<UrlReply> {
  const { hostname, port } = new URL(listener)
  // Node declares no body of a method that has none as a rule.
  const length = body === undefined ? {} : { 'content-length': String(Buffer.byteLength(body)) }
  return await new Promise((resolve, reject) => {
    const sent = httpRequest(
      {
        host: hostname,
        port,
        method,
        path,
        agent: false,
        headers: { host, ...length, ...(headers as Record<string, string | string[]>) },
      },
      (response) => {
        const chunks: Buffer[] = []
        response.on('data', (chunk: Buffer) => chunks.push(chunk))
        response.on('error', reject)
        response.on('end', () => {
          const whole = Buffer.concat(chunks)
          resolve({
            status: response.statusCode ?? 0,
            headers: response.headers,
            body: whole,
            text: whole.toString(),
            json: () => JSON.parse(whole.toString()) as Record<string, unknown>,
          })
        })
      },
    )
    sent.on('error', reject)
    sent.end(body)
  })
}
