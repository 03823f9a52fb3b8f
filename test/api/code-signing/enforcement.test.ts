import { GetFunctionCommand, UpdateFunctionCodeCommand } from '@aws-sdk/client-lambda'
import { afterAll, describe, expect, it } from 'vitest'

import { startTestApp } from '../../support/app.ts'
import { createActive } from '../../support/functions.ts'
import { governance } from '../../support/governance.ts'
import { nodePackage } from '../../support/packages.ts'
import { createConfig, createPublisher } from '../../support/publishing.ts'
import { bundleSeal, sealedZip } from '../../support/zip-seals.ts'
import { decisions, stored } from '../../support/stored.ts'

const app = await startTestApp()
afterAll(() => app[Symbol.asyncDispose]())

const publisher = await createPublisher(app, 'enforced')
const stranger = await createPublisher(app, 'stranger')
const zip = nodePackage('enforced')
const sealed = await sealedZip(zip, await bundleSeal(zip, publisher.privateKey))
const foreign = await sealedZip(zip, await bundleSeal(zip, stranger.privateKey))
const moved = await sealedZip(nodePackage('other'), await bundleSeal(zip, publisher.privateKey))
const enforce = await createConfig(app, 'Enforce', publisher.arn)
const warn = await createConfig(app, 'Warn', publisher.arn)

interface Decided {
  readonly decision: {
    readonly outcome: string
    readonly checks: readonly {
      readonly rule: string
      readonly status: string
      readonly nearest?: string
      readonly fix?: string
    }[]
  }
}

const deployed = async (name: string, code: Uint8Array, config: string): Promise<unknown> => {
  try {
    return await createActive(app.client, name, {
      Code: { ZipFile: code },
      CodeSigningConfigArn: config,
    })
  } catch (error) {
    return error
  }
}
const lastDecision = async (): Promise<Decided['decision']> => {
  const { last } = await decisions(app.deps)
  const { body } = await governance<Decided>(app.admin, { path: `/decisions/${last?.id}` })
  return body.decision
}
const failedRules = ({ checks }: Decided['decision']): string[] =>
  checks.filter((check) => check.status === 'failed').map((check) => check.rule)

describe('under Enforce', () => {
  it('admits what an allowed publisher sealed', async () => {
    expect(await deployed('sealed', sealed, enforce)).toMatchObject({ State: 'Pending' })
    expect((await lastDecision()).outcome).toBe('allow')
  })

  it.each([
    ['unsigned code', zip, 'CodeVerificationFailedException', 'signature.mismatch'],
    [
      'code sealed by somebody else',
      foreign,
      'CodeVerificationFailedException',
      'signature.mismatch',
    ],
    ['a seal moved to other code', moved, 'InvalidCodeSignatureException', 'signature.integrity'],
  ])('refuses %s, keeps the decision alone, and says why', async (_what, code, name, rule) => {
    const before = await stored(app.deps)
    const { count } = await decisions(app.deps)

    const error = await deployed('refused', code, enforce)

    expect(error).toMatchObject({ name, $metadata: { httpStatusCode: 400 } })
    expect(await stored(app.deps)).toEqual(before)
    expect((await decisions(app.deps)).count).toBe(count + 1)
    const decision = await lastDecision()
    expect(decision.outcome).toBe('deny')
    expect(failedRules(decision)).toContain(rule)
  })
})

describe('under Warn', () => {
  it('admits unsigned code with a warning kept in the decision', async () => {
    expect(await deployed('warned', zip, warn)).toMatchObject({ State: 'Pending' })
    expect((await lastDecision()).outcome).toBe('warn')
  })

  it('still refuses a broken signature: integrity is not softened', async () => {
    const before = await stored(app.deps)

    const error = await deployed('warned_broken', moved, warn)

    expect(error).toMatchObject({ name: 'InvalidCodeSignatureException' })
    expect(await stored(app.deps)).toEqual(before)
  })
})

describe('what a config names', () => {
  it('trusts nothing by an ARN without a version', async () => {
    const versionless = publisher.arn.slice(0, publisher.arn.lastIndexOf('/'))
    const config = await createConfig(app, 'Enforce', versionless)

    const error = await deployed('versionless', sealed, config)

    expect(error).toMatchObject({ name: 'CodeVerificationFailedException' })
  })

  it('refuses code whose publisher was revoked after it was signed', async () => {
    const late = await createPublisher(app, 'revoked_later')
    const code = await sealedZip(zip, await bundleSeal(zip, late.privateKey))
    const config = await createConfig(app, 'Enforce', late.arn)
    await createActive(app.client, 'revoked', {
      Code: { ZipFile: code },
      CodeSigningConfigArn: config,
    })
    await governance(app.admin, {
      method: 'POST',
      path: '/revocations',
      body: { target: { kind: 'publisher', name: late.name }, reason: 'lost' },
    })
    const again = await bundleSeal(nodePackage('again'), late.privateKey)
    const before = await stored(app.deps)

    const refused = app.client.send(
      new UpdateFunctionCodeCommand({
        FunctionName: 'revoked',
        ZipFile: await sealedZip(nodePackage('again'), again),
      }),
    )

    await expect(refused).rejects.toMatchObject({ name: 'CodeVerificationFailedException' })
    expect(await stored(app.deps)).toEqual(before)
    expect(failedRules(await lastDecision())).toContain('signature.revocation')
    const kept = await app.client.send(new GetFunctionCommand({ FunctionName: 'revoked' }))
    expect(kept.Configuration?.State).toBe('Active')
  })
})
