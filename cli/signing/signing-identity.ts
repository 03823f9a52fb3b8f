import { createPrivateKey, type KeyObject } from 'node:crypto'

import { PlatformError } from '../../services/model/index.ts'
import { parsePem } from '../../services/seal/index.ts'
import {
  isSelfIssued,
  isSignedBy,
  parseCertificate,
  publicKeyOf,
  VerificationCache,
  type Certificate,
  type PublicKey,
} from '../../services/trust/index.ts'
import { keySigner } from './key-signer.ts'
import { openPkcs12 } from './pkcs12.ts'
import { readPassphrase, readSmallFile } from './read-file.ts'
import type { Signer } from './signer.ts'

/** What signs, and the certificate and intermediates that go with its key, if any. */
export interface SigningIdentity {
  readonly signer: Signer
  readonly publicKey: PublicKey
  readonly leaf: Certificate | undefined
  /** From the leaf's issuer up, without the root. */
  readonly intermediates: readonly Certificate[]
}

export interface IdentityFiles {
  readonly key?: string
  readonly cert?: string
  readonly chain?: string
  readonly p12?: string
  readonly passphraseFile?: string
}

/**
 * Reads the key and certificates named on the command line. Weak keys are refused here already, since no seal of
 * theirs would be accepted.
 * @throws PlatformError INVALID_PARAMETER
 */
export function loadIdentity(files: IdentityFiles): SigningIdentity {
  const passphrase = readPassphrase(files.passphraseFile)
  if ((files.key === undefined) === (files.p12 === undefined))
    throw refuse('give exactly one of --key and --p12')
  if (files.chain !== undefined && files.cert === undefined && files.p12 === undefined)
    throw refuse('--chain goes with --cert or --p12')
  const opened =
    files.p12 === undefined
      ? { privateKey: loadPrivateKey(files.key ?? '', passphrase), certificates: [] }
      : openPkcs12(readSmallFile(files.p12), passphrase ?? '')
  const listed = [files.cert, files.chain].flatMap((path) =>
    path === undefined ? [] : readCertificates(path),
  )
  return asReadable(() =>
    toIdentity(keySigner(opened.privateKey), [...listed, ...opened.certificates]),
  )
}

/** A signer with the certificates that belong to its key. @throws PlatformError INVALID_PARAMETER, INVALID_SEAL */
export function toIdentity(signer: Signer, ders: readonly Uint8Array[]): SigningIdentity {
  const cache = new VerificationCache()
  const { publicKey } = signer
  const certificates = ders.map((der) => parseCertificate(der, cache))
  const leaf = certificates.find(
    (one) => publicKeyOf(one, cache).spkiSha256 === publicKey.spkiSha256,
  )
  if (leaf === undefined && certificates.length > 0)
    throw refuse('none of the certificates is for the key')
  return {
    signer,
    publicKey,
    leaf,
    intermediates: leaf === undefined ? [] : orderChain(leaf, certificates, cache),
  }
}

/** From the leaf up, each issued by the next. The root stays out: whoever verifies has it, or does not trust it. */
function orderChain(
  leaf: Certificate,
  certificates: readonly Certificate[],
  cache: VerificationCache,
): Certificate[] {
  const chain: Certificate[] = []
  for (let top = leaf; !isSelfIssued(top);) {
    const issuer = certificates.find(
      (one) => one.subject === top.issuer && one !== top && isSignedBy(top, one, cache),
    )
    if (issuer === undefined || isSelfIssued(issuer) || chain.includes(issuer)) break
    chain.push(issuer)
    top = issuer
  }
  return chain
}

function loadPrivateKey(path: string, passphrase: string | undefined): KeyObject {
  const pem = readSmallFile(path)
  if (!pem.includes('PRIVATE KEY')) throw refuse(`\`${path}\` is no private key in PEM`)
  try {
    return createPrivateKey({
      key: pem,
      format: 'pem',
      ...(passphrase !== undefined && { passphrase }),
    })
  } catch (cause) {
    const encrypted = pem.includes('ENCRYPTED')
    throw refuse(
      encrypted && passphrase === undefined
        ? `the key \`${path}\` is encrypted: give --passphrase-file`
        : `the key \`${path}\` cannot be read${encrypted ? ': is the passphrase right?' : ''}`,
      cause,
    )
  }
}

function readCertificates(path: string): Uint8Array[] {
  const text = readSmallFile(path).toString('latin1')
  const blocks = asReadable(() => parsePem(text)).filter(({ label }) => label === 'CERTIFICATE')
  if (blocks.length === 0) throw refuse(`\`${path}\` holds no certificate in PEM`)
  return blocks.map(({ bytes }) => bytes)
}

/** What a file of the caller's says wrongly is his parameter, not a seal. */
function asReadable<T>(read: () => T): T {
  try {
    return read()
  } catch (error) {
    if (error instanceof PlatformError && error.code === 'INVALID_SEAL')
      throw refuse(error.publicMessage, error)
    throw error
  }
}

function refuse(message: string, cause?: unknown): PlatformError {
  return new PlatformError('INVALID_PARAMETER', message, { cause })
}
