import type { PlatformError, SealInput } from '../model/index.ts'
import { malformed, type Bundle, type BundleSigner, type Cms } from '../seal/index.ts'
import {
  isSelfIssued,
  isSignedBy,
  parseCertificate,
  publicKeyOf,
  type Certificate,
} from './certificate.ts'
import { isBoundTo, isNamedBy } from './certificate-id.ts'
import type { EvidenceContext, Signer } from './signer.ts'
import { wrongSeal } from './findings.ts'
import { bundleSchemes, verifyOnce } from './signature.ts'
import { unlessRefusedEach } from './refusals.ts'

type CertificateBundle = Bundle & {
  readonly signer: Extract<BundleSigner, { kind: 'certificates' }>
}
type Found = { readonly signer: Signer; readonly unchecked: readonly string[] }

/**
 * The certificate of a bundle, leaf first, and its signature. A certificate brings its own key, so a signature that
 * does not verify is a broken seal, whoever the signer is.
 * @throws PlatformError INVALID_SEAL
 */
export function bundleCertificateSigner(
  bundle: CertificateBundle,
  place: SealInput['place'],
  signed: Uint8Array | undefined,
  context: EvidenceContext,
): Found {
  const [leaf, ...others] = bundle.signer.certificates.map((der) =>
    parseCertificate(der, context.cache),
  )
  if (leaf === undefined) throw malformed('certificate', 'the bundle has no certificate')
  const key = publicKeyOf(leaf, context.cache)
  const keyid = bundle.content.kind === 'statement' ? bundle.content.keyid : ''
  if (place === 'block' && keyid !== '' && keyid !== key.spkiSha256)
    throw malformed('hint', 'the keyid of the seal is not the fingerprint of its certificate')
  checkBag(leaf, others, place, context)
  const good = bundleSchemes(key).some((scheme) =>
    verifyOnce(context.cache, context.input.artifact.sha256, bundle.content.signature, {
      scheme,
      key,
      signed: signed ?? context.input.unsealed,
    }),
  )
  if (!good) throw invalidSignature(leaf)
  return { signer: { kind: 'x509', key, leaf, others }, unchecked: [] }
}

/** The signer's certificate in a CMS by its id, bound by the signed attribute where there is one. @throws PlatformError INVALID_SEAL */
export function cmsSigner(cms: Cms, place: SealInput['place'], context: EvidenceContext): Found {
  const { certificates, faults } = parseCertificates(cms, place, context)
  const leaf = certificates.find((certificate) => isNamed(cms, certificate, place))
  if (leaf === undefined)
    throw (
      faults[0] ??
      malformed('no-signer-certificate', 'the CMS does not hold the certificate of its signer')
    )
  const others = certificates.filter((certificate) => certificate !== leaf)
  if (others.some((certificate) => isNamed(cms, certificate, place)))
    throw malformed('signer-ambiguous', 'the CMS holds two certificates that its signer id names')
  checkCertificateHash(cms, leaf)
  const key = publicKeyOf(leaf, context.cache)
  checkBag(leaf, others, place, context)
  const good = verifyOnce(context.cache, context.input.artifact.sha256, cms.signature, {
    scheme: cms.scheme,
    key,
    signed: cms.signed?.bytes ?? context.input.unsealed,
  })
  if (!good) throw invalidSignature(leaf)
  return {
    signer: { kind: 'x509', key, leaf, others },
    unchecked: faults.map((fault) => `a certificate that cannot be read: ${fault.publicMessage}`),
  }
}

/** Foreign CMS may bring certificates that have nothing to do with the path; those that cannot be read are named. */
function parseCertificates(
  cms: Cms,
  place: SealInput['place'],
  { cache }: EvidenceContext,
): { readonly certificates: readonly Certificate[]; readonly faults: readonly PlatformError[] } {
  const faults: PlatformError[] = []
  const certificates = unlessRefusedEach(
    cms.certificates,
    (der) => parseCertificate(der, cache),
    (refusal) => {
      if (place === 'block') throw refusal
      faults.push(refusal)
    },
  )
  return { certificates, faults }
}

/**
 * In a block the names are the same bytes; foreign tools write the issuer in another string type than the certificate
 * does (Android's do), which detached is let pass.
 */
function isNamed({ signer }: Cms, certificate: Certificate, place: SealInput['place']): boolean {
  return isNamedBy(signer, certificate, place === 'block' ? 'bytes' : 'text')
}

function checkCertificateHash({ signed }: Cms, leaf: Certificate): void {
  const bound = signed?.attributes.certificate
  if (bound === undefined) return
  if (!isBoundTo(bound, leaf))
    throw malformed(
      'signing-certificate',
      'the CMS was signed with another certificate than it holds',
    )
}

/**
 * In a block nothing stands that was not verified: each certificate issued the one before it, from the leaf up, and a
 * self-signed one ends the chain (RULES §3). Detached seals of others may bring more.
 */
function checkBag(
  leaf: Certificate,
  others: readonly Certificate[],
  place: SealInput['place'],
  { cache }: EvidenceContext,
): void {
  if (place === 'detached') return
  const left = new Set(others)
  for (let top = leaf; left.size > 0;) {
    const issuer = [...left].find(
      (one) => one.subject === top.issuer && isSignedBy(top, one, cache),
    )
    if (issuer === undefined)
      throw malformed('certificate-unused', 'the seal holds a certificate that is not on its path')
    if (isSelfIssued(issuer) && !isSignedBy(issuer, issuer, cache))
      throw malformed('certificate-signature', 'the root in the seal is not signed by itself')
    left.delete(issuer)
    top = issuer
  }
}

function invalidSignature(leaf: Certificate): PlatformError {
  return wrongSeal('signature-invalid', {
    expected: `a signature by \`${leaf.name}\` over this artifact`,
    got: 'the signature does not verify with the key of the certificate in the seal',
    fix: 'the seal or the artifact was changed after signing: sign again',
  })
}
