import { describe, expect, test } from 'vitest'

import type { Json } from '../../../services/model/index.ts'
import { attestedOfCase, GOOD_ATTESTED } from '../../../services/policy/attested-case.ts'
import { compilePolicySet, parseCases, runCases } from '../../../services/policy/index.ts'
import { shippedPolicies } from '../../../services/shipped-policies.ts'

interface Told {
  readonly [name: string]: unknown
  readonly own: Readonly<Record<string, unknown>>
}
const told = (value: Json): Told => attestedOfCase(value) as unknown as Told
const good = GOOD_ATTESTED as unknown as Told

describe('what a case says is attested', () => {
  test.each<[string, Json]>([
    ['nothing', {}],
    ['no members', null],
    ['a list', ['x']],
    ['a text', 'x'],
  ])('is all good where it says %s', (_what, value) => {
    expect(told(value)).toEqual(good)
  })

  test('fits the schema as it is, and meets every demand of the shipped supply-chain set', () => {
    const { schema, sets } = shippedPolicies().admission
    const set = compilePolicySet(sets.get('supply-chain')?.files ?? [], schema)
    const text = { name: 'all good', action: 'lambda:UpdateFunctionCode', expect: 'allow' }
    const cases = parseCases({ cases: [{ ...text, resource: { type: 'Function', name: 'f' } }] })

    expect(runCases(set, cases).results).toMatchObject([{ passed: true }])
  })

  test('changes a member of function and layers alike, and leaves the others', () => {
    const { scan, own, ...rest } = told({ scan: { critical: 1 } })

    expect(scan).toEqual({ ...(good['scan'] as object), critical: 1 })
    expect(own).toEqual({ ...good.own, scan })
    expect({ ...rest, scan: good['scan'], own: good.own }).toEqual(good)
  })

  test('keeps the function good where it says what `own` holds', () => {
    expect(told({ sbom: null, own: {} })).toEqual({ ...without('sbom'), own: good.own })
    expect(told({ own: { sbom: null } }).own).not.toHaveProperty('sbom')
    expect(told({ own: { sbom: null } })['sbom']).toEqual(good['sbom'])
  })

  test.each<[string, Json]>([
    ['no members', null],
    ['a list', []],
  ])('is of both where `own` is %s', (_what, own) => {
    expect(told({ sbom: null, own }).own).not.toHaveProperty('sbom')
  })

  test('takes a member away by `null`, inside of one, too', () => {
    const { scan } = told({ provenance: null, scan: { at: null } })

    expect(told({ provenance: null })).toEqual({
      ...without('provenance'),
      own: Object.fromEntries(Object.entries(good.own).filter(([name]) => name !== 'provenance')),
    })
    expect(Object.keys(scan as object)).toEqual(
      Object.keys(good['scan'] as object).filter((name) => name !== 'at'),
    )
  })

  test('reads `at` as a time where it is a text, and hands on what fits no schema', () => {
    const at = (value: Json) => (told({ scan: { at: value } })['scan'] as { readonly at: unknown }).at

    expect(at('2026-01-01T00:00:00Z')).toEqual({
      __extn: { fn: 'datetime', arg: '2026-01-01T00:00:00Z' },
    })
    expect(at(5)).toBe(5)
    expect(told({ summary: { levels: ['L1'] } })['summary']).toMatchObject({ levels: ['L1'] })
    expect(told({ tests: 'passed' })['tests']).toBe('passed')
  }) // prettier-ignore

  test('puts members where none were, a time being none that they could join', () => {
    expect(told({ types: { a: 1 } })['types']).toEqual({ a: 1 })
    expect(told({ extra: { a: 1 } })['extra']).toEqual({ a: 1 })
    expect(told({ scan: { at: { a: 1 } } })['scan']).toMatchObject({ at: { a: 1 } })
    expect((told({ scan: { at: { a: 1 } } })['scan'] as { at: object }).at).toEqual({ a: 1 })
  })
})

/** All good but for this, of the whole. */
function without(name: string): Readonly<Record<string, unknown>> {
  return Object.fromEntries(Object.entries(good).filter(([one]) => one !== name))
}
