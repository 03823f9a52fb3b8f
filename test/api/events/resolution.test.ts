import { afterEach, beforeEach, expect, it } from 'vitest'

import { bumpGeneration, putRefusal } from '../../../services/catalog/index.ts'
import { eventWork, invoke } from '../../../services/operations/index.ts'
import type { InvokeCall } from '../../../services/runtime/index.ts'
import { addressRules } from '../../../services/sources/index.ts'
import { eventually } from '../../support/eventually.ts'
import { CALLER, FakeRuntime, startLambdaApi, type LambdaApi } from '../../support/lambda-api.ts'
import { nodePackage } from '../../support/packages.ts'

/** What an event is taken for when its turn comes, and not when it was accepted. */
const path = { FunctionName: 'fn' }
let api: LambdaApi
let calls: { readonly version: string; readonly decisionId: string; readonly call: InvokeCall }[]

beforeEach(async () => {
  api = await startLambdaApi()
  calls = []
  api.runtime.invoke = (spec, call) => {
    calls.push({ version: spec.version, decisionId: spec.decisionId, call })
    return FakeRuntime.prototype.invoke.call(api.runtime, spec, call)
  }
  await create()
})
afterEach(() => api[Symbol.asyncDispose]())

async function create(release = 1): Promise<void> {
  const Role = 'arn:aws:iam::000000000000:role/lambda-role'
  const json = { ...path, Role, Runtime: 'nodejs20.x', Handler: 'index.handler', Publish: true }
  await api.call('CreateFunction', { json, zip: nodePackage(release) })
  await api.settle()
  await api.deps.live.refresh()
}

async function accept(functionName = 'fn', traceId?: string): Promise<string> {
  const requestId = api.deps.random.uuid()
  const { signal } = new AbortController()
  await invoke(api.deps, { ...CALLER, requestId }, {
    functionName, traceId, signal, tail: false, invocationType: 'Event', payload: Buffer.from('{}'),
  }) // prettier-ignore
  return requestId
}

const start = () => api.deps.events.start(eventWork(api.deps, addressRules([])))

it('never runs an event on another function that has taken the name', async () => {
  const id = await accept()
  await api.call('DeleteFunction', { path })
  await create(2)
  await start()

  await eventually(async () => await api.deps.events.show(id)).toMatchObject({
    state: 'dead',
    condition: 'FunctionNotFound',
    attempts: 0,
  })
  expect(calls).toEqual([])
})

it('runs the version that the alias means when the turn comes, stamped with its decision', async () => {
  const alias = { ...path, Name: 'live' }
  await api.call('CreateAlias', { path, json: { ...alias, FunctionVersion: '1' } })
  await accept('fn:live', 'Root=1-2-3')
  await api.call('UpdateFunctionCode', { path, zip: nodePackage(2), json: { Publish: true } })
  await api.settle()
  await api.call('UpdateAlias', { path: alias, json: { FunctionVersion: '2' } })
  await start()

  await eventually(() => calls.length).toBe(1)
  const now = api.deps.live.resolve('fn', 'live', 0)
  expect(calls[0]).toMatchObject({
    version: '2',
    decisionId: now.kind === 'found' ? now.spec.decisionId : 'none',
    call: {
      invokedArn: 'arn:aws:lambda:us-east-1:000000000000:function:fn:live',
      traceId: 'Root=1-2-3;ApproximateInvokeCount=1',
    },
  })
})

it('is dead where the alias is gone', async () => {
  await api.call('CreateAlias', { path, json: { Name: 'live', FunctionVersion: '1' } })
  const id = await accept('fn:live')
  await api.call('DeleteAlias', { path: { ...path, Name: 'live' } })
  await start()

  await eventually(async () => (await api.deps.events.show(id)).condition).toBe('FunctionNotFound')
  expect(calls).toEqual([])
})

/** As a reaction does it. */
async function refuse(): Promise<void> {
  const found = api.deps.live.resolve('fn', undefined, 0)
  const release = found.kind === 'found' ? found.spec.release : ''
  const refusal = { functionName: 'fn', version: '$LATEST', release, reason: 'revoked' }
  await api.deps.store.transaction(async (tx) => {
    await putRefusal(tx, { ...refusal, refusedAtMs: 1 })
    await bumpGeneration(tx, 'fn')
  })
  await api.deps.live.refresh(['fn'])
}

it.each([
  ['is refused', 'fn', refuse, 'Refused'],
  [
    'is switched off',
    'fn',
    () => api.call('PutFunctionConcurrency', { path, json: { ReservedConcurrentExecutions: 0 } }),
    'ZeroReservedConcurrency',
  ],
  [
    'loses its alias',
    'fn:live',
    () => api.call('DeleteAlias', { path: { ...path, Name: 'live' } }),
    'FunctionNotFound',
  ],
  ['is deleted', 'fn', () => api.call('DeleteFunction', { path }), 'FunctionNotFound'],
])(
  'starts nothing of what %s between its look-up and its start',
  async (_, name, takeAway, condition) => {
    await api.call('CreateAlias', { path, json: { Name: 'live', FunctionVersion: '1' } })
    const id = await accept(name)
    const { runner, post } = eventWork(api.deps, addressRules([]))
    await api.deps.events.start({
      post,
      runner: {
        room: (functionName) => runner.room(functionName),
        prepare: async (event) => {
          const prepared = await runner.prepare(event)
          await takeAway()
          return prepared
        },
      },
    })

    await eventually(async () => await api.deps.events.show(id)).toMatchObject({
      state: 'dead',
      condition,
      attempts: 0,
    })
    expect(calls).toEqual([])
  },
)

it('gives an event that is refused to the dead letter queue of its version', async () => {
  const TargetArn = 'arn:aws:sqs:us-east-1:000000000000:lost'
  await api.call('UpdateFunctionConfiguration', { path, json: { DeadLetterConfig: { TargetArn } } })
  await api.settle()
  const id = await accept()
  await refuse()
  await start()

  await eventually(async () => (await api.deps.events.show(id)).condition).toBe('Refused')
  const messages = await api.deps.events.messages({ queue: TargetArn, limit: 10 })
  expect(messages).toMatchObject([{ kind: 'dead-letter', requestId: id }])
})

it('waits for a function that cannot run at the moment', async () => {
  const id = await accept()
  api.runtime.invoke = () => Promise.reject(new Error('no environment'))
  await start()

  await eventually(async () => await api.deps.events.show(id)).toMatchObject({
    state: 'ready',
    failures: 0,
    lastError: 'no environment',
  })
})

it('refuses a bucket as the destination of successes, which AWS gives failures alone', async () => {
  const put = (on: string) =>
    api.call('PutFunctionEventInvokeConfig', {
      path,
      json: { DestinationConfig: { [on]: { Destination: 'arn:aws:s3:::bucket' } } },
    })

  expect((await put('OnSuccess')).status).toBe(400)
  expect((await put('OnFailure')).status).toBe(200)
})
