import {
  CreateAliasCommand,
  InvokeCommand,
  PublishVersionCommand,
  type InvokeCommandInput,
} from '@aws-sdk/client-lambda'
import { afterAll, describe, expect, it } from 'vitest'

import { startTestApp } from '../../support/app.ts'
import { createActive } from '../../support/functions.ts'
import { zipOf } from '../../support/packages.ts'

const app = await startTestApp({ openMetrics: true })
afterAll(() => app[Symbol.asyncDispose]())

const code = `
exports.handler = async (event, context) => {
  if (event.fail) throw new TypeError('told to')
  if (event.nothing) return
  if (event.waitMs) await new Promise((go) => setTimeout(go, event.waitMs))
  console.log('seen', JSON.stringify(event))
  return {
    event,
    arn: context.invokedFunctionArn,
    version: context.functionVersion,
    env: process.env.AWS_LAMBDA_FUNCTION_VERSION,
    client: context.clientContext,
  }
}
`
const { FunctionArn: arn = '' } = await createActive(app.client, 'echo', {
  Code: { ZipFile: zipOf({ 'index.js': code }) },
})
await app.client.send(new PublishVersionCommand({ FunctionName: 'echo' }))
await app.client.send(
  new CreateAliasCommand({ FunctionName: 'echo', Name: 'live', FunctionVersion: '1' }),
)

async function invoke(input: Partial<InvokeCommandInput> = {}) {
  const answer = await app.client.send(new InvokeCommand({ FunctionName: 'echo', ...input }))
  const text = Buffer.from(answer.Payload ?? []).toString()
  return {
    ...answer,
    json: text === '' ? undefined : (JSON.parse(text) as Record<string, unknown>),
  }
}

const json = (value: unknown): Uint8Array => Buffer.from(JSON.stringify(value))

describe('a synchronous invocation', () => {
  it('whose client goes away before the answer is no fault of the service', async () => {
    const abort = new AbortController()
    const left = app.client.send(
      new InvokeCommand({ FunctionName: 'echo', Payload: json({ waitMs: 3_000 }) }),
      { abortSignal: abort.signal },
    )
    const rejected = expect(left).rejects.toThrow(/abort/i)
    await expect.poll(() => app.deps.runtime.stats().busy, { timeout: 10_000 }).toBe(1)
    abort.abort()
    await rejected
    const lines = async (pattern: RegExp): Promise<string[]> => {
      const text = await (await fetch(`${app.url}/metrics`)).text()
      return text.split('\n').filter((line) => pattern.test(line))
    }
    const counted = (): Promise<string[]> => lines(/^lacre_requests_total\{.*"Invoke"/)
    const places = (): Promise<string[]> => lines(/^lacre_admission_in_work\{class="invoke"\}/)
    await expect.poll(counted).toHaveLength(1)

    // Nobody was answered.
    expect((await counted())[0]).toContain('status="0"')
    // The function runs on, and has its place as long.
    expect(await places()).toEqual(['lacre_admission_in_work{class="invoke"} 1'])
    expect(app.deps.runtime.stats().busy).toBe(1)
    await expect.poll(() => app.deps.runtime.stats().busy, { timeout: 10_000 }).toBe(0)
    await expect.poll(places).toEqual(['lacre_admission_in_work{class="invoke"} 0'])
  })

  it('answers what the function returned, with the version that ran', async () => {
    const answer = await invoke({ Payload: json({ a: 1 }) })

    expect(answer).toMatchObject({ StatusCode: 200, ExecutedVersion: '$LATEST' })
    expect(answer.FunctionError).toBeUndefined()
    expect(answer.json).toMatchObject({ event: { a: 1 }, arn, version: '$LATEST' })
  })

  it('hands a call without a payload an empty object, and answers null for nothing returned', async () => {
    expect((await invoke()).json).toMatchObject({ event: {} })
    expect((await invoke({ Payload: json({ nothing: true }) })).json).toBeNull()
  })

  it('shows the function the alias it was called by and the version it is', async () => {
    const answer = await invoke({ Qualifier: 'live' })

    expect(answer.ExecutedVersion).toBe('1')
    expect(answer.json).toMatchObject({ arn: `${arn}:live`, version: '1', env: '1' })
  })

  it.each([`echo:live`, `${'000000000000'}:function:echo:live`, `${arn}:live`])(
    'finds the function by %s',
    async (FunctionName) => {
      expect((await invoke({ FunctionName })).ExecutedVersion).toBe('1')
    },
  )

  it('says Unhandled for what the function throws', async () => {
    const answer = await invoke({ Payload: json({ fail: true }) })

    expect(answer).toMatchObject({ StatusCode: 200, FunctionError: 'Unhandled' })
    expect(answer.json).toMatchObject({ errorType: 'TypeError', errorMessage: 'told to' })
  })

  it('gives the end of the log where it is asked for, and not otherwise', async () => {
    const tail = await invoke({ LogType: 'Tail', Payload: json({ logged: 'yes' }) })
    const none = await invoke()

    const log = Buffer.from(tail.LogResult ?? '', 'base64').toString()
    expect(log).toMatch(/^START RequestId: /m)
    expect(log).toContain('{"logged":"yes"}')
    expect(log).toMatch(/^REPORT RequestId: /m)
    expect(none.LogResult).toBeUndefined()
  })

  it('hands on the client context', async () => {
    const ClientContext = Buffer.from('{"custom":{"who":"me"}}').toString('base64')

    expect((await invoke({ ClientContext })).json).toMatchObject({
      client: { custom: { who: 'me' } },
    })
  })
})

describe('other invocations', () => {
  it('checks a dry run and runs nothing', async () => {
    const answer = await invoke({ InvocationType: 'DryRun' })

    expect(answer.StatusCode).toBe(204)
    expect(answer.json).toBeUndefined()
  })

  const refusals: readonly (readonly [string, Partial<InvokeCommandInput>, string, RegExp])[] = [
    ['no function', { FunctionName: 'doesnotexist' }, 'ResourceNotFoundException', /Function not found: arn:aws:lambda:us-east-1:000000000000:function:doesnotexist:\$LATEST$/],
    ['no alias', { Qualifier: 'nope' }, 'ResourceNotFoundException', /function:echo:nope$/],
    ['another region', { FunctionName: 'arn:aws:lambda:eu-west-1:000000000000:function:echo' }, 'ResourceNotFoundException', /^Functions from 'eu-west-1' are not reachable in this region \('us-east-1'\)$/],
    ['another account', { FunctionName: 'arn:aws:lambda:us-east-1:123456789012:function:echo' }, 'AccessDeniedException', /^UnknownError$/],
    ['two qualifiers', { FunctionName: 'echo:live', Qualifier: '1' }, 'InvalidParameterValueException', /^The derived qualifier from the function name does not match/],
    ['no JSON', { Payload: Buffer.from('\u0099') }, 'InvalidRequestContentException', /^Could not parse request body into json/],
    ['a client context that is no JSON', { ClientContext: 'bm90anNvbg==' }, 'InvalidRequestContentException', /^Client context must be/],
  ] // prettier-ignore

  it.each(refusals)('refuses %s', async (_what, input, name, message) => {
    const refusal: unknown = await invoke(input).catch((error: unknown) => error)

    expect(refusal).toMatchObject({ name, message: expect.stringMatching(message) as string })
  })
})
