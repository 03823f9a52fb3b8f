import { createPrivateKey, X509Certificate } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'

import { afterAll, describe, expect, it } from 'vitest'

import { loadMasterKey } from '../../../services/keys/index.ts'
import { systemRandom } from '../../../services/model/index.ts'
import { startTestApp } from '../../support/app.ts'
import { governance } from '../../support/governance.ts'
import { managedSeal, upload, type SealAnswer } from '../../support/managed.ts'
import { nodePackage } from '../../support/packages.ts'
import { issue } from '../../support/pki.ts'
import { createPublisher } from '../../support/publishing.ts'
import { bundleSeal, sealedZip } from '../../support/zip-seals.ts'
import { decisions, stored } from '../../support/stored.ts'

const app = await startTestApp()
afterAll(() => app[Symbol.asyncDispose]())

interface Made {
  readonly kind: string
  readonly versions: readonly {
    readonly version: string
    readonly arn: string
    readonly document: {
      readonly publicKeyPem: string
      readonly lineage?: readonly { readonly signature?: string }[]
    }
  }[]
  readonly error?: { readonly code: string; readonly message: string }
}

const post = async <T>(path: string, body: unknown) =>
  await governance<T>(app.admin, { method: 'POST', path, body })
const create = async (name: string, settings: object = {}) =>
  await post<Made>('/publishers', { name, document: { kind: 'managed', ...settings } })
const pemOf = (made: Made): string => made.versions.at(-1)?.document.publicKeyPem ?? ''

/** What nobody may ever see: the private scalars of all managed keys, as hex and base64 would show them. */
async function secrets(): Promise<string[]> {
  const masterKey = loadMasterKey({ dataDir: app.dataDir, random: systemRandom })
  const rows = await app.deps.store.reader.selectFrom('sealed_key').selectAll().execute()
  return rows
    .filter(({ purpose }) => purpose.startsWith('managed.'))
    .flatMap(({ purpose, private_key_sealed: sealed }) => {
      const der = Buffer.from(masterKey.decrypt(`key ${purpose}`, sealed))
      const { d = '' } = createPrivateKey({ key: der, format: 'der', type: 'pkcs8' }).export({
        format: 'jwk',
      })
      const scalar = Buffer.from(d, 'base64url')
      return [scalar.toString('hex'), d, scalar.toString('base64'), der.toString('base64')]
    })
}

describe('the key of a managed publisher', () => {
  it('is in no answer, no ledger entry, no document and no file but sealed', async () => {
    const made = await create('kept')
    const seal = await managedSeal(app, 'kept', nodePackage('kept'))
    const read = await governance<Made>(app.admin, { path: '/publishers/kept' })
    const entries = await app.deps.store.reader.selectFrom('ledger_entry').select('body').execute()
    const documents = await app.deps.store.reader.selectFrom('document').select('body').execute()
    const shown = JSON.stringify([made.body, seal.body, read.body, entries, documents])
    const files = ['lacre.db', 'lacre.db-wal'].map((name) => {
      try {
        return readFileSync(join(app.dataDir, name)).toString('latin1')
      } catch {
        return ''
      }
    })

    const hidden = await secrets()

    expect(seal.status).toBe(201)
    expect(hidden.length).toBeGreaterThan(0)
    for (const secret of hidden) {
      expect(shown.includes(secret)).toBe(false)
      expect(files.some((text) => text.includes(secret))).toBe(false)
    }
  })

  it('is of no other publisher, neither as a key nor in a certificate', async () => {
    const { body: made } = await create('own_key')
    const spki = Buffer.from(pemOf(made).replaceAll(/-----[^-]+-----|\s/g, ''), 'base64')
    const certificate = issue({ spki })
    const before = await stored(app.deps)

    for (const pem of [pemOf(made), certificate.pem]) {
      const { status, body } = await post<Made>('/publishers', { name: 'thief', pem })
      expect([status, body.error?.message]).toEqual([
        400,
        expect.stringContaining('one key has one purpose'),
      ])
    }
    expect(new X509Certificate(certificate.pem).subject).not.toBe('')
    expect(await stored(app.deps)).toEqual(before)
  })

  it.each([
    ['a key of the caller', { publicKeyPem: 'x' }],
    ['the purpose of vouching', { purposes: ['vouch'] }],
    ['a platform', { platformId: 'other' }],
  ])('is never made with %s', async (_what, settings) => {
    const before = await stored(app.deps)

    expect((await create('never', settings)).status).toBe(400)
    expect(await stored(app.deps)).toEqual(before)
  })

  it('follows the one before, signed by it, in a new version', async () => {
    const { body: first } = await create('rotated')

    const { status, body } = await post<Made>('/publishers/rotated/versions', {
      document: { kind: 'managed' },
    })

    expect(status).toBe(201)
    expect(pemOf(body)).not.toBe(pemOf(first))
    expect(body.versions.at(-1)?.document.lineage?.[0]?.signature).toMatch(/^[A-Za-z0-9+/=]+$/)
    const { body: sealed } = await managedSeal(app, 'rotated', nodePackage('rotated'))
    expect(sealed.publicKeyPem).toBe(pemOf(body))
  })
})

describe('a managed publisher', () => {
  it('never signs a tampered artifact, and keeps the refusal as a decision with its entry', async () => {
    await create('judging')
    const team = await createPublisher(app, 'judged_team')
    const zip = nodePackage('sealed')
    const moved = await sealedZip(nodePackage('moved'), await bundleSeal(zip, team.privateKey))
    const size = async () =>
      (await app.deps.store.reader.selectFrom('ledger_head').select('size').executeTakeFirst())
        ?.size ?? 0
    const [before, entries] = [await stored(app.deps), await size()]

    const { status, headers, body } = await managedSeal(app, 'judging', moved)

    expect([status, body.error?.code]).toEqual([400, 'INVALID_CODE_SIGNATURE'])
    expect(body.seal).toBeUndefined()
    expect((await decisions(app.deps)).last).toMatchObject({
      id: headers.get('x-lacre-decision-id'),
      action: 'lacre:SealArtifact',
      outcome: 'deny',
    })
    expect(await size()).toBe(entries + 1)
    expect(await stored(app.deps)).toEqual(before)
  })

  it('writes every seal into the ledger with its digest', async () => {
    await create('recorded')

    const { body, headers } = await managedSeal(app, 'recorded', nodePackage('recorded'))

    const rows = await app.deps.store.reader.selectFrom('ledger_entry').select('body').execute()
    const entry = rows.find((row) => row.body.includes(body.seal.sha256))?.body ?? ''
    expect(entry).toContain('lacre:SealArtifact')
    expect(entry).toContain(headers.get('x-lacre-decision-id') ?? 'none')
  })

  it.each<[string, Record<string, unknown>]>([
    ['an unknown member', { anything: true }],
    ['a counter that is none', { counter: '-1' }],
    ['an end beyond what it allows', { notAfter: '2999-01-01T00:00:00Z' }],
  ])('refuses a predicate with %s', async (_what, predicate) => {
    await create(`predicate_${Object.keys(predicate)[0]}`)

    const answer = await managedSeal(
      app,
      `predicate_${Object.keys(predicate)[0]}`,
      nodePackage('p'),
      predicate,
    )

    expect([answer.status, answer.body.error?.code]).toEqual([400, 'INVALID_PARAMETER'])
  })

  it('refuses what is not here, what is no zip, and whoever has a key of his own', async () => {
    await create('absent')
    await createPublisher(app, 'own_holder')
    const digest = await upload(app, Buffer.from('no zip at all'))
    const seal = async (name: string, sha256: string) =>
      (await post<SealAnswer>(`/publishers/${name}/seals`, { sha256 })).body.error?.code

    expect(await seal('absent', 'ab'.repeat(32))).toBe('RESOURCE_NOT_FOUND')
    expect(await seal('absent', digest)).toBe('INVALID_ARTIFACT')
    expect(await seal('own_holder', digest)).toBe('INVALID_PARAMETER')
    expect(await seal('nobody', digest)).toBe('RESOURCE_NOT_FOUND')
  })

  it('signs no more once its key is revoked, by whichever name', async () => {
    const { body: made } = await create('key_revoked')
    await post('/revocations', { target: { kind: 'key', pem: pemOf(made) }, reason: 'lost' })

    expect((await managedSeal(app, 'key_revoked', nodePackage('x'))).status).toBe(409)
  })
})
