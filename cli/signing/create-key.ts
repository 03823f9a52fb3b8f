import { generateKeyPairSync, type KeyObject } from 'node:crypto'
import { closeSync, existsSync, fsyncSync, openSync, rmSync, writeSync } from 'node:fs'

import { PlatformError } from '../../services/model/index.ts'
import { parsePublicKey, VerificationCache } from '../../services/trust/index.ts'

export const KEY_TYPES = ['p256', 'p384', 'ed25519', 'rsa3072'] as const
export type KeyType = (typeof KEY_TYPES)[number]

/**
 * Makes a key pair: PKCS#8 PEM that only its owner reads, and the public half beside it. Neither file may be there.
 * @returns the fingerprint, SHA-256 of the SubjectPublicKeyInfo in hex
 * @throws PlatformError RESOURCE_CONFLICT
 */
export function createKey(path: string, type: KeyType, passphrase: string | undefined): string {
  const publicPath = `${path}.pub`
  const taken = [path, publicPath].find((one) => existsSync(one))
  if (taken !== undefined)
    throw new PlatformError(
      'RESOURCE_CONFLICT',
      `\`${taken}\` exists already; keys are never overwritten`,
    )
  const { privateKey, publicKey } = generate(type)
  writeExclusive(path, toPem(privateKey, passphrase), 0o600)
  try {
    writeExclusive(publicPath, publicKey.export({ format: 'pem', type: 'spki' }).toString(), 0o644)
  } catch (cause) {
    rmSync(path, { force: true })
    throw cause
  }
  const spki = publicKey.export({ format: 'der', type: 'spki' })
  return parsePublicKey(spki, new VerificationCache()).spkiSha256
}

function generate(type: KeyType): { privateKey: KeyObject; publicKey: KeyObject } {
  if (type === 'ed25519') return generateKeyPairSync('ed25519')
  if (type === 'rsa3072') return generateKeyPairSync('rsa', { modulusLength: 3_072 })
  return generateKeyPairSync('ec', { namedCurve: type === 'p256' ? 'P-256' : 'P-384' })
}

function toPem(key: KeyObject, passphrase: string | undefined): string {
  const plain = { format: 'pem', type: 'pkcs8' } as const
  const options = passphrase === undefined ? plain : { ...plain, cipher: 'aes-256-cbc', passphrase }
  return key.export(options).toString()
}

/** O_EXCL: also a file made between the look and the write is not overwritten. */
function writeExclusive(path: string, text: string, mode: number): void {
  const descriptor = openSync(path, 'wx', mode)
  try {
    writeSync(descriptor, text)
    fsyncSync(descriptor)
  } finally {
    closeSync(descriptor)
  }
}
