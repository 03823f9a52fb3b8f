import { describe, expect, test } from 'vitest'

import type {
  AttestedFacts,
  Facts,
  SealFinding,
  Sha256,
  SubjectFacts,
} from '../../../services/model/index.ts'
import { attestedContext } from '../../../services/policy/attested.ts'
import { decide } from '../../../services/policy/index.ts'
import { loadShippedPolicies } from '../../../services/shipped-policies.ts'

const AT_MS = Date.UTC(2026, 5, 1)
const HOUR_MS = 3_600_000
const digest = 'ab'.repeat(32) as Sha256
const clean = { critical: 0, high: 0, medium: 0, low: 0, unknown: 0, lowered: 0 }

const everything: AttestedFacts = {
  types: ['https://slsa.dev/provenance/v1', 'https://cyclonedx.org/bom'],
  provenance: {
    builders: ['b:1'],
    buildTypes: ['t:1'],
    sources: ['https://h/o/r'],
    commits: ['aa'],
    refs: ['refs/heads/main'],
    attesters: ['ci'],
  },
  sbom: sbomOf(),
  scan: { ...clean, high: 1, atMs: AT_MS - HOUR_MS, attesters: ['scanner', 'ci'] },
  tests: { passed: true, warned: false, attesters: ['ci'] },
  summary: summaryOf(),
}

function sbomOf() {
  return { components: 3, licences: ['MIT'], unlicensed: 1, complete: true, attesters: ['ci'] }
}

function summaryOf() {
  return {
    passed: true,
    verifiers: ['v:1'],
    levels: ['L1', 'L2'],
    policies: ['p:1'],
    atMs: AT_MS,
    attesters: ['verifier'],
  }
}

function subject(kind: 'function' | 'layer', facts?: AttestedFacts): SubjectFacts {
  const findings = (['integrity', 'mismatch', 'expiry', 'revocation'] as const).map(
    (rule): SealFinding => ({ rule, status: 'passed', expected: 'x', got: 'x' }),
  )
  return {
    kind,
    arn: `arn:aws:lambda:us-east-1:000000000000:${kind}:x`,
    codeSha256: digest,
    sha256: digest,
    tree: digest,
    verdict: { kind: 'trusted', seals: [], findings, validUntilMs: undefined },
    ...(facts !== undefined && { attestations: { reports: [], facts, validUntilMs: undefined } }),
  }
}

function factsOf(subjects: readonly SubjectFacts[]): Facts {
  return {
    v: 1,
    at: new Date(AT_MS).toISOString(),
    world: 7,
    validUntil: null,
    principal: { id: 'usr-admin', kind: 'user', name: 'admin', roles: ['admin'], claims: {} },
    action: 'lambda:UpdateFunctionCode',
    resource: 'arn:aws:lambda:us-east-1:000000000000:function:x',
    release: digest,
    change: { from: null, to: null },
    subjects,
    signingConfig: null,
    isolation: 'full',
    loaderVariables: [],
    noteworthyPaths: [],
  }
}
const failing = (subjects: readonly SubjectFacts[]): readonly string[] =>
  decide(factsOf(subjects), 'dec-1', loadShippedPolicies('supply-chain'))
    .checks.filter(({ status }) => status === 'failed')
    .map(({ rule }) => rule)

describe('what holds of function and layers together', () => {
  test('counts add up, lists join, who says it has to say it of each, the oldest time counts', () => {
    const layer: AttestedFacts = {
      types: ['https://cyclonedx.org/bom'],
      provenance: {
        builders: ['b:2'],
        buildTypes: ['t:1'],
        sources: ['not-named'],
        commits: ['not-named'],
        refs: ['not-named'],
        attesters: ['vendor'],
      },
      sbom: { components: 2, licences: ['GPL-3.0'], unlicensed: 0, complete: false, attesters: ['vendor'] },
      scan: { ...clean, critical: 2, high: 1, atMs: AT_MS - 9 * HOUR_MS, attesters: ['scanner'] },
      tests: { passed: false, warned: true, attesters: ['vendor'] },
      summary: {
        passed: true,
        verifiers: ['v:2'],
        levels: ['L1'],
        policies: ['p:1'],
        attesters: ['verifier'],
      },
    } // prettier-ignore

    expect(attestedContext([subject('function', everything), subject('layer', layer)])).toEqual({
      types: ['https://cyclonedx.org/bom'],
      provenance: {
        builders: ['b:1', 'b:2'],
        buildTypes: ['t:1'],
        sources: ['https://h/o/r', 'not-named'],
        commits: ['aa', 'not-named'],
        refs: ['not-named', 'refs/heads/main'],
        attesters: [],
      },
      sbom: {
        components: 5,
        licences: ['GPL-3.0', 'MIT'],
        unlicensed: 1,
        complete: false,
        attesters: [],
      },
      scan: {
        ...clean,
        critical: 2,
        high: 2,
        at: { __extn: { fn: 'datetime', arg: '2026-05-31T15:00:00.000Z' } },
        attesters: ['scanner'],
      },
      tests: { passed: false, warned: true, attesters: [] },
      summary: {
        passed: true,
        verifiers: ['v:1', 'v:2'],
        levels: ['L1'],
        policies: ['p:1'],
        attesters: ['verifier'],
      },
      own: expect.objectContaining({
        provenance: expect.objectContaining({ builders: ['b:1'] }) as object,
      }) as object,
    })
  })

  test('what one layer lacks is not known of the whole, and stays known of the function', () => {
    const context = attestedContext([subject('function', everything), subject('layer')])

    expect(context).toMatchObject({ types: [], own: { sbom: { components: 3 } } })
    for (const name of ['provenance', 'sbom', 'scan', 'tests', 'summary'])
      expect(context).not.toHaveProperty(name)
  })

  test('of a layer that is published, `own` is the layer', () => {
    expect(attestedContext([subject('layer', everything)])).toMatchObject({
      own: { sbom: { components: 3 } },
    })
  })

  test('`own` is the function wherever it stands among what would run', () => {
    const layer = { types: ['https://cyclonedx.org/bom'] }
    const subjects = [subject('layer', layer), subject('function', everything)]

    for (const all of [subjects, subjects.toReversed()])
      expect(attestedContext(all)).toMatchObject({ own: { types: everything.types } })
    expect(attestedContext([subject('layer', layer), subject('function')])).toMatchObject({
      own: { types: [] },
    })
  })

  test('of one alone it is what its attestations say, in their order', () => {
    const order = ['b:2', 'b:1', 'b:2']
    const provenance = { ...everything.provenance, builders: order, attesters: order }
    const context = attestedContext([subject('function', { ...everything, provenance } as AttestedFacts)]) // prettier-ignore

    expect(context).toMatchObject({ provenance: { builders: order, attesters: order } })
  })

  /** Of three: what two of them have or pass is not yet of all. */
  test.each<[string, Partial<AttestedFacts>, object]>([
    ['all of it holds where it holds of each', {}, {
      types: everything.types, sbom: { complete: true, attesters: ['ci'] }, tests: { passed: true, warned: false },
      summary: { passed: true, levels: ['L1', 'L2'], attesters: ['verifier'] },
    }],
    ['types are those that each has', { types: ['https://slsa.dev/provenance/v1'] }, { types: ['https://slsa.dev/provenance/v1'] }],
    ['one inventory that is not complete makes all incomplete', { sbom: { ...sbomOf(), complete: false } }, { sbom: { complete: false } }],
    ['who says it of two has not said it of all', { sbom: { ...sbomOf(), attesters: ['x'] } }, { sbom: { attesters: [] } }],
    ['one that fails its tests makes all fail', { tests: { passed: false, warned: false, attesters: [] } }, { tests: { passed: false, warned: false, attesters: [] } }],
    ['one that was warned of makes all warned of', { tests: { passed: true, warned: true, attesters: [] } }, { tests: { passed: true, warned: true } }],
    ['one summary that did not pass makes all not pass', { summary: { ...summaryOf(), passed: false } }, { summary: { passed: false } }],
    ['a level that one lacks is none of all', { summary: { ...summaryOf(), levels: ['L2'] } }, { summary: { levels: ['L2'] } }],
  ])('of a function and two layers %s', (_what, more, expected) => {
    const all = [everything, everything, { ...everything, ...more }]
    for (const turn of [0, 1, 2]) {
      const [own, ...layers] = [...all.slice(turn), ...all.slice(0, turn)]
      const subjects = [subject('function', own), ...layers.map((one) => subject('layer', one))]

      expect(attestedContext(subjects)).toMatchObject(expected)
    }
  }) // prettier-ignore

  test('where nothing would run nothing is attested', () => {
    expect(attestedContext([])).toEqual({ types: [], own: { types: [] } })
  })
})

describe('the supply-chain set over facts', () => {
  test('admits a function of which everything is attested', () => {
    expect(failing([subject('function', everything)])).toEqual([])
  })

  test('refuses it with a layer that nobody scanned', () => {
    expect(failing([subject('function', everything), subject('layer')])).toEqual([
      'policy.no-critical-vulnerability',
      'policy.scanned-lately',
    ])
  })

  test('admits it with a layer of somebody else that is scanned and clean', () => {
    const { scan } = everything
    const layer: AttestedFacts = { types: [], ...(scan !== undefined && { scan }) }

    expect(failing([subject('function', everything), subject('layer', layer)])).toEqual([])
  })
})
