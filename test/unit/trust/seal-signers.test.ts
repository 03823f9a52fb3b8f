import { createHash, sign } from 'node:crypto'

import { beforeEach, expect, test } from 'vitest'

import { unsealedSource } from '../../../services/artifact/index.ts'
import {
  limits,
  PlatformError,
  type ByteSource,
  type SealInput,
} from '../../../services/model/index.ts'
import {
  encodeBundle,
  encodeCms,
  encodeDer,
  encodeSealStatement,
  encodeSignedAttributes,
  objectIdentifier,
  octetString,
  preAuthEncoding,
  sequence,
  smallInteger,
  setOf,
  STATEMENT_PAYLOAD_TYPE,
  TAG,
  utf8String,
  type Bundle,
  type CmsSignerId,
  type HashName,
} from '../../../services/seal/index.ts'
import {
  collectSeals,
  judge as judgeSeals,
  managedDocument,
  parseCertificate,
  parseManagedSettings,
  publisherFromPem,
  VerificationCache,
} from '../../../services/trust/index.ts'
import { bundleCertificateSigner } from '../../../services/trust/x509-signer.ts'
import { parseFulcio } from '../../../services/trust/sigstore/fulcio.ts'
import { findTimestamps } from '../../../services/trust/timestamp-witness.ts'
import { integrityFinding } from '../../../services/trust/findings.ts'
import { checkScheme, verifySignature, verifySource } from '../../../services/trust/signature.ts'
import { parsePublicKey } from '../../../services/trust/index.ts'
import {
  AT_MS,
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
  identityOf,
  withSeals,
  type KeyPair,
  type TestCertificate,
} from '../../support/pki.ts'
import { judgeZip, saying } from './told.ts'

const zip = await openZip()
const unsealed = readAll(unsealedSource(zip))
const key = keyPair()
const ca = root()
const leaf = issue({
  issuer: ca,
  extensions: [{ oid: '2.5.29.14', value: octetString(Uint8Array.of(9)) }],
})
// Anew for each test, so that each computes what it is about.
let cache = new VerificationCache()
beforeEach(() => {
  cache = new VerificationCache()
})
const pki = publisher({ ...publisherFromPem(ca.pem), forms: ['cms', 'statement', 'message'] })
const team = publisher({ ...publisherFromPem(publicPem(key)), forms: ['statement', 'message'] })
const digest = (bytes: Uint8Array, hash: HashName = 'sha256') =>
  createHash(hash).update(bytes).digest()
const fingerprint = (pair: KeyPair) =>
  digest(pair.publicKey.export({ format: 'der', type: 'spki' }))

function bundleOf(
  change: Partial<Bundle> & { keyid?: string; signer?: Bundle['signer'] },
  by = key,
): SealInput {
  const payload = encodeSealStatement({ name: 'f.zip', sha256: zip.sha256 }, {})
  const signature = sign('sha256', preAuthEncoding(STATEMENT_PAYLOAD_TYPE, payload), by.privateKey)
  const { keyid = '', ...rest } = change
  const bundle: Bundle = {
    format: 'bundle',
    signer: { kind: 'key', hint: '' },
    content: { kind: 'statement', payload, signature, keyid },
    logEntries: [],
    timestamps: [],
    ...rest,
  }
  return { format: 'bundle', place: 'detached', bytes: encodeBundle(bundle) }
}

function messageOf(by: KeyPair, hash: HashName, over: Uint8Array = unsealed): SealInput {
  const content = {
    kind: 'message' as const,
    digest: digest(over, hash),
    hash,
    signature: sign(hash, over, by.privateKey),
  }
  return bundleOf({ content })
}

const judge = (seal: SealInput, publishers = [pki, team]) =>
  judgeZip(zip, publishers, seal.place === 'block' ? { seals: [seal] } : { detached: [seal] })
const inBlock = (seal: SealInput): SealInput => ({ ...seal, place: 'block' })

test("believes a key hint in hex and cosign's in base64, and no other key than it names", () => {
  const other = keyPair()
  const known = [team, publisher(publicPem(other), { name: 'other' })]
  const [own, foreign] = [fingerprint(key), fingerprint(other)]
  expect(judge(bundleOf({ keyid: own.toString('hex') }), known).kind).toBe('trusted')
  expect(judge(bundleOf({ keyid: own.toString('base64') }), known).kind).toBe('trusted')
  expect(reasonsOf(judge(bundleOf({ keyid: foreign.toString('base64') }), known))).toContain(
    'signature-invalid',
  )
  const unknown = fingerprint(keyPair()).toString('hex')
  expect(reasonsOf(judge(bundleOf({ keyid: unknown }), known))).toContain('hint')
  expect(judge(bundleOf({ keyid: 'release key' }), known).kind).toBe('trusted')
})

test('takes no hint in a block that is not a fingerprint in hex', () => {
  expect(reasonsOf(judge(inBlock(bundleOf({ keyid: 'release key' }))))).toContain('hint')
})

test('names the key of a stranger by its hint', () => {
  const stranger = keyPair()
  const hint = fingerprint(stranger).toString('hex')
  const verdict = judge(bundleOf({ signer: { kind: 'key', hint } }, stranger))
  expect(verdict.findings.map(({ got }) => got).join()).toContain(hint)
  const mute = judge(bundleOf({}, stranger))
  expect(mute.findings.map(({ got }) => got)).toContain('a key that is of no publisher')
})

const byCertificate = (change: Partial<Bundle> & { keyid?: string }, by: TestCertificate = leaf) =>
  bundleOf({ signer: { kind: 'certificates', certificates: [by.der] }, ...change }, by.key)

test('trusts a bundle that brings its certificate, and calls a signature by another key broken', () => {
  expect(judge(byCertificate({})).kind).toBe('trusted')
  const seal = bundleOf({ signer: { kind: 'certificates', certificates: [leaf.der] } }, keyPair())
  expect(reasonsOf(judge(seal))).toContain('signature-invalid')
  const keyid = fingerprint(key).toString('hex')
  expect(reasonsOf(judge(inBlock(byCertificate({ keyid }))))).toContain('hint')
  const right = fingerprint(leaf.key).toString('hex')
  expect(judge(inBlock(byCertificate({ keyid: right }))).kind).toBe('trusted')
})

test('trusts a message signature by the key of a certificate', () => {
  const content = {
    kind: 'message' as const,
    digest: digest(unsealed),
    signature: sign('sha256', unsealed, leaf.key.privateKey),
  }
  expect(judge(byCertificate({ content })).kind).toBe('trusted')
})

test.each<[string, () => TestCertificate[], string]>([
  ['that is not on its path', () => [leaf, intermediate(root())], 'certificate-unused'],
  [
    'of a root that did not sign itself',
    () => [
      leaf,
      issue({
        subject: 'root',
        issuerName: ca.name,
        key: ca.key,
        ca: true,
        issuer: { ...root(), name: ca.name },
      }),
    ],
    'certificate-signature',
  ],
])('takes no certificate into a block %s', (_title, certificates, reason) => {
  const signer = {
    kind: 'certificates' as const,
    certificates: certificates().map(({ der }) => der),
  }
  expect(reasonsOf(judge(inBlock(bundleOf({ signer }, leaf.key))))).toContain(reason)
})

test('takes a root that signed itself into a block', () => {
  const signer = { kind: 'certificates' as const, certificates: [leaf.der, ca.der] }
  expect(judge(inBlock(bundleOf({ signer }, leaf.key))).kind).toBe('trusted')
})

interface CmsSpec {
  readonly certificates?: readonly Uint8Array[]
  readonly signer?: CmsSignerId
  readonly bound?: Uint8Array
  readonly by?: KeyPair
  readonly hash?: HashName
  readonly over?: Uint8Array
  readonly bare?: boolean
}

function cmsOf(spec: CmsSpec = {}): SealInput {
  const { by = leaf.key, hash = 'sha256', over = unsealed } = spec
  const certificate = parseCertificate(leaf.der, cache)
  const attributes = encodeSignedAttributes(digest(over, hash), spec.bound ?? digest(leaf.der))
  const signed = spec.bare === true ? undefined : { bytes: attributes }
  const bytes = encodeCms({
    digest: hash,
    scheme: { kind: 'ecdsa', hash },
    signer: spec.signer ?? {
      kind: 'issuer-serial',
      issuer: Buffer.from(certificate.issuer, 'hex'),
      serial: Buffer.from(certificate.serial, 'hex'),
    },
    signed,
    signature: sign(hash, signed?.bytes ?? over, by.privateKey),
    certificates: spec.certificates ?? [leaf.der],
    timestamps: [],
  })
  return { format: 'cms', place: 'detached', bytes }
}

const named: [string, CmsSpec, string | undefined][] = [
  ['as it should be', {}, undefined],
  [
    'whose signer is named by its key id',
    { signer: { kind: 'key-id', keyId: Uint8Array.of(9) } },
    undefined,
  ],
  ['without signed attributes', { bare: true }, undefined],
  ['over SHA-384', { hash: 'sha384' }, undefined],
  [
    'whose signer is not in it',
    { certificates: [issue({ issuer: ca, serial: 8 }).der] },
    'no-signer-certificate',
  ],
  [
    'whose signer id names another',
    { signer: { kind: 'key-id', keyId: Uint8Array.of(8) } },
    'no-signer-certificate',
  ],
  ['that is bound to another certificate', { bound: digest(ca.der) }, 'signing-certificate'],
  ['by another key', { by: key }, 'signature-invalid'],
  ['without signed attributes by another key', { bare: true, by: key }, 'signature-invalid'],
  ['over something else', { over: Buffer.from('else') }, 'digest-mismatch'],
  [
    'over something else in SHA-384',
    { over: Buffer.from('else'), hash: 'sha384' },
    'digest-mismatch',
  ],
]
test.each(named)('judges a detached CMS %s', (_title, spec, reason) => {
  const verdict = judge(cmsOf(spec))
  if (reason === undefined) expect(verdict.kind).toBe('trusted')
  else {
    expect(verdict.kind).toBe('tampered')
    expect(reasonsOf(verdict)).toContain(reason)
  }
})

test("names a certificate that cannot be read where it is not the signer's, and breaks where it is", () => {
  const strange = sequence(utf8String('no certificate'))
  const verdict = judge(cmsOf({ certificates: [leaf.der, strange] }))
  expect(verdict.kind).toBe('trusted')
  expect(verdict.seals[0]?.unchecked.join()).toContain('a certificate that cannot be read')
  expect(judge(cmsOf({ certificates: [strange] })).kind).toBe('tampered')
  expect(judge(inBlock(cmsOf({ certificates: [leaf.der, strange] }))).kind).toBe('tampered')
})

test('does not choose between two certificates that the signer id names', () => {
  const twin = issue({ issuer: ca, key: leaf.key, usages: [] })
  expect(reasonsOf(judge(cmsOf({ certificates: [leaf.der, twin.der] })))).toContain(
    'signer-ambiguous',
  )
})

test('takes an issuer in another string type for the same, detached and not in a block', () => {
  const issuer = sequence(
    setOf([
      sequence(objectIdentifier('2.5.4.3'), encodeDer(TAG.printableString, Buffer.from('root'))),
    ]),
  )
  const signer = { kind: 'issuer-serial' as const, issuer, serial: Uint8Array.of(7) }
  expect(judge(cmsOf({ signer })).kind).toBe('trusted')
  expect(reasonsOf(judge(inBlock(cmsOf({ signer }))))).toContain('no-signer-certificate')
})

test('reads the artifact once for another digest than SHA-256, however many seals want it', () => {
  const p384 = keyPair('p384')
  const known = publisher({ ...publisherFromPem(publicPem(p384)), forms: ['message'] })
  const source = unsealedSource(zip)
  let reads = 0
  const counted: ByteSource = {
    ...source,
    read(offset, length, into) {
      reads += 1
      return source.read(offset, length, into)
    },
  }
  const wrong = messageOf(p384, 'sha384', Buffer.from('else'))
  const remembering = new VerificationCache()
  const judgedAgain = () =>
    judgeSeals(
      {
        artifact: zip,
        unsealed: counted,
        kind: 'function',
        name: 'checkout',
        account: '000000000000',
        seals: [wrong, wrong, wrong],
        publishers: [known],
        revocations: [],
        atMs: AT_MS,
      },
      remembering,
    ).seals.map(({ outcome }) => outcome)

  expect(judgedAgain()).toEqual(['tampered', 'tampered', 'tampered'])
  expect(judgedAgain()).toEqual(['tampered', 'tampered', 'tampered'])
  expect(reads).toBe(1)
})

test.each<HashName>(['sha256', 'sha384'])(
  'says so of a signature over the sealed file, %s',
  async (hash) => {
    const p384 = keyPair('p384')
    const known = publisher({
      ...publisherFromPem(publicPem(p384)),
      forms: ['statement', 'message'],
    })
    const sealed = await withSeals(zip, [await sealOf(zip, identityOf(key))])
    const over = readAll(sealed.source)
    const seal = messageOf(p384, hash, over)
    expect(reasonsOf(judgeZip(sealed, [known], { detached: [seal] }))).toContain(
      'signed-sealed-file',
    )
    const elsewhere = messageOf(p384, hash, Buffer.from('else'))
    expect(reasonsOf(judgeZip(sealed, [known], { detached: [elsewhere] }))).toContain(
      'digest-mismatch',
    )
    const unknownFile = { detached: [seal], sealed: undefined as never }
    if (hash === 'sha384')
      expect(reasonsOf(judgeZip(sealed, [known], unknownFile))).toContain('digest-mismatch')
    expect(judgeZip(sealed, [known], { detached: [messageOf(p384, hash)] }).kind).toBe('trusted')
  },
)

test('tells of a statement about several others that it is about none of these bytes', () => {
  const subject = [
    { name: 'a', digest: { sha256: '0'.repeat(64) } },
    { name: 'b', digest: { sha256: '1'.repeat(64) } },
  ]
  const payload = Buffer.from(
    JSON.stringify({
      _type: 'https://in-toto.io/Statement/v1',
      subject,
      predicateType: 'https://example.org/scan',
      predicate: {},
    }),
  )
  const signature = sign('sha256', preAuthEncoding(STATEMENT_PAYLOAD_TYPE, payload), key.privateKey)
  const verdict = judge(bundleOf({ content: { kind: 'statement', payload, signature, keyid: '' } }))
  expect(verdict.findings.map(({ got }) => got).join()).toContain(`${'0'.repeat(64)} and others`)
})

test('counts nothing for a publisher without a purpose', () => {
  const idle = publisher({ ...publisherFromPem(publicPem(key)), purposes: [] })
  const verdict = judge(bundleOf({}), [idle])
  expect(reasonsOf(verdict)).toEqual(['purpose-not-listed'])
  expect(verdict.findings.map(({ got }) => got).join()).toContain('is for nothing')
})

test('tells the seals that broke beside the one that decides, and of unsigned code that no publisher is there', async () => {
  const seal = await sealOf(zip, identityOf(key))
  const [first, second] = ['a', 'b'].map((name): SealInput => ({
    format: 'bundle',
    place: 'block',
    bytes: Buffer.from(name),
  }))
  const verdict = judgeZip(zip, [team], { seals: [first ?? seal, seal, second ?? seal] })
  expect(verdict.kind).toBe('tampered')
  expect(
    verdict.findings.filter(({ rule, status }) => rule === 'integrity' && status === 'failed'),
  ).toHaveLength(2)
  expect(
    judgeZip(zip, [])
      .findings.map(({ expected }) => expected)
      .join(),
  ).toContain('a seal by a publisher for')
})

test('lets the seal of a known signer tell why, rather than that of a stranger', async () => {
  const seals = [bundleOf({}, keyPair()), bundleOf({ keyid: '' })]
  const closed = publisher(publicPem(key), { allowed: false })
  expect(reasonsOf(judgeZip(zip, [closed], { detached: seals }))).toEqual(['publisher-not-allowed'])
})

test('looks at no more detached seals than it may', async () => {
  const seal = await sealOf(zip, identityOf(key))
  const many = Array.from({ length: limits.DETACHED_SEALS_LIMIT + 1 }, () => seal)
  expect(saying(() => collectSeals(zip, many))).toThrow(
    expect.objectContaining({ detail: { rule: 'detached-count' } }),
  )
  expect(collectSeals(zip, many.slice(1))).toHaveLength(limits.DETACHED_SEALS_LIMIT)
})

test('calls what has no word for its cause malformed', () => {
  expect(integrityFinding(new PlatformError('INVALID_SEAL', 'x')).reason).toBe('malformed')
})

const publicKey = (pair: KeyPair) =>
  parsePublicKey(pair.publicKey.export({ format: 'der', type: 'spki' }), cache)

test('verifies a signature only by the kind of key that makes such', () => {
  const ed25519 = publicKey(keyPair('ed25519'))
  expect(saying(() => checkScheme({ kind: 'ecdsa', hash: 'sha256' }, ed25519))).toThrow(
    expect.objectContaining({ detail: { rule: 'algorithm-key' } }),
  )
  expect(saying(() => checkScheme({ kind: 'ed25519' }, publicKey(key)))).toThrow(/ed25519/)
  expect(saying(() => checkScheme({ kind: 'rsa-pkcs1', hash: 'sha256' }, publicKey(key)))).toThrow(
    /rsa/,
  )
})

test('takes no ECDSA signature that is not in its one encoding', () => {
  const scheme = { kind: 'ecdsa' as const, hash: 'sha256' as const }
  const bad = Uint8Array.of(0x30, 0)
  expect(verifySignature(scheme, publicKey(key), unsealed, bad)).toBe(false)
  expect(verifySource(scheme, publicKey(key), unsealedSource(zip), bad)).toBe(false)
})

test('verifies RSA-PSS and Ed25519 over a whole artifact, the latter up to 50 MB', () => {
  const rsa = keyPair('rsa2048')
  const pss = { kind: 'rsa-pss' as const, hash: 'sha256' as const, saltBytes: 32 }
  const made = sign('sha256', unsealed, { key: rsa.privateKey, padding: 6, saltLength: 32 })
  expect(verifySource(pss, publicKey(rsa), unsealedSource(zip), made)).toBe(true)
  const ed25519 = keyPair('ed25519')
  const signature = sign(null, unsealed, ed25519.privateKey)
  const scheme = { kind: 'ed25519' as const }
  expect(verifySource(scheme, publicKey(ed25519), unsealedSource(zip), signature)).toBe(true)
  const large = { sizeBytes: limits.ZIPPED_INLINE_LIMIT_BYTES + 1, read: () => unsealed }
  expect(saying(() => verifySource(scheme, publicKey(ed25519), large, signature))).toThrow(
    expect.objectContaining({ detail: { rule: 'message-size' } }),
  )
})

test('trusts seals by P-384 and P-521 in the digests of their curves', () => {
  for (const [kind, hash] of [
    ['p384', 'sha384'],
    ['p521', 'sha512'],
  ] as const) {
    const signer = issue({ issuer: ca, key: keyPair(kind) })
    const payload = encodeSealStatement({ name: 'f.zip', sha256: zip.sha256 }, {})
    const signature = sign(
      hash,
      preAuthEncoding(STATEMENT_PAYLOAD_TYPE, payload),
      signer.key.privateKey,
    )
    const content = { kind: 'statement' as const, payload, signature, keyid: '' }
    expect(judge(byCertificate({ content }, signer)).kind).toBe('trusted')
  }
})

test('lets a seal count for an allowed publisher before one that the config does not name', () => {
  const document = publisherFromPem(publicPem(key))
  const closed = publisher(document, { name: 'closed', allowed: false })
  const open = publisher(document, { name: 'open' })
  for (const publishers of [
    [closed, open],
    [open, closed],
  ])
    expect(judge(bundleOf({}), publishers).seals[0]?.publisher?.name).toBe('open')
})

test('tells a certificate that is of no publisher by its subject, with and without extensions', () => {
  for (const bare of [false, true]) {
    const stranger = issue({ issuer: ca, subject: 'stranger', bare })
    const verdict = judge(byCertificate({}, stranger), [])
    expect(verdict.findings.map(({ got }) => got)).toContain(
      'a certificate of `CN=stranger`, which is of no publisher',
    )
    expect(parseFulcio(parseCertificate(stranger.der, cache), cache).issuer).toBeUndefined()
  }
})

test('takes no bundle without a certificate, and no timestamp that its authority refused', () => {
  const bundle: Bundle & { signer: { kind: 'certificates'; certificates: readonly Uint8Array[] } } =
    {
      format: 'bundle',
      signer: { kind: 'certificates', certificates: [] },
      content: { kind: 'message', digest: digest(unsealed), signature: unsealed },
      logEntries: [],
      timestamps: [],
    }
  const input = { artifact: zip, unsealed: unsealedSource(zip) } as never
  expect(
    saying(() =>
      bundleCertificateSigner(bundle, 'detached', undefined, { input, known: [], cache }),
    ),
  ).toThrow(expect.objectContaining({ detail: { rule: 'certificate' } }))
  const refusal = sequence(sequence(smallInteger(2)))
  const authority = { anchors: [], intermediates: [] }
  const evidence = { timestamps: [refusal], signature: unsealed, seal: bundleOf({}) }
  expect(saying(() => findTimestamps(evidence, [authority], { input, cache }))).toThrow(
    expect.objectContaining({ detail: { rule: 'timestamp-status' } }),
  )
})

test("reckons no end of its own for a managed publisher's seal that carries one", async () => {
  const settings = parseManagedSettings({
    kind: 'managed',
    validityPeriod: { value: 1, type: 'DAYS' },
  })
  const managed = publisher(
    managedDocument(settings, { publicKeyPem: publicPem(key), succession: undefined }),
  )
  const ending = await sealOf(zip, identityOf(key), {
    predicate: { notAfter: new Date(AT_MS + 1_000).toISOString() },
  })
  const endless = await sealOf(zip, identityOf(key))
  expect(judgeZip(zip, [managed], { seals: [ending] }).kind).toBe('trusted')
  expect(reasonsOf(judgeZip(zip, [managed], { seals: [endless] }))).toEqual(['signature-validity'])
})
