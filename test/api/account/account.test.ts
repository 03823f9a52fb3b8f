import { afterEach, beforeEach, expect, it } from 'vitest'

import { withApiRates } from '../../../services/http/lambda/rates.ts'
import {
  publishVersion,
  updateFunctionCode,
  type Deps,
} from '../../../services/operations/index.ts'
import { CALLER, startLambdaApi, type Answered, type LambdaApi } from '../../support/lambda-api.ts'
import { nodePackage } from '../../support/packages.ts'
import { recorded, recordedThere } from '../../support/recorded.ts'
import { FakeClock } from '../../support/state.ts'

const path = { FunctionName: 'fn' }
const ROLE = 'arn:aws:iam::000000000000:role/lambda-role'

let api: LambdaApi
beforeEach(async () => {
  api = await startLambdaApi()
})
afterEach(() => api[Symbol.asyncDispose]())

async function create(FunctionName = 'fn'): Promise<Answered> {
  const created = await api.call('CreateFunction', {
    json: { FunctionName, Role: ROLE, Runtime: 'python3.12', Handler: 'index.handler' },
    zip: nodePackage('one'),
  })
  await api.settle()
  return created
}

async function settings(): Promise<
  Record<'AccountLimit' | 'AccountUsage', Record<string, number>>
> {
  const { body } = await api.call('GetAccountSettings')
  return body as Record<'AccountLimit' | 'AccountUsage', Record<string, number>>
}

it.skipIf(!recordedThere)('answers the members AWS answered', async () => {
  const theirs = recorded('TestLambdaAccountSettings', 'test_account_settings')[
    'acc_settings_modded'
  ]

  const { AccountLimit, AccountUsage } = await settings()

  expect(Object.keys(AccountLimit).toSorted()).toEqual(theirs?.['AccountLimit'])
  expect(Object.keys(AccountUsage).toSorted()).toEqual(theirs?.['AccountUsage'])
})

it.skipIf(!recordedThere)('counts packages as AWS counted them', async () => {
  const theirs = recorded(
    'TestLambdaAccountSettings',
    'test_account_settings_total_code_size_config_update',
  )
  const size = async () => (await settings()).AccountUsage['TotalCodeSize'] ?? Number.NaN
  const before = await size()

  await create()
  const created = await size()
  await api.call('UpdateFunctionConfiguration', { path, json: { Description: 'other' } })
  await api.settle()
  const updated = await size()
  await api.call('PublishVersion', { path })
  const published = await size()

  expect({
    is_total_code_size_diff_create_function_more_than_200: created - before > 200,
    total_code_size_diff_update_function_configuration: updated - created,
    is_total_code_size_diff_publish_version_after_config_update_more_than_200:
      published - updated > 200,
  }).toEqual(theirs)
})

it('counts functions and layers that are there, and forgets those that are gone', async () => {
  await create('one')
  await create('two')
  await api.call('PublishLayerVersion', { path: { LayerName: 'l' }, zip: nodePackage('l') })
  const full = await settings()
  await api.call('DeleteFunction', { path: { FunctionName: 'one' } })
  await api.call('DeleteFunction', { path: { FunctionName: 'two' } })
  await api.call('DeleteLayerVersion', { path: { LayerName: 'l', VersionNumber: '1' } })

  const empty = await settings()

  expect(full.AccountUsage).toEqual({
    FunctionCount: 2,
    TotalCodeSize: 2 * nodePackage('one').length + nodePackage('l').length,
  })
  expect(empty.AccountUsage).toEqual({ FunctionCount: 0, TotalCodeSize: 0 })
  expect(empty.AccountLimit).toEqual({
    TotalCodeSize: 322_122_547_200,
    CodeSizeUnzipped: 262_144_000,
    CodeSizeZipped: 52_428_800,
    ConcurrentExecutions: 1_000,
    UnreservedConcurrentExecutions: 1_000,
  })
})

it('refuses what would go beyond the code storage that was set', async () => {
  await create()
  const { codeSha256 } = await api.deps.store.reader
    .selectFrom('artifact')
    .select('code_sha256 as codeSha256')
    .executeTakeFirstOrThrow()
  const deps: Deps = { ...api.deps, quotas: { codeStorageBytes: 10 } }
  const code = { kind: 'object', bucket: 'lacre', key: codeSha256 } as const

  const update = updateFunctionCode(deps, CALLER, {
    functionName: 'fn',
    code,
    publish: false,
    dryRun: false,
  })

  const publish = publishVersion(deps, CALLER, { functionName: 'fn' })
  for (const refused of [update, publish])
    await expect(refused).rejects.toMatchObject({
      code: 'QUOTA_EXCEEDED',
      message: 'Code storage limit exceeded.',
    })
})

it('lets 15 requests a second through where rates are asked for, GetFunction on its own', async () => {
  const clock = new FakeClock()
  const answer = () => Promise.resolve({ status: 200 })
  const handlers = withApiRates({ ListTags: answer, GetAlias: answer, GetFunction: answer }, clock)
  const send = async (operation: string): Promise<boolean> => {
    try {
      await handlers[operation]?.({} as never)
      return true
    } catch (error) {
      expect(error).toMatchObject({
        code: 'TOO_MANY_REQUESTS',
        detail: { reason: 'CallerRateLimitExceeded' },
      })
      return false
    }
  }

  let passed = 0
  for (let n = 0; n < 40; n += 1) if (await send(n % 2 === 0 ? 'ListTags' : 'GetAlias')) passed += 1
  const reads = await send('GetFunction')
  clock.advance(200)
  const later = [await send('ListTags'), await send('GetAlias'), await send('GetAlias')]
  const after = await send('ListTags')

  expect(passed).toBe(15)
  expect(reads).toBe(true)
  expect([...later, after]).toEqual([true, true, true, false])
})
