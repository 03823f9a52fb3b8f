import { crc32 } from 'node:zlib'

import {
  CreateAliasCommand,
  CreateFunctionCommand,
  GetFunctionCodeSigningConfigCommand,
  PublishLayerVersionCommand,
  PutFunctionCodeSigningConfigCommand,
  UpdateAliasCommand,
  UpdateFunctionCodeCommand,
  UpdateFunctionConfigurationCommand,
  type LambdaClient,
} from '@aws-sdk/client-lambda'
import { afterAll, beforeAll, expect, test } from 'vitest'

import { lacre } from '../support/command.ts'
import { ROLE, createActive, invoke, refusalOf, updateAndWait } from '../support/functions.ts'
import { governance } from '../support/governance.ts'
import { keptThings } from '../support/kept.ts'
import { nodePackage, zipOf } from '../support/packages.ts'
import { SealingRoom, createConfig, createPublisher } from '../support/sealing-room.ts'
import { startService, type Service } from '../support/service.ts'

let service: Service
let client: LambdaClient
const room = new SealingRoom()
let ci: string
let stranger: string
let enforce: string
let warn: string

beforeAll(async () => {
  service = await startService()
  client = service.client()
  ci = room.key('ci')
  stranger = room.key('stranger')
  const publisher = createPublisher(service.data, 'ci', ci)
  enforce = await createConfig(client, 'Enforce', [publisher])
  warn = await createConfig(client, 'Warn', [publisher])
})
afterAll(async () => {
  client.destroy()
  await service[Symbol.asyncDispose]()
  room[Symbol.dispose]()
})

interface DecisionAnswer {
  readonly decision: {
    readonly id: string
    readonly outcome: string
    readonly refusal?: string
    readonly checks: readonly {
      rule: string
      subject: string
      status: string
      expected: string
      got: string
    }[]
  }
}

async function decisionOf(id: string | undefined): Promise<DecisionAnswer['decision']> {
  const { status, body } = await governance<DecisionAnswer>(service.admin, { path: `/decisions/${id}` }) // prettier-ignore
  expect(status).toBe(200)
  return body.decision
}

test('Enforce admits what the approved publisher sealed, and it runs', async () => {
  const zip = room.seal(nodePackage('sealed'), ci)
  await createActive(client, 'enforced', {
    Code: { ZipFile: zip },
    CodeSigningConfigArn: enforce,
    Publish: true,
  })
  const { payload } = await invoke(client, 'enforced')
  const config = await client.send(
    new GetFunctionCodeSigningConfigCommand({ FunctionName: 'enforced' }),
  )

  expect(payload).toMatchObject({ release: 'sealed' })
  expect(config.CodeSigningConfigArn).toBe(enforce)
})

test.each([
  [
    'unsigned code',
    () => nodePackage('nobody'),
    'CodeVerificationFailedException',
    'signature.mismatch',
  ],
  [
    'code sealed by a stranger',
    () => room.seal(nodePackage('odd'), stranger),
    'CodeVerificationFailedException',
    'signature.mismatch',
  ],
  [
    'code changed after sealing',
    () => tampered('enforced'),
    'InvalidCodeSignatureException',
    'signature.integrity',
  ],
] as const)(
  'Enforce refuses %s, explains it under the decision id, and keeps nothing',
  async (_, zip, name, rule) => {
    const before = await keptThings(service.data, service.admin)
    const update = new UpdateFunctionCodeCommand({ FunctionName: 'enforced', ZipFile: zip() })
    const refused = await refusalOf(client.send(update))
    const decision = await decisionOf(refused.decisionId)

    expect(refused).toMatchObject({ name, status: 400 })
    expect(decision.outcome).toBe('deny')
    const failed = decision.checks.find((check) => check.rule === rule && check.status === 'failed')
    expect(failed?.expected.length).toBeGreaterThan(0)
    expect(failed?.got.length).toBeGreaterThan(0)
    expect(decision.checks.map((check) => check.rule)).toEqual(expect.arrayContaining(['signature.integrity', 'signature.mismatch', 'signature.expiry', 'signature.revocation'])) // prettier-ignore
    expect(await keptThings(service.data, service.admin)).toEqual(before)
  },
)

/** A sealed package with one byte of its content changed. */
function tampered(release: string): Buffer {
  const zip = Buffer.from(room.seal(nodePackage(release), ci))
  const at = zip.indexOf('handler')
  zip.writeUInt8(zip.readUInt8(at) ^ 1, at)
  return repaired(zip)
}

/** The CRC-32 in both headers set right again, as an attacker would. */
function repaired(zip: Buffer): Buffer {
  const local = 0
  const size = zip.readUInt32LE(local + 18)
  const data = local + 30 + zip.readUInt16LE(local + 26)
  const crc = crc32(zip.subarray(data, data + size))
  zip.writeUInt32LE(crc, local + 14)
  zip.writeUInt32LE(crc, zip.indexOf('PK\x01\x02', 0, 'latin1') + 16)
  return zip
}

test('a new function under Enforce is refused whole when its code is unsigned', async () => {
  const before = await keptThings(service.data, service.admin)
  const refused = await refusalOf(
    client.send(
      new CreateFunctionCommand({
        FunctionName: 'never-made',
        Runtime: 'nodejs20.x',
        Handler: 'index.handler',
        Role: ROLE,
        Code: { ZipFile: nodePackage(1) },
        CodeSigningConfigArn: enforce,
      }),
    ),
  )

  expect(refused).toMatchObject({ name: 'CodeVerificationFailedException', status: 400 })
  expect(refused.message).toContain('never-made')
  expect(await keptThings(service.data, service.admin)).toEqual(before)
})

test('Warn admits unsigned code with a warning in its decision, and never tampered code', async () => {
  await createActive(client, 'warned', { CodeSigningConfigArn: warn })
  const admitted = await new Promise<string | undefined>((resolve, reject) => {
    const sdk = service.client()
    sdk.middlewareStack.add(
      (next) => async (args) => {
        const answer = await next(args)
        const { headers } = answer.response as { headers: Record<string, string> }
        resolve(headers['x-lacre-decision-id'])
        return answer
      },
      { step: 'deserialize' },
    )
    sdk
      .send(new UpdateFunctionCodeCommand({ FunctionName: 'warned', ZipFile: nodePackage(2) }))
      .then(() => sdk.destroy(), reject)
  })
  const decision = await decisionOf(admitted)
  const { waitUntilFunctionUpdatedV2 } = await import('@aws-sdk/client-lambda')
  await waitUntilFunctionUpdatedV2({ client, maxWaitTime: 20 }, { FunctionName: 'warned' })
  const update = new UpdateFunctionCodeCommand({ FunctionName: 'warned', ZipFile: tampered('w') })
  const refused = await refusalOf(client.send(update))

  expect(decision.outcome).toBe('warn')
  expect(decision.checks).toContainEqual(expect.objectContaining({ rule: 'signature.mismatch', status: 'warned' })) // prettier-ignore
  expect(refused.name).toBe('InvalidCodeSignatureException')
})

test('an unsigned layer is refused on a function under Enforce, and named', async () => {
  const layer = await client.send(
    new PublishLayerVersionCommand({
      LayerName: 'loose',
      Content: { ZipFile: zipOf({ 'a.txt': 'a' }) },
    }),
  )
  const arn = layer.LayerVersionArn ?? ''
  const refused = await refusalOf(
    client.send(
      new UpdateFunctionConfigurationCommand({ FunctionName: 'enforced', Layers: [arn] }),
    ),
  )

  expect(refused).toMatchObject({ name: 'CodeVerificationFailedException', status: 400 })
  expect(refused.message).toContain(arn)
})

test('alias and weight moves under Enforce are judged as uploads are', async () => {
  await createActive(client, 'moved', { Publish: true })
  await updateAndWait(client, 'moved', room.seal(nodePackage('good'), ci))
  const { PublishVersionCommand, waitUntilPublishedVersionActive } = await import('@aws-sdk/client-lambda') // prettier-ignore
  await client.send(new PublishVersionCommand({ FunctionName: 'moved' }))
  await waitUntilPublishedVersionActive({ client, maxWaitTime: 20 }, { FunctionName: 'moved', Qualifier: '2' }) // prettier-ignore
  await client.send(new CreateAliasCommand({ FunctionName: 'moved', Name: 'prod', FunctionVersion: '2' })) // prettier-ignore
  await client.send(
    new PutFunctionCodeSigningConfigCommand({
      FunctionName: 'moved',
      CodeSigningConfigArn: enforce,
    }),
  )
  const before = await keptThings(service.data, service.admin)
  const move = { FunctionName: 'moved', Name: 'prod' }
  const whole = await refusalOf(client.send(new UpdateAliasCommand({ ...move, FunctionVersion: '1' }))) // prettier-ignore
  const part = await refusalOf(
    client.send(
      new UpdateAliasCommand({ ...move, RoutingConfig: { AdditionalVersionWeights: { 1: 0.1 } } }),
    ),
  )

  expect(whole.name).toBe('CodeVerificationFailedException')
  expect(part.name).toBe('CodeVerificationFailedException')
  expect(await keptThings(service.data, service.admin)).toEqual(before)
})

test('after a publisher was revoked its seals are refused', async () => {
  const retired = room.key('retired')
  const config = await createConfig(client, 'Enforce', [createPublisher(service.data, 'retired', retired)]) // prettier-ignore
  await createActive(client, 'lapsed', {
    Code: { ZipFile: room.seal(nodePackage('before'), retired) },
    CodeSigningConfigArn: config,
  })
  const revoked = lacre(['publisher', 'revoke', 'retired', '--reason', 'lost', '--data', service.data]) // prettier-ignore
  const update = new UpdateFunctionCodeCommand({
    FunctionName: 'lapsed',
    ZipFile: room.seal(nodePackage('after'), retired),
  })
  const refused = await refusalOf(client.send(update))
  const decision = await decisionOf(refused.decisionId)

  expect(revoked.status).toBe(0)
  expect(refused.name).toBe('CodeVerificationFailedException')
  expect(decision.checks).toContainEqual(expect.objectContaining({ rule: 'signature.revocation', status: 'failed' })) // prettier-ignore
})
