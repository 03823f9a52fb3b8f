import { createHash } from 'node:crypto'

import { beforeAll, expect, test } from 'vitest'

import type {
  Artifact,
  PublisherDocument,
  Revocation,
  SealInput,
  TimestampAuthority,
  TrustedPublisher,
  Verdict,
} from '../../../services/model/index.ts'
import {
  encodeDer,
  octetString,
  sequence,
  setOf,
  smallInteger,
} from '../../../services/seal/index.ts'
import { publisherFromPem, timestampAuthorityFromPem } from '../../../services/trust/index.ts'
import {
  AT_MS,
  identityOf,
  intermediate,
  issue,
  keyPair,
  openZip,
  publisher,
  reasonsOf,
  root,
  sealOf,
  type TestCertificate,
} from '../../support/pki.ts'
import {
  authority,
  makeToken,
  stampingUsage,
  timeText,
  type TestAuthority,
  type TokenSpec,
} from '../../support/timestamp-token.ts'
import { judgeZip } from './told.ts'

const DAY_MS = 86_400_000
const tsa = authority()
const other = authority('other')
const stranger = authority('stranger')

let zip: Artifact
beforeAll(async () => {
  zip = await openZip()
})

function authorityOf(from: TestAuthority): TimestampAuthority {
  return timestampAuthorityFromPem(from.root.pem)
}

function teamOf(
  signer: TestCertificate,
  document: Partial<PublisherDocument> = {},
): TrustedPublisher {
  const made = {
    ...publisherFromPem(signer.pem),
    timestampAuthorities: [authorityOf(tsa), authorityOf(other)],
    ...document,
  } as PublisherDocument
  return publisher(made)
}

/** A CMS by the signer with these tokens over its signature. */
async function stamped(
  signer: TestCertificate,
  tokens: readonly ((signature: Uint8Array) => Uint8Array)[],
  format: 'cms' | 'bundle' = 'cms',
): Promise<SealInput> {
  const { makeSeal } = await import('../../../cli/signing/index.ts')
  const { unsealedSource } = await import('../../../services/artifact/index.ts')
  const subject = { name: 'f.zip', sha256: zip.sha256, unsealed: unsealedSource(zip) }
  const maker = {
    identity: identityOf(signer),
    witness: ({ signature }: { signature: Uint8Array }) =>
      Promise.resolve({ timestamps: tokens.map((make) => make(signature)), logEntries: [] }),
  }
  const bytes = await makeSeal(format, maker, subject, {})
  return { format, place: 'block', bytes }
}

const by =
  (from: TestAuthority, spec: TokenSpec = {}) =>
  (signature: Uint8Array): Uint8Array =>
    makeToken(from, signature, spec)

const longLived = issue({ fromMs: AT_MS - 9 * DAY_MS, untilMs: AT_MS + 9 * DAY_MS })

async function judged(
  tokens: readonly ((signature: Uint8Array) => Uint8Array)[],
  more: { readonly atMs?: number; readonly revocations?: readonly Revocation[] } = {},
  team = teamOf(longLived),
): Promise<Verdict> {
  return judgeZip(zip, [team], { seals: [await stamped(longLived, tokens)], ...more })
}

test('a seal whose certificate expired after its trusted time stays trusted', async () => {
  const verdict = await judged([by(tsa)], { atMs: AT_MS + 90 * DAY_MS })

  expect(verdict.kind).toBe('trusted')
  expect(verdict.seals[0]?.trustedTimesMs).toEqual([AT_MS])
  expect(verdict.validUntilMs).toBeUndefined()
})

test('a seal whose certificate had expired at its trusted time is refused', async () => {
  const verdict = await judged([by(tsa, { time: timeText(AT_MS + 10 * DAY_MS) })], {
    atMs: AT_MS + 11 * DAY_MS,
  })

  expect(verdict.kind).toBe('untrusted')
  expect(reasonsOf(verdict)).toEqual(['certificate-expired'])
})

test('a seal whose certificate was not yet valid at its trusted time is refused', async () => {
  const verdict = await judged([by(tsa, { time: timeText(AT_MS - 10 * DAY_MS) })])

  expect(reasonsOf(verdict)).toEqual(['certificate-not-yet-valid'])
})

test('a seal without a timestamp expires with its certificate', async () => {
  const verdict = await judged([], { atMs: AT_MS + 90 * DAY_MS })

  expect(reasonsOf(verdict)).toEqual(['certificate-expired'])
})

test("a stranger's timestamp gives no time and is named as unchecked", async () => {
  const now = await judged([by(stranger)])
  const later = await judged([by(stranger)], { atMs: AT_MS + 90 * DAY_MS })

  expect(now.kind).toBe('trusted')
  expect(now.seals[0]?.trustedTimesMs).toEqual([])
  expect(now.seals[0]?.unchecked).toEqual([
    'RFC 3161 timestamp by `CN=stranger`: unknown authority',
  ])
  expect(reasonsOf(later)).toEqual(['certificate-expired'])
})

const revoked = (effectiveAtMs: number): Revocation => ({
  targetKind: 'certificate',
  target: createHash('sha256').update(longLived.der).digest('hex'),
  effectiveAtMs,
  recordedAtMs: effectiveAtMs,
  reason: 'lost',
})

test('a revoked certificate with a trusted time before the effective time stays good', async () => {
  const revocations = [revoked(AT_MS + DAY_MS)]
  const atMs = AT_MS + 2 * DAY_MS

  expect((await judged([by(tsa)], { revocations, atMs })).kind).toBe('trusted')
  expect(reasonsOf(await judged([by(stranger)], { revocations, atMs }))).toEqual([
    'certificate-revoked',
  ])
  expect(reasonsOf(await judged([], { revocations, atMs }))).toEqual(['certificate-revoked'])
})

test('a time that lies ahead is none yet, and the seal is judged anew when it comes', async () => {
  const ahead = AT_MS + DAY_MS
  const verdict = await judged([by(tsa, { time: timeText(ahead) })])

  expect(verdict.seals[0]?.trustedTimesMs).toEqual([])
  expect(verdict.seals[0]?.unchecked.join()).toContain('lies ahead')
  expect(verdict.validUntilMs).toBe(ahead - 300_001)
})

test("an authority's clock may run five minutes before ours", async () => {
  const times = async (aheadMs: number) =>
    (await judged([by(tsa, { time: timeText(AT_MS + aheadMs) })])).seals[0]?.trustedTimesMs

  expect(await times(300_000)).toEqual([AT_MS + 300_000])
  expect(await times(301_000)).toEqual([])
})

test.each([
  ['its certificate', 'certificate', (from: TestAuthority) => from.leaf.der],
  ["its issuer's certificate", 'certificate', (from: TestAuthority) => from.issuing.der],
  [
    'its key',
    'key',
    (from: TestAuthority) => from.leaf.key.publicKey.export({ format: 'der', type: 'spki' }),
  ],
] as const)(
  'an authority of which %s is revoked gives no time, not even one before the revocation',
  async (_what, targetKind, bytesOf) => {
    const target = createHash('sha256').update(bytesOf(tsa)).digest('hex')
    const revocations = [{ ...revoked(AT_MS + DAY_MS), targetKind, target }]

    const before = await judged([by(tsa)], { revocations })
    const after = await judged([by(tsa)], { revocations, atMs: AT_MS + 2 * DAY_MS })

    expect(before.seals[0]?.trustedTimesMs).toEqual([AT_MS])
    expect(before.validUntilMs).toBe(AT_MS + DAY_MS - 1)
    expect(after.seals[0]?.trustedTimesMs).toEqual([])
    expect(after.seals[0]?.unchecked.join()).toContain('its authority is revoked')
  },
)

test('a revoked certificate with a trusted time after the effective time is refused', async () => {
  const revocations = [revoked(AT_MS - DAY_MS)]

  expect(reasonsOf(await judged([by(tsa)], { revocations }))).toEqual(['certificate-revoked'])
})

test('of two trusted times one before and one after the effective time do not save a seal', async () => {
  const late = by(other, { time: timeText(AT_MS + 2 * DAY_MS) })
  const revocations = [revoked(AT_MS + DAY_MS)]

  const verdict = await judged([by(tsa), late], { revocations, atMs: AT_MS + 3 * DAY_MS })

  expect(reasonsOf(verdict)).toEqual(['certificate-revoked'])
})

test('a bundle carries the timestamp in a response and gives the same time', async () => {
  const key = keyPair()
  const holder = { der: new Uint8Array(), pem: '', key, name: new Uint8Array() }
  const seal = await stampedByKey(key)
  const pem = key.publicKey.export({ format: 'pem', type: 'spki' }).toString()
  const team = teamOf({ ...holder, pem })

  const verdict = judgeZip(zip, [team], { seals: [seal] })

  expect(verdict.kind).toBe('trusted')
  expect(verdict.seals[0]?.trustedTimesMs).toEqual([AT_MS])
})

async function stampedByKey(key: ReturnType<typeof keyPair>): Promise<SealInput> {
  const { makeSeal } = await import('../../../cli/signing/index.ts')
  const { unsealedSource } = await import('../../../services/artifact/index.ts')
  const subject = { name: 'f.zip', sha256: zip.sha256, unsealed: unsealedSource(zip) }
  const witness = ({ signature }: { signature: Uint8Array }) =>
    Promise.resolve({ timestamps: [makeToken(tsa, signature)], logEntries: [] })
  const bytes = await makeSeal('bundle', { identity: identityOf(key), witness }, subject, {})
  return { format: 'bundle', place: 'block', bytes }
}

const direct = (leaf: Parameters<typeof issue>[0]): TestAuthority => {
  const issuing = intermediate(tsa.root, { subject: 'direct issuing' })
  return {
    root: tsa.root,
    issuing,
    leaf: issue({ subject: 'direct', issuer: issuing, usages: [], ...leaf }),
  }
}
const extensions = [stampingUsage()]
const twoUsages = ['1.3.6.1.5.5.7.3.8', '1.3.6.1.5.5.7.3.3']

test.each<[string, TestAuthority, TokenSpec, string]>([
  ['over something else', tsa, { imprint: Buffer.alloc(32) }, 'timestamp-imprint'],
  ['with a broken signature', tsa, { breakSignature: true }, 'timestamp-signature'],
  ['signed over another content', tsa, { messageDigest: Buffer.alloc(32) }, 'timestamp-digest'],
  ['of another signer id than its certificate id', tsa, { signerSerial: 8 }, 'timestamp-signer'],
  [
    'that names another authority',
    tsa,
    { name: encodeDer(0xa4, other.leaf.name) },
    'timestamp-name',
  ],
  ['that names nobody', tsa, { name: encodeDer(0xa4) }, 'timestamp-name'],
  ['that cannot be read', tsa, { version: smallInteger(3) }, 'timestamp-version'],
  ['from before its certificate', tsa, { time: '20200101000000Z' }, 'timestamp-authority-expired'],
  ['from after its certificate', tsa, { time: '20300101000000Z' }, 'timestamp-authority-expired'],
  [
    'whose certificate may do more',
    direct({ extensions: [stampingUsage(twoUsages)] }),
    {},
    'timestamp-extended-key-usage',
  ],
  [
    'whose certificate is not critical about it',
    direct({ extensions: [stampingUsage(undefined, false)] }),
    {},
    'timestamp-extended-key-usage',
  ],
])('a timestamp %s makes the seal tampered', async (_what, from, spec, reason) => {
  const verdict = await judged([by(from, spec)])

  expect(verdict.kind).toBe('tampered')
  expect(verdict.findings[0]?.reason).toBe(reason)
})

test('a certificate for code under a root that the publisher knows makes the seal tampered', async () => {
  const verdict = await judged([by(leafOf(tsa, { usages: ['1.3.6.1.5.5.7.3.3'] }))])

  expect(verdict.findings[0]?.reason).toBe('timestamp-extended-key-usage')
})

function leafOf(from: TestAuthority, spec: Parameters<typeof issue>[0]): TestAuthority {
  const leaf = issue({ subject: 'tsa', issuer: from.issuing, ...spec })
  return { ...from, leaf }
}

test.each<[string, Parameters<typeof issue>[0], string]>([
  ['for code', { usages: ['1.3.6.1.5.5.7.3.3'] }, 'timestamp-extended-key-usage'],
  ['for certificates', { ca: true, usages: [], extensions }, 'timestamp-ca-as-signer'],
])(
  'a timestamp by a certificate %s that a known authority issued makes the seal tampered',
  async (_what, spec, reason) => {
    const from = leafOf(tsa, spec)
    const document = {
      timestampAuthorities: [timestampAuthorityFromPem(tsa.root.pem + tsa.issuing.pem)],
    }

    const verdict = await judged([by(from)], {}, teamOf(longLived, document))

    expect(verdict.kind).toBe('tampered')
    expect(verdict.findings[0]?.reason).toBe(reason)
  },
)

test('a token picks its certificate by the signed id, whatever stands before it (CVE-2026-39984)', async () => {
  const lookalike = issue({ subject: 'tsa', issuer: stranger.issuing, usages: [], extensions })
  const certificates = [lookalike, stranger.leaf, tsa.issuing, tsa.leaf]

  const good = await judged([by(tsa, { certificates })])
  const forged = await judged([
    by({ ...stranger, leaf: stranger.leaf }, { certificates, boundTo: tsa.leaf }),
  ])

  expect(good.seals[0]?.trustedTimesMs).toEqual([AT_MS])
  expect(forged.kind).toBe('tampered')
  expect(forged.findings[0]?.reason).toBe('timestamp-signer')
})

test("a certificate that names a known authority as its issuer without its signature is a stranger's", async () => {
  const forgedIssuing = intermediate(root({ subject: 'tsa root' }), { subject: 'tsa issuing' })
  const forged = {
    root: tsa.root,
    issuing: forgedIssuing,
    leaf: issue({ subject: 'tsa', issuer: forgedIssuing, usages: [], extensions }),
  }
  const wrongKey = issue({ subject: 'tsa', issuer: { ...tsa.issuing, key: keyPair() } })

  const verdict = await judged([by(forged), by({ ...tsa, leaf: wrongKey })])

  expect(verdict.kind).toBe('trusted')
  expect(verdict.seals[0]?.trustedTimesMs).toEqual([])
  expect(verdict.seals[0]?.unchecked).toHaveLength(2)
})

test('a token without certificates counts where the authority lists its own', async () => {
  const chain = tsa.root.pem + tsa.issuing.pem + tsa.leaf.pem
  const document = { timestampAuthorities: [timestampAuthorityFromPem(chain)] }
  const bare = by(tsa, { certificates: [] })

  const known = await judged([bare], {}, teamOf(longLived, document))
  const unknown = await judged([bare])

  expect(known.seals[0]?.trustedTimesMs).toEqual([AT_MS])
  expect(unknown.seals[0]?.trustedTimesMs).toEqual([])
  expect(unknown.seals[0]?.unchecked[0]).toContain('a certificate that is not in it')
})

test('a pinned certificate is an authority of its own', async () => {
  const leaf = issue({ subject: 'pinned', usages: [], extensions })
  const pinned = { root: leaf, issuing: leaf, leaf }
  const document = { timestampAuthorities: [timestampAuthorityFromPem(leaf.pem)] }

  const verdict = await judged(
    [by(pinned, { certificates: [leaf] })],
    {},
    teamOf(longLived, document),
  )

  expect(verdict.seals[0]?.trustedTimesMs).toEqual([AT_MS])
})

test('both forms of the certificate id must be of the same certificate', async () => {
  const both = await judged([by(tsa, { legacy: tsa.leaf })])
  const old = await judged([by(tsa, { legacy: tsa.leaf, boundTo: null })])
  const mixed = await judged([by(tsa, { legacy: other.leaf })])

  expect(both.seals[0]?.trustedTimesMs).toEqual([AT_MS])
  expect(old.seals[0]?.trustedTimesMs).toEqual([AT_MS])
  expect(mixed.seals[0]?.trustedTimesMs).toEqual([])
})

test('a certificate id with issuer and serial number must have both right', async () => {
  const id = (serial: number): Uint8Array => {
    const hash = octetString(createHash('sha256').update(tsa.leaf.der).digest())
    const names = sequence(encodeDer(0xa4, tsa.issuing.name))
    return sequence(sequence(sequence(hash, sequence(names, smallInteger(serial)))))
  }

  const right = await judged([by(tsa, { certificateId: id(7) })])
  const wrong = await judged([by(tsa, { certificateId: id(8) })])

  expect(right.seals[0]?.trustedTimesMs).toEqual([AT_MS])
  expect(wrong.seals[0]?.trustedTimesMs).toEqual([])
})

test('a certificate in the bag that cannot be read is passed over', async () => {
  const broken = { ...tsa.leaf, der: sequence(setOf([])) }
  const certificates = [broken, tsa.leaf, tsa.issuing]

  expect((await judged([by(tsa, { certificates })])).seals[0]?.trustedTimesMs).toEqual([AT_MS])
})

test.each(['rsa2048', 'p384', 'p521'] as const)(
  'takes an authority with a key of %s',
  async (kind) => {
    const from = leafOf(tsa, { key: keyPair(kind), usages: [], extensions })

    expect((await judged([by(from)])).seals[0]?.trustedTimesMs).toEqual([AT_MS])
  },
)

const wanting = (timestamps: number, checks?: 'enforce' | 'log') =>
  teamOf(longLived, {
    thresholds: { timestamps },
    ...(checks && { checks: { timestamp: checks } }),
  })

test('a threshold counts authorities and not tokens', async () => {
  const twice = await judged([by(tsa), by(tsa, { time: timeText(AT_MS - 1000) })], {}, wanting(2))
  const sibling = leafOf(tsa, { usages: [], extensions, serial: 9 })
  const siblings = await judged([by(tsa), by(sibling, { signerSerial: 9 })], {}, wanting(2))
  const two = await judged([by(tsa), by(other)], {}, wanting(2))

  expect(reasonsOf(twice)).toEqual(['timestamp-threshold'])
  expect(reasonsOf(siblings)).toEqual(['timestamp-threshold'])
  expect(two.kind).toBe('trusted')
})

test.each([
  ['none', []],
  ["a stranger's", [by(stranger)]],
])('a seal that lacks its threshold is refused: %s', async (_what, tokens) => {
  const verdict = await judged(tokens, {}, wanting(1))

  expect(verdict.kind).toBe('untrusted')
  expect(verdict.findings).toContainEqual(
    expect.objectContaining({ rule: 'mismatch', reason: 'timestamp-threshold' }),
  )
})

test('a threshold that is logged alone is shown and refuses nothing', async () => {
  const verdict = await judged([], {}, wanting(1, 'log'))

  expect(verdict.kind).toBe('trusted')
  expect(verdict.findings).toContainEqual(
    expect.objectContaining({ status: 'warned', reason: 'timestamp-threshold' }),
  )
  expect(reasonsOf(await judged([], {}, wanting(1, 'enforce')))).toEqual(['timestamp-threshold'])
})

test('a seal that holds for one of its publishers is not broken by the view of another version', async () => {
  // the older version knows the authority, whose token is over something else; the newer one knows none
  const older = { ...teamOf(longLived), version: 'OLDVERSION', allowed: false }
  const newer = publisher(publisherFromPem(longLived.pem))
  const seal = await stamped(longLived, [by(tsa, { imprint: Buffer.alloc(32) })])
  const alone = judgeZip(zip, [older], { seals: [seal] })
  const beside = judgeZip(zip, [older, newer], { seals: [seal] })

  expect(alone.kind).toBe('tampered')
  expect(beside.kind).toBe('trusted')
  expect(beside.seals[0]?.trustedTimesMs).toEqual([])
})

test("a publisher's broken view of a timestamp does not touch the seals of others", async () => {
  // the neighbour believes a certificate that may not stamp; the seal is not his
  const leaf = issue({
    subject: 'tsa',
    issuer: tsa.issuing,
    usages: [],
    extensions: [stampingUsage(twoUsages)],
  })
  const from = { ...tsa, leaf }
  const neighbour = publisher(
    { ...publisherFromPem(issue().pem), timestampAuthorities: [authorityOf(tsa)] },
    { name: 'neighbour' },
  )
  const own = teamOf(longLived, { timestampAuthorities: [authorityOf(other)] })
  const seals = [await stamped(longLived, [by(from)])]

  expect(judgeZip(zip, [own, neighbour], { seals }).kind).toBe('trusted')
})

test('the signature validity of a publisher counts from the trusted time', async () => {
  const team = teamOf(longLived, { signatureValidityMs: 5 * DAY_MS })

  expect((await judged([by(tsa)], { atMs: AT_MS + 4 * DAY_MS }, team)).kind).toBe('trusted')
  expect(reasonsOf(await judged([by(tsa)], { atMs: AT_MS + 6 * DAY_MS }, team))).toEqual([
    'signature-validity',
  ])
})

test('a seal without timestamps is judged as before', async () => {
  const verdict = judgeZip(zip, [teamOf(longLived)], {
    seals: [await sealOf(zip, identityOf(longLived))],
  })

  expect(verdict.seals[0]).toMatchObject({ outcome: 'trusted', unchecked: [] })
})
