import {
  AddProfilePermissionCommand,
  CancelSigningProfileCommand,
  DescribeSigningJobCommand,
  GetRevocationStatusCommand,
  GetSigningPlatformCommand,
  GetSigningProfileCommand,
  ListProfilePermissionsCommand,
  ListSigningJobsCommand,
  ListSigningPlatformsCommand,
  ListSigningProfilesCommand,
  ListTagsForResourceCommand,
  PutSigningProfileCommand,
  RemoveProfilePermissionCommand,
  RevokeSignatureCommand,
  RevokeSigningProfileCommand,
  SignPayloadCommand,
  StartSigningJobCommand,
  TagResourceCommand,
  UntagResourceCommand,
} from '@aws-sdk/client-signer'
import { afterAll, describe, expect, it } from 'vitest'

import { startTestApp } from '../../support/app.ts'
import { createActive } from '../../support/functions.ts'
import { governance } from '../../support/governance.ts'
import { managedSeal } from '../../support/managed.ts'
import { nodePackage } from '../../support/packages.ts'
import { createConfig } from '../../support/publishing.ts'
import { signWithSmithy } from '../../support/signers.ts'
import { signerClient } from '../../support/signer-client.ts'
import { decisions, stored } from '../../support/stored.ts'
import { sealedZip } from '../../support/zip-seals.ts'

const app = await startTestApp()
const signer = signerClient(app.admin)
afterAll(async () => {
  signer.destroy()
  await app[Symbol.asyncDispose]()
})

const platformId = 'AWSLambda-SHA384-ECDSA'
const put = async (profileName: string, more: object = {}) =>
  await signer.send(new PutSigningProfileCommand({ profileName, platformId, ...more }))
const get = async (profileName: string) =>
  await signer.send(new GetSigningProfileCommand({ profileName }))
const deploy = async (name: string, code: Uint8Array, config: string): Promise<unknown> => {
  try {
    return await createActive(app.client, name, {
      Code: { ZipFile: code },
      CodeSigningConfigArn: config,
    })
  } catch (error) {
    return error
  }
}
const sealedBy = async (profile: string, zip: Uint8Array): Promise<Buffer> => {
  const { body } = await managedSeal(app, profile, zip)
  return await sealedZip(zip, Buffer.from(body.seal.body, 'base64'))
}

describe('a profile made by PutSigningProfile', () => {
  it('is a managed publisher whose seal an unmodified code signing config takes under Enforce', async () => {
    const made = await put('release', { signatureValidityPeriod: { value: 3, type: 'YEARS' } })
    const config = await createConfig(app, 'Enforce', made.profileVersionArn ?? '')
    const zip = nodePackage('released')

    const plain = await deploy('unsealed', zip, config)
    const sealed = await deploy('sealed', await sealedBy('release', zip), config)

    expect(made.arn).toBe('arn:aws:signer:us-east-1:000000000000:/signing-profiles/release')
    expect(made.profileVersionArn).toBe(`${made.arn}/${made.profileVersion}`)
    expect(plain).toMatchObject({ name: 'CodeVerificationFailedException' })
    expect(sealed).toMatchObject({ State: 'Pending' })
    const { body } = await governance<{ kind: string }>(app.admin, { path: '/publishers/release' })
    expect(body.kind).toBe('managed')
  })

  it('is answered and listed with what was put', async () => {
    const period = { value: 30, type: 'DAYS' } as const
    const made = await put('described', { signatureValidityPeriod: period, tags: { team: 'core' } })

    expect(await get('described')).toMatchObject({
      profileName: 'described',
      profileVersion: made.profileVersion,
      profileVersionArn: made.profileVersionArn,
      platformId,
      platformDisplayName: 'AWS Lambda',
      signatureValidityPeriod: period,
      status: 'Active',
      arn: made.arn,
      tags: { team: 'core' },
    })
    expect((await get('release')).signatureValidityPeriod).toEqual({ value: 3, type: 'YEARS' })
  })

  it('never gives its name twice', async () => {
    await put('once')
    const before = await stored(app.deps)

    await expect(put('once')).rejects.toMatchObject({
      name: 'ValidationException',
      $metadata: { httpStatusCode: 400 },
      message: expect.stringContaining('never reused') as string,
    })
    expect(await stored(app.deps)).toEqual(before)
  })

  it.each<[string, object]>([
    ['another platform', { platformId: 'AWSIoTDeviceManagement-SHA256-ECDSA' }],
    ['a name of one letter', { profileName: 'a' }],
    ['a name with a hyphen', { profileName: 'a-b' }],
    ['no time at all', { signatureValidityPeriod: { value: 0, type: 'DAYS' } }],
    ['more than 135 months', { signatureValidityPeriod: { value: 136, type: 'YEARS' } }],
    ['a unit of its own', { signatureValidityPeriod: { value: 1, type: 'HOURS' } }],
    ['a certificate', { signingMaterial: { certificateArn: 'arn:aws:acm:x' } }],
    ['a tag key of AWS', { tags: { 'aws:x': 'y' } }],
  ])('refuses %s and stores nothing', async (_what, change) => {
    const before = await stored(app.deps)

    await expect(put('fine', change)).rejects.toMatchObject({ name: 'ValidationException' })
    expect(await stored(app.deps)).toEqual(before)
  })
})

describe('cancelling and revoking', () => {
  it('cancels for new seals and leaves those made as they are', async () => {
    const made = await put('cancelled')
    const config = await createConfig(app, 'Enforce', made.profileVersionArn ?? '')
    const code = await sealedBy('cancelled', nodePackage('cancelled'))

    await signer.send(new CancelSigningProfileCommand({ profileName: 'cancelled' }))

    expect((await get('cancelled')).status).toBe('Canceled')
    const refused = await managedSeal(app, 'cancelled', nodePackage('later'))
    expect([refused.status, refused.body.error?.code]).toEqual([409, 'RESOURCE_CONFLICT'])
    expect(await deploy('cancelled', code, config)).toMatchObject({ State: 'Pending' })
  })

  it('revokes a version for deployments and for new seals', async () => {
    const { profileVersion = '', profileVersionArn = '' } = await put('revoked')
    const config = await createConfig(app, 'Enforce', profileVersionArn)
    const code = await sealedBy('revoked', nodePackage('revoked'))
    const effectiveTime = new Date(1_767_225_600_000)
    const revocation = { profileName: 'revoked', profileVersion, reason: 'lost', effectiveTime }

    await signer.send(new RevokeSigningProfileCommand(revocation))

    expect(await get('revoked')).toMatchObject({
      status: 'Revoked',
      revocationRecord: { revocationEffectiveFrom: effectiveTime },
    })
    expect(await deploy('revoked', code, config)).toMatchObject({
      name: 'CodeVerificationFailedException',
    })
    expect((await managedSeal(app, 'revoked', nodePackage('later'))).status).toBe(409)
    await expect(signer.send(new RevokeSigningProfileCommand(revocation))).rejects.toMatchObject({
      name: 'ValidationException',
    })
  })

  it('answers whether a signature of a time is revoked', async () => {
    const { profileVersionArn, profileVersion = '' } = await put('asked_for')
    const effectiveTime = new Date(1_767_225_600_000)
    const about = { profileName: 'asked_for', profileVersion, reason: 'x', effectiveTime }
    await signer.send(new RevokeSigningProfileCommand(about))
    const status = async (ms: number) =>
      await signer.send(
        new GetRevocationStatusCommand({
          signatureTimestamp: new Date(ms),
          platformId,
          profileVersionArn,
          jobArn: 'arn:aws:signer:us-east-1:000000000000:/signing-jobs/none',
          certificateHashes: ['ab'],
        }),
      )

    expect((await status(1_767_225_599_000)).revokedEntities).toEqual([])
    expect((await status(1_767_225_601_000)).revokedEntities).toEqual([profileVersionArn])
  })
})

describe('lists', () => {
  it('page through active profiles by name, others where asked', async () => {
    const seen: string[] = []
    let nextToken: string | undefined
    do {
      const page = await signer.send(new ListSigningProfilesCommand({ maxResults: 1, nextToken }))
      expect(page.profiles).toHaveLength(1)
      seen.push(page.profiles?.[0]?.profileName ?? '')
      nextToken = page.nextToken
    } while (nextToken !== undefined)

    expect(seen).toEqual(seen.toSorted())
    expect(seen).toContain('release')
    expect(seen).not.toContain('cancelled')
    const all = await signer.send(new ListSigningProfilesCommand({ includeCanceled: true }))
    expect(all.profiles?.map(({ profileName }) => profileName)).toContain('cancelled')
    const revoked = await signer.send(new ListSigningProfilesCommand({ statuses: ['Revoked'] }))
    expect(revoked.profiles?.map(({ profileName }) => profileName)).toContain('revoked')
  })

  it.each([
    ['0 results', { maxResults: 0 }],
    ['26 results', { maxResults: 26 }],
    ['a token of nobody', { nextToken: '!!!' }],
  ])('refuse %s', async (_what, input) => {
    await expect(signer.send(new ListSigningProfilesCommand(input))).rejects.toMatchObject({
      name: 'ValidationException',
    })
  })

  it('show the one platform and no jobs', async () => {
    const { platforms } = await signer.send(new ListSigningPlatformsCommand({}))
    const one = await signer.send(new GetSigningPlatformCommand({ platformId }))

    expect(platforms).toHaveLength(1)
    expect(one).toMatchObject({ platformId, revocationSupported: true, maxSizeInMB: 250 })
    expect((await signer.send(new ListSigningJobsCommand({}))).jobs).toEqual([])
  })
})

const job = {
  source: { s3: { bucketName: 'b', key: 'k', version: 'v' } },
  destination: { s3: { bucketName: 'b' } },
  clientRequestToken: 't',
}
describe('what there is none of', () => {
  it.each([
    ['a profile', () => get('nobody'), 'ResourceNotFoundException', 404],
    ['a platform', () => signer.send(new GetSigningPlatformCommand({ platformId: 'x' })), 'ResourceNotFoundException', 404],
    ['a job to describe', () => signer.send(new DescribeSigningJobCommand({ jobId: 'x' })), 'ResourceNotFoundException', 404],
    ['a job to revoke', () => signer.send(new RevokeSignatureCommand({ jobId: 'x', reason: 'r' })), 'ResourceNotFoundException', 404],
    ['a profile to sign with', () => signer.send(new StartSigningJobCommand({ ...job, profileName: 'nobody' })), 'ResourceNotFoundException', 404],
    ['an object store', () => signer.send(new StartSigningJobCommand({ ...job, profileName: 'release' })), 'ValidationException', 400],
    ['signing of whatever is given', () => signer.send(new SignPayloadCommand({ profileName: 'release', payload: Buffer.from('{}'), payloadFormat: 'application/vnd.cncf.notary.payload.v1+json' })), 'ValidationException', 400],
    ['a profile to tag', () => signer.send(new ListTagsForResourceCommand({ resourceArn: 'arn:aws:signer:us-east-1:000000000000:/signing-profiles/nobody' })), 'NotFoundException', 404],
    ['an ARN of another kind', () => signer.send(new ListTagsForResourceCommand({ resourceArn: 'arn:aws:lambda:us-east-1:000000000000:function:f' })), 'BadRequestException', 400],
  ] as const)('is said of %s', async (_what, ask, name, httpStatusCode) => {
    const before = await stored(app.deps)

    await expect(ask()).rejects.toMatchObject({ name, $metadata: { httpStatusCode }, code: expect.any(String) as string })
    expect(await stored(app.deps)).toEqual(before)
  }) // prettier-ignore
})

it('keeps permissions under a revision that must be the last one', async () => {
  const profileName = 'shared'
  await put(profileName)
  const grant = { profileName, action: 'signer:GetSigningProfile', principal: '111111111111' }
  const add = async (statementId: string, revisionId?: string) =>
    await signer.send(new AddProfilePermissionCommand({ ...grant, statementId, revisionId }))
  const first = await add('one')
  await add('two', first.revisionId)

  const list = await signer.send(new ListProfilePermissionsCommand({ profileName }))
  expect(list.permissions?.map(({ statementId }) => statementId)).toEqual(['one', 'two'])
  await expect(add('one')).rejects.toMatchObject({ name: 'ConflictException' })
  await expect(add('three', first.revisionId)).rejects.toMatchObject({ name: 'ConflictException' })
  const removal = { profileName, statementId: 'one', revisionId: list.revisionId }
  await signer.send(new RemoveProfilePermissionCommand(removal))
  const left = await signer.send(new ListProfilePermissionsCommand({ profileName }))
  expect(left.permissions).toEqual([
    { action: grant.action, principal: grant.principal, statementId: 'two' },
  ])
})

it('tags profiles by ARN', async () => {
  const { arn: resourceArn = '' } = await put('tagged', { tags: { a: '1' } })

  await signer.send(new TagResourceCommand({ resourceArn, tags: { b: '2' } }))
  await signer.send(new UntagResourceCommand({ resourceArn, tagKeys: ['a'] }))

  const { tags } = await signer.send(new ListTagsForResourceCommand({ resourceArn }))
  expect(tags).toEqual({ b: '2' })
})

it('takes signatures for the service `signer` alone, and decides what it changes', async () => {
  const { host } = new URL(app.admin.endpoint)
  const status = async (service: string): Promise<number> => {
    const { url, method, headers } = await signWithSmithy(app.admin, {
      method: 'GET', path: '/signing-profiles', query: {}, headers: { host }, region: app.admin.region, body: '', service,
    }) // prettier-ignore
    const { host: _, ...sent } = headers
    return (await fetch(`${app.admin.endpoint}${url}`, { method, headers: sent })).status
  }

  expect([await status('signer'), await status('lambda'), await status('lacre')]).toEqual([
    200, 403, 403,
  ])
  await put('decided')
  expect((await decisions(app.deps)).last).toMatchObject({
    action: 'lacre:CreatePublisher',
    outcome: 'allow',
  })
})
