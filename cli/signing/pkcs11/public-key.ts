import type { Handle, PKCS11 } from 'pkcs11js'

import {
  encodeDer,
  integer,
  objectIdentifier,
  OID,
  readDer,
  sequence,
  TAG,
} from '../../../services/seal/index.ts'
import {
  parseCertificate,
  parsePublicKey,
  publicKeyOf,
  VerificationCache,
  type PublicKey,
} from '../../../services/trust/index.ts'
import { tokenFailed } from './module.ts'
import { attributeOf, findObjects, toNumber } from './token.ts'

export const CKA = {
  class: 0x0,
  label: 0x3,
  value: 0x11,
  keyType: 0x100,
  id: 0x102,
  modulus: 0x120,
  publicExponent: 0x122,
  ecParams: 0x180,
  ecPoint: 0x181,
  alwaysAuthenticate: 0x202,
} as const
export const CKO = { certificate: 1, publicKey: 2, privateKey: 3 } as const
const CKK = { rsa: 0x0, ec: 0x3, ecEdwards: 0x40 } as const
/** PKCS#11 v3.0 §2.3.10: the curve by its name. */
const EDWARDS25519 = encodeDer(TAG.printableString, Buffer.from('edwards25519'))

export interface Holding {
  readonly cryptoki: PKCS11
  readonly session: Handle
  readonly privateKey: Handle
}

/**
 * The public half of a private key in a token: of the public key object with the same id (or label), else from the RSA
 * private object itself, else of the certificate with that id. Whether it is the right one shows in every signature.
 * @throws PlatformError SIGNER_FAILED, INVALID_SEAL where the key is weak
 */
export function publicKeyOfToken(holding: Holding): PublicKey {
  const cache = new VerificationCache()
  const beside = findBeside(holding, CKO.publicKey)
  const spki = (beside && spkiOf(holding, beside)) ?? spkiOf(holding, holding.privateKey)
  if (spki !== undefined) return parsePublicKey(spki, cache)
  const certificate = findBeside(holding, CKO.certificate)
  const der = certificate && read(holding, certificate, CKA.value)
  if (der === undefined)
    throw tokenFailed(
      'the token has neither a public key nor a certificate beside the private key',
      'no-public-key',
    )
  return publicKeyOf(parseCertificate(der, cache), cache)
}

function findBeside(holding: Holding, kind: number): Handle | undefined {
  const { cryptoki, session, privateKey } = holding
  const id = read(holding, privateKey, CKA.id)
  const label = read(holding, privateKey, CKA.label)
  const same =
    id !== undefined ? { type: CKA.id, value: id } : label && { type: CKA.label, value: label }
  if (same === undefined) return undefined
  const found = findObjects(cryptoki, session, [{ type: CKA.class, value: kind }, same])
  if (found.length > 1)
    throw tokenFailed(
      'the token has several public halves beside the private key',
      'ambiguous-public-key',
    )
  return found[0]
}

function spkiOf(holding: Holding, object: Handle): Uint8Array | undefined {
  const octets = read(holding, object, CKA.keyType)
  const type = octets && toNumber(octets)
  if (type === CKK.rsa) return rsaSpki(holding, object)
  if (type === CKK.ec) return ecSpki(holding, object)
  return type === CKK.ecEdwards ? edwardsSpki(holding, object) : undefined
}

function rsaSpki(holding: Holding, object: Handle): Uint8Array | undefined {
  const modulus = read(holding, object, CKA.modulus)
  const exponent = read(holding, object, CKA.publicExponent)
  if (modulus === undefined || exponent === undefined) return undefined
  return toSpki(
    sequence(objectIdentifier(OID.rsaEncryption), encodeDer(TAG.null)),
    sequence(integer(modulus), integer(exponent)),
  )
}

function ecSpki(holding: Holding, object: Handle): Uint8Array | undefined {
  const parameters = read(holding, object, CKA.ecParams)
  const point = read(holding, object, CKA.ecPoint)
  if (parameters === undefined || point === undefined) return undefined
  return toSpki(sequence(objectIdentifier(OID.ecPublicKey), parameters), unwrapPoint(point, 4))
}

function edwardsSpki(holding: Holding, object: Handle): Uint8Array | undefined {
  const parameters = read(holding, object, CKA.ecParams)
  const point = read(holding, object, CKA.ecPoint)
  if (parameters === undefined || point === undefined) return undefined
  const known = [EDWARDS25519, objectIdentifier(OID.ed25519)]
  if (!known.some((one) => parameters.equals(one)))
    throw tokenFailed('the token holds an Edwards key that is not Ed25519', 'algorithm')
  const raw = point.byteLength === 32 ? point : unwrapPoint(point)
  return toSpki(sequence(objectIdentifier(OID.ed25519)), raw)
}

/** An OCTET STRING around the point, as the standard has it; some tokens give the point itself, which begins with 4. */
function unwrapPoint(point: Buffer, first?: number): Uint8Array {
  try {
    const value = readDer(point)
    if (value.tag === TAG.octetString && (first === undefined || value.content[0] === first))
      return value.content
  } catch {
    // Not wrapped; whether it is a point, parsePublicKey says.
  }
  return point
}

function toSpki(algorithm: Uint8Array, key: Uint8Array): Uint8Array {
  return sequence(algorithm, encodeDer(TAG.bitString, Uint8Array.of(0), key))
}

function read({ cryptoki, session }: Holding, object: Handle, type: number): Buffer | undefined {
  return attributeOf(cryptoki, session, object, type)
}
