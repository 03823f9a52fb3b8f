import {
  PlatformError,
  type KeyPublisherDocument,
  type PublisherDocument,
  type PublisherKey,
  type SealForm,
} from '../model/index.ts'
import { encodePem, parsePem } from '../seal/index.ts'
import { VerificationCache } from './cache.ts'
import { parseChecks } from './checks.ts'
import { isSelfIssued, parseCertificate, publicKeyOf, type Certificate } from './certificate.ts'
import { parseLineage } from './lineage.ts'
import { singleBlock } from './single-block.ts'
import { OIDC_MEMBERS, parseOidc } from './oidc-document.ts'
import { parseTimestampAuthorities } from './timestamp-authority-document.ts'
import { parseWitnessMembers, WITNESS_MEMBERS } from './witness-document.ts'
import { parsePublicKey } from './public-key.ts'
import { parseX509Settings, X509_SETTINGS } from './x509-document.ts'
import { givenBytes } from './refusals.ts'

const LIST_LIMIT = 32
const COMMON = [
  'kind',
  'forms',
  'purposes',
  'builders',
  'signatureValidityMs',
  'checks',
  'timestampAuthorities',
  ...WITNESS_MEMBERS,
]
const FORMS: readonly string[] = ['statement', 'message', 'cms'] satisfies SealForm[]

type Members = Readonly<Record<string, unknown>>

function refuse(message: string, cause?: unknown): PlatformError {
  return new PlatformError('INVALID_PARAMETER', message, { cause })
}

/**
 * A publisher document as it is kept: every key and certificate parses and is strong, PEM in one form, nothing
 * unknown. `forms` and `purposes` get their defaults (RULES §4) where absent.
 * @throws PlatformError INVALID_PARAMETER
 */
export function parsePublisherDocument(value: unknown): PublisherDocument {
  const document = toMembers(value, 'the publisher')
  const kind = document['kind']
  if (kind !== 'key' && kind !== 'x509' && kind !== 'oidc')
    throw refuse(
      kind === 'managed'
        ? "the key of a managed publisher is the service's to make, and nobody's to give"
        : 'the kind of a publisher is `key`, `x509`, `oidc` or `managed`',
    )
  const common = parseCommon(document, kind)
  if (kind === 'oidc') {
    refuseUnknown(document, [...COMMON, ...OIDC_MEMBERS], 'the publisher')
    return { kind, ...common, ...parseOidc(document) }
  }
  return kind === 'key'
    ? { kind, ...common, ...parseKeys(document) }
    : { kind, ...common, ...parsePki(document) }
}

function parseCommon(document: Members, kind: PublisherDocument['kind']) {
  const { signatureValidityMs, timestampAuthorities, builders } = document
  const purposes = toTexts(document['purposes'] ?? ['seal'], '`purposes`')
  if (!purposes.every((purpose) => /^(?:seal|vouch|attest:[\x21-\x7e]{1,500})$/.test(purpose)))
    throw refuse('`purposes` holds `seal`, `vouch` or `attest:` with a predicate type')
  return {
    forms: parseForms(document['forms'], kind),
    purposes,
    ...(builders !== undefined && { builders: toTexts(builders, '`builders`') }),
    ...parseChecks(document['checks']),
    ...(signatureValidityMs !== undefined && {
      signatureValidityMs: toPositive(signatureValidityMs, '`signatureValidityMs`'),
    }),
    ...(timestampAuthorities !== undefined && {
      timestampAuthorities: parseTimestampAuthorities(timestampAuthorities),
    }),
    ...parseWitnessMembers(document, kind),
  }
}

function parseForms(value: unknown, kind: PublisherDocument['kind']): SealForm[] {
  const forms = toTexts(value ?? [kind === 'x509' ? 'cms' : 'statement'], '`forms`')
  if (!forms.every(isForm)) throw refuse('`forms` holds `statement`, `message` or `cms`')
  if (kind !== 'x509' && forms.includes('cms'))
    throw refuse(
      `a publisher of the kind \`${kind}\` has no form \`cms\`: a CMS is signed by a certificate of a PKI`,
    )
  return forms.filter(isForm)
}

function isForm(form: string): form is SealForm {
  return FORMS.includes(form)
}

function parseKeys(document: Members): Pick<KeyPublisherDocument, 'keys' | 'lineage'> {
  refuseUnknown(document, [...COMMON, 'keys', 'lineage'], 'the publisher')
  const keys = toItems(document['keys'], '`keys`').map((item) => parseKey(item))
  refuseTwice(
    keys.map(({ publicKeyPem }) => publicKeyPem),
    'key',
  )
  const lineage = parseLineage(document['lineage'])
  const own = new Set(keys.map(({ publicKeyPem }) => publicKeyPem))
  if (lineage.lineage?.some(({ successorPem }) => !own.has(successorPem)))
    throw refuse('a successor in `lineage` is none of `keys`')
  return { keys, ...lineage }
}

function parseKey(value: unknown): PublisherKey {
  const key = toMembers(value, 'a key')
  refuseUnknown(key, ['publicKeyPem', 'notBeforeMs', 'notAfterMs'], 'a key')
  const { notBeforeMs, notAfterMs } = key
  const window = {
    ...(notBeforeMs !== undefined && { notBeforeMs: toPositive(notBeforeMs, '`notBeforeMs`') }),
    ...(notAfterMs !== undefined && { notAfterMs: toPositive(notAfterMs, '`notAfterMs`') }),
  }
  if ((window.notBeforeMs ?? 0) > (window.notAfterMs ?? Infinity))
    throw refuse('a key ends before it begins')
  return { publicKeyPem: toPublicKeyPem(toText(key['publicKeyPem'], '`publicKeyPem`')), ...window }
}

function toPublicKeyPem(pem: string): string {
  // createPublicKey would take a private key without a word
  if (pem.includes('PRIVATE KEY'))
    throw refuse('this is a private key: keep it secret and give its public half')
  const key = givenBytes(() =>
    parsePublicKey(singleBlock(pem, 'PUBLIC KEY'), new VerificationCache()),
  )
  // DESIGN §4: P-256, P-384, RSA and Ed25519; P-521 is met in certificates alone
  if (key.curve === 'P-521')
    throw refuse('a publisher of the kind `key` takes P-256, P-384, RSA and Ed25519 keys')
  return encodePem('PUBLIC KEY', key.spki)
}

type Pki = Pick<
  Extract<PublisherDocument, { kind: 'x509' }>,
  | 'rootsPem'
  | 'intermediatesPem'
  | 'subjects'
  | 'subjectAltNames'
  | 'policies'
  | 'profile'
  | 'revocation'
>

function parsePki(document: Members): Pki {
  const own = ['rootsPem', 'intermediatesPem', 'subjects', 'subjectAltNames', ...X509_SETTINGS]
  refuseUnknown(document, [...COMMON, ...own], 'the publisher')
  const { subjects, subjectAltNames, intermediatesPem } = document
  const toPem = (pem: string): string => toCertificatePem(pem)
  const rootsPem = toTexts(document['rootsPem'], '`rootsPem`').map(toPem)
  refuseTwice(rootsPem, 'root')
  const given = intermediatesPem === undefined || isEmptyList(intermediatesPem)
  return {
    rootsPem,
    intermediatesPem: given ? [] : toTexts(intermediatesPem, '`intermediatesPem`').map(toPem),
    ...(subjects !== undefined && { subjects: toTexts(subjects, '`subjects`') }),
    ...(subjectAltNames !== undefined && {
      subjectAltNames: toItems(subjectAltNames, '`subjectAltNames`').map((item) =>
        parseAltName(item),
      ),
    }),
    ...parseX509Settings(document),
  }
}

function isEmptyList(value: unknown): boolean {
  return Array.isArray(value) && value.length === 0
}

function parseAltName(value: unknown): { type: 'dns' | 'uri' | 'email'; value: string } {
  const name = toMembers(value, 'a subject alternative name')
  refuseUnknown(name, ['type', 'value'], 'a subject alternative name')
  const { type } = name
  if (type !== 'dns' && type !== 'uri' && type !== 'email')
    throw refuse('the type of a subject alternative name is `dns`, `uri` or `email`')
  return { type, value: toText(name['value'], 'a subject alternative name') }
}

function toCertificatePem(pem: string): string {
  return givenBytes(() =>
    encodePem('CERTIFICATE', readCertificate(singleBlock(pem, 'CERTIFICATE')).der),
  )
}

/** Parsed, with a key that counts and no restriction that would not be processed. */
function readCertificate(der: Uint8Array): Certificate {
  const cache = new VerificationCache()
  const certificate = parseCertificate(der, cache)
  publicKeyOf(certificate, cache)
  const [refused] = certificate.extensions.refused
  if (refused !== undefined)
    throw refuse(`\`${certificate.name}\` has ${refused}, which this version does not process`)
  return certificate
}

/**
 * The publisher that a PEM text stands for: public keys make a `key` publisher; certificates an `x509` one whose roots
 * are those that signed themselves (all of them, where none did: each pinned) and whose other CAs are intermediates.
 * @throws PlatformError INVALID_PARAMETER
 */
export function publisherFromPem(pem: string): PublisherDocument {
  if (pem.includes('PRIVATE KEY'))
    throw refuse('this is a private key: keep it secret and give its public half')
  const blocks = givenBytes(() => parsePem(pem))
  const labels = new Set(blocks.map(({ label }) => label))
  if (labels.size !== 1) throw refuse('the text holds neither public keys nor certificates in PEM')
  if (labels.has('PUBLIC KEY'))
    return parsePublisherDocument({
      kind: 'key',
      keys: blocks.map(({ label, bytes }) => ({ publicKeyPem: encodePem(label, bytes) })),
    })
  if (!labels.has('CERTIFICATE'))
    throw refuse('the text holds neither public keys nor certificates in PEM')
  const certificates = blocks.map(({ bytes }) => givenBytes(() => readCertificate(bytes)))
  const selfIssued = certificates.filter(isSelfIssued)
  const roots = selfIssued.length > 0 ? selfIssued : certificates
  const others = certificates.filter((certificate) => !roots.includes(certificate))
  const leaf = others.find(({ extensions }) => !extensions.ca)
  if (leaf !== undefined)
    throw refuse(
      `\`${leaf.name}\` is neither a root nor a certificate authority; give the authorities alone`,
    )
  return parsePublisherDocument({
    kind: 'x509',
    rootsPem: roots.map(({ der }) => encodePem('CERTIFICATE', der)),
    intermediatesPem: others.map(({ der }) => encodePem('CERTIFICATE', der)),
  })
}

function toMembers(value: unknown, what: string): Members {
  if (value === null || typeof value !== 'object' || Array.isArray(value))
    throw refuse(`${what} is not a JSON object`)
  return value as Members
}

function refuseUnknown(members: Members, known: readonly string[], what: string): void {
  const unknown = Object.keys(members).find((name) => !known.includes(name))
  if (unknown !== undefined)
    throw refuse(`${what} has the unknown member \`${unknown.slice(0, 80)}\``)
}

function toItems(value: unknown, what: string): readonly unknown[] {
  if (!Array.isArray(value) || value.length === 0 || value.length > LIST_LIMIT)
    throw refuse(`${what} is not a list of 1 to ${LIST_LIMIT} items`)
  return value
}

function toTexts(value: unknown, what: string): string[] {
  return toItems(value, what).map((item) => toText(item, what))
}

function toText(value: unknown, what: string): string {
  if (typeof value !== 'string' || value === '' || value.length > 65_536)
    throw refuse(`${what} is not a text`)
  return value
}

function toPositive(value: unknown, what: string): number {
  if (typeof value !== 'number' || !Number.isSafeInteger(value) || value <= 0)
    throw refuse(`${what} is not a positive whole number of milliseconds`)
  return value
}

function refuseTwice(texts: readonly string[], what: string): void {
  if (new Set(texts).size !== texts.length) throw refuse(`the publisher has a ${what} twice`)
}
