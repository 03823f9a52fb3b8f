import { CreateCodeSigningConfigCommand, ListFunctionsCommand } from '@aws-sdk/client-lambda'
import { expect, test } from 'vitest'

import { startTestApp } from '../../support/app.ts'

test('who was refused too often gets 429 for a change, with nothing decided, and may still read', async () => {
  await using app = await startTestApp()
  for (let i = 0; i < 2_100; i += 1) app.deps.refusals.spend('usr-admin')
  const change = new CreateCodeSigningConfigCommand({
    AllowedPublishers: { SigningProfileVersionArns: ['arn:aws:signer:us-east-1:000000000000:/x'] },
  })

  const refusal: unknown = await app.client.send(change).catch((error: unknown) => error)
  const listed = await app.client.send(new ListFunctionsCommand({}))
  const decisions = await app.deps.store.reader.selectFrom('decision').selectAll().execute()

  expect(refusal).toMatchObject({
    name: 'TooManyRequestsException',
    Reason: 'CallerRateLimitExceeded',
    $metadata: { httpStatusCode: 429 },
  })
  expect(listed.Functions).toEqual([])
  expect(decisions).toEqual([])
})
