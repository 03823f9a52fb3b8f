import { createHash } from 'node:crypto'

import { archivedEntries } from '../artifact/index.ts'
import { type Artifact } from '../model/index.ts'
import {
  berToDer,
  ID_DATA,
  malformed,
  parsePem,
  parseSignedData,
  readDer,
  type SignedData,
} from '../seal/index.ts'
import { VerificationCache } from './cache.ts'
import { isNamedBy } from './certificate-id.ts'
import { parseCertificate, publicKeyOf, type Certificate } from './certificate.ts'
import { verifySignature } from './signature.ts'
import { unlessRefused } from './refusals.ts'

/** Where AWS Signer puts its signature (with an underscore, unlike Java's). */
const ENTRY = 'META_INF/aws_signer_signature_v1.0.SF'
/** A signature with its chain is some 6 KB. */
const ENTRY_LIMIT_BYTES = 262_144

/** AWS Signer's own signature in a zip. It binds names and contents without their lengths: never a reason to trust. */
export interface AwsSignature {
  /** The subject of the signing certificate, where it could be read. */
  readonly signer: string | undefined
  /** Why it does not verify over the content as it lies in the zip; `undefined` where it does. */
  readonly fault: string | undefined
}

/** The signature that AWS Signer left in the zip, if there is one. Throws nothing for a bad one. */
export async function readAwsSignature(artifact: Artifact): Promise<AwsSignature | undefined> {
  const entry = [...archivedEntries(artifact)].find(({ name }) => name === ENTRY)
  if (entry === undefined) return undefined
  if (entry.sizeBytes > ENTRY_LIMIT_BYTES)
    return { signer: undefined, fault: `it is larger than ${ENTRY_LIMIT_BYTES} bytes` }
  let signer: Certificate | undefined
  const bytes = await collect(entry.content())
  const digest = await unframedDigest(artifact)
  const check = (): AwsSignature => {
    const { data, signed } = parseEntry(bytes)
    const cache = new VerificationCache()
    signer = findSigner(data, cache)
    checkSignature(data, signed.bytes, signer, cache)
    if (!digest.equals(signed.attributes.messageDigest))
      throw malformed('digest-mismatch', 'it is over other content')
    return { signer: signer.subjectText, fault: undefined }
  }
  return unlessRefused(check, ({ publicMessage: fault }) => ({
    signer: signer?.subjectText,
    fault,
  }))
}

/** For people, in a verdict's `unchecked` and on the command line. */
export function describeAwsSignature({ signer, fault }: AwsSignature): string {
  const who = signer === undefined ? 'signer unknown' : `signer \`${signer}\``
  const holds = fault === undefined ? 'its signature holds' : `it does not hold: ${fault}`
  return `aws-signer: ${who}, unframed (${holds}; it never makes a zip trusted)`
}

async function collect(content: AsyncGenerator<Uint8Array>): Promise<Uint8Array> {
  const chunks: Uint8Array[] = []
  for await (const chunk of content) chunks.push(Uint8Array.from(chunk))
  return Buffer.concat(chunks)
}

/** AWS writes PEM around BER of indefinite length. */
function parseEntry(bytes: Uint8Array): {
  readonly data: SignedData
  readonly signed: NonNullable<SignedData['signed']>
} {
  const [block, ...more] = parsePem(Buffer.from(bytes).toString('latin1'))
  if (block?.label !== 'PKCS7' || more.length > 0)
    throw malformed('pem', 'it is not one PEM block `PKCS7`')
  const data = parseSignedData(readDer(berToDer(block.bytes)), ID_DATA)
  if (data.digest !== 'sha384' || data.signed === undefined || data.content !== undefined)
    throw malformed('aws-signer', 'it is not detached, over SHA-384 and with signed attributes')
  return { data, signed: data.signed }
}

function findSigner(data: SignedData, cache: VerificationCache): Certificate {
  const bag = data.certificates.map((der) => parseCertificate(der, cache))
  const signer = bag.find((one) => isNamedBy(data.signer, one, 'text'))
  if (signer !== undefined) return signer
  throw malformed('no-signer-certificate', 'it does not hold the certificate of its signer')
}

function checkSignature(
  data: SignedData,
  signed: Uint8Array,
  signer: Certificate,
  cache: VerificationCache,
): void {
  const key = publicKeyOf(signer, cache)
  if (!verifySignature(data.scheme, key, signed, data.signature))
    throw malformed('signature-invalid', 'its signature does not verify')
}

/**
 * SHA-384 of SHA-384 over name and content of every entry in the order of the file, directories included, this one left
 * out. Nothing says where a name ends: (`lib/ab`, `cd`) and (`lib/a`, `bcd`) give the same.
 */
async function unframedDigest(artifact: Artifact): Promise<Buffer> {
  const hash = createHash('sha384')
  for (const { name, content } of archivedEntries(artifact)) {
    if (name === ENTRY) continue
    hash.update(name)
    for await (const chunk of content()) hash.update(chunk)
  }
  return createHash('sha384').update(hash.digest()).digest()
}
