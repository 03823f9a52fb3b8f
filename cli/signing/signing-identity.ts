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
import { openKey, type KeyAccess } from './open-key.ts'
import { openPkcs12 } from './pkcs12.ts'
import { passphraseFrom } from './passphrase.ts'
import { readSmallFile } from './read-file.ts'
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
  /** A file or a URI: see `parseKeyReference`. */
  readonly key?: string
  readonly cert?: string
  readonly chain?: string
  readonly p12?: string
  readonly passphraseFile?: string
}

/**
 * The key that `--key` or `--p12` names, and the certificates that go with it. Weak keys are refused here already, since
 * no seal of theirs would be accepted.
 * @throws PlatformError INVALID_PARAMETER, CONFIGURATION, SIGNER_FAILED
 */
export async function loadIdentity(
  files: IdentityFiles,
  access: Omit<KeyAccess, 'passphraseFile'> = { environment: {} },
): Promise<SigningIdentity> {
  if ((files.key === undefined) === (files.p12 === undefined))
    throw refuse('give exactly one of --key and --p12')
  if (files.chain !== undefined && files.cert === undefined && files.p12 === undefined)
    throw refuse('--chain goes with --cert or --p12')
  const listed = [files.cert, files.chain].flatMap((path) =>
    path === undefined ? [] : readCertificates(path),
  )
  const { signer, certificates } = await openHolder(files, access)
  try {
    return asReadable(() => toIdentity(signer, [...listed, ...certificates]))
  } catch (error) {
    await signer.close?.()
    throw error
  }
}

/** The signer of `--key` alone, without certificates. @throws as `loadIdentity` */
export async function loadSigner(reference: string, access: KeyAccess): Promise<Signer> {
  try {
    return await openKey(reference, access)
  } catch (error) {
    throw asParameter(error)
  }
}

async function openHolder(
  files: IdentityFiles,
  access: Omit<KeyAccess, 'passphraseFile'>,
): Promise<{ signer: Signer; certificates: readonly Uint8Array[] }> {
  const { key, p12, passphraseFile } = files
  if (p12 === undefined)
    return {
      signer: await loadSigner(key ?? '', { ...access, passphraseFile }),
      certificates: [],
    }
  const passphrase = passphraseFrom(passphraseFile, access.environment, access.prompt)
  const bytes = readSmallFile(p12)
  const { privateKey, certificates } = openPkcs12(bytes, (await passphrase(`\`${p12}\``)) ?? '')
  return { signer: asReadable(() => keySigner(privateKey)), certificates }
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

function readCertificates(path: string): Uint8Array[] {
  const text = readSmallFile(path).toString('latin1')
  const blocks = asReadable(() => parsePem(text)).filter(({ label }) => label === 'CERTIFICATE')
  if (blocks.length === 0) throw refuse(`\`${path}\` holds no certificate in PEM`)
  return blocks.map(({ bytes }) => bytes)
}

/** What a file or holder of the caller's says wrongly is his parameter, not a seal. */
function asReadable<T>(read: () => T): T {
  try {
    return read()
  } catch (error) {
    throw asParameter(error)
  }
}

function asParameter(error: unknown): unknown {
  return error instanceof PlatformError && error.code === 'INVALID_SEAL'
    ? refuse(error.publicMessage, error)
    : error
}

function refuse(message: string, cause?: unknown): PlatformError {
  return new PlatformError('INVALID_PARAMETER', message, { cause })
}
