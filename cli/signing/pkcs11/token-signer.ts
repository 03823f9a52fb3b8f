import type { Handle, PKCS11 } from 'pkcs11js'

import { PlatformError } from '../../../services/model/index.ts'
import { encodeDigestInfo, type SignatureScheme } from '../../../services/seal/index.ts'
import type { TokenAccess } from '../key-environment.ts'
import { cannotSign, digestOfBytes, ecdsaFromRaw } from '../kms/held-key.ts'
import { readPassphrase } from '../read-file.ts'
import type { Signer } from '../signer.ts'
import { loadModule, tokenFailed } from './module.ts'
import { CKA, CKO, publicKeyOfToken, type Holding } from './public-key.ts'
import { attributeOf, CKU, findObjects, findSlot, logIn, needsLogin, openSession } from './token.ts'
import { parsePkcs11Uri, type TokenReference } from './uri.ts'

const HOLDER = 'the PKCS#11 token'
const CKM = { rsaPkcs: 0x1, ecdsa: 0x1041, eddsa: 0x1057 } as const
/** RSA of 16,384 bits. */
const SIGNATURE_LIMIT_BYTES = 2_048

export interface TokenKey {
  readonly uri: string
  readonly access: TokenAccess
  /** Asked where neither the URI nor the environment gives the PIN. */
  readonly askPin: () => Promise<string | undefined>
}

/**
 * A private key in a token, which never leaves it. The calls are synchronous, as PKCS#11 is.
 * @throws PlatformError INVALID_PARAMETER, SIGNER_FAILED, INVALID_SEAL
 */
export async function openTokenKey(key: TokenKey): Promise<Signer> {
  const reference = parsePkcs11Uri(key.uri)
  const path = reference.modulePath ?? key.access.modulePath
  if (path === undefined)
    throw new PlatformError(
      'INVALID_PARAMETER',
      'which PKCS#11 module? give `module-path` in the URI, or COSIGN_PKCS11_MODULE_PATH',
    )
  const module = await loadModule(path)
  try {
    return await openLoaded(module.cryptoki, reference, key, () => module.unload())
  } catch (error) {
    module.unload()
    throw error
  }
}

async function openLoaded(
  cryptoki: PKCS11,
  reference: TokenReference,
  key: TokenKey,
  unload: () => void,
): Promise<Signer> {
  const slot = findSlot(cryptoki, reference)
  const pin = needsLogin(cryptoki, slot) ? await pinOf(reference, key) : undefined
  const session = openSession(cryptoki, slot)
  if (pin !== undefined) logIn(cryptoki, session, pin, CKU.user)
  const privateKey = findPrivateKey(cryptoki, session, reference)
  const holding = { cryptoki, session, privateKey }
  const always = attributeOf(cryptoki, session, privateKey, CKA.alwaysAuthenticate)
  const repeatedPin = always?.[0] === 1 ? pin : undefined
  return {
    publicKey: publicKeyOfToken(holding),
    anyDigest: true,
    sign: (scheme, bytes) =>
      Promise.resolve().then(() => signIn(holding, scheme, bytes, repeatedPin)),
    close: () => {
      // A session that ends logs out where it is the last; a failure to leave harms nobody.
      try {
        cryptoki.C_CloseSession(session)
      } finally {
        unload()
      }
      return Promise.resolve()
    },
  }
}

async function pinOf(reference: TokenReference, { access, askPin }: TokenKey): Promise<string> {
  const pin = reference.pin ?? readPassphrase(reference.pinFile) ?? access.pin ?? (await askPin())
  if (pin === undefined)
    throw new PlatformError(
      'INVALID_PARAMETER',
      'the token wants a PIN: give `pin-source` in the URI, or COSIGN_PKCS11_PIN',
    )
  return pin
}

function findPrivateKey(cryptoki: PKCS11, session: Handle, reference: TokenReference): Handle {
  const { object, id } = reference
  const [found, ...more] = findObjects(cryptoki, session, [
    { type: CKA.class, value: CKO.privateKey },
    ...(object === undefined ? [] : [{ type: CKA.label, value: Buffer.from(object, 'utf8') }]),
    ...(id === undefined ? [] : [{ type: CKA.id, value: id }]),
  ])
  if (found === undefined)
    throw tokenFailed('the token has no private key that the URI names', 'no-key')
  if (more.length > 0)
    throw tokenFailed('the token has several keys that the URI names: give `id`', 'ambiguous-key')
  return found
}

function signIn(
  { cryptoki, session, privateKey }: Holding,
  scheme: SignatureScheme,
  bytes: Uint8Array,
  repeatedPin: string | undefined,
): Uint8Array {
  const { mechanism, input } = toInput(scheme, bytes)
  let signature: Buffer
  try {
    cryptoki.C_SignInit(session, { mechanism }, privateKey)
    if (repeatedPin !== undefined) logIn(cryptoki, session, repeatedPin, CKU.contextSpecific)
    signature = cryptoki.C_Sign(session, input, Buffer.alloc(SIGNATURE_LIMIT_BYTES))
  } catch (cause) {
    if (cause instanceof PlatformError) throw cause
    throw tokenFailed('the token does not sign', 'refused', cause)
  }
  return scheme.kind === 'ecdsa' ? ecdsaFromRaw(signature, HOLDER) : signature
}

/** The digest is computed here; the token does the mathematics of the key alone. */
function toInput(scheme: SignatureScheme, bytes: Uint8Array): { mechanism: number; input: Buffer } {
  if (scheme.kind === 'ed25519') return { mechanism: CKM.eddsa, input: Buffer.from(bytes) }
  if (scheme.kind === 'rsa-pss') throw cannotSign(HOLDER, scheme)
  const digest = digestOfBytes(scheme.hash, bytes)
  return scheme.kind === 'ecdsa'
    ? { mechanism: CKM.ecdsa, input: digest }
    : { mechanism: CKM.rsaPkcs, input: Buffer.from(encodeDigestInfo(scheme.hash, digest)) }
}
