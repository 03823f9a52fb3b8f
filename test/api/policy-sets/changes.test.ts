import { afterAll, expect, it } from 'vitest'

import { listPolicySets } from '../../../services/catalog/index.ts'
import { startTestApp } from '../../support/app.ts'
import { governance } from '../../support/governance.ts'
import {
  NO_PROD,
  OPEN,
  SEALED,
  apply,
  inForce,
  rollback,
  type Refused,
  type SetAnswer,
} from '../../support/policy-sets.ts'

const app = await startTestApp()
const { admin } = app
afterAll(() => app[Symbol.asyncDispose]())

const kept = async (): Promise<unknown> => {
  const { reader } = app.deps.store
  const world = await reader.selectFrom('world').select('counter').executeTakeFirstOrThrow()
  const sets = await reader.selectFrom('policy_set').selectAll().execute()
  const decisions = await reader.selectFrom('decision').select('id').execute()
  const entries = await reader.selectFrom('ledger_entry').select('index').execute()
  return { world, sets, decisions: decisions.length, entries: entries.length }
}
const history = async (): Promise<readonly SetAnswer[]> => {
  const { body } = await governance<{ policySets: SetAnswer[] }>(admin, {
    path: '/policy-sets/admission',
  })
  return body.policySets
}
const lastEntry = async (): Promise<Record<string, unknown>> => {
  const row = await app.deps.store.reader
    .selectFrom('ledger_entry')
    .select('body')
    .orderBy('index', 'desc')
    .limit(1)
    .executeTakeFirstOrThrow()
  return JSON.parse(row.body) as Record<string, unknown>
}
const cases = (expect: 'allow' | 'deny', context: Record<string, unknown> = {}): unknown => ({
  cases: [
    {
      name: 'a move of prod',
      action: 'lambda:UpdateAlias',
      resource: { type: 'Alias', function: 'checkout', name: 'prod' },
      expect,
      context,
    },
  ],
})

it('has the default set in force from the first start, recorded by the service itself', async () => {
  expect(await history()).toMatchObject([
    { version: 1, name: 'default', how: 'shipped', principal: 'system', decision: null },
  ])
  const entry = await app.deps.store.reader
    .selectFrom('ledger_entry')
    .select('body')
    .where('body', 'like', '%lacre:policy-set/admission%')
    .executeTakeFirstOrThrow()
  expect(JSON.parse(entry.body)).toMatchObject({
    type: 'policy-set',
    action: 'lacre:ApplyPolicySet',
    decision: null,
    note: { name: 'default', digest: (await inForce(admin)).digest, how: 'shipped' },
  })
})

it('puts a set in force, raises the world, and says in decision and ledger which', async () => {
  const before = await inForce(admin)
  const { counter } = await app.deps.store.reader
    .selectFrom('world')
    .select('counter')
    .executeTakeFirstOrThrow()
  const { status, body, headers } = await apply(admin, 'mine', NO_PROD, { cases: cases('deny') })

  expect(status).toBe(201)
  expect(body).toMatchObject({ version: before.version + 1, name: 'mine', how: 'applied' })
  expect(body.decision).toBe(headers.get('x-lacre-decision-id'))
  expect(body.unexercised).toEqual(['all'])
  expect(await inForce(admin)).toMatchObject({ version: body.version, fault: null })
  const world = await app.deps.store.reader
    .selectFrom('world')
    .select('counter')
    .executeTakeFirstOrThrow()
  expect(world.counter).toBe(counter + 1)
  const told = await governance<{ decision: { policySet: unknown } }>(admin, {
    path: `/decisions/${body.decision ?? ''}`,
  })
  // Judged by the set before it.
  expect(told.body.decision.policySet).toMatchObject({
    version: `default@${before.digest.slice(0, 12)}`,
    number: before.version,
  })
  expect(await lastEntry()).toMatchObject({
    action: 'lacre:ApplyPolicySet',
    resource: 'lacre:policy-set/admission',
    note: { name: 'mine', digest: body.digest },
  })
})

it('shows what is and what was in force, text and all', async () => {
  const now = await inForce(admin)
  const first = await governance<SetAnswer>(admin, { path: '/policy-sets/admission/1' })

  expect(now).toMatchObject({ inForce: true, files: [{ name: 'admission.cedar', text: NO_PROD }] })
  expect(first.body).toMatchObject({ inForce: false, name: 'default', fault: null })
  expect(first.body.files.map(({ name }) => name)).toEqual(['admission.cedar'])
})

it('compares two versions policy by policy, with the cases of both under either', async () => {
  const { version } = await inForce(admin)
  const { body } = await governance<Record<string, unknown>>(admin, {
    path: '/policy-sets/admission/diff',
    query: { from: '1', to: String(version) },
  })

  expect(body).toMatchObject({
    removed: [{ id: 'parity' }],
    added: [{ id: 'all' }, { id: 'prod-is-closed' }],
    changed: [],
  })
  expect(body['cases']).toContainEqual({
    name: 'a move of prod',
    before: 'allow by parity',
    after: 'deny by prod-is-closed',
    moved: true,
  })
})

it('returns to an earlier set by a version of its own over the same text', async () => {
  const before = await inForce(admin)
  const [first] = (await history()).toReversed()
  const { status, body } = await rollback(admin, { version: 1, ifVersion: before.version })

  expect(status).toBe(201)
  expect(body).toMatchObject({
    version: before.version + 1,
    name: 'default',
    digest: first?.digest,
    document: first?.document,
    how: 'rolled-back',
    ofVersion: 1,
  })
  expect(await lastEntry()).toMatchObject({ note: { name: 'default', ofVersion: 1 } })
})

it('names the facts whose absence would turn a refusal into an admission', async () => {
  const text = `${OPEN} @id("no-canary") forbid (principal, action, resource)
    when { context.change has to && context.change.to == "2" };`
  const { body } = await apply(admin, 'absent', text, {
    cases: cases('deny', { change: { to: '2' } }),
  })

  expect(body.absences).toEqual([{ case: 'a move of prod', attribute: 'change.to' }])
})

it('puts a shipped set in force by its own text, and gives its name to no other', async () => {
  const { files } = (await governance<SetAnswer>(admin, { path: '/policy-sets/admission/1' })).body
  const text = files[0]?.text ?? ''
  const own = await apply(admin, 'default', text)
  const other = await apply<Refused>(admin, 'default', OPEN)

  expect(own).toMatchObject({ status: 201, body: { name: 'default' } })
  expect(other).toMatchObject({ status: 400, body: { error: { code: 'INVALID_PARAMETER' } } })
})

const unknown = `${OPEN} forbid(principal, action, resource) when { context.verdikt == "x" };`
it.each([
  [400, 'a text that does not parse', { text: 'permit (principal' }],
  [400, 'an attribute that the schema does not know', { text: unknown }],
  [400, 'a case that fails', { more: { cases: cases('deny') } }],
  [400, 'cases of no known form', { more: { cases: { cases: [{ name: 'x' }] } } }],
  [400, 'a name with capitals', { name: 'Bad' }],
  [400, 'a member that is not known', { more: { force: true } }],
  [412, 'another version than the one it was made for', { more: { ifVersion: 99 } }],
] as [number, string, { name?: string; text?: string; more?: Record<string, unknown> }][])(
  'answers %i to %s, and keeps nothing',
  async (status, _what, { name = 'bad', text = OPEN, more = {} }) => {
    const before = await kept()
    const answer = await apply<Refused>(admin, name, text, more)

    expect(answer.status).toBe(status)
    expect(answer.body.error.message.length).toBeGreaterThan(10)
    expect(await kept()).toEqual(before)
  },
)

it('tells every fault and every failing case at once', async () => {
  const wrong = (id: string): string =>
    `@id("${id}") forbid(principal, action, resource) when { context.${id} };`
  const faults = await apply<Refused>(admin, 'bad', `${wrong('one')} ${wrong('two')}`)
  const [move] = (cases('deny') as { cases: object[] }).cases
  const two = ['a', 'b'].map((name) => ({ ...move, name }))
  const failing = await apply<Refused>(admin, 'bad', OPEN, { cases: { cases: two } })

  expect(faults.body.error.faults).toHaveLength(2)
  expect(failing.body.error.failedCases).toMatchObject([{ name: 'a' }, { name: 'b' }])
})

it('answers 404 for a version that never was, and 409 for the set that is in force', async () => {
  const { version, name, files } = await inForce(admin)
  const before = await kept()

  expect(await rollback(admin, { version: 99 })).toMatchObject({ status: 404 })
  expect(await rollback(admin, { version })).toMatchObject({ status: 409 })
  expect(await apply(admin, name, files[0]?.text ?? '')).toMatchObject({ status: 409 })
  expect(await governance(admin, { path: '/policy-sets/admission/99' })).toMatchObject({ status: 404 }) // prettier-ignore
  expect(await governance(admin, { path: '/policy-sets/other' })).toMatchObject({ status: 400 })
  expect(await kept()).toEqual(before)
})

it('uses no set whose record points at the text of another', async () => {
  const { policies, store } = app.deps
  const records = await listPolicySets(store.reader, 'admission', { limit: 50 })
  const [one] = records
  const other = records.find(({ digest }) => digest !== one?.digest)
  if (one === undefined || other === undefined) throw new Error('two sets are wanted')

  const swapped = await policies.load(store.reader, { ...one, document: other.document })

  expect(await policies.load(store.reader, one)).toMatchObject({ digest: one.digest })
  expect(swapped).toEqual({
    digest: one.digest,
    fault: 'its text is not the one that its digest is of',
  })
})

it('uses no set whose record points at a document of another form', async () => {
  const { policies, store } = app.deps
  const [one] = await listPolicySets(store.reader, 'admission', { limit: 1 })
  if (one === undefined) throw new Error('a set is wanted')
  const rows = await store.reader.selectFrom('document').select(['sha256', 'body']).execute()
  const schema = rows.find(({ body }) => !body.startsWith('{'))
  const facts = rows.find(({ body }) => body.startsWith('{') && !body.includes('"files"'))

  for (const document of [schema?.sha256 ?? '', facts?.sha256 ?? '']) {
    expect(rows.some(({ sha256 }) => sha256 === document)).toBe(true)
    expect(await policies.load(store.reader, { ...one, document })).toEqual({
      digest: one.digest,
      fault: 'its text is missing or damaged',
    })
  }
})

it('does not put strict-production in force where it has no ground to stand on', async () => {
  const { sets } = app.deps.policies.shipped('admission')
  const text = sets.get('strict-production')?.files[0]?.text ?? ''
  const { status, body } = await apply<Refused>(admin, 'strict-production', text)

  expect(status).toBe(409)
  expect(body.error.message).toContain('isolated')
})

it('is judged by the set in force before it: one that closes the policies ends their changes here', async () => {
  await apply(admin, 'sealed', SEALED)
  const applied = await apply<Refused>(admin, 'open', OPEN)
  const rolled = await rollback<Refused>(admin, { version: 1 })

  for (const { status, body } of [applied, rolled]) {
    expect(status).toBe(403)
    expect(body.error).toMatchObject({ code: 'POLICY_DENIED' })
    expect(body.error.message).toContain('policies-are-closed')
  }
  expect(await inForce(admin)).toMatchObject({ name: 'sealed' })
})
