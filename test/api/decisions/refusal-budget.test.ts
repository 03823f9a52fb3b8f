import {
  CreateFunctionCommand,
  DeleteFunctionCommand,
  ListFunctionsCommand,
} from '@aws-sdk/client-lambda'
import { expect, test } from 'vitest'

import { startTestApp } from '../../support/app.ts'
import { createActive } from '../../support/functions.ts'
import { zipOf } from '../../support/zip-builder.ts'

test('who was refused too often gets 429 for new code, with nothing decided, and may still read and leave', async () => {
  await using app = await startTestApp()
  await createActive(app.client, 'leaving')
  const count = async () =>
    (await app.deps.store.reader.selectFrom('decision').selectAll().execute()).length
  const before = await count()
  for (let i = 0; i < 2_100; i += 1) app.deps.refusals.spend('usr-admin')
  const change = new CreateFunctionCommand({
    FunctionName: 'coming',
    Runtime: 'nodejs20.x',
    Handler: 'index.handler',
    Role: 'arn:aws:iam::000000000000:role/test',
    Code: { ZipFile: zipOf({ 'index.js': 'exports.handler = async () => 1' }) },
  })

  const refusal: unknown = await app.client.send(change).catch((error: unknown) => error)
  const listed = await app.client.send(new ListFunctionsCommand({}))
  const after = await count()
  await app.client.send(new DeleteFunctionCommand({ FunctionName: 'leaving' }))

  expect(refusal).toMatchObject({
    name: 'TooManyRequestsException',
    Reason: 'CallerRateLimitExceeded',
    $metadata: { httpStatusCode: 429 },
  })
  expect(listed.Functions?.map((one) => one.FunctionName)).toEqual(['leaving'])
  expect(after).toBe(before)
  expect(await count()).toBe(before + 1)
})
