import { PlatformError, systemClock, type Clock } from '../../services/model/index.ts'
import type { Environment } from '../command.ts'
import { awsAccess, azureAccess, gcpAccess, tokenAccess, vaultAccess } from './key-environment.ts'
import { openPemKey } from './key-file.ts'
import { nameOfReference, parseKeyReference } from './key-reference.ts'
import { keySigner } from './key-signer.ts'
import { passphraseFrom, type Prompt } from './passphrase.ts'
import { readSmallFile } from './read-file.ts'
import type { Signer } from './signer.ts'

/** What opening a key may need besides its reference. */
export interface KeyAccess {
  readonly environment: Environment
  readonly passphraseFile?: string | undefined
  /** Asks the person at the terminal; absent where there is none. */
  readonly prompt?: Prompt | undefined
  readonly clock?: Clock
  /** For each exchange with a KMS. */
  readonly timeoutMs?: number
}

/**
 * The signer that a key reference names. Code for a kind of holder is loaded when a key of that kind is asked for.
 * @throws PlatformError INVALID_PARAMETER, CONFIGURATION, SIGNER_FAILED, INVALID_SEAL where the key is weak
 */
export async function openKey(text: string, access: KeyAccess): Promise<Signer> {
  const reference = parseKeyReference(text)
  const { environment, prompt, timeoutMs, clock = systemClock } = access
  switch (reference.kind) {
    case 'file':
      return await openPem(readSmallFile(reference.path), nameOfReference(reference), access)
    case 'env': {
      const pem = environment[reference.variable]
      if (pem === undefined)
        throw new PlatformError('INVALID_PARAMETER', `\`${reference.variable}\` is not set`)
      return await openPem(Buffer.from(pem, 'utf8'), nameOfReference(reference), access)
    }
    case 'pkcs11': {
      const { openTokenKey } = await import('./pkcs11/token-signer.ts')
      const askPin = async (): Promise<string | undefined> => await prompt?.('PIN of the token: ')
      return await openTokenKey({ uri: reference.uri, access: tokenAccess(environment), askPin })
    }
    case 'aws': {
      const { openAwsKey } = await import('./kms/aws.ts')
      const { keyId, host } = reference
      return await openAwsKey({
        access: awsAccess(environment, keyId, host),
        keyId,
        clock,
        timeoutMs,
      })
    }
    case 'gcp': {
      const { openGcpKey } = await import('./kms/gcp.ts')
      const { version } = reference
      return await openGcpKey({ access: gcpAccess(environment), version, clock, timeoutMs })
    }
    case 'azure': {
      const { openAzureKey } = await import('./kms/azure.ts')
      const { vault, key, version } = reference
      return await openAzureKey({
        access: azureAccess(environment, vault),
        key,
        version,
        timeoutMs,
      })
    }
    case 'vault': {
      const { openVaultKey } = await import('./kms/vault.ts')
      return await openVaultKey({ access: vaultAccess(environment), key: reference.key, timeoutMs })
    }
  }
}

async function openPem(pem: Buffer, name: string, access: KeyAccess): Promise<Signer> {
  const { passphraseFile, environment, prompt } = access
  const passphrase = passphraseFrom(passphraseFile, environment, prompt)
  return keySigner(await openPemKey(pem, name, passphrase))
}
