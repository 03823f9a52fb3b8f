import { afterAll, describe, expect, it } from 'vitest'

import { startTestApp } from '../../support/app.ts'
import { createActive } from '../../support/functions.ts'
import { governance } from '../../support/governance.ts'
import { createConfig, createPublisher } from '../../support/publishing.ts'

const app = await startTestApp()
afterAll(() => app[Symbol.asyncDispose]())

interface Summary {
  readonly id: string
  readonly outcome: string
  readonly action: string
  readonly resource: string
}
interface Document {
  readonly decision: {
    readonly id: string
    readonly outcome: string
    readonly refusal?: string
    readonly policySet: { readonly version: string }
    readonly checks: readonly {
      readonly rule: string
      readonly status: string
      readonly subject: string
      readonly expected: string
      readonly got: string
      readonly fix?: string
    }[]
  }
  readonly facts: { readonly action: string; readonly environment?: unknown }
}

const publisher = await createPublisher(app, 'decided')
const config = await createConfig(app, 'Enforce', publisher.arn)
const refused: unknown = await createActive(app.client, 'refused', {
  CodeSigningConfigArn: config,
  Environment: { Variables: { SECRET: 'swordfish' } },
}).catch((error: unknown) => error)
const list = async (query: Record<string, string> = {}): Promise<Summary[]> =>
  (await governance<{ decisions: Summary[] }>(app.admin, { path: '/decisions', query })).body
    .decisions

describe('a refusal', () => {
  it('carries the id by which the whole explanation is read', async () => {
    const { $response: response } = refused as {
      $response: { headers: Record<string, string> }
    }

    const id = response.headers['x-lacre-decision-id'] ?? ''
    const { body } = await governance<Document>(app.admin, { path: `/decisions/${id}` })

    expect(body.decision).toMatchObject({
      id,
      outcome: 'deny',
      refusal: 'CODE_VERIFICATION_FAILED',
    })
    for (const check of body.decision.checks.filter((one) => one.status === 'failed')) {
      expect(check.subject).toContain(':function:refused')
      expect(check.expected.length * check.got.length * (check.fix ?? '').length).toBeGreaterThan(0)
    }
  })

  it('looks at all four checks whatever the first says', async () => {
    const [denied] = await list({ outcome: 'deny' })
    const { body } = await governance<Document>(app.admin, { path: `/decisions/${denied?.id}` })

    const rules = body.decision.checks.map((check) => check.rule)
    expect(rules).toEqual(
      expect.arrayContaining([
        'signature.integrity',
        'signature.mismatch',
        'signature.expiry',
        'signature.revocation',
      ]),
    )
  })

  it('keeps no value of an environment variable', async () => {
    const documents = await app.deps.store.reader.selectFrom('document').select('body').execute()
    const entries = await app.deps.store.reader.selectFrom('ledger_entry').select('body').execute()

    expect([...documents, ...entries].some((row) => row.body.includes('swordfish'))).toBe(false)
  })
})

describe('the list', () => {
  it('is newest first, and at most as long as asked for', async () => {
    const all = await list()
    const two = await list({ limit: '2' })

    expect(all[0]).toMatchObject({ action: 'lambda:CreateFunction', outcome: 'deny' })
    expect(two).toEqual(all.slice(0, 2))
  })

  it('can be narrowed to a resource', async () => {
    const found = await list({ resource: config })

    expect(found.map((one) => one.action)).toEqual(['lambda:CreateCodeSigningConfig'])
  })

  it.each<Record<string, string>>([
    { limit: '0' },
    { limit: '501' },
    { limit: '-1' },
    { outcome: 'perhaps' },
    { all: '1' },
  ])('refuses %o', async (query) => {
    const { status } = await governance(app.admin, { path: '/decisions', query })

    expect(status).toBe(400)
  })
})

describe('other reads', () => {
  it('answers 404 for a decision that was never made', async () => {
    const { status } = await governance(app.admin, {
      path: `/decisions/dec-${'0'.repeat(26)}`,
    })

    expect(status).toBe(404)
  })

  it('tells what works here and what is in force', async () => {
    const { body } = await governance<Record<string, unknown>>(app.admin, { path: '/doctor' })

    expect(body).toMatchObject({
      policySet: expect.stringMatching(/^default@[0-9a-f]{12}$/) as string,
      isolation: { driver: 'process', level: 'none' },
      counts: { publishers: 1, codeSigningConfigs: 1 },
    })
  })

  it('signs a checkpoint over all entries, which are answered in order', async () => {
    const { body } = await governance<{ size: number; note: string }>(app.admin, {
      path: '/ledger/checkpoint',
    })
    const page = await governance<{ entries: { index: number }[] }>(app.admin, {
      path: '/ledger/entries',
      query: { from: '1', limit: '2' },
    })

    expect(body.note.split('\n')[1]).toBe(String(body.size))
    expect(page.body.entries.map((entry) => entry.index)).toEqual([1, 2])
  })

  it('describes itself, one path for each route', async () => {
    const { body } = await governance<{ openapi: string; paths: Record<string, unknown> }>(
      app.admin,
      { path: '/openapi.json' },
    )

    expect(body.openapi).toBe('3.1.0')
    expect(Object.keys(body.paths)).toEqual(
      expect.arrayContaining([
        '/api/v1/live',
        '/api/v1/publishers/{name}/versions',
        '/api/v1/access-keys',
        '/api/v1/access-keys/{id}/disable',
        '/api/v1/artifacts/{sha256}',
      ]),
    )
  })

  it('answers nobody without a signature', async () => {
    const answers = await Promise.all(
      ['/decisions', '/publishers', '/live', '/doctor', '/openapi.json'].map(
        async (path) => (await fetch(`${app.url}/api/v1${path}`)).status,
      ),
    )

    expect(answers).toEqual([403, 403, 403, 403, 403])
  })
})
