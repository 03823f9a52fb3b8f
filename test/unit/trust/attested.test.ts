import { sign } from 'node:crypto'

import { describe, expect, test } from 'vitest'

import {
  bufferSource,
  canonicalJson,
  sha256,
  type AttestationReport,
  type Json,
  type Revocation,
  type SealInput,
  type SubjectAttestations,
  type TrustedPublisher,
} from '../../../services/model/index.ts'
import { encodeBundle } from '../../../services/seal/index.ts'
import { combine } from '../../../services/trust/attested-facts.ts'
import {
  attested,
  judge,
  parsePublisherDocument,
  VerificationCache,
} from '../../../services/trust/index.ts'
import {
  attestationOf,
  attester,
  cycloneDx,
  lastingAuthority,
  openVex,
  provenanceBy,
  scanOf,
  TYPE,
  type AttestationSpec,
} from '../../support/attestations.ts'
import {
  AT_MS,
  keyPair,
  openZip,
  publicPem,
  publisher,
  readAll,
  sealOf,
  identityOf,
} from '../../support/pki.ts'
import { assertAttested, assertTold } from './told.ts'

const HOUR_MS = 3_600_000
const zip = await openZip()
const ci = keyPair('p256', 'ci')
const scanner = keyPair('p256', 'scanner')
const second = keyPair('p256', 'second')
const tsa = lastingAuthority()
const BUILDER = 'https://builder.example/v1'
const DIGEST = 'b'.repeat(64)

const by = (key: typeof ci, spec: AttestationSpec): Uint8Array =>
  attestationOf(zip.sha256, key.privateKey, { by: tsa, ...spec })
const scan = (key: typeof ci, found: readonly (readonly [string, string])[], atMs?: number) =>
  by(key, { type: TYPE.scan, predicate: scanOf(...found), ...(atMs !== undefined && { atMs }) })
const scans = (name: string, key: typeof ci, more: readonly string[] = []) =>
  attester(name, key, [TYPE.scan, ...more], { by: tsa })

function ask(
  attestations: readonly Uint8Array[],
  publishers: readonly TrustedPublisher[],
  more: { readonly atMs?: number; readonly revocations?: readonly Revocation[] } = {},
): SubjectAttestations {
  const answer = attested({
    artifact: zip,
    attestations,
    publishers,
    revocations: [],
    revocationLists: [],
    atMs: AT_MS,
    ...more,
  })
  assertTold(answer.reports.flatMap(({ findings }) => findings))
  assertAttested(answer)
  return answer
}
const reasonOf = (report: AttestationReport | undefined): string | undefined =>
  report?.findings.find(({ status }) => status === 'failed')?.reason

describe('a fact exists only from an attestation whose subject is this artifact', () => {
  const team = attester('ci', ci, [TYPE.tests])
  const passed = { type: TYPE.tests, predicate: { result: 'PASSED' } }

  test('counts one that names it, and carries the attester', () => {
    const { facts, reports } = ask([by(ci, passed)], [team])

    expect(facts).toEqual({
      types: [TYPE.tests],
      tests: { passed: true, warned: false, attesters: ['ci'] },
    })
    expect(reports).toMatchObject([{ outcome: 'counts', kind: 'tests', attester: { name: 'ci' } }])
  })

  test('counts one of several subjects, and the statement of v0.1', () => {
    const subject = [DIGEST, zip.sha256].map((hex) => ({ name: 'x', digest: { sha256: hex } }))
    const _type = 'https://in-toto.io/Statement/v0.1'

    const { facts } = ask([by(ci, { ...passed, statement: { subject, _type } })], [team])

    expect(facts.tests?.passed).toBe(true)
  })

  test('refuses one of another artifact, by a publisher that may attest', () => {
    const other = attestationOf(DIGEST, ci.privateKey, passed)

    const { facts, reports } = ask([other], [team])

    expect(facts).toEqual({ types: [] })
    expect(reports[0]).toMatchObject({ outcome: 'refused' })
    expect(reasonOf(reports[0])).toBe('digest-mismatch')
  })

  test.each<[string, AttestationSpec, string]>([
    [
      'duplicate names',
      {
        ...passed,
        payload: Buffer.from(
          `{"_type":"https://in-toto.io/Statement/v1","subject":[{"digest":{"sha256":"${DIGEST}","sha256":"${zip.sha256}"}}],"predicateType":"${TYPE.tests}","predicate":{"result":"PASSED"}}`,
        ),
      },
      'json',
    ],
    ['a digest in capitals', withDigest(zip.sha256.toUpperCase()), 'subject-digest'],
    ['no digest of SHA-256', withSubject({ digest: { sha512: 'ab' } }), 'subject-digest'],
    ['no subject', { ...passed, statement: { subject: [] } }, 'subject-count'],
    ['a predicate type that is no URI', { ...passed, type: 'slsa' }, 'predicate-type'],
    ['another statement type', { ...passed, statement: { _type: 'x' } }, 'statement-type'],
    [
      'a result that does not exist',
      { type: TYPE.tests, predicate: { result: 'OK' } },
      'test-result',
    ],
    [
      'more than is read',
      { type: TYPE.tests, predicate: { result: 'PASSED', url: 'x'.repeat(9_000_001) } },
      'statement-size',
    ],
    [
      'nesting without an end',
      { ...passed, payload: Buffer.from(`{"a":${'['.repeat(200)}${']'.repeat(200)}}`) },
      'json',
    ],
  ])('refuses %s', (_what, spec, reason) => {
    const { facts, reports } = ask([by(ci, spec)], [team])

    expect(facts).toEqual({ types: [] })
    expect(reports[0]?.outcome).toBe('refused')
    expect(reasonOf(reports[0])).toBe(reason)
  })

  test('refuses one whose signature is not by the key that it names', () => {
    const good = JSON.parse(Buffer.from(by(ci, passed)).toString()) as {
      dsseEnvelope: { payload: string }
    }
    const payload = Buffer.from(good.dsseEnvelope.payload, 'base64').toString()
    good.dsseEnvelope.payload = Buffer.from(payload.replace('PASSED', 'FAILED')).toString('base64')

    const { facts, reports } = ask([Buffer.from(JSON.stringify(good))], [team])

    expect(facts.tests).toBeUndefined()
    expect(reasonOf(reports[0])).toBe('signature-invalid')
  })

  function withSubject(subject: Json): AttestationSpec {
    return { type: TYPE.tests, predicate: { result: 'PASSED' }, statement: { subject: [subject] } }
  }
  function withDigest(digest: string): AttestationSpec {
    return withSubject({ name: 'x', digest: { sha256: digest } })
  }
})

describe('and whose signer is a publisher with attest:<predicateType>', () => {
  const failing = { type: TYPE.tests, predicate: { result: 'PASSED' } }

  test.each([
    ['is for seals alone', publisher(publicPem(ci))],
    ['attests another type', attester('ci', ci, [TYPE.provenance])],
    ['attests a type that begins alike', attester('ci', ci, [`${TYPE.tests}1`])],
  ])('ignores one by a publisher that %s, and says so', (_what, team) => {
    const { facts, reports } = ask([by(ci, failing)], [team])

    expect(facts).toEqual({ types: [] })
    expect(reports[0]?.outcome).toBe('ignored')
    expect(reasonOf(reports[0])).toBe('purpose-not-listed')
  })

  test('ignores one by a publisher that is for nothing', () => {
    const team = attester('ci', ci, [])

    const { reports } = ask([by(ci, failing)], [team])

    const finding = reports[0]?.findings.find(({ reason }) => reason === 'purpose-not-listed')
    expect(finding?.got).toBe('`ci` is for nothing')
  })

  test('ignores one by nobody known', () => {
    const { facts, reports } = ask([by(second, failing)], [attester('ci', ci, [TYPE.tests])])

    expect(facts).toEqual({ types: [] })
    expect(reasonOf(reports[0])).toBe('unknown-signer')
  })

  test('ignores one of a cancelled version: that is how a purpose is withdrawn', () => {
    const old = attester('ci', ci, [TYPE.tests], { spec: { status: 'Canceled' } })

    expect(ask([by(ci, failing)], [old]).facts).toEqual({ types: [] })
  })

  test('counts whatever a code signing config names: purposes decide', () => {
    const team = attester('ci', ci, [TYPE.tests], { spec: { allowed: false } })

    expect(ask([by(ci, failing)], [team]).facts.tests?.passed).toBe(true)
  })

  test.each<[string, Revocation['targetKind'], string]>([
    ['publisher', 'publisher', 'pub-ci'],
    ['attestation', 'seal', ''],
  ])('ignores one after its %s was revoked, and not if it was made before', (_w, kind, target) => {
    const team = attester('ci', ci, [TYPE.tests], { by: tsa })
    const bundle = by(ci, { ...failing, atMs: AT_MS - 5 * HOUR_MS })
    const digest = ask([bundle], [team]).reports[0]?.digest ?? ''
    const revoked = (effectiveAtMs: number) => [
      {
        targetKind: kind,
        target: target === '' ? digest : target,
        effectiveAtMs,
        recordedAtMs: AT_MS,
        reason: 'x',
      },
    ]

    const after = ask([bundle], [team], { revocations: revoked(AT_MS - 9 * HOUR_MS) })
    const before = ask([bundle], [team], { revocations: revoked(AT_MS - HOUR_MS) })

    expect(after.reports[0]?.outcome).toBe('ignored')
    expect(after.facts).toEqual({ types: [] })
    expect(before.facts.tests?.passed).toBe(true)
  })

  test('ends when its signature does, and says when that is', () => {
    const document = { ...attester('ci', ci, [TYPE.tests]).document, signatureValidityMs: HOUR_MS }
    const team = publisher(document, { name: 'ci', createdAtMs: AT_MS })

    const now = ask([by(ci, failing)], [team])
    const later = ask([by(ci, failing)], [team], { atMs: AT_MS + 2 * HOUR_MS })

    expect(now).toMatchObject({ facts: { tests: {} }, validUntilMs: AT_MS + HOUR_MS })
    expect(later.facts).toEqual({ types: [] })
  })

  test('has nothing of it logged instead of enforced', () => {
    const { document } = attester('ci', ci, [TYPE.tests])
    const checks = { expiry: 'log', revocation: 'log', authenticity: 'log' } as const
    const team = publisher({ ...document, signatureValidityMs: 1, checks }, { name: 'ci' })

    expect(ask([by(ci, failing)], [team]).facts).toEqual({ types: [] })
  })
})

describe('a seal is no attestation and an attestation no seal (RULES §4)', () => {
  const both = publisher(
    { ...attester('ci', ci, [TYPE.tests]).document, purposes: ['seal', `attest:${TYPE.tests}`] },
    { name: 'ci' },
  )

  test('a seal attests nothing', async () => {
    const seal = await sealOf(zip, identityOf(ci))

    const { facts, reports } = ask([seal.bytes], [both])

    expect(facts).toEqual({ types: [] })
    expect(reasonOf(reports[0])).toBe('not-an-attestation')
  })

  test('a signature over the zip itself attests nothing', () => {
    const message = encodeBundle({
      format: 'bundle',
      signer: { kind: 'key', hint: sha256(ci.publicKey.export({ type: 'spki', format: 'der' })) },
      content: {
        kind: 'message',
        digest: Buffer.from(zip.sha256, 'hex'),
        signature: sign('sha256', readAll(zip.source), ci.privateKey),
      },
      logEntries: [],
      timestamps: [],
    })

    const { facts, reports } = ask([message], [both])

    expect(facts).toEqual({ types: [] })
    expect(reasonOf(reports[0])).toBe('not-an-attestation')
  })

  test('an attestation by the same publisher seals nothing', () => {
    const bytes = by(ci, { type: TYPE.tests, predicate: { result: 'PASSED' } })
    const seal: SealInput = { format: 'bundle', place: 'detached', bytes }

    const verdict = judge({
      artifact: zip,
      unsealed: bufferSource(new Uint8Array()),
      kind: 'function',
      name: 'f',
      account: '000000000000',
      seals: [seal],
      publishers: [both],
      revocations: [],
      atMs: AT_MS,
    })

    expect(verdict.kind).toBe('untrusted')
    expect(verdict.findings.map(({ reason }) => reason)).toContain('not-a-seal')
  })
})

describe('builder.id counts only if the publisher lists it', () => {
  const bundle = by(ci, { type: TYPE.provenance, predicate: provenanceBy(BUILDER) })

  test('listed, it is a fact with source, commit and ref', () => {
    const team = attester('ci', ci, [TYPE.provenance], { builders: [BUILDER] })

    expect(ask([bundle], [team]).facts.provenance).toEqual({
      builders: [BUILDER],
      buildTypes: ['https://example.com/build/v1'],
      sources: ['https://github.com/example/shop'],
      commits: ['a'.repeat(40)],
      refs: ['refs/heads/main'],
      attesters: ['ci'],
    })
  })

  test.each([
    ['lists none', undefined],
    ['lists another', ['https://builder.example/v2']],
    ['lists one that begins alike', ['https://builder.example/v']],
  ])('ignored where the publisher %s', (_what, builders) => {
    const team = attester('ci', ci, [TYPE.provenance], builders === undefined ? {} : { builders })

    const { facts, reports } = ask([bundle], [team])

    expect(facts).toEqual({ types: [] })
    expect(reasonOf(reports[0])).toBe('builder-not-listed')
  })

  test('says of a source that is not named that it is not', () => {
    const predicate = {
      buildDefinition: { buildType: 'x:y' },
      runDetails: { builder: { id: BUILDER } },
    }
    const team = attester('ci', ci, [TYPE.provenance], { builders: [BUILDER] })

    const { facts } = ask([by(ci, { type: TYPE.provenance, predicate })], [team])

    expect(facts.provenance).toMatchObject({ sources: ['not-named'], commits: ['not-named'] })
  })
})

describe('per attester the newest by trusted time is taken', () => {
  const bad = scan(scanner, [['CVE-1', 'critical']], AT_MS - 2 * HOUR_MS)
  const clean = scan(scanner, [], AT_MS - 5 * HOUR_MS)
  const team = scans('scanner', scanner)

  test.each([
    ['in the order made', [clean, bad]],
    ['replayed after the bad one', [bad, clean]],
  ])('an older clean report does not stand against a newer bad one, %s', (_what, bundles) => {
    const { facts, reports } = ask(bundles, [team])

    expect(facts.scan).toMatchObject({ critical: 1, atMs: AT_MS - 2 * HOUR_MS })
    expect(reports.filter(({ superseded }) => superseded === true)).toHaveLength(1)
  })

  test('a newer clean report stands against an older bad one', () => {
    const newer = scan(scanner, [], AT_MS - HOUR_MS)

    expect(ask([bad, newer], [team]).facts.scan).toMatchObject({ critical: 0 })
  })

  test("the predicate's own dates never count", () => {
    const predicate = {
      ...(scanOf() as { readonly [name: string]: Json }),
      metadata: { scanFinishedOn: '2099-01-01T00:00:00Z' },
    }
    const dated = by(scanner, { type: TYPE.scan, predicate, atMs: AT_MS - 9 * HOUR_MS })
    const undated = by(scanner, { type: TYPE.scan, predicate })

    expect(ask([bad, dated], [team]).facts.scan).toMatchObject({ critical: 1 })
    expect(ask([undated], [team]).facts.scan).not.toHaveProperty('atMs')
  })

  test('what has no trusted time supersedes nothing, and is superseded by nothing', () => {
    const untimed = scan(scanner, [['CVE-2', 'high']])

    const { facts } = ask([bad, untimed, scan(scanner, [], AT_MS - HOUR_MS)], [team])

    expect(facts.scan).toMatchObject({ critical: 0, high: 1, atMs: AT_MS - HOUR_MS })
  })

  test('types that are not read are a kind each', () => {
    const types = ['https://example.com/a/v1', 'https://example.com/b/v1']
    const bundles = types.map((type, i) =>
      by(ci, { type, predicate: {}, atMs: AT_MS - (2 - i) * HOUR_MS }),
    )
    const [first = ''] = types
    const newer = by(ci, { type: first, predicate: { x: 1 }, atMs: AT_MS - HOUR_MS })

    const { facts, reports } = ask([...bundles, newer], [attester('ci', ci, types, { by: tsa })])

    expect(facts).toEqual({ types })
    expect(reports.map(({ superseded }) => superseded === true)).toEqual([true, false, false])
  })

  test('a time that lies ahead is none', () => {
    const ahead = scan(scanner, [], AT_MS + 48 * HOUR_MS)

    expect(ask([bad, ahead], [team]).facts.scan).toMatchObject({ critical: 1 })
  })

  test('all versions of a publisher are one attester', () => {
    const first = scans('scanner', scanner)
    const next = attester('scanner', second, [TYPE.scan], {
      by: tsa,
      spec: { version: 'BBBBBBBBBB' },
    })

    const { facts } = ask([bad, scan(second, [], AT_MS - HOUR_MS)], [first, next])

    expect(facts.scan).toMatchObject({ critical: 0, attesters: ['scanner'] })
  })
})

describe('between attesters', () => {
  const teams = [scans('scanner', scanner), scans('second', second)]

  test('counts take the worst of each, and the time of the oldest', () => {
    const one = scan(
      scanner,
      [
        ['CVE-1', 'critical'],
        ['CVE-2', 'low'],
      ],
      AT_MS - 9 * HOUR_MS,
    )
    const two = scan(
      second,
      [
        ['CVE-3', 'low'],
        ['CVE-4', 'low'],
      ],
      AT_MS - HOUR_MS,
    )

    expect(ask([one, two], teams).facts.scan).toEqual({
      critical: 1,
      high: 0,
      medium: 0,
      low: 2,
      unknown: 0,
      lowered: 0,
      atMs: AT_MS - 9 * HOUR_MS,
      attesters: ['scanner', 'second'],
    })
  })

  test('approvals take the conjunction', () => {
    const types = [TYPE.tests, TYPE.summary]
    const both = [attester('one', ci, types), attester('two', second, types)]
    const result = (key: typeof ci, text: string) =>
      by(key, { type: TYPE.tests, predicate: { result: text } })
    const summary = (key: typeof ci, text: string, levels: readonly string[]) =>
      by(key, {
        type: TYPE.summary,
        predicate: { verifier: { id: 'v:1' }, verificationResult: text, verifiedLevels: levels },
      })

    const { facts } = ask(
      [
        result(ci, 'PASSED'),
        result(second, 'FAILED'),
        summary(ci, 'PASSED', ['L1', 'L2']),
        summary(second, 'FAILED', ['L1']),
      ],
      both,
    )

    expect(facts.tests?.passed).toBe(false)
    expect(facts.summary).toMatchObject({ passed: false, levels: ['L1'], policies: ['not-named'] })
  })

  test('a summary names the policy that it was made by', () => {
    const predicate = {
      verifier: { id: 'v:1' },
      verificationResult: 'PASSED',
      policy: { uri: 'https://example.com/policy' },
    }

    const { facts } = ask(
      [by(ci, { type: TYPE.summary, predicate })],
      [attester('ci', ci, [TYPE.summary])],
    )

    expect(facts.summary).toMatchObject({ policies: ['https://example.com/policy'], levels: [] })
  })

  test('a builder that anybody names is there to be refused', () => {
    const other = 'https://evil.example/builder'
    const both = [
      attester('one', ci, [TYPE.provenance], { builders: [BUILDER] }),
      attester('two', second, [TYPE.provenance], { builders: [other] }),
    ]
    const bundles = [
      by(ci, { type: TYPE.provenance, predicate: provenanceBy(BUILDER) }),
      by(second, { type: TYPE.provenance, predicate: provenanceBy(other) }),
    ]

    expect(ask(bundles, both).facts.provenance?.builders).toEqual([BUILDER, other])
  })
})

describe('VEX lowers a count only from a publisher allowed attest:vex', () => {
  const found = scan(
    scanner,
    [
      ['CVE-1', 'critical'],
      ['CVE-2', 'critical'],
    ],
    AT_MS - HOUR_MS,
  )
  const team = scans('scanner', scanner)
  const absent = { vulnerability: { name: 'CVE-1' }, status: 'not_affected' }
  const vex = (key: typeof ci, ...statements: readonly Json[]) =>
    by(key, { type: TYPE.vex, predicate: openVex(...statements) })
  const criticalOf = (bundles: readonly Uint8Array[], publishers: readonly TrustedPublisher[]) =>
    ask(bundles, publishers).facts.scan?.critical

  test('from one it does', () => {
    const { facts } = ask([found, vex(ci, absent)], [team, attester('ci', ci, ['vex'])])

    expect(facts.scan).toMatchObject({ critical: 1, lowered: 1 })
  })

  test.each([
    ['a stranger', []],
    ['a publisher that may attest the type and not VEX', [attester('ci', ci, [TYPE.vex])]],
    ['the scanner itself', [attester('ci', ci, [TYPE.scan])]],
  ])('from %s it does not', (_what, publishers) => {
    expect(criticalOf([found, vex(ci, absent)], [team, ...publishers])).toBe(2)
  })

  test.each<[string, readonly Json[], number]>([
    ['one that is also said to be there', [absent, { ...absent, status: 'affected' }], 2],
    ['one under investigation', [{ ...absent, status: 'under_investigation' }], 2],
    ['one of another product', [{ ...absent, products: [{ '@id': 'pkg:npm/x@1' }] }], 2],
    [
      'one of this artifact by its digest',
      [{ ...absent, products: [{ hashes: { 'sha-256': zip.sha256 } }] }],
      1,
    ],
    [
      'one by an alias',
      [{ vulnerability: { name: 'GHSA-1', aliases: ['CVE-1'] }, status: 'fixed' }],
      1,
    ],
  ])('%s', (_what, statements, critical) => {
    const allowed = attester('ci', ci, ['vex'])

    expect(criticalOf([found, vex(ci, ...statements)], [team, allowed])).toBe(critical)
  })

  test.each([
    ['that has it', 'pkg:npm/x@1', 0],
    ['that is another', 'pkg:npm/x@2', 1],
  ])('one of a package %s', (_what, product, critical) => {
    const result = [{ id: 'CVE-1', purl: 'pkg:npm/x@1', severity: [{ score: 'critical' }] }]
    const named = by(scanner, { type: TYPE.scan, predicate: { scanner: { uri: 'x', result } } })
    const said = vex(ci, { ...absent, products: [{ '@id': product }] })

    expect(criticalOf([named, said], [team, attester('ci', ci, ['vex'])])).toBe(critical)
  })

  test('whoever may lower counts may attest other things too', () => {
    const allowed = attester('ci', ci, [TYPE.tests, 'vex'])
    const tests = by(ci, { type: TYPE.tests, predicate: { result: 'PASSED' } })

    const { facts } = ask([found, tests, vex(ci, absent)], [team, allowed])

    expect(facts).toMatchObject({ scan: { critical: 1, lowered: 1 }, tests: { passed: true } })
  })

  test('what a CycloneDX document says counts for nothing without attest:vex, though its components do', () => {
    const bom = by(ci, {
      type: TYPE.cyclonedx,
      predicate: cycloneDx({
        vulnerabilities: [{ id: 'CVE-1', analysis: { state: 'not_affected' } }],
      }),
    })
    const without = ask([found, bom], [team, attester('ci', ci, [TYPE.cyclonedx])]).facts
    const allowed = ask([found, bom], [team, attester('ci', ci, [TYPE.cyclonedx, 'vex'])]).facts

    expect(without).toMatchObject({ scan: { critical: 2 }, sbom: { components: 1 } })
    expect(allowed).toMatchObject({ scan: { critical: 1 }, sbom: { licences: ['WTFPL'] } })
  })
})

describe('absence is never better than a bad report', () => {
  test.each([
    ['null', null],
    ['in a form that is not known', { findings: 'none' }],
  ])('results that are %s are no clean scan', (_what, result) => {
    const predicate = { scanner: { uri: 'x', result }, metadata: {} }
    const team = attester('scanner', scanner, [TYPE.cosignScan])

    const { facts, reports } = ask([by(scanner, { type: TYPE.cosignScan, predicate })], [team])

    expect(facts).toEqual({ types: [] })
    expect(reasonOf(reports[0])).toBe('results-not-read')
  })

  test('a report that could not be read takes away what others say of the same', () => {
    const one = (vulnerabilities: readonly [] | undefined) => ({
      digest: zip.sha256,
      attester: scans('scanner', scanner),
      predicateType: TYPE.scan,
      claim: { kind: 'scan', scanner: '', vulnerabilities } as const,
      mayVex: false,
      atMs: AT_MS,
    })

    expect(combine([one([])], zip.sha256).scan).toMatchObject({ critical: 0 })
    expect(combine([one([]), one(undefined)], zip.sha256).scan).toBeUndefined()
  })

  test('a severity that nobody tells is counted as such', () => {
    const { facts } = ask([scan(scanner, [['CVE-1', 'odd']])], [scans('scanner', scanner)])

    expect(facts.scan).toMatchObject({ critical: 0, unknown: 1 })
  })
})

test('long reports say the same when they are asked for again', () => {
  const found = Array.from({ length: 300 }, (_, i) => [`CVE-${i}`, 'high'] as const)
  const input = {
    artifact: zip,
    attestations: [scan(scanner, found)],
    publishers: [scans('scanner', scanner)],
    revocations: [],
    revocationLists: [],
    atMs: AT_MS,
  }
  const cache = new VerificationCache()

  const [first, again] = [attested(input, cache), attested(input, cache)]

  expect(first.facts.scan).toMatchObject({ high: 300 })
  expect(again).toEqual(first)
})

test('the builders of a publisher are kept with it', () => {
  const document = { kind: 'key', keys: [{ publicKeyPem: publicPem(ci) }], builders: [BUILDER] }

  expect(parsePublisherDocument(document).builders).toEqual([BUILDER])
})

test('reports and facts are plain JSON, whatever their statements hold', () => {
  const team = attester('ci', ci, [TYPE.cyclonedx])
  const components = Array.from({ length: 5_000 }, (_, i) => ({
    name: `p${i}`,
    licenses: [{ license: { name: `L${i}` } }],
  }))
  const bundle = by(ci, { type: TYPE.cyclonedx, predicate: cycloneDx({ components }) })

  const { reports, facts } = ask([bundle], [team])

  expect(facts.sbom).toMatchObject({ components: 5_000, complete: false })
  expect(canonicalJson({ reports, facts } as unknown as Json).length).toBeLessThan(8_000)
})
