import { expect, test } from 'vitest'

import {
  sha256,
  type Revocation,
  type TrustedPublisher,
  type X509PublisherDocument,
} from '../../../services/model/index.ts'
import {
  encodeDer,
  objectIdentifier,
  readDer,
  sequence,
  setOf,
  TAG,
} from '../../../services/seal/index.ts'
import {
  parseCertificate,
  parsePublicKey,
  VerificationCache,
} from '../../../services/trust/index.ts'
import { revocationTargets } from '../../../services/trust/certificate.ts'
import type { Evidence } from '../../../services/trust/evidence.ts'
import { fitsSubjects, identityOf } from '../../../services/trust/identity.ts'
import { formatName, parseName } from '../../../services/trust/names.ts'
import { checkRevocation } from '../../../services/trust/revocation.ts'
import type { Signer } from '../../../services/trust/signer.ts'
import { AT_MS, issue, keyPair, publicPem, publisher, root } from '../../support/pki.ts'
import { IDENTITY, ISSUER, TestSigstore } from '../../support/sigstore.ts'

const cache = new VerificationCache()
const ca = root()
const anchor = parseCertificate(ca.der, cache)
const issued = issue({
  issuer: ca,
  altNames: [
    { tag: 0x82, value: 'a.example.org' },
    { tag: 0x81, value: 'a@example.org' },
  ],
})
const leaf = parseCertificate(issued.der, cache)
const keyOf = (pair: typeof issued.key) =>
  parsePublicKey(pair.publicKey.export({ format: 'der', type: 'spki' }), cache)
const key = keyOf(issued.key)
const signer: Signer = { kind: 'x509', key, leaf, others: [] }

test('names a signer by its key, or by issuer, subject and key of its certificate', () => {
  const { spkiSha256 } = key
  const bare = identityOf({ kind: 'key', key, hint: '' }, 'key', cache)
  const held = identityOf(signer, 'x509', cache)

  expect(bare).toEqual({
    id: `key:${spkiSha256}`,
    kind: 'key',
    spkiSha256,
    display: `key SHA256:${spkiSha256}`,
  })
  expect(held).toEqual({
    id: `x509:${sha256(`${leaf.issuer}\0${leaf.subject}\0${spkiSha256}`)}`,
    kind: 'x509',
    spkiSha256,
    display: 'CN=signer',
    subject: 'CN=signer',
    issuer: 'CN=root',
    certificateSha256: leaf.sha256,
  })
  expect(identityOf(signer, undefined, cache)).toEqual(held)
  expect(identityOf(signer, 'oidc', cache)).toEqual(held)
  expect(identityOf({ kind: 'key', key: undefined, hint: 'a' }, 'key', cache)).toBeUndefined()
})

const keyless = new TestSigstore().certificate()
const keylessLeaf = parseCertificate(keyless.der, cache)
const keylessSigner: Signer = {
  kind: 'x509',
  key: keyOf(keyless.key),
  leaf: keylessLeaf,
  others: [],
}

test('names a keyless signer by who its issuer says it is, through whatever kind of publisher', () => {
  const id = `oidc:${sha256(`${ISSUER}\0uri\0${IDENTITY}`)}`
  const { spkiSha256 } = keyOf(keyless.key)

  expect(identityOf(keylessSigner, 'oidc', cache)).toEqual({
    id,
    kind: 'oidc',
    spkiSha256,
    display: `${IDENTITY} (${ISSUER})`,
    subject: IDENTITY,
    issuer: ISSUER,
    certificateSha256: keylessLeaf.sha256,
  })
  expect(identityOf(keylessSigner, 'x509', cache)).toMatchObject({
    id,
    kind: 'x509',
    display: IDENTITY,
    issuer: 'CN=fulcio',
  })
  expect(identityOf(keylessSigner, undefined, cache)?.id).toMatch(/^x509:[0-9a-f]{64}$/)
})

const dns = (value: string) => ({ type: 'dns' as const, value })
const email = (value: string) => ({ type: 'email' as const, value })

test.each<[string, Partial<X509PublisherDocument>, boolean]>([
  ['nothing asked', {}, true],
  ['its subject', { subjects: ['CN=other', 'CN=signer'] }, true],
  ['another subject', { subjects: ['CN=other'] }, false],
  ['a part of its subject', { subjects: ['CN=sign'] }, false],
  ['one of its names', { subjectAltNames: [dns('x'), email('a@example.org')] }, true],
  ['none of its names', { subjectAltNames: [dns('x')] }, false],
  ['its name as another type', { subjectAltNames: [email('a.example.org')] }, false],
  ['another of its type', { subjectAltNames: [dns('b.example.org')] }, false],
  ['its subject, another name', { subjects: ['CN=signer'], subjectAltNames: [dns('x')] }, false],
  [
    'another subject, its name',
    { subjects: ['CN=other'], subjectAltNames: [dns('a.example.org')] },
    false,
  ],
])('fits a certificate to %s: or not', (_title, document, fits) => {
  expect(fitsSubjects({ kind: 'x509', ...document } as X509PublisherDocument, leaf)).toBe(fits)
})

const value = (oid: string, tag: number, content: string | Uint8Array): Uint8Array =>
  sequence(
    objectIdentifier(oid),
    encodeDer(tag, typeof content === 'string' ? Buffer.from(content) : content),
  )
const cn = (content: string | Uint8Array, tag: number = TAG.utf8String): Uint8Array =>
  value('2.5.4.3', tag, content)
const nameOf = (...rdns: Uint8Array[][]) => readDer(sequence(...rdns.map((rdn) => setOf(rdn))))
const o = value('2.5.4.10', TAG.printableString, 'Acme')
const utf16 = Uint8Array.of(0x00, 0x41, 0x00, 0x62)

test.each<[string, Uint8Array[][], string]>([
  ['last part first', [[o], [cn('a')]], 'CN=a,O=Acme'],
  ['two of one part', [[cn('a'), o]], 'CN=a+O=Acme'],
  ['no part', [], ''],
  [
    'what has to be escaped',
    [[cn(String.raw`a\b"c,d+e<f>g;h`)]],
    String.raw`CN=a\\b\"c\,d\+e\<f\>g\;h`,
  ],
  ['spaces at the ends', [[cn(' a b ')]], String.raw`CN=\ a b\ `],
  ['one space', [[cn(' ')]], String.raw`CN=\ `],
  ['a hash', [[cn('#a#')]], String.raw`CN=\#a#`],
  ['a NUL', [[cn('a\0b')]], String.raw`CN=a\00b`],
  ['a mark at its start', [[cn('\u{feff}a')]], 'CN=\u{feff}a'],
  ['a string type that is not written', [[cn('a', 0x14)]], 'CN=#140161'],
  ['UTF-16', [[cn(utf16, 0x1e)]], 'CN=#1e0400410062'],
  ['no text', [[cn(Uint8Array.of(1), TAG.integer)]], 'CN=#020101'],
  ['an unknown attribute', [[value('1.2.3', TAG.utf8String, 'a')]], '1.2.3=#0c0161'],
  ['an address', [[value('1.2.840.113549.1.9.1', TAG.ia5String, 'a@b')]], 'emailAddress=a@b'],
])('writes a name with %s', (_title, rdns, text) => {
  expect(formatName(nameOf(...rdns))).toBe(text)
})

test.each<[string, Uint8Array, Uint8Array, boolean]>([
  ['case', cn('ABC'), cn('abc'), true],
  ['string types', cn('abc'), cn('abc', TAG.printableString), true],
  ['UTF-16', cn('ab'), cn(utf16, 0x1e), true],
  ['Latin-1', cn('é'), cn(Uint8Array.of(0xe9), 0x14), true],
  ['spaces', cn('a b'), cn('  a   b '), true],
  ['white space', cn('a b'), cn('a\t\nb'), true],
  ['compatible forms', cn('ﬁ'), cn('fi'), true],
  ['no space', cn('a b'), cn('ab'), false],
  ['texts', cn('a'), cn('b'), false],
  ['attributes', cn('a'), value('2.5.4.10', TAG.utf8String, 'a'), false],
  ['octets', cn(Uint8Array.of(1), TAG.integer), cn(Uint8Array.of(2), TAG.integer), false],
  ['no octets', cn(Uint8Array.of(1), TAG.integer), cn(Uint8Array.of(1), TAG.integer), true],
])('compares names that differ in %s', (_title, a, b, isSame) => {
  expect(parseName(nameOf([a])).key === parseName(nameOf([b])).key).toBe(isSame)
})

test('compares the attributes of one part in any order, and parts in theirs', () => {
  expect(parseName(nameOf([cn('a'), o])).key).toBe(parseName(nameOf([o, cn('a')])).key)
  expect(parseName(nameOf([cn('a')], [o])).key).not.toBe(parseName(nameOf([o], [cn('a')])).key)
  expect(parseName(nameOf([cn('a')], [o])).key).not.toBe(parseName(nameOf([cn('a'), o])).key)
  expect(parseName(nameOf([cn('a')], [o]))).toMatchObject({
    rdns: ['["2.5.4.3=a"]', '["2.5.4.10=acme"]'],
    emails: [],
    commonNames: ['a'],
  })
})

const team = publisher(publicPem(keyPair()))
const revocation = (
  targetKind: Revocation['targetKind'],
  target: string,
  effectiveAtMs = AT_MS,
): Revocation => ({ targetKind, target, effectiveAtMs, reason: 'lost' }) as Revocation

interface Spec {
  readonly by?: TrustedPublisher
  readonly path?: readonly (typeof leaf)[]
  readonly timesMs?: readonly number[]
  readonly signer?: Signer
}

function revoke(list: readonly Revocation[], spec: Spec = {}) {
  const { findings, changesAtMs } = checkRevocation(
    { signer: spec.signer ?? signer, targets: ['seal-1', 'seal-2'] } as unknown as Evidence,
    {
      publisher: spec.by,
      path: spec.path ?? [],
      revocations: list,
      trustedTimesMs: spec.timesMs ?? [],
      atMs: AT_MS,
    },
    cache,
  )
  const said = findings.map(({ status, reason }) => reason ?? status)
  return { said: [...new Set(said)], changesAtMs }
}

const whole = [leaf, anchor]
const [digest, number, twin] = revocationTargets(leaf, anchor, cache)
const anchorKey = keyOf(ca.key).spkiSha256
const bare: Signer = { kind: 'key', key, hint: '' }
const unknown: Signer = { kind: 'key', key: undefined, hint: '' }

test.each<[string, Revocation, Spec, boolean]>([
  ['the seal', revocation('seal', 'seal-2'), {}, true],
  ['another seal', revocation('seal', 'seal-3'), {}, false],
  ['its publisher', revocation('publisher', team.id), { by: team }, true],
  ['its publisher, of nobody', revocation('publisher', team.id), {}, false],
  ['its version', revocation('publisher-version', team.arn), { by: team }, true],
  ['its version as a publisher', revocation('publisher', team.arn), { by: team }, false],
  ['its key', revocation('key', key.spkiSha256), { signer: bare }, true],
  ['its key under a certificate', revocation('key', key.spkiSha256), { path: whole }, true],
  ['its key, where it is not known', revocation('key', key.spkiSha256), { signer: unknown }, false],
  ['the key of its issuer', revocation('key', anchorKey), { path: whole }, true],
  ['the key of its issuer, off the path', revocation('key', anchorKey), {}, false],
  ['its certificate', revocation('certificate', digest ?? ''), { path: whole }, true],
  ['its certificate, off a path', revocation('certificate', digest ?? ''), {}, true],
  ['its serial number', revocation('certificate', number ?? ''), { path: whole }, true],
  ['the twin of it', revocation('certificate', twin ?? ''), { path: whole }, true],
  ['the twin, without the issuer', revocation('certificate', twin ?? ''), {}, false],
  ['its issuer', revocation('certificate', anchor.sha256), { path: whole }, true],
  ['its issuer, off the path', revocation('certificate', anchor.sha256), {}, false],
  [
    'a certificate that is not on the path',
    revocation('certificate', digest ?? ''),
    { path: [anchor] },
    false,
  ],
])('revokes a seal by %s', (_title, one, spec, isRevoked) => {
  const reason = `${one.targetKind}-revoked`

  expect(revoke([one], spec)).toEqual({
    said: [isRevoked ? reason : 'passed'],
    changesAtMs: isRevoked ? [AT_MS - 1] : [],
  })
})

test.each<[string, number, number[], string, number[]]>([
  ['now', AT_MS, [], 'seal-revoked', [AT_MS - 1]],
  ['later', AT_MS + 1, [], 'passed', [AT_MS]],
  ['after every trusted time', AT_MS, [AT_MS - 2, AT_MS - 1], 'passed', []],
  ['at one of them', AT_MS - 1, [AT_MS - 2, AT_MS - 1], 'seal-revoked', [AT_MS - 2]],
  ['between them', AT_MS - 2, [AT_MS - 3, AT_MS - 1], 'seal-revoked', [AT_MS - 3]],
])('counts a revocation that takes effect %s', (...row) => {
  const [, ms, timesMs, said, changesAtMs] = row
  expect(revoke([revocation('seal', 'seal-1', ms)], { timesMs })).toEqual({
    said: [said],
    changesAtMs,
  })
})

test('counts a version that is revoked, whatever else is', () => {
  const by: TrustedPublisher = { ...team, status: 'Revoked' }

  expect(revoke([], { by }).said).toEqual(['publisher-version-revoked'])
  expect(revoke([revocation('seal', 'seal-1')], { by }).said).toEqual([
    'seal-revoked',
    'publisher-version-revoked',
  ])
  expect(revoke([], { by: { ...team, status: 'Canceled' } }).said).toEqual(['passed'])
})
