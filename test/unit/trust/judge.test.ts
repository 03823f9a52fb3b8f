import { createHash, sign } from 'node:crypto'

import { expect, test } from 'vitest'

import { unsealedSource } from '../../../services/artifact/index.ts'
import {
  canonicalJson,
  type Json,
  type Revocation,
  type SealInput,
} from '../../../services/model/index.ts'
import { preAuthEncoding, STATEMENT_PAYLOAD_TYPE } from '../../../services/seal/index.ts'
import {
  distinctSigners,
  VerificationCache,
  judge,
  revocationTargetsOf,
} from '../../../services/trust/index.ts'
import {
  AT_MS,
  identityOf,
  intermediate,
  issue,
  keyPair,
  openZip,
  publicPem,
  publisher,
  readAll,
  reasonsOf,
  root,
  sealOf,
  withSeals,
  type KeyPair,
} from '../../support/pki.ts'
import { zipOf } from '../../support/zip-builder.ts'
import { judgeZip } from './told.ts'

const DAY_MS = 86_400_000
const zip = await openZip()
const key = keyPair()
const team = publisher(publicPem(key))
const sealed = await withSeals(zip, [await sealOf(zip, identityOf(key))])

/** A bundle around any payload, signed as it stands. */
function bundleOf(
  signer: KeyPair,
  statement: unknown,
  change: Record<string, Json> = {},
): SealInput {
  const payload = Buffer.from(
    typeof statement === 'string' ? statement : canonicalJson(statement as Json),
  )
  const type =
    typeof change['payloadType'] === 'string' ? change['payloadType'] : STATEMENT_PAYLOAD_TYPE
  const sig = sign('sha256', preAuthEncoding(type, payload), signer.privateKey).toString('base64')
  const bytes = canonicalJson({
    mediaType: 'application/vnd.dev.sigstore.bundle.v0.3+json',
    verificationMaterial: { publicKey: {} },
    dsseEnvelope: { payload: payload.toString('base64'), payloadType: type, signatures: [{ sig }] },
  })
  return { format: 'bundle', place: 'block', bytes: Buffer.from(bytes) }
}

function statementOf(change: Record<string, unknown> = {}): Record<string, unknown> {
  return {
    _type: 'https://in-toto.io/Statement/v1',
    subject: [{ name: 'f.zip', digest: { sha256: zip.sha256 } }],
    predicateType: 'urn:lacre:seal:v1',
    predicate: {},
    ...change,
  }
}

test('trusts a statement by an allowed key and says all four checks', () => {
  const verdict = judgeZip(sealed, [team])

  expect(verdict.kind).toBe('trusted')
  expect(verdict.findings.map(({ rule, status }) => `${rule} ${status}`)).toEqual([
    'integrity passed',
    'mismatch passed',
    'expiry passed',
    'revocation passed',
  ])
})

test('calls a zip without seals unsigned, with the mismatch check failed', () => {
  const verdict = judgeZip(zip, [team])

  expect(verdict.kind).toBe('unsigned')
  expect(reasonsOf(verdict)).toEqual(['unsigned'])
})

test('trusts nothing where no publisher is known', () => {
  const verdict = judgeZip(sealed, [])

  expect(verdict.kind).toBe('untrusted')
  expect(reasonsOf(verdict)).toEqual(['unknown-signer'])
})

test('reports an unknown signer beside a good seal and lets the good one count', async () => {
  const stranger = await sealOf(zip, identityOf(keyPair()))
  const both = await withSeals(zip, [stranger, await sealOf(zip, identityOf(key))])

  const verdict = judgeZip(both, [team])

  expect(verdict.kind).toBe('trusted')
  expect(verdict.seals.map(({ outcome }) => outcome)).toEqual(['untrusted', 'trusted'])
})

test('calls a seal moved to another zip tampered, whatever stands beside it', async () => {
  const other = await openZip(zipOf({ 'index.js': 'other' }))
  const moved = await sealOf(zip, identityOf(key))
  const both = await withSeals(other, [await sealOf(other, identityOf(key)), moved])

  const verdict = judgeZip(both, [team])

  expect(verdict.kind).toBe('tampered')
  expect(verdict.seals.map(({ outcome }) => outcome)).toEqual(['trusted', 'tampered'])
  expect(reasonsOf(verdict)).toContain('digest-mismatch')
})

test('calls a seal whose hint names a known key that did not sign tampered', async () => {
  const good = await sealOf(zip, identityOf(key))
  const text = Buffer.from(good.bytes).toString('utf8')
  const other = identityOf(keyPair())
  const forged = text.replaceAll(identityOf(key).publicKey.spkiSha256, other.publicKey.spkiSha256)
  const seal: SealInput = { ...good, bytes: Buffer.from(forged) }
  const spki = other.publicKey.object.export({ format: 'pem', type: 'spki' }).toString()

  const named = judgeZip(zip, [team, publisher(spki, { name: 'other' })], { seals: [seal] })
  const unknown = judgeZip(zip, [team], { seals: [seal] })

  expect(reasonsOf(named)[0]).toBe('signature-invalid')
  expect(reasonsOf(unknown)[0]).toBe('hint')
})

test.each<[string, SealInput, string]>([
  [
    'the payload type of something else',
    bundleOf(key, statementOf(), { payloadType: 'application/json' }),
    'payload-type',
  ],
  [
    'two subjects',
    bundleOf(
      key,
      statementOf({
        subject: [{ digest: { sha256: zip.sha256 } }, { digest: { sha256: zip.sha256 } }],
      }),
    ),
    'subject-count',
  ],
  ['no subject', bundleOf(key, statementOf({ subject: [] })), 'subject-count'],
  [
    'an upper-case digest',
    bundleOf(key, statementOf({ subject: [{ digest: { sha256: zip.sha256.toUpperCase() } }] })),
    'subject-digest',
  ],
  [
    'no sha256 digest',
    bundleOf(key, statementOf({ subject: [{ digest: { sha512: 'ab' } }] })),
    'subject-digest',
  ],
  [
    'another digest',
    bundleOf(key, statementOf({ subject: [{ digest: { sha256: 'a'.repeat(64) } }] })),
    'digest-mismatch',
  ],
  [
    'an unknown member in the predicate',
    bundleOf(key, statementOf({ predicate: { onlyOnMondays: true } })),
    'unknown-member',
  ],
  [
    'a name glob over segments',
    bundleOf(key, statementOf({ predicate: { names: ['**'] } })),
    'predicate',
  ],
  ['a counter as a number', bundleOf(key, statementOf({ predicate: { counter: 7 } })), 'predicate'],
  [
    'a counter above u64',
    bundleOf(key, statementOf({ predicate: { counter: '18446744073709551616' } })),
    'predicate',
  ],
  ['an empty list of names', bundleOf(key, statementOf({ predicate: { names: [] } })), 'predicate'],
  [
    'the statement version of another time',
    bundleOf(key, statementOf({ _type: 'https://in-toto.io/Statement/v0.1' })),
    'statement-type',
  ],
  [
    'a subject named twice in JSON',
    bundleOf(
      key,
      canonicalJson(statementOf() as Json).replace(
        '"predicate":{}',
        '"predicate":{},"predicate":{}',
      ),
    ),
    'json',
  ],
])('calls a seal with %s tampered', (_title, seal, reason) => {
  const verdict = judgeZip(zip, [team], { seals: [seal] })

  expect(verdict.kind).toBe('tampered')
  expect(reasonsOf(verdict)[0]).toBe(reason)
})

test('never counts an attestation by a trusted key as a seal', () => {
  const scan = bundleOf(
    key,
    statementOf({
      predicateType: 'https://cosign.sigstore.dev/attestation/vuln/v1',
      predicate: { result: 'FAILED' },
    }),
  )

  const verdict = judgeZip(zip, [team], { seals: [scan] })

  expect(verdict.kind).toBe('untrusted')
  expect(reasonsOf(verdict)).toEqual(['not-a-seal'])
})

test('takes an attestation with several subjects if this artifact is among them', () => {
  const subject = [{ digest: { sha256: 'b'.repeat(64) } }, { digest: { sha256: zip.sha256 } }]
  const about = bundleOf(
    key,
    statementOf({ predicateType: 'urn:x:y', subject, _type: 'https://in-toto.io/Statement/v0.1' }),
  )

  expect(judgeZip(zip, [team], { seals: [about] }).kind).toBe('untrusted')
})

test.each([
  ['kind', { kind: 'layer' }, 'kind-binding'],
  ['names', { names: ['pay-*', 'refund'] }, 'name-binding'],
  ['account', { account: '111122223333' }, 'account-binding'],
  ['notAfter', { notAfter: '2026-05-31T00:00:00Z' }, 'seal-expired'],
])('holds a seal to the %s it binds', async (_member, predicate, reason) => {
  const bound = await withSeals(zip, [await sealOf(zip, identityOf(key), { predicate })])

  const verdict = judgeZip(bound, [team])

  expect(verdict.kind).toBe('untrusted')
  expect(reasonsOf(verdict)).toEqual([reason])
})

test('accepts a seal whose every binding fits, and reads its counter', async () => {
  const predicate = {
    kind: 'function',
    names: ['check*'],
    account: '000000000000',
    counter: '18446744073709551615',
    notAfter: '2026-06-02T00:00:00Z',
  }
  const bound = await withSeals(zip, [await sealOf(zip, identityOf(key), { predicate })])

  const verdict = judgeZip(bound, [team])

  expect(verdict.kind).toBe('trusted')
  expect(verdict.seals[0]?.counter).toBe('18446744073709551615')
  expect(verdict.validUntilMs).toBe(Date.UTC(2026, 5, 2))
})

test.each([
  ['a form that the publisher does not allow', { forms: ['message' as const] }, 'form-not-allowed'],
  [
    'a publisher that may only attest',
    { purposes: ['attest:https://slsa.dev/provenance/v1'] },
    'purpose-not-listed',
  ],
  ['a signature validity that is over', { signatureValidityMs: DAY_MS }, 'signature-validity'],
])('does not count %s', (_title, change, reason) => {
  const document = { ...team.document, ...change }

  expect(reasonsOf(judgeZip(sealed, [{ ...team, document }]))).toEqual([reason])
})

test.each([
  ['before it begins', { notBeforeMs: AT_MS + 1 }, 'key-not-yet-valid'],
  ['after it ends', { notAfterMs: AT_MS - 1 }, 'key-expired'],
])('refuses a key %s', (_title, window, reason) => {
  const document = {
    kind: 'key',
    forms: ['statement'],
    purposes: ['seal'],
    keys: [{ publicKeyPem: publicPem(key), ...window }],
  } as const

  expect(reasonsOf(judgeZip(sealed, [{ ...team, document }]))).toEqual([reason])
})

test('names the nearest allowed publisher where the signer is known but not allowed', () => {
  const other = publisher(publicPem(keyPair()), { name: 'release' })

  const verdict = judgeZip(sealed, [{ ...team, allowed: false }, other])

  expect(reasonsOf(verdict)).toEqual(['publisher-not-allowed'])
  expect(verdict.findings.find(({ status }) => status === 'failed')).toMatchObject({
    nearest: other.arn,
    got: team.arn,
    fix: expect.stringContaining(team.arn) as string,
  })
})

test('lets a canceled publisher version verify and a revoked one not', () => {
  expect(judgeZip(sealed, [{ ...team, status: 'Canceled' }]).kind).toBe('trusted')
  expect(reasonsOf(judgeZip(sealed, [{ ...team, status: 'Revoked' }]))).toEqual([
    'publisher-version-revoked',
  ])
})

const ca = root()
const issuing = intermediate(ca)
const leaf = issue({ issuer: issuing, subject: 'acme' })
const acme = publisher(ca.pem, { name: 'acme' })
const byCertificate = await withSeals(zip, [await sealOf(zip, identityOf(leaf, [issuing]))])

function revocation(
  targetKind: Revocation['targetKind'],
  target: string,
  effectiveAtMs = AT_MS,
): Revocation {
  return { targetKind, target, effectiveAtMs, recordedAtMs: AT_MS, reason: 'key lost' }
}

const leafTargets = revocationTargetsOf(leaf.pem)
const sealDigest = judgeZip(byCertificate, [acme]).seals[0]?.digest ?? ''

test.each<[string, Revocation]>([
  ['the publisher', revocation('publisher', acme.id)],
  ['the publisher version', revocation('publisher-version', acme.arn)],
  ['the certificate by its SHA-256', revocation('certificate', leafTargets.certificates[0] ?? '')],
  [
    'the certificate by issuer and serial',
    revocation('certificate', leafTargets.certificates[1] ?? ''),
  ],
  [
    'the certificate that issued it',
    revocation('certificate', revocationTargetsOf(issuing.pem).certificates[0] ?? ''),
  ],
  ['the key', revocation('key', leafTargets.key)],
  ['the key that issued it', revocation('key', revocationTargetsOf(issuing.pem).key)],
  ['the seal', revocation('seal', sealDigest)],
])('refuses a seal once %s is revoked, and not before', (_title, entry) => {
  const later = { ...entry, effectiveAtMs: AT_MS + DAY_MS }

  const now = judgeZip(byCertificate, [acme], { revocations: [entry] })
  const before = judgeZip(byCertificate, [acme], { revocations: [later] })

  expect(now.kind).toBe('untrusted')
  expect(now.findings.filter(({ status }) => status === 'failed').map(({ rule }) => rule)).toEqual([
    'revocation',
  ])
  expect(before.kind).toBe('trusted')
  expect(before.validUntilMs).toBe(later.effectiveAtMs - 1)
})

test('trusts a CMS seal through intermediates, until the first certificate ends', () => {
  const verdict = judgeZip(byCertificate, [acme])

  expect(verdict.kind).toBe('trusted')
  expect(verdict.seals[0]?.signer).toMatchObject({
    kind: 'x509',
    subject: 'CN=acme',
    issuer: 'CN=issuing',
  })
  expect(
    judgeZip(byCertificate, [acme], { atMs: AT_MS + 366 * DAY_MS }).findings.find(
      ({ rule }) => rule === 'expiry',
    )?.reason,
  ).toBe('certificate-expired')
})

test('holds a certificate to the subjects and alternative names of the publisher, exactly', async () => {
  const named = issue({
    issuer: issuing,
    subject: 'acme',
    altNames: [{ tag: 0x81, value: 'ci@corp.example' }],
  })
  const zipped = await withSeals(zip, [await sealOf(zip, identityOf(named, [issuing]))])
  const by = (change: object) =>
    judgeZip(zipped, [{ ...acme, document: { ...acme.document, ...change } } as typeof acme])

  expect(by({ subjects: ['CN=acme'] }).kind).toBe('trusted')
  expect(reasonsOf(by({ subjects: ['CN=acm'] }))).toEqual(['subject'])
  expect(by({ subjectAltNames: [{ type: 'email', value: 'ci@corp.example' }] }).kind).toBe(
    'trusted',
  )
  expect(reasonsOf(by({ subjectAltNames: [{ type: 'email', value: 'i@corp.example' }] }))).toEqual([
    'subject',
  ])
  expect(reasonsOf(by({ subjectAltNames: [{ type: 'dns', value: 'ci@corp.example' }] }))).toEqual([
    'subject',
  ])
})

test('does not count a statement under a certificate unless the publisher allows that form', async () => {
  const zipped = await withSeals(zip, [
    await sealOf(zip, identityOf(leaf, [issuing]), { format: 'bundle' }),
  ])
  const both = {
    ...acme,
    document: { ...acme.document, forms: ['cms', 'statement'] },
  } as typeof acme

  expect(reasonsOf(judgeZip(zipped, [acme]))).toEqual(['form-not-allowed'])
  expect(judgeZip(zipped, [both]).kind).toBe('trusted')
})

test('counts one key once, however often it signed and whichever publishers have it', async () => {
  const twice = await withSeals(zip, [
    await sealOf(zip, identityOf(key)),
    await sealOf(zip, identityOf(key), { predicate: { counter: '1' } }),
  ])
  const second = publisher(publicPem(key), { name: 'second' })

  const verdict = judgeZip(twice, [team, second])

  expect(verdict.seals).toHaveLength(2)
  expect(distinctSigners(verdict)).toHaveLength(1)
})

test('refuses a signature over the sealed file, with that hint', () => {
  const statement = statementOf({ subject: [{ digest: { sha256: sealed.codeSha256 } }] })
  const wrong: SealInput = { ...bundleOf(key, statement), place: 'detached' }

  const verdict = judgeZip(sealed, [team], { detached: [wrong] })

  expect(verdict.kind).toBe('tampered')
  expect(reasonsOf(verdict)[0]).toBe('signed-sealed-file')
})

test('counts a bare message signature only where the publisher opted in', () => {
  const digest = createHash('sha256')
    .update(readAll(unsealedSource(zip)))
    .digest('base64')
  const signature = sign('sha256', readAll(unsealedSource(zip)), key.privateKey).toString('base64')
  const bytes = Buffer.from(
    JSON.stringify(
      {
        mediaType: 'application/vnd.dev.sigstore.bundle.v0.3+json',
        verificationMaterial: {
          publicKey: { hint: identityOf(key).publicKey.spkiSha256 },
          tlogEntries: [],
          timestampVerificationData: {},
        },
        messageSignature: { messageDigest: { algorithm: 'SHA2_256', digest }, signature },
      },
      null,
      2,
    ),
  )
  const detached: SealInput[] = [{ format: 'bundle', place: 'detached', bytes }]
  const opted = { ...team, document: { ...team.document, forms: ['message'] } } as typeof team

  expect(reasonsOf(judgeZip(zip, [team], { detached }))).toEqual(['form-not-allowed'])
  expect(judgeZip(zip, [opted], { detached }).kind).toBe('trusted')
})

test('names timestamps and log entries as unchecked and takes no time from them', async () => {
  const good = JSON.parse(
    Buffer.from((await sealOf(zip, identityOf(key))).bytes).toString('utf8'),
  ) as {
    verificationMaterial: Record<string, Json>
  }
  good.verificationMaterial['timestampVerificationData'] = {
    rfc3161Timestamps: [{ signedTimestamp: 'MAA=' }],
  }
  good.verificationMaterial['tlogEntries'] = [
    {
      canonicalizedBody: 'e30=',
      integratedTime: '1',
      kindVersion: { kind: 'dsse', version: '0.0.1' },
      inclusionProof: { rootHash: 'AAAA', checkpoint: { envelope: 'x' } },
    },
  ]
  const seal: SealInput = {
    format: 'bundle',
    place: 'block',
    bytes: Buffer.from(canonicalJson(good as unknown as Json)),
  }

  const verdict = judgeZip(zip, [team], { seals: [seal] })

  expect(verdict.kind).toBe('trusted')
  expect(verdict.seals[0]).toMatchObject({ trustedTimesMs: [] })
  expect(verdict.seals[0]?.unchecked).toHaveLength(2)
})

test('remembers mathematics and no verdict: a revocation counts at once with the same cache', async () => {
  const cache = new VerificationCache()
  const input = {
    artifact: sealed,
    unsealed: unsealedSource(sealed),
    kind: 'function' as const,
    name: 'checkout',
    account: '000000000000',
    seals: [await sealOf(zip, identityOf(key))],
    publishers: [team],
    revocations: [],
    atMs: AT_MS,
  }

  const first = judge(input, cache)
  const second = judge({ ...input, revocations: [revocation('publisher', team.id)] }, cache)

  expect([first.kind, second.kind]).toEqual(['trusted', 'untrusted'])
})

test.each(['p256', 'p384', 'ed25519', 'rsa2048'] as const)(
  'trusts a statement signed by a %s key',
  async (kind) => {
    const pair = keyPair(kind)
    const zipped = await withSeals(zip, [await sealOf(zip, identityOf(pair))])

    expect(judgeZip(zipped, [publisher(publicPem(pair))]).kind).toBe('trusted')
  },
)

test.each(['p256', 'p384', 'p521', 'ed25519', 'rsa2048'] as const)(
  'trusts a CMS signed by a pinned %s certificate',
  async (kind) => {
    const pinned = issue({ key: keyPair(kind), usages: [] })
    const zipped = await withSeals(zip, [await sealOf(zip, identityOf(pinned))])

    expect(judgeZip(zipped, [publisher(pinned.pem)]).kind).toBe('trusted')
  },
)
