import { generateKeyPairSync, sign, type KeyObject } from 'node:crypto'

import { openArtifact, unsealedSource, withSealBlock } from '../../services/artifact/index.ts'
import {
  bufferSource,
  type Artifact,
  type ByteSource,
  type PublisherDocument,
  type SealFormat,
  type SealInput,
  type TrustedPublisher,
  type Verdict,
} from '../../services/model/index.ts'
import {
  encodeDer,
  encodePem,
  encodeSealBlock,
  integer,
  objectIdentifier,
  octetString,
  sequence,
  setOf,
  smallInteger,
  TAG,
} from '../../services/seal/index.ts'
import {
  collectSeals,
  judge,
  parseCertificate,
  publisherFromPem,
  VerificationCache,
  type JudgeInput,
} from '../../services/trust/index.ts'
import { keySigner, makeSeal, type SigningIdentity } from '../../cli/signing/index.ts'
import { assertWords } from './words.ts'
import { zipOf } from './zip-builder.ts'

/** A throw-away PKI whose certificates can be wrong in one thing at a time, which no CA tool will make. */

export const CODE_SIGNING = '1.3.6.1.5.5.7.3.3'
export const AT_MS = Date.UTC(2026, 5, 1)
const YEAR_MS = 365 * 86_400_000

export type KeyKind = 'p256' | 'p384' | 'p521' | 'ed25519' | 'rsa2048' | 'rsa1024' | 'secp256k1'
export interface KeyPair {
  readonly privateKey: KeyObject
  readonly publicKey: KeyObject
}

/** RSA keys take long to make: one of each per test file. */
const made = new Map<string, KeyPair>()

export function keyPair(kind: KeyKind = 'p256', label = ''): KeyPair {
  const rsa = kind.startsWith('rsa')
  const known = rsa ? made.get(kind + label) : undefined
  if (known !== undefined) return known
  const pair = generate(kind)
  made.set(kind + label, pair)
  return pair
}

function generate(kind: KeyKind): KeyPair {
  if (kind === 'ed25519') return generateKeyPairSync('ed25519')
  if (kind === 'rsa2048' || kind === 'rsa1024')
    return generateKeyPairSync('rsa', { modulusLength: Number(kind.slice(3)) })
  const curves = { p256: 'P-256', p384: 'P-384', p521: 'P-521', secp256k1: 'secp256k1' }
  return generateKeyPairSync('ec', { namedCurve: curves[kind] })
}

export interface Extension {
  readonly oid: string
  readonly critical?: boolean
  readonly value: Uint8Array
  /** The whole extension, where it is encoded in another way than it should. */
  readonly encoded?: Uint8Array
}

export interface CertificateSpec {
  readonly subject?: string
  /** The subject as DER, where it is more than one common name. */
  readonly name?: Uint8Array
  /** The issuer as DER, where it is not that of `issuer`. */
  readonly issuerName?: Uint8Array
  readonly issuer?: TestCertificate
  readonly key?: KeyPair
  readonly serial?: number
  /** The content of the serial number. */
  readonly serialOctets?: Uint8Array
  /** Not before and not after, as DER. */
  readonly times?: readonly [Uint8Array, Uint8Array]
  /** The list of extensions left out. */
  readonly bare?: boolean
  readonly fromMs?: number
  readonly untilMs?: number
  /** `undefined`: no basic constraints at all. */
  readonly ca?: boolean | undefined
  readonly pathLength?: number
  /** The first octet of the bit string: 0x80 digitalSignature, 0x04 keyCertSign; 0 leaves the extension out. */
  readonly keyUsage?: number
  readonly usages?: readonly string[]
  readonly altNames?: readonly { tag: number; value: string }[]
  readonly extensions?: readonly Extension[]
  readonly hash?: 'sha256' | 'sha1' | 'md5'
  readonly spki?: Uint8Array
  /** The algorithm inside, where it is not the one outside. */
  readonly innerAlgorithm?: Uint8Array
  readonly version?: number
}

export interface TestCertificate {
  readonly der: Uint8Array
  readonly pem: string
  readonly key: KeyPair
  readonly name: Uint8Array
}

/** An end-entity certificate for code signing unless said otherwise; self-signed without an issuer. */
export function issue(spec: CertificateSpec = {}): TestCertificate {
  const key = spec.key ?? keyPair()
  const name = spec.name ?? toName(spec.subject ?? 'signer')
  const issuerKey = spec.issuer?.key ?? key
  const algorithm = signatureAlgorithm(issuerKey.privateKey, spec.hash ?? 'sha256')
  const from = spec.fromMs ?? AT_MS - YEAR_MS
  const until = spec.untilMs ?? AT_MS + YEAR_MS
  const tbs = sequence(
    encodeDer(0xa0, smallInteger(spec.version ?? 2)),
    spec.serialOctets === undefined
      ? integer(Buffer.from([0, spec.serial ?? 7]))
      : encodeDer(TAG.integer, spec.serialOctets),
    spec.innerAlgorithm ?? algorithm,
    spec.issuerName ?? spec.issuer?.name ?? name,
    sequence(...(spec.times ?? [toTime(from), toTime(until)])),
    name,
    spec.spki ?? key.publicKey.export({ format: 'der', type: 'spki' }),
    ...(spec.bare === true
      ? []
      : [encodeDer(0xa3, sequence(...extensionsOf(spec).map(encodeExtension)))]),
  )
  const ed25519 = issuerKey.privateKey.asymmetricKeyType === 'ed25519'
  const signature = sign(ed25519 ? null : (spec.hash ?? 'sha256'), tbs, issuerKey.privateKey)
  const der = sequence(tbs, algorithm, encodeDer(TAG.bitString, Uint8Array.of(0), signature))
  return { der, pem: encodePem('CERTIFICATE', der), key, name }
}

/** A root that signed itself. */
export function root(spec: CertificateSpec = {}): TestCertificate {
  return issue({ subject: 'root', ca: true, keyUsage: 0x06, usages: [], ...spec })
}

export function intermediate(issuer: TestCertificate, spec: CertificateSpec = {}): TestCertificate {
  return issue({ subject: 'issuing', ca: true, keyUsage: 0x06, usages: [], issuer, ...spec })
}

function extensionsOf(spec: CertificateSpec): Extension[] {
  const { pathLength, altNames } = spec
  const ca = 'ca' in spec ? spec.ca : false
  const keyUsage = spec.keyUsage ?? 0x80
  const usages = spec.usages ?? [CODE_SIGNING]
  const flag = ca === true ? [encodeDer(TAG.boolean, Uint8Array.of(0xff))] : []
  const length = pathLength === undefined ? [] : [smallInteger(pathLength)]
  const list: Extension[] = []
  if (ca !== undefined)
    list.push({ oid: '2.5.29.19', critical: true, value: sequence(...flag, ...length) })
  if (keyUsage !== 0) list.push({ oid: '2.5.29.15', critical: true, value: bits(keyUsage) })
  if (usages.length > 0)
    list.push({ oid: '2.5.29.37', value: sequence(...usages.map(objectIdentifier)) })
  if (altNames !== undefined)
    list.push({
      oid: '2.5.29.17',
      value: sequence(...altNames.map(({ tag, value }) => encodeDer(tag, Buffer.from(value)))),
    })
  return [...list, ...(spec.extensions ?? [])]
}

function bits(octet: number): Uint8Array {
  let unused = 0
  while (((octet >> unused) & 1) === 0) unused += 1
  return encodeDer(TAG.bitString, Uint8Array.of(unused, octet))
}

function encodeExtension({ oid, critical, value, encoded }: Extension): Uint8Array {
  if (encoded !== undefined) return encoded
  const flag = critical === true ? [encodeDer(TAG.boolean, Uint8Array.of(0xff))] : []
  return sequence(objectIdentifier(oid), ...flag, octetString(value))
}

/** Without a common name: the empty name, as Fulcio's certificates have it. */
function toName(common: string): Uint8Array {
  if (common === '') return sequence()
  const value = sequence(
    objectIdentifier('2.5.4.3'),
    encodeDer(TAG.utf8String, Buffer.from(common)),
  )
  return sequence(setOf([value]))
}

function toTime(ms: number): Uint8Array {
  const text = new Date(ms).toISOString().replaceAll(/[-:T]/g, '').slice(2, 14)
  return encodeDer(TAG.utcTime, Buffer.from(`${text}Z`))
}

function signatureAlgorithm(key: KeyObject, hash: 'sha256' | 'sha1' | 'md5'): Uint8Array {
  if (key.asymmetricKeyType === 'ed25519') return sequence(objectIdentifier('1.3.101.112'))
  if (key.asymmetricKeyType === 'ec')
    return sequence(objectIdentifier(hash === 'sha1' ? '1.2.840.10045.4.1' : '1.2.840.10045.4.3.2'))
  const oids = { sha256: '11', sha1: '5', md5: '4' }
  return sequence(objectIdentifier(`1.2.840.113549.1.1.${oids[hash]}`), encodeDer(TAG.null))
}

/** What `loadIdentity` reads from files. */
export function identityOf(
  holder: KeyPair | TestCertificate,
  intermediates: readonly TestCertificate[] = [],
): SigningIdentity {
  const cache = new VerificationCache()
  const signer = keySigner(('der' in holder ? holder.key : holder).privateKey)
  return {
    signer,
    publicKey: signer.publicKey,
    leaf: 'der' in holder ? parseCertificate(holder.der, cache) : undefined,
    intermediates: intermediates.map(({ der }) => parseCertificate(der, cache)),
  }
}

export function publicPem(key: KeyPair): string {
  return key.publicKey.export({ format: 'pem', type: 'spki' }).toString()
}

/** A publisher as trust sees it: of a document, or of what `publisherFromPem` makes of PEM. */
export function publisher(
  document: PublisherDocument | string,
  spec: Partial<TrustedPublisher> = {},
): TrustedPublisher {
  const version = spec.version ?? 'AAAAAAAAAA'
  const name = spec.name ?? 'team'
  return {
    id: `pub-${name}`,
    name,
    version,
    arn: `arn:aws:signer:us-east-1:000000000000:/signing-profiles/${name}/${version}`,
    status: 'Active',
    createdAtMs: AT_MS - YEAR_MS,
    document: typeof document === 'string' ? publisherFromPem(document) : document,
    allowed: true,
    ...spec,
  }
}

/** A small zip on which seals are put. */
export async function openZip(
  bytes: Uint8Array = zipOf({ 'index.js': 'exports.handler = () => 1\n' }),
): Promise<Artifact> {
  return await openArtifact(bufferSource(bytes))
}

export function readAll(source: ByteSource): Uint8Array {
  return Uint8Array.from(source.read(0, source.sizeBytes))
}

/** A seal over the artifact as `lacre sign` makes it. */
export async function sealOf(
  artifact: Artifact,
  identity: SigningIdentity,
  options: {
    readonly format?: SealFormat
    readonly place?: SealInput['place']
    readonly predicate?: Parameters<typeof makeSeal>[3]
  } = {},
): Promise<SealInput> {
  const format = options.format ?? (identity.leaf === undefined ? 'bundle' : 'cms')
  const subject = { name: 'f.zip', sha256: artifact.sha256, unsealed: unsealedSource(artifact) }
  const bytes = await makeSeal(format, { identity }, subject, options.predicate ?? {})
  return { format, place: options.place ?? 'block', bytes }
}

/** The artifact with exactly these seals in its block. */
export async function withSeals(
  artifact: Artifact,
  seals: readonly SealInput[],
): Promise<Artifact> {
  return await openZip(readAll(withSealBlock(artifact, encodeSealBlock(seals))))
}

/** The verdict over the artifact's own seals and these, which says all that it says in words. */
export function judgeZip(
  artifact: Artifact,
  publishers: readonly TrustedPublisher[],
  spec: Partial<JudgeInput> & { readonly detached?: readonly SealInput[] } = {},
): Verdict {
  const { detached = [], ...rest } = spec
  const verdict = judge({
    artifact,
    unsealed: unsealedSource(artifact),
    sealed: artifact.source,
    kind: 'function',
    name: 'checkout',
    account: '000000000000',
    seals: collectSeals(artifact, detached),
    publishers,
    revocations: [],
    atMs: AT_MS,
    ...rest,
  })
  assertWords(verdict)
  return verdict
}

/** The reasons of what failed, for short expectations. */
export function reasonsOf(verdict: Verdict): string[] {
  return verdict.findings.flatMap(({ status, reason }) =>
    status === 'failed' && reason !== undefined ? [reason] : [],
  )
}
