import {
  DeleteCodeSigningConfigCommand,
  DeleteFunctionCodeSigningConfigCommand,
  GetCodeSigningConfigCommand,
  GetFunctionCodeSigningConfigCommand,
  ListCodeSigningConfigsCommand,
  ListFunctionsByCodeSigningConfigCommand,
  PutFunctionCodeSigningConfigCommand,
  UpdateCodeSigningConfigCommand,
} from '@aws-sdk/client-lambda'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'

import {
  codeSigningConfigId,
  findCodeSigningConfig,
  insertPublisher,
  insertPublisherVersion,
  signingConfigFor,
} from '../../../services/catalog/index.ts'
import { sha256 } from '../../../services/model/index.ts'
import { startTestApp } from '../../support/app.ts'
import { createActive } from '../../support/functions.ts'
import { lambdaWire } from '../../support/lambda-wire.ts'
import { createConfig } from '../../support/publishing.ts'
import { decisions, stored } from '../../support/stored.ts'

const app = await startTestApp()
afterAll(() => app[Symbol.asyncDispose]())

const ARN = 'arn:aws:signer:us-east-1:000000000000:/signing-profiles/team/ABCDEFGHIJ'
const CONFIGS = '/2020-04-22/code-signing-configs'

describe('attaching', () => {
  let config = ''
  const attachment = { FunctionName: 'attached' }
  beforeAll(async () => {
    config = await createConfig(app, 'Warn', ARN)
    await createActive(app.client, 'attached')
  })

  it('is decided, and shows from the function and from the config', async () => {
    const { count } = await decisions(app.deps)

    const put = await app.client.send(
      new PutFunctionCodeSigningConfigCommand({ ...attachment, CodeSigningConfigArn: config }),
    )

    expect(put).toMatchObject({ CodeSigningConfigArn: config, FunctionName: 'attached' })
    const got = await app.client.send(new GetFunctionCodeSigningConfigCommand(attachment))
    expect(got.CodeSigningConfigArn).toBe(config)
    const listed = await app.client.send(
      new ListFunctionsByCodeSigningConfigCommand({ CodeSigningConfigArn: config }),
    )
    expect(listed.FunctionArns).toEqual(['arn:aws:lambda:us-east-1:000000000000:function:attached'])
    expect(await decisions(app.deps)).toMatchObject({
      count: count + 1,
      last: { action: 'lambda:PutFunctionCodeSigningConfig' },
    })
  })

  it('takes a partial ARN and an ARN for the name', async () => {
    for (const name of [
      '000000000000:function:attached',
      'arn:aws:lambda:us-east-1:000000000000:function:attached',
    ]) {
      const got = await app.client.send(
        new GetFunctionCodeSigningConfigCommand({ FunctionName: name }),
      )
      expect(got).toMatchObject({ CodeSigningConfigArn: config, FunctionName: 'attached' })
    }
  })

  it('keeps the config from being deleted, with nothing changed', async () => {
    const before = await stored(app.deps)

    const refused = app.client.send(
      new DeleteCodeSigningConfigCommand({ CodeSigningConfigArn: config }),
    )

    await expect(refused).rejects.toMatchObject({
      name: 'ResourceConflictException',
      $metadata: { httpStatusCode: 409 },
    })
    expect(await stored(app.deps)).toEqual(before)
  })

  it('ends with detaching, and then the config can go', async () => {
    const detached = await app.client.send(new DeleteFunctionCodeSigningConfigCommand(attachment))
    const deleted = await app.client.send(
      new DeleteCodeSigningConfigCommand({ CodeSigningConfigArn: config }),
    )

    expect([detached, deleted].map((one) => one.$metadata.httpStatusCode)).toEqual([204, 204])
    const gone = app.client.send(new GetCodeSigningConfigCommand({ CodeSigningConfigArn: config }))
    await expect(gone).rejects.toMatchObject({ name: 'ResourceNotFoundException' })
  })
})

describe('updating', () => {
  it('changes what is given and leaves the rest', async () => {
    const arn = await createConfig(app, 'Warn', ARN)

    const { CodeSigningConfig: updated } = await app.client.send(
      new UpdateCodeSigningConfigCommand({
        CodeSigningConfigArn: arn,
        CodeSigningPolicies: { UntrustedArtifactOnDeployment: 'Enforce' },
      }),
    )

    expect(updated).toMatchObject({
      Description: '',
      AllowedPublishers: { SigningProfileVersionArns: [ARN] },
      CodeSigningPolicies: { UntrustedArtifactOnDeployment: 'Enforce' },
    })
  })

  it('resolves publishers only when they are saved: a name created later counts after the next save', async () => {
    const arn = await createConfig(app, 'Enforce', ARN)
    const id = codeSigningConfigId(app.deps.place, arn) ?? ''
    const allowed = async (): Promise<readonly string[] | undefined> =>
      (await signingConfigFor(app.deps.store.reader, app.deps.place, id))?.allowedPublishers
    await app.deps.store.transaction(async (tx) => {
      await insertPublisher(tx, { id: 'pub-later', name: 'team', kind: 'key', createdAtMs: 1 })
      await insertPublisherVersion(tx, {
        publisherId: 'pub-later',
        version: 'ABCDEFGHIJ',
        document: '{}',
        digest: sha256('{}'),
        createdAtMs: 1,
      })
    })

    const before = await allowed()
    await app.client.send(
      new UpdateCodeSigningConfigCommand({ CodeSigningConfigArn: arn, Description: 'renamed' }),
    )
    const renamed = await allowed()
    await app.client.send(
      new UpdateCodeSigningConfigCommand({
        CodeSigningConfigArn: arn,
        AllowedPublishers: { SigningProfileVersionArns: [ARN] },
      }),
    )

    expect([before, renamed, await allowed()]).toEqual([[], [], [ARN]])
  })
})

describe('creating', () => {
  it('keeps the tags', async () => {
    const { body } = await lambdaWire(app.admin, {
      method: 'POST',
      path: CONFIGS,
      body: {
        AllowedPublishers: { SigningProfileVersionArns: [ARN] },
        Tags: { team: 'payments' },
      },
    })

    const { CodeSigningConfigId: id } = (body?.['CodeSigningConfig'] ?? {}) as Record<
      string,
      string
    >
    const kept = await findCodeSigningConfig(app.deps.store.reader, app.deps.place, id ?? '')
    expect(kept).toMatchObject({ policy: 'Warn', tags: { team: 'payments' } })
  })

  const arns = (count: number): string[] => Array.from({ length: count }, () => ARN)
  it.each([
    ['no publishers', {}, "Value null at 'allowedPublishers'"],
    ['an empty list', { AllowedPublishers: {} }, 'Member must not be null'],
    ['twenty-one publishers', { SigningProfileVersionArns: arns(21) }, 'less than or equal to 20'],
    ['no ARN at all', { SigningProfileVersionArns: ['team'] }, 'regular expression pattern'],
  ])('refuses %s in AWS words, and stores nothing', async (_what, given, words) => {
    const before = [await stored(app.deps), await decisions(app.deps)]
    const body = 'SigningProfileVersionArns' in given ? { AllowedPublishers: given } : given

    const answer = await lambdaWire(app.admin, { method: 'POST', path: CONFIGS, body })

    expect(answer.status).toBe(400)
    expect(answer.headers.get('x-amzn-errortype')).toBe('ValidationException')
    expect(answer.body?.['message']).toMatch(/^\d validation errors? detected: /)
    expect(answer.body?.['message']).toContain(words)
    expect([await stored(app.deps), await decisions(app.deps)]).toEqual(before)
  })

  it('refuses an unknown policy and a description of 257 characters in one answer', async () => {
    const { body } = await lambdaWire(app.admin, {
      method: 'POST',
      path: CONFIGS,
      body: {
        Description: 'x'.repeat(257),
        AllowedPublishers: { SigningProfileVersionArns: [ARN] },
        CodeSigningPolicies: { UntrustedArtifactOnDeployment: 'Ignore' },
      },
    })

    expect(body?.['message']).toMatch(/^2 validation errors detected: /)
  })

  it('answers members of the wrong type as AWS does', async () => {
    const { status, headers } = await lambdaWire(app.admin, {
      method: 'POST',
      path: CONFIGS,
      body: { AllowedPublishers: 'all' },
    })

    expect([status, headers.get('x-amzn-errortype')]).toEqual([400, 'SerializationException'])
  })
})

describe('listing', () => {
  it('pages through all of them, each once', async () => {
    for (let i = 0; i < 3; i += 1) await createConfig(app, 'Warn', ARN)
    const seen: string[] = []
    let marker: string | undefined
    do {
      const page = await app.client.send(
        new ListCodeSigningConfigsCommand({ MaxItems: 2, Marker: marker }),
      )
      seen.push(...(page.CodeSigningConfigs ?? []).map((one) => one.CodeSigningConfigId ?? ''))
      marker = page.NextMarker
    } while (marker !== undefined)

    const rows = await app.deps.store.reader
      .selectFrom('code_signing_config')
      .select('id')
      .execute()
    expect(seen.toSorted()).toEqual(rows.map((row) => row.id).toSorted())
    expect(new Set(seen).size).toBe(seen.length)
  })

  it.each(['0', '10001'])('refuses MaxItems %s', async (count) => {
    const { status } = await lambdaWire(app.admin, {
      method: 'GET',
      path: CONFIGS,
      query: { MaxItems: count },
    })

    expect(status).toBe(400)
  })
})
