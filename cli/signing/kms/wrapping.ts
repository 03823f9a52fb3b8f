import { PlatformError, systemClock, type Clock } from '../../../services/model/index.ts'
import { awsAccess, azureAccess, gcpAccess, vaultAccess } from '../key-environment.ts'
import { parseKeyReference } from '../key-reference.ts'
import type { KeyAccess } from '../open-key.ts'
import { callAws } from './aws.ts'
import { azureToken, callAzure, versionOf } from './azure.ts'
import { crc32c } from './crc32c.ts'
import { bytesOf, failed, membersOf, textOf } from './exchange.ts'
import { callGcp, checkCrc } from './gcp.ts'
import { gcpToken } from './gcp-token.ts'
import { callVault } from './vault.ts'

/** A key that never leaves its holder, under which a small secret lies wrapped. */
export interface WrappingKey {
  /** @throws PlatformError SIGNER_FAILED */
  wrap(secret: Uint8Array): Promise<string>
  /** @throws PlatformError SIGNER_FAILED */
  unwrap(wrapped: string): Promise<Uint8Array>
}

/** What a wrapped secret is bound to, where the holder can bind it: nothing else unwraps it by mistake. */
const PURPOSE = 'lacre-master-key'
const GCP_KEY =
  /^gcpkms:\/\/(projects\/[\w.:-]+\/locations\/[\w-]+\/keyRings\/[\w-]+\/cryptoKeys\/[\w-]+)$/

/**
 * The wrapping key that a reference names: `awskms:///…`, `gcpkms://projects/…/cryptoKeys/K` (no version: the newest
 * wraps, whichever it was unwraps), `azurekms://VAULT/KEY`, `hashivault://KEY`. Asked by AWS's Encrypt and Decrypt,
 * Google's encrypt and decrypt, Azure's wrapkey and unwrapkey (RSA-OAEP-256), Vault's transit encrypt and decrypt.
 * @throws PlatformError INVALID_PARAMETER, CONFIGURATION
 */
export function openWrappingKey(text: string, access: KeyAccess): WrappingKey {
  const { environment, timeoutMs, clock = systemClock } = access
  const [, gcpKey] = GCP_KEY.exec(text) ?? []
  if (gcpKey !== undefined)
    return gcpWrapping({ access: gcpAccess(environment), version: gcpKey, clock, timeoutMs })
  const reference = parseKeyReference(text)
  switch (reference.kind) {
    case 'aws': {
      const { keyId, host } = reference
      const holder = { access: awsAccess(environment, keyId, host), keyId, clock, timeoutMs }
      return awsWrapping(holder)
    }
    case 'azure': {
      const { vault, key, version } = reference
      return azureWrapping({ access: azureAccess(environment, vault), key, version, timeoutMs })
    }
    case 'vault':
      return vaultWrapping({ access: vaultAccess(environment), key: reference.key, timeoutMs })
    case 'gcp':
    case 'file':
    case 'env':
    case 'pkcs11':
      throw new PlatformError(
        'INVALID_PARAMETER',
        'a wrapping key is awskms:///KEY, gcpkms://projects/…/cryptoKeys/K, azurekms://VAULT/KEY or hashivault://KEY',
      )
  }
}

function awsWrapping(holder: Parameters<typeof callAws>[0]): WrappingKey {
  const EncryptionContext = { purpose: PURPOSE }
  return {
    wrap: async (secret) => {
      const Plaintext = toBase64(secret)
      const members = { KeyId: holder.keyId, Plaintext, EncryptionContext }
      const answer = await callAws(holder, 'Encrypt', members)
      return toBase64(bytesOf(answer, 'CiphertextBlob', 'AWS KMS'))
    },
    unwrap: async (CiphertextBlob) => {
      const members = { KeyId: holder.keyId, CiphertextBlob, EncryptionContext }
      return bytesOf(await callAws(holder, 'Decrypt', members), 'Plaintext', 'AWS KMS')
    },
  }
}

function gcpWrapping(
  holder: Parameters<typeof callGcp>[0] & { readonly clock: Clock },
): WrappingKey {
  const name = 'Google Cloud KMS'
  const additionalAuthenticatedData = toBase64(Buffer.from(PURPOSE))
  const ask = async (suffix: string, member: string, bytes: Uint8Array) => {
    const token = await gcpToken(holder.access, holder.clock, holder.timeoutMs)
    const body = {
      [member]: toBase64(bytes),
      [`${member}Crc32c`]: String(crc32c(bytes)),
      additionalAuthenticatedData,
    }
    return await callGcp(holder, token, suffix, JSON.stringify(body))
  }
  return {
    wrap: async (secret) => {
      const answer = await ask(':encrypt', 'plaintext', secret)
      if (answer['verifiedPlaintextCrc32c'] !== true)
        throw failed({ holder: name }, 'does not say that it received what was sent', 'crc32c')
      const ciphertext = bytesOf(answer, 'ciphertext', name)
      checkCrc(answer, 'ciphertextCrc32c', ciphertext)
      return toBase64(ciphertext)
    },
    unwrap: async (wrapped) => {
      const answer = await ask(':decrypt', 'ciphertext', Buffer.from(wrapped, 'base64'))
      const plaintext = bytesOf(answer, 'plaintext', name)
      checkCrc(answer, 'plaintextCrc32c', plaintext)
      return plaintext
    },
  }
}

/** What is wrapped carries the version that wrapped it: a rotated key must unwrap it, too. */
function azureWrapping(holder: Parameters<typeof callAzure>[0]): WrappingKey {
  const name = 'Azure Key Vault'
  const ask = async (version: string, operation: string, value: string) => {
    const token = await azureToken(holder)
    const body = JSON.stringify({ alg: 'RSA-OAEP-256', value })
    const answer = await callAzure(holder, token, `${version}/${operation}`, body)
    return {
      version: versionOf(answer, holder),
      bytes: bytesOf(answer, 'value', name, 'base64url'),
    }
  }
  return {
    wrap: async (secret) => {
      const wanted = holder.version === undefined ? '' : `/${holder.version}`
      const value = Buffer.from(secret).toString('base64url')
      const { version, bytes } = await ask(wanted, 'wrapkey', value)
      return `${version}.${bytes.toString('base64url')}`
    },
    unwrap: async (wrapped) => {
      const [, version, value] = /^([0-9a-f]{32})\.([\w-]+)$/.exec(wrapped) ?? []
      if (version === undefined || value === undefined)
        throw failed({ holder: name }, 'did not wrap this', 'malformed-wrapped')
      return (await ask(`/${version}`, 'unwrapkey', value)).bytes
    },
  }
}

function vaultWrapping(
  holder: Parameters<typeof callVault>[0] & { readonly key: string },
): WrappingKey {
  const name = 'HashiCorp Vault'
  const ask = async (operation: string, member: string, value: string) =>
    membersOf(
      await callVault(holder, `${operation}/${holder.key}`, { [member]: value }),
      'data',
      name,
    )
  return {
    wrap: async (secret) =>
      textOf(await ask('encrypt', 'plaintext', toBase64(secret)), 'ciphertext', name),
    unwrap: async (wrapped) =>
      bytesOf(await ask('decrypt', 'ciphertext', wrapped), 'plaintext', name),
  }
}

function toBase64(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('base64')
}
