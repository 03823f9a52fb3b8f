import { createHash, sign } from 'node:crypto'

import {
  encodeDer,
  objectIdentifier,
  octetString,
  sequence,
  setOf,
  smallInteger,
  TAG,
} from '../../services/seal/index.ts'
import {
  AT_MS,
  intermediate,
  issue,
  root,
  type CertificateSpec,
  type TestCertificate,
} from './pki.ts'

/** Timestamps made here, since no authority makes one that is wrong in one thing. */

export const TIME_STAMPING = '1.3.6.1.5.5.7.3.8'
const TST_INFO = '1.2.840.113549.1.9.16.1.4'
const SHA256 = sequence(objectIdentifier('2.16.840.1.101.3.4.2.1'))

/** The extended key usage as RFC 3161 wants it: this one, critical. */
export function stampingUsage(usages: readonly string[] = [TIME_STAMPING], critical = true) {
  return { oid: '2.5.29.37', critical, value: sequence(...usages.map(objectIdentifier)) }
}

export interface TestAuthority {
  readonly root: TestCertificate
  readonly issuing: TestCertificate
  readonly leaf: TestCertificate
}

/** Root, intermediate and signing certificate. */
export function authority(name = 'tsa', leaf: CertificateSpec = {}): TestAuthority {
  const top = root({ subject: `${name} root` })
  const issuing = intermediate(top, { subject: `${name} issuing` })
  return {
    root: top,
    issuing,
    leaf: issue({
      subject: name,
      issuer: issuing,
      usages: [],
      extensions: [stampingUsage()],
      ...leaf,
    }),
  }
}

export interface TokenSpec {
  /** GeneralizedTime as text. */
  readonly time?: string
  readonly imprint?: Uint8Array
  readonly accuracy?: Uint8Array
  readonly ordering?: number
  readonly nonce?: Uint8Array
  readonly name?: Uint8Array
  readonly extensions?: readonly Uint8Array[]
  readonly version?: Uint8Array
  readonly serial?: Uint8Array
  readonly policy?: string
  readonly certificates?: readonly TestCertificate[]
  /** Whose id is signed; the signer's own where left out, none where `null`. */
  readonly boundTo?: TestCertificate | null
  /** The certificate id as it stands; instead of `boundTo`. */
  readonly certificateId?: Uint8Array
  /** SHA-1 form. */
  readonly legacy?: TestCertificate
  readonly signerSerial?: number
  readonly contentType?: string
  readonly signedContentType?: string
  readonly messageDigest?: Uint8Array
  readonly content?: Uint8Array | null
  readonly unsigned?: Uint8Array
  readonly noAttributes?: boolean
  readonly breakSignature?: boolean
  readonly cmsVersion?: number
}

export function timeText(ms: number): string {
  return `${new Date(ms).toISOString().replaceAll(/[-:T]/g, '').slice(0, 14)}Z`
}

function tstInfo(signature: Uint8Array, spec: TokenSpec): Uint8Array {
  const imprint = spec.imprint ?? createHash('sha256').update(signature).digest()
  return sequence(
    spec.version ?? smallInteger(1),
    objectIdentifier(spec.policy ?? '1.2.3'),
    sequence(SHA256, octetString(imprint)),
    spec.serial ?? smallInteger(4711),
    encodeDer(TAG.generalizedTime, Buffer.from(spec.time ?? timeText(AT_MS))),
    ...(spec.accuracy === undefined ? [] : [spec.accuracy]),
    ...(spec.ordering === undefined ? [] : [encodeDer(TAG.boolean, Uint8Array.of(spec.ordering))]),
    ...(spec.nonce === undefined ? [] : [spec.nonce]),
    ...(spec.name === undefined ? [] : [encodeDer(0xa0, spec.name)]),
    ...(spec.extensions === undefined ? [] : [encodeDer(0xa1, ...spec.extensions)]),
  )
}

function certificateId({ leaf }: TestAuthority, spec: TokenSpec): Uint8Array[] {
  if (spec.certificateId !== undefined) return [spec.certificateId]
  if (spec.boundTo === null) return []
  const { der } = spec.boundTo ?? leaf
  return [sequence(sequence(sequence(octetString(createHash('sha256').update(der).digest()))))]
}

function attributes(from: TestAuthority, content: Uint8Array, spec: TokenSpec): Uint8Array {
  const attribute = (oid: string, value: Uint8Array): Uint8Array =>
    sequence(objectIdentifier(oid), setOf([value]))
  const digest = spec.messageDigest ?? createHash('sha256').update(content).digest()
  const { legacy } = spec
  return setOf([
    attribute('1.2.840.113549.1.9.3', objectIdentifier(spec.signedContentType ?? TST_INFO)),
    attribute('1.2.840.113549.1.9.4', octetString(digest)),
    ...certificateId(from, spec).map((id) => attribute('1.2.840.113549.1.9.16.2.47', id)),
    ...(legacy === undefined
      ? []
      : [
          attribute(
            '1.2.840.113549.1.9.16.2.12',
            sequence(
              sequence(sequence(octetString(createHash('sha1').update(legacy.der).digest()))),
            ),
          ),
        ]),
  ])
}

/** A token over this signature; right in all that the spec does not make wrong. */
export function makeToken(
  from: TestAuthority,
  signature: Uint8Array,
  spec: TokenSpec = {},
): Uint8Array {
  const info = tstInfo(signature, spec)
  const content = spec.content ?? info
  const signed = attributes(from, info, spec)
  const made = sign('sha256', signed, from.leaf.key.privateKey)
  if (spec.breakSignature === true) made[made.length - 1] = (made.at(-1) ?? 0) ^ 1
  const rsa = from.leaf.key.privateKey.asymmetricKeyType === 'rsa'
  const algorithm = rsa
    ? sequence(objectIdentifier('1.2.840.113549.1.1.1'), encodeDer(TAG.null))
    : sequence(objectIdentifier('1.2.840.10045.4.3.2'))
  const signerInfo = sequence(
    smallInteger(1),
    sequence(from.issuing.name, smallInteger(spec.signerSerial ?? 7)),
    SHA256,
    ...(spec.noAttributes === true ? [] : [Buffer.concat([Uint8Array.of(0xa0), signed.slice(1)])]),
    algorithm,
    octetString(made),
    ...(spec.unsigned === undefined ? [] : [encodeDer(0xa1, spec.unsigned)]),
  )
  const certificates = (spec.certificates ?? [from.leaf, from.issuing]).map(({ der }) => der)
  const data = sequence(
    smallInteger(spec.cmsVersion ?? 3),
    setOf([SHA256]),
    sequence(
      objectIdentifier(spec.contentType ?? TST_INFO),
      ...(spec.content === null ? [] : [encodeDer(0xa0, octetString(content))]),
    ),
    // in the order given: the first of the bag is the trap
    ...(certificates.length === 0 ? [] : [encodeDer(0xa0, ...certificates)]),
    setOf([signerInfo]),
  )
  return sequence(objectIdentifier('1.2.840.113549.1.7.2'), encodeDer(0xa0, data))
}
