import { createHash } from 'node:crypto'

import { sha256, toIsoTime, type PlatformError } from '../model/index.ts'
import { malformed, readDer, type Der, type TimestampToken } from '../seal/index.ts'
import { VerificationCache } from './cache.ts'
import { isBoundTo, isNamedBy } from './certificate-id.ts'
import { parseCertificate, publicKeyOf, type Certificate } from './certificate.ts'
import { wrongSeal } from './findings.ts'
import type { KnownAuthority } from './known-authority.ts'
import { formatName } from './names.ts'
import { findPath, isValidAt } from './path.ts'
import { PURPOSES } from './purpose.ts'
import { verifySignature } from './signature.ts'
import { unlessRefused, unlessRefusedEach } from './refusals.ts'

/** What a token proves to somebody who knows these authorities. */
export type TimestampOutcome =
  | {
      readonly kind: 'time'
      readonly atMs: number
      /** SHA-256 of the key of the authority's root: two tokens under one root are one authority's (RULES §4). */
      readonly authority: string
      /** The signing certificate first, the root last. */
      readonly path: readonly Certificate[]
    }
  /** By nobody known: no time, and nothing against the seal either. */
  | { readonly kind: 'unknown'; readonly signerName: string }

/**
 * One token over a signature. By a known authority it gives its time or it is a broken seal; an authority counts as
 * known where its certificates issued the signing certificate, whatever else is wrong.
 * @throws PlatformError INVALID_SEAL
 */
export function verifyTimestamp(
  token: TimestampToken,
  signature: Uint8Array,
  authorities: readonly KnownAuthority[],
  cache: VerificationCache,
): TimestampOutcome {
  const bag = readableCertificates(token, cache)
  const faults: PlatformError[] = []
  const look = (authority: KnownAuthority): TimestampOutcome | undefined => {
    const path = findSignerPath(token, bag, authority, cache)
    if (path === undefined) return undefined
    checkToken(token, signature, path.leaf, cache)
    checkTime(token, path, authority)
    const { atMs } = token.info
    return { kind: 'time', atMs, authority: sha256(path.root.spki), path: path.certificates }
  }
  for (const authority of authorities) {
    const outcome = unlessRefused(
      () => look(authority),
      (refusal) => {
        faults.push(refusal)
        return undefined
      },
    )
    if (outcome !== undefined) return outcome
  }
  const [fault] = faults
  if (fault !== undefined) throw fault
  return { kind: 'unknown', signerName: nameOfStranger(token, bag) }
}

/** Authorities add certificates of any kind to the bag; one that cannot be read has signed nothing that counts. */
function readableCertificates(token: TimestampToken, cache: VerificationCache): Certificate[] {
  return unlessRefusedEach(token.certificates, (der) => parseCertificate(der, cache))
}

/**
 * The signed certificate id picks the certificate, never its place in the bag: whoever passes a token on may add
 * others before it (CVE-2026-39984).
 */
function isSigner(token: TimestampToken, certificate: Certificate): boolean {
  const { certificate: id, legacyCertificate } = token.signed.attributes
  return [id, legacyCertificate].every(
    (binding) => binding === undefined || isBoundTo(binding, certificate),
  )
}

interface SignerPath {
  readonly leaf: Certificate
  readonly certificates: readonly Certificate[]
  readonly root: Certificate
}

function findSignerPath(
  token: TimestampToken,
  bag: readonly Certificate[],
  { anchors, intermediates }: KnownAuthority,
  cache: VerificationCache,
): SignerPath | undefined {
  const leaf = [...bag, ...intermediates, ...anchors].find((one) => isSigner(token, one))
  if (leaf === undefined) return undefined
  const options = {
    intermediates: [...bag, ...intermediates].filter((one) => one.sha256 !== leaf.sha256),
    anchors,
    timesMs: [token.info.atMs],
  }
  const result = findPath(leaf, { ...options, rules: { purpose: PURPOSES.timeStamping } }, cache)
  if (result.kind === 'path')
    return { leaf, certificates: result.certificates, root: result.anchor }
  const known = findPath(leaf, { ...options, rules: { purpose: PURPOSES.any } }, cache)
  if (known.kind === 'none') return undefined
  throw wrongSeal(`timestamp-${result.refusal.reason}`, {
    expected: 'a timestamp signed with a certificate for time stamping',
    got: `the timestamp's certificate does not count: ${result.refusal.got}`,
  })
}

/**
 * What does not depend on time: names, digests, signature, and that the token is over this signature.
 * @throws PlatformError INVALID_SEAL
 */
function checkToken(
  token: TimestampToken,
  signature: Uint8Array,
  leaf: Certificate,
  cache: VerificationCache,
): void {
  if (!isNamedBy(token.signer, leaf, 'text'))
    throw malformed(
      'timestamp-signer',
      'the timestamp names another signer than its certificate id',
    )
  checkName(token.info.authorityName, leaf)
  const digest = createHash(token.digest).update(token.content).digest()
  if (!digest.equals(token.signed.attributes.messageDigest))
    throw malformed('timestamp-digest', 'the timestamp was signed over something else than it says')
  const key = publicKeyOf(leaf, cache)
  const { scheme, signed, signature: own } = token
  const mark = sha256(JSON.stringify(scheme), '\0', sha256(signed.bytes), '\0', own)
  const good = cache.result(`timestamp ${mark} ${key.spkiSha256}`, () =>
    verifySignature(scheme, key, signed.bytes, own),
  )
  if (!good)
    throw malformed('timestamp-signature', 'the signature of the timestamp does not verify')
  const { imprint } = token.info
  if (!createHash(imprint.hash).update(signature).digest().equals(imprint.value))
    throw wrongSeal('timestamp-imprint', {
      expected: 'a timestamp over the signature of this seal',
      got: 'the timestamp is over something else',
      fix: 'the timestamp was taken from elsewhere: sign again with --timestamp-server-url',
    })
}

/** RFC 3161 §2.4.2: where the authority calls itself by a directory name it is that of its certificate. */
function checkName(name: Der | undefined, leaf: Certificate): void {
  if (name?.tag !== 0xa4) return
  const [value] = name.children
  if (value === undefined || formatName(readDer(value.bytes)) !== leaf.subjectText)
    throw malformed('timestamp-name', 'the timestamp names another authority than its certificate')
}

function checkTime(token: TimestampToken, path: SignerPath, authority: KnownAuthority): void {
  const { atMs } = token.info
  const { notBeforeMs = -Infinity, notAfterMs = Infinity } = authority
  const expired = path.certificates.find((one) => !isValidAt(one, atMs))
  if (expired === undefined && notBeforeMs <= atMs && atMs <= notAfterMs) return
  throw wrongSeal('timestamp-authority-expired', {
    expected: `a timestamp authority that was valid at ${toIsoTime(atMs)}`,
    got:
      expired === undefined
        ? `the authority of \`${path.leaf.name}\` was not to be believed then`
        : `\`${expired.subjectText}\` was not valid then`,
    fix: 'stamp with an authority whose certificate is valid',
  })
}

/** What the token says itself, for people; nothing vouches for it. */
function nameOfStranger(token: TimestampToken, bag: readonly Certificate[]): string {
  return bag.find((one) => isSigner(token, one))?.subjectText ?? 'a certificate that is not in it'
}

/**
 * A token that was just made, without knowing whose authority it is: it must carry its certificate, which must have
 * signed it for this signature. Whether anybody believes that certificate shows when the seal is judged.
 * @throws PlatformError INVALID_SEAL
 */
export function checkFreshTimestamp(token: TimestampToken, signature: Uint8Array): void {
  const cache = new VerificationCache()
  const leaf = readableCertificates(token, cache).find((one) => isSigner(token, one))
  if (leaf === undefined)
    throw malformed('timestamp-certificate', 'the timestamp does not carry its certificate')
  const refusal = PURPOSES.timeStamping.refuseLeaf(leaf)
  if (refusal !== undefined) throw malformed(`timestamp-${refusal.reason}`, refusal.got)
  checkToken(token, signature, leaf, cache)
  if (!isValidAt(leaf, token.info.atMs))
    throw malformed('timestamp-authority-expired', `\`${leaf.name}\` was not valid then`)
}
