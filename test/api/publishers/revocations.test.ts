import { afterAll, describe, expect, it } from 'vitest'

import { startTestApp } from '../../support/app.ts'
import { governance } from '../../support/governance.ts'
import { keyPair } from '../../support/publisher-keys.ts'
import { decisions, stored } from '../../support/stored.ts'

const app = await startTestApp()
afterAll(() => app[Symbol.asyncDispose]())

interface Revocations {
  readonly revocations: readonly {
    readonly targetKind: string
    readonly target: string
    readonly effectiveAt: string
  }[]
}
interface Publisher {
  readonly id: string
  readonly revokedFrom: string | null
  readonly versions: readonly {
    readonly version: string
    readonly arn: string
    readonly status: string
  }[]
}

const revoke = async <T = Revocations>(target: unknown, effectiveAt?: string) =>
  await governance<T>(app.admin, {
    method: 'POST',
    path: '/revocations',
    body: { target, effectiveAt, reason: 'the key was lost' },
  })
const create = async (name: string, pem = keyPair().publicPem): Promise<Publisher> =>
  (
    await governance<Publisher>(app.admin, {
      method: 'POST',
      path: '/publishers',
      body: { name, pem },
    })
  ).body

describe('revoking', () => {
  it('revokes a publisher by its id, and all its versions show it', async () => {
    const made = await create('whole')

    const { status, body } = await revoke({ kind: 'publisher', name: 'whole' })

    expect(status).toBe(201)
    expect(body.revocations).toMatchObject([{ targetKind: 'publisher', target: made.id }])
    const shown = await governance<Publisher>(app.admin, { path: '/publishers/whole' })
    expect(shown.body.revokedFrom).not.toBeNull()
    expect(shown.body.versions[0]?.status).toBe('Revoked')
  })

  it('revokes one version by its ARN and no other', async () => {
    const [version] = (await create('partly')).versions
    await governance(app.admin, {
      method: 'POST',
      path: '/publishers/partly/versions',
      body: { pem: keyPair().publicPem },
    })

    const { body } = await revoke({
      kind: 'publisher-version',
      name: 'partly',
      version: version?.version,
    })

    expect(body.revocations[0]?.target).toBe(version?.arn)
    const shown = await governance<Publisher>(app.admin, { path: '/publishers/partly' })
    expect(shown.body.versions.map((one) => one.status).toSorted()).toEqual(['Active', 'Revoked'])
  })

  it('revokes a key by its PEM under the digest of its SubjectPublicKeyInfo', async () => {
    const { body } = await revoke({ kind: 'key', pem: keyPair().publicPem })

    expect(body.revocations).toHaveLength(1)
    expect(body.revocations[0]?.target).toMatch(/^[0-9a-f]{64}$/)
  })

  it.each(['certificate', 'key', 'seal'])('revokes a %s by its digest', async (kind) => {
    const sha256 = kind.length.toString(16).padStart(64, '0')

    const { status, body } = await revoke({ kind, sha256 })

    expect(status).toBe(201)
    expect(body.revocations).toMatchObject([{ targetKind: kind, target: sha256 }])
  })

  it('takes no further version of a revoked publisher', async () => {
    await create('closed')
    await revoke({ kind: 'publisher', name: 'closed' })
    const before = await stored(app.deps)

    const { status } = await governance(app.admin, {
      method: 'POST',
      path: '/publishers/closed/versions',
      body: { pem: keyPair().publicPem },
    })

    expect(status).toBe(409)
    expect(await stored(app.deps)).toEqual(before)
  })
})

describe('an effective time', () => {
  const seal = { kind: 'seal', sha256: 'ab'.repeat(32) }

  it('moves earlier only', async () => {
    const first = await revoke(seal, '2026-03-01T00:00:00Z')
    const later = await revoke(seal, '2026-04-01T00:00:00Z')
    const same = await revoke(seal, '2026-03-01T00:00:00Z')
    const earlier = await revoke(seal, '2026-02-01T00:00:00Z')

    expect([first, later, same, earlier].map((one) => one.status)).toEqual([201, 409, 409, 201])
  })

  it('is recorded once where two requests race', async () => {
    const target = { kind: 'seal', sha256: 'cd'.repeat(32) }
    const answers = await Promise.all([
      revoke(target, '2026-03-01T00:00:00Z'),
      revoke(target, '2026-03-01T00:00:00Z'),
    ])

    expect(answers.map((one) => one.status).toSorted((a, b) => a - b)).toEqual([201, 409])
  })
})

describe('what makes no sense', () => {
  it.each([
    ['an unknown publisher', { kind: 'publisher', name: 'nobody' }, undefined, 404],
    ['an unknown kind', { kind: 'everything' }, undefined, 400],
    ['a digest in upper case', { kind: 'seal', sha256: 'AB'.repeat(32) }, undefined, 400],
    [
      'a time without a zone',
      { kind: 'seal', sha256: '12'.repeat(32) },
      '2026-03-01T00:00:00',
      400,
    ],
    [
      'a public key as a certificate',
      { kind: 'certificate', pem: keyPair().publicPem },
      undefined,
      400,
    ],
    ['a member too many', { kind: 'seal', sha256: '12'.repeat(32), all: true }, undefined, 400],
  ])('is refused: %s', async (_what, target, effectiveAt, status) => {
    const before = [await stored(app.deps), await decisions(app.deps)]

    const answer = await revoke(target, effectiveAt)

    expect(answer.status).toBe(status)
    expect([await stored(app.deps), await decisions(app.deps)]).toEqual(before)
  })
})
