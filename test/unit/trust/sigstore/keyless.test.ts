import { createHash } from 'node:crypto'

import { expect, test } from 'vitest'

import {
  canonicalJson,
  type Json,
  type PublisherDocument,
} from '../../../../services/model/index.ts'
import { parsePublisherDocument } from '../../../../services/trust/index.ts'
import { unsealedSource } from '../../../../services/artifact/index.ts'
import { AT_MS, openZip, publisher, readAll, reasonsOf, root } from '../../../support/pki.ts'
import {
  bodyV1,
  detached,
  IDENTITY,
  ISSUER,
  proofIn,
  SIGNED_AT_MS,
  testLog,
  TestSigstore,
  type KeylessSpec,
  type TestLog,
} from '../../../support/sigstore.ts'
import { zipOf } from '../../../support/zip-builder.ts'
import { judgeZip } from '../told.ts'

const zip = await openZip()
const bytes = readAll(unsealedSource(zip))
const other = await openZip(zipOf({ 'index.js': 'exports.handler = () => 2\n' }))
const sigstore = new TestSigstore()

type Members = Record<string, unknown>

function document(change: Members = {}): PublisherDocument {
  return parsePublisherDocument({
    kind: 'oidc',
    trustedRoot: sigstore.trustedRoot(),
    issuer: ISSUER,
    identity: { type: 'uri', value: IDENTITY },
    ...change,
  })
}

function judged(bundle: Json, change: Members = {}, artifact = zip) {
  const verdict = judgeZip(artifact, [publisher(document(change))], {
    detached: [detached(bundle)],
  })
  return { kind: verdict.kind, reasons: reasonsOf(verdict), seal: verdict.seals[0] }
}

function refusals(spec: KeylessSpec, change: Members = {}): string[] {
  return judged(sigstore.sign(bytes, spec).bundle, change).reasons
}

test.each<[string, KeylessSpec, Members]>([
  ['a statement in a dsse entry', {}, {}],
  ['a statement in an intoto entry', { kind: 'intoto' }, {}],
  ['a statement in a hashedrekord entry over its encoding', { kind: 'hashedrekord' }, {}],
  [
    'a message signature, where the publisher allows it',
    { form: 'message' },
    { forms: ['message'] },
  ],
])('trusts %s, with the log as witness of its time', (_title, spec, change) => {
  const { kind, reasons, seal } = judged(sigstore.sign(bytes, spec).bundle, change)

  expect(reasons).toEqual([])
  expect(kind).toBe('trusted')
  expect(seal?.trustedTimesMs).toEqual([SIGNED_AT_MS])
  expect(seal?.logs).toMatchObject([{ index: 41, proof: 'inclusion and promise' }])
  expect(seal?.signer).toMatchObject({ kind: 'oidc', subject: IDENTITY, issuer: ISSUER })
})

test('counts one identity once, however many keys it signed with and whatever publisher finds it', () => {
  const [first, second] = [sigstore.sign(bytes), sigstore.sign(bytes)]
  const seals = [detached(first.bundle), detached(second.bundle)]
  const keyless = publisher(document())
  const pki = publisher(
    parsePublisherDocument({
      kind: 'x509',
      forms: ['statement'],
      rootsPem: [sigstore.ca.pem],
      trustedRoot: sigstore.trustedRoot(),
    }),
    { name: 'pki' },
  )

  const ids = [keyless, pki].flatMap((one) =>
    judgeZip(zip, [one], { detached: seals }).seals.map(({ outcome, signer }) => [
      outcome,
      signer?.id,
    ]),
  )

  expect(ids.every(([outcome]) => outcome === 'trusted')).toBe(true)
  expect(new Set(ids.map(([, id]) => id)).size).toBe(1)
})

test('refuses a valid bundle over another artifact: the digest of the statement is compared', () => {
  expect(judged(sigstore.sign(bytes).bundle, {}, other)).toMatchObject({
    kind: 'tampered',
    reasons: expect.arrayContaining(['digest-mismatch']) as string[],
  })
})

test('refuses a valid message signature over another artifact', () => {
  const { bundle } = sigstore.sign(bytes, { form: 'message' })

  expect(judged(bundle, { forms: ['message'] }, other).reasons).toContain('digest-mismatch')
})

test('refuses an in-toto subject of another artifact, whatever other subjects say', () => {
  const payload = Buffer.from(
    canonicalJson({
      _type: 'https://in-toto.io/Statement/v1',
      subject: [{ name: 'f.zip', digest: { sha256: 'a'.repeat(64) } }],
      predicateType: 'urn:lacre:seal:v1',
      predicate: {},
    }),
  )

  expect(judged(sigstore.sign(bytes, { payload }).bundle)).toMatchObject({ kind: 'tampered' })
})

test('never takes an attestation for a seal', () => {
  const payload = Buffer.from(
    canonicalJson({
      _type: 'https://in-toto.io/Statement/v1',
      subject: [{ name: 'f.zip', digest: { sha256: zip.sha256 } }],
      predicateType: 'https://slsa.dev/provenance/v1',
      predicate: {},
    }),
  )

  expect(judged(sigstore.sign(bytes, { payload }).bundle).reasons).toEqual(['not-a-seal'])
})

test.each([
  ['a prefix', IDENTITY.slice(0, -1)],
  ['a suffix', IDENTITY.slice(1).replace('ttps', 'https')],
  ['another case', IDENTITY.replace('acme', 'ACME')],
  ['a regular expression', 'https://github.com/acme/.+'],
  ['dots that stand for anything', IDENTITY.replace('release.yml', 'release_yml')],
  ['a glob that would have to cross a segment', 'https://github.com/acme/*@refs/heads/main'],
])('does not match an identity by %s', (_title, value) => {
  const wanted = value === IDENTITY.slice(1).replace('ttps', 'https') ? `${value}x` : value

  expect(refusals({}, { identity: { type: 'uri', value: wanted } })).toEqual(['identity'])
})

test('matches a glob that stays within its segment', () => {
  const value = 'https://github.com/acme/checkout/.github/workflows/*@refs/heads/main'

  expect(refusals({}, { identity: { type: 'uri', value } })).toEqual([])
})

test('tells the type of an identity from its text', () => {
  expect(refusals({ identity: { tag: 0x81, value: IDENTITY } })).toEqual(['identity'])
})

test.each<[string, KeylessSpec, string[]]>([
  ['no issuer', { issuer: null }, ['issuer-missing']],
  ['another issuer', { issuer: `${ISSUER}.example` }, ['issuer']],
  ['no alternative name', { identity: null, subject: 'x' }, ['identity-missing']],
  [
    'a name of a type that nobody can ask for',
    { identity: { tag: 0x82, value: 'a.test' } },
    ['identity-missing'],
  ],
  [
    'an alternative name that is not critical',
    { identityCritical: false },
    ['identity-not-critical'],
  ],
  ['no SCT', { sct: 'none' }, ['sct-missing']],
  ['an SCT by an unknown log', { sct: 'unknown' }, ['sct-unknown-log']],
  ['an SCT over another certificate', { sct: 'invalid' }, ['sct-invalid']],
  ['an SCT of a time at which the log was not trusted', { sct: 'late' }, ['sct-window']],
  ['a pull request as trigger', { claims: { 20: 'pull_request' } }, ['pull-request-trigger']],
  [
    'a pull request from a fork as trigger',
    { claims: { 20: 'pull_request_target' } },
    ['pull-request-trigger'],
  ],
  [
    'a certificate that had expired when it signed',
    { integratedMs: SIGNED_AT_MS + 601_000 },
    ['certificate-expired'],
  ],
  [
    'a certificate that was not valid yet',
    { integratedMs: SIGNED_AT_MS - 5_000 },
    ['certificate-not-yet-valid'],
  ],
  [
    'no log entry',
    { log: 'none' },
    ['log-threshold', 'timestamp-threshold', 'certificate-expired'],
  ],
  [
    'an entry of Rekor v2 without a timestamp',
    { log: 'v2' },
    ['timestamp-threshold', 'certificate-expired'],
  ],
])('refuses %s', (_title, spec, reasons) => {
  expect(refusals(spec)).toEqual(reasons)
})

test('refuses the trigger of a pull request also where v1 of the extensions alone tells it', () => {
  const legacy = { oid: '1.3.6.1.4.1.57264.1.2', value: Buffer.from('pull_request') }

  expect(refusals({ claims: {}, extensions: [legacy] })).toEqual(['pull-request-trigger'])
})

test('lets a pull request pass where the publisher lists its trigger', () => {
  expect(
    refusals({ claims: { 20: 'pull_request' } }, { claims: { event: 'pull_request' } }),
  ).toEqual([])
})

test.each<[string, Members, string[]]>([
  [
    'the repository by number',
    { repository: 'https://github.com/acme/checkout', repositoryId: '7' },
    [],
  ],
  [
    'another number: a renamed repository',
    { repository: 'https://github.com/acme/checkout', repositoryId: '8' },
    ['claim-repository-id'],
  ],
  ['one of several refs', { ref: ['refs/heads/main', 'refs/tags/v*'] }, []],
  ['another ref', { ref: 'refs/heads/dev' }, ['claim-ref']],
  ['a claim that the certificate does not make', { visibility: 'private' }, ['claim-visibility']],
])('compares %s', (_title, claims, reasons) => {
  const says = { 12: 'https://github.com/acme/checkout', 15: '7', 14: 'refs/tags/v1', 20: 'push' }

  expect(refusals({ claims: says }, { claims })).toEqual(reasons)
})

test('refuses a certificate of another authority, and says so', () => {
  const foreign = root({ subject: 'fulcio' })

  expect(refusals({ issuingCa: foreign })).not.toEqual([])
  expect(
    judged(sigstore.sign(bytes, { issuingCa: foreign }).bundle).seal?.publisher,
  ).toBeUndefined()
})

test('refuses a bundle that brings its own root', () => {
  const { bundle, leaf } = sigstore.sign(bytes)
  const raw = (der: Uint8Array) => ({ rawBytes: Buffer.from(der).toString('base64') })
  const material = bundle['verificationMaterial'] as { [name: string]: Json }
  const chain = { certificates: [raw(leaf.der), raw(sigstore.ca.der)] }
  const changed = {
    ...bundle,
    verificationMaterial: {
      tlogEntries: material['tlogEntries'] ?? [],
      x509CertificateChain: chain,
    },
  }

  expect(judged(changed).reasons).toEqual(['root-in-bundle'])
})

test('refuses a signature of a time at which the authority was not trusted', () => {
  const trustedRoot = sigstore.trustedRoot((json) => {
    const [authority] = json['certificateAuthorities'] as [{ validFor: Json }]
    authority.validFor = { start: '2026-01-01T00:00:00Z', end: '2026-02-01T00:00:00Z' }
  })

  expect(refusals({}, { trustedRoot })).toEqual(['authority-window'])
})

test('asks for no SCT where the trusted root has no certificate-transparency log', () => {
  const trustedRoot = sigstore.trustedRoot((json) => {
    delete json['ctlogs']
  })

  expect(refusals({ sct: 'none' }, { trustedRoot })).toEqual([])
})

function withEntry(change: (entry: { [name: string]: Json }) => void, spec: KeylessSpec = {}) {
  const { bundle, entry } = sigstore.sign(bytes, spec)
  change(entry)
  return bundle
}

const decoy = sigstore.sign(bytes)

test.each<[string, string, (entry: { [name: string]: Json }) => void]>([
  [
    'another signature by the same kind of signer',
    'log-entry-mismatch',
    (entry) => Object.assign(entry, decoy.entry),
  ],
  [
    'a promise over another time',
    'log-promise',
    (entry) => {
      entry['integratedTime'] = '1700000000'
    },
  ],
  [
    'a promise over another index',
    'log-promise',
    (entry) => {
      entry['logIndex'] = '42'
    },
  ],
  [
    'a proof of another leaf',
    'log-inclusion',
    (entry) => {
      entry['inclusionProof'] = decoy.entry['inclusionProof'] ?? null
    },
  ],
  [
    'another kind than its body has',
    'log-body',
    (entry) => {
      entry['kindVersion'] = { kind: 'intoto', version: '0.0.2' }
    },
  ],
])('refuses a log entry with %s', (_title, reason, change) => {
  expect(judged(withEntry(change))).toMatchObject({
    kind: 'tampered',
    reasons: expect.arrayContaining([reason]) as string[],
  })
})

test.each(['digest', 'signature', 'signer'] as const)(
  'refuses a log entry that is right in all but its %s',
  (wrong) => {
    const { bundle, leaf, signature } = sigstore.sign(bytes)
    const envelope = bundle['dsseEnvelope'] as { payload: string }
    const body = bodyV1('dsse', {
      leaf: wrong === 'signer' ? decoy.leaf : leaf,
      signature: wrong === 'signature' ? decoy.signature : signature,
      signed: bytes,
      payload: wrong === 'digest' ? Buffer.from('{}') : Buffer.from(envelope.payload, 'base64'),
    })
    const material = bundle['verificationMaterial'] as { tlogEntries: Json }
    material.tlogEntries = [sigstore.enter(body, SIGNED_AT_MS)]

    expect(judged(bundle).seal?.findings[0]).toMatchObject({
      reason: 'log-entry-mismatch',
      got: `the log entry has another ${wrong}`,
    })
  },
)

test('takes no time from an entry without a promise, whatever it says', () => {
  const { seal, reasons } = judged(withEntry((entry) => delete entry['inclusionPromise']))

  expect(seal?.trustedTimesMs).toEqual([])
  expect(seal?.logs).toMatchObject([{ proof: 'inclusion' }])
  expect(reasons).toEqual(['timestamp-threshold', 'certificate-expired'])
})

test('refuses a checkpoint by another key under the name of the log', () => {
  const impostor = { ...testLog(sigstore.rekor.name), id: sigstore.rekor.id }
  const bundle = withEntry((entry) => {
    const body = Buffer.from(entry['canonicalizedBody'] as string, 'base64')
    entry['inclusionProof'] = proofIn(impostor, body, `${sigstore.rekor.name} - 7`)
  })

  expect(judged(bundle).reasons).toContain('log-checkpoint')
})

test('refuses a checkpoint of another tree than its signer names', () => {
  const bundle = withEntry((entry) => {
    const body = Buffer.from(entry['canonicalizedBody'] as string, 'base64')
    entry['inclusionProof'] = proofIn(sigstore.rekor, body, 'elsewhere.test')
  })

  expect(judged(bundle).reasons).toContain('log-checkpoint')
})

test.each([
  ['of another root', 'first'],
  ['that is none', 'x'],
])('refuses a checkpoint %s', (_title, text) => {
  const bundle = withEntry((entry) => {
    const proof = entry['inclusionProof'] as { [name: string]: Json }
    const foreign = proofIn(sigstore.rekor, Buffer.from(text), `${sigstore.rekor.name} - 7`)
    proof['checkpoint'] = text === 'x' ? { envelope: text } : (foreign['checkpoint'] ?? null)
  })

  expect(judged(bundle).reasons).toContain('log-checkpoint')
})

test('refuses an entry made after the key of its log had ended', () => {
  const trustedRoot = sigstore.trustedRoot((json) => {
    const [log] = json['tlogs'] as [{ publicKey: { validFor: Json } }]
    log.publicKey.validFor = { start: '2026-01-01T00:00:00Z', end: '2026-02-01T00:00:00Z' }
  })

  expect(judged(sigstore.sign(bytes).bundle, { trustedRoot }).reasons).toContain('log-window')
})

test('names an entry of a log that the trusted root does not know, and takes nothing from it', () => {
  const trustedRoot = sigstore.trustedRoot((json) => {
    json['tlogs'] = (json['tlogs'] as Json[]).slice(1)
  })
  const { seal, reasons } = judged(sigstore.sign(bytes).bundle, { trustedRoot })

  expect(seal?.unchecked).toEqual([expect.stringContaining('unknown log')])
  expect(reasons).toContain('log-threshold')
})

test('counts logs, not entries', () => {
  const { bundle, entry } = sigstore.sign(bytes)
  const material = bundle['verificationMaterial'] as { tlogEntries: Json }
  material.tlogEntries = [entry, entry]

  expect(judged(bundle, { thresholds: { logs: 2 } }).reasons).toEqual(['log-threshold'])
  expect(judged(bundle).kind).toBe('trusted')
})

/** The verdict where the key of this log is revoked from then on. */
function judgedWithout(log: TestLog, effectiveAtMs: number) {
  const spki = log.key.publicKey.export({ format: 'der', type: 'spki' })
  const revocation = {
    targetKind: 'key' as const,
    target: createHash('sha256').update(spki).digest('hex'),
    effectiveAtMs,
    recordedAtMs: effectiveAtMs,
    reason: 'stolen',
  }
  const seal = detached(sigstore.sign(bytes).bundle)
  return judgeZip(zip, [publisher(document())], { detached: [seal], revocations: [revocation] })
}

test('takes neither entry nor time from a log whose key is revoked, and says until when it would', () => {
  const later = judgedWithout(sigstore.rekor, AT_MS + 1_000)
  const revoked = judgedWithout(sigstore.rekor, AT_MS - 1_000)

  expect(later).toMatchObject({ kind: 'trusted', validUntilMs: AT_MS + 999 })
  expect(revoked.kind).toBe('untrusted')
  expect(reasonsOf(revoked)).toEqual(expect.arrayContaining(['log-threshold']))
  expect(revoked.seals[0]?.trustedTimesMs).toEqual([])
})

test('takes no timestamp of a certificate from a transparency log whose key is revoked', () => {
  const revoked = judgedWithout(sigstore.ctLog, AT_MS - 1_000)

  expect(revoked.kind).toBe('untrusted')
  expect(reasonsOf(revoked).join()).toMatch(/sct/)
})

test('an entry of no known time counts until its log ends, and then breaks nothing', () => {
  const end = SIGNED_AT_MS + 120_000
  const trustedRoot = sigstore.trustedRoot((json) => {
    const log = (json['tlogs'] as { publicKey: { validFor: Json } }[])[1]
    if (log !== undefined)
      log.publicKey.validFor = {
        start: '2026-01-01T00:00:00Z',
        end: new Date(end).toISOString(),
      }
  })
  const seal = detached(sigstore.sign(bytes, { log: 'v2' }).bundle)
  const at = (atMs: number) =>
    judgeZip(zip, [publisher(document({ trustedRoot, thresholds: { logs: 1, timestamps: 0 } }))], {
      detached: [seal],
      atMs,
    })
  const during = at(SIGNED_AT_MS + 60_000)
  const after = at(end + 1)

  expect(during.kind).toBe('trusted')
  expect(during.validUntilMs).toBe(end)
  expect(after.kind).toBe('untrusted')
  expect(reasonsOf(after)).toContain('log-threshold')
  expect(after.seals[0]?.unchecked.join()).toContain('which has ended')
})
