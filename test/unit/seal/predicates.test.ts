import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'

import { describe, expect, test } from 'vitest'

import { PlatformError, type Json } from '../../../services/model/index.ts'
import { parsePredicateOf } from '../../../services/seal/predicates/index.ts'
import { cycloneDx, openVex, provenanceBy, scanOf, TYPE } from '../../support/attestations.ts'

const vectors = resolve(process.env['LACRE_VECTORS'] ?? '../shared/vectors', 'attestations')
const there = existsSync(vectors)

function refusalOf(type: string, predicate: Json): string | undefined {
  try {
    parsePredicateOf(type, predicate)
    return undefined
  } catch (error) {
    if (!(error instanceof PlatformError)) throw error
    return String(error.detail['rule'])
  }
}
const vulnerabilitiesOf = (type: string, predicate: Json) => {
  const claim = parsePredicateOf(type, predicate)
  return claim.kind === 'scan' ? claim.vulnerabilities : undefined
}

describe('provenance', () => {
  test('v1 names builder, build type, source, commit, ref and run', () => {
    expect(parsePredicateOf(TYPE.provenance, provenanceBy('b:1'))).toEqual({
      kind: 'provenance',
      builder: 'b:1',
      buildType: 'https://example.com/build/v1',
      source: 'https://github.com/example/shop',
      commit: 'a'.repeat(40),
      ref: 'refs/heads/main',
      invocation: 'run-7',
    })
  })

  test.each<[string, Json, string | undefined]>([
    [
      'a source parameter',
      { externalParameters: { source: { uri: 'git+https://h/o/r.git@refs/tags/v1' } } },
      'https://h/o/r',
    ],
    [
      'the one repository among the dependencies',
      { resolvedDependencies: [{ uri: 'pkg:npm/x' }, { uri: 'git+https://h/o/r' }] },
      'https://h/o/r',
    ],
    [
      'two repositories, of which nobody says which',
      { resolvedDependencies: [{ uri: 'git+https://h/o/a' }, { uri: 'git+https://h/o/b' }] },
      undefined,
    ],
  ])('v1 takes the source from %s', (_what, definition, source) => {
    const predicate = {
      buildDefinition: { buildType: 'b:t', ...(definition as object) },
      runDetails: { builder: { id: 'b:1' } },
    }

    const claim = parsePredicateOf(TYPE.provenance, predicate as Json)

    expect(claim.kind === 'provenance' && claim.source).toBe(source)
  })

  test.each<[string, Json]>([
    ['no builder', { buildDefinition: { buildType: 'x' }, runDetails: {} }],
    ['a builder without id', { buildDefinition: { buildType: 'x' }, runDetails: { builder: {} } }],
    [
      'a builder whose id is no text',
      { buildDefinition: { buildType: 'x' }, runDetails: { builder: { id: ['b'] } } },
    ],
    [
      'an id beyond the limit',
      { buildDefinition: { buildType: 'x' }, runDetails: { builder: { id: 'b'.repeat(2_049) } } },
    ],
    ['no definition', { runDetails: { builder: { id: 'b' } } }],
    ['null', null],
  ])('v1 with %s is refused with a type', (_what, predicate) => {
    expect(refusalOf(TYPE.provenance, predicate)).toBeDefined()
  })
})

describe('scans', () => {
  test("in-toto's list is counted as badly as any of its scores says, each package once", () => {
    const predicate = {
      scanner: {
        uri: 's',
        result: [
          {
            id: 'CVE-1',
            severity: [
              { method: 'nvd', score: 'low' },
              { method: 'cvss', score: '9.1' },
            ],
          },
          { id: 'CVE-1', severity: [{ method: 'nvd', score: 'low' }] },
          { vulnerability: { id: 'CVE-2', severity: [{ method: 'cvss', score: '7' }] } },
          { id: 'CVE-3', severity: [] },
          { id: 'CVE-4', severity: [{ method: 'x', score: '10.1' }] },
        ],
      },
    }

    expect(vulnerabilitiesOf(TYPE.scan, predicate)).toEqual([
      { id: 'CVE-1', severity: 'critical' },
      { id: 'CVE-2', severity: 'high' },
      { id: 'CVE-3', severity: 'unknown' },
      { id: 'CVE-4', severity: 'unknown' },
    ])
  })

  test("reads Trivy's results inside cosign's predicate", () => {
    const result = {
      SchemaVersion: 2,
      Results: [
        { Target: 'package-lock.json', Vulnerabilities: [
          { VulnerabilityID: 'CVE-1', PkgName: 'a', InstalledVersion: '1', Severity: 'CRITICAL', PkgIdentifier: { PURL: 'pkg:npm/a@1' } },
          { VulnerabilityID: 'CVE-1', PkgName: 'b', InstalledVersion: '2', Severity: 'UNKNOWN' },
        ] },
        { Target: 'nothing' },
      ],
    } // prettier-ignore

    expect(vulnerabilitiesOf(TYPE.cosignScan, { scanner: { uri: 't', result } })).toEqual([
      { id: 'CVE-1', severity: 'critical', purl: 'pkg:npm/a@1' },
      { id: 'CVE-1', severity: 'unknown', purl: 'b@2' },
    ])
    expect(
      vulnerabilitiesOf(TYPE.cosignScan, { scanner: { result: { SchemaVersion: 2 } } }),
    ).toEqual([])
  })

  test("reads Grype's matches", () => {
    const result = {
      matches: [
        { vulnerability: { id: 'GHSA-1', severity: 'Medium' }, artifact: { purl: 'pkg:npm/a@1' } },
        { vulnerability: { id: 'GHSA-2', severity: 'Negligible' }, artifact: {} },
      ],
    }

    expect(vulnerabilitiesOf(TYPE.cosignScan, { scanner: { uri: 'g', result } })).toEqual([
      { id: 'GHSA-1', severity: 'medium', purl: 'pkg:npm/a@1' },
      { id: 'GHSA-2', severity: 'low' },
    ])
  })

  test.each<[string, Json]>([
    ['a result without an id', scanWith([{ severity: [] }])],
    ['severities that are no list', scanWith([{ id: 'CVE-1', severity: 'low' }])],
    ['more findings than are read', scanWith(Array.from({ length: 20_001 }, () => ({ id: 'C' })))],
    ['no scanner', {}],
  ])('%s is refused with a type', (_what, predicate) => {
    expect(refusalOf(TYPE.scan, predicate)).toBeDefined()
  })

  function scanWith(result: readonly Json[]): Json {
    return { scanner: { uri: 's', result } }
  }

  test('a report without findings is clean', () => {
    expect(vulnerabilitiesOf(TYPE.scan, scanOf())).toEqual([])
  })
})

describe('bills of materials', () => {
  test('CycloneDX counts components at every depth, and licences by id, name or expression', () => {
    const claim = parsePredicateOf(
      `${TYPE.cyclonedx}/v1.5`,
      cycloneDx({
        components: [
          { name: 'a', licenses: [{ expression: 'MIT OR Apache-2.0' }], components: [
            { name: 'b', components: [{ name: 'c', licenses: [{ license: { name: 'Own' } }] }] },
          ] },
        ],
      }),
    ) // prettier-ignore

    expect(claim).toMatchObject({
      components: 3,
      licences: ['MIT OR Apache-2.0', 'Own'],
      unlicensed: 1,
    })
  })

  test('SPDX counts packages; NOASSERTION and NONE are no licence', () => {
    const packages = [
      { name: 'a', licenseConcluded: 'MIT', licenseDeclared: 'MIT' },
      { name: 'b', licenseConcluded: 'NOASSERTION', licenseDeclared: 'NONE' },
    ]

    expect(parsePredicateOf(TYPE.spdx, { spdxVersion: 'SPDX-2.3', packages })).toMatchObject({
      format: 'SPDX',
      components: 2,
      licences: ['MIT'],
      unlicensed: 1,
    })
  })

  test.each<[string, string, Json, string]>([
    ['CycloneDX of another name', TYPE.cyclonedx, { bomFormat: 'x' }, 'bom-format'],
    [
      'CycloneDX of no known version',
      TYPE.cyclonedx,
      { bomFormat: 'CycloneDX', specVersion: '2.0' },
      'bom-version',
    ],
    ['a component without a name', TYPE.cyclonedx, cycloneDx({ components: [{}] }), 'json-shape'],
    [
      'more components than are read',
      TYPE.cyclonedx,
      cycloneDx({ components: Array.from({ length: 50_001 }, () => ({ name: 'x' })) }),
      'too-many',
    ],
    [
      'more of them in one another',
      TYPE.cyclonedx,
      cycloneDx({
        components: [1, 2].map(() => ({
          name: 'x',
          components: Array.from({ length: 25_000 }, () => ({ name: 'x' })),
        })),
      }),
      'too-many',
    ],
    ['SPDX 3', TYPE.spdx, { spdxVersion: 'SPDX-3.0' }, 'bom-version'],
    ['SPDX as tag-value text', TYPE.spdx, 'SPDXVersion: SPDX-2.3', 'json-shape'],
  ])('%s is refused with a type', (_what, type, predicate, rule) => {
    expect(refusalOf(type, predicate)).toBe(rule)
  })
})

describe('VEX', () => {
  test.each<[string, Json]>([
    ['a status that OpenVEX does not know', openVex({ vulnerability: 'CVE-1', status: 'fine' })],
    ['a vulnerability without a name', openVex({ vulnerability: {}, status: 'fixed' })],
    ['another context', { '@context': 'https://example.com', statements: [] }],
  ])('%s is refused with a type', (_what, predicate) => {
    expect(refusalOf(TYPE.vex, predicate)).toBeDefined()
  })

  test('OpenVEX names products by IRI, package URL and digest, and subcomponents instead of them', () => {
    const statement = {
      vulnerability: { '@id': 'https://nvd.nist.gov/CVE-1', name: 'CVE-1', aliases: ['GHSA-1'] },
      status: 'not_affected',
      products: [
        { '@id': 'pkg:a', identifiers: { purl: 'pkg:b' }, hashes: { 'sha-256': 'cc' } },
        { '@id': 'pkg:whole', subcomponents: [{ '@id': 'pkg:part' }] },
      ],
    }

    expect(parsePredicateOf(TYPE.vex, openVex(statement))).toEqual({
      kind: 'vex',
      statements: [
        {
          ids: ['CVE-1', 'https://nvd.nist.gov/CVE-1', 'GHSA-1'],
          status: 'absent',
          products: ['pkg:a', 'pkg:b', 'sha256:cc', 'pkg:part'],
        },
      ],
    })
  })

  test('CycloneDX: what is in triage is there, and what `affects` names elsewhere is no product here', () => {
    const claim = parsePredicateOf(
      'https://cyclonedx.org/vex',
      cycloneDx({
        components: [{ name: 'a', 'bom-ref': 'ref-a', purl: 'pkg:npm/a@1' }],
        vulnerabilities: [
          { id: 'CVE-1', analysis: { state: 'in_triage' } },
          { id: 'CVE-2', analysis: { state: 'false_positive' }, affects: [{ ref: 'ref-a' }] },
          { id: 'CVE-3', analysis: { state: 'resolved' }, affects: [{ ref: 'urn:cdx:x#y' }] },
          { id: 'CVE-4' },
        ],
      }),
    )

    expect(claim).toEqual({
      kind: 'vex',
      statements: [
        { ids: ['CVE-1'], status: 'present', products: undefined },
        { ids: ['CVE-2'], status: 'absent', products: ['pkg:npm/a@1'] },
        { ids: ['CVE-3'], status: 'absent', products: [] },
      ],
    })
  })
})

describe('test results and summaries', () => {
  test('a run that names a failed test did not pass, whatever it says', () => {
    const predicate = { result: 'PASSED', failedTests: ['x'] }

    expect(parsePredicateOf(TYPE.tests, predicate)).toMatchObject({ passed: false })
  })

  test('WARNED passed, with warnings', () => {
    expect(parsePredicateOf(TYPE.tests, { result: 'WARNED' })).toMatchObject({
      passed: true,
      warned: true,
    })
  })

  test.each<[string, string, Json]>([
    ['a result in small letters', TYPE.tests, { result: 'passed' }],
    ['a summary without a verifier', TYPE.summary, { verificationResult: 'PASSED' }],
    [
      'a summary of another result',
      TYPE.summary,
      { verifier: { id: 'v' }, verificationResult: 'MAYBE' },
    ],
  ])('%s is refused with a type', (_what, type, predicate) => {
    expect(refusalOf(type, predicate)).toBeDefined()
  })
})

test('a type that is not known says nothing that is read, whatever it holds', () => {
  expect(parsePredicateOf('https://example.com/review/v1', { any: 'thing' })).toEqual({
    kind: 'other',
  })
})

describe.skipIf(!there)("others' real documents", () => {
  const files = (folder: string): readonly string[] =>
    readdirSync(join(vectors, folder), { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map((entry) => join(entry.parentPath, entry.name))
  const json = (path: string): Json => JSON.parse(readFileSync(path, 'utf8')) as Json

  test('every CycloneDX document in JSON is read, components, licences and VEX', () => {
    const boms = files('sbom').filter((path) => path.endsWith('.json'))
    const claims = boms.map((path) => parsePredicateOf(TYPE.cyclonedx, json(path)))
    const sboms = claims.filter((claim) => claim.kind === 'sbom')

    expect(sboms).toHaveLength(boms.length)
    expect(Math.max(...sboms.map(({ components }) => components))).toBeGreaterThan(50)
    const statements = sboms.flatMap(({ vex }) => vex)
    expect(statements.length).toBeGreaterThan(10)
    expect(new Set(statements.map(({ status }) => status))).toEqual(new Set(['absent', 'present']))
  })

  test('SPDX in JSON is read', () => {
    const claim = parsePredicateOf(TYPE.spdx, json(join(vectors, 'cosign/bom-go-mod.spdx.json')))

    expect(claim).toMatchObject({ kind: 'sbom', format: 'SPDX' })
  })

  test('a scan that says nothing of its results is not a clean one', () => {
    const path = join(vectors, 'cosign/attestations/vuln-predicate.json')

    expect(parsePredicateOf(TYPE.cosignScan, json(path))).toMatchObject({ kind: 'scan' })
    expect(vulnerabilitiesOf(TYPE.cosignScan, json(path))).toBeUndefined()
  })

  test('provenance v0.2 and v1 of real builders names builder and source, summaries their verifier', () => {
    const found = new Map<string, number>()
    const sources = new Set<string>()
    for (const path of files('slsa')) {
      for (const [, payload = ''] of readFileSync(path, 'latin1').matchAll(
        /"payload"\s*:\s*"([A-Za-z0-9+/=]+)"/g,
      )) {
        const statement = tryJson(Buffer.from(payload, 'base64').toString()) as
          { readonly predicateType: string; readonly predicate: Json } | undefined
        if (statement?.predicateType === undefined) continue
        const claim = parsePredicateOf(statement.predicateType, statement.predicate)
        found.set(claim.kind, (found.get(claim.kind) ?? 0) + 1)
        if (claim.kind === 'provenance') sources.add(claim.source ?? 'none')
      }
    }

    expect(found.get('provenance')).toBeGreaterThan(90)
    expect(found.get('summary')).toBe(1)
    expect([...sources]).toContain('https://github.com/slsa-framework/example-package')
  })

  function tryJson(text: string): unknown {
    try {
      return JSON.parse(text)
    } catch {
      return undefined
    }
  }
})
