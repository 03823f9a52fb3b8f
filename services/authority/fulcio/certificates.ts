import { PlatformError, type Clock, type Json, type Random } from '../../model/index.ts'
import { encodePem } from '../../seal/index.ts'
import type { Store } from '../../store/index.ts'
import {
  EMPTY_NAME,
  encodeTbs,
  signCertificate,
  subjectOf,
  type CertificateParts,
} from '../certificate/build.ts'
import {
  EKU,
  authorityKeyIdentifier,
  extendedKeyUsage,
  signingKeyUsage,
  subjectAlternativeName,
  subjectKeyIdentifier,
} from '../certificate/extensions.ts'
import { serialNumber, type ActiveKey, type AuthorityKey } from '../identity.ts'
import { toBytes, toMembers, toText } from '../members.ts'
import { refuse } from '../refusal.ts'
import { checkCertificateRequest, checkPossession, type PossessedKey } from './possession.ts'
import { sctExtension } from './sct.ts'
import { toSubject, type CertificateSubject } from './subject.ts'
import { verifyToken, type TokenVerifierOptions } from './token.ts'

/** As Fulcio's. */
const VALIDITY_MS = 10 * 60_000

export interface CertificatesOptions extends TokenVerifierOptions {
  readonly store: Store
  readonly clock: Clock
  readonly random: Random
  readonly ca: ActiveKey
  readonly ct: ActiveKey
  readonly root: AuthorityKey
}

/** Fulcio's part: a token and a key in, a certificate of ten minutes out. */
export class Certificates {
  readonly #options: CertificatesOptions
  readonly #issuerName: Uint8Array
  readonly #chain: readonly Uint8Array[]

  /** @throws PlatformError INTERNAL where a key has no certificate */
  constructor(options: CertificatesOptions) {
    const { ca, root } = options
    if (ca.certificate === undefined || root.certificate === undefined)
      throw new PlatformError('INTERNAL', 'the certificate authority has no certificate')
    this.#options = options
    this.#issuerName = subjectOf(ca.certificate)
    this.#chain = [ca.certificate, root.certificate]
  }

  /**
   * A SigningCertificate to a CreateSigningCertificateRequest, in protobuf's JSON.
   * @throws PlatformError INVALID_PARAMETER with a reason, UNAVAILABLE, OUT_OF_SPACE
   */
  async create(request: Json): Promise<{ chain: string[]; serial: string }> {
    const members = toMembers(
      request,
      ['credentials', 'publicKeyRequest', 'certificateSigningRequest'],
      'the request',
    )
    const credentials = toMembers(members['credentials'], ['oidcIdentityToken'], 'credentials')
    const token = await verifyToken(
      toText(credentials['oidcIdentityToken'], 'the identity token'),
      this.#options,
    )
    const subject = toSubject(token)
    const key = readKey(members, subject.challenge)
    const { certificate, serial } = this.#issue(subject, key)
    await this.#keep({ serial, issuer: token.issuer.url, subject: subject.name.value, certificate })
    return { chain: [certificate, ...this.#chain].map(toPem), serial }
  }

  /** The chain that goes with every certificate, as PEM: intermediate and root. */
  trustBundle(): string[] {
    return this.#chain.map(toPem)
  }

  #issue(
    subject: CertificateSubject,
    key: PossessedKey,
  ): { certificate: Uint8Array; serial: string } {
    const { clock, random, ca, ct } = this.#options
    const atMs = clock.nowMs()
    const serial = serialNumber(random)
    const parts: CertificateParts = {
      serial,
      issuer: this.#issuerName,
      subject: EMPTY_NAME,
      notBeforeMs: atMs,
      notAfterMs: atMs + VALIDITY_MS,
      publicKey: key.spki,
      extensions: [
        signingKeyUsage(),
        extendedKeyUsage(EKU.codeSigning),
        subjectKeyIdentifier(key.spki),
        authorityKeyIdentifier(ca.publicKey),
        subjectAlternativeName(subject.name),
        ...subject.extensions,
      ],
    }
    const tbs = encodeTbs(parts, ca.signer)
    const promise = sctExtension({ tbs, issuerKey: ca.publicKey, atMs }, ct)
    const extensions = [...parts.extensions, promise]
    const certificate = signCertificate({ ...parts, extensions }, ca.signer)
    return { certificate, serial: Buffer.from(serial).toString('hex') }
  }

  /** Before anybody has it: what was issued can always be listed. */
  async #keep(issued: {
    readonly serial: string
    readonly issuer: string
    readonly subject: string
    readonly certificate: Uint8Array
  }): Promise<void> {
    const { store, clock } = this.#options
    const row = {
      ...issued,
      certificate: Buffer.from(issued.certificate).toString('base64'),
      issued_at: clock.nowMs(),
    }
    await store.transaction(async (tx) => {
      await tx.insertInto('issued_certificate').values(row).execute()
    })
  }
}

function readKey(members: ReturnType<typeof toMembers>, challenge: string): PossessedKey {
  const { publicKeyRequest, certificateSigningRequest } = members
  if ((publicKeyRequest === undefined) === (certificateSigningRequest === undefined))
    throw refuse(
      'request-shape',
      'the request holds either a publicKeyRequest or a certificateSigningRequest',
    )
  if (certificateSigningRequest !== undefined)
    return checkCertificateRequest(toBytes(certificateSigningRequest, 'the signing request'))
  const request = toMembers(
    publicKeyRequest,
    ['publicKey', 'proofOfPossession'],
    'publicKeyRequest',
  )
  // `algorithm` is a hint that nobody needs: the key says what it is.
  const key = toMembers(request['publicKey'], ['algorithm', 'content'], 'publicKey')
  const signature = toBytes(request['proofOfPossession'], 'the proof of possession')
  return checkPossession(toText(key['content'], 'the public key'), signature, challenge)
}

function toPem(der: Uint8Array): string {
  return encodePem('CERTIFICATE', der)
}
