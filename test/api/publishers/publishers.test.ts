import { generateKeyPairSync } from 'node:crypto'

import { afterAll, describe, expect, it } from 'vitest'

import { startTestApp } from '../../support/app.ts'
import { governance } from '../../support/governance.ts'
import { keyPair } from '../../support/publisher-keys.ts'
import { IDENTITY, ISSUER, TestSigstore } from '../../support/sigstore.ts'
import { decisions, stored } from '../../support/stored.ts'

const app = await startTestApp()
afterAll(() => app[Symbol.asyncDispose]())

interface Publisher {
  readonly id: string
  readonly name: string
  readonly kind: string
  readonly revokedFrom: string | null
  readonly versions: readonly {
    readonly version: string
    readonly arn: string
    readonly status: string
    readonly document: { readonly forms: string[]; readonly purposes: string[] }
  }[]
}
interface Refusal {
  readonly error: { readonly code: string; readonly message: string }
}

const post = async <T>(path: string, body: unknown) =>
  await governance<T>(app.admin, { method: 'POST', path, body })
const create = async (name: string) =>
  await post<Publisher>('/publishers', { name, pem: keyPair().publicPem })

describe('creating publishers', () => {
  it('answers the publisher with its first version, decided and in the ledger', async () => {
    const before = await app.deps.store.reader
      .selectFrom('ledger_head')
      .select('size')
      .executeTakeFirstOrThrow()

    const { status, headers, body } = await create('first_team')

    expect(status).toBe(201)
    expect(body).toMatchObject({ name: 'first_team', kind: 'key', revokedFrom: null })
    expect(body.versions).toHaveLength(1)
    expect(body.versions[0]).toMatchObject({
      status: 'Active',
      document: { forms: ['statement'], purposes: ['seal'] },
    })
    expect(body.versions[0]?.version).toMatch(/^[A-Za-z0-9]{10}$/)
    expect(body.versions[0]?.arn).toBe(
      `arn:aws:signer:us-east-1:000000000000:/signing-profiles/first_team/${body.versions[0]?.version}`,
    )
    const { last } = await decisions(app.deps)
    expect(last).toMatchObject({
      id: headers.get('x-lacre-decision-id'),
      action: 'lacre:CreatePublisher',
      outcome: 'allow',
    })
    const after = await app.deps.store.reader
      .selectFrom('ledger_head')
      .select('size')
      .executeTakeFirstOrThrow()
    expect(after.size).toBe(before.size + 1)
  })

  it('raises the world, so that what was decided before is decided again', async () => {
    const world = async () =>
      (await app.deps.store.reader.selectFrom('world').selectAll().executeTakeFirstOrThrow())
        .counter
    const before = await world()

    await create('world_raiser')

    expect(await world()).toBe(before + 1)
  })

  it('never gives a name twice', async () => {
    await create('taken_name')
    const before = await stored(app.deps)

    const { status, body } = await post<Refusal>('/publishers', {
      name: 'taken_name',
      pem: keyPair().publicPem,
    })

    expect(status).toBe(409)
    expect(body.error.code).toBe('RESOURCE_CONFLICT')
    expect(await stored(app.deps)).toEqual(before)
  })

  it('gives one of two creations racing for a name, and refuses the other', async () => {
    const answers = await Promise.all([create('raced_for'), create('raced_for')])

    expect(answers.map((answer) => answer.status).toSorted((a, b) => a - b)).toEqual([201, 409])
  })

  const rsa1024 = generateKeyPairSync('rsa', { modulusLength: 1024 }).publicKey.export({
    type: 'spki',
    format: 'pem',
  })
  const { privateKey } = keyPair()
  it.each([
    ['a name with a hyphen', { name: 'a-b', pem: keyPair().publicPem }],
    ['a name of one letter', { name: 'a', pem: keyPair().publicPem }],
    ['a name ending in a line break', { name: 'abc\n', pem: keyPair().publicPem }],
    ['an unknown member', { name: 'fine', pem: keyPair().publicPem, trusted: true }],
    ['neither document nor PEM', { name: 'fine' }],
    ['both document and PEM', { name: 'fine', pem: keyPair().publicPem, document: {} }],
    ['a key of 1024 bits', { name: 'fine', pem: rsa1024 }],
    [
      'a private key',
      { name: 'fine', pem: privateKey.export({ type: 'pkcs8', format: 'pem' }).toString() },
    ],
    ['an unknown form', { name: 'fine', pem: keyPair().publicPem, forms: ['anything'] }],
    ['an unknown purpose', { name: 'fine', pem: keyPair().publicPem, purposes: ['all'] }],
    ['a lone surrogate', { name: 'fine', pem: keyPair().publicPem, purposes: ['attest:\ud800'] }],
  ])('refuses %s and stores nothing', async (what, body) => {
    const before = [await stored(app.deps), await decisions(app.deps)]
    // That is no JSON that has a canonical form: it is refused before anybody looks for a publisher in it.
    const code = what === 'a lone surrogate' ? 'INVALID_REQUEST_CONTENT' : 'INVALID_PARAMETER'

    const answer = await post<Refusal>('/publishers', body)

    expect(answer.status).toBe(400)
    expect(answer.body.error.code).toBe(code)
    expect([await stored(app.deps), await decisions(app.deps)]).toEqual(before)
  })

  it("refuses the ledger's own key: one key has one purpose", async () => {
    const before = await stored(app.deps)

    const { status, body } = await post<Refusal>('/publishers', {
      name: 'service_key',
      pem: app.deps.audit.publicKeyPem,
    })

    expect(status).toBe(400)
    expect(body.error.message).toContain('one key has one purpose')
    expect(await stored(app.deps)).toEqual(before)
  })
})

describe('versions', () => {
  it('adds a version and leaves those before it as they are', async () => {
    const { body: made } = await create('versioned')

    const { status, body } = await post<Publisher>('/publishers/versioned/versions', {
      pem: keyPair().publicPem,
      signatureValidityMs: 86_400_000,
    })

    expect(status).toBe(201)
    expect(body.versions).toHaveLength(2)
    expect(body.versions).toContainEqual(made.versions[0])
  })

  it('refuses a version of another kind', async () => {
    await create('one_kind')

    const { status } = await post('/publishers/one_kind/versions', {
      document: { kind: 'x509', rootsPem: [], intermediatesPem: [] },
    })

    expect(status).toBe(400)
  })

  it('cancels a version once, and never back', async () => {
    const { body: made } = await create('cancelled')
    const version = made.versions[0]?.version ?? ''

    const first = await post<Publisher>(`/publishers/cancelled/versions/${version}/cancel`, {})
    const second = await post<Refusal>(`/publishers/cancelled/versions/${version}/cancel`, {})

    expect(first.body.versions[0]?.status).toBe('Canceled')
    expect(second.status).toBe(409)
  })

  it('answers 404 for a publisher that never was', async () => {
    const { status, body } = await governance<Refusal>(app.admin, { path: '/publishers/nobody' })

    expect(status).toBe(404)
    expect(body.error.code).toBe('RESOURCE_NOT_FOUND')
  })
})

describe('keyless publishers', () => {
  const sigstore = new TestSigstore()
  const document = {
    kind: 'oidc',
    trustedRoot: sigstore.trustedRoot(),
    issuer: ISSUER,
    identity: { type: 'uri', value: IDENTITY },
  }

  it('are kept with their trusted root, and answered as they were given', async () => {
    const { status, body } = await post<Publisher>('/publishers', { name: 'keyless', document })

    expect(status).toBe(201)
    expect(body).toMatchObject({ kind: 'oidc', versions: [{ document }] })
  })

  it('are refused with a glob that leaves the owner open, and nothing is stored', async () => {
    const open = { ...document, identity: { type: 'uri', value: 'https://github.com/*/app' } }
    const { status, body } = await post<Refusal>('/publishers', { name: 'open', document: open })

    expect(status).toBe(400)
    expect(body.error.message).toContain('host and owner')
  })
})
