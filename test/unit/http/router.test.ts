import * as sdk from '@aws-sdk/client-lambda'
import { describe, expect, it } from 'vitest'

import { OPERATIONS } from '../../../services/http/lambda/operations-table.ts'
import { resolveRoute } from '../../../services/http/lambda/router.ts'

const sdkOperations = Object.keys(sdk)
  .filter((name) => name.endsWith('Command') && name !== '$Command')
  .map((name) => name.slice(0, -'Command'.length))
  .sort()

const AWKWARD = 'arn:aws:lambda:us-east-1:000000000000:function:f-1_x:$LATEST'

interface Sent {
  method: string
  path: string
  query: Record<string, string | string[]>
}

/** What the unmodified SDK would send: caught behind its serializer. */
async function sentBy(operation: string, input: Record<string, unknown>): Promise<Sent> {
  const client = new sdk.LambdaClient({
    region: 'us-east-1',
    endpoint: 'http://127.0.0.1:1',
    credentials: { accessKeyId: 'AKID', secretAccessKey: 'x' },
  })
  let sent: Sent | undefined
  client.middlewareStack.add(
    () => async (args) => {
      sent = args.request as Sent
      throw new Error('caught')
    },
    { step: 'finalizeRequest', priority: 'low' },
  )
  const commands = sdk as unknown as Record<string, new (input: unknown) => never>
  const Command = commands[`${operation}Command`]
  if (Command === undefined) throw new Error(operation)
  await client.send(new Command(input)).catch(() => undefined)
  if (sent === undefined) throw new Error(`the SDK sent nothing for ${operation}`)
  return sent
}

describe('the operations table', () => {
  it('has the operations of the SDK and no others', () => {
    expect(OPERATIONS.map(([name]) => name).sort()).toEqual(sdkOperations)
  })

  it.each(OPERATIONS)('routes %s as the SDK sends it', async (name, _method, template) => {
    const labels = [...template.matchAll(/\{(\w+)\}/g)].map(([, label = '']) => label)
    const input: Record<string, unknown> = {
      TagKeys: ['k'],
      Arn: AWKWARD,
      Tags: {},
      Qualifier: 'q',
    }
    for (const label of labels) input[label] = label === 'VersionNumber' ? 7 : AWKWARD

    const { method, path, query } = await sentBy(name, input)
    const text = new URLSearchParams(
      Object.entries(query).flatMap(([key, value]) =>
        [value].flat().map((v): [string, string] => [key, v]),
      ),
    ).toString()
    const route = resolveRoute(method, path, text)

    expect(route?.operation.name).toBe(name)
    for (const label of labels) expect(route?.path[label]).toBe(String(input[label]))
  })
})

describe('paths', () => {
  it.each<[string, string, string, string | undefined]>([
    ['GET', '/2015-03-31/functions', '', 'ListFunctions'],
    ['GET', '/2015-03-31/functions/', '', 'ListFunctions'],
    ['POST', '/2015-03-31/functions/', '', 'CreateFunction'],
    ['GET', '/2018-10-31/layers', 'find=LayerVersion&Arn=x', 'GetLayerVersionByArn'],
    ['GET', '/2018-10-31/layers', '', 'ListLayers'],
    [
      'GET',
      '/2019-09-30/functions/f/provisioned-concurrency',
      'List=ALL',
      'ListProvisionedConcurrencyConfigs',
    ],
    [
      'GET',
      '/2019-09-30/functions/f/provisioned-concurrency',
      'Qualifier=1',
      'GetProvisionedConcurrencyConfig',
    ],
    [
      'POST',
      '/2015-03-31/functions/arn:aws:lambda:us-east-1:0:function:f/invocations',
      '',
      'Invoke',
    ],
    ['GET', '/2017-03-31/tags/arn%3Aaws%3Asigner%2Fx', '', 'ListTags'],
    ['GET', '/2015-03-31/functions//', '', undefined],
    ['GET', '/2015-03-31/functions/../functions', '', undefined],
    ['GET', '/2015-03-31/functions/..', '', undefined],
    ['GET', '/2015-03-31/functions/.', '', undefined],
    ['GET', '//2015-03-31/functions', '', undefined],
    ['GET', '/2015-03-31/%66unctions', '', undefined],
    ['GET', '/2015-03-31/functions/%ff', '', undefined],
    ['GET', '/2015-03-31/functions/a/b', '', undefined],
    ['get', '/2015-03-31/functions', '', undefined],
    ['PATCH', '/2015-03-31/functions', '', undefined],
    ['GET', '', '', undefined],
    ['GET', '/', '', undefined],
  ])('%s %s?%s is %s', (method, path, query, expected) => {
    expect(resolveRoute(method, path, query)?.operation.name).toBe(expected)
  })

  it('decodes a label once and no more', () => {
    const route = resolveRoute('GET', '/2015-03-31/functions/a%2541%2Fb', '')

    expect(route?.path).toEqual({ FunctionName: 'a%41/b' })
  })

  it('marks changes for the replay check, and neither reads nor invocations', () => {
    const changing = (method: string, path: string) =>
      resolveRoute(method, path, '')?.operation.changing

    expect(changing('POST', '/2015-03-31/functions/f/versions')).toBe(true)
    expect(changing('DELETE', '/2015-03-31/functions/f')).toBe(true)
    expect(changing('GET', '/2015-03-31/functions/f')).toBe(false)
    expect(changing('POST', '/2015-03-31/functions/f/invocations')).toBe(false)
  })
})
