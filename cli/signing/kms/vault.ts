import {
  encodeDer,
  encodePem,
  objectIdentifier,
  OID,
  sequence,
  TAG,
} from '../../../services/seal/index.ts'
import type { SignatureScheme } from '../../../services/seal/index.ts'
import type { PublicKey } from '../../../services/trust/index.ts'
import type { VaultAccess } from '../key-environment.ts'
import type { Signer } from '../signer.ts'
import { askHolder, bytesOf, failed, membersOf, textOf, type Members } from './exchange.ts'
import { cannotSign, digestOfBytes, publicKeyOfPem } from './held-key.ts'

const HOLDER = 'HashiCorp Vault'

export interface VaultKey {
  readonly access: VaultAccess
  readonly key: string
  readonly timeoutMs?: number
}

/** A key of Vault's transit engine: its newest version, kept for the signature. @throws PlatformError SIGNER_FAILED, INVALID_SEAL */
export async function openVaultKey(key: VaultKey): Promise<Signer> {
  const answer = membersOf(await callVault(key, `keys/${key.key}`), 'data', HOLDER)
  const version = answer['latest_version']
  if (typeof version !== 'number' || !Number.isSafeInteger(version) || version < 1)
    throw failed({ holder: HOLDER }, 'answers without `latest_version`', 'malformed-answer')
  if (answer['supports_signing'] === false)
    throw failed({ holder: HOLDER }, 'says that the key is not for signing', 'not-for-signing')
  const listed = membersOf(answer, 'keys', HOLDER)
  const publicKey = toPublicKey(answer['type'], membersOf(listed, String(version), HOLDER))
  return {
    publicKey,
    anyDigest: true,
    sign: async (scheme, bytes) => {
      const { path, body } = toRequest(key.key, scheme, bytes)
      const answered = await callVault(key, path, { ...body, key_version: version })
      const text = textOf(membersOf(answered, 'data', HOLDER), 'signature', HOLDER)
      const [, signedBy, value = ''] = /^vault:v(\d{1,9}):(.+)$/.exec(text) ?? []
      if (signedBy !== String(version))
        throw failed({ holder: HOLDER }, 'signs with another version of the key', 'other-key')
      return bytesOf({ signature: value }, 'signature', HOLDER)
    },
  }
}

/** PEM, but for Ed25519 the 32 octets in base64. */
function toPublicKey(type: unknown, entry: Members): PublicKey {
  if (type !== 'ed25519') return publicKeyOfPem(textOf(entry, 'public_key', HOLDER), HOLDER)
  const raw = bytesOf(entry, 'public_key', HOLDER)
  const spki = sequence(
    sequence(objectIdentifier(OID.ed25519)),
    encodeDer(TAG.bitString, Uint8Array.of(0), raw),
  )
  return publicKeyOfPem(encodePem('PUBLIC KEY', spki), HOLDER)
}

function toRequest(
  key: string,
  scheme: SignatureScheme,
  bytes: Uint8Array,
): { path: string; body: Record<string, string | boolean> } {
  if (scheme.kind === 'ed25519')
    return { path: `sign/${key}`, body: { input: Buffer.from(bytes).toString('base64') } }
  if (scheme.kind === 'rsa-pss') throw cannotSign(HOLDER, scheme)
  return {
    path: `sign/${key}/sha2-${scheme.hash.slice(3)}`,
    body: {
      input: digestOfBytes(scheme.hash, bytes).toString('base64'),
      prehashed: true,
      ...(scheme.kind === 'ecdsa'
        ? { marshaling_algorithm: 'asn1' }
        : { signature_algorithm: 'pkcs1v15' }),
    },
  }
}

/** @throws PlatformError SIGNER_FAILED */
export async function callVault(
  { access, timeoutMs }: Omit<VaultKey, 'key'>,
  path: string,
  body?: Readonly<Record<string, string | boolean | number>>,
): Promise<Members> {
  return await askHolder({
    holder: HOLDER,
    method: body === undefined ? 'GET' : 'POST',
    url: new URL(`/v1/${access.mount}/${path}`, access.endpoint),
    headers: {
      'content-type': 'application/json',
      'x-vault-request': 'true',
      'x-vault-token': access.token,
      ...(access.namespace !== undefined && { 'x-vault-namespace': access.namespace }),
    },
    ...(body !== undefined && { body: JSON.stringify(body) }),
    timeoutMs,
  })
}
