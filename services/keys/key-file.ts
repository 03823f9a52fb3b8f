import { createPrivateKey } from 'node:crypto'
import { closeSync, existsSync, fsyncSync, openSync, readFileSync, writeSync } from 'node:fs'

import { PlatformError } from '../model/index.ts'
import { generateKey, signerOf, type KeyAlgorithm, type Signer } from './key-algorithm.ts'
import type { MasterKey } from './master-key.ts'

export interface KeyFileOptions {
  readonly path: string
  readonly purpose: string
  readonly algorithm: KeyAlgorithm
  readonly masterKey: MasterKey
}

/**
 * The key in the file, or undefined where the file is not there: it may have been taken offline.
 * @throws PlatformError CONFIGURATION (another master key, not readable), INTERNAL (changed since)
 */
export function openKeyFile(options: KeyFileOptions): Signer | undefined {
  const { path, purpose, algorithm, masterKey } = options
  if (!existsSync(path)) return undefined
  let sealed: string
  try {
    sealed = readFileSync(path, 'latin1').trim()
  } catch (cause) {
    throw new PlatformError('CONFIGURATION', `the key file \`${path}\` cannot be read`, { cause })
  }
  const der = Buffer.from(masterKey.decrypt(`key ${purpose}`, sealed))
  const key = createPrivateKey({ key: der, format: 'der', type: 'pkcs8' })
  return signerOf(purpose, algorithm, key)
}

/**
 * A new key, sealed into a file that must not be there yet (RULES §9: O_EXCL, mode 0600).
 * @throws PlatformError CONFIGURATION, OUT_OF_SPACE
 */
export function createKeyFile(options: KeyFileOptions): Signer {
  const { path, purpose, algorithm, masterKey } = options
  const { privateKey } = generateKey(algorithm)
  const der = privateKey.export({ format: 'der', type: 'pkcs8' })
  let file: number
  try {
    file = openSync(path, 'wx', 0o600)
  } catch (cause) {
    throw new PlatformError('CONFIGURATION', `the key file \`${path}\` cannot be written`, {
      cause,
    })
  }
  try {
    writeSync(file, `${masterKey.encrypt(`key ${purpose}`, der)}\n`)
    fsyncSync(file)
  } catch (cause) {
    throw new PlatformError('OUT_OF_SPACE', `the key file \`${path}\` cannot be written`, { cause })
  } finally {
    closeSync(file)
  }
  return signerOf(purpose, algorithm, privateKey)
}
