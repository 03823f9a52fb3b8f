import { generateKeyPairSync, sign, type KeyObject } from 'node:crypto'

import type { Json } from '../../../services/model/index.ts'
import { encodePem, parsePem } from '../../../services/seal/index.ts'
import {
  parseCertificate,
  parsePublicKey,
  VerificationCache,
  type Certificate,
  type PublicKey,
} from '../../../services/trust/index.ts'
import type { Signer } from '../signer.ts'
import { below, exchangeJson, failed, isObject } from './exchange.ts'
import type { IdentityToken } from './identity-token.ts'

const WHAT = 'the certificate authority'

/** A key for one seal: made here, used here, and forgotten when the signer is closed. */
export interface OneTimeKey {
  readonly publicKey: PublicKey
  readonly signer: Signer
}

/** ECDSA P-256, which every Fulcio certifies and every Sigstore client verifies. */
export function oneTimeKey(): OneTimeKey {
  const pair = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  let privateKey: KeyObject | undefined = pair.privateKey
  const spki = pair.publicKey.export({ format: 'der', type: 'spki' })
  const publicKey = parsePublicKey(spki, new VerificationCache())
  const signer: Signer = {
    publicKey,
    sign: (scheme, bytes) => {
      if (privateKey === undefined) return Promise.reject(failed('the one-time key is forgotten'))
      if (scheme.kind !== 'ecdsa')
        return Promise.reject(failed(`the one-time key does not sign ${scheme.kind}`))
      return Promise.resolve(sign(scheme.hash, bytes, privateKey))
    },
    close: () => {
      privateKey = undefined
      return Promise.resolve()
    },
  }
  return { publicKey, signer }
}

/**
 * Asks a Fulcio (its API v2) to certify the key for the token's identity. Own code instead of @sigstore/sign: that
 * follows redirects with the token in the body, reads answers of any size, puts the token into its errors and takes
 * whatever certificate comes back.
 * @throws PlatformError SIGNER_FAILED; what the certificate says is still to be checked
 */
export async function requestCertificate(
  fulcio: URL,
  token: IdentityToken,
  { publicKey, signer }: OneTimeKey,
): Promise<Certificate> {
  const subject = Buffer.from(token.subject, 'utf8')
  const proof = await signer.sign({ kind: 'ecdsa', hash: 'sha256' }, subject)
  const answer = await exchangeJson({
    what: WHAT,
    url: below(fulcio, '/api/v2/signingCert'),
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({
      credentials: { oidcIdentityToken: token.reveal() },
      publicKeyRequest: {
        publicKey: { algorithm: 'ECDSA', content: encodePem('PUBLIC KEY', publicKey.spki) },
        proofOfPossession: Buffer.from(proof).toString('base64'),
      },
    }),
  })
  return readLeaf(answer)
}

/** The leaf alone: the rest of the chain is for whoever verifies to have. */
function readLeaf(answer: Readonly<Record<string, Json>>): Certificate {
  const signed = answer['signedCertificateEmbeddedSct'] ?? answer['signedCertificateDetachedSct']
  const chain = isObject(signed) ? signed['chain'] : undefined
  const list = isObject(chain) ? chain['certificates'] : undefined
  const [pem] = Array.isArray(list) ? (list as readonly Json[]) : []
  if (typeof pem !== 'string') throw failed(`${WHAT} answers without a certificate`)
  try {
    const [block, ...more] = parsePem(pem)
    if (block?.label !== 'CERTIFICATE' || more.length > 0) throw new Error('not one certificate')
    return parseCertificate(block.bytes, new VerificationCache())
  } catch {
    throw failed(`${WHAT} answers with a certificate that cannot be read`, 'certificate-malformed')
  }
}
