import { readdirSync, readFileSync } from 'node:fs'

import { parse } from 'yaml'
import { expect, test } from 'vitest'

import type { Json } from '../../../services/model/index.ts'
import { compilePolicySet, parseCases, runCases } from '../../../services/policy/index.ts'

const policies = new URL('../../../policies/', import.meta.url)
const read = (path: string): string => readFileSync(new URL(path, policies), 'utf8')
const schema = read('schema.cedarschema')
const sets = readdirSync(policies, { withFileTypes: true })
  // The authorization set answers another question: authorization.test.ts.
  .filter((entry) => entry.isDirectory() && entry.name !== 'authorization')
  .map(({ name }) => name)
const load = (name: string) =>
  compilePolicySet([{ name, text: read(`${name}/admission.cedar`) }], schema)
const casesOf = (name: string) => parseCases(parse(read(`${name}/cases.yaml`)) as Json)

test.each(sets)(
  'the shipped set %s passes its cases, and a case exercises every policy',
  (name) => {
    const report = runCases(load(name), casesOf(name))

    expect(report.results.filter(({ passed }) => !passed)).toEqual([])
    expect(report.unexercised).toEqual([])
  },
)

test.each(sets)('in the shipped set %s no fact is better absent than bad', (name) => {
  expect(runCases(load(name), casesOf(name)).absences).toEqual([])
})

test.each(sets)('in the shipped set %s every refusal has a reason for people', (name) => {
  const silent = [...load(name).policies.values()].filter(
    ({ effect, annotations }) => effect === 'forbid' && annotations['reason'] === undefined,
  )

  expect(silent).toEqual([])
})

test('the schema knows every action that the gate may be asked about', () => {
  const sources = readdirSync(new URL('../../../services/', import.meta.url), { recursive: true })
    .map(String)
    .filter((path) => path.startsWith('operations/') && path.endsWith('.ts'))
  const named = sources.flatMap(
    (path) =>
      readFileSync(new URL(`../../../services/${path}`, import.meta.url), 'utf8').match(
        /'(?:lambda|lacre|signer):[A-Z]\w+'/g,
      ) ?? [],
  )
  const names = [...new Set(named.map((text) => text.slice(1, -1)))]
  // Condition keys and reads, which change nothing.
  const others = [
    'lambda:EventSourceToken',
    'lambda:FunctionUrlAuthType',
    'lambda:InvokeFunction',
    'lambda:InvokeFunctionUrl',
    'lambda:InvokedViaFunctionUrl',
    'lambda:GetLayerVersion',
    'lacre:ListRevocations',
    'lacre:ReadLedger',
    'lacre:ReadLive',
  ]
  // What the service does by itself asks nobody.
  const own = [
    'lacre:Activate',
    'lacre:CollectGarbage',
    'lacre:CreateKey',
    'lacre:Install',
    'lacre:RenewRevocationList',
    'lacre:Restore',
    'lacre:Scrub',
    'lacre:VerifyLiveSet',
    // Freezes and refuses: taking away is asked of no policy.
    'lacre:React',
  ]
  // An event admits nothing: what it runs is looked up when it is dispatched.
  // Neither does telling a webhook again of what it was told before.
  const events = ['lacre:ReplayEvents', 'lacre:PurgeEvents', 'lacre:RedeliverWebhook']

  expect(names.length).toBeGreaterThan(15)
  expect(
    names.filter(
      (name) => ![...own, ...events, ...others].includes(name) && !schema.includes(`"${name}"`),
    ),
  ).toEqual([])
})
