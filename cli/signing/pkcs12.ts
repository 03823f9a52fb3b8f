import { createPrivateKey, type KeyObject } from 'node:crypto'

import forge from 'node-forge'

import { PlatformError } from '../../services/model/index.ts'

/**
 * The key and the certificates in a PKCS#12 file, legacy encryption (RC2, 3DES) included, which OpenSSL 3 refuses by
 * default. node-forge opens the container and nothing else: it reads only RSA certificates, and its verification has
 * a record (CVE-2022-24771 and on). What comes out is parsed again by our own reader and node:crypto.
 * @throws PlatformError INVALID_PARAMETER
 */
export function openPkcs12(
  bytes: Uint8Array,
  passphrase: string,
): { readonly privateKey: KeyObject; readonly certificates: readonly Uint8Array[] } {
  const bags = openBags(bytes, passphrase)
  const keys = bags.filter(
    ({ type }) =>
      type === forge.pki.oids['pkcs8ShroudedKeyBag'] || type === forge.pki.oids['keyBag'],
  )
  const [key] = keys
  if (key === undefined || keys.length !== 1)
    throw refuse(`the PKCS#12 file holds ${keys.length} private keys, not one`)
  return {
    privateKey: toPrivateKey(key),
    certificates: bags
      .filter(({ type }) => type === forge.pki.oids['certBag'])
      .map(toCertificateBytes),
  }
}

function openBags(bytes: Uint8Array, passphrase: string): readonly forge.pkcs12.Bag[] {
  try {
    const value = forge.asn1.fromDer(forge.util.createBuffer(Buffer.from(bytes).toString('latin1')))
    const file = forge.pkcs12.pkcs12FromAsn1(value, false, passphrase)
    return file.safeContents.flatMap(({ safeBags }) => safeBags)
  } catch (cause) {
    throw refuse('the PKCS#12 file cannot be opened: is the passphrase right?', cause)
  }
}

/** RSA keys come parsed, all others as the PrivateKeyInfo they were. */
function toPrivateKey(bag: forge.pkcs12.Bag): KeyObject {
  try {
    if (bag.key !== undefined && bag.key !== null)
      return createPrivateKey({
        key: toBytes(forge.pki.privateKeyToAsn1(bag.key)),
        format: 'der',
        type: 'pkcs1',
      })
    return createPrivateKey({ key: toBytes(bag.asn1), format: 'der', type: 'pkcs8' })
  } catch (cause) {
    throw refuse('the private key in the PKCS#12 file cannot be read', cause)
  }
}

function toCertificateBytes({ cert, asn1 }: forge.pkcs12.Bag): Buffer {
  const parsed = cert !== undefined && cert !== null
  return toBytes(parsed ? forge.pki.certificateToAsn1(cert) : asn1)
}

function toBytes(value: forge.asn1.Asn1): Buffer {
  return Buffer.from(forge.asn1.toDer(value).getBytes(), 'latin1')
}

function refuse(message: string, cause?: unknown): PlatformError {
  return new PlatformError('INVALID_PARAMETER', message, { cause })
}
